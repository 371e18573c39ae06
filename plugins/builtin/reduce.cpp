// MAP_REDUCE: a program's output, folded over some axes without being written out. Work is cut by sizes alone, so sums do not
// depend on the number of threads.
#include <cstring>
#include <limits>
#include <new>

#include "interpreter.hpp"
#include "reduce_kernels.hpp"

namespace mushin::builtin {
namespace {

constexpr std::int64_t part_size = 65536;    // elements folded into one partial result
constexpr std::int64_t line_size = 4096;     // of which, elements added in lanes: few enough for each lane to keep its digits
constexpr std::int64_t few_elements = 1024;  // longer rows are read faster one after the other than four at once
constexpr std::int64_t column_block = 2048;  // columns whose results stay in the first-level cache

// The iteration space by what happens to its axes: the innermost one, and the others, kept or reduced.
struct Layout {
  Axes axes;
  Strides out;
  bool inner_kept;
  std::int64_t inner;  // extent of the innermost axis
  struct Outer {
    int rank = 0;
    std::int64_t count = 1;
    std::int64_t dim[MU_MAX_RANK], linear[MU_MAX_RANK], out[MU_MAX_RANK];
    void add(std::int64_t d, std::int64_t l, std::int64_t o) { dim[rank] = d, linear[rank] = l, out[rank] = o, ++rank, count *= d; }
    // Position number i: offsets in the iteration space and in the result.
    void at(std::int64_t i, std::int64_t& space, std::int64_t& result) const {
      space = result = 0;
      for (int k = rank - 1; k > 0; --k) {
        const std::int64_t q = i / dim[k], r = i - q * dim[k];
        space += r * linear[k], result += r * out[k], i = q;
      }
      if (rank) space += i * linear[0], result += i * out[0];
    }
  } kept, reduced;
};

Layout layout_of(const mu_tensor& out) {
  Layout l;
  const mu_tensor* view = &out;
  collapse(out, 1, &view, l.axes, &l.out);
  const int last = l.axes.rank - 1;
  l.inner = last >= 0 ? l.axes.dim[last] : 1;
  l.inner_kept = last >= 0 && l.out.of[last] != 0;
  std::int64_t linear = l.inner;
  std::int64_t steps[MU_MAX_RANK];
  for (int i = last - 1; i >= 0; --i) steps[i] = linear, linear *= l.axes.dim[i];
  for (int i = 0; i < last; ++i) (l.out.of[i] ? l.kept : l.reduced).add(l.axes.dim[i], steps[i], l.out.of[i]);
  return l;
}

union Value {
  float f32;
  double f64;
  std::int64_t i64;
  std::int32_t i32;
  std::int8_t i8;
  std::uint8_t u8;
};

template <class T>
void set_neutral(T& to, std::uint32_t kind) {
  using L = std::numeric_limits<T>;
  const T least = L::has_infinity ? static_cast<T>(-L::infinity()) : L::lowest(), greatest = L::has_infinity ? L::infinity() : L::max();
  const T all[4] = {0, 1, least, greatest};
  to = all[kind];
}

Value neutral(std::uint32_t kind, Type t) {
  Value v{};
  if (t == Type::f32) set_neutral(v.f32, kind);
  if (t == Type::f64) set_neutral(v.f64, kind);
  if (t == Type::i64) set_neutral(v.i64, kind);
  if (t == Type::i32) set_neutral(v.i32, kind);
  if (t == Type::i8) set_neutral(v.i8, kind);
  if (t == Type::u8) set_neutral(v.u8, kind);
  if (t == Type::b8) v.u8 = kind & 1u;
  return v;
}

struct Workspace {
  Room room;
  alignas(64) char cast[2048 * 8];
  alignas(64) char total[column_block * 8], segment[column_block * 8];
  alignas(64) char lanes[FoldTable::lane_bytes];
  alignas(64) std::int64_t index[column_block];
};

struct MapReduce final : mu_plan {
  MapReduce(Program p, std::uint32_t op_kind, Type accumulator, Type result)
      : program(std::move(p)), value_type(program.out_type[0]), out_type(result) {
    is_arg = op_kind >= MU_REDUCE_ARGMAX;
    kind = is_arg ? op_kind - MU_REDUCE_ARGMAX : op_kind - MU_REDUCE_SUM;
    acc_type = is_arg ? value_type : computed(accumulator);
    bytes = bytes_of(acc_type);
    fold = &fold_table(static_cast<int>(acc_type));
    to_acc = acc_type == value_type ? nullptr : cast_table().cast[static_cast<int>(value_type)][static_cast<int>(acc_type)];
    to_out = cast_table().cast[static_cast<int>(acc_type)][static_cast<int>(out_type)];
    start = neutral(is_arg ? kind + 2 : kind, acc_type);
    order_matters = !is_arg && kind < 2 && fold->piece[kind];
    identity = program.n_step == 0 && program.result == 0 && program.n_in == 1;
  }

