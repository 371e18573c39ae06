// Steps of optimisers on devices that run one plan on many tensors in one call, and on those that don't: the same bits.
#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>

#include "core/node.hpp"
#include "mushin/nn.hpp"
#include "mushin/nn/optimizers.hpp"
#include "mushin/tensor/capture.hpp"
#include "mushin/tensor/core/assignments.hpp"
#include "support/matchers.hpp"
#include "support/splitmix.hpp"

namespace mu = mushin;
namespace nn = mu::nn;
namespace core = mu::core;
using namespace mushin::test;

struct Tensors {
  mu::Variable<float, 2, 3> a{mu::from<2, 3>(uniform<float>(1, 6))};
  mu::Variable<float, 4> b{mu::from<4>(uniform<float>(2, 4))};
  mu::Variable<float, 7, 5> c{mu::from<7, 5>(uniform<float>(3, 35))};
  mu::Variable<float, 1> d{mu::from<1>(uniform<float>(4, 1))};
  mu::Variable<float, 128> e{mu::from<128>(uniform<float>(5, 128))};
  MUSHIN_MODULE(Tensors, a, b, c, d, e)
};

namespace {

constexpr long parameter_count = 5;

bool on_fake() { return std::string(mu::default_device().name()).starts_with("fakegpu"); }
bool is_set(const char* name) {
  const char* set = std::getenv(name);
  return set && *set;
}
// Each is set to one value alone.
bool eager() { return is_set("MUSHIN_EAGER"); }
bool gathers() { return on_fake() && !is_set("MUSHIN_FAKEGPU_MANY") && !eager(); }

// How many calls for several sets the default device has had, and of how many sets the last one was.
struct Calls {
  long calls = 0, sets = 0;
};
Calls calls() {
  Calls c;
  const std::string text = std::string(mu::default_device().name()) + " many %ld: %ld runs";
  for (const mu::PluginMessage& m : mu::plugin_messages()) std::sscanf(m.text, text.c_str(), &c.calls, &c.sets);
  return c;
}

// The fake counts anew when the text of a fault changes.
class Fault {
 public:
  Fault(const char* key, int nth, bool and_on = false)
      : name_(std::string("MUSHIN_FAKEGPU_") + key + "_" + std::string(mu::default_device().name()).substr(8)) {
    static int count = 0;
    setenv(name_.c_str(), (std::to_string(nth) + (and_on ? "+" : "") + " for the fault " + std::to_string(++count)).c_str(), 1);
  }
  Fault(const Fault&) = delete;
  Fault& operator=(const Fault&) = delete;
  ~Fault() { unsetenv(name_.c_str()); }

