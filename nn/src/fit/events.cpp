#include "fit/events.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <bit>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <filesystem>

#include "mushin/tensor/error.hpp"

namespace mushin::nn::detail {
namespace {

/// CRC-32C (Castagnoli) of a byte, bits reflected.
constexpr std::array<std::uint32_t, 256> crc_table = [] {
  std::array<std::uint32_t, 256> table{};
  for (std::uint32_t i = 0; i < 256; ++i) {
    std::uint32_t crc = i;
    for (int bit = 0; bit < 8; ++bit) crc = crc >> 1 ^ (crc & 1 ? 0x82F63B78u : 0u);
    table[i] = crc;
  }
  return table;
}();

std::uint32_t masked_crc(const std::string& bytes) {
  std::uint32_t crc = ~0u;
  for (const char c : bytes) crc = crc_table[(crc ^ static_cast<unsigned char>(c)) & 0xFF] ^ crc >> 8;
  // Masked, since a CRC of bytes that hold their own CRC tells little.
  return std::rotr(~crc, 15) + 0xA282EAD8u;
}

std::string little(std::uint64_t value, unsigned bytes) {
  std::string out;
  for (unsigned i = 0; i < bytes; ++i) out += static_cast<char>(value >> 8 * i & 0xFF);
  return out;
}

// Protocol buffers: each field is a key (number and wire type) and its value.
enum Wire : unsigned { varint_wire = 0, fixed64_wire = 1, bytes_wire = 2, fixed32_wire = 5 };

std::string varint(std::uint64_t value) {
  std::string out;
  for (; value > 0x7F; value >>= 7) out += static_cast<char>((value & 0x7F) | 0x80);
  return out + static_cast<char>(value);
}
std::string key(unsigned field, Wire wire) { return varint(field << 3 | wire); }
std::string bytes_field(unsigned field, const std::string& bytes) { return key(field, bytes_wire) + varint(bytes.size()) + bytes; }

double wall_time() { return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count(); }

/// An Event: wall_time = 1 (double), step = 2, and one of file_version = 3, summary = 5.
std::string event(std::int64_t step, const std::string& what) {
  const std::string time = key(1, fixed64_wire) + little(std::bit_cast<std::uint64_t>(wall_time()), 8);
  return time + key(2, varint_wire) + varint(static_cast<std::uint64_t>(step)) + what;
}

std::string record(const std::string& bytes) {
  const std::string length = little(bytes.size(), 8);
  return length + little(masked_crc(length), 4) + bytes + little(masked_crc(bytes), 4);
}

/// TensorBoard wants "tfevents" in the name, and sorts by the time in it.
std::string name_in(const std::string& folder) {
  static std::atomic<unsigned> counter{0};
  char host[256] = "localhost";
  if (::gethostname(host, sizeof host - 1) != 0) std::strcpy(host, "localhost");
  return fmt::format("{}/events.out.tfevents.{:010}.{}.{}.{}", folder, static_cast<std::int64_t>(wall_time()), host, ::getpid(), counter++);
}

}  // namespace

void refuse_write(const char* what, const std::string& path) {
  throw FileError(fmt::format("[fit] cannot {}: {}: {}", what, path, std::strerror(errno)).c_str());
}

void make_folder(const std::string& path) {
  std::error_code error;
  std::filesystem::create_directories(path, error);
  if (error) throw FileError(fmt::format("[fit] cannot make the folder: {}: {}", path, error.message()).c_str());
}

OutputFile::OutputFile(const std::string& path, const std::string& begin) : path_(path) {
  const std::string temporary = fmt::format("{}.{}.part", path, ::getpid());
  file_ = std::fopen(temporary.c_str(), "wbe");
  if (!file_) refuse_write("create", path);
  if (std::fwrite(begin.data(), 1, begin.size(), file_) == begin.size() && std::fflush(file_) == 0 && ::fsync(::fileno(file_)) == 0 &&
      std::rename(temporary.c_str(), path.c_str()) == 0)
    return;
  const int why = errno;
  std::fclose(file_);
  ::unlink(temporary.c_str());
  errno = why;
  refuse_write("write", path);
}
OutputFile::~OutputFile() { std::fclose(file_); }
void OutputFile::write(const std::string& bytes) {
  if (std::fwrite(bytes.data(), 1, bytes.size(), file_) != bytes.size() || std::fflush(file_) != 0) refuse_write("write", path_);
}

Events::Events(const std::string& folder) : file_(name_in(folder), record(event(0, bytes_field(3, "brain.Event:2")))) {}

void Events::add(std::int64_t step, const std::vector<Scalar>& scalars) {
  std::string summary;
  // Summary.value = 1: tag = 1, simple_value = 2 (float).
  for (const auto& s : scalars) {
    const std::string number = key(2, fixed32_wire) + little(std::bit_cast<std::uint32_t>(static_cast<float>(s.value)), 4);
    summary += bytes_field(1, bytes_field(1, s.tag) + number);
  }
  file_.write(record(event(step, bytes_field(5, summary))));
}

}  // namespace mushin::nn::detail
