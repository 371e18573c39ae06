// Trains a small network of convolutions on pictures of your own: DATA/train and DATA/test have a folder for each class, with PNG and JPEG
// files of any size. Two threads read, decode, mirror and shift them while the network learns from those before.
#include <cstdio>
#include <mushin/nn.hpp>

#include "support/program.hpp"

namespace mu = mushin;
namespace nn = mu::nn;
namespace data = mu::data;

struct Options {
  std::string data = "pictures", device, save;
  int epochs = 10, workers = 2;
  std::int64_t batch = 32;
  double lr = 3e-3;
  std::uint64_t seed = 1;
};

constexpr std::int64_t classes = 3, side = 32;  // of your pictures: a count that differs from the folders' is an error

using Pictures = data::ImageFolder<classes, 3, side, side>;

struct Net {
  nn::Conv2d<3, 16, 3, 1, 1> conv1;   // 3 x 32 x 32 -> 16 x 32 x 32
  nn::Conv2d<16, 32, 3, 1, 1> conv2;  // 16 x 16 x 16 -> 32 x 16 x 16
  nn::Conv2d<32, 32, 3, 1, 1> conv3;  // 32 x 8 x 8
  nn::BatchNorm2d<16> norm1;
  nn::BatchNorm2d<32> norm2, norm3;
  nn::MaxPool2d<2> pool;
  nn::AdaptiveAvgPool2d<1> mean;
  nn::Linear<32, classes> last;

  auto operator()(const auto& x) const {
    const auto features = nn::relu(norm3(conv3(pool(nn::relu(norm2(conv2(pool(nn::relu(norm1(conv1(x)))))))))));
    return last(mu::flatten(mean(features)));
  }
  MUSHIN_MODULE(Net, conv1, conv2, conv3, norm1, norm2, norm3, pool, mean, last)
};

template <class X>
auto normalized(const X& x) {
  return data::normalize(x, {0.5f, 0.5f, 0.5f}, {0.25f, 0.25f, 0.25f});
}

int train(const Options& options) {
  if (!options.device.empty()) mu::set_default_device(options.device.c_str());
  mu::manual_seed(options.seed);
  const data::ImageOptions any_size{.resize = true};
  const Pictures training(options.data + "/train", any_size), test(options.data + "/test", any_size);
  const data::Transformed varied{training, [](auto x, auto y, data::Indices which) {
                                   const auto wide = mu::pad<4, 4, 4, 4>(normalized(data::random_flip(x, which)));
                                   return std::tuple{data::random_crop<side, side>(wide, which), y};
                                 }};
  const data::Transformed plain{test, [](auto x, auto y) { return std::tuple{normalized(x), y}; }};
  data::Loader batches(varied, {.batch = options.batch, .shuffle = true, .workers = options.workers});
  data::Loader held_out(plain, {.batch = 100, .workers = options.workers});

  Net net;
  nn::AdamW optimizer{nn::parameters(net), {.lr = options.lr}};
  std::printf("%lld pictures of", static_cast<long long>(training.size()));
  for (const std::string& name : training.classes()) std::printf(" %s", name.c_str());
  std::printf(", on %s\n", mu::default_device().name());
  const auto loss = [](const auto& logits, const auto& labels) { return nn::cross_entropy(logits, labels); };
  const auto tell = [](const nn::EpochRecord& e) {
    std::printf("epoch %lld: loss %.4f, test accuracy %.2f %%\n", static_cast<long long>(e.epoch), e.loss, 100 * e.metrics[0]);
    std::fflush(stdout);
  };
  nn::fit(net, batches, loss, optimizer,
          {.epochs = options.epochs, .validate = held_out, .metrics = {{"accuracy", nn::accuracy}}, .progress = stderr, .on_epoch = tell});
  if (!options.save.empty()) nn::save(net, options.save);
  return 0;
}

int main(int argc, char** argv) {
  Options options;
  CLI::App app{"Trains a small network on a folder of pictures."};
  add_common_options(app, options);
  app.add_option("--data", options.data, "folder with train/CLASS/*.png and test/CLASS/*.png (or .jpg)")->capture_default_str();
  app.add_option("--epochs", options.epochs, "passes over all pictures")->capture_default_str()->check(CLI::NonNegativeNumber);
  app.add_option("--workers", options.workers, "threads that read pictures")->capture_default_str()->check(CLI::PositiveNumber);
  app.add_option("--batch", options.batch, "pictures in a step")->capture_default_str()->check(CLI::PositiveNumber);
  app.add_option("--lr", options.lr, "step size of AdamW")->capture_default_str()->check(CLI::NonNegativeNumber);
  app.add_option("--save", options.save, "write the trained parameters to this safetensors file");
  return run_program(app, argc, argv, [&options] { return train(options); });
}