 private:
  std::string name_;
};

// Gradients that have memory, so that each parameter's program is the optimiser's alone.
void backward(const Tensors& net) {
  const auto d = net.d * net.d - 1.0f;
  (mu::sum(net.a * net.a * net.a) + mu::sum(mu::sin(net.b)) + mu::sum(net.c * net.c) + mu::sum(d * d) + mu::sum(mu::exp(net.e))).backward();
  for (const auto& p : nn::parameters(net)) core::evaluate(p.leaf.alias().grad());
}
template <class Optimizer>
void step(const Tensors& net, Optimizer& optimizer) {
  backward(net);
  optimizer.step();
  optimizer.zero_grad();
}
std::vector<float> values(const Tensors& net) {
  std::vector<float> all;
  for (const auto& p : nn::parameters(net)) {
    const core::Array v = p.leaf.alias().value();
    std::vector<float> some(static_cast<std::size_t>(v.sizes().count()));
    core::read_all(v, some.data());
    all.insert(all.end(), some.begin(), some.end());
  }
  return all;
}

TEST(Many, AStepIsOneCall) {
  Tensors net;
  nn::Adam optimizer{nn::parameters(net)};
  step(net, optimizer);
  for (int i = 0; i < 3; ++i) {
    backward(net);
    const Calls before = calls();
    optimizer.step();
    const Calls after = calls();
    EXPECT_EQ(after.calls - before.calls, gathers());
    EXPECT_TRUE(!gathers() || after.sets == parameter_count) << after.sets;
    optimizer.zero_grad();
  }
}

TEST(Many, PartsThatLieAlikeAreJoinedInOneCall) {
  const bool together = on_fake() && !is_set("MUSHIN_FAKEGPU_MANY");
  const auto part = [](unsigned seed) { return mu::from<2, 3>(uniform<float>(seed, 6)); };
  const auto a = part(1), b = part(2), c = part(3);
  const auto narrow = mu::from<2, 1>(uniform<float>(4, 2));
  const auto wide = mu::transpose(mu::from<3, 2>(uniform<float>(5, 6)));
  const auto joined = [](const std::vector<Ref>& parts) {
    return generate({2, 16}, [&](const Index& p) {
      std::int64_t column = p[1];
      for (const Ref& r : parts) {
        if (column < r.shape[1]) return r.at({p[0], column});
        column -= r.shape[1];
      }
      return 0.0;
    });
  };
  const Calls before = calls();
  const auto whole = mu::concat<1>(a, b, c, narrow, wide, a);
  const Calls after = calls();
  EXPECT_TRUE(equal(whole, joined({ref(a), ref(b), ref(c), ref(narrow), ref(wide), ref(a)})));
  EXPECT_EQ(after.calls - before.calls, together) << "of a, b and c";
  EXPECT_TRUE(!together || after.sets == 3) << after.sets;

  auto again = mu::capture([&](const auto& x) { return mu::concat<1>(x, b, x * 2.0f, narrow, wide, x); }, a);
  for (const auto& x : {c, a, b})
    EXPECT_TRUE(equal(again(x), joined({ref(x), ref(b), map(ref(x), [](double v) { return 2 * v; }), ref(narrow), ref(wide), ref(x)})));
}

TEST(Many, GroupsWithTheSameProgramGoTogether) {
  Tensors net;
  nn::Parameters first, second;
  for (auto& p : nn::parameters(net)) (first.size() < 2 ? first : second).push_back(std::move(p));
  nn::SGD optimizer{std::move(first), {.lr = 0.1}};
  optimizer.add(std::move(second), {.lr = 0.2});
  backward(net);
  const Calls before = calls();
  optimizer.step();
  EXPECT_EQ(calls().calls - before.calls, gathers());
  EXPECT_TRUE(!gathers() || calls().sets == parameter_count) << calls().sets;
}

// Five steps here and on the builtin backend, to the bit.
template <class Make>
void compare(Make make) {
  const auto stepped = [&] {
    Tensors net;
    auto optimizer = make(nn::parameters(net));
    for (int i = 0; i < 5; ++i) step(net, optimizer);
    return values(net);
  };
  const auto captured = [&] {
    Tensors net;
    auto optimizer = make(nn::parameters(net));
    step(net, optimizer);
    auto again = mu::capture([&] { step(net, optimizer); });
    const auto held = net.c.value();
    const auto before = held.to_vector();
    for (int i = 0; i < 3; ++i) again();
    EXPECT_EQ(held.to_vector(), before);
    return values(net);
  };
  const std::vector<float> here = stepped(), replayed = captured();
  const mu::Device device = mu::default_device();
  mu::set_default_device("builtin");
  const std::vector<float> there = stepped(), replayed_there = captured();
  mu::set_default_device(device.name());
  EXPECT_EQ(here, there);
  EXPECT_EQ(replayed, replayed_there);
}
TEST(Many, SGDHasTheBitsOfOneAfterTheOther) {
  compare([](nn::Parameters p) { return nn::SGD{std::move(p), {.lr = 0.05}}; });
  compare([](nn::Parameters p) { return nn::SGD{std::move(p), {.lr = 0.05, .momentum = 0.9, .weight_decay = 0.1, .nesterov = true}}; });
}
TEST(Many, AdamHasTheBitsOfOneAfterTheOther) {
  compare([](nn::Parameters p) { return nn::Adam{std::move(p), {.lr = 0.05, .amsgrad = true}}; });
  compare([](nn::Parameters p) { return nn::AdamW{std::move(p)}; });
}
TEST(Many, OthersHaveTheBitsOfOneAfterTheOther) {
  compare([](nn::Parameters p) { return nn::Adagrad{std::move(p)}; });
  compare([](nn::Parameters p) { return nn::RMSprop{std::move(p), {.momentum = 0.5, .centered = true}}; });
  compare([](nn::Parameters p) { return nn::Lion{std::move(p)}; });
}

TEST(Many, NewValuesLieInTheMemoryOfTheOldOnes) {
  if (eager()) GTEST_SKIP() << "an op's result is memory of its own there";
  Tensors net;
  nn::Adam optimizer{nn::parameters(net)};
  step(net, optimizer);
  const auto memory = [&net] {
    std::vector<std::pair<const void*, std::uint64_t>> all;
    for (const auto& p : nn::parameters(net)) {
      const core::Array v = p.leaf.alias().value();
      all.emplace_back(core::node_of(v)->block, core::node_of(v)->offset);
    }
    return all;
  };
  const auto before = memory();
  for (int i = 0; i < 3; ++i) step(net, optimizer);
  EXPECT_EQ(memory(), before);
}

TEST(Many, AValueThatSomebodyHoldsStays) {
  Tensors net, other;
  nn::SGD one{nn::parameters(net), {.lr = 0.1}}, two{nn::parameters(other), {.lr = 0.1}};
  const auto held = net.e.value();
  const auto before = held.to_vector();
  step(net, one), step(other, two);
  EXPECT_EQ(held.to_vector(), before);
  EXPECT_EQ(values(net), values(other));
}

// Arrays of 6 elements, and assignments to them.
struct Places {
  std::vector<core::Array> at;
  core::Assignments updates;

