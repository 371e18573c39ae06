#include <csetjmp>
#include <cstdio>
#include <cstring>

#include "data/picture.hpp"
#include "data/stream.hpp"
// Behind <cstdio>: it uses FILE and doesn't include it.
#include <jerror.h>
#include <jpeglib.h>

namespace mushin::data {
namespace {

/// libjpeg comes back from an error by longjmp. So what it may jump out of are functions that own nothing: `header` and `rows`. All that
/// has to be let go of is here.
struct JpegReader {
  jpeg_decompress_struct info{};
  jpeg_error_mgr errors{};
  jpeg_source_mgr source{};
  jpeg_progress_mgr progress{};
  std::jmp_buf back;
  char message[JMSG_LENGTH_MAX] = "";

  explicit JpegReader(std::string_view file);
  JpegReader(const JpegReader&) = delete;
  JpegReader& operator=(const JpegReader&) = delete;
  ~JpegReader() { jpeg_destroy_decompress(&info); }
};

JpegReader& reader_of(j_common_ptr info) { return *static_cast<JpegReader*>(info->client_data); }

[[noreturn]] void failed(j_common_ptr info) {
  auto& reader = reader_of(info);
  info->err->format_message(info, reader.message);
  std::longjmp(reader.back, 1);
}
/// Most warnings tell of damage that libjpeg paints over.
void warned(j_common_ptr info, int level) {
  const int code = info->err->msg_code;
  const bool harmless = code == JWRN_EXTRANEOUS_DATA || code == JWRN_JFIF_MAJOR || code == JWRN_ADOBE_XFORM || code == JWRN_BOGUS_ICC;
  if (level < 0 && !harmless) failed(info);
}
void not_printed(j_common_ptr) {}

void nothing(j_decompress_ptr) {}
boolean ended(j_decompress_ptr info) {
  ERREXIT(info, JERR_INPUT_EOF);
  return FALSE;
}
void skip(j_decompress_ptr info, long bytes) {
  if (bytes <= 0) return;
  if (static_cast<unsigned long>(bytes) > info->src->bytes_in_buffer) ended(info);
  info->src->next_input_byte += bytes;
  info->src->bytes_in_buffer -= static_cast<std::size_t>(bytes);
}
/// Each scan goes over the whole picture, and a small file may have many thousands.
void check_scans(j_common_ptr info) {
  constexpr int most = 100;
  auto& reader = reader_of(info);
  if (reader.info.input_scan_number <= most) return;
  std::snprintf(reader.message, sizeof reader.message, "it has more than %d scans", most);
  std::longjmp(reader.back, 1);
}

JpegReader::JpegReader(std::string_view file) {
  info.err = jpeg_std_error(&errors);
  errors.error_exit = failed;
  errors.emit_message = warned;
  errors.output_message = not_printed;
  source.init_source = nothing;
  source.fill_input_buffer = ended;
  source.skip_input_data = skip;
  source.resync_to_restart = jpeg_resync_to_restart;
  source.term_source = nothing;
  source.next_input_byte = reinterpret_cast<const JOCTET*>(file.data());
  source.bytes_in_buffer = file.size();
  progress.progress_monitor = check_scans;
  info.client_data = this;
}

/// False when there is an error; its text is in `reader`.
bool header(JpegReader& reader) {
  if (setjmp(reader.back)) return false;
  jpeg_create_decompress(&reader.info);  // keeps `err` and `client_data`
  reader.info.src = &reader.source;
  reader.info.progress = &reader.progress;
  jpeg_read_header(&reader.info, TRUE);
  return true;
}

bool start(JpegReader& reader) {
  if (setjmp(reader.back)) return false;
  reader.info.out_color_space = reader.info.jpeg_color_space == JCS_GRAYSCALE ? JCS_GRAYSCALE : JCS_RGB;
  jpeg_start_decompress(&reader.info);
  return true;
}

bool rows(JpegReader& reader, unsigned char* to, std::size_t row_bytes) {
  if (setjmp(reader.back)) return false;
  while (reader.info.output_scanline < reader.info.output_height) {
    JSAMPROW row = to + reader.info.output_scanline * row_bytes;
    jpeg_read_scanlines(&reader.info, &row, 1);
  }
  jpeg_finish_decompress(&reader.info);
  return true;
}

}  // namespace

Picture decode_jpeg(std::string_view file, const char* path, std::int64_t max_pixels) {
  JpegReader reader(file);
  const auto check = [&](bool good) {
    if (!good) refuse("[read_image] a JPEG file must be whole: {}: {}", path, reader.message);
  };
  check(header(reader));
  const auto& info = reader.info;
  Picture out;
  out.height = info.image_height, out.width = info.image_width;
  check_pixels(path, out.height, out.width, max_pixels);
  if (info.arith_code) refuse("[read_image] a JPEG file must be coded by Huffman's method: {} is coded arithmetically", path);
  if (info.num_components != 1 && info.num_components != 3)
    refuse("[read_image] a JPEG file must be grey or of three colours: {} has {} components", path, info.num_components);
  // A block of 8 x 8 takes a bit at least, in a plane that has at least 1/16 of the pixels.
  if (out.height * out.width / (64 * 16 * 8) > static_cast<std::int64_t>(file.size()))
    refuse("[read_image] a JPEG file must be whole: {} says {} x {} pixels, which {} bytes can't hold", path, out.height, out.width,
           file.size());
  check(start(reader));
  out.channels = info.output_components;
  const std::size_t row_bytes = static_cast<std::size_t>(info.output_width) * static_cast<std::size_t>(info.output_components);
  out.bytes.resize(row_bytes * info.output_height);
  check(rows(reader, out.bytes.data(), row_bytes));
  return out;
}

}  // namespace mushin::data
