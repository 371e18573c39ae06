#pragma once
// The header of a safetensors file: 8 bytes of length (little endian), then that many bytes of JSON.
#include <map>
#include <string>
#include <vector>

#include "io/contents.hpp"
#include "io/files.hpp"

namespace mushin::io {

struct HeaderEntry {
  std::string name, type;
  core::Sizes sizes;
  std::uint64_t begin = 0, end = 0;  // within the data
};

struct Header {
  std::vector<HeaderEntry> entries;  // in the order of their bytes
  std::map<std::string, std::string> metadata;
  std::uint64_t data = 0;  // where the data begins in the file
};

/// FileError unless the file follows every rule of the format.
Header read_header(const InputFile&);
/// Length and JSON, padded to 8 bytes.
std::string spell_header(const Header&);

/// Bytes of one element of a type as the format spells it; 0 when the format has no such type.
std::uint64_t bytes_of_type(const std::string& type);

}  // namespace mushin::io
