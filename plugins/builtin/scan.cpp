// SCAN, line by line along one axis. Sums restart from nothing after each chunk of a line, and what was summed before the chunk is added to
// its results: so chunks can be summed at the same time, rounding errors grow slower, and results are the same whoever computes what.
#include <algorithm>
#include <cstring>
#include <utility>

#include "kernels.hpp"
#include "lines.hpp"

namespace mushin::builtin {
namespace {

template <class A>
constexpr bool is_whole = static_cast<A>(0.5) == A{};

// `chunked`: may be bracketed any way. Not so products of floats: 0 times a product that overflows is no number.
struct Sum {
  template <class A>
  static constexpr A nothing = is_whole<A> ? A{} : static_cast<A>(-0.0);  // -0 + -0 is -0
  template <class A>
  static constexpr bool chunked = true;
  template <class A>
  static A of(A a, A b) {
    if constexpr (is_whole<A>)
      return static_cast<A>(static_cast<std::uint64_t>(a) + static_cast<std::uint64_t>(b));  // integers wrap
    else
      return a + b;
  }
};
struct Product {
  template <class A>
  static constexpr A nothing = 1;
  template <class A>
  static constexpr bool chunked = is_whole<A>;
  template <class A>
  static A of(A a, A b) {
    if constexpr (is_whole<A>)
      return static_cast<A>(static_cast<std::uint64_t>(a) * static_cast<std::uint64_t>(b));
    else
      return a * b;
  }
};
struct Or {
  template <class A>
  static constexpr A nothing = 0;
  template <class A>
  static constexpr bool chunked = true;
  template <class A>
  static A of(A a, A b) {
    return a | b;
  }
};
struct And {
  template <class A>
  static constexpr A nothing = static_cast<A>(~A{});
  template <class A>
  static constexpr bool chunked = true;
  template <class A>
  static A of(A a, A b) {
    return a & b;
  }
};

// One side of a scan. What is stored in another type than the accumulator's is converted a piece at a time.
struct Side {
  std::int64_t step, across;  // bytes to the next element of the line, and to the next line; a negative step goes back
  std::int64_t bytes;
  Kernel cast;  // null: of the accumulator's type
};
struct Sides {
  Side from, to;
};

constexpr std::int64_t chunk = 4096;  // elements that are summed by themselves
constexpr std::int64_t width = 256;   // the most neighbours that are walked together
constexpr std::int64_t piece = 256;   // elements that are converted together

void copy_steps(char* to, std::int64_t to_step, const char* from, std::int64_t from_step, std::int64_t bytes, std::int64_t n) {
  for (std::int64_t i = 0; i < n; ++i, to += to_step, from += from_step) std::memcpy(to, from, static_cast<std::size_t>(bytes));
}
void convert(const Side& s, void* to, const void* from, std::int64_t n) { s.cast(to, from, nullptr, nullptr, static_cast<std::size_t>(n)); }

// n elements as the accumulator's type has them: where they lie, or in `room`. `step`: in elements, from then on.
template <class A>
const A* read(const Side& s, const char* from, std::int64_t n, A* room, std::int64_t& step) {
  step = s.cast ? 1 : s.step / std::int64_t{sizeof(A)};
  if (!s.cast) return reinterpret_cast<const A*>(from);
  alignas(64) char dense[piece * sizeof(A)];
  if (s.step != s.bytes) copy_steps(dense, s.bytes, from, s.step, s.bytes, n), from = dense;
  convert(s, room, from, n);
  return room;
}
template <class A>
void write(const Side& s, char* to, std::int64_t n, const A* room) {
  if (s.step == s.bytes) return convert(s, to, room, n);
  alignas(64) char dense[piece * sizeof(A)];
  convert(s, dense, room, n);
  copy_steps(to, s.step, dense, s.bytes, s.bytes, n);
}

// Elements of one line, or of one chunk of it.
template <class A>
struct Strand {
  const char* from;
  char* to;
  A before, acc;  // of the chunks before this one; of this one until now
};

// `lanes` strands of n elements at once, since each addition waits for the one before it. Not `kept`: for `acc` alone.
template <class A, class Op, int lanes, bool kept>
void walk(const Sides& s, Strand<A>* strand, std::int64_t n) {
  alignas(64) A in[lanes][piece], out[lanes][piece];
  for (std::int64_t b = 0; b < n; b += piece) {
    const std::int64_t size = least(piece, n - b);
    const A* x[lanes];
    A *y[lanes], acc[lanes], before[lanes];
    std::int64_t x_step = 1;
    const std::int64_t y_step = s.to.cast ? 1 : s.to.step / std::int64_t{sizeof(A)};
    for (int l = 0; l < lanes; ++l) {
      x[l] = read(s.from, strand[l].from + b * s.from.step, size, in[l], x_step);
      y[l] = s.to.cast ? out[l] : reinterpret_cast<A*>(strand[l].to + b * s.to.step);
      acc[l] = strand[l].acc, before[l] = strand[l].before;
    }
    for (std::int64_t i = 0; i < size; ++i)
      for (int l = 0; l < lanes; ++l) {
        acc[l] = Op::of(acc[l], x[l][i * x_step]);
        if constexpr (kept) y[l][i * y_step] = Op::of(before[l], acc[l]);
      }
    for (int l = 0; l < lanes; ++l) {
      strand[l].acc = acc[l];
      if (kept && s.to.cast) write(s.to, strand[l].to + b * s.to.step, size, out[l]);
    }
  }
}

// Neighbouring lines of one input and one output.
struct Block {
  const char* from;
  char* to;
  std::int64_t n, count;
};

template <class A, class Op>
struct Fold {
  static constexpr int lanes = 4;
  static constexpr A nothing = Op::template nothing<A>;
  static constexpr bool chunked = Op::template chunked<A>;

