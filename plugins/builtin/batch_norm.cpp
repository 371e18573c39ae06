// NORMALIZE of channels. A channel is gone through line by line where its rest is dense, and several of them row by row where they lie side
// by side: (batch, channels), or channels last. What is neither is copied to lines. Few long channels are cut into pieces, so that there is
// work for all threads.
#include <algorithm>
#include <atomic>
#include <cmath>
#include <new>
#include <vector>

#include "batch_norm_kernels.hpp"
#include "common.hpp"
#include "normalize.hpp"

namespace mushin::builtin {
namespace {

constexpr std::int64_t tile = 64, block = 64;  // channels side by side; rows whose sums are joined before they are added to the others'

template <class T>
struct Channels {
  T* first;
  std::int64_t batch, channel, rest;  // strides
  std::int64_t n, values;             // lines of a channel, values of a line

  explicit Channels(const mu_tensor& v)
      : first(reinterpret_cast<T*>(address(v))),
        batch(v.stride[0]),
        channel(v.stride[1]),
        rest(v.stride[2]),
        n(v.dim[0]),
        values(v.dim[2]) {
    if (values == 1) std::swap(batch, rest), std::swap(n, values);  // one line, along the batch
  }
  std::int64_t count() const { return n * values; }
  bool side_by_side() const { return channel == 1 && rest != 1; }
  bool dense() const { return rest == 1; }
  Lines<T> line(std::int64_t c) const { return {first + c * channel, batch, n, values}; }
  T* row(std::int64_t i) const { return first + i / values * batch + i % values * rest; }
  Lines<T> place(std::int64_t c, T* room) const {
    if (rest == 1) return {first + c * channel, batch, n, values};
    return {room, values, n, values};
  }
  Lines<const T> read(std::int64_t c, T* room) const {
    const Lines<T> to = place(c, room);
    if (rest != 1)
      for (std::int64_t i = 0; i < count(); ++i) room[i] = row(i)[c * channel];
    return {to.first, to.pitch, to.count, to.n};
  }
  void write(std::int64_t c, const T* room) const {
    if (rest == 1) return;
    for (std::int64_t i = 0; i < count(); ++i) row(i)[c * channel] = room[i];
  }
};

template <class T>
struct Parameter {
  T* first;
  std::int64_t stride;
  explicit Parameter(const mu_tensor& v) : first(reinterpret_cast<T*>(address(v))), stride(v.dim[0] == 1 ? 0 : v.stride[0]) {}
  T& operator[](std::int64_t c) const { return first[c * stride]; }
};

template <class T>
T scale_of(double variance, double eps) {
  return static_cast<T>(1 / std::sqrt(variance + eps));
}

constexpr std::int64_t few_channels = 8, piece_values = 8192;

// A channel's lines in pieces whose borders are told by its sizes: sums don't depend on the number of threads.
struct Pieces {
  std::int64_t lines, values, count;  // of a piece; of pieces

  Pieces(std::int64_t n, std::int64_t line)
      : lines(most(1, piece_values / most(1, line))),
        values(n == 1 ? piece_values : line),
        count(n == 1 ? (line + values - 1) / values : (n + lines - 1) / lines) {}
  template <class T>
  Lines<T> of(const Lines<T>& all, std::int64_t i) const {
    if (all.count == 1) return {all.first + i * values, all.pitch, 1, least(values, all.n - i * values)};
    return {all.first + i * lines * all.pitch, all.pitch, least(lines, all.count - i * lines), all.n};
  }
  // f(channel, piece, place of both in a row) for each.
  template <class F>
  void each(std::int64_t channels, const F& f) const {
    parallel(channels * count, 1, [&](std::int64_t i, std::int64_t end) {
      for (; i < end; ++i) f(i / count, i % count, static_cast<std::size_t>(i));
    });
  }
};
template <class T>
Lines<const T> constant(const Lines<T>& l) {
  return {l.first, l.pitch, l.count, l.n};
}

// f(rows' begin, end) for each block.
template <class F>
void blocks(std::int64_t rows, const F& f) {
  for (std::int64_t i = 0; i < rows; i += block) f(i, least(i + block, rows));
}

template <class T>
struct Forward {
  Channels<T> x, y;
  Parameter<T> gain, bias, mean, variance;
  double eps;
  const BatchNormKernels<T>& kernels;