  mu_code run(const mu_tensor* in, const mu_tensor* out, mu_error* error) noexcept override {
    try {
      Reordered views;
      const bool turned = reorder(in, out[0], views);
      return run_views(turned ? views.in : in, turned ? views.out : out[0]);
    } catch (const std::bad_alloc&) {
      return mu_fail(error, MU_OUT_OF_MEMORY, 0, "[map_reduce] no memory for partial results");
    }
  }

  struct Reordered {
    mu_tensor in[Program::most_inputs], out;
  };
  // Axes in the order of the first input's strides, so that it is read as it lies. False where they are, or where the order matters: of
  // indices, and of sums of what would lie in the other order if it were written out.
  bool reorder(const mu_tensor* in, const mu_tensor& out, Reordered& to) const {
    if (program.has_iota || program.n_in == 0 || out.rank < 2 || is_contiguous(in[0]) || (order_matters && !identity)) return false;
    int order[MU_MAX_RANK], reduced = 0;
    bool turned = false;
    for (int i = 0; i < out.rank; ++i) {
      reduced += out.dim[i] != 1 && out.stride[i] == 0;
      int at = i;
      for (; at > 0 && in[0].stride[order[at - 1]] < in[0].stride[i] && in[0].stride[order[at - 1]] != 0; --at) order[at] = order[at - 1];
      turned = turned || at != i;
      order[at] = i;
    }
    if (!turned || (is_arg && reduced > 1)) return false;
    const auto turn = [&](const mu_tensor& from, mu_tensor& v) {
      v = from;
      for (int i = 0; i < out.rank; ++i) v.dim[i] = from.dim[order[i]], v.stride[i] = from.stride[order[i]];
    };
    for (int i = 0; i < program.n_in; ++i) turn(in[i], to.in[i]);
    turn(out, to.out);
    return true;
  }

  mu_code run_views(const mu_tensor* in, const mu_tensor& out) const {
    const Run bound(program, out, in, nullptr);
    const Layout l = layout_of(out);
    char* to = address(out);
    if (l.kept.count == 0 || (l.inner_kept && l.inner == 0)) return MU_OK;
    if (l.inner_kept)
      columns(bound, l, to);
    else
      rows(bound, l, to);
    return MU_OK;
  }

  // Elements [begin, begin + n) in the accumulator's type; n at most a tile within a row, or anything where the input is read in place.
  const char* values(const Run& bound, std::int64_t begin, std::int64_t n, Workspace& w) const {
    const Run::Values v = bound.tile(begin, n, w.room);
    const char* data = static_cast<const char*>(v.data);
    if (v.one) {
      repeat(w.segment, data, bytes_of(value_type), n);
      if (!to_acc) return w.segment;
      data = w.segment;
    }
    if (!to_acc) return data;
    to_acc(w.cast, data, nullptr, nullptr, static_cast<std::size_t>(n));
    return w.cast;
  }
  bool in_place(const Run& bound) const { return identity && !to_acc && bound.direct(0); }

