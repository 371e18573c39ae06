// SCAN, line by line along one axis.
#include "lines.hpp"

namespace mushin::builtin {
namespace {

struct Sum {
  template <class A>
  static A of(A a, A b) {
    if constexpr (static_cast<A>(0.5) == A{})
      return static_cast<A>(static_cast<std::uint64_t>(a) + static_cast<std::uint64_t>(b));  // integers wrap
    else
      return a + b;
  }
};
struct Product {
  template <class A>
  static A of(A a, A b) {
    if constexpr (static_cast<A>(0.5) == A{})
      return static_cast<A>(static_cast<std::uint64_t>(a) * static_cast<std::uint64_t>(b));
    else
      return a * b;
  }
};
struct Or {
  template <class A>
  static A of(A a, A b) {
    return a | b;
  }
};
struct And {
  template <class A>
  static A of(A a, A b) {
    return a & b;
  }
};

// Neighbouring lines of one input and one output; a negative step where the scan goes back.
struct Block {
  void* to;
  const void* from;
  std::int64_t n, count, to_step, from_step, to_side, from_side;
};

constexpr std::int64_t width = 64;  // neighbours that are walked together

template <class T, class Acc, class Op>
void scan(const Block& b) {
  const T* from = static_cast<const T*>(b.from);
  T* to = static_cast<T*>(b.to);
  if (b.to_side == 1 && b.from_side == 1 && b.count > 1) {
    Acc acc[width];
    for (std::int64_t k = 0; k < b.count; ++k) acc[k] = static_cast<Acc>(from[k]), to[k] = from[k];
    for (std::int64_t i = 1; i < b.n; ++i) {
      from += b.from_step, to += b.to_step;
      for (std::int64_t k = 0; k < b.count; ++k) acc[k] = Op::of(acc[k], static_cast<Acc>(from[k])), to[k] = static_cast<T>(acc[k]);
    }
    return;
  }
  for (std::int64_t k = 0; k < b.count; ++k, from += b.from_side, to += b.to_side) {
    Acc acc = static_cast<Acc>(from[0]);
    to[0] = from[0];
    for (std::int64_t i = 1; i < b.n; ++i) {
      acc = Op::of(acc, static_cast<Acc>(from[i * b.from_step]));
      to[i * b.to_step] = static_cast<T>(acc);
    }
  }
}

using Kernel = void (*)(const Block&);
struct Row {
  Type type, acc;
  Kernel sum, product;
};
constexpr Row rows[] = {
    {Type::f32, Type::f32, scan<float, float, Sum>, scan<float, float, Product>},
    {Type::f64, Type::f64, scan<double, double, Sum>, scan<double, double, Product>},
    {Type::i64, Type::i64, scan<std::int64_t, std::int64_t, Sum>, scan<std::int64_t, std::int64_t, Product>},
    {Type::b8, Type::b8, scan<std::uint8_t, std::uint8_t, Or>, scan<std::uint8_t, std::uint8_t, And>},
};

struct Scan final : mu_plan {
  Scan(Kernel k, std::uint32_t a, std::size_t b, bool r) : kernel(k), axis(a), bytes(static_cast<std::int64_t>(b)), reverse(r) {}

  mu_code run(const mu_tensor* in, const mu_tensor* out, mu_error*) noexcept override {
    const Lines lines(*out, axis);
    const std::int64_t n = out->dim[axis];
    if (n == 0) return MU_OK;
    Block all{nullptr, nullptr, n, 0, lines.step(*out), lines.step(*in), lines.across(*out), lines.across(*in)};
    const std::int64_t to_first = reverse ? (n - 1) * all.to_step : 0, from_first = reverse ? (n - 1) * all.from_step : 0;
    if (reverse) all.to_step = -all.to_step, all.from_step = -all.from_step;
    lines.for_blocks(width, n, [&](std::int64_t group, std::int64_t first, std::int64_t count) {
      Block b = all;
      b.count = count;
      b.to = lines.begin(*out, group, first, bytes) + to_first * bytes;
      b.from = lines.begin(*in, group, first, bytes) + from_first * bytes;
      kernel(b);
    });
    return MU_OK;
  }
  Kernel kernel;
  std::uint32_t axis;
  std::int64_t bytes;
  bool reverse;
};

}  // namespace

PlanPtr plan_scan(const mu_op_scan& op, const Views& v) {
  const Type t = checked_type(v.out[0], "[scan] output");
  if (checked_type(v.in[0], "[scan] input") != t) invalid("[scan] element types differ");
  require_equal_dims(v.in[0], v.out[0], "[scan] input and output");
  if (op.axis >= v.out[0].rank) invalid("[scan] axis " + std::to_string(op.axis) + " is outside of " + dims_text(v.out[0]));
  if (op.kind != MU_SCAN_SUM && op.kind != MU_SCAN_PROD) unsupported("[scan] kind " + std::to_string(op.kind) + " is not known here");
  if (op.flags > MU_SCAN_REVERSE) unsupported("[scan] flags " + std::to_string(op.flags) + " are not known here");
  for (const Row& r : rows)
    if (r.type == t && r.acc == type_of(op.acc))
      return std::make_unique<Scan>(op.kind == MU_SCAN_SUM ? r.sum : r.product, op.axis, bytes_of(t), (op.flags & MU_SCAN_REVERSE) != 0);
  unsupported(std::string("[scan] no sums of ") + name_of(t) + " in " + name_of(type_of(op.acc)));
}

}  // namespace mushin::builtin
