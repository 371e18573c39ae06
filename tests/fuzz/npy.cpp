#include "mushin/tensor/io/npy.hpp"

#include "input.hpp"
#include "mushin/tensor/error.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const mushin::fuzz::Input input(data, size);
  try {
    (void)mushin::core::load_npy(input.path());
  } catch (const mushin::FileError&) {
  }
  return 0;
}