  void fold_values(Value& acc, std::int64_t& index, const char* p, std::int64_t n, std::int64_t first) const {
    if (is_arg)
      fold->arg[kind](&acc, &index, p, static_cast<std::size_t>(n), first);
    else
      fold->fold[kind](&acc, p, static_cast<std::size_t>(n));
  }

  // A sum of floats has the same bits whether its operand lies in memory or is computed here, in one piece or several.
  void fold_line(const Run& bound, std::int64_t begin, std::int64_t end, Value& acc, Workspace& w) const {
    const auto n = static_cast<std::size_t>(end - begin);
    if (in_place(bound)) return fold->fold[kind](&acc, bound.base(0) + begin * static_cast<std::int64_t>(bytes), n);
    if (bound.length(begin, end) == end - begin) return fold->fold[kind](&acc, values(bound, begin, end - begin, w), n);
    repeat(w.lanes, &start, bytes, static_cast<std::int64_t>(sizeof w.lanes / bytes));
    for (std::int64_t at = begin; at < end;) {
      const std::int64_t m = bound.length(at, end);
      fold->piece[kind](w.lanes, static_cast<std::size_t>(at - begin), values(bound, at, m, w), static_cast<std::size_t>(m));
      at += m;
    }
    fold->join[kind](&acc, w.lanes);
  }

  // Folds [begin, end) of the space, whose first element has number `first` among the reduced.
  void fold_range(const Run& bound, std::int64_t begin, std::int64_t end, std::int64_t first, Value& acc, std::int64_t& index,
                  Workspace& w) const {
    if (order_matters) {
      for (; begin < end; begin += line_size) fold_line(bound, begin, least(end, begin + line_size), acc, w);
      return;
    }
    if (in_place(bound)) {
      fold_values(acc, index, bound.base(0) + begin * static_cast<std::int64_t>(bytes), end - begin, first);
      return;
    }
    while (begin < end) {
      const std::int64_t n = bound.length(begin, end);
      fold_values(acc, index, values(bound, begin, n, w), n, first);
      begin += n, first += n;
    }
  }

  void store(char* to, std::int64_t offset, const Value& acc, std::int64_t index) const {
    char* at = to + offset * static_cast<std::int64_t>(bytes_of(out_type));
    if (is_arg)
      std::memcpy(at, &index, sizeof index);
    else
      to_out(at, &acc, nullptr, nullptr, 1);
  }

  // ---- the innermost axis is reduced

  // One result's elements are cut into parts: pieces of a long row, or several short rows.
  struct Parts {
    std::int64_t per_row, rows, count;
  };
  static Parts parts_of(const Layout& l) {
    if (l.inner > part_size) {
      const std::int64_t pieces = (l.inner + part_size - 1) / part_size;
      return {pieces, 1, pieces * l.reduced.count};
    }
    const std::int64_t some = most(1, part_size / most(1, l.inner));
    return {1, some, most(1, (l.reduced.count + some - 1) / some)};
  }
  void fold_part(const Run& bound, const Layout& l, const Parts& p, std::int64_t base, std::int64_t part, Value& acc, std::int64_t& index,
                 Workspace& w) const {
    std::int64_t row = part / p.per_row * p.rows, from = 0, to = l.inner;
    const std::int64_t end = least(row + p.rows, l.reduced.count);
    if (p.per_row > 1) from = part % p.per_row * part_size, to = least(l.inner, from + part_size);
    for (; row < end; ++row) {
      std::int64_t space, unused;
      l.reduced.at(row, space, unused);
      fold_range(bound, base + space + from, base + space + to, row * l.inner + from, acc, index, w);
    }
  }

  void combine(Value& acc, std::int64_t& index, const Value& other, std::int64_t other_index) const {
    if (!is_arg) return fold->fold[kind](&acc, &other, 1);
    fold->arg[kind](&acc, &index, &other, 1, other_index);
  }

