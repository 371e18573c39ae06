#include "mushin/tensor/io/safetensors.hpp"

#include "input.hpp"
#include "mushin/tensor/error.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const mushin::fuzz::Input input(data, size);
  for (const auto how : {mushin::reading::copied, mushin::reading::mapped}) try {
      const mushin::Safetensors file(input.path(), how);
      (void)file.metadata("format");
      for (std::size_t i = 0; i < file.size(); ++i) (void)file.read(file[i].name);
    } catch (const mushin::FileError&) {
    }
  return 0;
}
