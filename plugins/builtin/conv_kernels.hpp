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

/// y[r y_row + l n + j] = the sum over i < depth of w[i R + r] x[offset[i] + l x_line + j x_step], r < R, l < lines, j < n. x_step: 1 or 2.
/// Lines are made in their order, in whole vectors: x may be read, and the last line written, up to four vectors further.
struct ConvLines {
  void* y;
  const void *x, *w;
  const std::int64_t* offset;
  std::int64_t depth, lines, n, y_row, x_line, x_step;
};

/// *sum += the sum of y[l y_line + j] x[l x_line + j x_step], l < lines, j < n.
struct ConvDots {
  void* sum;
  const void *y, *x;
  std::int64_t lines, n, y_line, x_line, x_step;
};

struct ConvTable {
  /// Rows [begin, end), `pitch` apart. Behind the last one there is room for a vector.
  void (*unfold)(void* to, const ConvUnfolding&, std::int64_t begin, std::int64_t end);
  /// c has whole panels' width.
  void (*add_rows)(const ConvRows&);
  void (*dots)(const ConvDots&);
  /// For R = lines_rows[…].
  void (*lines[5])(const ConvLines&);
};
inline constexpr std::int64_t lines_rows[] = {1, 2, 4, 6, 8};
/// f32 and f64, in the order of Type.
const ConvTable& conv_table(int type);

}  // namespace mushin::builtin