  void one_result(const Run& bound, const Layout& l, const Parts& p, char* to, std::int64_t k, Workspace& w) const {
    std::int64_t base, at, index = 0;
    l.kept.at(k, base, at);
    Value acc = start;
    for (std::int64_t part = 0; part < p.count; ++part) {
      Value some = start;
      std::int64_t some_index = 0;
      fold_part(bound, l, p, base, part, some, some_index, w);
      combine(acc, index, some, some_index);
    }
    store(to, at, acc, index);
  }

  void rows(const Run& bound, const Layout& l, char* to) const {
    const Parts p = parts_of(l);
    if (l.kept.count < 8 && p.count > 1) return split_rows(bound, l, p, to);
    const std::int64_t each = most(1, l.inner * l.reduced.count);
    parallel(l.kept.count, most(1, part_size / each), [&](std::int64_t b, std::int64_t e) {
      Workspace w;
      if (p.count == 1 && l.reduced.count == 1) b = short_rows(bound, l, to, b, e, w);
      for (; b < e; ++b) one_result(bound, l, p, to, b, w);
    });
  }

  // Several rows at once where each is one result: four that are read in place, or as many as fill a tile. Returns the first not done.
  std::int64_t short_rows(const Run& bound, const Layout& l, char* to, std::int64_t b, std::int64_t e, Workspace& w) const {
    const std::int64_t n = l.inner;
    std::int64_t space, at;
    if (in_place(bound)) {
      if (kind != 0 || is_arg || !fold->sum4 || n > few_elements) return b;
      const bool straight = out_type == acc_type && l.kept.rank == 1 && l.kept.out[0] == 1;
      for (; b + 4 <= e; b += 4) {
        alignas(16) char buffer[32];
        char* const sums = straight ? to + b * static_cast<std::int64_t>(bytes) : buffer;
        fold->sum4(sums, bound.base(0) + b * n * static_cast<std::int64_t>(bytes), static_cast<std::size_t>(n),
                   static_cast<std::size_t>(n));
        for (std::int64_t i = 0; i < 4 && !straight; ++i) {
          Value v;
          std::memcpy(&v, sums + i * static_cast<std::int64_t>(bytes), bytes);
          l.kept.at(b + i, space, at);
          store(to, at, v, 0);
        }
      }
      return b;
    }
    if (bound.row() || n * 2 > program.tile || n == 0) return b;
    const std::int64_t some = program.tile / n;
    for (; b < e; b += some) {
      const std::int64_t count = least(some, e - b);
      const char* p = values(bound, b * n, count * n, w);
      for (std::int64_t i = 0; i < count; ++i) {
        Value acc = start;
        std::int64_t index = 0;
        fold_values(acc, index, p + i * n * static_cast<std::int64_t>(bytes), n, 0);
        l.kept.at(b + i, space, at);
        store(to, at, acc, index);
      }
    }
    return e;
  }

  // Few results of many elements: the parts are shared out, then combined.
  void split_rows(const Run& bound, const Layout& l, const Parts& p, char* to) const {
    const std::int64_t total = l.kept.count * p.count;
    Value* partial =
        static_cast<Value*>(scratch(scratch_partial, static_cast<std::size_t>(total) * (sizeof(Value) + sizeof(std::int64_t))));
    auto* partial_index = reinterpret_cast<std::int64_t*>(partial + total);
    parallel(total, 1, [&](std::int64_t b, std::int64_t e) {
      Workspace w;
      for (; b < e; ++b) {
        std::int64_t base, at;
        l.kept.at(b / p.count, base, at);
        partial[b] = start, partial_index[b] = 0;
        fold_part(bound, l, p, base, b % p.count, partial[b], partial_index[b], w);
      }
    });
    for (std::int64_t k = 0; k < l.kept.count; ++k) {
      std::int64_t base, at, index = 0;
      l.kept.at(k, base, at);
      Value acc = start;
      for (std::int64_t i = 0; i < p.count; ++i) combine(acc, index, partial[k * p.count + i], partial_index[k * p.count + i]);
      store(to, at, acc, index);
    }
  }

  // ---- the innermost axis is kept

  void set_start(char* acc, std::int64_t n) const { repeat(acc, &start, bytes, n); }

