// Groups with few rows: packing would cost more than the products, so each element of the kernel goes over whole lines of the source where
// they lie.
#include <atomic>
#include <cstring>
#include <new>

#include "conv.hpp"

namespace mushin::builtin {
namespace {

constexpr std::int64_t chunk_products = 300000, band_sums = 16384;

std::int64_t parts(std::int64_t n, std::int64_t of) { return (n + of - 1) / of; }

struct Range {
  std::int64_t begin, end;
};
// The positions of an axis, out of [begin, end), at which a tap is inside of the source.
Range inside(const ConvReader& r, int axis, const ConvTap& tap, std::int64_t begin, std::int64_t end) {
  const std::int64_t step = r.step[axis], low = -tap.at[axis], high = r.source.size[axis] - tap.at[axis];
  return {most(begin, low <= 0 ? 0 : parts(low, step)), least(end, high <= 0 ? 0 : parts(high, step))};
}

class Direct {
 public:
  Direct(const ConvSum& s, const ConvFinish& f) : s_(s), finish_(f), kernels_(conv_table(s.type)), bytes_(s.type == 0 ? 4 : 8) {}

  // Work is cut by images, groups, and bands of lines of one plane of positions.
  void run() const {
    const std::int64_t* positions = s_.reader.positions;
    const std::int64_t band = least(positions[1], most(1, band_sums / (s_.rows * positions[2]))), bands = parts(positions[1], band);
    const std::int64_t work = s_.rows * band * positions[2] * most(1, s_.channels * static_cast<std::int64_t>(s_.reader.taps.size()));
    std::atomic<bool> no_memory{false};
    parallel(s_.batch * s_.groups * positions[0] * bands, most(1, chunk_products / work), [&](std::int64_t t, std::int64_t e) {
      try {
        char* sums = static_cast<char*>(scratch(scratch_product, static_cast<std::size_t>(s_.rows * band * positions[2] * bytes_)));
        for (; t < e; ++t) {
          const std::int64_t first = t % bands * band, plane = t / bands % positions[0], rest = t / bands / positions[0];
          lines(sums, rest / s_.groups, rest % s_.groups, plane, first, least(positions[1], first + band));
        }
      } catch (const std::bad_alloc&) {
        no_memory = true;
      }
    });
    if (no_memory) throw std::bad_alloc();
  }

 private:
  void lines(char* sums, std::int64_t image, std::int64_t group, std::int64_t p0, std::int64_t begin, std::int64_t end) const {
    const ConvReader& r = s_.reader;
    const std::int64_t width = r.positions[2], n = (end - begin) * width;
    std::memset(sums, 0, static_cast<std::size_t>(s_.rows * n * bytes_));
    const char* x = r.source.data + (image * r.source.batch + group * s_.channels * r.source.channel) * bytes_;
    const char* w = s_.weights + group * s_.group * bytes_;
    for (std::int64_t c = 0; c < s_.channels; ++c, x += r.source.channel * bytes_, w += s_.channel * bytes_)
      for (const ConvTap& tap : r.taps) {
        const std::int64_t at0 = p0 * r.step[0] + tap.at[0];
        const Range line = inside(r, 1, tap, begin, end), place = inside(r, 2, tap, 0, width);
        if (at0 < 0 || at0 >= r.source.size[0] || line.begin >= line.end || place.begin >= place.end) continue;
        const std::int64_t from = at0 * r.source.stride[0] + (line.begin * r.step[1] + tap.at[1]) * r.source.stride[1] +
                                  (place.begin * r.step[2] + tap.at[2]) * r.source.stride[2];
        kernels_.add_planes({sums + ((line.begin - begin) * width + place.begin) * bytes_, x + from * bytes_, w + tap.weight * bytes_,
                             nullptr, s_.rows, line.end - line.begin, place.end - place.begin, n, width, s_.row,
                             r.step[1] * r.source.stride[1], r.step[2] * r.source.stride[2]});
      }
    finish_.store(sums, n, group * s_.rows, s_.rows, image * r.count() + (p0 * r.positions[1] + begin) * width, n);
  }

  const ConvSum& s_;
  const ConvFinish& finish_;
  const ConvTable& kernels_;
  std::int64_t bytes_;
};

}  // namespace

bool convolve_direct(const ConvSum& s, const ConvFinish& f) {
  const auto k = s.channels * static_cast<std::int64_t>(s.reader.taps.size());
  const std::int64_t x_step = s.reader.step[2] * s.reader.source.stride[2];
  if (s.rows > 8 || k > 2048 || s.reader.positions[2] < 8 || (x_step != 1 && x_step != 2)) return false;
  Direct(s, f).run();
  return true;
}

void add_weights_direct(const ConvWeightSum& s, char* sums, std::int64_t pitch, std::int64_t image, std::int64_t group) {
  const ConvReader& r = s.reader;
  const ConvTable& kernels = conv_table(s.type);
  const std::int64_t bytes = s.type == 0 ? 4 : 8;
  const char* x = r.source.data + (image * r.source.batch + group * s.channels * r.source.channel) * bytes;
  const char* dy = s.dy.data + (image * s.dy.batch + group * s.outputs * s.dy.channel) * bytes;
  for (std::int64_t c = 0; c < s.channels; ++c, x += r.source.channel * bytes)
    for (const ConvTap& tap : r.taps) {
      const Range plane = inside(r, 0, tap, 0, r.positions[0]), line = inside(r, 1, tap, 0, r.positions[1]),
                  place = inside(r, 2, tap, 0, r.positions[2]);
      for (std::int64_t p0 = plane.begin; p0 < plane.end && line.begin < line.end && place.begin < place.end; ++p0) {
        const std::int64_t from = (p0 * r.step[0] + tap.at[0]) * r.source.stride[0] +
                                  (line.begin * r.step[1] + tap.at[1]) * r.source.stride[1] +
                                  (place.begin * r.step[2] + tap.at[2]) * r.source.stride[2];
        const std::int64_t to = p0 * s.dy.stride[0] + line.begin * s.dy.stride[1] + place.begin;
        for (std::int64_t o = 0; o < s.outputs; ++o)
          kernels.dot_planes({const_cast<char*>(dy) + (o * s.dy.channel + to) * bytes, x + from * bytes, nullptr, sums + o * bytes, 1,
                              line.end - line.begin, place.end - place.begin, 0, s.dy.stride[1], 0, r.step[1] * r.source.stride[1],
                              r.step[2] * r.source.stride[2]});
      }
      sums += pitch * bytes;
    }
}

}  // namespace mushin::builtin