  Forward(const mu_tensor* in, const mu_tensor* out, double e, const BatchNormKernels<T>& k)
      : x(in[0]), y(out[0]), gain(in[1]), bias(in[2]), mean(out[1]), variance(out[2]), eps(e), kernels(k) {}
  bool side_by_side() const { return x.side_by_side() && y.side_by_side(); }
  bool dense() const { return x.dense() && y.dense(); }
  std::int64_t room() const { return 2 * x.count(); }

  void in_pieces(std::int64_t channels) const {
    const Pieces p(x.n, x.values);
    std::vector<Spread> part(static_cast<std::size_t>(channels * p.count));
    p.each(channels, [&](std::int64_t c, std::int64_t i, std::size_t at) { part[at] = kernels.spread(constant(p.of(x.line(c), i))); });
    for (std::int64_t c = 0; c < channels; ++c) {
      // Chan, Golub, LeVeque 1979, as within a piece.
      Spread all{0, 0};
      double seen = 0;
      for (std::int64_t i = 0; i < p.count; ++i) {
        const Spread& next = part[static_cast<std::size_t>(c * p.count + i)];
        const Lines<T> lines = p.of(x.line(c), i);
        const double n = static_cast<double>(lines.count * lines.n), apart = next.mean - all.mean, share = n / (seen + n);
        all.squares += next.squares + (seen == 0 ? 0 : apart * apart * seen * share);
        all.mean += apart * share;
        seen += n;
      }
      mean[c] = static_cast<T>(all.mean), variance[c] = static_cast<T>(all.squares / static_cast<double>(x.count()));
    }
    p.each(channels, [&](std::int64_t c, std::int64_t i, std::size_t) {
      const T scale = scale_of<T>(static_cast<double>(variance[c]), eps) * gain[c];
      kernels.normalize(p.of(y.line(c), i), constant(p.of(x.line(c), i)), mean[c], scale, bias[c]);
    });
  }

  void channel(std::int64_t c, T* room) const {
    const Lines<const T> from = x.read(c, room);
    const Spread s = kernels.spread(from);
    const double v = s.squares / static_cast<double>(x.count());
    mean[c] = static_cast<T>(s.mean), variance[c] = static_cast<T>(v);
    T* const to = room + x.count();
    kernels.normalize(y.place(c, to), from, mean[c], scale_of<T>(v, eps) * gain[c], bias[c]);
    y.write(c, to);
  }

  void several(std::int64_t c, std::int64_t n) const {
    T sum[tile]{}, part[tile], middle[tile], scale[tile], shift[tile];
    const auto average = [&](const auto& add) {
      std::fill(sum, sum + n, T{0});
      blocks(x.count(), [&](std::int64_t i, std::int64_t end) {
        std::fill(part, part + n, T{0});
        for (; i < end; ++i) add(x.row(i) + c);
        for (std::int64_t k = 0; k < n; ++k) sum[k] += part[k];
      });
      for (std::int64_t k = 0; k < n; ++k) sum[k] /= static_cast<T>(x.count());
    };
    average([&](const T* row) { kernels.row_sum(part, row, n); });
    std::copy(sum, sum + n, middle);
    average([&](const T* row) { kernels.row_squares(part, row, middle, n); });
    for (std::int64_t k = 0; k < n; ++k) {
      mean[c + k] = middle[k], variance[c + k] = sum[k];
      scale[k] = scale_of<T>(static_cast<double>(sum[k]), eps) * gain[c + k], shift[k] = bias[c + k];
    }
    for (std::int64_t i = 0; i < x.count(); ++i) kernels.row_normalize(y.row(i) + c, x.row(i) + c, middle, scale, shift, n);
  }
};

template <class T>
struct Backward {
  Channels<T> x, dy, dx;
  Parameter<T> gain, mean, variance, dgain, dbias;
  double eps;
  const BatchNormKernels<T>& kernels;

