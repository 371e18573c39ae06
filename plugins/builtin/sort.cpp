// SORT along one axis, by the elements' keys.
#include <algorithm>
#include <atomic>
#include <limits>

#include "first_few.hpp"
#include "lines.hpp"

namespace mushin::builtin {
namespace {

struct Outputs {
  const mu_tensor *values, *indices;  // null: not asked for
  std::int64_t k;
};

// How the elements' keys are made, and what is moved.
struct Elements {
  explicit Elements(Type t) : make(make_keys(static_cast<int>(t))), bytes(static_cast<std::int64_t>(bytes_of(t))) {}
  MakeKeys make;
  std::int64_t bytes;
};

constexpr std::int64_t most_lines = 16;     // that are read together
constexpr std::int64_t chunk = 4096;        // elements of a line whose keys are made together
constexpr std::int64_t pitch = chunk + 16;  // from one line's keys to the next one's: they don't share one place in the cache

// Neighbouring lines of the input.
struct Source {
  const char* from;
  std::int64_t step, side, count;

  // Of all lines from element `begin` on, at most `chunk` of each.
  template <class Key>
  void keys(const Elements& e, bool descending, std::int64_t begin, std::int64_t n, Key* keys) const {
    const char* at = from + begin * step * e.bytes;
    if (count == 1) return e.make(keys, at, step, n, descending);
    Key row[most_lines];
    for (std::int64_t i = 0; i < n; ++i, at += step * e.bytes) {
      e.make(row, at, side, count, descending);
      for (std::int64_t l = 0; l < count; ++l) keys[l * pitch + i] = row[l];
    }
  }
};

template <class T, class I>
void take(void* to, std::int64_t to_step, const char* from, std::int64_t from_step, const I* items, std::int64_t n) {
  const T* x = reinterpret_cast<const T*>(from);
  for (std::int64_t i = 0; i < n; ++i) static_cast<T*>(to)[i * to_step] = x[static_cast<std::int64_t>(items[i].index) * from_step];
}

template <class I>
struct Sorter {
  using Key = typename I::Key;
  static constexpr std::int64_t key_size = sizeof(Key), item_size = sizeof(I);
  const mu_tensor& in;
  const Outputs& out;
  Lines lines;
  const Elements& elements;
  bool descending;

  std::int64_t n() const { return in.dim[lines.axis]; }
  unsigned key_bits() const { return static_cast<unsigned>(8 * elements.bytes); }
  Source source(std::int64_t group, std::int64_t first, std::int64_t count) const {
    return {lines.begin(in, group, first, elements.bytes), lines.step(in), lines.across(in), count};
  }

  // The elements from `begin` to `end` of some lines, `stride` items from line to line. `keys`: room for `pitch` of each line.
  void fill(const Source& s, std::int64_t begin, std::int64_t end, I* items, std::int64_t stride, Key* keys) const {
    for (std::int64_t b = begin; b < end; b += chunk) {
      const std::int64_t size = least(chunk, end - b);
      s.keys(elements, descending, b, size, keys);
      for (std::int64_t l = 0; l < s.count; ++l)
        for (std::int64_t i = 0; i < size; ++i) items[l * stride + b + i] = {static_cast<typename I::Index>(b + i), keys[l * pitch + i]};
    }
  }

  // Items number `begin` to `end` of a line's result.
  void put(const I* sorted, std::int64_t begin, std::int64_t end, std::int64_t group, std::int64_t line) const {
    const I* items = sorted + begin;
    if (out.values) {
      constexpr decltype(&take<std::uint8_t, I>) takes[] = {take<std::uint8_t, I>, take<std::uint16_t, I>, take<std::uint32_t, I>,
                                                            take<std::uint64_t, I>};
      const std::int64_t s = lines.step(*out.values);
      char* to = lines.begin(*out.values, group, line, elements.bytes) + begin * s * elements.bytes;
      takes[std::countr_zero(static_cast<unsigned>(elements.bytes))](to, s, source(group, line, 1).from, lines.step(in), items,
                                                                     end - begin);
    }
    if (!out.indices) return;
    const std::int64_t s = lines.step(*out.indices);
    auto* to = lines.begin<std::int64_t>(*out.indices, group, line) + begin * s;
    for (std::int64_t i = 0; i < end - begin; ++i) to[i * s] = static_cast<std::int64_t>(items[i].index);
  }

  // False, here and below: no memory.
  bool all_of(std::int64_t group, std::int64_t first, std::int64_t count) const {
    const std::int64_t key_bytes = count * pitch * key_size;
    const Room room(scratch_line, key_bytes + (count + 1) * n() * item_size);
    if (!room) return false;
    I *items = room.at<I>(key_bytes), *free = items + count * n();
    fill(source(group, first, count), 0, n(), items, n(), room.at<Key>(0));
    for (std::int64_t l = 0; l < count; ++l) put(order(items + l * n(), free, n(), key_bits()), 0, out.k, group, first + l);
    return true;
  }

