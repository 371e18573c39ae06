// ATTENTION: a unit of work is some queries, or keys, of one item of the batch; of its scores there is one block at a time. Blocks and
// units depend on sizes alone.
#include <algorithm>
#include <atomic>
#include <cmath>
#include <new>
#include <utility>

#include "attention_kernels.hpp"
#include "common.hpp"
#include "gemm.hpp"

namespace mushin::builtin {
namespace {

constexpr std::int64_t block_queries = 48, block_keys = 128;
// What is packed of the keys should serve many queries, but there should be many units.
constexpr std::int64_t most_queries = 11 * block_queries, wanted_units = 64, wanted_items = 16;
constexpr std::int64_t chunk_products = 600000;

std::int64_t round_up(std::int64_t n, std::int64_t to) { return (n + to - 1) / to * to; }

struct Range {
  std::int64_t begin, end;
  std::int64_t size() const { return end - begin; }
};

// The last two axes of a view.
template <class T>
struct Plane {
  T* data;
  std::int64_t row, column;

  Plane(const mu_tensor& v, std::int64_t item) : data(reinterpret_cast<T*>(address(v))) {
    for (int i = v.rank - 3; i >= 0; --i) data += item % v.dim[i] * v.stride[i], item /= v.dim[i];
    row = v.stride[v.rank - 2], column = v.dim[v.rank - 1] == 1 ? 1 : v.stride[v.rank - 1];
  }
  T* at(std::int64_t i) const { return data + i * row; }
  void read(T* to, Range rows, std::int64_t columns) const {
    for (std::int64_t i = rows.begin; i < rows.end; ++i, to += columns) read_row(to, i, 0, columns);
  }
  void read_row(T* to, std::int64_t i, std::int64_t first, std::int64_t columns) const {
    const T* from = at(i) + first * column;
    if (column == 1) return void(std::copy_n(from, columns, to));
    for (std::int64_t k = 0; k < columns; ++k) to[k] = from[k * column];
  }
  void write(const T* from, Range rows, std::int64_t columns) const {
    for (std::int64_t i = rows.begin; i < rows.end; ++i, from += columns)
      for (std::int64_t k = 0; k < columns; ++k) at(i)[k * column] = from[k];
  }
};

const AttentionKernels<float>& kernels_of(float) { return attention_f32(); }
const AttentionKernels<double>& kernels_of(double) { return attention_f64(); }

template <class T>
class Job {
 public:
  Job(const mu_op_attention& o, std::uint32_t n_in, const mu_tensor* i, std::uint32_t n_out, const mu_tensor* y)
      : op_(o), in_(i), out_(y), bias_(nullptr), with_lse_(n_out == 2) {
    const int r = i[0].rank;
    for (int k = 0; k < r - 2; ++k) items_ *= i[0].dim[k];
    queries_ = i[0].dim[r - 2], keys_ = i[1].dim[r - 2], width_ = i[0].dim[r - 1], values_ = i[2].dim[r - 1];
    pitch_ = round_up(block_keys, table_.panel_columns) + 16;
    const std::uint32_t plain = o.kind == MU_ATTENTION ? 3 : 6;
    if (n_in > plain) bias_ = i + plain;
  }

  /// Whether there was memory.
  bool run() {
    const std::int64_t some_queries = part_of(queries_, block_queries), some_keys = part_of(keys_, block_keys);
    const Range all_queries{0, queries_}, all_keys{0, keys_};
    if (op_.kind == MU_ATTENTION) {
      units(queries_, some_queries, keys_, [&](std::int64_t item, Range q) { forward(item, q); });
    } else if (items_ >= wanted_items) {
      units(1, 1, queries_ * keys_, [&](std::int64_t item, Range) { backward(item, all_queries, all_keys, true, true); });
    } else {  // the scores are made twice, so that there is something to share
      units(queries_, some_queries, keys_, [&](std::int64_t item, Range q) { backward(item, q, all_keys, true, false); });
      units(keys_, some_keys, queries_, [&](std::int64_t item, Range k) { backward(item, all_queries, k, false, true); });
    }
    return !no_memory_;
  }

 private:
  std::int64_t part_of(std::int64_t all, std::int64_t block) const {
    return std::clamp(round_up(all * items_ / wanted_units, block), block, most_queries / block_queries * block);
  }