  explicit Places(int n) {
    for (int i = 0; i < n; ++i) {
      const std::vector<float> v = uniform<float>(static_cast<std::uint64_t>(i + 7), 6);
      at.push_back(core::from_values({2, 3}, mu::dtype::f32, v.data()));
    }
  }
  void set(std::size_t i, const core::Array& next) {
    core::Array* const place = &at[i];
    updates.add(&place, &next, 1);
  }
  std::vector<float> read(std::size_t i) const {
    std::vector<float> v(6);
    core::read_all(at[i], v.data());
    return v;
  }
};
std::vector<float> doubled(std::vector<float> v) {
  for (float& x : v) x += x;
  return v;
}

// The second value is made of the first, which may be written where its own operand lies.
TEST(Many, WhatASetReadsOfAnotherIsThereBefore) {
  Places p(3);
  const auto first = p.read(0);
  core::Array a = core::add(p.at[0], p.at[0]), b = core::add(a, a), c = core::add(b, b);
  p.set(0, a), p.set(1, b), p.set(2, c);
  a = b = c = core::Array();
  p.updates.finish();
  EXPECT_EQ(p.read(0), doubled(first));
  EXPECT_EQ(p.read(1), doubled(doubled(first)));
  EXPECT_EQ(p.read(2), doubled(doubled(doubled(first))));
}

TEST(Many, ASwapAndAValueForTwoPlaces) {
  Places p(4);
  const auto first = p.read(0), second = p.read(1);
  const core::Array sum = core::add(p.at[0], p.at[1]), zero = p.at[0], one = p.at[1];
  p.set(0, one), p.set(1, zero), p.set(2, sum), p.set(3, sum);
  p.updates.finish();
  EXPECT_EQ(p.read(0), second);
  EXPECT_EQ(p.read(1), first);
  for (std::size_t i = 0; i < 6; ++i) EXPECT_EQ(p.read(2)[i], first[i] + second[i]);
  EXPECT_EQ(p.read(3), p.read(2));
}

TEST(Many, ProgramsThatDifferAreCallsOfTheirOwn) {
  Places p(6);
  std::vector<std::vector<float>> before;
  for (std::size_t i = 0; i < 6; ++i) before.push_back(p.read(i));
  const Calls at_first = calls();
  for (std::size_t i = 0; i < 6; ++i) p.set(i, i < 3 ? core::add(p.at[i], p.at[i]) : core::mul(p.at[i], p.at[i]));
  p.updates.finish();
  EXPECT_EQ(calls().calls - at_first.calls, gathers() ? 2 : 0);
  for (std::size_t i = 0; i < 6; ++i)
    for (std::size_t k = 0; k < 6; ++k) EXPECT_EQ(p.read(i)[k], i < 3 ? before[i][k] + before[i][k] : before[i][k] * before[i][k]);
}

TEST(Many, MoreThanOneCallTakes) {
  Places p(600);
  std::vector<std::vector<float>> before;
  for (std::size_t i = 0; i < 600; ++i) before.push_back(p.read(i));
  const Calls at_first = calls();
  for (std::size_t i = 0; i < 600; ++i) p.set(i, core::add(p.at[i], p.at[i]));
  p.updates.finish();
  EXPECT_EQ(calls().calls - at_first.calls, gathers() ? 3 : 0);
  for (std::size_t i = 0; i < 600; ++i) ASSERT_EQ(p.read(i), doubled(before[i])) << i;
}

TEST(Many, AFailureOfOneSetIsToldByWhoReads) {
  if (!gathers()) GTEST_SKIP();
  Tensors net;
  nn::SGD optimizer{nn::parameters(net), {.lr = 0.1}};
  backward(net);
  mu::synchronize(mu::default_device());
  {
    const Fault fault("FAIL_RUN", 3);
    optimizer.step();
    EXPECT_TRUE(throws<mu::PluginError>([&] { net.a.value().to_vector(); }, "the run that was to fail"));
  }
  EXPECT_TRUE(throws<mu::PluginError>([] { mu::synchronize(mu::default_device()); }, "the run that was to fail"));
  EXPECT_EQ(net.b.value().to_vector().size(), 4u);
}

TEST(Many, ACallThatFindsNoMemoryIsTriedAgain) {
  if (!gathers()) GTEST_SKIP();
  Tensors net, other;
  nn::SGD one{nn::parameters(net), {.lr = 0.1}}, two{nn::parameters(other), {.lr = 0.1}};
  backward(net), backward(other);
  const auto before = values(net);
  {
    const Fault fault("OOM_RUN", 1, true);
    EXPECT_TRUE(throws<mu::OutOfMemory>([&] { one.step(); }, "no room for these runs"));
  }
  EXPECT_EQ(values(net), before) << "nothing was done";
  {
    const Fault fault("OOM_RUN", 1);
    one.step();
  }
  two.step();
  EXPECT_EQ(values(net), values(other));
}

// Arrays of 1.6 MB, on a device with 32 MB.
struct LargePlaces {
  static constexpr std::int64_t n = 632;
  std::vector<float> first = uniform<float>(1, std::size_t{n * n});
  std::vector<core::Array> at;
  core::Assignments updates;

