#include "mushin/tensor/io/safetensors.hpp"

#include <algorithm>
#include <bit>
#include <memory>
#include <set>

#include "io/borrowed.hpp"
#include "io/incoming.hpp"
#include "io/refuse.hpp"
#include "io/safetensors_header.hpp"
#include "io/types.hpp"

static_assert(std::endian::native == std::endian::little, "safetensors files are little endian and are read as they are");

namespace mushin {
namespace {

using io::refuse;

constexpr const char* save_op = "save_safetensors";

/// mushin's element type of that name, null when it has none.
const dtype* type_named(const std::string& name) {
  for (const auto& t : io::type_names)
    if (name == t.safetensors) return &t.type;
  return nullptr;
}

/// What will be written, wide element types first: every tensor then begins at a multiple of its element's size.
std::vector<const NamedTensor*> in_file_order(const char* path, const std::vector<NamedTensor>& tensors) {
  std::set<std::string> names{"__metadata__"};
  std::vector<const NamedTensor*> out;
  for (const auto& t : tensors) {
    if (!t.name || !*t.name || !names.insert(t.name).second)
      refuse("[{}] names must be distinct and not empty: {}, '{}'", save_op, path, t.name ? t.name : "");
    out.push_back(&t);
  }
  std::stable_sort(out.begin(), out.end(), [](auto* a, auto* b) { return bytes_of(a->value.type()) > bytes_of(b->value.type()); });
  return out;
}

std::size_t bytes_in(const core::Array& a) { return static_cast<std::size_t>(a.sizes().count()) * bytes_of(a.type()); }

/// The header of what will be written; text that isn't UTF-8 cannot be JSON.
std::string header_of(const char* path, const std::vector<const NamedTensor*>& ordered, const std::vector<Metadata>& metadata) {
  io::Header header;
  for (const auto& m : metadata) header.metadata[m.key] = m.value;
  std::uint64_t at = 0;
  for (const auto* t : ordered) {
    const auto end = at + bytes_in(t->value);
    header.entries.push_back({t->name, safetensors_name(t->value.type()), t->value.sizes(), at, end});
    at = end;
  }
  try {
    return io::spell_header(header);
  } catch (const std::exception& e) {
    refuse("[{}] names and metadata must be UTF-8: {}: {}", save_op, path, e.what());
  }
}

/// A view of a mapped file, which stays mapped as long; a copy where no view can be.
core::Array mapped(const io::Origin& origin, const std::shared_ptr<const io::Mapping>& mapping, std::uint64_t offset,
                   const core::Sizes& sizes, dtype type) {
  const std::byte* const values = mapping->data() + offset;
  const std::size_t bytes = static_cast<std::size_t>(sizes.count()) * bytes_of(type);
  if (type == dtype::b8) io::check_bools(origin, values, bytes);
  if (!io::can_borrow(values, type)) return core::from_values(sizes, type, values);
  using Owner = std::shared_ptr<const io::Mapping>;
  return io::borrow(
      values, bytes, sizes, nullptr, type, [](void* owner) { delete static_cast<Owner*>(owner); }, new Owner(mapping));
}

}  // namespace

const char* safetensors_name(dtype type) {
  for (const auto& t : io::type_names)
    if (t.type == type) return t.safetensors;
  return "?";
}

void save_safetensors(FileName path, const std::vector<NamedTensor>& tensors, const std::vector<Metadata>& metadata) {
  const auto ordered = in_file_order(path.text, tensors);
  const std::string header = header_of(path.text, ordered, metadata);
  io::AtomicFile file(save_op, path.text);
  file.write(header.data(), header.size());
  for (const auto* t : ordered) {
    const auto bytes = bytes_in(t->value);
    const auto values = std::make_unique_for_overwrite<std::byte[]>(bytes);
    core::read_all(t->value, values.get());
    file.write(values.get(), bytes);
  }
  file.commit();
}

struct Safetensors::Open {
  io::InputFile file;
  io::Header header;
  std::shared_ptr<const io::Mapping> mapping;  // null: values are copied

  const io::HeaderEntry* find(const char* name) const {
    for (const auto& entry : header.entries)
      if (entry.name == name) return &entry;
    return nullptr;
  }
  io::Origin origin(const char* name) const { return {file.op(), fmt::format("{}, '{}'", file.path(), name)}; }
  const io::HeaderEntry& at(const char* name) const {
    if (const auto* entry = find(name)) return *entry;
    refuse("[{}] no tensor of that name: {} has no '{}'", file.op(), file.path(), name);
  }
};

Safetensors::Safetensors(FileName path, reading how) {
  io::InputFile file("load_safetensors", path.text);
  io::Header header = io::read_header(file);
  auto mapping = how == reading::mapped ? std::make_shared<const io::Mapping>(file) : nullptr;
  open_ = new Open{std::move(file), std::move(header), std::move(mapping)};
}
Safetensors::~Safetensors() { delete open_; }

std::size_t Safetensors::size() const { return open_->header.entries.size(); }
Safetensors::Entry Safetensors::operator[](std::size_t i) const {
  const auto& entry = open_->header.entries[i];
  return {entry.name.c_str(), entry.type.c_str(), entry.sizes};
}
bool Safetensors::contains(const char* name) const { return open_->find(name) != nullptr; }
const char* Safetensors::metadata(const char* key) const {
  const auto found = open_->header.metadata.find(key);
  return found == open_->header.metadata.end() ? nullptr : found->second.c_str();
}

core::Array Safetensors::read(const char* name) const {
  const auto& entry = open_->at(name);
  const io::Origin origin = open_->origin(name);
  const dtype* type = type_named(entry.type);
  if (!type) refuse("[{}] mushin has no such element type: {} has {}", origin.op, origin.where, entry.type);
  if (open_->mapping && entry.end > entry.begin)
    return mapped(origin, open_->mapping, open_->header.data + entry.begin, entry.sizes, *type);
  io::Incoming in(entry.sizes, *type);
  open_->file.read(open_->header.data + entry.begin, in.data(), in.bytes());
  if (*type == dtype::b8) io::check_bools(origin, in.data(), in.bytes());
  return in.done();
}

core::Array Safetensors::read(const char* name, const core::Wanted& wanted) const {
  const auto& entry = open_->at(name);
  io::check_wanted(open_->origin(name), entry.type, entry.sizes, safetensors_name(wanted.type), wanted);
  return read(name);
}

}  // namespace mushin
