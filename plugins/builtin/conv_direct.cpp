// Groups with few rows: packing would cost more than the products, so each element of the kernel goes over whole lines of the source where
// they lie.
#include <atomic>
#include <cstring>
#include <new>

#include "conv.hpp"

namespace mushin::builtin {
namespace {

constexpr std::int64_t chunk_products = 300000, band_sums = 8192, most_copied = 262144;

std::int64_t parts(std::int64_t n, std::int64_t of) { return (n + of - 1) / of; }

struct Range {
  std::int64_t begin, end;
};
// The positions of an axis, out of [begin, end), at which a tap is inside of the source.
Range inside(const ConvReader& r, int axis, const ConvTap& tap, std::int64_t begin, std::int64_t end) {
  const std::int64_t step = r.step[axis], low = -tap.at[axis], high = r.source.size[axis] - tap.at[axis];
  return {most(begin, low <= 0 ? 0 : parts(low, step)), least(end, high <= 0 ? 0 : parts(high, step))};
}

// The part of the source that a band of positions reads, by axis: from where on, and how far.
struct Box {
  std::int64_t from[3], size[3];
  std::int64_t count() const { return size[0] * size[1] * size[2]; }
};
Box box_of(const ConvReader& r, const std::int64_t* first, const std::int64_t* count) {
  Box b;
  for (int i = 0; i < 3; ++i) {
    std::int64_t low = 0, high = 0;
    for (std::size_t t = 0; t < r.taps.size(); ++t) {
      const std::int64_t at = r.taps[t].at[i];
      low = t == 0 ? at : least(low, at), high = t == 0 ? at : most(high, at);
    }
    b.from[i] = first[i] * r.step[i] + low, b.size[i] = (count[i] - 1) * r.step[i] + high - low + 1;
  }
  return b;
}

// Lines of the source are copied once, with zeros around them; then nothing is at a border.
template <class T>
class Direct {
 public:
  Direct(const ConvSum& s, const ConvFinish& f)
      : s_(s), finish_(f), kernels_(conv_table(s.type)), taps_(static_cast<std::int64_t>(s.reader.taps.size())) {
    kernel_ = 0;
    while (lines_rows[kernel_] < s.rows) ++kernel_;
    rows_ = lines_rows[kernel_];
    const std::int64_t* positions = s.reader.positions;
    const std::int64_t line = most(1, s.channels) * positions[2] * s.reader.step[1] * s.reader.step[2];  // of the source
    band_ = least(positions[1], most(1, least(band_sums / (rows_ * positions[2]), most_copied / 2 / line)));
    bands_ = parts(positions[1], band_);
    const std::int64_t first[3] = {0, 0, 0}, count[3] = {1, band_, positions[2]};
    box_ = box_of(s.reader, first, count);
  }
  // Copies are not much more than what is computed from them, and stay in cache.
  bool fits() const {
    const std::int64_t computed = band_ * s_.reader.positions[2];
    return box_.count() <= 4096 + 8 * computed * s_.rows && s_.channels * box_.count() <= most_copied;
  }

  // Work is cut by images, groups, and bands of lines of one plane of positions.
  void run() const {
    const std::int64_t planes = s_.reader.positions[0], work = rows_ * band_ * s_.reader.positions[2] * most(1, s_.channels * taps_);
    std::atomic<bool> no_memory{false};
    parallel(s_.batch * s_.groups * planes * bands_, most(1, chunk_products / work), [&](std::int64_t t, std::int64_t e) {
      try {
        for (; t < e; ++t) band(t / bands_ / planes / s_.groups, t / bands_ / planes % s_.groups, t / bands_ % planes, t % bands_ * band_);
      } catch (const std::bad_alloc&) {
        no_memory = true;
      }
    });
    if (no_memory) throw std::bad_alloc();
  }

 private:
  static constexpr std::int64_t slack = 8 * 64 / sizeof(T);  // four vectors, at steps of 2
  static T* room(int which, std::int64_t n) { return static_cast<T*>(scratch(which, static_cast<std::size_t>(n) * sizeof(T))); }