  // Each next value needs memory of its own, since the old one is read in two orders.
  explicit LargePlaces(int count) {
    for (int i = 0; i < count; ++i) at.push_back(core::from_values({n, n}, mu::dtype::f32, first.data()));
  }
  void add_transposed() {
    for (auto& a : at) {
      const core::Array next = core::add(a, core::transpose(a));
      core::Array* const place = &a;
      updates.add(&place, &next, 1);
    }
  }
  bool has_new_value(std::size_t i) const {
    std::vector<float> got(first.size());
    core::read_all(at[i], got.data());
    if (got == first) return false;
    for (std::size_t row = 0, k = 0; row < n; ++row)
      for (std::size_t column = 0; column < n; ++column, ++k) EXPECT_EQ(got[k], first[k] + first[column * n + row]);
    return true;
  }
};
bool is_little() { return on_fake() && is_set("MUSHIN_FAKEGPU_MEMORY"); }

TEST(ManyInLittleMemory, WhatHasRoomGoesTogether) {
  if (!is_little()) GTEST_SKIP();
  LargePlaces p(12);
  const Calls before = calls();
  p.add_transposed();
  p.updates.finish();
  EXPECT_TRUE(!gathers() || calls().calls - before.calls > 1) << calls().calls - before.calls;
  for (std::size_t i = 0; i < 12; ++i) EXPECT_TRUE(p.has_new_value(i)) << i;
}

TEST(ManyInLittleMemory, EachPlaceHasItsOldValueOrItsNewOne) {
  if (!is_little()) GTEST_SKIP();
  LargePlaces p(12);
  const std::vector<core::Array> held = p.at;
  EXPECT_TRUE(throws<mu::OutOfMemory>([&] { p.add_transposed(), p.updates.finish(); }, "no memory left"));
  std::size_t done = 0;
  for (std::size_t i = 0; i < 12; ++i) done += p.has_new_value(i);
  EXPECT_GT(done, 0u);
  EXPECT_LT(done, 12u);
  for (std::size_t i = 0; i < 12; ++i) EXPECT_EQ(p.has_new_value(i), i < done) << i;
}

}  // namespace
