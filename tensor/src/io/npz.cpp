#include "mushin/tensor/io/npz.hpp"

#include <algorithm>
#include <memory>
#include <mutex>
#include <set>

#include "io/npy.hpp"
#include "io/refuse.hpp"
#include "io/text.hpp"
#include "io/zip.hpp"

namespace mushin {
namespace {

using io::refuse;

constexpr const char* save_op = "save_npz";
constexpr std::string_view suffix = ".npy";

void check_names(const char* path, const std::vector<NamedTensor>& tensors) {
  std::set<std::string> names;
  for (const auto& t : tensors) {
    if (!t.name || !*t.name || !names.insert(t.name).second)
      refuse("[{}] names must be distinct and not empty: {}, '{}'", save_op, path, t.name ? t.name : "");
    const std::string_view name = t.name;
    if (!io::is_utf8(name) || name.size() > 0xFFFF - suffix.size())
      refuse("[{}] names must be UTF-8, of at most 65531 bytes: {}, {}", save_op, path, io::escaped(name));
  }
}

struct Member {
  io::ZipMember zip;
  std::string name;
  io::NpyHeader header;
  std::uint64_t begin;  // of its packed bytes
};

io::NpySource source(io::ZipReader& zip, const io::ZipMember& member, const std::string& name) {
  zip.open(member);
  return {{zip.op(), fmt::format("{}, '{}'", zip.path(), name)}, member.bytes, [&zip](void* to, std::size_t n) { zip.read(to, n); }};
}

void check_apart(const io::ZipReader& zip, const std::vector<Member>& members) {
  std::vector<const Member*> by_place;
  for (const auto& m : members) by_place.push_back(&m);
  std::sort(by_place.begin(), by_place.end(), [](auto* a, auto* b) { return a->begin < b->begin; });
  for (std::size_t i = 1; i < by_place.size(); ++i) {
    const Member &a = *by_place[i - 1], &b = *by_place[i];
    if (b.begin - a.begin < a.zip.packed_bytes)
      refuse("[{}] members must not overlap: {}, '{}' and '{}' do", zip.op(), zip.path(), a.name, b.name);
  }
}

}  // namespace

void save_npz(FileName path, const std::vector<NamedTensor>& tensors, packing how) {
  check_names(path.text, tensors);
  std::vector<std::string> headers;
  for (const auto& t : tensors)
    headers.push_back(io::spell_npy_header({save_op, fmt::format("{}, '{}'", path.text, t.name)}, t.value.type(), t.value.sizes()));
  io::ZipWriter zip(save_op, path.text);
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    const core::Array& a = tensors[i].value;
    const auto bytes = static_cast<std::size_t>(a.sizes().count()) * bytes_of(a.type());
    const auto values = std::make_unique_for_overwrite<std::byte[]>(bytes);
    core::read_all(a, values.get());
    zip.begin(tensors[i].name + std::string(suffix), headers[i].size() + bytes, how == packing::deflated);
    zip.write(headers[i].data(), headers[i].size());
    zip.write(values.get(), bytes);
  }
  zip.commit();
}

struct Npz::Open {
  mutable std::mutex lock;  // of the archive, which has one place to read at
  mutable io::ZipReader zip;
  std::vector<Member> members;

  explicit Open(FileName path) : zip("load_npz", path.text) {
    std::set<std::string> names;
    for (const auto& m : zip.members()) {
      if (!m.name.ends_with(suffix)) continue;
      const std::string name = m.name.substr(0, m.name.size() - suffix.size());
      if (!names.insert(name).second) refuse("[{}] a name must not occur twice: {} has '{}' twice", zip.op(), zip.path(), name);
      auto from = source(zip, m, name);
      const std::uint64_t begin = zip.data_offset();
      members.push_back({m, name, io::read_npy_header(from), begin});
    }
    check_apart(zip, members);
  }

  const Member* find(const char* name) const {
    for (const auto& m : members)
      if (m.name == name) return &m;
    return nullptr;
  }
  core::Array read(const char* name, const core::Wanted* wanted) const {
    const Member* m = find(name);
    if (!m) refuse("[{}] no tensor of that name: {} has no '{}'", zip.op(), zip.path(), name);
    const std::lock_guard locked(lock);
    auto from = source(zip, m->zip, m->name);
    const io::NpyHeader header = io::read_npy_header(from);
    if (wanted) io::check_npy(from.origin, header, *wanted);
    core::Array values = io::read_npy_data(from, header);
    zip.close();
    return values;
  }
};

Npz::Npz(FileName path) : open_(new Open(path)) {}
Npz::~Npz() { delete open_; }

std::size_t Npz::size() const { return open_->members.size(); }
Npz::Entry Npz::operator[](std::size_t i) const {
  const auto& m = open_->members[i];
  return {m.name.c_str(), m.header.descr.c_str(), m.header.sizes};
}
bool Npz::contains(const char* name) const { return open_->find(name) != nullptr; }
core::Array Npz::read(const char* name) const { return open_->read(name, nullptr); }
core::Array Npz::read(const char* name, const core::Wanted& wanted) const { return open_->read(name, &wanted); }

}  // namespace mushin
