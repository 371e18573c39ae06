// What graphs take of memory and of nodes: bounds on bytes and counts, not on time.
#include <gtest/gtest.h>
#include <pthread.h>

#include <atomic>
#include <cstdlib>
#include <functional>
#include <new>
#include <optional>
#include <string_view>
#include <thread>
#include <vector>

#include "mushin/autograd.hpp"
#include "mushin/tensor/capture.hpp"
#include "support/matchers.hpp"
#include "support/splitmix.hpp"

namespace {
std::atomic<std::int64_t> allocations{0}, allocated{0};  // of the host's memory, in all libraries; bytes
}
void* operator new(std::size_t bytes) {
  ++allocations;
  allocated += static_cast<std::int64_t>(bytes);
  if (void* p = std::malloc(bytes)) return p;
  throw std::bad_alloc();
}
void operator delete(void* p) noexcept { std::free(p); }
void operator delete(void* p, std::size_t) noexcept { std::free(p); }

namespace mushin::test {
namespace {

constexpr int many = 40'000;

// The first of all: what graphs before it let go of would be used again.
TEST(Nodes, TakeAtMost200Bytes) {
  auto w = variable(fill<double>(0.5));
  Traced<double> z = w;
  const std::int64_t before = allocated;
  for (int i = 0; i < many; ++i) z = -z;
  EXPECT_GT(allocated - before, 100 * many);
  EXPECT_LE(allocated - before, 200 * many);
}

TEST(Nodes, AndVariablesTakeTheMemoryOfThoseBefore) {
  const auto run = [](int count) {
    std::vector<Variable<double>> leaves;
    leaves.reserve(static_cast<std::size_t>(count));
    for (int i = 0; i < count; ++i) leaves.push_back(variable(fill<double>(i)));
    Traced<double> z{fill<double>(0.0)};
    for (const auto& leaf : leaves) z = z + leaf;
    const std::int64_t nodes = core::graph_node_count();
    z.backward();
    EXPECT_EQ(core::graph_node_count(), nodes) << "a pass makes none";
    EXPECT_EQ(leaves.front().grad().item(), 1);
  };
  run(many);
  const std::int64_t before = allocations;
  run(many);
  EXPECT_LE(allocations - before, 100) << "lists that grow";
}

TEST(Nodes, ThatAnotherThreadDestroysComeAround) {
  auto w = variable(fill<double>(0.5));
  const auto run = [&w] {
    std::optional<Traced<double>> z;
    std::thread([&] {
      z.emplace(w);
      for (int i = 0; i < many; ++i) *z = -*z;
    }).join();
  };
  for (int i = 0; i < 3; ++i) run();
  const std::int64_t before = allocations;
  run();
  EXPECT_LE(allocations - before, 30) << "of the thread";
}

using Matrix = Traced<double, 64, 64>;
constexpr double buffer = 64 * 64 * sizeof(double);
/// In buffers: single values, what threads keep for them, and on real devices a plan's workspace of a fixed size.
double small() {
  const bool fixed = !default_device().host_memory() && !std::string_view(default_device().name()).starts_with("fakegpu");
  return ((64 << 10) + (fixed ? 1 << 19 : 0)) / buffer;
}

MemoryStats stats() { return memory_stats(default_device()); }

/// The most that is in use from now on, beyond what is now, in buffers. Something in use fills up what an older peak left.
class Growth {
 public:
  Growth() {
    if (const MemoryStats s = stats(); s.peak > s.in_use) {
      ballast_ = core::full({static_cast<std::int64_t>((s.peak - s.in_use) / sizeof(double)) + 1}, dtype::f64, 1);
      core::evaluate(ballast_);
    }
    before_ = stats().in_use;
  }
  double most() const { return static_cast<double>(stats().peak - before_) / buffer; }
  double now() const { return (static_cast<double>(stats().in_use) - static_cast<double>(before_)) / buffer; }

