#include "mushin/tensor/io/npy.hpp"

#include <algorithm>
#include <memory>

#include "core/fail.hpp"
#include "io/files.hpp"
#include "io/incoming.hpp"
#include "io/npy.hpp"
#include "io/refuse.hpp"
#include "mushin/tensor/ops/shape.hpp"

namespace mushin::io {
namespace {

constexpr std::uint64_t longest_header = 65536;  // what NumPy writes for plain element types has a few hundred bytes

void swap_bytes(std::byte* values, std::size_t count, std::size_t bytes) {
  for (std::size_t i = 0; i < count; ++i) std::reverse(values + i * bytes, values + (i + 1) * bytes);
}

core::Sizes reversed(const core::Sizes& sizes) {
  core::Sizes out;
  for (unsigned i = sizes.rank; i-- > 0;) out.push(sizes[i]);
  return out;
}

core::Array with_axes_reversed(const core::Array& a) {
  unsigned order[core::max_rank];
  for (unsigned i = 0; i < a.rank(); ++i) order[i] = a.rank() - 1 - i;
  return core::permute(a, order);
}

[[noreturn]] void refuse_type(const Origin& origin, const NpyHeader& header) {
  refuse("[{}] mushin has no such element type: {} has '{}' {}", origin.op, origin.where, header.descr, core::text_of(header.sizes));
}

}  // namespace

NpyHeader read_npy_header(NpySource& from) {
  const auto& [op, where] = from.origin;
  unsigned char start[12];
  if (from.size < 10) refuse("[{}] an npy file has at least 10 bytes: {} has {}", op, where, from.size);
  from.next(start, 10);
  if (!std::equal(start, start + 6, reinterpret_cast<const unsigned char*>("\x93NUMPY")))
    refuse("[{}] an npy file must begin with \\x93NUMPY: {} does not", op, where);
  const unsigned version = start[6];
  if (version < 1 || version > 3 || start[7] != 0)
    refuse("[{}] the format must be 1.0, 2.0 or 3.0: {} has {}.{}", op, where, version, start[7]);
  const std::uint64_t before = version == 1 ? 10 : 12;
  if (from.size < before) refuse("[{}] the file ended early: {} has {} bytes", op, where, from.size);
  if (version > 1) from.next(start + 10, 2);
  std::uint64_t length = 0;
  for (auto i = before; i-- > 8;) length = length << 8 | start[i];
  if (length > from.size - before)
    refuse("[{}] the header must fit the file: {} has {} bytes, its header says {}", op, where, from.size, length);
  if (length > longest_header) refuse("[{}] a header has at most {} bytes: {} has {}", op, longest_header, where, length);

  std::string text(length, '\0');
  from.next(text.data(), text.size());
  NpyHeader header = parse_npy_dictionary(from.origin, text);
  const std::uint64_t there = from.size - before - length;
  if (header.type)
    if (const auto needed = static_cast<std::uint64_t>(header.sizes.count()) * bytes_of(*header.type); needed != there)
      refuse("[{}] the data must be as long as the header says: {} is '{}' {}, which needs {} bytes, has {}", op, where, header.descr,
             core::text_of(header.sizes), needed, there);
  return header;
}

core::Array read_npy_data(NpySource& from, const NpyHeader& header) {
  if (!header.type) refuse_type(from.origin, header);
  Incoming in(header.fortran ? reversed(header.sizes) : header.sizes, *header.type);
  from.next(in.data(), in.bytes());
  const std::size_t bytes = bytes_of(*header.type);
  if (header.swapped && bytes > 1) swap_bytes(in.data(), in.bytes() / bytes, bytes);
  if (*header.type == dtype::b8) check_bools(from.origin, in.data(), in.bytes());
  core::Array read = in.done();
  return header.fortran && header.sizes.rank > 1 ? with_axes_reversed(read) : read;
}

void check_npy(const Origin& origin, const NpyHeader& header, const core::Wanted& wanted) {
  if (!header.type) refuse_type(origin, header);
  check_wanted(origin, name_of(*header.type), header.sizes, name_of(wanted.type), wanted);
}

}  // namespace mushin::io

namespace mushin::core {
namespace {

Array load(FileName path, const Wanted* wanted) {
  const io::InputFile file("load_npy", path.text);
  std::uint64_t at = 0;
  io::NpySource from{{file.op(), file.path()}, file.size(), [&](void* to, std::size_t bytes) {
                       file.read(at, to, bytes);
                       at += bytes;
                     }};
  const io::NpyHeader header = io::read_npy_header(from);
  if (wanted) io::check_npy(from.origin, header, *wanted);
  return io::read_npy_data(from, header);
}

}  // namespace

Array load_npy(FileName path) { return load(path, nullptr); }
Array load_npy(FileName path, const Wanted& wanted) { return load(path, &wanted); }

void save_npy(FileName path, const Array& a) {
  constexpr const char* op = "save_npy";
  const std::string header = io::spell_npy_header({op, path.text}, a.type(), a.sizes());
  const auto bytes = static_cast<std::size_t>(a.sizes().count()) * bytes_of(a.type());
  const auto values = std::make_unique_for_overwrite<std::byte[]>(bytes);
  read_all(a, values.get());
  io::AtomicFile file(op, path.text);
  file.write(header.data(), header.size());
  file.write(values.get(), bytes);
  file.commit();
}

}  // namespace mushin::core