  static void end_chunk(Strand<A>& s) {
    if constexpr (chunked) s.before = Op::of(s.before, s.acc), s.acc = nothing;
  }
  template <int count>
  static void lines(const Sides& s, const Block& b) {
    Strand<A> strand[count];
    for (int l = 0; l < count; ++l) strand[l] = {b.from + l * s.from.across, b.to + l * s.to.across, nothing, nothing};
    for (std::int64_t i = 0; i < b.n; i += chunk) {
      walk<A, Op, count, true>(s, strand, least(chunk, b.n - i));
      for (Strand<A>& line : strand) line.from += chunk * s.from.step, line.to += chunk * s.to.step, end_chunk(line);
    }
  }
  // Side by side in memory: a row of them at a time.
  static void rows(const Sides& s, const Block& b) {
    alignas(64) A acc[width], before[width], in[width], out[width];
    std::fill_n(acc, width, nothing), std::fill_n(before, width, nothing);
    const char* from = b.from;
    char* to = b.to;
    for (std::int64_t i = 0; i < b.n; ++i, from += s.from.step, to += s.to.step) {
      const A* x = reinterpret_cast<const A*>(from);
      A* y = s.to.cast ? out : reinterpret_cast<A*>(to);
      if (s.from.cast) convert(s.from, in, from, b.count), x = in;
      for (std::int64_t k = 0; k < b.count; ++k) acc[k] = Op::of(acc[k], x[k]), y[k] = Op::of(before[k], acc[k]);
      if (s.to.cast) convert(s.to, to, out, b.count);
      if (!chunked || (i + 1) % chunk != 0) continue;
      for (std::int64_t k = 0; k < b.count; ++k) before[k] = Op::of(before[k], acc[k]), acc[k] = nothing;
    }
  }
  static void block(const Sides& s, Block b) {
    if (b.count > 1 && s.from.across == s.from.bytes && s.to.across == s.to.bytes) return rows(s, b);
    for (; b.count >= lanes; b.count -= lanes, b.from += lanes * s.from.across, b.to += lanes * s.to.across) lines<lanes>(s, b);
    for (; b.count > 0; --b.count, b.from += s.from.across, b.to += s.to.across) lines<1>(s, b);
  }

  // One line by all threads, `together` elements after the others: the sums of its chunks, then the results.
  static void by_threads(const Sides& s, const Block& b) {
    constexpr std::int64_t together = 1 << 19;
    A totals[together / chunk], carried = nothing;
    for (std::int64_t first = 0; first < b.n; first += together) {
      const std::int64_t size = least(together, b.n - first), chunks = (size + chunk - 1) / chunk;
      const Block part{b.from + first * s.from.step, b.to + first * s.to.step, size, 1};
      chunks_of<false>(s, part, totals);
      for (std::int64_t c = 0; c < chunks; ++c) carried = Op::of(std::exchange(totals[c], carried), carried);
      chunks_of<true>(s, part, totals);
    }
  }
  // From each chunk's sum, or to its results from what was summed before it.
  template <bool kept>
  static void chunks_of(const Sides& s, const Block& b, A* each) {
    parallel(b.n, lanes * chunk, [&](std::int64_t begin, std::int64_t end) {
      Strand<A> strand[lanes];
      const std::int64_t whole = (end - begin) / chunk;
      for (int l = 0; l < lanes; ++l) {
        const std::int64_t at = begin + l * chunk;
        strand[l] = {b.from + at * s.from.step, b.to + at * s.to.step, kept && at < end ? each[at / chunk] : nothing, nothing};
      }
      if (whole == lanes) {
        walk<A, Op, lanes, kept>(s, strand, chunk);
      } else {
        for (std::int64_t l = 0; begin + l * chunk < end; ++l) walk<A, Op, 1, kept>(s, strand + l, least(chunk, end - begin - l * chunk));
      }
      for (std::int64_t l = 0; !kept && begin + l * chunk < end; ++l) each[begin / chunk + l] = strand[l].acc;
    });
  }
};

struct Kernels {
  void (*block)(const Sides&, Block);
  void (*by_threads)(const Sides&, const Block&);  // null: in order
};
template <class A, class Op>
constexpr Kernels kernels() {
  if constexpr (Op::template chunked<A>)
    return {Fold<A, Op>::block, Fold<A, Op>::by_threads};
  else
    return {Fold<A, Op>::block, nullptr};
}
struct Row {
  Type acc;
  Kernels sum, product;
};
constexpr Row rows[] = {{Type::f32, kernels<float, Sum>(), kernels<float, Product>()},
                        {Type::f64, kernels<double, Sum>(), kernels<double, Product>()},
                        {Type::i64, kernels<std::int64_t, Sum>(), kernels<std::int64_t, Product>()},
                        {Type::b8, kernels<std::uint8_t, Or>(), kernels<std::uint8_t, And>()}};

struct Scan final : mu_plan {
  Scan(const Kernels& k, const mu_op_scan& op, const Sides& s)
      : kernels(k), axis(op.axis), reverse((op.flags & MU_SCAN_REVERSE) != 0), sides(s) {}

