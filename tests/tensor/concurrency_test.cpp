// Values are read, and expressions evaluated, from many threads at once.
#include <atomic>
#include <thread>

#include "mushin/tensor/capture.hpp"
#include "mushin/tensor/makers.hpp"
#include "mushin/tensor/ops/matmul.hpp"
#include "mushin/tensor/ops/random.hpp"
#include "mushin/tensor/ops/reduce.hpp"
#include "plan_limit.hpp"
#include "support.hpp"

namespace mushin::core::test {
namespace {

constexpr int threads = 4;

template <class F>
void together(F f) {
  std::atomic<int> waiting{threads};
  std::vector<std::thread> all;
  for (int t = 0; t < threads; ++t)
    all.emplace_back([&, t] {
      --waiting;
      while (waiting.load() > 0) std::this_thread::yield();
      f(t);
    });
  for (std::thread& t : all) t.join();
}

TEST(Concurrency, OnePendingArrayReadByAll) {
  for (int round = 0; round < 200; ++round) {
    const Array a = array({50}, Values(50, 2)), pending = mul(add(a, a), a);
    together([&](int) { EXPECT_EQ(values(pending), Values(50, 8)); });
  }
}

TEST(Concurrency, ExpressionsOverOnePendingArray) {
  for (int round = 0; round < 200; ++round) {
    const Array a = array({4, 5}, Values(20, 2)), shared = tanh(mul(a, a));
    const double want = std::tanh(4.0);
    together([&](int t) {
      for (int i = 0; i < 5; ++i) {
        if (t % 3 == 0) {
          EXPECT_NEAR(value(add(shared, literal(t + i, dtype::f32))), want + t + i, 1e-5);
        } else if (t % 3 == 1) {
          EXPECT_NEAR(value(sum(mul(shared, shared), 3, false)), 20 * want * want, 1e-4);
        } else {
          EXPECT_NEAR(value(matmul(shared, transpose(shared))), 5 * want * want, 1e-4);
        }
      }
    });
  }
}

TEST(Concurrency, OneThreadCapturesWhileOthersLetGoOfMemory) {
  together([](int t) {
    for (int i = 0; i < 100; ++i) {
      if (t == 0) {
        auto twice = mushin::capture([](const Tensor<float, 3>& x) { return x + x; }, fill<3>(1.5f));
        EXPECT_EQ(twice(fill<3>(static_cast<float>(i)))(2), 2.0f * static_cast<float>(i));
      } else {
        for (int k = 0; k < 20; ++k) EXPECT_EQ(value(neg(array({7}, Values(7, k)))), -k);
      }
    }
  });
}

TEST(Concurrency, OneProductNeededByAll) {
  for (int round = 0; round < 200; ++round) {
    const Array a = array({4, 5}, Values(20, 2)), bias = array({4}, Values(4, 1));
    const Array product = matmul(a, transpose(a)), biased = add(product, bias);
    Array alone;
    {
      const Array unseen = matmul(a, transpose(a));
      alone = relu(add(unseen, bias));
    }
    together([&](int t) {
      EXPECT_EQ(values(t % 2 ? product : biased), Values(16, t % 2 ? 20 : 21));
      EXPECT_EQ(values(alone), Values(16, 21));
    });
  }
}

TEST(Concurrency, IndependentWork) {
  together([&](int t) {
    Array x = array({6}, Values(6, t));
    const Array one = array({6}, Values(6, 1));
    for (int i = 0; i < 500; ++i) {
      Array* const to = &x;
      const Array next = add(x, one);
      assign(&to, &next, 1);
    }
    EXPECT_EQ(values(x), Values(6, t + 500));
  });
}

TEST(Concurrency, NewPlansFromAllThreads) {
  together([&](int t) {
    for (int i = 0; i < 60; ++i) {
      Array x = array({3}, {1, 2, 3});
      for (int k = 0; k <= i % 20; ++k) x = (i >> (k % 5) & 1) ? add(x, x) : mul(x, literal(0.5, dtype::f32));
      EXPECT_GT(value(x), 0) << t;
    }
  });
}

// Each thread evicts what the others look for, and run.
TEST(Concurrency, PlansThatOthersEvict) {
  const PlanLimit limit(8);
  const Array x = array({3}, {0.25, 0.5, 0.75}), m = array({3, 3}, Values(9, 0.5));
  std::vector<Values> want;
  for (unsigned i = 0; i < 40; ++i) want.push_back(values(distinct_program(x, i)));
  together([&](int t) {
    for (unsigned i = 0; i < 400; ++i) {
      const unsigned which = (i * 7 + static_cast<unsigned>(t) * 11) % 40;
      EXPECT_EQ(values(distinct_program(x, which)), want[which]);
      const std::int64_t rows = 1 + i % 5;
      EXPECT_EQ(value(sum(matmul(array({rows, 3}, Values(static_cast<std::size_t>(rows) * 3, 1)), m), 3, false)),
                4.5 * static_cast<double>(rows));
    }
  });
  EXPECT_LE(plan_count(), 8u);
  EXPECT_LE(evicted_plan_count(), 8u + 2 * threads);
}

// One thread is in long runs; what is evicted meanwhile, its plan for one, waits for it.
TEST(Concurrency, EvictedPlansWaitForThoseWhoRun) {
  if (!mushin::default_device().host_memory()) GTEST_SKIP() << "a run only queues there";
  const PlanLimit limit(8);
  std::atomic<bool> done{false};
  std::thread runner([&] {
    const Array m = add(full({512, 512}, dtype::f32, 0.5), array({1}, {1}));
    while (!done) evaluate(matmul(m, m));
  });
  const Array x = array({3}, {0.25, 0.5, 0.75});
  std::size_t most = 0;
  for (unsigned i = 0; i < 50'000 && most <= 32; ++i) {
    evaluate(distinct_program(x, i % 1000));
    most = std::max(most, evicted_plan_count());
  }
  done = true;
  runner.join();
  EXPECT_GT(most, 32u) << "they were destroyed beside a run that began before";
  for (unsigned i = 0; i < 4; ++i) evaluate(distinct_program(x, 1001 + i));
  EXPECT_LE(evicted_plan_count(), 4u);
}

TEST(Concurrency, ArraysMadeHereAndDestroyedThere) {
  std::vector<std::vector<Array>> made(threads);
  for (int round = 0; round < 20; ++round) {
    together([&](int t) {
      auto& mine = made[static_cast<std::size_t>(t)];
      for (int i = 0; i < 400; ++i) mine.push_back(add(array({4}, Values(4, i)), array({4}, Values(4, 1))));
    });
    for (auto& list : made) {
      for (std::size_t i = 0; i < list.size(); i += 97) EXPECT_EQ(value(list[i]), double(i + 1));
      list.clear();
    }
  }
}

TEST(Concurrency, RandomNumbersAreDrawnOnce) {
  manual_seed(11);
  std::vector<Values> drawn(threads);
  together([&](int t) { drawn[static_cast<std::size_t>(t)] = values(randu({1000}, dtype::f32)); });
  for (int i = 0; i < threads; ++i)
    for (int k = 0; k < i; ++k) EXPECT_NE(drawn[static_cast<std::size_t>(i)], drawn[static_cast<std::size_t>(k)]);
}

}  // namespace
}  // namespace mushin::core::test
