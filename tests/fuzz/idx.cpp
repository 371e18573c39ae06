#include "mushin/nn/data/idx.hpp"

#include "input.hpp"
#include "mushin/tensor/error.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const mushin::fuzz::Input input(data, size);
  try {
    const auto file = mushin::data::read_idx(input.path());
    if (file.bytes.size() != static_cast<std::size_t>(file.sizes.count())) __builtin_trap();
  } catch (const mushin::FileError&) {
  }
  return 0;
}
