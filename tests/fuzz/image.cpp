#include "input.hpp"
#include "mushin/nn/data/images.hpp"
#include "mushin/tensor/error.hpp"

namespace data = mushin::data;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  const mushin::fuzz::Input input(bytes, size);
  // Grey as it is, and all channels resized.
  for (const std::int64_t channels : {1, 4}) try {
      const auto path = input.path();
      const data::detail::ImageKind kind{channels, channels == 1 ? -1 : 5, channels == 1 ? -1 : 6,
                                         channels == 1 ? mushin::dtype::u8 : mushin::dtype::f32};
      const auto image = data::detail::read_image(path.c_str(), kind, {.resize = true, .max_pixels = 1 << 18});
      if (image.sizes()[0] != channels || image.sizes()[1] * image.sizes()[2] > 1 << 18) __builtin_trap();
    } catch (const mushin::FileError&) {
    }
  return 0;
}
