#include "simd.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "batch_norm_kernels.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>
#include <stdint.h>

#include "batch_norm_kernels.hpp"

HWY_BEFORE_NAMESPACE();
namespace mushin::builtin {
namespace HWY_NAMESPACE {
namespace batch_norm {
namespace hn = hwy::HWY_NAMESPACE;

template <class T>
using Tag = hn::ScalableTag<T>;
template <class T>
using Vec = hn::Vec<Tag<T>>;

// Two sums of f(i, load), which adds to them what it makes of vectors at i; lanes that lie beyond the line are 0 in what `load` gives, and
// `inside` makes them 0 in what was made of them. Pairs hide the latency of an addition.
template <class T, class F>
HWY_INLINE void walk(int64_t n, F f) {
  const Tag<T> t;
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(t));
  const auto whole = [](Vec<T> v) HWY_ATTR { return v; };
  int64_t i = 0;
  for (; i + 2 * lanes <= n; i += 2 * lanes) {
    f(
        0, [&](const T* p) HWY_ATTR { return hn::LoadU(t, p + i); }, whole, [&](Vec<T> v, T* p) HWY_ATTR { hn::StoreU(v, t, p + i); });
    f(
        1, [&](const T* p) HWY_ATTR { return hn::LoadU(t, p + i + lanes); }, whole,
        [&](Vec<T> v, T* p) HWY_ATTR { hn::StoreU(v, t, p + i + lanes); });
  }
  for (; i < n; i += lanes) {
    const auto m = hn::FirstN(t, static_cast<size_t>(n - i < lanes ? n - i : lanes));
    f(
        0, [&](const T* p) HWY_ATTR { return hn::MaskedLoad(m, t, p + i); }, [m](Vec<T> v) HWY_ATTR { return hn::IfThenElseZero(m, v); },
        [&](Vec<T> v, T* p) HWY_ATTR { hn::BlendedStore(v, m, t, p + i); });
  }
}

// What a chunk of lines holds stays in cache between its two passes.
constexpr int64_t chunk_values = 4096;
HWY_INLINE int64_t lines_of_chunk(int64_t n) { return n >= chunk_values ? 1 : chunk_values / (n ? n : 1); }

template <class T, class F>
HWY_INLINE T sum_of(const T* x, int64_t lines, int64_t pitch, int64_t n, F f) {
  const Tag<T> t;
  Vec<T> s0 = hn::Zero(t), s1 = s0;
  for (int64_t k = 0; k < lines; ++k)
    walk<T>(n, [&](int which, auto load, auto inside, auto) HWY_ATTR {
      Vec<T>& s = which ? s1 : s0;
      s = hn::Add(s, inside(f(load(x + k * pitch))));
    });
  return hn::GetLane(hn::SumOfLanes(t, hn::Add(s0, s1)));
}

// Of each chunk by two passes, then joined: Chan, Golub, LeVeque 1979.
template <class T>
Spread spread(const Lines<const T>& x) {
  const Tag<T> t;
  Spread all{0, 0};
  double seen = 0;
  const int64_t step = lines_of_chunk(x.n);
  for (int64_t k = 0; k < x.count; k += step)
    for (int64_t i = 0; i < x.n; i += chunk_values) {
      const int64_t lines = x.count - k < step ? x.count - k : step, n = x.n - i < chunk_values ? x.n - i : chunk_values;
      const T* const from = x.first + k * x.pitch + i;
      const double count = static_cast<double>(lines * n);
      const double mean = static_cast<double>(sum_of(from, lines, x.pitch, n, [](Vec<T> v) HWY_ATTR { return v; })) / count;
      const Vec<T> middle = hn::Set(t, static_cast<T>(mean));
      const double squares = static_cast<double>(sum_of(from, lines, x.pitch, n, [middle](Vec<T> v) HWY_ATTR {
        const Vec<T> d = hn::Sub(v, middle);
        return hn::Mul(d, d);
      }));
      const double apart = mean - all.mean, share = count / (seen + count);
      all.squares += squares + (seen == 0 ? 0 : apart * apart * seen * share);
      all.mean += apart * share;
      seen += count;
    }
  return all;
}

template <class T>
void normalize(const Lines<T>& y, const Lines<const T>& x, T mean, T scale, T bias) {
  const Tag<T> t;
  const Vec<T> middle = hn::Set(t, mean), s = hn::Set(t, scale), b = hn::Set(t, bias);
  for (int64_t k = 0; k < x.count; ++k)
    walk<T>(x.n, [&](int, auto load, auto, auto store)
                     HWY_ATTR { store(hn::Add(hn::Mul(hn::Sub(load(x.first + k * x.pitch), middle), s), b), y.first + k * y.pitch); });
}

template <class T>
void sums(const Lines<const T>& x, const Lines<const T>& dy, T mean, T* total, T* along) {
  const Tag<T> t;
  const Vec<T> middle = hn::Set(t, mean);
  double both[2] = {0, 0};
  const int64_t step = lines_of_chunk(x.n);
  for (int64_t k = 0; k < x.count; k += step)
    for (int64_t i = 0; i < x.n; i += chunk_values) {
      const int64_t end = x.count - k < step ? x.count : k + step, n = x.n - i < chunk_values ? x.n - i : chunk_values;
      Vec<T> a0 = hn::Zero(t), a1 = a0, b0 = a0, b1 = a0;
      for (int64_t j = k; j < end; ++j)
        walk<T>(n, [&](int which, auto load, auto, auto) HWY_ATTR {
          const Vec<T> g = load(dy.first + j * dy.pitch + i), d = hn::Sub(load(x.first + j * x.pitch + i), middle);
          Vec<T>&a = which ? a1 : a0, &b = which ? b1 : b0;
          a = hn::Add(a, g), b = hn::Add(b, hn::Mul(g, d));
        });
      both[0] += static_cast<double>(hn::GetLane(hn::SumOfLanes(t, hn::Add(a0, a1))));
      both[1] += static_cast<double>(hn::GetLane(hn::SumOfLanes(t, hn::Add(b0, b1))));
    }
  *total = static_cast<T>(both[0]), *along = static_cast<T>(both[1]);
}

template <class T>
void slopes(const Lines<T>& dx, const Lines<const T>& x, const Lines<const T>& dy, T mean, T constant, T slope, T scale) {
  const Tag<T> t;
  const Vec<T> middle = hn::Set(t, mean), c = hn::Set(t, constant), s = hn::Set(t, slope), by = hn::Set(t, scale);
  for (int64_t k = 0; k < x.count; ++k)
    walk<T>(x.n, [&](int, auto load, auto, auto store) HWY_ATTR {
      const Vec<T> d = hn::Sub(load(x.first + k * x.pitch), middle), g = hn::Sub(load(dy.first + k * dy.pitch), c);
      store(hn::Mul(hn::Sub(g, hn::Mul(d, s)), by), dx.first + k * dx.pitch);
    });
}

template <class T>
void row_sum(T* sum, const T* x, int64_t n) {
  walk<T>(n, [&](int, auto load, auto, auto store) HWY_ATTR { store(hn::Add(load(sum), load(x)), sum); });
}
template <class T>
void row_squares(T* sum, const T* x, const T* mean, int64_t n) {
  walk<T>(n, [&](int, auto load, auto, auto store) HWY_ATTR {
    const Vec<T> d = hn::Sub(load(x), load(mean));
    store(hn::Add(load(sum), hn::Mul(d, d)), sum);
  });
}
template <class T>
void row_normalize(T* y, const T* x, const T* mean, const T* scale, const T* bias, int64_t n) {
  walk<T>(n, [&](int, auto load, auto, auto store)
                 HWY_ATTR { store(hn::Add(hn::Mul(hn::Sub(load(x), load(mean)), load(scale)), load(bias)), y); });
}
template <class T>
void row_sums(T* total, T* along, const T* x, const T* dy, const T* mean, int64_t n) {
  walk<T>(n, [&](int, auto load, auto, auto store) HWY_ATTR {
    const Vec<T> g = load(dy), d = hn::Sub(load(x), load(mean));
    store(hn::Add(load(total), g), total);
    store(hn::Add(load(along), hn::Mul(g, d)), along);
  });
}
template <class T>
void row_slopes(T* dx, const T* x, const T* dy, const T* mean, const T* constant, const T* slope, const T* scale, int64_t n) {
  walk<T>(n, [&](int, auto load, auto, auto store) HWY_ATTR {
    const Vec<T> d = hn::Sub(load(x), load(mean)), g = hn::Sub(load(dy), load(constant));
    store(hn::Mul(hn::Sub(g, hn::Mul(d, load(slope))), load(scale)), dx);
  });
}

template <class T>
void fill(BatchNormKernels<T>& k) {
  k = {spread<T>, normalize<T>, sums<T>, slopes<T>, row_sum<T>, row_squares<T>, row_normalize<T>, row_sums<T>, row_slopes<T>};
}

}  // namespace batch_norm

void fill_batch_norm(BatchNormKernels<float>& f, BatchNormKernels<double>& d) { batch_norm::fill(f), batch_norm::fill(d); }

}  // namespace HWY_NAMESPACE
}  // namespace mushin::builtin
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace mushin::builtin {
HWY_EXPORT(fill_batch_norm);
namespace {
struct Both {
  BatchNormKernels<float> f;
  BatchNormKernels<double> d;
  Both() { HWY_DYNAMIC_DISPATCH(fill_batch_norm)(f, d); }
};
const Both& both() {
  static const Both kernels;
  return kernels;
}
}  // namespace
const BatchNormKernels<float>& batch_norm_f32() { return both().f; }
const BatchNormKernels<double>& batch_norm_f64() { return both().d; }
}  // namespace mushin::builtin
#endif