  // `done` is called with each line's number and its first k in any order.
  template <class F>
  bool few_of(const Source& s, std::int64_t begin, std::int64_t end, const F& done) const {
    const std::int64_t key_bytes = s.count * pitch * key_size, room_for = Few<I>::room_for(out.k),
                       least_bytes = rounded(room_for * key_size);
    const Room room(scratch_line, key_bytes + least_bytes + chunk * 4 + s.count * room_for * item_size);
    if (!room) return false;
    Key* keys = room.at<Key>(0);
    I* items = room.at<I>(key_bytes + least_bytes + chunk * 4);
    Few<I> few[most_lines];
    for (std::int64_t l = 0; l < s.count; ++l) few[l] = {items + l * room_for, out.k};
    for (std::int64_t b = begin; b < end; b += chunk) {
      const std::int64_t size = least(chunk, end - b);
      s.keys(elements, descending, b, size, keys);
      for (std::int64_t l = 0; l < s.count; ++l)
        few[l].show(keys + l * pitch, size, b, room.at<std::uint32_t>(key_bytes + least_bytes), room.at<Key>(key_bytes));
    }
    for (std::int64_t l = 0; l < s.count; ++l) done(l, few[l].first());
    return true;
  }
  bool first_of(std::int64_t group, std::int64_t first, std::int64_t count) const {
    return few_of(source(group, first, count), 0, n(), [&](std::int64_t l, I* items) {
      std::sort(items, items + out.k);
      put(items, 0, out.k, group, first + l);
    });
  }

  // One line, by all threads: the first k of each part, and of those the first k.
  bool first_of_parts(std::int64_t group, std::int64_t line) const {
    constexpr std::int64_t part = 1 << 16;
    const std::int64_t parts = (n() + part - 1) / part, found = (parts - 1) * out.k + least(out.k, n() - (parts - 1) * part);
    const Room room(scratch_partial, parts * out.k * item_size);
    if (!room) return false;
    I* items = room.at<I>(0);
    std::atomic<bool> whole{true};
    parallel(n(), part, [&](std::int64_t b, std::int64_t e) {
      const auto keep = [&](std::int64_t, const I* few) { std::copy_n(few, least(out.k, e - b), items + b / part * out.k); };
      if (!few_of(source(group, line, 1), b, e, keep)) whole = false;
    });
    if (!whole) return false;
    std::nth_element(items, items + out.k - 1, items + found);
    std::sort(items, items + out.k);
    put(items, 0, out.k, group, line);
    return true;
  }
  bool all_by_threads(std::int64_t group, std::int64_t line) const {
    using Long = LongOrder<I>;
    const std::int64_t bytes = rounded(n() * item_size);
    const Room room(scratch_partial, 2 * bytes + Long::counts_bytes(n()));
    if (!room) return false;
    I* items = room.at<I>(0);
    const Source s = source(group, line, 1);
    parallel(n(), 4 * chunk, [&](std::int64_t b, std::int64_t e) {
      Key keys[chunk];
      fill(s, b, e, items, 0, keys);
    });
    const I* sorted = Long(n(), room.at<typename I::Index>(2 * bytes)).run(items, room.at<I>(bytes), key_bits());
    parallel(out.k, 4 * chunk, [&](std::int64_t b, std::int64_t e) { put(sorted, b, e, group, line); });
    return true;
  }

  bool run() const {
    constexpr std::int64_t long_from = 1 << 18, few_lines = 8;  // that would leave threads without work
    const bool few = Few<I>::fits(out.k, n());
    std::atomic<bool> whole{true};
    if (n() >= long_from && lines.inner * lines.outer < few_lines) {
      for (std::int64_t i = 0; i < lines.inner * lines.outer; ++i)
        if (!(few ? first_of_parts(i / lines.inner, i % lines.inner) : all_by_threads(i / lines.inner, i % lines.inner))) return false;
      return true;
    }
    // Lines whose neighbours are nearer than their own elements are read together, as many as stay in the cache.
    const std::int64_t width = lines.step(in) == 1 ? 1 : few ? most_lines : most(1, least(most_lines, 32768 / most(1, n())));
    lines.for_blocks(width, 16 * n(), [&](std::int64_t group, std::int64_t first, std::int64_t count) {
      if (!(few ? first_of(group, first, count) : all_of(group, first, count))) whole = false;
    });
    return whole;
  }
};

struct Sort final : mu_plan {
  Sort(Type t, const mu_op_sort& op) : elements(t), axis(op.axis), flags(op.flags) {}
  mu_code run(const mu_tensor* in, const mu_tensor* out, mu_error* error) noexcept override {
    Outputs to{nullptr, nullptr, out->dim[axis]};
    if (to.k == 0) return MU_OK;
    if (flags & MU_SORT_VALUES) to.values = out++;
    if (flags & MU_SORT_INDICES) to.indices = out;
    const bool done = elements.bytes == 8 ? by<std::uint64_t>(*in, to) : by<std::uint32_t>(*in, to);
    return done ? MU_OK : mu_fail(error, MU_OUT_OF_MEMORY, 0, "[sort] no memory for a line");
  }
  template <class Key>
  bool by(const mu_tensor& in, const Outputs& to) const {
    const bool descending = (flags & MU_SORT_DESCENDING) != 0;
    if (in.dim[axis] > std::numeric_limits<std::uint32_t>::max())
      return Sorter<Item<Key, std::uint64_t>>{in, to, Lines(in, axis), elements, descending}.run();
    return Sorter<Item<Key, std::uint32_t>>{in, to, Lines(in, axis), elements, descending}.run();
  }
  Elements elements;
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
  return std::make_unique<Sort>(t, op);
}

}  // namespace mushin::builtin