  mu_code run(const mu_tensor* in, const mu_tensor* out, mu_error*) noexcept override {
    const Lines lines(*out, axis);
    const std::int64_t n = out->dim[axis];
    if (n == 0) return MU_OK;
    Sides s = sides;
    const std::int64_t from_first = place(s.from, lines, *in, n), to_first = place(s.to, lines, *out, n);
    const auto block = [&](std::int64_t group, std::int64_t first, std::int64_t count) {
      return Block{lines.begin(*in, group, first, s.from.bytes) + from_first, lines.begin(*out, group, first, s.to.bytes) + to_first, n,
                   count};
    };
    // Neighbours that are walked together: conversions are better given more.
    const std::int64_t together = s.from.cast || s.to.cast ? least(width, most(64, lines.inner / 8)) : 64;
    constexpr std::int64_t long_from = 1 << 16, few_lines = 8;  // that would leave threads without work
    if (kernels.by_threads && n >= long_from && lines.inner * lines.outer < few_lines)
      for (std::int64_t i = 0; i < lines.inner * lines.outer; ++i) kernels.by_threads(s, block(i / lines.inner, i % lines.inner, 1));
    else
      lines.for_blocks(together, n,
                       [&](std::int64_t group, std::int64_t first, std::int64_t count) { kernels.block(s, block(group, first, count)); });
    return MU_OK;
  }
  // Completes the side of a view; where in a line, in bytes, the scan begins.
  std::int64_t place(Side& s, const Lines& lines, const mu_tensor& v, std::int64_t n) const {
    s.step = lines.step(v) * s.bytes, s.across = lines.across(v) * s.bytes;
    const std::int64_t first = reverse ? (n - 1) * s.step : 0;
    if (reverse) s.step = -s.step;
    return first;
  }
  Kernels kernels;
  std::uint32_t axis;
  bool reverse;
  Sides sides;
};

// Types that `acc` has all values of.
bool widens_to(Type t, Type acc) {
  return t == acc || (is_half(t) && acc == Type::f32) ||
         (acc == Type::i64 && (t == Type::i32 || t == Type::i8 || t == Type::u8 || t == Type::b8));
}
Side side_of(Type t, Type from, Type to) {
  return {0, 0, static_cast<std::int64_t>(bytes_of(t)),
          from == to ? nullptr : cast_table().cast[static_cast<int>(from)][static_cast<int>(to)]};
}

}  // namespace

PlanPtr plan_scan(const mu_op_scan& op, const Views& v) {
  const Type from = checked_type(v.in[0], "[scan] input"), to = checked_type(v.out[0], "[scan] output"), acc = type_of(op.acc);
  require_equal_dims(v.in[0], v.out[0], "[scan] input and output");
  if (op.axis >= v.out[0].rank) invalid("[scan] axis " + std::to_string(op.axis) + " is outside of " + dims_text(v.out[0]));
  if (op.kind != MU_SCAN_SUM && op.kind != MU_SCAN_PROD) unsupported("[scan] kind " + std::to_string(op.kind) + " is not known here");
  if (op.flags > MU_SCAN_REVERSE) unsupported("[scan] flags " + std::to_string(op.flags) + " are not known here");
  if (from != to && to != acc) invalid("[scan] the output is neither of the input's element type nor of the accumulator's");
  for (const Row& r : rows)
    if (r.acc == acc && widens_to(from, acc) && (to == acc || computed(to) == acc))
      return std::make_unique<Scan>(op.kind == MU_SCAN_SUM ? r.sum : r.product, op, Sides{side_of(from, from, acc), side_of(to, acc, to)});
  unsupported(std::string("[scan] no sums of ") + name_of(from) + " in " + name_of(acc));
}

}  // namespace mushin::builtin
