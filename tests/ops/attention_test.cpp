#include <cmath>
#include <limits>

#include "check.hpp"

namespace mushin::test {
namespace {

using core::Array;
using core::AttentionForm;
namespace mu = mushin;

constexpr double inf = HUGE_VAL, nan = std::numeric_limits<double>::quiet_NaN();

struct Case {
  Index batch;
  std::int64_t queries, keys, width, values;
  AttentionForm form;
  Index bias;  // empty: none
};
// Blocks of builtin's kernel have 48 queries and 128 keys; with 16 items or more, a backward pass has one unit for each.
const Case cases[] = {{{}, 1, 1, 1, 1, {1.0}, {}},
                      {{2}, 3, 5, 4, 2, {0.5}, {}},
                      {{2, 3}, 4, 4, 8, 8, {0.35, true}, {}},
                      {{1, 2}, 100, 300, 5, 7, {0.4, true, 150}, {}},
                      {{17}, 60, 150, 3, 2, {0.7, true, 40}, {}},
                      {{3, 2}, 50, 130, 4, 4, {0.5}, {3, 1, 1, 130}},
                      {{2}, 5, 4, 3, 33, {0.5, true, -2}, {5, 1}},
                      {{2, 2}, 1, 9, 4, 4, {0.5}, {2, 2, 1, 9}},
                      {{2}, 3, 0, 2, 2, {1.0}, {}},
                      {{2}, 0, 3, 2, 2, {1.0}, {}}};

Index with(Index batch, std::int64_t rows, std::int64_t columns) {
  batch.push_back(rows), batch.push_back(columns);
  return batch;
}

struct Operands {
  Ref q, k, v, bias, dy;
  Operands(const Case& c, dtype type, std::uint64_t stream)
      : q(rounded(random(with(c.batch, c.queries, c.width), stream, -2, 2), type)),
        k(rounded(random(with(c.batch, c.keys, c.width), stream + 1, -2, 2), type)),
        v(rounded(random(with(c.batch, c.keys, c.values), stream + 2, -2, 2), type)),
        bias(rounded(random(c.bias, stream + 3, -1, 1), type)),
        dy(rounded(random(with(c.batch, c.queries, c.values), stream + 4), type)) {
    if (!c.bias.empty() && count(c.bias) > 8)  // the first keys of the last row are hidden
      for (std::size_t i = bias.values.size() - static_cast<std::size_t>(c.keys); i + 3 < bias.values.size(); ++i) bias.values[i] = -inf;
  }
};

// Plain sums, the weights written down.
struct Oracle {
  Ref y, dq, dk, dv;

  Oracle(const Case& c, const Operands& o)
      : y(full(o.dy.shape, 0)), dq(full(o.q.shape, 0)), dk(full(o.k.shape, 0)), dv(full(o.v.shape, 0)) {
    for (std::int64_t b = 0; b < count(c.batch); ++b)
      for (std::int64_t i = 0; i < c.queries; ++i) query(c, o, b, i);
  }

