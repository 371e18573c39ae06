#include <algorithm>
#include <cmath>
#include <vector>

#include "dnn.hpp"
#include "emulated_dnn.hpp"
#include "half.hpp"

namespace emulated::dnn {

using namespace mushin::cuda::dnn;
using mushin::cuda::BF16, mushin::cuda::F16, mushin::cuda::wide;

int bytes_of(int type) { return type == type_double ? 8 : type == type_float ? 4 : 2; }

namespace {

double load(const char* p, int type, std::int64_t i) {
  if (type == type_double) return reinterpret_cast<const double*>(p)[i];
  if (type == type_float) return reinterpret_cast<const float*>(p)[i];
  if (type == type_half) return wide(reinterpret_cast<const F16*>(p)[i]);
  return wide(reinterpret_cast<const BF16*>(p)[i]);
}
void store(char* p, int type, std::int64_t i, double x) {
  const auto narrow = static_cast<float>(x);
  if (type == type_double) reinterpret_cast<double*>(p)[i] = x;
  if (type == type_float) reinterpret_cast<float*>(p)[i] = narrow;
  if (type == type_half) mushin::cuda::store(reinterpret_cast<F16*>(p)[i], narrow);
  if (type == type_bfloat16) mushin::cuda::store(reinterpret_cast<BF16*>(p)[i], narrow);
}

std::int64_t place_of(const Tensor& t, const int* at) {
  std::int64_t sum = 0;
  for (int i = 0; i < t.n; ++i) sum += std::int64_t{at[i]} * t.stride[i];
  return sum;
}

// f(index along each axis) for all of a box.
template <class F>
void for_each(int n, const int* dim, const F& f) {
  int at[8] = {};
  for (;;) {
    f(at);
    int i = n - 1;
    while (i >= 0 && ++at[i] == dim[i]) at[i--] = 0;
    if (i < 0) return;
  }
}

// In the order of the view's memory, whatever its strides.
std::vector<double> all(const Tensor& t, const char* from, int digits) {
  std::vector<double> values;
  values.reserve(static_cast<std::size_t>(t.count()));
  for_each(t.n, t.dim, [&](const int* at) {
    double v = load(from, t.type, place_of(t, at));
    if (digits && std::isfinite(v) && v != 0) {
      const int last = std::ilogb(v) + 1 - digits;
      v = std::ldexp(std::nearbyint(std::ldexp(v, -last)), last);
    }
    values.push_back(v);
  });
  return values;
}

// By dims, row-major.
std::size_t number(const Tensor& t, const int* at) {
  std::size_t k = 0;
  for (int i = 0; i < t.n; ++i) k = k * static_cast<std::size_t>(t.dim[i]) + static_cast<std::size_t>(at[i]);
  return k;
}

}  // namespace

void convolve(int kind, const Tensor& x, const Tensor& w, const Tensor& y, const Convolution& c, const Habits& h, char* at_x, char* at_w,
              char* at_y) {
  const Tensor* tensors[] = {&x, &w, &y};
  char* const places[] = {at_x, at_w, at_y};
  const int made = kind == 0 ? 2 : kind == 1 ? 0 : 1;
  std::vector<double> values[3];
  for (int i = 0; i < 3; ++i) {
    if (i == made)
      values[i].assign(static_cast<std::size_t>(tensors[i]->count()), 0.0);
    else
      values[i] = all(*tensors[i], places[i], h.digits);
  }
  const int outputs = w.dim[0] / c.groups;
  for_each(y.n, y.dim, [&](const int* p) {
    int of_w[8] = {p[1]}, of_x[8] = {p[0]};
    for_each(w.n - 1, w.dim + 1, [&](const int* k) {
      std::copy(k, k + w.n - 1, of_w + 1);
      of_x[1] = p[1] / outputs * w.dim[1] + k[0];
      for (int i = 0; i < c.n; ++i) {
        of_x[2 + i] = p[2 + i] * c.stride[i] + k[1 + i] * c.dilation[i] - c.padding[i];
        if (of_x[2 + i] < 0 || of_x[2 + i] >= x.dim[2 + i]) return;
      }
      const std::size_t at[] = {number(x, of_x), number(w, of_w), number(y, p)};
      const int a = made == 0 ? 1 : 0, b = made == 2 ? 1 : 2;
      values[made][at[made]] += values[a][at[a]] * values[b][at[b]];
    });
  });
  bool spreads = false;
  for (int i = 0; i < 3 && h.transforms; ++i)
    for (double v : values[i]) spreads = spreads || !std::isfinite(v);
  const Tensor& to = *tensors[made];
  std::size_t next = 0;
  for_each(to.n, to.dim, [&](const int* at) {
    double v = spreads ? std::nan("") : values[made][next++];
    // As sums in another order would, which are the same where nothing is rounded.
    if (h.nudges && v != std::nearbyint(v))
      v = to.type == type_double ? std::nextafter(v, HUGE_VAL) : std::nextafter(static_cast<float>(v), HUGE_VALF);
    store(places[made], to.type, place_of(to, at), v);
  });
}

}  // namespace emulated::dnn
