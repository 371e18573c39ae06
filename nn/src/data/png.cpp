#include <png.h>

#include <bit>
#include <cstring>

#include "data/picture.hpp"
#include "data/stream.hpp"

namespace mushin::data {
namespace {

/// libpng comes back from an error by longjmp. So what it may jump out of are functions that own nothing: `header` and `rows`. All that has
/// to be let go of is here.
struct PngReader {
  std::string_view left;
  char message[160] = "no memory";
  png_structp png = nullptr;
  png_infop info = nullptr;

  explicit PngReader(std::string_view file) : left(file) {}
  PngReader(const PngReader&) = delete;
  PngReader& operator=(const PngReader&) = delete;
  ~PngReader() { png_destroy_read_struct(&png, &info, nullptr); }
};

[[noreturn]] void failed(png_structp png, png_const_charp text) {
  auto& reader = *static_cast<PngReader*>(png_get_error_ptr(png));
  std::strncpy(reader.message, text, sizeof reader.message - 1);
  reader.message[sizeof reader.message - 1] = 0;
  png_longjmp(png, 1);
}
void warned(png_structp, png_const_charp) {}

void read_bytes(png_structp png, png_bytep to, std::size_t bytes) {
  auto& left = static_cast<PngReader*>(png_get_io_ptr(png))->left;
  if (bytes > left.size()) png_error(png, "the file ends early");
  std::memcpy(to, left.data(), bytes);
  left.remove_prefix(bytes);
}

/// False when there is an error; its text is in `reader`.
bool header(PngReader& reader) {
  reader.png = png_create_read_struct(PNG_LIBPNG_VER_STRING, &reader, failed, warned);
  if (!reader.png) return false;
  if (setjmp(png_jmpbuf(reader.png))) return false;
  reader.info = png_create_info_struct(reader.png);
  if (!reader.info) return false;
  png_set_read_fn(reader.png, &reader, read_bytes);
  // Texts, profiles and the like are passed over: libpng would ask for as much memory as such a chunk says that it has.
  png_set_keep_unknown_chunks(reader.png, PNG_HANDLE_CHUNK_NEVER, nullptr, -1);
  png_read_info(reader.png, reader.info);
  return true;
}

/// What the rows will be like: grey or RGB, of 8 or 16 bits, with alpha where there is any.
bool choose_rows(PngReader& reader) {
  if (setjmp(png_jmpbuf(reader.png))) return false;
  png_set_expand(reader.png);
  if constexpr (std::endian::native == std::endian::little) png_set_swap(reader.png);
  png_set_interlace_handling(reader.png);
  png_read_update_info(reader.png, reader.info);
  return true;
}

bool rows(PngReader& reader, unsigned char* to, std::size_t row_bytes, std::size_t height) {
  if (setjmp(png_jmpbuf(reader.png))) return false;
  const int passes = png_get_interlace_type(reader.png, reader.info) == PNG_INTERLACE_NONE ? 1 : 7;
  for (int pass = 0; pass < passes; ++pass)
    for (std::size_t y = 0; y < height; ++y) png_read_row(reader.png, to + y * row_bytes, nullptr);
  png_read_end(reader.png, nullptr);
  return true;
}

}  // namespace

Picture decode_png(std::string_view file, const char* path, std::int64_t max_pixels) {
  PngReader reader(file);
  const auto check = [&](bool good) {
    if (!good) refuse("[read_image] a PNG file must be whole: {}: {}", path, reader.message);
  };
  check(header(reader));
  Picture out;
  out.height = png_get_image_height(reader.png, reader.info), out.width = png_get_image_width(reader.png, reader.info);
  check_pixels(path, out.height, out.width, max_pixels);
  // Deflate packs 1032 bytes into one at best: a shorter file lies about its size, and no memory is asked for on its word.
  const std::size_t packed = png_get_rowbytes(reader.png, reader.info) * static_cast<std::size_t>(out.height) / 1032;
  if (packed > file.size())
    refuse("[read_image] a PNG file must be whole: {} says {} x {} pixels, which {} bytes can't hold", path, out.height, out.width,
           file.size());
  check(choose_rows(reader));
  out.channels = png_get_channels(reader.png, reader.info), out.bits = png_get_bit_depth(reader.png, reader.info);
  const std::size_t row_bytes = png_get_rowbytes(reader.png, reader.info);
  out.bytes.resize(row_bytes * static_cast<std::size_t>(out.height));
  check(rows(reader, out.bytes.data(), row_bytes, static_cast<std::size_t>(out.height)));
  return out;
}

}  // namespace mushin::data
