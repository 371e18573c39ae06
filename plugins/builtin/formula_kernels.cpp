// Formulas: written once, run over vectors and traced to what programs are compared with.
#include "simd.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "formula_kernels.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "formula.hpp"
#include "math-inl.h"

HWY_BEFORE_NAMESPACE();
namespace mushin::builtin {
namespace HWY_NAMESPACE {
namespace formula {

struct Lanes {
  V v;
};
HWY_INLINE Lanes operator+(Lanes a, Lanes b) { return {hn::Add(a.v, b.v)}; }
HWY_INLINE Lanes operator-(Lanes a, Lanes b) { return {hn::Sub(a.v, b.v)}; }
HWY_INLINE Lanes operator*(Lanes a, Lanes b) { return {hn::Mul(a.v, b.v)}; }
HWY_INLINE Lanes operator/(Lanes a, Lanes b) { return {hn::Div(a.v, b.v)}; }
HWY_INLINE Lanes root_of(Lanes a) { return {hn::Sqrt(a.v)}; }
HWY_INLINE Lanes greater_of(Lanes a, Lanes b) { return {max_v(a.v, b.v)}; }

enum class Decay { none, of_gradient, of_parameter };

/// A step of nn::Adam or nn::AdamW, as it writes it.
template <Decay decay, bool amsgrad>
struct Adam {
  static constexpr int arrays = amsgrad ? 5 : 4, ones = decay == Decay::none ? 6 : 7, outputs = amsgrad ? 4 : 3;

  template <class T>
  static HWY_INLINE void f(const T* array, const T* one, T* out) {
    T g = array[0], p = array[1];
    const T m0 = array[2], v0 = array[3], part = one[0], beta2 = one[1], rest = one[2], root = one[3], eps = one[4], rate = one[5];
    if constexpr (decay == Decay::of_gradient) g = g + p * one[6];
    if constexpr (decay == Decay::of_parameter) p = p * one[6];
    const T m = m0 + (g - m0) * part, v = v0 * beta2 + (g * g) * rest;
    T top = v;
    if constexpr (amsgrad) top = greater_of(array[4], v);
    const T next = p - m / (root_of(top) * root + eps) * rate;
    out[0] = m, out[1] = v, out[outputs - 1] = next;
    if constexpr (amsgrad) out[2] = top;
  }
};

template <class F>
void loop(char* const* slot, const uint8_t* leaf, char* const* outs, size_t n) {
  const D t;
  const size_t lanes = hn::Lanes(t);
  const float* in[F::arrays];
  float* out[F::outputs];
  Lanes array[F::arrays], one[F::ones], y[F::outputs];
  HWY_UNROLL(8) for (int k = 0; k < F::arrays; ++k) in[k] = reinterpret_cast<const float*>(slot[leaf[k]]);
  HWY_UNROLL(8) for (int k = 0; k < F::ones; ++k) one[k].v = set(*reinterpret_cast<const float*>(slot[leaf[F::arrays + k]]));
  HWY_UNROLL(8) for (int k = 0; k < F::outputs; ++k) out[k] = reinterpret_cast<float*>(outs[k]);
  size_t i = 0;
  for (; i + lanes <= n; i += lanes) {
    HWY_UNROLL(8) for (int k = 0; k < F::arrays; ++k) array[k].v = hn::LoadU(t, in[k] + i);
    F::f(array, one, y);
    HWY_UNROLL(8) for (int k = 0; k < F::outputs; ++k) hn::StoreU(y[k].v, t, out[k] + i);
  }
  if (i == n) return;
  const auto m = hn::FirstN(t, n - i);
  HWY_UNROLL(8) for (int k = 0; k < F::arrays; ++k) array[k].v = hn::MaskedLoad(m, t, in[k] + i);
  F::f(array, one, y);
  HWY_UNROLL(8) for (int k = 0; k < F::outputs; ++k) hn::BlendedStore(y[k].v, m, t, out[k] + i);
}

// In the order of the tapes below.
void fill_loops(FormulaLoop* to) {
  to[0] = loop<Adam<Decay::none, false>>, to[1] = loop<Adam<Decay::none, true>>;
  to[2] = loop<Adam<Decay::of_gradient, false>>, to[3] = loop<Adam<Decay::of_gradient, true>>;
  to[4] = loop<Adam<Decay::of_parameter, false>>, to[5] = loop<Adam<Decay::of_parameter, true>>;
}

}  // namespace formula
void fill_formulas(FormulaLoop* to) { formula::fill_loops(to); }
}  // namespace HWY_NAMESPACE
}  // namespace mushin::builtin
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace mushin::builtin {
HWY_EXPORT(fill_formulas);
namespace {

constexpr int formula_count = 6;

struct Traced {
  Tape* tape;
  int at;
};
Traced operation(int op, Traced a, Traced b) {
  Tape& t = *a.tape;
  t.value[t.count] = {static_cast<uint16_t>(op), static_cast<uint16_t>(a.at), static_cast<uint16_t>(b.at)};
  return {&t, t.count++};
}
Traced operator+(Traced a, Traced b) { return operation(MU_PW_ADD, a, b); }
Traced operator-(Traced a, Traced b) { return operation(MU_PW_SUB, a, b); }
Traced operator*(Traced a, Traced b) { return operation(MU_PW_MUL, a, b); }
Traced operator/(Traced a, Traced b) { return operation(MU_PW_DIV, a, b); }
Traced root_of(Traced a) { return operation(MU_PW_SQRT, a, a); }
Traced greater_of(Traced a, Traced b) { return operation(MU_PW_MAX, a, b); }

template <class F>
Tape traced() {
  Tape t{};
  t.arrays = F::arrays, t.leaves = t.count = F::arrays + F::ones, t.outputs = F::outputs;
  Traced leaf[F::arrays + F::ones], y[F::outputs];
  for (int k = 0; k < t.leaves; ++k) leaf[k] = {&t, k};
  F::f(leaf, leaf + F::arrays, y);
  for (int k = 0; k < t.outputs; ++k) t.out[k] = y[k].at;
  return t;
}

struct Tapes {
  using Decay = HWY_NAMESPACE::formula::Decay;
  template <Decay decay, bool amsgrad>
  using Adam = HWY_NAMESPACE::formula::Adam<decay, amsgrad>;

  Tape of[formula_count] = {traced<Adam<Decay::none, false>>(),         traced<Adam<Decay::none, true>>(),
                            traced<Adam<Decay::of_gradient, false>>(),  traced<Adam<Decay::of_gradient, true>>(),
                            traced<Adam<Decay::of_parameter, false>>(), traced<Adam<Decay::of_parameter, true>>()};
  Tapes() {
    FormulaLoop loop[formula_count];
    HWY_DYNAMIC_DISPATCH(fill_formulas)(loop);
    for (int k = 0; k < formula_count; ++k) of[k].loop = loop[k];
  }
};

}  // namespace

const Tape* formula_tapes(int& count) {
  static const Tapes tapes;
  count = formula_count;
  return tapes.of;
}
}  // namespace mushin::builtin
#endif