  Backward(const mu_tensor* in, const mu_tensor* out, double e, const BatchNormKernels<T>& k)
      : x(in[0]), dy(in[2]), dx(out[0]), gain(in[1]), mean(in[3]), variance(in[4]), dgain(out[1]), dbias(out[2]), eps(e), kernels(k) {}
  bool side_by_side() const { return x.side_by_side() && dy.side_by_side() && dx.side_by_side(); }
  bool dense() const { return x.dense() && dy.dense() && dx.dense(); }
  std::int64_t room() const { return 3 * x.count(); }

  void in_pieces(std::int64_t channels) const {
    struct Sums {
      T total, along;
    };
    struct Slope {
      T constant, slope, scale;
    };
    const Pieces p(x.n, x.values);
    std::vector<Sums> part(static_cast<std::size_t>(channels * p.count));
    std::vector<Slope> of(static_cast<std::size_t>(channels));
    p.each(channels, [&](std::int64_t c, std::int64_t i, std::size_t at) {
      kernels.sums(constant(p.of(x.line(c), i)), constant(p.of(dy.line(c), i)), mean[c], &part[at].total, &part[at].along);
    });
    for (std::int64_t c = 0; c < channels; ++c) {
      double total = 0, along = 0;
      for (std::int64_t i = 0; i < p.count; ++i) {
        const Sums& next = part[static_cast<std::size_t>(c * p.count + i)];
        total += static_cast<double>(next.total), along += static_cast<double>(next.along);
      }
      Slope& s = of[static_cast<std::size_t>(c)];
      finish(c, static_cast<T>(total), static_cast<T>(along), s.constant, s.slope, s.scale);
    }
    p.each(channels, [&](std::int64_t c, std::int64_t i, std::size_t) {
      const Slope& s = of[static_cast<std::size_t>(c)];
      kernels.slopes(p.of(dx.line(c), i), constant(p.of(x.line(c), i)), constant(p.of(dy.line(c), i)), mean[c], s.constant, s.slope,
                     s.scale);
    });
  }

  // Given the sums of dy and of dy (x - mean): the gradients of gain and bias, and what those of x are made with.
  void finish(std::int64_t c, T total, T along, T& constant, T& slope, T& scale) const {
    const T inverse = scale_of<T>(static_cast<double>(variance[c]), eps), n = static_cast<T>(x.count());
    dbias[c] = total, dgain[c] = along * inverse;
    constant = total / n, slope = along * inverse * inverse / n, scale = inverse * gain[c];
  }

  void channel(std::int64_t c, T* room) const {
    T *const from = room + x.count(), *const to = from + x.count();
    const Lines<const T> value = x.read(c, room), given = dy.read(c, from);
    const T middle = mean[c];
    T total, along, constant, slope, scale;
    kernels.sums(value, given, middle, &total, &along);
    finish(c, total, along, constant, slope, scale);
    kernels.slopes(dx.place(c, to), value, given, middle, constant, slope, scale);
    dx.write(c, to);
  }

  void several(std::int64_t c, std::int64_t n) const {
    T total[tile], along[tile], part[2][tile], middle[tile], constant[tile], slope[tile], scale[tile];
    std::fill(total, total + n, T{0}), std::fill(along, along + n, T{0});
    for (std::int64_t k = 0; k < n; ++k) middle[k] = mean[c + k];
    blocks(x.count(), [&](std::int64_t i, std::int64_t end) {
      std::fill(part[0], part[0] + n, T{0}), std::fill(part[1], part[1] + n, T{0});
      for (; i < end; ++i) kernels.row_sums(part[0], part[1], x.row(i) + c, dy.row(i) + c, middle, n);
      for (std::int64_t k = 0; k < n; ++k) total[k] += part[0][k], along[k] += part[1][k];
    });
    for (std::int64_t k = 0; k < n; ++k) finish(c + k, total[k], along[k], constant[k], slope[k], scale[k]);
    for (std::int64_t i = 0; i < x.count(); ++i)
      kernels.row_slopes(dx.row(i) + c, x.row(i) + c, dy.row(i) + c, middle, constant, slope, scale, n);
  }
};

template <class T, template <class> class Pass>
struct BatchNorm final : mu_plan {
  BatchNorm(double e, const BatchNormKernels<T>& k) : eps(e), kernels(k) {}

