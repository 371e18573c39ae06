#include "simd.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "rnn_kernels.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>
#include <stdint.h>

#include "math-inl.h"
#include "rnn_kernels.hpp"

HWY_BEFORE_NAMESPACE();
namespace mushin::builtin {
namespace HWY_NAMESPACE {
namespace rnn {

// A vector's place on a line; `mask`: of the last one.
template <bool kWhole>
struct Lanes {
  int64_t i;
  hn::Mask<D> mask;

  HWY_INLINE V load(const float* p) const {
    if constexpr (kWhole)
      return hn::LoadU(D(), p + i);
    else
      return hn::MaskedLoad(mask, D(), p + i);
  }
  HWY_INLINE void store(V v, float* p) const {
    if constexpr (kWhole)
      hn::StoreU(v, D(), p + i);
    else
      hn::BlendedStore(v, mask, D(), p + i);
  }
};

// f for vectors along a line of n, with zeros in the other lanes of the last one.
template <class F>
HWY_INLINE void walk(int64_t n, F f) {
  const D d;
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
  int64_t i = 0;
  for (; i + lanes <= n; i += lanes) f(Lanes<true>{i, hn::FirstN(d, 0)});
  if (i < n) f(Lanes<false>{i, hn::FirstN(d, static_cast<size_t>(n - i))});
}

HWY_INLINE V one() { return set(1.0f); }
// s (1 - s) d, (1 - t²) d
HWY_INLINE V through_sigmoid(V s, V d) { return hn::Mul(d, hn::Mul(s, hn::Sub(one(), s))); }
HWY_INLINE V through_tanh(V t, V d) { return hn::Mul(d, hn::Sub(one(), hn::Mul(t, t))); }

void tanh_forward(const RnnForward& r) {
  walk(r.n, [&](auto at) HWY_ATTR { at.store(tanh_v(hn::Add(at.load(r.product), at.load(r.x))), r.h); });
}
void relu_forward(const RnnForward& r) {
  walk(r.n, [&](auto at) HWY_ATTR {
    const V a = hn::Add(at.load(r.product), at.load(r.x));
    at.store(hn::IfThenElse(hn::Lt(a, hn::Zero(D())), hn::Zero(D()), a), r.h);  // NaN stays
  });
}
void lstm_forward(const RnnForward& r) {
  const int64_t n = r.n;
  walk(n, [&](auto at) HWY_ATTR {
    const auto sum = [&](int64_t gate) HWY_ATTR { return hn::Add(at.load(r.product + gate * n), at.load(r.x + gate * n)); };
    const V i = sigmoid_v(sum(0)), f = sigmoid_v(sum(1)), g = tanh_v(sum(2)), o = sigmoid_v(sum(3));
    const V c = hn::Add(hn::Mul(f, at.load(r.extra)), hn::Mul(i, g));
    at.store(i, r.s), at.store(f, r.s + n), at.store(g, r.s + 2 * n), at.store(o, r.s + 3 * n), at.store(c, r.s + 4 * n);
    at.store(hn::Mul(o, tanh_v(c)), r.h);
  });
}
void gru_forward(const RnnForward& r) {
  const int64_t n = r.n;
  walk(n, [&](auto at) HWY_ATTR {
    const V u = hn::Add(at.load(r.product + 2 * n), at.load(r.extra));
    const V reset = sigmoid_v(hn::Add(at.load(r.product), at.load(r.x)));
    const V z = sigmoid_v(hn::Add(at.load(r.product + n), at.load(r.x + n)));
    const V fresh = tanh_v(hn::Add(at.load(r.x + 2 * n), hn::Mul(reset, u)));
    at.store(reset, r.s), at.store(z, r.s + n), at.store(fresh, r.s + 2 * n), at.store(u, r.s + 3 * n);
    at.store(hn::Add(fresh, hn::Mul(z, hn::Sub(at.load(r.before), fresh))), r.h);
  });
}

void tanh_backward(const RnnBackward& r) {
  walk(r.n, [&](auto at) HWY_ATTR { at.store(through_tanh(at.load(r.y), hn::Add(at.load(r.product), at.load(r.dy))), r.dx); });
}
void relu_backward(const RnnBackward& r) {
  walk(r.n, [&](auto at) HWY_ATTR {
    at.store(hn::IfThenElseZero(hn::Gt(at.load(r.y), hn::Zero(D())), hn::Add(at.load(r.product), at.load(r.dy))), r.dx);
  });
}
void lstm_backward(const RnnBackward& r) {
  const int64_t n = r.n;
  walk(n, [&](auto at) HWY_ATTR {
    const V i = at.load(r.s), f = at.load(r.s + n), g = at.load(r.s + 2 * n), o = at.load(r.s + 3 * n), t = tanh_v(at.load(r.s + 4 * n));
    const V dh = hn::Add(at.load(r.product), at.load(r.dy));
    const V dc = hn::Add(at.load(r.carry), through_tanh(t, hn::Mul(dh, o)));
    at.store(through_sigmoid(i, hn::Mul(dc, g)), r.dx);
    at.store(through_sigmoid(f, hn::Mul(dc, at.load(r.cell))), r.dx + n);
    at.store(through_tanh(g, hn::Mul(dc, i)), r.dx + 2 * n);
    at.store(through_sigmoid(o, hn::Mul(dh, t)), r.dx + 3 * n);
    at.store(hn::Mul(dc, f), r.carry);
  });
}
void gru_backward(const RnnBackward& r) {
  const int64_t n = r.n;
  walk(n, [&](auto at) HWY_ATTR {
    const V reset = at.load(r.s), z = at.load(r.s + n), fresh = at.load(r.s + 2 * n), u = at.load(r.s + 3 * n);
    const V dh = hn::Add(hn::Add(at.load(r.product), at.load(r.carry)), at.load(r.dy)), kept = hn::Mul(z, dh);
    const V dn = through_tanh(fresh, hn::Sub(dh, kept)), dr = through_sigmoid(reset, hn::Mul(dn, u));
    const V dz = through_sigmoid(z, hn::Mul(dh, hn::Sub(at.load(r.before), fresh)));
    at.store(dr, r.dx), at.store(dz, r.dx + n), at.store(dn, r.dx + 2 * n);
    at.store(dr, r.own), at.store(dz, r.own + n), at.store(hn::Mul(dn, reset), r.own + 2 * n);
    at.store(kept, r.carry);
  });
}

}  // namespace rnn

RnnKernels make_rnn() {
  return {{rnn::tanh_forward, rnn::relu_forward, rnn::lstm_forward, rnn::gru_forward},
          {rnn::tanh_backward, rnn::relu_backward, rnn::lstm_backward, rnn::gru_backward}};
}

}  // namespace HWY_NAMESPACE
}  // namespace mushin::builtin
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace mushin::builtin {
HWY_EXPORT(make_rnn);
const RnnKernels& rnn_kernels() {
  static const RnnKernels kernels = HWY_DYNAMIC_DISPATCH(make_rnn)();
  return kernels;
}
}  // namespace mushin::builtin
#endif