  // unit(item, part) for each part of `all`; `others`: what each of it is multiplied with.
  template <class F>
  void units(std::int64_t all, std::int64_t each, std::int64_t others, const F& unit) {
    const std::int64_t parts = (all + each - 1) / each, work = most(1, each * others * (width_ + values_));
    parallel(items_ * parts, most(1, chunk_products / work), [&](std::int64_t u, std::int64_t end) {
      try {
        for (; u < end; ++u) unit(u / parts, Range{u % parts * each, least(all, (u % parts + 1) * each)});
      } catch (const std::bad_alloc&) {
        no_memory_ = true;
      }
    });
  }

  // Parts of this thread's buffer.
  struct Room {
    T* next;
    T* take(std::int64_t count) { return std::exchange(next, next + round_up(count, 64 / static_cast<std::int64_t>(sizeof(T)))); }
  };
  Room room(std::int64_t count) const {
    constexpr std::int64_t parts = 16;
    return {static_cast<T*>(scratch(scratch_attention, static_cast<std::size_t>(count + parts * 16) * sizeof(T)))};
  }
  std::int64_t panels_size(std::int64_t depth) const { return round_up(block_keys, table_.panel_columns) * depth; }

  // How many of `n` keys from `first` on query i sees.
  std::int64_t seen(std::int64_t i, std::int64_t first, std::int64_t n) const {
    if (!(op_.flags & MU_ATTENTION_CAUSAL)) return n;
    return std::clamp<std::int64_t>(i + op_.ahead + 1 - first, 0, n);
  }
  // Panels of the transposed rows.
  void pack(T* panels, const Plane<T>& m, std::int64_t first, std::int64_t n, std::int64_t depth) const {
    table_.pack_b(panels, m.at(first), depth, n, m.column, m.row);
  }
  // s = a times packed columns; whole panels, so up to the pitch.
  void product(T* s, const T* a, std::int64_t a_row, std::int64_t a_column, const T* panels, std::int64_t rows, std::int64_t n,
               std::int64_t depth) const {
    const std::int64_t wide = table_.panel_columns;
    for (std::int64_t j = 0; j < n; j += wide, panels += wide * depth)
      table_.small({s + j, a, panels, rows, wide, depth, pitch_, a_row, a_column, wide});
  }
  // The bias of query i for keys from `first` on, or null.
  const T* bias_row(std::int64_t item, std::int64_t i, std::int64_t first, std::int64_t n, T* line) const {
    if (!bias_) return nullptr;
    const Plane<T> bias(*bias_, item);
    if (bias.column == 1) return bias.at(i) + first;
    bias.read_row(line, i, first, n);
    return line;
  }

  void forward(std::int64_t item, Range q) const {
    const Plane<T> qs(in_[0], item), ks(in_[1], item), vs(in_[2], item), ys(out_[0], item);
    const std::int64_t count = q.size();
    Room r = room(count * (values_ + 2) + panels_size(width_) + block_keys * (values_ + 1) + block_queries * pitch_);
    T *const y = r.take(count * values_), *const top = r.take(count), *const sum = r.take(count);
    T *const panels = r.take(panels_size(width_)), *const v = r.take(block_keys * values_), *const line = r.take(block_keys);
    T* const s = r.take(block_queries * pitch_);
    std::fill_n(y, count * values_, T{0}), std::fill_n(sum, count, T{0}), std::fill_n(top, count, -static_cast<T>(HUGE_VAL));
    for (std::int64_t j = 0; j < keys_; j += block_keys) {
      const std::int64_t n = least(block_keys, keys_ - j);
      if (count == 0 || seen(q.end - 1, j, n) == 0) break;
      pack(panels, ks, j, n, width_), vs.read(v, {j, j + n}, values_);
      for (std::int64_t i = q.begin; i < q.end; i += block_queries) {
        const std::int64_t rows = least(block_queries, q.end - i), most_seen = seen(i + rows - 1, j, n);
        if (most_seen == 0) continue;
        product(s, qs.at(i), qs.row, qs.column, panels, rows, most_seen, width_);
        for (std::int64_t k = 0; k < rows; ++k) {
          const std::int64_t at = i + k - q.begin, few = seen(i + k, j, n);
          const ScoreRow<T> row{s + k * pitch_, bias_row(item, i + k, j, few, line), few, most_seen, static_cast<T>(op_.scale)};
          const T kept = kernels_.weigh(row, top[at], sum[at]);
          if (j > 0 && kept != 1) kernels_.scale(y + at * values_, kept, values_);
        }
        table_.small({y + (i - q.begin) * values_, s, v, rows, values_, most_seen, values_, pitch_, 1, values_, true});
      }
    }
    for (std::int64_t k = 0; k < count; ++k)
      if (sum[k] != 0)
        kernels_.scale(y + k * values_, 1 / sum[k], values_), top[k] += std::log(sum[k]);
      else
        top[k] = 0;
    ys.write(y, q, values_);
    if (with_lse_) Plane<T>(out_[1], item).write(top, q, 1);
  }

