// Values and gradients of the data: products of the weights, packed once, with what the reader reads, packed panel by panel.
#include <atomic>
#include <new>

#include "conv.hpp"
#include "gemm.hpp"

namespace mushin::builtin {
namespace {

constexpr std::int64_t chunk_products = 600000;  // multiply-adds that are worth handing to a thread
constexpr std::int64_t block_depth = 320, block_sums = 16384, block_rows = 768;

std::int64_t parts(std::int64_t n, std::int64_t of) { return (n + of - 1) / of; }

class Convolution {
 public:
  Convolution(const ConvSum& s, const ConvFinish& f)
      : s_(s),
        finish_(f),
        gemm_(gemm_table(s.type)),
        kernels_(conv_table(s.type)),
        bytes_(s.type == 0 ? 4 : 8),
        taps_(static_cast<std::int64_t>(s.reader.taps.size())),
        k_(s.channels * taps_),
        n_(s.batch * s.reader.count()) {
    depths_ = most(1, parts(k_, block_depth)), depth_ = parts(k_, depths_);
    row_panels_ = parts(s.rows, gemm_.panel_rows), group_ = row_panels_ * gemm_.panel_rows * k_;
  }

  void run() {
    pack_weights();
    const std::int64_t width = gemm_.panel_columns;
    const std::int64_t columns = least(most(1, block_sums / most(1, least(s_.rows, block_rows)) / width), parts(n_, width)) * width;
    const std::int64_t column_blocks = parts(n_, columns);
    // Few blocks of columns are cut by rows: as many parts as give each thread some.
    const std::int64_t wanted = most(parts(s_.rows, block_rows), least(row_panels_, parts(16, column_blocks * s_.groups)));
    const std::int64_t rows = parts(row_panels_, wanted) * gemm_.panel_rows, row_blocks = parts(s_.rows, rows);
    const std::int64_t work = least(rows, s_.rows) * columns * most(k_, 8);
    std::atomic<bool> no_memory{false};
    parallel(s_.groups * column_blocks * row_blocks, most(1, chunk_products / work), [&](std::int64_t t, std::int64_t e) {
      try {
        for (; t < e; ++t) {
          const std::int64_t rest = t / row_blocks, row = t % row_blocks * rows, j = rest % column_blocks * columns;
          block(rest / column_blocks, row, least(rows, s_.rows - row), j, least(columns, n_ - j), columns);
        }
      } catch (const std::bad_alloc&) {
        no_memory = true;
      }
    });
    if (no_memory) throw std::bad_alloc();
  }

 private:
  // By group, part of the depth, and panel of rows.
  char* packed(std::int64_t group, std::int64_t begin, std::int64_t depth, std::int64_t row) const {
    return weights_ + (group * group_ + row_panels_ * gemm_.panel_rows * begin + row * depth) * bytes_;
  }

  void pack_weights() {
    weights_ = static_cast<char*>(scratch(scratch_b, static_cast<std::size_t>(most(1, s_.groups * group_) * bytes_)));
    const std::int64_t work = gemm_.panel_rows * most(1, k_);
    parallel(s_.groups * row_panels_, most(1, 65536 / work), [&](std::int64_t p, std::int64_t e) {
      for (; p < e; ++p)
        for (std::int64_t l = 0; l < k_; l += depth_) pack(p / row_panels_, p % row_panels_ * gemm_.panel_rows, l, least(depth_, k_ - l));
    });
  }
  void pack(std::int64_t group, std::int64_t row, std::int64_t begin, std::int64_t depth) const {
    char* to = packed(group, begin, depth, row);
    if (bytes_ == 4)
      pack_typed(reinterpret_cast<float*>(to), reinterpret_cast<const float*>(s_.weights), group, row, begin, depth);
    else
      pack_typed(reinterpret_cast<double*>(to), reinterpret_cast<const double*>(s_.weights), group, row, begin, depth);
  }
  template <class T>
  void pack_typed(T* to, const T* w, std::int64_t group, std::int64_t row, std::int64_t begin, std::int64_t depth) const {
    const std::int64_t wide = gemm_.panel_rows, rows = least(wide, s_.rows - row);
    w += group * s_.group + row * s_.row;
    std::int64_t channel = begin / most(1, taps_), tap = begin % most(1, taps_);
    for (std::int64_t i = 0; i < depth; ++i, to += wide) {
      const T* from = w + channel * s_.channel + s_.reader.taps[static_cast<std::size_t>(tap)].weight;
      for (std::int64_t r = 0; r < rows; ++r) to[r] = from[r * s_.row];
      for (std::int64_t r = rows; r < wide; ++r) to[r] = T{0};
      if (++tap == taps_) tap = 0, ++channel;
    }
  }

  // Rows [row, row + rows) of a group at positions [j, j + columns).
  void block(std::int64_t group, std::int64_t row, std::int64_t rows, std::int64_t j, std::int64_t columns, std::int64_t pitch) const {
    const std::int64_t width = gemm_.panel_columns;
    char* sums = static_cast<char*>(scratch(scratch_product, static_cast<std::size_t>(rows * pitch * bytes_)));
    char* panel = static_cast<char*>(scratch(scratch_a, static_cast<std::size_t>((depth_ + 1) * width * bytes_)));
    ConvStretches stretches(s_.reader, width);
    ConvUnfolding u = stretches.unfolding(width);
    u.source = s_.reader.source.data + group * s_.channels * s_.reader.source.channel * bytes_;
    for (std::int64_t p = 0; p < columns; p += width) {
      const std::int64_t n = least(width, columns - p);
      stretches.find(j + p, n);
      std::int64_t l = 0;
      do {
        const std::int64_t d = least(depth_, k_ - l);
        if (d > 0) kernels_.unfold(panel, u, l, l + d);
        gemm_.multiply({sums + p * bytes_, packed(group, l, d, row), panel, rows, n, d, pitch, l > 0});
        l += d;
      } while (l < k_);
    }
    finish_.store(sums, pitch, group * s_.rows + row, rows, j, columns);
  }

  const ConvSum& s_;
  const ConvFinish& finish_;
  const GemmTable& gemm_;
  const ConvTable& kernels_;
  std::int64_t bytes_, taps_, k_, n_, depths_, depth_, row_panels_, group_;
  char* weights_ = nullptr;
};

}  // namespace

void convolve(const ConvSum& s, const ConvFinish& f) {
  if (s.rows > 0 && s.batch * s.reader.count() > 0 && !convolve_direct(s, f)) Convolution(s, f).run();
}

}  // namespace mushin::builtin
