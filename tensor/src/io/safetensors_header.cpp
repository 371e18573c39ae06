#include "io/safetensors_header.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "io/refuse.hpp"
#include "io/text.hpp"

namespace mushin::io {
namespace {

using json = nlohmann::json;

constexpr std::uint64_t longest_header = 100'000'000;  // the format's own limit

struct KnownType {
  const char* name;
  std::uint64_t bytes;
};
constexpr KnownType known_types[] = {
    {"BOOL", 1}, {"U8", 1},  {"I8", 1},  {"F8_E5M2", 1}, {"F8_E4M3", 1}, {"I16", 2}, {"U16", 2}, {"F16", 2},
    {"BF16", 2}, {"I32", 4}, {"U32", 4}, {"F32", 4},     {"F64", 8},     {"I64", 8}, {"U64", 8},
};

/// nlohmann keeps the last of two equal keys; a file with two is not to be trusted.
class DistinctKeys {
 public:
  bool operator()(int, json::parse_event_t event, json& value) {
    if (event == json::parse_event_t::object_start) seen_.emplace_back();
    if (event == json::parse_event_t::object_end) seen_.pop_back();
    if (event == json::parse_event_t::key && !seen_.back().insert(value.get<std::string>()).second && twice.empty())
      twice = value.get<std::string>();
    return true;
  }
  std::string twice;

