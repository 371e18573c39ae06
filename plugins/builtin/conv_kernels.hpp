// The inner loops of convolutions.
#pragma once
#include <cstdint>

namespace mushin::builtin {

/// Values that lie `step` apart, and where they go in a row.
struct ConvStretch {
  std::int64_t from, to, count;
};
/// A tap's stretches, in the order of where they go. What they leave out of the row is zero.
struct ConvTapStretches {
  std::int64_t first, count;
  bool whole;  // nothing is left out
};
/// A block of the matrix that a convolution multiplies: row c taps + t holds what tap t reads of channel c at `width` positions.
struct ConvUnfolding {
  const void* source;
  std::int64_t channel, step;  // from one channel, and from one position of a stretch, to the next
  const ConvStretch* stretches;
  const ConvTapStretches* taps;
  std::int64_t n_taps, width, pitch;
};

/// c[r c_row + j] += the sum over i < depth of a[r a_row + i] b[i, j], r < m, j < n. b: in panels as gemm.hpp packs them.
struct ConvRows {
  void* c;
  const void *a, *b;
  std::int64_t m, n, depth, c_row, a_row;
};

/// What one element of the kernel has to do with the lines of one plane each of x and of `rows` outputs; y's neighbours are dense.
struct ConvPlanes {
  void* y;
  const void *x, *w;
  void* sum;
  std::int64_t rows, lines, n, y_row, y_line, w_row, x_line, x_step;
};

struct ConvTable {
  /// Rows [begin, end), `pitch` apart. Behind the last one there is room for a vector.
  void (*unfold)(void* to, const ConvUnfolding&, std::int64_t begin, std::int64_t end);
  /// c has whole panels' width.
  void (*add_rows)(const ConvRows&);
  /// y[r y_row + l y_line + j] += w[r w_row] x[l x_line + j x_step], r < rows, l < lines, j < n
  void (*add_planes)(const ConvPlanes&);
  /// *sum += the sum of y[l y_line + j] x[l x_line + j x_step]
  void (*dot_planes)(const ConvPlanes&);
};
/// f32 and f64, in the order of Type.
const ConvTable& conv_table(int type);

}  // namespace mushin::builtin
