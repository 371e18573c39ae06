#include <minizip/zip.h>

#include <algorithm>

#include "io/refuse.hpp"
#include "io/zip.hpp"

namespace mushin::io {

/// What minizip calls to write: it goes back to complete the header of a member.
struct ZipWriter::Callbacks {
  static ZipWriter& self(void* opaque) { return *static_cast<ZipWriter*>(opaque); }

  static void* open(void* opaque, const void*, int) { return opaque; }
  static uLong read(void*, void*, void*, uLong) { return 0; }
  static uLong write(void* opaque, void*, const void* from, uLong bytes) {
    auto& zip = self(opaque);
    try {
      zip.file_.write_at(zip.at_, from, bytes);
    } catch (...) {
      zip.failed_ = std::current_exception();
      return 0;
    }
    zip.at_ += bytes;
    zip.size_ = std::max(zip.size_, zip.at_);
    return bytes;
  }
  static ZPOS64_T tell(void* opaque, void*) { return self(opaque).at_; }
  static long seek(void* opaque, void*, ZPOS64_T offset, int origin) {
    auto& zip = self(opaque);
    zip.at_ = offset + (origin == ZLIB_FILEFUNC_SEEK_CUR ? zip.at_ : origin == ZLIB_FILEFUNC_SEEK_END ? zip.size_ : 0);
    return 0;
  }
  static int close(void*, void*) { return 0; }
  static int error(void* opaque, void*) { return self(opaque).failed_ ? 1 : 0; }
};

ZipWriter::ZipWriter(const char* op, const char* path) : path_(path), op_(op), file_(op, path) {
  zlib_filefunc64_def calls{&Callbacks::open, &Callbacks::read,  &Callbacks::write, &Callbacks::tell,
                            &Callbacks::seek, &Callbacks::close, &Callbacks::error, this};
  zip_ = zipOpen2_64(path, APPEND_STATUS_CREATE, nullptr, &calls);
  if (!zip_) refuse("[{}] cannot write: {}: no memory left", op, path);
}

ZipWriter::~ZipWriter() {
  if (zip_) zipClose(zip_, nullptr);
}

void ZipWriter::check(int code) {
  if (failed_) std::rethrow_exception(failed_);
  if (code != ZIP_OK) refuse("[{}] cannot write: {}: minizip reports {}", op_, path_, code);
}

void ZipWriter::begin(const std::string& name, std::uint64_t bytes, bool deflated) {
  zip_fileinfo info{};
  info.tmz_date = {0, 0, 0, 1, 0, 1980};  // the first day that ZIP knows: equal tensors make equal files
  constexpr uLong version = 45, utf8 = 1 << 11;
  const int zip64 = bytes >= 0xFFFF'0000u;
  check(zipOpenNewFileInZip4_64(zip_, name.c_str(), &info, nullptr, 0, nullptr, 0, nullptr, deflated ? Z_DEFLATED : 0,
                                Z_DEFAULT_COMPRESSION, 0, -MAX_WBITS, DEF_MEM_LEVEL, Z_DEFAULT_STRATEGY, nullptr, 0, version, utf8, zip64));
}

void ZipWriter::write(const void* from, std::size_t bytes) {
  constexpr std::size_t most = std::size_t{1} << 30;
  const auto* in = static_cast<const std::byte*>(from);
  while (bytes > 0) {
    const auto n = std::min(bytes, most);
    check(zipWriteInFileInZip(zip_, in, static_cast<unsigned>(n)));
    in += n;
    bytes -= n;
  }
}

void ZipWriter::commit() {
  check(zipClose(std::exchange(zip_, nullptr), nullptr));
  file_.commit();
}

}  // namespace mushin::io