 private:
  static double bias_at(const Case& c, const Operands& o, std::int64_t item, std::int64_t i, std::int64_t j) {
    if (c.bias.empty()) return 0;
    const Index full_shape = with(c.batch, c.queries, c.keys);
    Index at(full_shape.size());
    at[at.size() - 1] = j, at[at.size() - 2] = i;
    for (std::size_t k = c.batch.size(); k-- > 0; item /= c.batch[k]) at[k] = item % c.batch[k];
    Index own(at.end() - static_cast<std::ptrdiff_t>(c.bias.size()), at.end());
    for (std::size_t k = 0; k < own.size(); ++k)
      if (c.bias[k] == 1) own[k] = 0;
    return o.bias.at(own);
  }
  void query(const Case& c, const Operands& o, std::int64_t b, std::int64_t i) {
    const auto at = [](std::int64_t item, std::int64_t rows, std::int64_t columns, std::int64_t r) {
      return static_cast<std::size_t>((item * rows + r) * columns);
    };
    const auto keys = static_cast<std::size_t>(c.keys), width = static_cast<std::size_t>(c.width),
               values = static_cast<std::size_t>(c.values);
    const std::size_t qi = at(b, c.queries, c.width, i), yi = at(b, c.queries, c.values, i);
    const std::size_t k0 = at(b, c.keys, c.width, 0), v0 = at(b, c.keys, c.values, 0);
    std::vector<double> w(keys), dw(keys);
    double top = -inf, sum = 0, mean = 0;
    for (std::size_t j = 0; j < keys; ++j) {
      double s = 0;
      for (std::size_t d = 0; d < width; ++d) s += o.q.values[qi + d] * o.k.values[k0 + j * width + d];
      const bool hidden = c.form.causal && static_cast<std::int64_t>(j) > i + c.form.ahead;
      w[j] = hidden ? -inf : s * c.form.scale + bias_at(c, o, b, i, static_cast<std::int64_t>(j));
      top = std::max(top, w[j]);
    }
    if (top == -inf) return;
    for (double& x : w) sum += x = std::exp(x - top);
    for (std::size_t j = 0; j < keys; ++j) {
      w[j] /= sum;
      for (std::size_t d = 0; d < values; ++d) {
        y.values[yi + d] += w[j] * o.v.values[v0 + j * values + d];
        dv.values[v0 + j * values + d] += w[j] * o.dy.values[yi + d];
        dw[j] += o.dy.values[yi + d] * o.v.values[v0 + j * values + d];
      }
      mean += w[j] * dw[j];
    }
    for (std::size_t j = 0; j < keys; ++j)
      for (std::size_t d = 0; d < width; ++d) {
        const double ds = w[j] * (dw[j] - mean) * c.form.scale;
        dq.values[qi + d] += ds * o.k.values[k0 + j * width + d], dk.values[k0 + j * width + d] += ds * o.q.values[qi + d];
      }
  }
};

std::string text(const Case& c, dtype type) {
  return std::string(name_of(type)) + " " + text_of(c.batch) + " " + std::to_string(c.queries) + " x " + std::to_string(c.keys);
}

TEST(Attention, EqualsTheOracle) {
  on_every_device([&] {
    for (dtype type : float_types)
      for (const Case& c : cases) {
        SCOPED_TRACE(text(c, type));
        const Operands o(c, type, 300);
        const Oracle want(c, o);
        const Array q = array(o.q, type), k = array(o.k, type), v = array(o.v, type), bias = c.bias.empty() ? Array() : array(o.bias, type);
        const double tol = tolerance(type, 16);
        EXPECT_TRUE(close(core::attention(q, k, v, bias, c.form), want.y, tol, 2 * tol));
        const core::Attended kept = core::attention_kept(q, k, v, bias, c.form);
        EXPECT_TRUE(close(kept.y, want.y, tol, 2 * tol));
        const auto g = core::attention_backward(q, k, v, bias, kept, array(o.dy, type), c.form);
        const double sums = 8 * tol;
        EXPECT_TRUE(close(g.q, want.dq, sums, sums));
        EXPECT_TRUE(close(g.k, want.dk, sums, sums));
        EXPECT_TRUE(close(g.v, want.dv, sums, sums));
      }
  });
}

// As projections to heads give them: (batch, sequence, heads, width) with the axes turned. What comes out lies so too.
TEST(Attention, OfTurnedViewsAndBroadcastBatches) {
  const Case c{{2, 3}, 50, 50, 4, 4, {0.5, true}, {}};
  Operands o(c, dtype::f32, 310);
  const Ref one = random({1, 1, 50, 4}, 316, -2, 2);
  for (std::size_t i = 0; i < o.v.values.size(); ++i) o.v.values[i] = one.values[i % one.values.size()];
  const Oracle want(c, o);
  on_every_device([&] {
    const unsigned turn[] = {0, 2, 1, 3};
    const auto turned = [&](const Ref& r) { return core::permute(array(permute(r, {0, 2, 1, 3}), dtype::f32), turn); };
    const Array q = turned(o.q), k = core::transpose(array(permute(o.k, {0, 1, 3, 2}), dtype::f32)), v = array(one, dtype::f32);
    const core::Attended kept = core::attention_kept(q, k, v, {}, c.form);
    EXPECT_TRUE(close(kept.y, want.y, 1e-5, 1e-5));
    const auto g = core::attention_backward(q, k, v, {}, kept, turned(o.dy), c.form);
    EXPECT_TRUE(close(g.q, want.dq, 1e-4, 1e-4));
    EXPECT_TRUE(close(g.k, want.dk, 1e-4, 1e-4));
    EXPECT_TRUE(close(g.v, want.dv, 1e-4, 1e-4));
  });
}

TEST(Attention, SpecialValues) {
  on_every_device([&] {
    // The first query meets NaN, the second one an infinite score, the third one sees nothing, the fourth hides what is NaN in the values'
    // sum.
    const Ref q{{4, 1}, {nan, inf, 1, 1}}, k{{2, 1}, {1, 2}}, v{{2, 1}, {3, 4}};
    const Ref bias{{4, 2}, {0, 0, 0, 0, -inf, -inf, 0, -inf}};
    const Ref got = ref(core::attention(array(q, dtype::f32), array(k, dtype::f32), array(v, dtype::f32), array(bias, dtype::f32), {}));
    EXPECT_TRUE(std::isnan(got.values[0]));
    EXPECT_TRUE(std::isnan(got.values[1]));
    EXPECT_EQ(got.values[2], 0);
    EXPECT_EQ(got.values[3], 3);
  });
}

TEST(Attention, Gradients) {
  const Ref q = random({2, 3, 2}, 320), k = random({2, 4, 2}, 321), v = random({1, 4, 3}, 322), bias = random({3, 4}, 323);
  const auto with_bias = [&](const auto& in) { return core::attention(in[0], in[1], in[2], array(bias, dtype::f64), {0.8, true, 1}); };
  check_gradients(with_bias, {q, k, v});
  const auto of_values = [&](const auto& in) {
    return core::attention(core::Traced(array(q, dtype::f64)), core::Traced(array(k, dtype::f64)), in[0], Array(), {0.8, true, -1});
  };
  check_gradients(of_values, {v}, false);
  const auto of_one = [&](const auto& in) { return core::attention(in[0], in[0], in[0], Array(), {0.8}); };
  check_gradients(of_one, {q}, false);
}

TEST(Attention, OfTypedTensors) {
  constexpr mu::Dim<"time"> time;
  const auto q = mu::ones<2, time, 4>(time = 3), k = mu::ones<2, time, 4>(time = 3);
  const auto v = mu::reshape<2, 3, 1>(mu::arange<6>()).refine<2, time, 1>();
  const auto y = mu::scaled_dot_product_attention(q, k, v, {.causal = true});
  static_assert(std::same_as<decltype(y), const mu::Tensor<float, 2, time, 1>>);
  EXPECT_TRUE(close(y.raw(), Ref{{2, 3, 1}, {0, 0.5, 1, 3, 3.5, 4}}, 1e-6, 1e-6));
  const auto seen = mu::tensor<3>({1, 0, 1}) > 0.0f;
  const auto masked = mu::scaled_dot_product_attention(q, k, v, mu::reshape<1, 1, 3>(seen).refine<1, 1, time>());
  EXPECT_TRUE(close(masked.raw(), Ref{{2, 3, 1}, {1, 1, 1, 4, 4, 4}}, 1e-6, 1e-6));
  const auto traced = mu::scaled_dot_product_attention(q, mu::Traced{k}, v, {.scale = 0.0});
  static_assert(mu::Differentiable<decltype(traced)>);
  EXPECT_TRUE(throws<ShapeError>([&] { mu::scaled_dot_product_attention(mu::ones<2, time, 4>(time = 4), k, v); },
                                 "[scaled_dot_product_attention] extents of one name differ at run time"));
  EXPECT_TRUE(throws<ShapeError>([&] { core::attention(q.raw(), k.raw(), mu::ones<2, 5, 1>().raw(), {}, {}); },
                                 "[attention] queries, keys and values do not fit: (2, 3, 4), (2, 3, 4), (2, 5, 1)"));
  EXPECT_TRUE(throws<ShapeError>([&] { core::attention(q.raw(), k.raw(), v.raw(), mu::ones<3, 2>().raw(), {}); },
                                 "[attention] the mask does not broadcast to (2, 3, 3): (3, 2)"));
}

TEST(Attention, RefusesWhatDoesNotFit) {
  const Array q = array(random({2, 3, 4}, 60), dtype::f32), v = array(random({2, 3, 1}, 61), dtype::f32);
  const auto refused = [](auto kind, auto f, const char* text) { return throws<decltype(kind)>(f, text); };
  const ShapeError shape("");
  EXPECT_TRUE(refused(
      shape, [&] { core::attention(core::reshape(q, {24}), q, v, {}, {}); }, "[attention] needs two axes: (24)"));
  EXPECT_TRUE(refused(
      Error(""), [&] { core::attention(q, core::cast(q, dtype::f64), v, {}, {}); },
      "[attention] element types differ: float, double, float"));
  const Array three = core::broadcast_to(core::slice(q, 0, 0, 1), {3, 3, 4});
  EXPECT_TRUE(refused(
      shape, [&] { core::attention(q, three, v, {}, {}); }, "[attention] batch axes do not broadcast: (2, 3, 4) and (3, 3, 4)"));
  const core::Attended y = core::attention_kept(q, q, v, {}, {});
  EXPECT_TRUE(refused(
      shape, [&] { core::attention_backward(q, q, v, {}, y, q, {}); }, "[attention] the cotangent does not fit: (2, 3, 4), not (2, 3, 1)"));
}

}  // namespace
}  // namespace mushin::test
