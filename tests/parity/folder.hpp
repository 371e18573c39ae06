#pragma once
#include <cstdlib>
#include <string>

namespace mushin::test {

/// The path of a committed file. Where the source has moved since it was compiled, the environment's MUSHIN_PARITY_FOLDER says where it is.
inline std::string committed(const char* name) {
  const char* moved = std::getenv("MUSHIN_PARITY_FOLDER");
  return std::string(moved ? moved : MUSHIN_PARITY_FOLDER) + "/" + name;
}

}  // namespace mushin::test
