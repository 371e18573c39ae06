#include "simd.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "philox.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>
#include <stdint.h>

#include "random.hpp"

HWY_BEFORE_NAMESPACE();
namespace mushin::builtin {
namespace HWY_NAMESPACE {

// Sixteen blocks side by side, so that the compiler makes vectors of them.
void blocks16(uint32_t* words, uint64_t key, uint64_t first) {
  constexpr int wide = 16;
  uint64_t c0[wide], c1[wide], c2[wide], c3[wide];  // the upper halves stay zero
  for (int i = 0; i < wide; ++i) {
    const uint64_t block = first + static_cast<uint64_t>(i);
    c0[i] = block & 0xFFFFFFFFu, c1[i] = block >> 32, c2[i] = 0, c3[i] = 0;
  }
  uint64_t k0 = key & 0xFFFFFFFFu, k1 = key >> 32;
  for (int round = 0; round < 10; ++round) {
    for (int i = 0; i < wide; ++i) {
      const uint64_t p = c0[i] * 0xD2511F53u, q = c2[i] * 0xCD9E8D57u;
      c0[i] = (q >> 32) ^ c1[i] ^ k0, c1[i] = q & 0xFFFFFFFFu;
      c2[i] = (p >> 32) ^ c3[i] ^ k1, c3[i] = p & 0xFFFFFFFFu;
    }
    k0 = (k0 + 0x9E3779B9u) & 0xFFFFFFFFu, k1 = (k1 + 0xBB67AE85u) & 0xFFFFFFFFu;
  }
  for (int i = 0; i < wide; ++i) {
    words[4 * i] = static_cast<uint32_t>(c0[i]), words[4 * i + 1] = static_cast<uint32_t>(c1[i]);
    words[4 * i + 2] = static_cast<uint32_t>(c2[i]), words[4 * i + 3] = static_cast<uint32_t>(c3[i]);
  }
}

void philox_blocks(uint32_t* words, uint64_t key, uint64_t first, size_t n) {
  size_t i = 0;
  for (; i + 16 <= n; i += 16) blocks16(words + 4 * i, key, first + i);
  if (i == n) return;
  uint32_t rest[64];
  blocks16(rest, key, first + i);
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
