// Attention by tiles, lane by lane on the host, against the builtin backend in float64.
#include "attention.hpp"

#include <cstring>
#include <limits>

#include "attention_views.hpp"
#include "backend.hpp"
#include "builtin.h"
#include "elements.hpp"

namespace mushin::cuda::attention {
namespace {

using namespace backend_test;

constexpr double inf = std::numeric_limits<double>::infinity(), nan = std::numeric_limits<double>::quiet_NaN();

struct Form {
  Sizes batch;
  std::int64_t queries, keys, width, values;
  bool causal = false, biased = false;
  std::int64_t ahead = 0;
};
std::string text_of(const Form& f, mu_dtype type, bool backward) {
  std::string s = backward ? "backward, " : "forward, ";
  for (const std::int64_t n : {f.queries, f.keys, f.width, f.values}) s += std::to_string(n) + " ";
  return s + "type " + std::to_string(type) + (f.causal ? " causal, ahead " + std::to_string(f.ahead) : "") + (f.biased ? " biased" : "");
}
Sizes with(Sizes batch, std::int64_t rows, std::int64_t columns) {
  batch.push_back(rows), batch.push_back(columns);
  return batch;
}

struct Case {
  mu_op_attention op;
  std::vector<Elements> in, out;
  std::vector<double> lse{};  // of backward, before it was rounded to the type
};
std::vector<mu_tensor> views_of(const std::vector<Elements>& all) {
  std::vector<mu_tensor> v;
  for (const Elements& e : all) v.push_back(e.v);
  return v;
}

template <Kind kind, class T>
void compute(const Job& t, const Places& places) {
  Room room;
  std::memset(&room, 0xFF, sizeof room);    // NaN: nothing is read that wasn't written
  for (Index i = tasks(t, kind); i-- > 0;)  // they need no order
    if (pieces_for(t, kind) == 1)
      compute_task<kind, 1, T>(t, places, room, i);
    else
      compute_task<kind, 2, T>(t, places, room, i);
}
template <class T>
void compute_as(const Case& c) {
  const auto in = views_of(c.in), out = views_of(c.out);
  const Job t = job_of(c.op, static_cast<std::uint32_t>(in.size()), in.data(), static_cast<std::uint32_t>(out.size()), out.data());
  const Order order = order_of(c.op.kind == MU_ATTENTION_BACKWARD, t.biased);
  Places places{};
  for (std::size_t i = 0; i < views; ++i) {
    if (order.at[i] < 0) continue;
    const auto n = static_cast<std::size_t>(order.at[i]);
    if (n < in.size() + out.size()) places.at[i] = n < in.size() ? in[n].buffer : out[n - in.size()].buffer;
  }
  std::vector<float> known(static_cast<std::size_t>(t.items * t.queries * 2), 55.f);
  places.known = known.data();
  if (c.op.kind == MU_ATTENTION) return compute<Kind::forward, T>(t, places);
  compute<Kind::known, T>(t, places);
  compute<Kind::to_queries, T>(t, places);
  compute<Kind::to_keys, T>(t, places);
}
void compute(const Case& c) {
  const mu_dtype type = c.in[0].v.dtype;
  type == MU_F32 ? compute_as<float>(c) : type == MU_F16 ? compute_as<F16>(c) : compute_as<BF16>(c);
}

struct CudaAttention : testing::Test {
  Elements some(mu_dtype type, const Sizes& dims) {
    Elements e(type, dims, any_strides(random, dims));
    for (std::size_t i = 0; i < e.at.size(); ++i) e.set(i, random.real(-1.5, 1.5));
    return e;
  }
  // Of the last query on, all keys are hidden by a bias, and of others some.
  Elements some_bias(mu_dtype type, const Form& f) {
    Elements e = some(type, with(f.batch, f.queries, f.keys));
    for (std::size_t i = 0; i < e.at.size(); ++i)
      if (random.below(5) == 0 || static_cast<std::int64_t>(i) / f.keys % f.queries == f.queries - 1) e.set(i, -inf);
    return e;
  }
  Elements result(mu_dtype type, const Sizes& dims) { return {type, dims, any_strides(random, dims)}; }
  Case forward(const Form& f, mu_dtype type) {
    Case c{{{}, MU_ATTENTION, f.causal ? MU_ATTENTION_CAUSAL : 0u, 0.7, f.ahead},
           {some(type, with(f.batch, f.queries, f.width)), some(type, with(f.batch, f.keys, f.width)),
            some(type, with(f.batch, f.keys, f.values))},
           {result(type, with(f.batch, f.queries, f.values)), result(type, with(f.batch, f.queries, 1))}};
    if (f.biased) c.in.push_back(some_bias(type, f));
    return c;
  }
  // Of the same numbers as float64; what is written lies dense.
  std::vector<Elements> exact(const Case& c) {
    const auto dense = [](const Elements& e) {
      Elements d(MU_F64, e.dims(), dense_strides(e.dims()));
      for (std::size_t i = 0; i < e.at.size(); ++i) d.set(i, e[i]);
      return d;
    };
    std::vector<Elements> in, out;
    for (const Elements& e : c.in) in.push_back(dense(e));
    for (const Elements& e : c.out) out.push_back(dense(e));
    for (std::size_t i = 0; i < c.lse.size(); ++i) in[4].set(i, c.lse[i]);
    EXPECT_EQ(backend.run(c.op, MU_OP_ATTENTION, views_of(in), views_of(out)), MU_OK) << backend.message();
    return out;
  }
  // The y and lse that the operands of a backward pass have.
  void attend(Case& c) {
    Case forth{c.op, {c.in[0], c.in[1], c.in[2]}, {c.in[3], c.in[4]}};
    forth.op.kind = MU_ATTENTION;
    if (c.in.size() == 7) forth.in.push_back(c.in[6]);
    const std::vector<Elements> made = exact(forth);
    for (std::size_t k = 0; k < 2; ++k)
      for (std::size_t i = 0; i < made[k].at.size(); ++i) c.in[3 + k].set(i, made[k][i]);
    c.lse = made[1].all();
  }
  Case backward(const Form& f, mu_dtype type) {
    Case c = forward(f, type);
    c.op.kind = MU_ATTENTION_BACKWARD;
    c.in.insert(c.in.begin() + 3, {c.out[0], c.out[1], some(type, c.out[0].dims())});
    c.out = {result(type, c.in[0].dims()), result(type, c.in[1].dims()), result(type, c.in[2].dims())};
    attend(c);
    return c;
  }
  // Twice, with the lanes in both orders.
  void expect_near(const Case& given, const std::vector<Elements>& want) {
    Case c = given;
    compute(c);
    Lanes::from_last = true;
    Case other = given;
    compute(other);
    Lanes::from_last = false;
    const mu_dtype type = c.in[0].v.dtype;
    const double rounding = type == MU_F32 ? 0 : type == MU_F16 ? 0x1p-11 : 0x1p-8;
    for (std::size_t k = 0; k < want.size(); ++k) {
      ASSERT_TRUE(c.out[k].rest_untouched());
      ASSERT_EQ(c.out[k].memory, other.out[k].memory) << "result " << k;
      for (std::size_t i = 0; i < want[k].at.size(); ++i) {
        const double got = c.out[k][i], right = want[k][i];
        if (std::isnan(right) ? std::isnan(got) : std::fabs(got - right) <= (rounding + 1e-5) * std::fabs(right) + 2e-5) continue;
        FAIL() << "result " << k << " element " << i << " of " << want[k].at.size() << ": " << got << " and not " << right;
      }
    }
  }
  void expect_builtin(const Form& f, mu_dtype type) {
    for (const bool back : {false, true}) {
      SCOPED_TRACE(text_of(f, type, back));
      const Case c = back ? backward(f, type) : forward(f, type);
      expect_near(c, exact(c));
      if (HasFatalFailure()) return;
    }
  }

