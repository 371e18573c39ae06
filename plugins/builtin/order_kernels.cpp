#include "simd.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "order_kernels.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>
#include <stdint.h>
#include <string.h>

#include "order_kernels.hpp"

HWY_BEFORE_NAMESPACE();
namespace mushin::builtin {
namespace HWY_NAMESPACE {
namespace order {
namespace hn = hwy::HWY_NAMESPACE;

// `sign`: the type's highest bit; `infinity`: its bits.
template <class Bits, uint64_t sign, uint64_t infinity>
struct Float {
  using Stored = Bits;
  static HWY_INLINE Bits key(Bits bits) {
    constexpr Bits top = static_cast<Bits>(sign);
    const Bits size = static_cast<Bits>(bits & static_cast<Bits>(~top));
    Bits key = static_cast<Bits>(bits & top ? ~bits : bits | top);
    key = size == 0 ? top : key;
    return size > static_cast<Bits>(infinity) ? static_cast<Bits>(~Bits{0}) : key;
  }
};
// `sign`: 0 where there is none.
template <class Bits, uint64_t sign>
struct Whole {
  using Stored = Bits;
  static HWY_INLINE Bits key(Bits bits) { return static_cast<Bits>(bits ^ static_cast<Bits>(sign)); }
};

template <class Key, class Type>
void make(void* keys, const void* from, int64_t step, int64_t n, bool descending) {
  using Stored = typename Type::Stored;
  const Stored* HWY_RESTRICT x = static_cast<const Stored*>(from);
  Key* HWY_RESTRICT to = static_cast<Key*>(keys);
  const Key flip = descending ? static_cast<Key>(~Key{0}) : Key{0};
  if (step == 1)
    for (int64_t i = 0; i < n; ++i) to[i] = static_cast<Key>(Type::key(x[i])) ^ flip;
  else
    for (int64_t i = 0; i < n; ++i) to[i] = static_cast<Key>(Type::key(x[i * step])) ^ flip;
}

template <class Key>
void least(Key* HWY_RESTRICT to, const Key* HWY_RESTRICT keys, int64_t groups, int64_t rows) {
  for (int64_t j = 0; j < groups; ++j) to[j] = keys[j];
  for (int64_t r = 1; r < rows; ++r) {
    keys += groups;
    for (int64_t j = 0; j < groups; ++j) to[j] = keys[j] < to[j] ? keys[j] : to[j];
  }
}

// Where the mask is not set.
template <class D, class M>
HWY_INLINE int64_t put(D d, uint32_t* at, int64_t count, int64_t first, M beyond) {
  if (hn::AllTrue(d, beyond)) return count;
  uint64_t bits = 0;
  uint8_t bytes[8] = {};
  hn::StoreMaskBits(d, hn::Not(beyond), bytes);
  memcpy(&bits, bytes, sizeof bits);
  for (; bits; bits &= bits - 1) at[count++] = static_cast<uint32_t>(first + __builtin_ctzll(bits));
  return count;
}

template <class Key>
int64_t up_to(uint32_t* at, const Key* keys, int64_t n, Key bound) {
  const hn::ScalableTag<Key> d;
  const int64_t L = static_cast<int64_t>(hn::Lanes(d));
  const auto b = hn::Set(d, bound);
  int64_t count = 0, i = 0;
  for (; i + 4 * L <= n; i += 4 * L) {
    const auto m0 = hn::Lt(b, hn::LoadU(d, keys + i)), m1 = hn::Lt(b, hn::LoadU(d, keys + i + L));
    const auto m2 = hn::Lt(b, hn::LoadU(d, keys + i + 2 * L)), m3 = hn::Lt(b, hn::LoadU(d, keys + i + 3 * L));
    if (hn::AllTrue(d, hn::And(hn::And(m0, m1), hn::And(m2, m3)))) continue;
    count = put(d, at, count, i, m0), count = put(d, at, count, i + L, m1);
    count = put(d, at, count, i + 2 * L, m2), count = put(d, at, count, i + 3 * L, m3);
  }
  for (; i < n; ++i)
    if (keys[i] <= bound) at[count++] = static_cast<uint32_t>(i);
  return count;
}

}  // namespace order

void fill_keys_32(KeyKernels<uint32_t>* k) { *k = {order::least<uint32_t>, order::up_to<uint32_t>}; }
void fill_keys_64(KeyKernels<uint64_t>* k) { *k = {order::least<uint64_t>, order::up_to<uint64_t>}; }
void fill_make_keys(MakeKeys* make) {
  using namespace order;
  make[0] = order::make<uint32_t, Float<uint32_t, 0x80000000u, 0x7F800000u>>;
  make[1] = order::make<uint64_t, Float<uint64_t, uint64_t{1} << 63, uint64_t{0x7FF} << 52>>;
  make[2] = order::make<uint64_t, Whole<uint64_t, uint64_t{1} << 63>>;
  make[3] = order::make<uint32_t, Whole<uint32_t, 0x80000000u>>;
  make[4] = order::make<uint32_t, Whole<uint8_t, 0x80u>>;
  make[5] = make[6] = order::make<uint32_t, Whole<uint8_t, 0>>;
  make[7] = order::make<uint32_t, Float<uint16_t, 0x8000u, 0x7C00u>>;
  make[8] = order::make<uint32_t, Float<uint16_t, 0x8000u, 0x7F80u>>;
}

}  // namespace HWY_NAMESPACE
}  // namespace mushin::builtin
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace mushin::builtin {
HWY_EXPORT(fill_keys_32);
HWY_EXPORT(fill_keys_64);
HWY_EXPORT(fill_make_keys);
namespace {
struct Tables {
  KeyKernels<std::uint32_t> of_32;
  KeyKernels<std::uint64_t> of_64;
  MakeKeys make[9];
  Tables() {
    HWY_DYNAMIC_DISPATCH(fill_keys_32)(&of_32);
    HWY_DYNAMIC_DISPATCH(fill_keys_64)(&of_64);
    HWY_DYNAMIC_DISPATCH(fill_make_keys)(make);
  }
};
const Tables& tables() {
  static const Tables t;
  return t;
}
}  // namespace
const KeyKernels<std::uint32_t>& keys_32() { return tables().of_32; }
const KeyKernels<std::uint64_t>& keys_64() { return tables().of_64; }
MakeKeys make_keys(int type) { return tables().make[type]; }
}  // namespace mushin::builtin
#endif
