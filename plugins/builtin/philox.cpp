#include "simd.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "philox.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>
#include <stdint.h>
#include <string.h>

#include "random.hpp"

HWY_BEFORE_NAMESPACE();
namespace mushin::builtin {
namespace HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;
using Wide = hn::ScalableTag<uint64_t>;

// One block a 64-bit lane. Only the lower halves count until the end: the products take no more.
#if HWY_TARGET == HWY_SCALAR
HWY_INLINE hn::Vec<Wide> times(hn::Vec<Wide> a, uint32_t b) { return hn::Set(Wide(), (hn::GetLane(a) & 0xFFFFFFFFu) * b); }
HWY_INLINE void store(hn::Vec<Wide> a, hn::Vec<Wide> b, uint32_t* to) {
  const uint64_t pair[2] = {hn::GetLane(a), hn::GetLane(b)};
  memcpy(to, pair, sizeof pair);
}
#else
HWY_INLINE hn::Vec<Wide> times(hn::Vec<Wide> a, uint32_t b) {
  const hn::Repartition<uint32_t, Wide> narrow;
  return hn::MulEven(hn::BitCast(narrow, a), hn::Set(narrow, b));
}
HWY_INLINE void store(hn::Vec<Wide> a, hn::Vec<Wide> b, uint32_t* to) {
  hn::StoreInterleaved2(a, b, Wide(), reinterpret_cast<uint64_t*>(to));
}
#endif

HWY_INLINE void some_blocks(uint32_t* words, uint64_t key, uint64_t first) {
  const Wide t;
  const auto block = hn::Iota(t, first);
  auto c0 = block, c1 = hn::ShiftRight<32>(block), c2 = hn::Zero(t), c3 = hn::Zero(t);
  uint32_t k0 = static_cast<uint32_t>(key), k1 = static_cast<uint32_t>(key >> 32);
  for (int round = 0; round < 10; ++round) {
    const auto p = times(c0, 0xD2511F53u), q = times(c2, 0xCD9E8D57u);
    c0 = hn::Xor(hn::Xor(hn::ShiftRight<32>(q), c1), hn::Set(t, k0)), c1 = q;
    c2 = hn::Xor(hn::Xor(hn::ShiftRight<32>(p), c3), hn::Set(t, k1)), c3 = p;
    k0 += 0x9E3779B9u, k1 += 0xBB67AE85u;
  }
  const auto low = hn::Set(t, 0xFFFFFFFFu);
  store(hn::Or(hn::And(c0, low), hn::ShiftLeft<32>(c1)), hn::Or(hn::And(c2, low), hn::ShiftLeft<32>(c3)), words);
}

void philox_blocks(uint32_t* words, uint64_t key, uint64_t first, size_t n) {
  const size_t L = hn::Lanes(Wide());
  size_t i = 0;
  for (; i + L <= n; i += L) some_blocks(words + 4 * i, key, first + i);
  if (i == n) return;
  uint32_t rest[2 * HWY_MAX_BYTES / sizeof(uint32_t)];
  some_blocks(rest, key, first + i);
  for (size_t j = 0; j < 4 * (n - i); ++j) words[4 * i + j] = rest[j];
}

}  // namespace HWY_NAMESPACE
}  // namespace mushin::builtin
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace mushin::builtin {
HWY_EXPORT(philox_blocks);
void philox(std::uint32_t* words, std::uint64_t key, std::uint64_t first, std::size_t blocks) {
  HWY_DYNAMIC_DISPATCH(philox_blocks)(words, key, first, blocks);
}
}  // namespace mushin::builtin
#endif
