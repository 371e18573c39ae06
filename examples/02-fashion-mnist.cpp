// Trains a network of three layers on Fashion-MNIST: 60,000 pictures of clothes, 28 x 28 pixels, of ten kinds.
#include <cstdio>
#include <mushin/nn.hpp>

#include "support/training.hpp"

namespace mu = mushin;
namespace nn = mu::nn;
namespace data = mu::data;

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

/// The share of images whose most likely class is the right one.
double accuracy(const Net& net, const data::Idx<784>& images) {
  const auto frozen = nn::freeze(net);  // constants: no graph is recorded
  double right = 0;
  for (auto [x, y] : data::Loader(images, {.batch = 1000}))
    right += static_cast<double>(mu::sum((mu::argmax<1>(frozen(x)) == y).to<float>()).item());
  return right / static_cast<double>(images.size());
}

/// One pass over all images. Returns the mean loss.
double train_epoch(const Net& net, nn::Adam& optimizer, data::Loader<data::Idx<784>>& batches, nn::Progress progress) {
  double total = 0;
  std::int64_t seen = 0;
  for (auto [x, y] : batches) {
    auto loss = nn::cross_entropy(net(x), y);
    loss.backward();
    optimizer.step();
    optimizer.zero_grad();

    const std::int64_t count = x.size(mu::batch);  // the last batch is smaller
    const double value = static_cast<double>(loss.value().item());
    total += value * static_cast<double>(count);
    seen += count;
    progress.advance(count, value);
  }
  return total / static_cast<double>(seen);
}

int train(const TrainingOptions& options) {
  if (!options.device.empty()) mu::set_default_device(options.device.c_str());
  mu::manual_seed(options.seed);
  data::Idx<784> training{options.data + "/train-images-idx3-ubyte.gz", options.data + "/train-labels-idx1-ubyte.gz"};
  data::Idx<784> test{options.data + "/t10k-images-idx3-ubyte.gz", options.data + "/t10k-labels-idx1-ubyte.gz"};
  if (options.limit > 0) training.keep_first(options.limit), test.keep_first(options.limit);

  Net net;
  nn::Adam optimizer{nn::parameters(net), {.lr = options.lr}};
  data::Loader batches(training, {.batch = options.batch, .shuffle = true});

  TrainingCurve curve;
  std::printf("training on %s\n", mu::default_device().name());
  for (int epoch = 1; epoch <= options.epochs; ++epoch) {
    optimizer.lr(options.lr * (options.epochs + 1 - epoch) / options.epochs);  // smaller steps towards the end
    const double loss = train_epoch(net, optimizer, batches, nn::Progress(stderr, curve.title(epoch, options.epochs), training.size()));
    curve.add(loss, accuracy(net, test));
  }

  if (!options.save.empty()) nn::save(net, options.save);
  if (!options.curve.empty()) curve.write(options.curve);
  return 0;
}

int main(int argc, char** argv) { return run(argc, argv, train); }