  // Adds rows [row, end) of the reduced positions, columns [from, from + n), to acc (or index).
  void add_rows(const Run& bound, const Layout& l, std::int64_t base, std::int64_t row, std::int64_t end, std::int64_t from, std::int64_t n,
                char* acc, std::int64_t* index, Workspace& w) const {
    const auto width = static_cast<std::size_t>(n);
    const bool one_axis = l.reduced.rank == 1;
    const std::int64_t step = one_axis ? l.reduced.linear[0] : 0;
    if (in_place(bound) && one_axis && !is_arg) {
      const char* p = bound.base(0) + (base + row * step + from) * static_cast<std::int64_t>(bytes);
      fold->rows[kind](acc, p, static_cast<std::size_t>(step), static_cast<std::size_t>(end - row), width);
      return;
    }
    const bool packed = one_axis && !is_arg && !bound.row() && step == n && 2 * n <= program.tile;
    const std::int64_t most_rows = packed ? program.tile / n : 1;
    while (row < end) {
      std::int64_t space, unused;
      l.reduced.at(row, space, unused);
      const std::int64_t begin = base + space + from, stop = begin + n, count = least(most_rows, end - row);
      for (std::int64_t at = begin; at < stop;) {
        const std::int64_t m = count > 1 ? count * n : bound.length(at, stop);
        const char* p = values(bound, at, m, w);
        const std::int64_t column = at - begin;
        char* to = acc + column * static_cast<std::int64_t>(bytes);
        if (is_arg)
          fold->arg_row[kind](to, index + column, p, static_cast<std::size_t>(m), row);
        else
          fold->rows[kind](to, p, width, static_cast<std::size_t>(count), count > 1 ? width : static_cast<std::size_t>(m));
        at += m;
      }
      row += count;
    }
  }

  // In segments, so that long sums keep their digits.
  void fold_columns(const Run& bound, const Layout& l, std::int64_t base, std::int64_t row, std::int64_t end, std::int64_t from,
                    std::int64_t n, char* acc, std::int64_t* index, Workspace& w) const {
    constexpr std::int64_t segment_rows = 1024;
    set_start(acc, n);
    if (index) std::memset(index, 0, static_cast<std::size_t>(n) * sizeof *index);
    if (is_arg || end - row <= segment_rows) return add_rows(bound, l, base, row, end, from, n, acc, index, w);
    alignas(64) char part[column_block * 8];
    for (; row < end; row += segment_rows) {
      set_start(part, n);
      add_rows(bound, l, base, row, least(end, row + segment_rows), from, n, part, nullptr, w);
      fold->rows[kind](acc, part, 0, 1, static_cast<std::size_t>(n));
    }
  }

  void store_columns(const Layout& l, char* to, std::int64_t at, std::int64_t from, std::int64_t n, const char* acc,
                     const std::int64_t* index, Workspace& w) const {
    const std::int64_t stride = l.out.of[l.axes.rank - 1], out_bytes = static_cast<std::int64_t>(bytes_of(out_type));
    char* first = to + (at + from * stride) * out_bytes;
    if (is_arg) return put(first, index, 8, {1, {n}}, {{stride}}, 0, n);
    if (stride == 1) return to_out(first, acc, nullptr, nullptr, static_cast<std::size_t>(n));
    to_out(w.segment, acc, nullptr, nullptr, static_cast<std::size_t>(n));
    put(first, w.segment, bytes_of(out_type), {1, {n}}, {{stride}}, 0, n);
  }

  void columns(const Run& bound, const Layout& l, char* to) const {
    const std::int64_t width = is_arg ? least(l.inner, 512) : least(l.inner, column_block);
    const std::int64_t blocks = (l.inner + width - 1) / width, total = l.kept.count * blocks, n_rows = l.reduced.count;
    if (total < 8 && !is_arg && n_rows * l.inner > 2 * part_size) return split_columns(bound, l, to, width, blocks);
    parallel(total, most(1, part_size / most(1, width * n_rows)), [&](std::int64_t b, std::int64_t e) {
      Workspace w;
      for (; b < e; ++b) {
        std::int64_t base, at;
        l.kept.at(b / blocks, base, at);
        const std::int64_t from = b % blocks * width, n = least(width, l.inner - from);
        fold_columns(bound, l, base, 0, n_rows, from, n, w.total, is_arg ? w.index : nullptr, w);
        store_columns(l, to, at, from, n, w.total, w.index, w);
      }
    });
  }