  // What a unit of the backward pass works with: of its queries, and of the block of keys at hand.
  struct Backward {
    T *q, *dy, *dq, *dot;
    T *k_panels, *v_panels, *k, *dk, *dv;
    T *s, *ds, *line;
  };
  Backward backward_room(std::int64_t count) const {
    Room r = room(count * (2 * width_ + values_ + 1) + panels_size(width_ + values_) + block_keys * (2 * width_ + values_ + 1) +
                  2 * block_queries * pitch_);
    const auto take = [&r](std::int64_t n) { return r.take(n); };
    return {take(count * width_),       take(count * values_),        take(count * width_),         take(count),
            take(panels_size(width_)),  take(panels_size(values_)),   take(block_keys * width_),    take(block_keys * width_),
            take(block_keys * values_), take(block_queries * pitch_), take(block_queries * pitch_), take(block_keys)};
  }

  void backward(std::int64_t item, Range q, Range k, bool to_q, bool to_kv) const {
    const Plane<T> ks(in_[1], item), vs(in_[2], item), ys(in_[3], item);
    const Backward b = backward_room(q.size());
    Plane<T>(in_[0], item).read(b.q, q, width_), Plane<T>(in_[5], item).read(b.dy, q, values_);
    for (std::int64_t i = 0; i < q.size(); ++i) {
      T* const line = b.v_panels;  // not in use yet
      ys.read_row(line, q.begin + i, 0, values_);
      b.dot[i] = kernels_.dot(line, b.dy + i * values_, values_);
    }
    std::fill_n(b.dq, q.size() * width_, T{0});
    for (std::int64_t j = k.begin; j < k.end; j += block_keys) {
      const Range block{j, least(k.end, j + block_keys)};
      std::fill_n(b.dk, block.size() * width_, T{0}), std::fill_n(b.dv, block.size() * values_, T{0});
      pack(b.k_panels, ks, j, block.size(), width_), pack(b.v_panels, vs, j, block.size(), values_);
      if (to_q) ks.read(b.k, block, width_);
      for (std::int64_t i = q.begin; i < q.end; i += block_queries)
        backward_block(item, b, q, {i, least(q.end, i + block_queries)}, block, to_q, to_kv);
      if (to_kv) Plane<T>(out_[1], item).write(b.dk, block, width_), Plane<T>(out_[2], item).write(b.dv, block, values_);
    }
    if (to_q) Plane<T>(out_[0], item).write(b.dq, q, width_);
  }

  void backward_block(std::int64_t item, const Backward& b, Range all, Range q, Range k, bool to_q, bool to_kv) const {
    const std::int64_t rows = q.size(), n = seen(q.end - 1, k.begin, k.size()), first = q.begin - all.begin;
    if (n == 0) return;
    const T *const qs = b.q + first * width_, *const dy = b.dy + first * values_;
    const Plane<T> lse(in_[4], item);
    product(b.s, qs, width_, 1, b.k_panels, rows, n, width_), product(b.ds, dy, values_, 1, b.v_panels, rows, n, values_);
    for (std::int64_t i = 0; i < rows; ++i) {
      const std::int64_t few = seen(q.begin + i, k.begin, k.size());
      const T* bias = bias_row(item, q.begin + i, k.begin, few, b.line);
      kernels_.weigh_backward({b.s + i * pitch_, bias, few, n, static_cast<T>(op_.scale)}, b.ds + i * pitch_, *lse.at(q.begin + i),
                              b.dot[first + i]);
    }
    if (to_q) table_.small({b.dq + first * width_, b.ds, b.k, rows, width_, n, width_, pitch_, 1, width_, true});
    if (!to_kv) return;
    table_.small({b.dv, b.s, dy, n, values_, rows, values_, 1, pitch_, values_, true});
    table_.small({b.dk, b.ds, qs, n, width_, rows, width_, 1, pitch_, width_, true});
  }

