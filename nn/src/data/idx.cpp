#include "mushin/nn/data/idx.hpp"

#include <algorithm>
#include <string>

#include "data/indices.hpp"
#include "data/stream.hpp"

namespace mushin::data {
namespace {

constexpr const char* op = "read_idx";
constexpr unsigned unsigned_bytes = 0x08;

core::Sizes read_sizes(Stream& in, const char* path) {
  unsigned char magic[4];
  in.read(magic, sizeof magic, "magic number");
  const unsigned rank = magic[3];
  if (magic[0] || magic[1] || magic[2] != unsigned_bytes || rank < 1 || rank > 4)
    refuse("[{}] an IDX file of bytes begins with 00 00 08 and its rank (1 to 4): {} begins with {:02x} {:02x} {:02x} {:02x}", op, path,
           magic[0], magic[1], magic[2], magic[3]);
  core::Sizes sizes;
  for (unsigned i = 0; i < rank; ++i) {
    unsigned char b[4];
    in.read(b, sizeof b, "sizes");
    sizes.push(std::int64_t{b[0]} << 24 | b[1] << 16 | b[2] << 8 | b[3]);
  }
  return sizes;
}

std::string spell(const core::Sizes& sizes) {
  std::string out;
  for (unsigned i = 0; i < sizes.rank; ++i) out += (i ? ", " : "(") + std::to_string(sizes[i]);
  return out + ")";
}

/// The number of elements; a lying header may say more than fits 64 bits.
std::size_t count_of(const core::Sizes& sizes, const char* path) {
  std::int64_t count = 1;
  for (unsigned i = 0; i < sizes.rank; ++i)
    if (__builtin_mul_overflow(count, sizes[i], &count)) refuse("[{}] the sizes must fit the memory: {} says {}", op, path, spell(sizes));
  return static_cast<std::size_t>(count);
}

}  // namespace

IdxFile read_idx(FileName path) {
  Stream in(op, path.text);
  IdxFile out;
  out.sizes = read_sizes(in, path.text);
  const std::size_t count = count_of(out.sizes, path.text);
  // In parts, so that memory is asked for what the file holds and not for what its header says.
  constexpr std::size_t part = std::size_t{1} << 24;
  while (out.bytes.size() < count) {
    const std::size_t done = out.bytes.size(), want = std::min(part, count - done);
    out.bytes.resize(done + want);
    const std::size_t got = in.read_some(out.bytes.data() + done, want);
    if (got != want) refuse("[{}] the file ended early: {} says {}, {} bytes, got {}", op, path.text, spell(out.sizes), count, done + got);
  }
  // One more byte: there must be none, and zlib compares its checksum only when it meets the end.
  unsigned char beyond;
  if (in.read_some(&beyond, 1) != 0)
    refuse("[{}] the file must end with its data: {} says {}, and holds more", op, path.text, spell(out.sizes));
  return out;
}

namespace detail {

IdxImages::IdxImages(FileName images, FileName labels, const core::Sizes& sample)
    : sample_(sample), images_(read_idx(images)), labels_(read_idx(labels)) {
  const auto& have = images_.sizes;
  if (labels_.sizes.rank != 1) refuse("[Idx] labels must have one axis: {} holds {}", labels.text, spell(labels_.sizes));
  if (have[0] != labels_.sizes[0])
    refuse("[Idx] there must be one label for each image: {} holds {}, {} holds {}", images.text, spell(have), labels.text,
           spell(labels_.sizes));
  std::int64_t pixels = 1;
  for (unsigned i = 1; i < have.rank; ++i) pixels *= have[i];
  if (pixels != sample.count())
    refuse("[Idx] an image must have as many pixels as asked for: {} holds {}, asked was {}", images.text, spell(have), spell(sample));
}

void IdxImages::keep_first(std::int64_t count) {
  const std::int64_t kept = std::clamp<std::int64_t>(count, 0, size());
  images_.sizes.at[0] = labels_.sizes.at[0] = kept;
  images_.bytes.resize(static_cast<std::size_t>(kept * sample_.count()));
  labels_.bytes.resize(static_cast<std::size_t>(kept));
}

core::Array IdxImages::images(Indices which) const {
  check_indices("Idx", which, size());
  const auto pixels = static_cast<std::size_t>(sample_.count());
  std::vector<float> values(static_cast<std::size_t>(which.size()) * pixels);
  float* out = values.data();
  for (const auto i : which) {
    const std::uint8_t* in = images_.bytes.data() + static_cast<std::size_t>(i) * pixels;
    for (std::size_t k = 0; k < pixels; ++k) out[k] = static_cast<float>(in[k]) / 255.0f;
    out += pixels;
  }
  core::Sizes sizes{which.size()};
  for (unsigned i = 0; i < sample_.rank; ++i) sizes.push(sample_[i]);
  return core::from_values(sizes, dtype::f32, values.data());
}

core::Array IdxImages::labels(Indices which) const {
  check_indices("Idx", which, size());
  std::vector<std::int64_t> values;
  values.reserve(static_cast<std::size_t>(which.size()));
  for (const auto i : which) values.push_back(labels_.bytes[static_cast<std::size_t>(i)]);
  return core::from_values({which.size()}, dtype::i64, values.data());
}

}  // namespace detail
}  // namespace mushin::data