  // Few columns of many rows: the rows are shared out, then combined. At most 64 parts.
  void split_columns(const Run& bound, const Layout& l, char* to, std::int64_t width, std::int64_t blocks) const {
    const std::int64_t n_rows = l.reduced.count, each = most(most(1, part_size / l.inner), (n_rows + 63) / 64);
    const std::int64_t parts = (n_rows + each - 1) / each, size = static_cast<std::int64_t>(bytes);
    char* partial = static_cast<char*>(scratch(scratch_partial, static_cast<std::size_t>(parts * l.kept.count * l.inner * size)));
    parallel(parts * l.kept.count, 1, [&](std::int64_t b, std::int64_t e) {
      Workspace w;
      for (; b < e; ++b) {
        std::int64_t base, at;
        l.kept.at(b / parts, base, at);
        const std::int64_t row = b % parts * each, end = least(n_rows, row + each);
        for (std::int64_t i = 0; i < blocks; ++i)
          fold_columns(bound, l, base, row, end, i * width, least(width, l.inner - i * width), partial + (b * l.inner + i * width) * size,
                       nullptr, w);
      }
    });
    Workspace w;
    for (std::int64_t b = 0; b < l.kept.count * blocks; ++b) {
      std::int64_t base, at;
      l.kept.at(b / blocks, base, at);
      const std::int64_t from = b % blocks * width, n = least(width, l.inner - from);
      set_start(w.total, n);
      fold->rows[kind](w.total, partial + (b / blocks * parts * l.inner + from) * size, static_cast<std::size_t>(l.inner),
                       static_cast<std::size_t>(parts), static_cast<std::size_t>(n));
      store_columns(l, to, at, from, n, w.total, nullptr, w);
    }
  }

  Program program;
  Type value_type, acc_type, out_type;
  std::uint32_t kind;  // 0 sum, 1 prod, 2 max, 3 min; of arg: 0 max, 1 min
  bool is_arg, identity;
  bool order_matters;  // floats that are added or multiplied
  std::size_t bytes;   // of an accumulator
  const FoldTable* fold;
  Kernel to_acc, to_out;
  Value start;
};

}  // namespace

PlanPtr plan_map_reduce(const mu_op_map_reduce& op, const Views& v) {
  if (!op.program) invalid("[map_reduce] there is no program");
  if (op.program->n_out != 1) invalid("[map_reduce] the program must have one output");
  if (op.kind < MU_REDUCE_SUM || op.kind > MU_REDUCE_ARGMIN)
    unsupported("[map_reduce] kind " + std::to_string(op.kind) + " is not known here");
  const Type acc = type_of(op.acc), out = checked_type(v.out[0], "[map_reduce] output");
  const bool arg = op.kind >= MU_REDUCE_ARGMAX;
  if (acc == Type::none && !arg) unsupported("[map_reduce] accumulation in this type is not supported");
  if (!arg && !cast_table().cast[static_cast<int>(computed(acc))][static_cast<int>(out)])
    unsupported(std::string("[map_reduce] ") + name_of(acc) + " to " + name_of(out) + " is not supported");
  if (arg && out != Type::i64) invalid("[map_reduce] an index is int64");
  Program p = compile(*op.program, Outputs::kept);
  require_types(p, v, 0, "[map_reduce]");
  for (std::uint32_t i = 0; i < v.n_in; ++i) require_equal_dims(v.in[i], v.out[0], "[map_reduce] input and output");
  return std::make_unique<MapReduce>(std::move(p), op.kind, acc, out);
}

}  // namespace mushin::builtin
