// What the emulated cuDNN keeps in its descriptors, and computes by plain loops over doubles.
#pragma once
#include <cuda_runtime_api.h>

#include <cstdint>

namespace emulated::dnn {

struct Tensor {
  int type = -1, n = 0;
  int dim[8] = {}, stride[8] = {};
  std::int64_t count() const {
    std::int64_t all = 1;
    for (int i = 0; i < n; ++i) all *= dim[i];
    return all;
  }
};
struct Convolution {
  int n = 0, mode = -1, type = -1, math = 0, groups = 1;
  int padding[3] = {}, stride[3] = {}, dilation[3] = {};
};
int bytes_of(int type);

/// How an algorithm departs from the plain sums.
struct Habits {
  bool transforms;  // a NaN anywhere is a NaN everywhere
  bool nudges;      // a rounded sum's last bit is another
  int digits;       // that operands are rounded to; 0: all
};
/// `kind` as MU_CONV_…: the third of x, w and y is made of the other two. Addresses are the process's own.
void convolve(int kind, const Tensor& x, const Tensor& w, const Tensor& y, const Convolution&, const Habits&, char* at_x, char* at_w,
              char* at_y);

}  // namespace emulated::dnn
