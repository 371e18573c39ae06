// Random programs that give the same bits however they are evaluated.
#pragma once
#include <array>
#include <random>

#include "core/product.hpp"
#include "mushin/tensor/core/makers.hpp"
#include "mushin/tensor/ops/matmul.hpp"
#include "mushin/tensor/ops/normalize.hpp"
#include "mushin/tensor/ops/reduce.hpp"
#include "mushin/tensor/ops/softmax.hpp"
#include "support.hpp"

namespace mushin::core::test {

/// What became of a program's parts. `body`: a pending expression was reduced, and is pending still; `outputs`: evaluating one value wrote
/// another one, too; the next four: the product ran as one plan with what follows it; `missed`: it did not, with a kernel that could; the
/// others: a value of that kind was made, of 16 bits where nothing else is said, from or for what was pending.
enum class Part { body, outputs, bias, activation, residual, scaling, softmax, normalize, cast, half, missed, count };
using Counts = std::array<unsigned, static_cast<std::size_t>(Part::count)>;

/// Of most seeds float, of the others what else has arithmetic.
inline dtype type_of(unsigned seed) {
  constexpr dtype others[] = {dtype::f64, dtype::f16, dtype::bf16, dtype::i8, dtype::u8, dtype::i32, dtype::i64, dtype::f16, dtype::bf16};
  return seed % 2 ? dtype::f32 : others[seed / 2 % std::size(others)];
}

/// One random expression over few leaves of sizes that broadcast, with everything that shares, views, reduces or reads along the way.
/// `split`: each value is evaluated as soon as it is made. Of every 64th seed the matrices are larger, for kernels of large products and
/// for sums that are more than a tile.
class RandomExpression {
 public:
  explicit RandomExpression(unsigned seed, bool split = false)
      : gen_(seed), type_(type_of(seed)), split_(split), rows_(seed % 64 ? 3 : 49), columns_(seed % 64 ? 5 : 50) {}

  std::vector<std::vector<std::byte>> run() {
    const Sizes shapes[leaves] = {{rows_, columns_}, {columns_}, {rows_, 1}, {}, {1, columns_}};
    for (unsigned i = 0; i < leaves; ++i) {
      pool_.push_back(leaf(shapes[i], i + 1));
      if (pick(3) == 0) pool_.back() = scattered(pool_.back());
    }
    weight_ = leaf({columns_, columns_}, leaves + 1);
    const unsigned steps = 3 + pick(40);
    for (unsigned i = 0; i < steps; ++i) {
      step_once();
      if (pool_.size() > leaves && pick(4) == 0) pool_.erase(pool_.begin() + leaves + pick(static_cast<unsigned>(pool_.size() - leaves)));
    }
    std::vector<std::vector<std::byte>> all;
    if (pick(2)) evaluate(pool_.data() + leaves, static_cast<unsigned>(pool_.size() - leaves));
    for (const Array& a : pool_) all.push_back(bytes_from(a));
    return all;
  }
  const Counts& counts() const { return counts_; }

 private:
  static constexpr unsigned leaves = 5;

  Array leaf(const Sizes& s, unsigned seed) const {
    return array(s, random_values(static_cast<std::size_t>(s.count()), type_ == dtype::u8 ? 0 : -2, 2, type_, seed), type_);
  }
  unsigned pick(unsigned n) { return static_cast<unsigned>(gen_() % n); }
  const Array& any() { return pool_[pick(2) ? pick(static_cast<unsigned>(pool_.size())) : static_cast<unsigned>(pool_.size()) - 1]; }
  static bool is_pending(const Array& a) { return node_of(a)->state.load() == State::pending; }
  bool large() const { return rows_ > 3; }
  void count(Part p, bool really = true) { counts_[static_cast<std::size_t>(p)] += really; }

  void step_once() {
    const Array a = any(), b = any();
    switch (const unsigned kind = pick(24)) {
      case 0:
      case 1:
        push(add(a, b));
        break;
      case 3:
        push(mul(a, b));
        break;
      case 5:
        push(sub(a, b));
        break;
      case 6:
        push(maximum(a, b));
        break;
      case 7:
        push(bounded(a));
        break;
      case 8:
        push(where(less(a, b), a, b));
        break;
      case 9:
        push(mul(a, literal(is_float(type_) ? 0.01 * pick(100) : pick(100), type_)));
        break;
      case 10:
        push(sub(literal(1, type_), a));
        break;
      case 11:
        push(neg(a));
        break;
      case 12:
      case 13:
        reduce(a, b, kind == 13);
        break;
      case 14:
        if (a.rank() == 2) push(transpose(transpose(a)));
        break;
      case 15:
        bytes_from(a);
        break;
      case 16:
        pool_.back() = add(a, a);
        break;
      case 17:
        normalized(a, b);
        break;
      case 18:
        converted(a, b);
        break;
      case 19:
        read_one_of_two(a, b);
        break;
      case 20:
        if (a.rank() == 2 && b.rank() == 2 && a.sizes() == b.sizes()) push(bounded(add(matmul(matmul(a, transpose(b)), a), b)));
        break;
      default:
        product(pick(4));
    }
  }

