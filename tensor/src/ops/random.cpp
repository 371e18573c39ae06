#include "mushin/tensor/ops/random.hpp"

#include <mutex>
#include <numbers>
#include <utility>
#include <vector>

#include "core/capture.hpp"
#include "core/fail.hpp"
#include "core/generator.hpp"
#include "core/literal.hpp"
#include "core/plans.hpp"
#include "core/pointwise.hpp"
#include "core/request.hpp"
#include "mushin/tensor/core/random_state.hpp"
#include "mushin/tensor/ops/pointwise.hpp"

namespace mushin::core {
namespace {

// Philox counts blocks of 128 bits; a draw takes whole blocks, so that no two draws share any.
struct Generator {
  std::mutex mutex;
  std::uint64_t key = 0, counter = 0;
};
Generator& generator() {
  static Generator it;
  return it;
}

constinit thread_local RandomReplay* replay = nullptr;  // the innermost that lives

// {key, counter} on the default device. A replay of a captured function draws the next numbers.
Array next_state(std::uint64_t blocks) {
  const RandomDraw d = replay ? replay->next(blocks) : advance_generator(blocks);
  const std::uint64_t state[2] = {d.key, d.counter};
  Array made;
  {
    const NotRecorded quiet;
    made = fresh_array(default_device(), dtype::i64, {2}, 2, "rand");
    upload_in_order("rand", node_of(made)->block, 0, state, sizeof state);
  }
  if (capturing()) capture::drawn(node_of(made)->block, d, blocks);
  return made;
}
Array draw(const char* name, const Sizes& sizes, dtype type, std::uint32_t kind) {
  const std::int64_t count = checked_count(name, sizes);
  const auto each = static_cast<std::uint64_t>(16 / bytes_of(type));
  const Array from = next_state((static_cast<std::uint64_t>(count) + each - 1) / each);
  Array made = fresh_array(from.device(), type, sizes, count, name);
  if (count == 0) return made;
  const mu_op_random op{{sizeof op, MU_OP_RANDOM}, kind, 0};
  mu_tensor view[2];
  view_of(view[0], node_of(from));
  view_head(view[1], type, 1);
  view_memory(view[1], node_of(made)->block, 0);
  view[1].dim[0] = count;
  view[1].stride[0] = 1;
  request(name, from.device(), &op.h, 1, view);
  return made;
}

void check_float(const char* name, dtype type) {
  if (!is_float(type)) fail<Error>("[{}] needs a float type: {}", name, name_of(type));
}

}  // namespace

RandomDraw advance_generator(std::uint64_t blocks) {
  Generator& g = generator();
  std::lock_guard lock(g.mutex);
  const RandomDraw d{g.key, g.counter};
  g.counter += blocks;
  return d;
}

RandomDraw random_state() { return advance_generator(0); }
void set_random_state(RandomDraw to) {
  if (capturing()) capture::refuse("set_random_state", "sets what replays go on from: set it before");
  Generator& g = generator();
  std::lock_guard lock(g.mutex);
  g.key = to.key;
  g.counter = to.counter;
}

RandomReplay::RandomReplay(std::vector<RandomDraw>& list) noexcept : list_(list), before_(std::exchange(replay, this)) {}
RandomReplay::~RandomReplay() { replay = before_; }
RandomDraw RandomReplay::next(std::uint64_t blocks) {
  if (at_ == list_.size()) list_.push_back(before_ ? before_->next(blocks) : advance_generator(blocks));
  return list_[at_++];
}

Array randu(const Sizes& sizes, dtype type) {
  check_float("rand", type);
  if (!is_half(type)) return draw("rand", sizes, type, MU_RANDOM_UNIFORM);
  // Steps of 2^-11 or 2^-8, which the type has: rounding to it would give 1 too.
  const double steps = type == dtype::f16 ? 0x1p11 : 0x1p8;
  const Array u = draw("rand", sizes, dtype::f32, MU_RANDOM_UNIFORM);
  const Array whole = pointwise(MU_PW_FLOOR, dtype::f32, mul(u, constant(steps, dtype::f32)));
  return cast(mul(whole, constant(1 / steps, dtype::f32)), type);
}

Array randn(const Sizes& sizes, dtype type) {
  check_float("randn", type);
  if (is_half(type)) return cast(randn(sizes, dtype::f32), type);
  const Array u = draw("randn", sizes, type, MU_RANDOM_UNIFORM), v = draw("randn", sizes, type, MU_RANDOM_UNIFORM);
  // 1 - u is in (0, 1]: the logarithm is finite.
  const Array radius = sqrt(mul(constant(-2, type), log(sub(constant(1, type), u))));
  return mul(radius, pointwise(MU_PW_COS, type, mul(constant(2 * std::numbers::pi, type), v)));
}

Array randint(const Sizes& sizes, std::int64_t low, std::int64_t high) {
  std::int64_t span;
  if (low >= high || __builtin_sub_overflow(high, low, &span)) fail<ShapeError>("[randint] no numbers in [{}, {})", low, high);
  const Array bits = draw("randint", sizes, dtype::i64, MU_RANDOM_BITS);
  auto number = [](std::int64_t n, bool baked) {
    Array made = literal_of({}, dtype::i64, static_cast<std::uint64_t>(n), nullptr);
    node_of(made)->baked = baked;
    return made;
  };
  const Array positive = pointwise(MU_PW_AND, dtype::i64, bits, number(INT64_MAX, true));
  return add(pointwise(MU_PW_REM, dtype::i64, positive, number(span, false)), number(low, false));
}

Array permutation(std::int64_t n) {
  const Array bits = draw("permutation", {n}, dtype::i64, MU_RANDOM_BITS);
  std::vector<std::uint64_t> word(static_cast<std::size_t>(n));
  read_all(bits, word.data());
  std::vector<std::int64_t> order(word.size());
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = static_cast<std::int64_t>(i);
  for (std::size_t i = order.size(); i > 1; --i) std::swap(order[i - 1], order[word[i - 1] % i]);
  return from_values({n}, dtype::i64, order.data());
}

}  // namespace mushin::core

namespace mushin {

void manual_seed(std::uint64_t seed) {
  if (core::capturing()) core::capture::refuse("manual_seed", "sets what replays go on from: seed before");
  core::set_random_state({seed, 0});
}

}  // namespace mushin
