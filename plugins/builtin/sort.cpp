// SORT along one axis: each element becomes an unsigned key that orders as the element does, beside its index.
#include <algorithm>
#include <atomic>
#include <bit>
#include <limits>
#include <new>
#include <utility>

#include "lines.hpp"

namespace mushin::builtin {
namespace {

template <class Key, class Float>
Key float_key(Float v) {
  constexpr Key sign = Key{1} << (8 * sizeof(Key) - 1);
  if (v != v) return static_cast<Key>(~Key{0});
  const Key bits = std::bit_cast<Key>(v == 0 ? Float{0} : v);
  return static_cast<Key>(bits & sign ? ~bits : bits | sign);
}
std::uint32_t key_of(float v) { return float_key<std::uint32_t>(v); }
std::uint64_t key_of(double v) { return float_key<std::uint64_t>(v); }
std::uint64_t key_of(std::int64_t v) { return static_cast<std::uint64_t>(v) ^ std::uint64_t{1} << 63; }
std::uint8_t key_of(std::uint8_t v) { return v; }

template <class Key, class Index>
struct Item {
  Key key;
  Index index;
  bool operator<(const Item& o) const { return key < o.key || (key == o.key && index < o.index); }
};

// By one byte of the key after the other, the lowest first; a byte that all keys share is skipped. The result may lie in either.
template <class I>
I* radix_sort(I* items, I* room, std::int64_t n) {
  using Key = decltype(I::key);
  std::int64_t starts[sizeof(Key)][256] = {};
  for (std::int64_t i = 0; i < n; ++i)
    for (unsigned b = 0; b < sizeof(Key); ++b) ++starts[b][items[i].key >> (8 * b) & 255];
  for (unsigned b = 0; b < sizeof(Key); ++b) {
    std::int64_t* start = starts[b];
    if (start[items[0].key >> (8 * b) & 255] == n) continue;
    std::int64_t sum = 0;
    for (int v = 0; v < 256; ++v) sum += std::exchange(start[v], sum);
    for (std::int64_t i = 0; i < n; ++i) room[start[items[i].key >> (8 * b) & 255]++] = items[i];
    std::swap(items, room);
  }
  return items;
}

// The first k in order; `room` for as many more.
template <class I>
I* order(I* items, I* room, std::int64_t n, std::int64_t k) {
  constexpr std::int64_t radix_from = 1024;  // its counts cost more than the comparisons of fewer
  if (k < n / 4) {
    std::nth_element(items, items + k, items + n);
    std::sort(items, items + k);
    return items;
  }
  if (n >= radix_from) return radix_sort(items, room, n);
  std::sort(items, items + n);
  return items;
}

struct Outputs {
  const mu_tensor *values, *indices;  // null: not asked for
  std::int64_t k;
};

template <class T, class Index>
struct Sorter {
  using I = Item<decltype(key_of(T{})), Index>;
  const mu_tensor& in;
  const Outputs& out;
  const Lines& lines;
  bool descending;

