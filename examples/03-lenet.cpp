// Trains LeNet, a small network of convolutions, on Fashion-MNIST (see 02-fashion-mnist.cpp): Y. LeCun et al., Gradient-based learning
// applied to document recognition, 1998.
#include <mushin/nn.hpp>

#include "support/classify.hpp"

namespace mu = mushin;
namespace nn = mu::nn;
namespace data = mu::data;

//! [net]
struct LeNet {
  nn::Conv2d<1, 6, 5, 1, 2> conv1;  // 1 x 28 x 28 -> 6 x 28 x 28
  nn::Conv2d<6, 16, 5> conv2;       // 6 x 14 x 14 -> 16 x 10 x 10
  nn::MaxPool2d<2> pool;
  nn::Linear<400, 120> fc1;
  nn::Linear<120, 84> fc2;
  nn::Linear<84, 10> fc3;

  auto operator()(const auto& pixels) const {
    const auto x = (pixels - 0.286f) / 0.353f;  // mean and spread of the training images
    const auto features = mu::flatten(pool(nn::relu(conv2(pool(nn::relu(conv1(x)))))));
    return fc3(nn::relu(fc2(nn::relu(fc1(features)))));
  }
  MUSHIN_MODULE(LeNet, conv1, conv2, pool, fc1, fc2, fc3)
};
//! [net]

int train(const TrainingOptions& options) {
  if (!options.device.empty()) mu::set_default_device(options.device.c_str());
  mu::manual_seed(options.seed);
  data::Idx<1, 28, 28> training{options.data + "/train-images-idx3-ubyte.gz", options.data + "/train-labels-idx1-ubyte.gz"};
  data::Idx<1, 28, 28> test{options.data + "/t10k-images-idx3-ubyte.gz", options.data + "/t10k-labels-idx1-ubyte.gz"};
  if (options.limit > 0) training.keep_first(options.limit), test.keep_first(options.limit);

  //! [train]
  LeNet net;
  nn::Adam optimizer{nn::parameters(net), {.lr = options.lr}};
  classify(net, optimizer, training, test, options);
  //! [train]
  return 0;
}

int main(int argc, char** argv) { return run(argc, argv, "Trains LeNet on Fashion-MNIST.", train, {.epochs = 10, .lr = 3e-3}); }
