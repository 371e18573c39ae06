// Data-parallel training: ranks that are threads, each with a share of the batch.
#include <gtest/gtest.h>

#include <thread>

#include "mushin/nn.hpp"
#include "mushin/tensor/collectives.hpp"
#include "support/splitmix.hpp"

namespace mu = mushin;
namespace nn = mu::nn;
using namespace mushin::test;

struct Small {
  mu::Variable<float, 4, 6> w{mu::from<4, 6>(uniform<float>(1, 24))};
  mu::Variable<float, 6> b{mu::from<6>(uniform<float>(2, 6))};
  mu::Variable<float, 6, 1> out{mu::from<6, 1>(uniform<float>(3, 6))};
  MUSHIN_MODULE(Small, w, b, out)
};

namespace {

constexpr mu::Dim<"batch"> batch;

/// Twenty steps over `rows` rows of the data from row `first` on; the parameters in the end.
std::vector<float> train(std::int64_t first, std::int64_t rows, const mu::Communicator* by) {
  const auto all = uniform<float>(4, 12 * 4);
  const auto part = [&](std::int64_t n) { return std::vector<float>(all.begin() + n * first, all.begin() + n * (first + rows)); };
  const auto x = mu::from<batch, 4>(part(4), batch = rows);
  Small net;
  nn::SGD optimizer{nn::parameters(net), {.lr = 0.1, .momentum = 0.9}};
  for (int step = 0; step < 20; ++step) {
    optimizer.zero_grad();
    const auto y = mu::matmul(mu::tanh(mu::matmul(x, net.w) + net.b), net.out);
    const auto error = y - mu::sum<1>(x, mu::keep);
    mu::mean(error * error).backward();
    if (by) nn::average_gradients(nn::parameters(net), *by);
    optimizer.step();
  }
  auto values = net.w.value().to_vector();
  for (const float v : net.b.value().to_vector()) values.push_back(v);
  for (const float v : net.out.value().to_vector()) values.push_back(v);
  return values;
}

TEST(AverageGradients, SharesOfABatchTrainAsTheWholeDoes) {
  if (!mu::default_device().host_memory()) GTEST_SKIP() << "a device with memory of its own is one rank";
  const std::vector<float> whole = train(0, 12, nullptr);
  for (const std::int64_t ranks : {2, 3}) {
    const auto id = mu::Communicator::unique_id();
    std::vector<std::vector<float>> got(static_cast<std::size_t>(ranks));
    std::vector<std::thread> threads;
    for (std::int64_t r = 0; r < ranks; ++r)
      threads.emplace_back([&, r] {
        const mu::Communicator by(mu::default_device(), id, r, ranks);
        got[static_cast<std::size_t>(r)] = train(12 / ranks * r, 12 / ranks, &by);
      });
    for (std::thread& t : threads) t.join();
    for (const auto& values : got) {
      EXPECT_EQ(values, got[0]);
      for (std::size_t i = 0; i < whole.size(); ++i) EXPECT_NEAR(values[i], whole[i], 1e-4f) << i;
    }
  }
}

}  // namespace