  Backend backend{mushin_builtin_entry(test_host(), nullptr)};
  Random random{97};
};

TEST_F(CudaAttention, ComputesWhatBuiltinDoes) {
  const Form forms[] = {{{}, 1, 1, 1, 1},
                        {{2}, 3, 5, 4, 2},
                        {{2, 3}, 64, 64, 16, 8},
                        {{2}, 65, 129, 33, 65, false, true},
                        {{}, 130, 70, 5, 7, true, false, 0},
                        {{1, 2}, 70, 200, 3, 2, true, true, 130},
                        {{2}, 150, 66, 8, 3, true, false, -70},
                        {{2}, 66, 3, 2, 5, true, true, std::int64_t{1} << 62},
                        {{}, 3, 130, 129, 2},
                        {{}, 5, 66, 2, 130, false, true},
                        {{2, 1, 2, 1, 1, 2}, 2, 3, 2, 2, true, true, 1}};
  for (const Form& f : forms)
    for (const mu_dtype type : {MU_F32, MU_F16, MU_BF16}) {
      expect_builtin(f, type);
      if (HasFatalFailure()) return;
    }
}

TEST_F(CudaAttention, ThereMayBeNone) {
  for (const Form& f :
       {Form{{0}, 3, 3, 2, 2}, Form{{2}, 0, 3, 2, 2}, Form{{2}, 3, 0, 2, 2}, Form{{2}, 3, 4, 0, 2}, Form{{2}, 3, 4, 2, 0}}) {
    expect_builtin(f, MU_F32);
    if (HasFatalFailure()) return;
  }
  const Case no_keys = forward({{}, 2, 0, 2, 2}, MU_BF16);
  compute(no_keys);
  for (const Elements& e : no_keys.out)
    for (const double x : e.all()) EXPECT_EQ(x, 0);
  const Case no_queries = backward({{}, 0, 2, 2, 2}, MU_F32);
  compute(no_queries);
  EXPECT_EQ(no_queries.out[1].all(), std::vector<double>(4));
  EXPECT_EQ(no_queries.out[2].all(), std::vector<double>(4));
}

TEST_F(CudaAttention, OperandsMayBeBroadcast) {
  const Form f{{3, 2}, 5, 70, 3, 4, false, true};
  for (const bool back : {false, true}) {
    Case c = back ? backward(f, MU_F32) : forward(f, MU_F32);
    const std::size_t bias = c.in.size() - 1;
    c.in[1] = Elements(MU_F32, c.in[1].dims(), {0, 0, 3, 1}), c.in[2] = Elements(MU_F32, c.in[2].dims(), {280, 0, 4, 1});
    c.in[bias] = Elements(MU_F32, c.in[bias].dims(), {0, 70, 0, 1});
    for (const std::size_t k : {std::size_t{1}, std::size_t{2}, bias})
      for (std::size_t i = 0; i < c.in[k].at.size(); ++i) c.in[k].set(i, random.real(-1, 1));
    if (back) attend(c);
    expect_near(c, exact(c));
  }
}

TEST_F(CudaAttention, SpecialValues) {
  for (const mu_dtype type : {MU_F32, MU_F16, MU_BF16})
    for (const bool back : {false, true}) {
      const Form f{{}, 6, 70, 1, 1, false, true};
      Case c = back ? backward(f, type) : forward(f, type);
      Elements &q = c.in[0], &k = c.in[1], &bias = c.in.back();
      for (std::size_t i = 0; i < k.at.size(); ++i) k.set(i, 1);
      const double queries[] = {nan, inf, -inf, 1, 200, -200};
      for (std::size_t i = 0; i < 6; ++i) q.set(i, queries[i]);
      for (std::size_t i = 0; i < bias.at.size(); ++i)
        bias.set(i, i / 70 == 3 && i % 70 != 69 ? -inf : 0);  // the fourth sees the last alone
      if (!back) {
        expect_near(c, exact(c));
        if (HasFatalFailure()) return;
        continue;
      }
      attend(c);
      compute(c);  // queries know nothing of each other, but keys of all
      for (std::size_t i = 0; i < 6; ++i) EXPECT_EQ(std::isnan(c.out[0][i]), i < 2) << "query " << i << " of type " << type;
      for (std::size_t i = 0; i < 70; ++i) EXPECT_TRUE(std::isnan(c.out[1][i]) && std::isnan(c.out[2][i])) << i;
    }
}

// Nothing but zeros, whatever is in the values: no NaN from 0 times infinity.
TEST_F(CudaAttention, WhoSeesNothingGivesZero) {
  for (const mu_dtype type : {MU_F32, MU_F16, MU_BF16}) {
    const Form f{{}, 66, 67, 2, 2, true, true, -66};
    Case c = forward(f, type);
    for (std::size_t i = 0; i < c.in[2].at.size(); ++i) c.in[2].set(i, inf);
    for (std::size_t i = 0; i < c.in[3].at.size(); ++i) c.in[3].set(i, -inf);
    compute(c);
    for (const Elements& e : c.out)
      for (const double x : e.all()) ASSERT_EQ(x, 0);
    const Case back = backward(f, type);
    compute(back);
    for (const Elements& e : back.out)
      for (const double x : e.all()) ASSERT_EQ(x, 0);
  }
}

// A hidden key has no part in gradients even where its values are infinite, nor one that comes later in the same tile.
TEST_F(CudaAttention, HiddenValuesGiveQueriesNoGradient) {
  const Form f{{}, 4, 5, 2, 2, true, false, 0};
  Case c = backward(f, MU_F32);
  for (std::size_t i = 8; i < 10; ++i) c.in[2].set(i, inf);
  compute(c);
  for (const Elements& e : c.out)
    for (const double x : e.all()) ASSERT_TRUE(std::isfinite(x));
}

// Of that, 16 bits would have too few digits: here it is nonsense.
TEST_F(CudaAttention, GradientsOfHalvesMakeTheirOwnLse) {
  for (const mu_dtype type : {MU_F16, MU_BF16}) {
    Case c = backward({{}, 3, 200, 4, 4}, type);
    const std::vector<Elements> want = exact(c);
    for (std::size_t i = 0; i < 3; ++i) c.in[4].set(i, 55);
    expect_near(c, want);
  }
}

}  // namespace
}  // namespace mushin::cuda::attention
