#include "mushin/tensor/io/npz.hpp"

#include "input.hpp"
#include "mushin/tensor/error.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const mushin::fuzz::Input input(data, size);
  try {
    const mushin::Npz file(input.path());
    for (std::size_t i = 0; i < file.size(); ++i) (void)file.read(file[i].name);
  } catch (const mushin::FileError&) {
  }
  return 0;
}