  void block(std::int64_t group, std::int64_t first, std::int64_t count, I* items) const {
    using Key = decltype(I::key);
    const std::int64_t n = in.dim[lines.axis], step = lines.step(in), side = lines.across(in);
    const T* from = lines.begin<const T>(in, group, first);
    const Key flip = descending ? static_cast<Key>(~Key{0}) : Key{0};
    for (std::int64_t i = 0; i < n; ++i)
      for (std::int64_t l = 0; l < count; ++l)
        items[l * n + i] = {static_cast<Key>(key_of(from[i * step + l * side]) ^ flip), static_cast<Index>(i)};
    for (std::int64_t l = 0; l < count; ++l) {
      const I* sorted = order(items + l * n, items + count * n, n, out.k);
      put(sorted, from + l * side, step, group, first + l);
    }
  }
  void put(const I* sorted, const T* from, std::int64_t step, std::int64_t group, std::int64_t line) const {
    if (out.values) {
      T* to = lines.begin<T>(*out.values, group, line);
      const std::int64_t s = lines.step(*out.values);
      for (std::int64_t i = 0; i < out.k; ++i) to[i * s] = from[static_cast<std::int64_t>(sorted[i].index) * step];
    }
    if (!out.indices) return;
    auto* to = lines.begin<std::int64_t>(*out.indices, group, line);
    const std::int64_t s = lines.step(*out.indices);
    for (std::int64_t i = 0; i < out.k; ++i) to[i * s] = static_cast<std::int64_t>(sorted[i].index);
  }
};

template <class T, class Index>
mu_code sort_lines(const mu_tensor& in, const Outputs& out, std::uint32_t axis, bool descending, mu_error* error) {
  using S = Sorter<T, Index>;
  const Lines lines(in, axis);
  const S sorter{in, out, lines, descending};
  const std::int64_t n = in.dim[axis];
  // Lines whose neighbours are nearer than their own elements are read together, as many as stay in the cache.
  const std::int64_t width = lines.step(in) == 1 ? 1 : most(1, least(16, 32768 / most(1, n)));
  std::atomic<bool> no_memory{false};
  lines.for_blocks(width, 16 * n, [&](std::int64_t group, std::int64_t first, std::int64_t count) {
    const auto size = static_cast<std::size_t>((count + 1) * n);
    const std::unique_ptr<typename S::I[]> items(new (std::nothrow) typename S::I[size]);
    if (!items)
      no_memory = true;
    else
      sorter.block(group, first, count, items.get());
  });
  return no_memory ? mu_fail(error, MU_OUT_OF_MEMORY, 0, "[sort] no memory for a line") : MU_OK;
}

template <class T>
mu_code sort_of(const mu_tensor& in, const Outputs& out, std::uint32_t axis, bool descending, mu_error* error) {
  const bool narrow = in.dim[axis] <= std::numeric_limits<std::uint32_t>::max();
  return narrow ? sort_lines<T, std::uint32_t>(in, out, axis, descending, error)
                : sort_lines<T, std::uint64_t>(in, out, axis, descending, error);
}

using Kernel = mu_code (*)(const mu_tensor&, const Outputs&, std::uint32_t, bool, mu_error*);
struct Row {
  Type type;
  Kernel kernel;
};
constexpr Row rows[] = {
    {Type::f32, sort_of<float>}, {Type::f64, sort_of<double>}, {Type::i64, sort_of<std::int64_t>}, {Type::b8, sort_of<std::uint8_t>}};

struct Sort final : mu_plan {
  Sort(Kernel k, const mu_op_sort& op) : kernel(k), axis(op.axis), flags(op.flags) {}
  mu_code run(const mu_tensor* in, const mu_tensor* out, mu_error* error) noexcept override {
    Outputs to{nullptr, nullptr, out->dim[axis]};
    if (to.k == 0) return MU_OK;
    if (flags & MU_SORT_VALUES) to.values = out++;
    if (flags & MU_SORT_INDICES) to.indices = out;
    return kernel(*in, to, axis, (flags & MU_SORT_DESCENDING) != 0, error);
  }
  Kernel kernel;
  std::uint32_t axis, flags;
};

void check_output(const mu_tensor& in, const mu_tensor& out, std::uint32_t axis, Type t) {
  if (checked_type(out, "[sort] output") != t) invalid("[sort] an output has another element type");
  mu_tensor cut = in;
  if (out.rank == in.rank && out.dim[axis] < in.dim[axis]) cut.dim[axis] = out.dim[axis];
  require_equal_dims(cut, out, "[sort] input and output");
}

}  // namespace

PlanPtr plan_sort(const mu_op_sort& op, const Views& v) {
  const Type t = checked_type(v.in[0], "[sort] input");
  if (op.axis >= v.in[0].rank) invalid("[sort] axis " + std::to_string(op.axis) + " is outside of " + dims_text(v.in[0]));
  if (op.flags > (MU_SORT_DESCENDING | MU_SORT_VALUES | MU_SORT_INDICES))
    unsupported("[sort] flags " + std::to_string(op.flags) + " are not known here");
  const std::uint32_t values = op.flags & MU_SORT_VALUES ? 1 : 0, indices = op.flags & MU_SORT_INDICES ? 1 : 0;
  if (v.n_out != values + indices) invalid("[sort] has an output for the values and one for the indices, where asked for");
  if (values) check_output(v.in[0], v.out[0], op.axis, t);
  if (indices) check_output(v.in[0], v.out[values], op.axis, Type::i64);
  for (const Row& r : rows)
    if (r.type == t) return std::make_unique<Sort>(r.kernel, op);
  unsupported(std::string("[sort] no order of ") + name_of(t));
}

}  // namespace mushin::builtin
