// Trains a network of three layers on Fashion-MNIST: 60,000 pictures of clothes, 28 x 28 pixels, of ten kinds.
#include <algorithm>
#include <cstdio>
#include <mushin/nn.hpp>

#include "support/training.hpp"

namespace mu = mushin;
namespace nn = mu::nn;
namespace data = mu::data;

//! [net]
struct Net {
  nn::Linear<784, 512> fc1;
  nn::Linear<512, 256> fc2;
  nn::Linear<256, 10> fc3;
  auto operator()(const auto& pixels) const {
    const auto x = (pixels - 0.286f) / 0.353f;  // mean and spread of the training images
    return fc3(nn::relu(fc2(nn::relu(fc1(x)))));
  }
  MUSHIN_MODULE(Net, fc1, fc2, fc3)
};
//! [net]

int train(const TrainingOptions& options) {
  if (!options.device.empty()) mu::set_default_device(options.device.c_str());
  mu::manual_seed(options.seed);
  //! [data]
  data::Idx<784> training{options.data + "/train-images-idx3-ubyte.gz", options.data + "/train-labels-idx1-ubyte.gz"};
  data::Idx<784> test{options.data + "/t10k-images-idx3-ubyte.gz", options.data + "/t10k-labels-idx1-ubyte.gz"};
  //! [data]
  if (options.limit > 0) training.keep_first(options.limit), test.keep_first(options.limit);

  //! [optimizer]
  Net net;
  nn::Adam optimizer{nn::parameters(net), {.lr = options.lr}};
  nn::CosineLR schedule{optimizer, {.period = std::max<std::int64_t>(options.epochs, 1)}};  // smaller steps towards the end
  data::Loader batches(training, {.batch = options.batch, .shuffle = true}), held_out(test, {.batch = 1000});
  //! [optimizer]

  std::printf("training on %s\n", mu::default_device().name());
  //! [fit]
  const auto loss = [](const auto& logits, const auto& labels) { return nn::cross_entropy(logits, labels); };
  const nn::History history = nn::fit(net, batches, loss, optimizer,
                                      {.epochs = options.epochs,
                                       .validate = held_out,
                                       .metrics = {{"accuracy", nn::accuracy}},
                                       .progress = stderr,
                                       .checkpoint = options.checkpoint,
                                       .resume = !options.checkpoint.empty(),
                                       .schedule = &schedule,
                                       .on_epoch = print_epoch});
  //! [fit]

  //! [save]
  if (!options.save.empty()) nn::save(net, options.save);
  //! [save]
  if (!options.curve.empty()) write_curve(history, options.curve);
  return 0;
}

int main(int argc, char** argv) { return run(argc, argv, "Trains a network of three layers on Fashion-MNIST.", train); }
