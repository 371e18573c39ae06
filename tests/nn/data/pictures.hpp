#pragma once
// Image files for tests, written by the libraries that read them.
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>
#ifdef MUSHIN_PNG
#include <png.h>
#endif
#ifdef MUSHIN_JPEG
#include <jpeglib.h>
#endif

namespace mushin::test {

struct PictureOf {
  unsigned height, width;
  std::vector<unsigned char> bytes;  // row-major, as the format has them
};

#ifdef MUSHIN_PNG
struct PngOptions {
  int color = PNG_COLOR_TYPE_GRAY, depth = 8;
  bool interlaced = false;
  std::vector<png_color> palette = {};
  std::vector<unsigned char> alpha = {};  // of the palette's colours
};

inline std::string png(const PictureOf& picture, const PngOptions& options = {}) {
  std::string out;
  png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, nullptr, nullptr, nullptr);
  png_infop info = png_create_info_struct(png);
  png_set_write_fn(
      png, &out,
      [](png_structp p, png_bytep bytes, std::size_t n) {
        static_cast<std::string*>(png_get_io_ptr(p))->append(reinterpret_cast<const char*>(bytes), n);
      },
      nullptr);
  png_set_IHDR(png, info, picture.width, picture.height, options.depth, options.color,
               options.interlaced ? PNG_INTERLACE_ADAM7 : PNG_INTERLACE_NONE, PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
  if (!options.palette.empty()) png_set_PLTE(png, info, options.palette.data(), static_cast<int>(options.palette.size()));
  if (!options.alpha.empty()) png_set_tRNS(png, info, options.alpha.data(), static_cast<int>(options.alpha.size()), nullptr);
  png_write_info(png, info);
  const int passes = png_set_interlace_handling(png);
  const std::size_t row = png_get_rowbytes(png, info);
  for (int pass = 0; pass < passes; ++pass)
    for (unsigned y = 0; y < picture.height; ++y) png_write_row(png, picture.bytes.data() + y * row);
  png_write_end(png, info);
  png_destroy_write_struct(&png, &info);
  return out;
}
#endif

#ifdef MUSHIN_JPEG
struct JpegOptions {
  int components = 3;
  J_COLOR_SPACE space = JCS_RGB;
  bool progressive = false, arithmetic = false;
  std::vector<jpeg_scan_info> scans = {};  // of a progressive file; none: the usual ones
};

inline std::string jpeg(const PictureOf& picture, const JpegOptions& options = {}) {
  jpeg_compress_struct info{};
  jpeg_error_mgr errors{};
  info.err = jpeg_std_error(&errors);
  jpeg_create_compress(&info);
  unsigned char* bytes = nullptr;
  unsigned long size = 0;
  jpeg_mem_dest(&info, &bytes, &size);
  info.image_width = picture.width, info.image_height = picture.height;
  info.input_components = options.components, info.in_color_space = options.space;
  jpeg_set_defaults(&info);
  jpeg_set_quality(&info, 95, TRUE);
  if (options.progressive) jpeg_simple_progression(&info);
  info.arith_code = options.arithmetic;
  if (!options.scans.empty()) info.scan_info = options.scans.data(), info.num_scans = static_cast<int>(options.scans.size());
  jpeg_start_compress(&info, TRUE);
  const std::size_t row = static_cast<std::size_t>(options.components) * picture.width;
  for (unsigned y = 0; y < picture.height; ++y) {
    auto* at = const_cast<unsigned char*>(picture.bytes.data() + y * row);
    jpeg_write_scanlines(&info, &at, 1);
  }
  jpeg_finish_compress(&info);
  std::string out(reinterpret_cast<const char*>(bytes), size);
  jpeg_destroy_compress(&info);
  std::free(bytes);
  return out;
}
#endif

}  // namespace mushin::test
