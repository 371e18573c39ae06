// Gradients of the weights: products over the positions, which are cut in chunks whose sums are added up in order.
#include <atomic>
#include <cstring>
#include <new>

#include "conv.hpp"
#include "gemm.hpp"

namespace mushin::builtin {
namespace {

constexpr std::int64_t block_positions = 256, block_sums = 65536, wanted_jobs = 16, least_chunk = 1024;

std::int64_t parts(std::int64_t n, std::int64_t of) { return (n + of - 1) / of; }

class WeightSum {
 public:
  explicit WeightSum(const ConvWeightSum& s)
      : s_(s),
        gemm_(gemm_table(s.type)),
        kernels_(conv_table(s.type)),
        bytes_(s.type == 0 ? 4 : 8),
        rows_(s.channels * static_cast<std::int64_t>(s.reader.taps.size())),
        positions_(s.reader.count()),
        n_(s.batch * positions_) {
    pitch_ = parts(s.outputs, gemm_.panel_columns) * gemm_.panel_columns;
    block_rows_ = least(rows_, most(1, block_sums / pitch_));
    row_blocks_ = parts(rows_, block_rows_);
    chunks_ = most(1, least(parts(wanted_jobs, s.groups * row_blocks_), n_ / least_chunk));
    chunk_ = most(1, parts(n_, chunks_));
    direct_ = s.outputs <= (s.reader.positions[2] < 16 ? 2 : 8) && s.reader.positions[2] >= 8 && s.dy.stride[2] == 1;
    if (direct_) {  // by images
      block_rows_ = rows_, row_blocks_ = 1;
      chunks_ = most(1, least(parts(wanted_jobs, s.groups), s.batch)), chunk_ = most(1, parts(s.batch, chunks_));
    }
  }

  void run(const ConvWeightResult& result) {
    const std::int64_t size = rows_ * pitch_ * bytes_;  // of a group's sums
    sums_ = static_cast<char*>(scratch(scratch_b, static_cast<std::size_t>(chunks_ * s_.groups * size)));
    std::atomic<bool> no_memory{false};
    parallel(chunks_ * s_.groups * row_blocks_, 1, [&](std::int64_t t, std::int64_t e) {
      try {
        for (; t < e; ++t) {
          const std::int64_t rest = t / row_blocks_, row = t % row_blocks_ * block_rows_;
          block(rest % s_.groups, rest / s_.groups * chunk_, row, least(block_rows_, rows_ - row),
                sums_ + rest * size + row * pitch_ * bytes_);
        }
      } catch (const std::bad_alloc&) {
        no_memory = true;
      }
    });
    if (no_memory) throw std::bad_alloc();
    const std::int64_t all = s_.groups * rows_ * pitch_;
    parallel(all, 16384, [&](std::int64_t b, std::int64_t e) {
      if (bytes_ == 4)
        add_up<float>(all, b, e);
      else
        add_up<double>(all, b, e);
    });
    parallel(s_.groups, most(1, 16384 / (rows_ * pitch_)), [&](std::int64_t g, std::int64_t e) {
      for (; g < e; ++g) result.group(result.arg, g, sums_ + g * size, pitch_);
    });
  }

 private:
  template <class T>
  void add_up(std::int64_t all, std::int64_t begin, std::int64_t end) const {
    T* to = reinterpret_cast<T*>(sums_);
    for (std::int64_t c = 1; c < chunks_; ++c)
      for (std::int64_t i = begin; i < end; ++i) to[i] += to[c * all + i];
  }

  void images(std::int64_t group, std::int64_t begin, char* sums) const {
    std::memset(sums, 0, static_cast<std::size_t>(rows_ * pitch_ * bytes_));
    for (std::int64_t b = begin; b < least(s_.batch, begin + chunk_); ++b) add_weights_direct(s_, sums, pitch_, b, group);
  }

  // The rows' sums over one chunk of positions.
  void block(std::int64_t group, std::int64_t begin, std::int64_t row, std::int64_t rows, char* sums) const {
    if (direct_) return images(group, begin, sums);
    std::memset(sums, 0, static_cast<std::size_t>(rows * pitch_ * bytes_));
    const std::int64_t some = 8 * gemm_.panel_rows, u_pitch = block_positions + 64 / bytes_;
    char* dy = static_cast<char*>(scratch(scratch_a, static_cast<std::size_t>(block_positions * pitch_ * bytes_)));
    char* values = static_cast<char*>(scratch(scratch_product, static_cast<std::size_t>((some + 1) * u_pitch * bytes_)));
    ConvStretches stretches(s_.reader, block_positions);
    ConvUnfolding u = stretches.unfolding(u_pitch);
    u.source = s_.reader.source.data + group * s_.channels * s_.reader.source.channel * bytes_;
    const std::int64_t end = least(n_, begin + chunk_);
    for (; begin < end; begin += block_positions) {
      const std::int64_t n = least(block_positions, end - begin);
      pack_dy(dy, group, begin, n);
      stretches.find(begin, n);
      for (std::int64_t r = 0; r < rows; r += some) {
        const std::int64_t m = least(some, rows - r);
        kernels_.unfold(values, u, row + r, row + r + m);
        kernels_.add_rows({sums + r * pitch_ * bytes_, values, dy, m, pitch_, n, pitch_, u_pitch});
      }
    }
  }

  // Panels of outputs by position.
  void pack_dy(char* to, std::int64_t group, std::int64_t begin, std::int64_t n) const {
    const ConvArray& dy = s_.dy;
    const std::int64_t width = gemm_.panel_columns, flat = flat_from();
    for (std::int64_t o = 0; o < s_.outputs; o += width, to += width * n * bytes_) {
      const char* from = dy.data + (group * s_.outputs + o) * dy.channel * bytes_;
      const std::int64_t columns = least(width, s_.outputs - o);
      for (std::int64_t i = 0; i < n;) {
        std::int64_t at = (begin + i) / positions_ * dy.batch, index = (begin + i) % positions_;
        std::int64_t count = least(n - i, flat == 0 ? positions_ - index : dy.size[2] - index % dy.size[2]);
        for (int k = 2; k >= 0; --k) at += index % dy.size[k] * dy.stride[k], index /= dy.size[k];
        gemm_.pack_b(to + i * width * bytes_, from + at * bytes_, count, columns, dy.stride[2], dy.channel);
        i += count;
      }
    }
  }
  // 0: dy's positions lie at equal steps.
  int flat_from() const {
    const ConvArray& dy = s_.dy;
    for (int i = 1; i >= 0; --i)
      if (dy.size[i] != 1 && dy.stride[i] != dy.stride[i + 1] * dy.size[i + 1]) return i + 1;
    return 0;
  }

  const ConvWeightSum& s_;
  const GemmTable& gemm_;
  const ConvTable& kernels_;
  std::int64_t bytes_, rows_, positions_, n_, pitch_, block_rows_, row_blocks_, chunks_, chunk_;
  bool direct_;  // few outputs: lines of dy and of the source are multiplied where they lie
  char* sums_ = nullptr;
};

}  // namespace

void convolve_weights(const ConvWeightSum& s, const ConvWeightResult& result) {
  if (s.groups > 0 && s.outputs > 0 && s.channels > 0 && !s.reader.taps.empty()) WeightSum(s).run(result);
}

}  // namespace mushin::builtin
