#include <minizip/unzip.h>

#include <algorithm>

#include "io/refuse.hpp"
#include "io/text.hpp"
#include "io/zip.hpp"

namespace mushin::io {

namespace {

/// Nothing but the end of a directory: minizip doesn't find it at the beginning of a file.
bool is_empty_archive(const InputFile& file) {
  constexpr std::string_view end("PK\5\6\0\0\0\0\0\0\0\0", 12);
  char begin[22];
  if (file.size() != sizeof begin) return false;
  file.read(0, begin, sizeof begin);
  return std::string_view(begin, end.size()) == end;
}

}  // namespace

/// What minizip calls to read. It is C: nothing may be thrown through it.
struct ZipReader::Callbacks {
  static ZipReader& self(void* opaque) { return *static_cast<ZipReader*>(opaque); }

  static void* open(void* opaque, const void*, int) { return opaque; }
  static uLong read(void* opaque, void*, void* to, uLong bytes) {
    auto& zip = self(opaque);
    const auto there = zip.at_ < zip.file_.size() ? zip.file_.size() - zip.at_ : 0;
    const auto n = std::min<std::uint64_t>(bytes, there);
    try {
      zip.file_.read(zip.at_, to, n);
    } catch (...) {
      zip.failed_ = std::current_exception();
      return 0;
    }
    zip.at_ += n;
    zip.cut_ = zip.cut_ || n < bytes;
    return n;
  }
  static uLong write(void*, void*, const void*, uLong) { return 0; }
  static ZPOS64_T tell(void* opaque, void*) { return self(opaque).at_; }
  static long seek(void* opaque, void*, ZPOS64_T offset, int origin) {
    auto& zip = self(opaque);
    const std::uint64_t from = origin == ZLIB_FILEFUNC_SEEK_CUR ? zip.at_ : origin == ZLIB_FILEFUNC_SEEK_END ? zip.file_.size() : 0;
    std::uint64_t to = 0;
    if (__builtin_add_overflow(from, offset, &to) || to > zip.file_.size()) return -1;
    zip.at_ = to;
    return 0;
  }
  static int close(void*, void*) { return 0; }
  static int error(void* opaque, void*) { return self(opaque).failed_ || self(opaque).cut_; }
};

ZipReader::ZipReader(const char* op, const char* path) : file_(op, path) {
  zlib_filefunc64_def calls{&Callbacks::open, &Callbacks::read,  &Callbacks::write, &Callbacks::tell,
                            &Callbacks::seek, &Callbacks::close, &Callbacks::error, this};
  zip_ = unzOpen2_64(path, &calls);
  if (failed_) std::rethrow_exception(failed_);
  if (!zip_ && is_empty_archive(file_)) return;
  if (!zip_) refuse("[{}] the file must be a ZIP archive: {} has no directory at its end", op, path);
  try {
    list_members();
  } catch (...) {
    unzClose(zip_);
    throw;
  }
}

ZipReader::~ZipReader() {
  if (zip_) unzClose(zip_);
}

void ZipReader::damaged(const char* what) {
  if (failed_) std::rethrow_exception(std::exchange(failed_, nullptr));
  refuse("[{}] the archive must be whole: {}: {}", op(), path(), what);
}

void ZipReader::list_members() {
  unz_global_info64 archive{};
  if (unzGetGlobalInfo64(zip_, &archive) != UNZ_OK) damaged("its directory");
  int code = archive.number_entry == 0 ? UNZ_END_OF_LIST_OF_FILE : unzGoToFirstFile(zip_);
  for (; code == UNZ_OK; code = unzGoToNextFile(zip_)) {
    unz_file_info64 info{};
    unz64_file_pos position{};
    std::string name;
    if (unzGetCurrentFileInfo64(zip_, &info, nullptr, 0, nullptr, 0, nullptr, 0) != UNZ_OK) damaged("its directory");
    name.resize(info.size_filename);
    if (unzGetCurrentFileInfo64(zip_, &info, name.data(), info.size_filename, nullptr, 0, nullptr, 0) != UNZ_OK ||
        unzGetFilePos64(zip_, &position) != UNZ_OK)
      damaged("its directory");
    if (name.empty() || !is_utf8(name) || name.find('\0') != std::string::npos)
      refuse("[{}] names must be UTF-8 and not empty: {} has {}", op(), path(), escaped(name));
    if (info.flag & 1) refuse("[{}] members must not be encrypted: {}, '{}' is", op(), path(), name);
    const bool stored = info.compression_method == 0;
    if (!stored && info.compression_method != Z_DEFLATED)
      refuse("[{}] members must be stored or deflated: {}, '{}' has method {}", op(), path(), name, info.compression_method);
    // Deflate needs two bits at least for 258 bytes.
    const std::uint64_t most = stored ? info.compressed_size : std::min<std::uint64_t>(info.compressed_size, file_.size()) * 1032;
    if (info.compressed_size > file_.size() || info.uncompressed_size > most || (stored && info.uncompressed_size != most))
      refuse("[{}] a member cannot hold more than its packed bytes: {}, '{}' says {} bytes in {}", op(), path(), name,
             info.uncompressed_size, info.compressed_size);
    members_.push_back({name, info.uncompressed_size, info.compressed_size, position.pos_in_zip_directory, position.num_of_file});
  }
  if (code != UNZ_END_OF_LIST_OF_FILE) damaged("its directory");
}

void ZipReader::open(const ZipMember& member) {
  open_ = member.name;
  const unz64_file_pos position{member.position, member.number};
  if (unzGoToFilePos64(zip_, &position) != UNZ_OK || unzOpenCurrentFile(zip_) != UNZ_OK)
    damaged(("its directory and the header of '" + open_ + "' differ").c_str());
}

std::uint64_t ZipReader::data_offset() const { return unzGetCurrentFileZStreamPos64(zip_); }

void ZipReader::read(void* to, std::size_t bytes) {
  constexpr std::size_t most = std::size_t{1} << 30;  // minizip counts in 32 bits
  auto* out = static_cast<std::byte*>(to);
  while (bytes > 0) {
    const int got = unzReadCurrentFile(zip_, out, static_cast<unsigned>(std::min(bytes, most)));
    if (got <= 0) damaged(("'" + open_ + "' cannot be unpacked").c_str());
    out += got;
    bytes -= static_cast<std::size_t>(got);
  }
}

void ZipReader::close() {
  if (unzCloseCurrentFile(zip_) != UNZ_OK) damaged(("the checksum of '" + open_ + "' is another").c_str());
}

}  // namespace mushin::io
