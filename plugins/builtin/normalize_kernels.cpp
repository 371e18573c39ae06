#include "simd.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "normalize_kernels.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>
#include <stdint.h>

#include "normalize_kernels.hpp"

HWY_BEFORE_NAMESPACE();
namespace mushin::builtin {
namespace HWY_NAMESPACE {
namespace normalize {
namespace hn = hwy::HWY_NAMESPACE;

template <class T>
using Tag = hn::ScalableTag<T>;
template <class T>
using Vec = hn::Vec<Tag<T>>;

// f(i, load, store) for vectors along a line; the last one is incomplete, with zeros in its other lanes.
template <class T, class F>
HWY_INLINE void walk(int64_t n, F f) {
  const Tag<T> t;
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(t));
  int64_t i = 0;
  for (; i + lanes <= n; i += lanes)
    f([&](const T* p) HWY_ATTR { return hn::LoadU(t, p + i); }, [&](Vec<T> v, T* p) HWY_ATTR { hn::StoreU(v, t, p + i); });
  if (i == n) return;
  const auto m = hn::FirstN(t, static_cast<size_t>(n - i));
  f([&](const T* p) HWY_ATTR { return hn::MaskedLoad(m, t, p + i); }, [&](Vec<T> v, T* p) HWY_ATTR { hn::BlendedStore(v, m, t, p + i); });
}

// Four sums at a time hide the latency of an addition.
template <class T, class F>
HWY_INLINE Vec<T> sum_of(int64_t n, const T* x, F f) {
  const Tag<T> t;
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(t));
  Vec<T> s0 = hn::Zero(t), s1 = s0, s2 = s0, s3 = s0;
  int64_t i = 0;
  for (; i + 4 * lanes <= n; i += 4 * lanes) {
    s0 = hn::Add(s0, f(hn::LoadU(t, x + i))), s1 = hn::Add(s1, f(hn::LoadU(t, x + i + lanes)));
    s2 = hn::Add(s2, f(hn::LoadU(t, x + i + 2 * lanes))), s3 = hn::Add(s3, f(hn::LoadU(t, x + i + 3 * lanes)));
  }
  for (; i < n; i += lanes) {
    const auto m = hn::FirstN(t, static_cast<size_t>(n - i < lanes ? n - i : lanes));
    s0 = hn::Add(s0, hn::IfThenElseZero(m, f(hn::MaskedLoad(m, t, x + i))));
  }
  return hn::SumOfLanes(t, hn::Add(hn::Add(s0, s1), hn::Add(s2, s3)));
}

template <class T>
struct Moments {
  Vec<T> mean, scale;  // 1 / sqrt(variance + eps)
};
template <class T>
HWY_INLINE Moments<T> moments(const T* x, int64_t n, double eps) {
  const Tag<T> t;
  const Vec<T> length = hn::Set(t, static_cast<T>(n));
  const Vec<T> mean = hn::Div(sum_of(n, x, [](Vec<T> v) HWY_ATTR { return v; }), length);
  const Vec<T> squares = sum_of(n, x, [mean](Vec<T> v) HWY_ATTR {
    const Vec<T> d = hn::Sub(v, mean);
    return hn::Mul(d, d);
  });
  const Vec<T> variance = hn::Div(squares, length);
  return {mean, hn::Div(hn::Set(t, T{1}), hn::Sqrt(hn::Add(variance, hn::Set(t, static_cast<T>(eps)))))};
}

template <class T>
void layer(T* y, const T* x, const T* gain, const T* bias, int64_t n, double eps) {
  const Moments<T> m = moments(x, n, eps);
  walk<T>(n, [&](auto load, auto store)
                 HWY_ATTR { store(hn::Add(hn::Mul(hn::Mul(hn::Sub(load(x), m.mean), m.scale), load(gain)), load(bias)), y); });
}

template <class T>
void layer_backward(T* dx, T* dgain, T* dbias, const T* x, const T* gain, const T* dy, int64_t n, double eps) {
  const Tag<T> t;
  const Moments<T> m = moments(x, n, eps);
  Vec<T> total = hn::Zero(t), along = total;  // of g = dy gain, and of g times the normalised value
  walk<T>(n, [&](auto load, auto store) HWY_ATTR {
    const Vec<T> cotangent = load(dy), value = hn::Mul(hn::Sub(load(x), m.mean), m.scale), g = hn::Mul(cotangent, load(gain));
    total = hn::Add(total, g);
    along = hn::Add(along, hn::Mul(g, value));
    store(hn::Add(load(dgain), hn::Mul(cotangent, value)), dgain);
    store(hn::Add(load(dbias), cotangent), dbias);
  });
  const Vec<T> length = hn::Set(t, static_cast<T>(n));
  const Vec<T> mean_g = hn::Div(hn::SumOfLanes(t, total), length), slope = hn::Div(hn::SumOfLanes(t, along), length);
  walk<T>(n, [&](auto load, auto store) HWY_ATTR {
    const Vec<T> value = hn::Mul(hn::Sub(load(x), m.mean), m.scale), g = hn::Mul(load(dy), load(gain));
    store(hn::Mul(hn::Sub(hn::Sub(g, mean_g), hn::Mul(value, slope)), m.scale), dx);
  });
}

template <class T>
HWY_INLINE Vec<T> rms_scale(const T* x, int64_t n, double eps) {
  const Tag<T> t;
  const Vec<T> squares = sum_of(n, x, [](Vec<T> v) HWY_ATTR { return hn::Mul(v, v); });
  const Vec<T> mean = hn::Div(squares, hn::Set(t, static_cast<T>(n)));
  return hn::Div(hn::Set(t, T{1}), hn::Sqrt(hn::Add(mean, hn::Set(t, static_cast<T>(eps)))));
}

template <class T>
void rms(T* y, const T* x, const T* gain, int64_t n, double eps) {
  const Vec<T> scale = rms_scale(x, n, eps);
  walk<T>(n, [&](auto load, auto store) HWY_ATTR { store(hn::Mul(hn::Mul(load(x), scale), load(gain)), y); });
}

template <class T>
void rms_backward(T* dx, T* dgain, const T* x, const T* gain, const T* dy, int64_t n, double eps) {
  const Tag<T> t;
  const Vec<T> scale = rms_scale(x, n, eps);
  Vec<T> along = hn::Zero(t);  // of dy gain times the normalised value
  walk<T>(n, [&](auto load, auto store) HWY_ATTR {
    const Vec<T> to_gain = hn::Mul(load(dy), hn::Mul(load(x), scale));
    along = hn::Add(along, hn::Mul(to_gain, load(gain)));
    store(hn::Add(load(dgain), to_gain), dgain);
  });
  const Vec<T> slope = hn::Div(hn::SumOfLanes(t, along), hn::Set(t, static_cast<T>(n)));
  walk<T>(n, [&](auto load, auto store)
                 HWY_ATTR { store(hn::Mul(hn::Sub(hn::Mul(load(dy), load(gain)), hn::Mul(hn::Mul(load(x), scale), slope)), scale), dx); });
}

template <class T>
void add(T* sum, const T* part, int64_t n) {
  walk<T>(n, [&](auto load, auto store) HWY_ATTR { store(hn::Add(load(sum), load(part)), sum); });
}

}  // namespace normalize

void fill_normalize(NormalizeKernels<float>& f, NormalizeKernels<double>& d) {
  f = {normalize::layer<float>, normalize::layer_backward<float>, normalize::rms<float>, normalize::rms_backward<float>,
       normalize::add<float>};
  d = {normalize::layer<double>, normalize::layer_backward<double>, normalize::rms<double>, normalize::rms_backward<double>,
       normalize::add<double>};
}

}  // namespace HWY_NAMESPACE
}  // namespace mushin::builtin
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace mushin::builtin {
HWY_EXPORT(fill_normalize);
namespace {
struct Both {
  NormalizeKernels<float> f;
  NormalizeKernels<double> d;
  Both() { HWY_DYNAMIC_DISPATCH(fill_normalize)(f, d); }
};
const Both& both() {
  static const Both kernels;
  return kernels;
}
}  // namespace
const NormalizeKernels<float>& normalize_f32() { return both().f; }
const NormalizeKernels<double>& normalize_f64() { return both().d; }
}  // namespace mushin::builtin
#endif
