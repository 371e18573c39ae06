// A captured function against the same function run again and again.
#include "mushin/tensor/capture.hpp"

#include <gtest/gtest.h>

#include <optional>
#include <thread>
#include <vector>

#include "mushin/autograd.hpp"
#include "mushin/tensor/core/random_state.hpp"
#include "support/matchers.hpp"

namespace mu = mushin;

namespace {

using mushin::test::throws;

/// x <- x - 0.1 d(sum((x w - y)^2))/dx and its like: one layer, trained.
struct Regression {
  mu::Variable<float, 3, 2> w{mu::tensor<3, 2>({0.5f, -1, 2, 0.25f, -0.75f, 1})};
  mu::Variable<float, 2> b{mu::zeros<2>()};

  auto step(const mu::Tensor<float, 4, 3>& x, const mu::Tensor<float, 4, 2>& y) {
    const auto d = mu::tanh(mu::matmul(x, w) + b) - y;
    const auto loss = mu::mean(d * d);
    loss.backward();
    for (auto* leaf : {&w.leaf(), &b.leaf()}) {
      mu::core::Leaf alias = leaf->alias();
      mu::core::Array* const to[] = {&alias.value()};
      const mu::core::Array next[] = {mu::core::sub(*to[0], mu::core::mul(alias.grad(), mu::core::literal(0.1, mu::dtype::f32)))};
      mu::core::assign(to, next, 1);
    }
    w.zero_grad();
    b.zero_grad();
    return loss;
  }
};

mu::Tensor<float, 4, 3> batch(int i) { return mu::sin(mu::reshape<4, 3>(mu::linspace<12>(0.1f * static_cast<float>(i), 3.0f))); }
mu::Tensor<float, 4, 2> targets(int i) { return mu::cos(mu::reshape<4, 2>(mu::linspace<8>(0.2f * static_cast<float>(i), 2.0f))); }

TEST(Capture, TrainsAsTheFunctionItself) {
  Regression a, b;
  auto step = mu::capture([&b](const auto& x, const auto& y) { return b.step(x, y); }, batch(0), targets(0));
  std::vector<float> eager{a.step(batch(0), targets(0)).value().item()}, replayed{step.results().item()};
  for (int i = 1; i < 6; ++i) {
    eager.push_back(a.step(batch(i), targets(i)).value().item());
    replayed.push_back(step(batch(i), targets(i)).item());
  }
  EXPECT_EQ(eager, replayed);
  EXPECT_EQ(a.w.value().to_vector(), b.w.value().to_vector());
  EXPECT_EQ(a.b.value().to_vector(), b.b.value().to_vector());
}

// A device with layouts of its own keeps a weight in one of them, too.
TEST(Capture, ProductsBetweenReplaysAreOfTheNewValues) {
  Regression a, b;
  const auto before = mu::matmul(batch(2), mu::tensor<3, 2>({1, 0, -1, 2, 0, 1}));
  mu::core::evaluate(before.raw());
  auto add_before = mu::capture([&before](const auto& x) { return mu::matmul(before * 2, x) + before; }, mu::eye<2, 2>());
  EXPECT_EQ(add_before(mu::eye<2, 2>(2)).to_vector(), (before * 5).to_vector());
  auto step = mu::capture([&b](const auto& x, const auto& y) { return b.step(x, y); }, batch(0), targets(0));
  a.step(batch(0), targets(0));
  for (int i = 1; i < 5; ++i) {
    for (int k = 0; k < 3; ++k)
      EXPECT_EQ(mu::matmul(batch(k), a.w.value()).to_vector(), mu::matmul(batch(k), b.w.value()).to_vector()) << i << ", " << k;
    a.step(batch(i), targets(i));
    step(batch(i), targets(i));
  }
}

TEST(Capture, TakesNoMemoryAndBuildsNoGraphWhenReplayed) {
  Regression r;
  auto step = mu::capture([&r](const auto& x, const auto& y) { return r.step(x, y); }, batch(0), targets(0));
  const auto x = batch(1);
  const auto y = targets(1);
  step(x, y);
  mu::synchronize(mu::default_device());
  const auto nodes = mu::core::graph_node_count();
  const auto before = mu::memory_stats(mu::default_device());
  for (int i = 0; i < 50; ++i) step(x, y);
  mu::synchronize(mu::default_device());
  const auto after = mu::memory_stats(mu::default_device());
  EXPECT_EQ(mu::core::graph_node_count(), nodes);
  EXPECT_EQ(after.in_use, before.in_use);
  EXPECT_EQ(after.peak, before.peak);
}

// Its old memory is merged with what is beside it, and cut anew: node and block have the same names, and mean other bytes.
TEST(Capture, FollowsAValueWhoseMemoryWasCutAnew) {
  constexpr int n = 1 << 15;
  const auto made = [](std::int64_t count, float value) {
    const std::vector<float> values(static_cast<std::size_t>(count), value);
    return mu::core::from_values({count}, mu::dtype::f32, values.data());
  };
  made(16 * n, 0);  // free memory to cut
  mu::core::Array before = made(2 * n, -1), place = made(n, 0), behind = made(n, -1), small = made(4, -1);
  auto step = mu::capture(
      [&](const auto& x) {
        mu::core::Array* const to[] = {&place};
        const mu::core::Array next[] = {mu::core::add(place, mu::core::literal(1, mu::dtype::f32))};
        mu::core::assign(to, next, 1);
        return x + 1.0f;
      },
      mu::ones<4>());
  for (mu::core::Array* each : {&before, &place, &small}) *each = mu::core::Array();
  before = made(n, -1);
  place = made(n, 5);
  step(mu::ones<4>());
  for (const auto& [array, value] : {std::pair{&place, 6.0f}, {&before, -1.0f}, {&behind, -1.0f}})
    EXPECT_EQ((mu::Tensor<float, n>(*array).to_vector()), std::vector<float>(n, value));
}

TEST(Capture, DrawsTheNumbersThatTheFunctionWouldDraw) {
  const auto noise = [] { return std::tuple{mu::randn<3>(), mu::randu<5>() * 2.0f}; };
  mu::manual_seed(7);
  std::vector<std::vector<float>> want, got;
  const auto add = [](auto& to, const auto& both) {
    to.push_back(std::get<0>(both).to_vector()), to.push_back(std::get<1>(both).to_vector());
  };
  for (int i = 0; i < 4; ++i) add(want, noise());
  mu::manual_seed(7);
  auto step = mu::capture(noise);
  const auto first = step.results(), second = step(), third = step();  // read when all of it was given to the device
  add(got, first), add(got, second), add(got, third);
  add(got, noise());  // and the generator goes on
  EXPECT_EQ(got, want);
  EXPECT_NE(got[0], got[2]);
}

TEST(Capture, KeepsRangesThatTheFunctionMakes) {
  const auto chain = [](const mu::Tensor<float, 4, 4>& x) {
    const auto y = mu::matmul(mu::reshape<4, 4>(mu::linspace<16>(0.0f, 1.0f)), x);
    mu::core::evaluate(y.raw());  // the range's last use: what comes next could take its memory
    return mu::matmul(mu::matmul(y, x), x);
  };
  const auto x = mu::reshape<4, 4>(mu::linspace<16>(-1.0f, 1.0f));
  auto step = mu::capture(chain, x);
  const auto want = chain(x).to_vector();
  for (int i = 0; i < 3; ++i) EXPECT_EQ(step(x).to_vector(), want);
}

TEST(Capture, RecomputesWithTheSameNumbers) {
  mu::Variable<float, 4> w{mu::tensor<4>({1, 2, 3, 4})};
  const auto noisy = [](const auto& x) { return mu::sum(x * x * mu::randu<4>()); };
  const auto f = [&] {
    w.zero_grad();
    mu::checkpoint(noisy, w * 2.0f).backward();
    return w.grad();
  };
  mu::manual_seed(3);
  std::vector<std::vector<float>> want, got;
  for (int i = 0; i < 4; ++i) want.push_back(f().to_vector());
  mu::manual_seed(3);
  auto step = mu::capture(f);
  got.push_back(step.results().to_vector());
  for (int i = 1; i < 4; ++i) got.push_back(step().to_vector());
  EXPECT_EQ(got, want);
}

TEST(Capture, LeavesResultsToWhoHoldsThem) {
  auto twice = mu::capture([](const auto& x) { return x * 2.0f; }, mu::tensor<2>({1, 2}));
  const auto first = twice.results(), second = twice(mu::tensor<2>({3, 4}));
  const auto third = twice(mu::tensor<2>({5, 6}));
  EXPECT_EQ(first.to_vector(), (std::vector<float>{2, 4}));
  EXPECT_EQ(second.to_vector(), (std::vector<float>{6, 8}));
  EXPECT_EQ(third.to_vector(), (std::vector<float>{10, 12}));
}

/// w <- w + g x
struct Sum {
  mu::Variable<float, 2> w{mu::tensor<2>({1, 2})};
  void step(const mu::Tensor<float, 2>& x) {
    mu::core::Leaf alias = w.leaf().alias();
    mu::core::Array* const to[] = {&alias.value()};
    const mu::core::Array next[] = {(w.value() + x).raw()};
    mu::core::assign(to, next, 1);
  }
};

TEST(Capture, FollowsVariablesAndLeavesTheirOldValuesAlone) {
  Sum s;
  auto step = mu::capture([&s](const auto& x) { s.step(x); }, mu::tensor<2>({1, 1}));
  const auto two = s.w.value();
  step(mu::tensor<2>({1, 1}));
  EXPECT_EQ(two.to_vector(), (std::vector<float>{2, 3}));
  EXPECT_EQ(s.w.value().to_vector(), (std::vector<float>{3, 4}));
  const auto given = mu::tensor<2>({10, 20});
  s.w.set(given);
  step(mu::tensor<2>({1, 2}));
  EXPECT_EQ(s.w.value().to_vector(), (std::vector<float>{11, 22}));
  EXPECT_EQ(given.to_vector(), (std::vector<float>{10, 20}));
  s.w.set(mu::slice<0, 2, 4>(mu::concat<0>(given, given)));  // in the midst of other memory
  step(mu::tensor<2>({1, 1}));
  EXPECT_EQ(s.w.value().to_vector(), (std::vector<float>{11, 21}));
}

TEST(Capture, FollowsGradients) {
  mu::Variable<float, 2> w{mu::tensor<2>({1, 2})};
  const auto f = [&w](const auto& x) {
    w.zero_grad();
    mu::sum(w * x * x).backward();
  };
  auto step = mu::capture(f, mu::tensor<2>({1, 2}));
  EXPECT_EQ(w.grad().to_vector(), (std::vector<float>{1, 4}));
  const auto held = w.grad();
  step(mu::tensor<2>({3, 4}));
  EXPECT_EQ(w.grad().to_vector(), (std::vector<float>{9, 16}));
  EXPECT_EQ(held.to_vector(), (std::vector<float>{1, 4}));
  w.zero_grad();
  step(mu::tensor<2>({5, 6}));
  EXPECT_EQ(w.grad().to_vector(), (std::vector<float>{25, 36}));
}

TEST(Capture, AddsToGradientsThatWereThere) {
  mu::Variable<float, 2> w{mu::tensor<2>({1, 2})};
  const auto f = [&w](const auto& x) { mu::sum(w * x).backward(); };
  EXPECT_TRUE(throws<mu::GraphError>([&] { mu::capture(f, mu::tensor<2>({1, 2})); }, "run the function once before"));
  EXPECT_EQ(w.grad().to_vector(), (std::vector<float>{1, 2}));
  auto step = mu::capture(f, mu::tensor<2>({1, 2}));
  step(mu::tensor<2>({10, 20}));
  step(mu::tensor<2>({100, 200}));
  EXPECT_EQ(w.grad().to_vector(), (std::vector<float>{112, 224}));
}

TEST(Capture, GoesOnFromItsOwnGradientThatIsAVariable) {
  mu::Variable<float, 2> w{mu::tensor<2>({1, 2})};
  auto step = mu::capture([&w] {
    w.zero_grad();
    mu::sum(w * w).backward();
    w.set(w.value() - 0.25f * w.grad());
    return w.grad();
  });
  EXPECT_EQ(step.results().to_vector(), (std::vector<float>{2, 4}));
  EXPECT_EQ(step().to_vector(), (std::vector<float>{1, 2}));
  EXPECT_EQ(step().to_vector(), (std::vector<float>{0.5f, 1}));
  EXPECT_EQ(w.value().to_vector(), (std::vector<float>{0.125f, 0.25f}));
}

TEST(Capture, TwoOfThemShareVariables) {
  Regression a, b;
  auto train = mu::capture([&b](const auto& x, const auto& y) { return b.step(x, y); }, batch(0), targets(0));
  const auto forward = [](const Regression& r, const auto& x) { return mu::no_grad([&] { return mu::tanh(mu::matmul(x, r.w) + r.b); }); };
  auto evaluate = mu::capture([&](const auto& x) { return forward(b, x); }, batch(1));
  a.step(batch(0), targets(0));
  for (int i = 1; i < 4; ++i) {
    a.step(batch(i), targets(i));
    train(batch(i), targets(i));
    EXPECT_EQ(evaluate(batch(9)).to_vector(), forward(a, batch(9)).to_vector()) << i;
  }
}

TEST(Capture, TakesValuesFromBeforeAsTheyWere) {
  Sum s;
  const auto pending = mu::exp(s.w.value()) * 3.0f;  // of the first w, whenever it is computed
  const auto product = mu::matmul(mu::reshape<2, 1>(s.w.value()), mu::reshape<1, 2>(s.w.value()));
  const auto frozen = s.w.freeze();
  auto step = mu::capture([&] {
    s.step(mu::ones<2>());
    return std::tuple{pending + 1.0f, mu::sum(product * 2.0f), frozen * 1.5f, s.w.value() + frozen};
  });
  step();
  const auto [a, b, c, d] = step();
  EXPECT_EQ(a.to_vector(), (mu::exp(mu::tensor<2>({1, 2})) * 3.0f + 1.0f).to_vector());
  EXPECT_EQ(b.item(), 18.0f);
  EXPECT_EQ(c.to_vector(), (std::vector<float>{1.5f, 3}));
  EXPECT_EQ(d.to_vector(), (std::vector<float>{5, 7}));
}

TEST(Capture, TakesPendingValuesOfAStateAsItWas) {
  mu::core::Array state = (mu::tensor<2>({1, 2}) + 1.0f).raw();
  mu::core::evaluate(state);
  std::optional pending{mu::Tensor<float, 2>{state} * 3.0f};
  auto step = mu::capture([&] {
    const auto before = std::exchange(pending, std::nullopt);
    mu::core::Array* const to[] = {&state};
    const mu::core::Array next[] = {mu::core::add(state, mu::core::literal(1, mu::dtype::f32))};
    const auto y = *before * 2.0f;
    mu::core::evaluate(y.raw());
    mu::core::assign(to, next, 1);
    return y;
  });
  step();
  EXPECT_EQ(step().to_vector(), (std::vector<float>{12, 18}));
  EXPECT_EQ((mu::Tensor<float, 2>{state}.to_vector()), (std::vector<float>{5, 6}));
}

TEST(Capture, RefusesToChangeWhatOthersHold) {
  mu::core::Array state = (mu::tensor<2>({1, 2}) + 1.0f).raw();
  mu::core::evaluate(state);
  const mu::core::Array held = state;
  const auto f = [&state] {
    mu::core::Array* const to[] = {&state};
    const mu::core::Array next[] = {mu::core::add(state, state)};
    mu::core::assign(to, next, 1);
  };
  EXPECT_TRUE(throws<mu::GraphError>([&] { mu::capture(f); }, "[capture] a value that the function changes is held by others, too"));
  EXPECT_EQ((mu::Tensor<float, 2>{held}.to_vector()), (std::vector<float>{2, 3}));
  EXPECT_EQ((mu::Tensor<float, 2>{state}.to_vector()), (std::vector<float>{4, 6}));
  auto twice = mu::capture(f);
  twice();
  EXPECT_EQ((mu::Tensor<float, 2>{state}.to_vector()), (std::vector<float>{16, 24}));
  mu::core::Array constant = mu::core::full({2}, mu::dtype::f32, 0.3);
  EXPECT_TRUE(throws<mu::GraphError>(
      [&] {
        mu::capture([&constant] {
          mu::core::Array* const to[] = {&constant};
          const mu::core::Array next[] = {mu::core::add(constant, constant)};
          mu::core::assign(to, next, 1);
        });
      },
      "[capture] a value is a constant before the first run"));
}

TEST(Capture, KeepsWhatItReads) {
  std::optional x{mu::tensor<3>({1, 2, 3})};
  auto step = mu::capture(
      [&x](const auto& y) {
        const auto z = *x + y;
        return z * 2.0f;
      },
      mu::tensor<3>({1, 1, 1}));
  x.reset();
  const auto other = mu::fill<3>(7.0f) + mu::tensor<3>({1, 2, 3});  // may take the memory of x, if it was let go of
  EXPECT_EQ(other.to_vector(), (std::vector<float>{8, 9, 10}));
  EXPECT_EQ(step(mu::tensor<3>({0, 0, 1})).to_vector(), (std::vector<float>{2, 4, 8}));
}

TEST(Capture, DoesNotWriteOverWhatItLetsGoOf) {
  std::optional x{mu::tensor<3>({1, 2, 3})};
  auto step = mu::capture(
      [&x](const auto& y) {
        const auto z = *x + y;
        x.reset();
        return z;
      },
      mu::tensor<3>({1, 1, 1}));
  step(mu::tensor<3>({5, 5, 5}));
  EXPECT_EQ(step(mu::tensor<3>({0, 0, 1})).to_vector(), (std::vector<float>{1, 2, 4}));
}

TEST(Capture, ReadsInputsOfAnyLayoutAndOfOneSize) {
  constexpr mu::Dim<"n"> n;
  auto sums = mu::capture([](const auto& x) { return mu::sum<1>(x + 1.0f); }, mu::zeros<n, 3>(n = 2));
  const auto turned = mu::transpose(mu::tensor<3, 2>({1, 4, 2, 5, 3, 6})).refine<n, 3>();
  EXPECT_EQ(sums(turned).to_vector(), (std::vector<float>{9, 18}));
  EXPECT_TRUE(throws<mu::ShapeError>([&] { sums(mu::zeros<n, 3>(n = 4)); },
                                     "[capture] input 0 had other sizes when the function was captured: (2, 3) and (4, 3)"));
  const mu::Device here = mu::default_device(), there = mu::device("builtin");
  if (std::string(here.name()) != there.name()) {
    EXPECT_TRUE(throws<mu::DeviceError>(
        [&] { sums(mu::zeros<n, 3>(n = 2).to(there)); },
        ("[capture] input 0 was float on " + std::string(here.name()) + " when the function was captured: float on builtin").c_str()));
  }
}

TEST(Capture, RefusesWhatAReplayCannotDo) {
  const auto x = mu::tensor<2, 2>({2, 1, 1, 3});
  const auto refused = [](auto f, const char* text) { return throws<mu::GraphError>([&] { mu::capture(f); }, text); };
  EXPECT_TRUE(refused([&] { return x * (mu::sum(x).item()); }, "[capture] item reads a value"));
  EXPECT_TRUE(refused([&] { return x + mu::tensor<2>({1, 2}); }, "[capture] from_values takes values from the host"));
  EXPECT_TRUE(refused([&] { return mu::inv(x); }, "[capture] inv is computed on the host at once"));
  EXPECT_TRUE(refused([] { return mu::permutation<4>(); }, "reads a value"));
  EXPECT_TRUE(refused([] { mu::manual_seed(1); }, "[capture] manual_seed sets what replays go on from: seed before"));
  EXPECT_TRUE(refused([] { mu::core::set_random_state(mu::core::random_state()); },
                      "[capture] set_random_state sets what replays go on from: set it before"));
  if (!mu::default_device().host_memory()) {
    EXPECT_TRUE(refused([&] { return x.to(mu::device("builtin")); }, "[capture] to goes through the host, which a replay could not"));
  }
  std::optional<mu::Tensor<float, 2, 2>> outside;
  EXPECT_TRUE(refused([&] { outside = x * 3.0f; }, "[capture] values of the function are held outside of it"));
  EXPECT_EQ(outside->to_vector(), (std::vector<float>{6, 3, 3, 9}));
  EXPECT_TRUE(refused([&] { mu::capture([&] { return x * 2.0f; }); }, "cannot capture another"));
  auto step = mu::capture([&] { return x * 2.0f; });
  EXPECT_TRUE(refused([&] { return step(); }, "[capture] replay of a captured function cannot be captured itself"));
  EXPECT_EQ(step().to_vector(), (std::vector<float>{4, 2, 2, 6}));
}

TEST(Capture, WantsVariablesAsTheyWere) {
  mu::Variable<float, 2> w{mu::tensor<2>({1, 2})};
  auto step = mu::capture([&w] {
    mu::sum(w * 3.0f).backward();
    w.set(w.value() - w.grad());
    w.zero_grad();
  });
  mu::sum(w * 1.0f).backward();
  EXPECT_TRUE(throws<mu::GraphError>([&] { step(); }, "[capture] a gradient is there that was zero"));
  w.zero_grad();
  step();
  EXPECT_EQ(w.value().to_vector(), (std::vector<float>{-5, -4}));
  EXPECT_TRUE(throws<mu::GraphError>(
      [&] {
        mu::sum(w * 1.0f).backward();
        mu::capture([&w] {
          mu::sum(w * w.grad()).backward();
          w.zero_grad();
        });
      },
      "[capture] the function zeroes a gradient that it found"));
}

// The value that a function reads and replaces, as an optimiser's state is.
TEST(Capture, WantsItsPlacesAsTheyWere) {
  mu::core::Array state = mu::zeros<2>().raw();
  const auto replace = [&state](const mu::core::Array& next) {
    mu::core::capture_read(&state);
    const mu::core::Array sum = mu::core::add(state, next);
    mu::core::capture_replace(&state, sum);
    state = sum;
  };
  const auto one = mu::ones<2>();
  const auto column = mu::ones<2, 1>();
  auto step = mu::capture([&] { replace(one.raw()); });
  step();
  state = mu::zeros<3>().raw();
  EXPECT_TRUE(throws<mu::GraphError>([&] { step(); }, "[capture] a value is not what it was when the function was captured: (2) and (3)"));
  state = mu::core::Array();
  EXPECT_TRUE(throws<mu::GraphError>([&] { step(); }, "[capture] a value is gone that was there when the function was captured: (2)"));
  state = mu::ones<2>().raw();
  step();
  EXPECT_EQ((mu::Tensor<float, 2>{state}.to_vector()), (std::vector<float>{2, 2}));
  EXPECT_TRUE(throws<mu::GraphError>([&] { mu::capture([&] {
                                             replace(mu::core::reshape(column.raw(), {2, 1}));
                                           }); },
                                     "[capture] a value is not what it was when the function began: (2) and (2, 2)"));
}

TEST(Capture, AnExceptionEndsIt) {
  const auto x = mu::tensor<2>({1, 2});
  EXPECT_TRUE(throws<std::runtime_error>(
      [&] {
        mu::capture([&]() -> mu::Tensor<float, 2> {
          const auto y = x * 2.0f;
          throw std::runtime_error("no");
        });
      },
      "no"));
  EXPECT_EQ((mu::sum(x * 2.0f) * 2.0f).item(), 12.0f);  // reads: nothing is recorded any more
  auto step = mu::capture([&] { return x + 1.0f; });
  EXPECT_EQ(step().to_vector(), (std::vector<float>{2, 3}));
}

TEST(Capture, OtherThreadsAreNotRecorded) {
  const auto x = mu::tensor<2>({1, 2});
  std::vector<float> seen;
  auto step = mu::capture([&] {
    const auto y = x * 2.0f;
    std::thread([&] { seen = (mu::tensor<2>({5, 6}) * x).to_vector(); }).join();
    return y + 1.0f;
  });
  EXPECT_EQ(seen, (std::vector<float>{5, 12}));
  EXPECT_EQ(step().to_vector(), (std::vector<float>{3, 5}));
}

// Memory that one recording uses several times is given back once.
TEST(Capture, GivesItsMemoryBack) {
  const auto x = mu::sin(mu::reshape<512, 512>(mu::linspace<512 * 512>(0.0f, 0.003f)));
  mu::core::evaluate(x.raw());
  const auto in_use = [] { return mu::memory_stats(mu::default_device()).in_use; };
  const std::size_t before = in_use();
  for (int round = 0; round < 2; ++round) {
    auto power = mu::capture(
        [](const auto& a) {
          auto y = mu::matmul(a, a);
          for (int i = 0; i < 6; ++i) y = mu::matmul(mu::tanh(y), a);
          return mu::sum(y);
        },
        x);
    EXPECT_NEAR(power(x).item(), power.results().item(), 1e-3f);
  }
  EXPECT_EQ(in_use(), before);
}

TEST(Capture, Moves) {
  auto a = mu::capture([n = 2.0f](const auto& x) { return x * n; }, mu::tensor<1>({1}));
  auto b = std::move(a);
  EXPECT_EQ(b(mu::tensor<1>({4})).to_vector(), (std::vector<float>{8}));
  mu::core::Recording none;
  EXPECT_TRUE(throws<mu::GraphError>([&] { none.replay(nullptr, nullptr); }, "[capture] nothing was captured"));
  auto c = mu::capture([n = 3.0f](const auto& x) { return x * n; }, mu::tensor<1>({1}));
  (void)c;
}

}  // namespace