  void band(std::int64_t image, std::int64_t group, std::int64_t p0, std::int64_t begin) const {
    const ConvReader& r = s_.reader;
    const std::int64_t width = r.positions[2], lines = least(band_, r.positions[1] - begin), n = lines * width, depth = s_.channels * taps_;
    const std::int64_t first[3] = {p0, begin, 0}, count[3] = {1, lines, width};
    const Box box = box_of(r, first, count);
    T* const x = copy(reinterpret_cast<const T*>(r.source.data) + image * r.source.batch + group * s_.channels * r.source.channel, box);
    T* const w = room(scratch_partial, depth * rows_);
    auto* const offset = static_cast<std::int64_t*>(scratch(scratch_line, static_cast<std::size_t>(most(1, depth)) * sizeof(std::int64_t)));
    describe(reinterpret_cast<const T*>(s_.weights) + group * s_.group, first, box, w, offset);
    T* const sums = room(scratch_product, rows_ * (n + slack));
    kernels_.lines[kernel_]({sums, x, w, offset, depth, lines, width, n + slack, r.step[1] * box.size[2], r.step[2]});
    finish_.store(reinterpret_cast<const char*>(sums), n + slack, group * s_.rows, s_.rows,
                  image * r.count() + (p0 * r.positions[1] + begin) * width, n);
  }

  T* copy(const T* from, const Box& box) const {
    const ConvArray& a = s_.reader.source;
    T* const x = room(scratch_a, s_.channels * box.count() + slack);
    const std::int64_t low = least(box.size[2], most(0, -box.from[2])), high = most(low, least(box.size[2], a.size[2] - box.from[2]));
    T* to = x;
    for (std::int64_t c = 0; c < s_.channels; ++c, from += a.channel)
      for (std::int64_t i = box.from[0]; i < box.from[0] + box.size[0]; ++i)
        for (std::int64_t j = box.from[1]; j < box.from[1] + box.size[1]; ++j, to += box.size[2]) {
          const bool inside = i >= 0 && i < a.size[0] && j >= 0 && j < a.size[1] && low < high;
          if (!inside) {
            std::memset(to, 0, static_cast<std::size_t>(box.size[2]) * sizeof(T));
            continue;
          }
          const T* const line = from + i * a.stride[0] + j * a.stride[1] + (box.from[2] + low) * a.stride[2];
          for (std::int64_t k = 0; k < low; ++k) to[k] = 0;
          if (a.stride[2] == 1)
            std::memcpy(to + low, line, static_cast<std::size_t>(high - low) * sizeof(T));
          else
            for (std::int64_t k = low; k < high; ++k) to[k] = line[(k - low) * a.stride[2]];
          for (std::int64_t k = high; k < box.size[2]; ++k) to[k] = 0;
        }
    return x;
  }

  // The weights in the order of the sum, and where in the copy each of them looks first.
  void describe(const T* weights, const std::int64_t* first, const Box& box, T* w, std::int64_t* offset) const {
    for (std::int64_t c = 0; c < s_.channels; ++c)
      for (const ConvTap& tap : s_.reader.taps) {
        std::int64_t at = c * box.size[0];
        for (int i = 0; i < 3; ++i) at = (i ? at * box.size[i] : at) + first[i] * s_.reader.step[i] + tap.at[i] - box.from[i];
        *offset++ = at;
        const T* const from = weights + c * s_.channel + tap.weight;
        for (std::int64_t r = 0; r < rows_; ++r) *w++ = r < s_.rows ? from[r * s_.row] : T{0};
      }
  }

  const ConvSum& s_;
  const ConvFinish& finish_;
  const ConvTable& kernels_;
  std::int64_t taps_, rows_, band_, bands_;
  int kernel_;
  Box box_;  // of the first band
};

template <class T>
bool run_direct(const ConvSum& s, const ConvFinish& f) {
  const Direct<T> direct(s, f);
  if (!direct.fits()) return false;
  direct.run();
  return true;
}

}  // namespace

bool convolve_direct(const ConvSum& s, const ConvFinish& f) {
  const auto k = s.channels * static_cast<std::int64_t>(s.reader.taps.size());
  if (s.rows > 8 || k == 0 || k > 2048 || s.reader.positions[2] < 8 || s.reader.step[2] > 2) return false;
  return s.type == 0 ? run_direct<float>(s, f) : run_direct<double>(s, f);
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
          kernels.dots({sums + o * bytes, dy + (o * s.dy.channel + to) * bytes, x + from * bytes, line.end - line.begin,
                        place.end - place.begin, s.dy.stride[1], r.step[1] * r.source.stride[1], r.step[2] * r.source.stride[2]});
      }
      sums += pitch * bytes;
    }
}

}  // namespace mushin::builtin
