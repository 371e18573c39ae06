// The pointwise part of a recurrent layer's step, for one row of the batch.
#pragma once
#include <cstdint>

namespace mushin::builtin {

/// Names as in the plugin header; n: hidden. Gates lie one after the other.
struct RnnForward {
  std::int64_t n;
  const float *x, *product;     // gates * n: of the inputs, and h w^T
  const float *before, *extra;  // n: h before; the c before, or b
  float *h, *s;
};
struct RnnBackward {
  std::int64_t n;
  const float *y, *s, *before, *cell;  // cell: the c before
  const float *dy, *product;           // n: of this step's h, and what later steps' gates give to it
  float* carry;                        // n: LSTM: dc, and then of the c before. GRU: what later steps add to dh, and then this one
  float *dx, *own;                     // gates * n; own: of h w^T, where that is not dx (GRU)
};
/// In the order of the kinds.
struct RnnKernels {
  void (*forward[4])(const RnnForward&);
  void (*backward[4])(const RnnBackward&);
};
const RnnKernels& rnn_kernels();

}  // namespace mushin::builtin