  void reduce(const Array& a, const Array& b, bool to_sizes) {
    const Array body = to_sizes ? add(a, b) : mul(sub(a, b), a);
    if (!body.rank()) return;
    const bool pending = is_pending(body);
    const unsigned last = 1u << (body.rank() - 1), all = 2 * last - 1;
    const Array made = to_sizes ? sum_to(body, a.sizes()) : pick(2) ? sum_over(body, pick(3), last, all) : max(body, 1, false);
    count(Part::body, pending && is_pending(body) && refs_of(node_of(body)) == 1 && is_buffer(node_of(made)));
    push(cast(made, type_));
  }

  Array sum_over(const Array& body, unsigned which, unsigned last, unsigned all) {
    if (which == 0) return sum(body, 1, pick(2));
    const Array some = sum(body, which == 1 ? last : all, which == 1);
    return which == 1 ? some : mul(some, literal(is_float(type_) ? 0.001 : 1, some.type()));
  }

  // What lies between two values that are both needed may be written in one pass.
  void read_one_of_two(const Array& a, const Array& b) {
    if (!is_float(type_)) return;
    const Array inner = tanh(mul(add(a, b), sub(b, a))), root = bounded(add(mul(inner, inner), b));
    const bool pending = is_pending(inner) && is_pending(root);
    push(inner);
    if (pick(2)) evaluate(root);
    count(Part::outputs, pending && is_buffer(node_of(root)) && is_buffer(node_of(inner)));
    push(root);
  }

  // Operators for the lines along the last axis, before and after which pointwise ops stand.
  void normalized(const Array& a, const Array& b) {
    if (!is_float(type_) || !a.rank()) return;
    const Array x = bounded(add(a, b));
    const unsigned last = x.rank() - 1;
    const bool pending = is_pending(x), lines = x.rank() == 2 && x.sizes()[1] == columns_ && pick(2);
    const Array y = lines ? layer_norm(x, pool_[1], sub(pool_[1], pool_[3]), 1e-5) : pick(2) ? softmax(x, last) : log_softmax(x, last);
    count(lines ? Part::normalize : Part::softmax, pending);
    push(mul(y, b));
  }

  void converted(const Array& a, const Array& b) {
    constexpr dtype types[] = {dtype::f16, dtype::bf16, dtype::f32, dtype::f64, dtype::i8, dtype::u8, dtype::i32, dtype::i64};
    const dtype t = types[pick(std::size(types))];
    const Array x = cast(bounded(add(a, b)), t), y = add(x, x), z = cast(y, type_);
    const bool pending = is_pending(z);
    count(Part::cast, pending && t != type_);
    count(Part::half, pending && is_half(t) && t != type_);
    push(z);
  }

  // A product and what follows it, without anything else that holds it.
  void product(unsigned kind) {
    const Array &left = pool_[0], &right = weight_, &bias = pool_[1 + pick(2)];
    const std::size_t before = epilogue_count();
    Array made;
    if (kind == 0)
      made = add(matmul(left, right), bias);
    else if (kind == 1)
      made = is_float(type_) && pick(2) ? relu(add(bias, matmul(left, right))) : bounded(matmul(left, right));
    else if (kind == 2)
      made = maximum(sub(matmul(left, right), pool_[0]), bias);
    else
      made = sub(mul(matmul(left, right), literal(is_float(type_) ? 0.01 * pick(100) : pick(9), type_)), literal(1, type_));
    const bool now = pick(2), pending = is_pending(made);
    if (now) evaluate(made);
    const bool matched = epilogue_count() == before + 1;
    count(static_cast<Part>(static_cast<unsigned>(Part::bias) + kind), matched);
    count(Part::missed, now && pending && !matched && !large());
    push(bounded(made));
  }

  Array bounded(const Array& a) const { return is_float(type_) ? tanh(a) : minimum(abs(a), literal(100, type_)); }
  void push(const Array& a) {
    pool_.push_back(a);
    if (split_) evaluate(a);
  }

  std::mt19937 gen_;
  dtype type_;
  bool split_;
  std::int64_t rows_, columns_;
  std::vector<Array> pool_;
  Array weight_;
  Counts counts_{};
};

}  // namespace mushin::core::test