  mu_code run(const mu_tensor* in, const mu_tensor* out, mu_error* error) noexcept override {
    std::atomic<bool> no_memory{false};
    const Pass<T> pass(in, out, eps, kernels);
    const std::int64_t channels = pass.x.count() ? in[0].dim[1] : 0, at_once = pass.side_by_side() ? tile : 1;
    if (at_once == 1 && channels < few_channels && pass.dense() && pass.x.count() >= 2 * piece_values) {
      try {
        pass.in_pieces(channels);
      } catch (const std::bad_alloc&) {
        no_memory = true;
      }
      return no_memory ? mu_fail(error, MU_OUT_OF_MEMORY, 0, "[normalize] no memory for a channel") : MU_OK;
    }
    parallel((channels + at_once - 1) / at_once, most(1, 16384 / most(1, pass.x.count() * at_once)),
             [&](std::int64_t begin, std::int64_t end) {
               if (at_once != 1) {
                 for (std::int64_t c = begin * tile; c < least(end * tile, channels); c += tile) pass.several(c, least(tile, channels - c));
                 return;
               }
               try {
                 T* const room = static_cast<T*>(scratch(scratch_line, static_cast<std::size_t>(pass.room()) * sizeof(T)));
                 for (; begin < end; ++begin) pass.channel(begin, room);
               } catch (const std::bad_alloc&) {
                 no_memory = true;
               }
             });
    return no_memory ? mu_fail(error, MU_OUT_OF_MEMORY, 0, "[normalize] no memory for a channel") : MU_OK;
  }

  double eps;
  const BatchNormKernels<T>& kernels;
};

template <class T>
PlanPtr make(bool back, double eps, const BatchNormKernels<T>& kernels) {
  if (back) return std::make_unique<BatchNorm<T, Backward>>(eps, kernels);
  return std::make_unique<BatchNorm<T, Forward>>(eps, kernels);
}

}  // namespace

PlanPtr plan_batch_norm(const mu_op_normalize& op, const Views& v) {
  const bool back = op.kind == MU_NORMALIZE_BATCH_BACKWARD;
  if (v.n_in != (back ? 5u : 3u) || v.n_out != 3) invalid("[normalize] of channels takes three operands, backward five, and gives three");
  const Type t = checked_type(v.in[0], "[normalize] x");
  if (v.in[0].rank != 3) invalid("[normalize] x has three axes where channels are normalised: " + dims_text(v.in[0]));
  const auto check = [&](const mu_tensor& view, bool whole) {
    if (checked_type(view, "[normalize] operand") != t) invalid("[normalize] element types differ");
    if (whole) return require_equal_dims(view, v.in[0], "[normalize] operand and x");
    if (view.rank != 1 || view.dim[0] != v.in[0].dim[1]) invalid("[normalize] a parameter is not along the channels: " + dims_text(view));
  };
  for (std::uint32_t i = 1; i < v.n_in; ++i) check(v.in[i], back && i == 2);
  for (std::uint32_t i = 0; i < v.n_out; ++i) check(v.out[i], i == 0);
  if (t == Type::f32) return make(back, op.eps, batch_norm_f32());
  if (t == Type::f64) return make(back, op.eps, batch_norm_f64());
  unsupported("[normalize] float32 and float64 only");
}

}  // namespace mushin::builtin
