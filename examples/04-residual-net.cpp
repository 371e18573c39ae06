// Trains a residual network (https://arxiv.org/abs/1512.03385) on Fashion-MNIST, on images that are shifted and mirrored at random.
#include <mushin/nn.hpp>

#include "support/classify.hpp"

namespace mu = mushin;
namespace nn = mu::nn;
namespace data = mu::data;

struct Identity {
  auto operator()(const auto& x) const { return x; }
};

//! [parts]
/// A convolution of 3 x 3 without bias, which the batch normalisation behind it has.
template <mu::extent In, mu::extent Out, std::int64_t Stride>
using Conv3x3 = nn::Conv2d<In, Out, 3, Stride, 1, 1, 1, false>;
/// What x is added as, where its shape changes.
template <mu::extent In, mu::extent Out, std::int64_t Stride>
using Projection = nn::Sequential<nn::Conv2d<In, Out, 1, Stride, 0, 1, 1, false>, nn::BatchNorm2d<Out>>;
//! [parts]

//! [block]
/// (batch, In, h, w) -> (batch, Out, h / Stride, w / Stride).
template <mu::extent In, mu::extent Out, std::int64_t Stride>
struct Block {
  Conv3x3<In, Out, Stride> conv1{};
  nn::BatchNorm2d<Out> norm1{};
  Conv3x3<Out, Out, 1> conv2{};
  nn::BatchNorm2d<Out> norm2{};
  std::conditional_t<In == Out && Stride == 1, Identity, Projection<In, Out, Stride>> shortcut{};

  auto operator()(const auto& x) const { return nn::relu(norm2(conv2(nn::relu(norm1(conv1(x))))) + shortcut(x)); }
  MUSHIN_MODULE(Block, conv1, norm1, conv2, norm2, shortcut)
};
//! [block]

//! [net]
struct ResidualNet {
  Conv3x3<1, 16, 1> conv;
  nn::BatchNorm2d<16> norm;
  nn::Sequential<Block<16, 16, 1>, Block<16, 32, 2>, Block<32, 64, 2>> blocks;  // 28 x 28, 14 x 14, 7 x 7
  nn::AdaptiveAvgPool2d<1> pool;
  nn::Linear<64, 10> fc;

  auto operator()(const auto& pixels) const {
    const auto x = (pixels - 0.286f) / 0.353f;  // mean and spread of the training images
    return fc(mu::flatten(pool(blocks(nn::relu(norm(conv(x)))))));
  }
  MUSHIN_MODULE(ResidualNet, conv, norm, blocks, pool, fc)
};
//! [net]

int train(const TrainingOptions& options) {
  if (!options.device.empty()) mu::set_default_device(options.device.c_str());
  mu::manual_seed(options.seed);
  data::Idx<1, 28, 28> training{options.data + "/train-images-idx3-ubyte.gz", options.data + "/train-labels-idx1-ubyte.gz"};
  data::Idx<1, 28, 28> test{options.data + "/t10k-images-idx3-ubyte.gz", options.data + "/t10k-labels-idx1-ubyte.gz"};
  if (options.limit > 0) training.keep_first(options.limit), test.keep_first(options.limit);
  //! [augment]
  const data::Transformed augmented(training, [](const auto& x, const auto& y, data::Indices which) {
    return std::tuple{data::random_flip(data::random_crop<28, 28>(mu::pad<2, 2, 2, 2>(x), which), which), y};
  });
  //! [augment]

  ResidualNet net;
  nn::AdamW optimizer{nn::parameters(net), {.lr = options.lr, .weight_decay = 0.01}};
  classify(net, optimizer, augmented, test, options);
  return 0;
}

int main(int argc, char** argv) { return run(argc, argv, "Trains a residual network on Fashion-MNIST.", train); }
