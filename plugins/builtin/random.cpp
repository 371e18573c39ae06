// RANDOM: counter-based, so any chunk can be made alone.
#include "random.hpp"

#include <cstring>

#include "common.hpp"

namespace mushin::builtin {
namespace {

constexpr std::int64_t blocks_at_once = 512, chunk_blocks = 4096;

using Convert = void (*)(void* to, const std::uint32_t* words, std::int64_t n);

void uniform_f32(void* to, const std::uint32_t* words, std::int64_t n) {
  float* d = static_cast<float*>(to);
  for (std::int64_t i = 0; i < n; ++i) d[i] = static_cast<float>(static_cast<std::int32_t>(words[i] >> 8)) * 0x1p-24f;
}
// Low word first.
std::uint64_t word64(const std::uint32_t* words, std::int64_t i) {
  std::uint64_t w;
  std::memcpy(&w, words + 2 * i, sizeof w);
  return w;
}
void uniform_f64(void* to, const std::uint32_t* words, std::int64_t n) {
  double* d = static_cast<double*>(to);
  for (std::int64_t i = 0; i < n; ++i) d[i] = static_cast<double>(static_cast<std::int64_t>(word64(words, i) >> 11)) * 0x1p-53;
}
void bits_i64(void* to, const std::uint32_t* words, std::int64_t n) {
  std::memcpy(to, words, static_cast<std::size_t>(n) * sizeof(std::int64_t));
}

struct Random final : mu_plan {
  Random(Convert c, std::size_t b) : convert(c), bytes(static_cast<std::int64_t>(b)), per_block(16 / bytes) {}

  mu_code run(const mu_tensor* in, const mu_tensor* out, mu_error* error) noexcept override {
    if (!is_contiguous(out[0])) return mu_fail(error, MU_INVALID, 0, "[random] the output must be contiguous");
    std::uint64_t key, counter;
    const char* seed = address(in[0]);
    std::memcpy(&key, seed, sizeof key);
    std::memcpy(&counter, seed + in[0].stride[0] * 8, sizeof counter);
    const std::int64_t n = count_of(out[0]);
    char* to = address(out[0]);
    parallel((n + per_block - 1) / per_block, chunk_blocks, [&](std::int64_t b, std::int64_t e) {
      alignas(64) std::uint32_t words[4 * blocks_at_once];
      for (; b < e; b += blocks_at_once) {
        const std::int64_t blocks = least(blocks_at_once, e - b);
        philox(words, key, counter + static_cast<std::uint64_t>(b), static_cast<std::size_t>(blocks));
        convert(to + b * per_block * bytes, words, least(blocks * per_block, n - b * per_block));
      }
    });
    return MU_OK;
  }
  Convert convert;
  std::int64_t bytes, per_block;
};

}  // namespace

PlanPtr plan_random(const mu_op_random& op, const Views& v) {
  const Type t = checked_type(v.out[0], "[random] output");
  if (checked_type(v.in[0], "[random] seed") != Type::i64 || v.in[0].rank != 1 || v.in[0].dim[0] != 2)
    invalid("[random] the seed must be two int64: key and counter");
  if (!is_contiguous(v.out[0])) invalid("[random] the output must be contiguous");
  if (op.kind == MU_RANDOM_UNIFORM && t == Type::f32) return std::make_unique<Random>(uniform_f32, 4);
  if (op.kind == MU_RANDOM_UNIFORM && t == Type::f64) return std::make_unique<Random>(uniform_f64, 8);
  if (op.kind == MU_RANDOM_BITS && t == Type::i64) return std::make_unique<Random>(bits_i64, 8);
  unsupported("[random] kind " + std::to_string(op.kind) + " is not supported for " + name_of(t));
}

}  // namespace mushin::builtin