  const mu_op_attention op_;
  const mu_tensor *in_, *out_, *bias_;
  bool with_lse_;
  std::atomic<bool> no_memory_{false};
  const GemmTable& table_ = gemm_table(sizeof(T) == 4 ? 0 : 1);
  const AttentionKernels<T>& kernels_ = kernels_of(T{});
  std::int64_t items_ = 1, queries_, keys_, width_, values_, pitch_;
};

template <class T>
struct Attention final : mu_plan {
  explicit Attention(const mu_op_attention& o) : op(o) {}
  mu_code run(const mu_tensor* in, const mu_tensor* out, mu_error* error) noexcept override {
    if (Job<T>(op, n_in, in, n_out, out).run()) return MU_OK;
    return mu_fail(error, MU_OUT_OF_MEMORY, 0, "[attention] no memory for a block of scores");
  }
  mu_op_attention op;
};

// Batch axes as those of q, then these.
void check_view(const mu_tensor& v, const mu_tensor& q, std::int64_t rows, std::int64_t columns, const char* what) {
  if (v.dtype != q.dtype) invalid("[attention] element types differ");
  checked_type(v, what);
  bool fits = v.rank == q.rank && v.dim[v.rank - 2] == rows && v.dim[v.rank - 1] == columns;
  for (int i = 0; fits && i < v.rank - 2; ++i) fits = v.dim[i] == q.dim[i];
  if (!fits) invalid(std::string(what) + " does not fit q: " + dims_text(v) + " and " + dims_text(q));
}

void check_views(const mu_op_attention& op, const Views& v) {
  const bool back = op.kind == MU_ATTENTION_BACKWARD;
  const mu_tensor &q = v.in[0], &k = v.in[1], &value = v.in[2];
  if (q.rank < 2 || k.rank != q.rank || value.rank != q.rank) invalid("[attention] all views have one rank, 2 to 8: " + dims_text(q));
  const std::uint32_t plain = back ? 6 : 3;
  if (v.n_in != plain && v.n_in != plain + 1) invalid("[attention] takes q, k, v, and a bias; backward y, lse and dy too");
  if (back ? v.n_out != 3 : v.n_out > 2) invalid("[attention] gives y, and lse; backward three gradients");
  const std::int64_t queries = q.dim[q.rank - 2], keys = k.dim[k.rank - 2], width = q.dim[q.rank - 1], values = value.dim[value.rank - 1];
  check_view(k, q, keys, width, "[attention] k"), check_view(value, q, keys, values, "[attention] v");
  if (v.n_in > plain) check_view(v.in[plain], q, queries, keys, "[attention] bias");
  if (!back) {
    check_view(v.out[0], q, queries, values, "[attention] y");
    if (v.n_out == 2) check_view(v.out[1], q, queries, 1, "[attention] lse");
    return;
  }
  check_view(v.in[3], q, queries, values, "[attention] y"), check_view(v.in[4], q, queries, 1, "[attention] lse");
  check_view(v.in[5], q, queries, values, "[attention] dy"), check_view(v.out[0], q, queries, width, "[attention] dq");
  check_view(v.out[1], q, keys, width, "[attention] dk"), check_view(v.out[2], q, keys, values, "[attention] dv");
}

}  // namespace

PlanPtr plan_attention(const mu_op_attention& op, const Views& v) {
  const Type t = checked_type(v.in[0], "[attention] q");
  if (op.kind > MU_ATTENTION_BACKWARD || op.flags > MU_ATTENTION_CAUSAL)
    unsupported("[attention] kind " + std::to_string(op.kind) + " with flags " + std::to_string(op.flags) + " is not known here");
  check_views(op, v);
  constexpr std::int64_t far = std::int64_t{1} << 48;  // beyond all there are
  mu_op_attention known = op;
  known.ahead = std::clamp(op.ahead, -far, far);
  if (t == Type::f32) return std::make_unique<Attention<float>>(known);
  if (t == Type::f64) return std::make_unique<Attention<double>>(known);
  unsupported("[attention] float32 and float64 only");
}

}  // namespace mushin::builtin