 private:
  std::vector<std::set<std::string>> seen_;
};

/// A value as an error shows it.
std::string shown(const json& value) {
  std::string text = value.dump();
  if (text.size() > 80) text.replace(77, std::string::npos, "...");
  return text;
}

json parse(const InputFile& file, const std::string& text) {
  DistinctKeys keys;
  json parsed;
  try {
    parsed = json::parse(text, [&keys](int depth, json::parse_event_t event, json& value) { return keys(depth, event, value); });
  } catch (const json::exception& e) {
    refuse("[{}] the header must be well-formed JSON: {}: {}", file.op(), file.path(), e.what());
  }
  if (!keys.twice.empty()) refuse("[{}] a name must not occur twice: {} has '{}' twice", file.op(), file.path(), keys.twice);
  if (parsed.is_object() && text[0] != '\x7b')  // an opening brace; the parser passes over space and a byte order mark
    refuse("[{}] nothing may stand before the header's object: {} has {}", file.op(), file.path(), escaped(text.substr(0, 4)));
  if (!parsed.is_object()) refuse("[{}] the header must be a JSON object: {} has {}", file.op(), file.path(), parsed.type_name());
  return parsed;
}

/// The unsigned number that `value` must be; `what` is for the error.
std::uint64_t number(const InputFile& file, const std::string& name, const char* what, const json& value) {
  if (!value.is_number_unsigned())
    refuse("[{}] {} must be whole and not negative: {}, '{}' has {}", file.op(), what, file.path(), name, shown(value));
  return value.get<std::uint64_t>();
}

core::Sizes read_shape(const InputFile& file, const std::string& name, const json& shape) {
  if (!shape.is_array()) refuse("[{}] a shape must be a list: {}, '{}' has {}", file.op(), file.path(), name, shown(shape));
  const Origin origin{file.op(), fmt::format("{}, '{}'", file.path(), name)};
  core::Sizes sizes;
  for (const auto& extent : shape) push_extent(origin, sizes, number(file, name, "an extent", extent));
  return sizes;
}

HeaderEntry read_entry(const InputFile& file, const std::string& name, const json& value) {
  const auto field = [&](const char* key) -> const json& {
    const auto found = value.is_object() ? value.find(key) : value.end();
    if (!value.is_object() || found == value.end())
      refuse("[{}] each tensor needs '{}': {}, '{}' has none", file.op(), key, file.path(), name);
    return *found;
  };
  HeaderEntry entry;
  entry.name = name;
  const json& type = field("dtype");
  if (!type.is_string() || bytes_of_type(type.get<std::string>()) == 0)
    refuse("[{}] the format has no such element type: {}, '{}' has {}", file.op(), file.path(), name, shown(type));
  entry.type = type.get<std::string>();
  entry.sizes = read_shape(file, name, field("shape"));
  const json& offsets = field("data_offsets");
  if (!offsets.is_array() || offsets.size() != 2)
    refuse("[{}] data_offsets must be two numbers: {}, '{}' has {}", file.op(), file.path(), name, shown(offsets));
  entry.begin = number(file, name, "an offset", offsets[0]);
  entry.end = number(file, name, "an offset", offsets[1]);
  const std::uint64_t bytes = static_cast<std::uint64_t>(entry.sizes.count()) * bytes_of_type(entry.type);
  if (entry.end < entry.begin || entry.end - entry.begin != bytes)
    refuse("[{}] the bytes must be as many as shape and element type need: {}, '{}' needs {}, has [{}, {})", file.op(), file.path(), name,
           bytes, entry.begin, entry.end);
  return entry;
}

void read_metadata(const InputFile& file, const json& value, Header& header) {
  if (!value.is_object()) refuse("[{}] __metadata__ must be an object: {} has {}", file.op(), file.path(), value.type_name());
  for (const auto& [key, text] : value.items()) {
    if (!text.is_string()) refuse("[{}] metadata must be text: {}, '{}' is {}", file.op(), file.path(), key, text.type_name());
    header.metadata[key] = text.get<std::string>();
  }
}

/// Every byte of the data belongs to exactly one tensor.
void check_cover(const InputFile& file, const Header& header) {
  std::uint64_t at = 0;
  for (const auto& entry : header.entries) {
    if (entry.begin != at)
      refuse("[{}] tensors must neither overlap nor leave gaps: {}, '{}' begins at {}, expected {}", file.op(), file.path(), entry.name,
             entry.begin, at);
    at = entry.end;
  }
  if (const auto there = file.size() - header.data; there != at)
    refuse("[{}] the data must be as long as the header says: {} needs {} bytes, has {}", file.op(), file.path(), at, there);
}

}  // namespace

std::uint64_t bytes_of_type(const std::string& type) {
  for (const auto& known : known_types)
    if (type == known.name) return known.bytes;
  return 0;
}

Header read_header(const InputFile& file) {
  if (file.size() < 8)
    refuse("[{}] the file must begin with 8 bytes of header length: {} has {} bytes", file.op(), file.path(), file.size());
  unsigned char bytes[8];
  file.read(0, bytes, sizeof bytes);
  std::uint64_t length = 0;
  for (unsigned i = 8; i-- > 0;) length = length << 8 | bytes[i];
  if (length > file.size() - 8)
    refuse("[{}] the header must fit the file: {} has {} bytes, its header says {}", file.op(), file.path(), file.size(), length);
  if (length > longest_header) refuse("[{}] a header has at most {} bytes: {} has {}", file.op(), longest_header, file.path(), length);

  std::string text(length, '\0');
  file.read(8, text.data(), length);
  const json parsed = parse(file, text);
  Header header;
  header.data = 8 + length;
  for (const auto& [name, value] : parsed.items()) {
    if (name == "__metadata__")
      read_metadata(file, value, header);
    else
      header.entries.push_back(read_entry(file, name, value));
  }
  std::stable_sort(header.entries.begin(), header.entries.end(), [](const HeaderEntry& a, const HeaderEntry& b) {
    return std::pair{a.begin, a.end} < std::pair{b.begin, b.end};
  });
  check_cover(file, header);
  return header;
}

std::string spell_header(const Header& header) {
  nlohmann::ordered_json out = nlohmann::ordered_json::object();
  if (!header.metadata.empty()) out["__metadata__"] = header.metadata;
  for (const auto& entry : header.entries) {
    auto& to = out[entry.name];
    to["dtype"] = entry.type;
    to["shape"] = std::vector<std::int64_t>(entry.sizes.at, entry.sizes.at + entry.sizes.rank);
    to["data_offsets"] = {entry.begin, entry.end};
  }
  std::string text = out.dump();
  text.resize((text.size() + 7) / 8 * 8, ' ');
  std::string length(8, '\0');
  for (unsigned i = 0; i < 8; ++i) length[i] = static_cast<char>(text.size() >> 8 * i & 0xFF);
  return length + text;
}

}  // namespace mushin::io