 private:
  core::Array ballast_;
  std::size_t before_;
};

TEST(Accumulation, OfManyConsumersIsInPlace) {
  auto w = variable(from<64, 64>(uniform<double>(1, 64 * 64)));
  const auto v = from<64, 1>(uniform<double>(2, 64));
  const auto c = from<64, 64>(uniform<double>(3, 64 * 64));
  core::evaluate(w.value().raw());
  const auto most = [&](int consumers, auto consume, auto from) {
    w.zero_grad();
    const Growth growth;
    auto z = consume(from);
    for (int i = 1; i < consumers; ++i) z = z + consume(from);
    sum(z).backward();
    core::evaluate(w.grad().raw());
    return growth.most();
  };
  const auto product = [&](const auto& a) { return matmul(a, v); };
  const auto scaled = [&](const auto& a) { return a * c; };
  const Matrix leaf = w;
  EXPECT_LE(most(10'000, product, leaf), 4 + small());
  EXPECT_TRUE(close(w.grad(), generate({64, 64}, [&](const Index& p) { return 10'000 * ref(v).at({p[1], 0}); }), 1e-10));
  EXPECT_LE(most(1'000, scaled, leaf), 8 + small());
  EXPECT_TRUE(close(w.grad(), map(ref(c), [](double x) { return 1'000 * x; }), 1e-10));
  EXPECT_LE(most(1'000, product, leaf * 2), 6 + small());
}

TEST(Accumulation, OfManySlicesTakesTheMemoryOfAFew) {
  auto w = variable(from<64, 64>(uniform<double>(1, 64 * 64)));
  core::evaluate(w.value().raw());
  const auto most = [&](int slices, auto part_of) {
    w.zero_grad();
    const Growth growth;
    Traced<double> z{fill<double>(0.0)};
    for (int i = 0; i < slices; ++i) {
      const auto part = part_of(i);
      z = z + sum(part * part);
    }
    z.backward();
    core::evaluate(w.grad().raw());
    return growth.most();
  };
  EXPECT_LE(most(1'000, [&](int) { return slice<0, 0, 60>(w); }), 8 + small());
  EXPECT_TRUE(close(w.grad(), generate({64, 64}, [&](const Index& p) { return p[0] < 60 ? 2'000 * ref(w).at(p) : 0; }), 1e-10));
  EXPECT_LE(most(64 * 10, [&](int i) { return at<0>(w, i % 64); }), 8 + small());
  EXPECT_TRUE(close(w.grad(), map(ref(w), [](double x) { return 20 * x; }), 1e-10));
}

/// Looks at the memory in use when the backward pass comes by.
struct Probe {
  std::vector<double>* seen;
  auto forward(auto&, const auto& x) const { return x; }
  auto backward(const auto&, const auto& gy) const {
    seen->push_back(static_cast<double>(stats().in_use) / buffer);
    return gy;
  }
};

TEST(Backward, TakesNoMoreThanWhatWasSavedAndFreesAsItGoes) {
  constexpr int layers = 1000;
  auto w = variable(from<64, 64>(uniform<double>(4, 64 * 64, -0.1, 0.1)));
  const auto run = [&](bool products) {
    std::vector<double> seen;
    const Growth forward;
    Matrix h{from<64, 64>(uniform<double>(5, 64 * 64))};
    if (!products) h = h + w;
    for (int i = 0; i < layers; ++i) h = mushin::apply(Probe{&seen}, products ? tanh(matmul(h, w)) : sin(h));
    auto z = sum(h);
    core::evaluate(z.value().raw());
    const double saved = forward.now();
    EXPECT_LE(saved, layers + 3 + small());
    // In a pointwise chain some saved values are pending until the backward pass, and its cotangent is an expression that holds what it is
    // made from until it is long enough.
    const double room = (products ? 8 : 50) + small(), rise = (products ? 0 : layers - saved) + room;
    {
      const Growth growth;
      const auto g = grad(z, w);
      core::evaluate(g.raw());
      EXPECT_LE(growth.most(), rise) << "the graph stays as it is";
    }
    seen.clear();
    const Growth growth;
    z.backward();
    core::evaluate(w.grad().raw());
    EXPECT_LE(growth.most(), rise);
    ASSERT_EQ(seen.size(), static_cast<std::size_t>(layers));
    EXPECT_TRUE(!products || saved >= layers - 2) << saved;
    for (std::size_t k = 0; products && k < seen.size(); ++k)
      EXPECT_LE(seen[k], seen[0] - static_cast<double>(k) + room) << "after " << k << " layers";
    EXPECT_LE(growth.now(), 8 + small() - saved) << "nothing stays, though the result does";
    w.zero_grad();
  };
  run(true);
  run(false);
}

TEST(Backward, OfBranchesTakesNoMoreThanOneOfThem) {
  auto w = variable(from<64, 64>(uniform<double>(6, 64 * 64, -0.1, 0.1)));
  Matrix x = w * 2, total = x;
  for (int branch = 0; branch < 20; ++branch) {
    Matrix h = x;
    for (int i = 0; i < 20; ++i) h = tanh(matmul(h, w));
    total = total + h;
  }
  core::evaluate(total.value().raw());
  const Growth growth;
  total.backward();
  core::evaluate(w.grad().raw());
  EXPECT_LE(growth.most(), 8 + small());
}

/// 100 layers of `weights` on x.
auto layers(const auto& x, const auto& weights, bool bent = true) {
  auto h = matmul(x, weights);
  for (int i = 1; i < 100; ++i) h = bent ? tanh(matmul(h, weights)) : matmul(h, weights);
  return h;
}

TEST(NoGrad, TakesTheMemoryOfConstantsAndNoNode) {
  auto w = variable(from<64, 64>(uniform<double>(7, 64 * 64, -0.1, 0.1)));
  const auto x = from<64, 64>(uniform<double>(8, 64 * 64));
  const auto most = [](auto f) {
    const Growth growth;
    const auto nodes = core::graph_node_count();
    const auto y = f();
    core::evaluate(y.raw());
    EXPECT_EQ(core::graph_node_count(), nodes);
    EXPECT_LE(growth.now(), 2 + small());
    return growth.most();
  };
  most([&] { return layers(x, w.freeze()); });  // what threads keep is there from now on
  const double constants = most([&] { return layers(x, w.freeze()); });
  EXPECT_LE(constants, 4 + small());
  EXPECT_EQ(most([&] { return no_grad([&] { return layers(x, w); }); }), constants);
}

TEST(Replay, AsksTheHostForNothing) {
  if (!default_device().host_memory()) GTEST_SKIP();  // a device may
  auto w = variable(from<4, 4>(uniform<double>(13, 16, -0.1, 0.1)));
  const auto train = [&w](const auto& a) {
    w.zero_grad();
    sum(layers(a, w)).backward();
    w.set(w.value() - w.grad() * 0.01);
  };
  const auto x = from<4, 4>(uniform<double>(14, 16));
  train(x);
  auto step = capture(train, x);
  step(x);
  const std::int64_t before = allocations, nodes = core::graph_node_count();
  for (int i = 0; i < 20; ++i) step(x);
  EXPECT_EQ(allocations - before, 0);
  EXPECT_EQ(core::graph_node_count(), nodes);
}

TEST(Frozen, PartsTakeNoNodesAndSaveNothing) {
  auto w = variable(from<64, 64>(uniform<double>(9, 64 * 64, -0.1, 0.1)));
  const auto frozen = w.freeze();
  const auto x = from<64, 64>(uniform<double>(10, 64 * 64));
  const auto nodes = core::graph_node_count();
  {
    const Growth growth;
    auto z = sum(matmul(layers(x, frozen), w));
    core::evaluate(z.value().raw());
    EXPECT_EQ(core::graph_node_count() - nodes, 2) << "in front of what is trained: the graph begins at it";
    EXPECT_LE(growth.now(), 2 + small()) << "its one operand";
  }
  {
    const Growth growth;
    auto z = layers(x * sum(w), frozen, false);
    core::evaluate(z.value().raw());
    EXPECT_EQ(core::graph_node_count() - nodes, 102) << "behind it: one node for each op that the gradient comes through";
    EXPECT_LE(growth.now(), 4 + small()) << "operands are kept for a weight's gradient alone";
  }
  {
    const Growth growth;
    auto z = layers(x, w, false);
    core::evaluate(z.value().raw());
    EXPECT_GE(growth.now(), 98) << "which a trained one has";
  }
  EXPECT_EQ(core::graph_node_count(), nodes);
}

/// Runs `f` on a stack that a recursion over a graph would not fit in.
void on_a_small_stack(std::function<void()> f) {
  pthread_attr_t attributes;
  pthread_t thread;
  ASSERT_EQ(pthread_attr_init(&attributes), 0);
  ASSERT_EQ(pthread_attr_setstacksize(&attributes, 512 << 10), 0);
  const auto call = [](void* it) -> void* { return (*static_cast<std::function<void()>*>(it))(), nullptr; };
  ASSERT_EQ(pthread_create(&thread, &attributes, call, &f), 0);
  ASSERT_EQ(pthread_join(thread, nullptr), 0);
  pthread_attr_destroy(&attributes);
}

TEST(Depth, DeepAndWideGraphsNeedNoStack) {
  static constexpr int deep_enough = 1 << 17;
  on_a_small_stack([] {
    auto w = variable(fill<double>(1.0));
    Traced<double> deep = w;
    for (int i = 0; i < deep_enough; ++i) deep = tanh(deep);
    deep.backward();
    EXPECT_GT(w.grad().item(), 0);
  });
  on_a_small_stack([] {
    std::vector<Variable<double>> leaves;
    std::vector<Traced<double>> parts;
    for (int i = 0; i < deep_enough; ++i) parts.emplace_back(leaves.emplace_back(variable(fill<double>(i))) * 1.0);
    while (parts.size() > 1) {
      for (std::size_t i = 0; i < parts.size(); i += 2) parts[i / 2] = parts[i] + parts[i + 1];
      parts.erase(parts.begin() + static_cast<std::ptrdiff_t>(parts.size() / 2), parts.end());
    }
    parts[0].backward();
    EXPECT_EQ(leaves.front().grad().item(), 1);
  });
  on_a_small_stack([] {
    auto w = variable(fill<double>(0.5));
    Traced<double> sum{fill<double>(0.0)};
    for (int i = 0; i < deep_enough; ++i) sum = sum + w * w;
    auto d = grad<create_graph>(sum, w);
    EXPECT_EQ(d.value().item(), deep_enough);
    EXPECT_EQ(grad(d, w).item(), 2 * deep_enough);
  });
}

}  // namespace
}  // namespace mushin::test
