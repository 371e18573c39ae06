// Trains an LSTM to foretell the next character of a text, tells how well it does on a part it has not seen, and writes some of its own.
#include <algorithm>
#include <cstdio>
#include <mushin/nn.hpp>

#include "support/program.hpp"

namespace mu = mushin;
namespace nn = mu::nn;
namespace data = mu::data;

struct Options {
  std::string text = "/usr/share/common-licenses/GPL-3", device;
  int epochs = 12;
  std::int64_t batch = 32, write = 200;
  double lr = 5e-3, dropout = 0.2;
  std::uint64_t seed = 1;
};

constexpr std::int64_t most_characters = 128, window = 64;

//! [net]
struct Net {
  nn::Embedding<most_characters, 32> embedding;
  nn::LSTM<32, 128, 2> lstm;
  nn::Linear<128, most_characters> next;

  /// x: (batch, time) of characters. The logits of each next one, and the states behind the last step.
  auto operator()(const auto& x, const auto&... states) const {
    const auto [y, h, c] = lstm(embedding(x), states...);
    return std::tuple{next(y), h, c};
  }
  MUSHIN_MODULE(Net, embedding, lstm, next)
};
//! [net]

using Windows = data::TextWindows<window>;

//! [validate]
/// The mean over all characters of minus the logarithm of the right one's probability.
double validate(Net& net, const Windows& windows, std::int64_t batch) {
  nn::eval(net);
  const auto frozen = nn::freeze(net);
  double total = 0;
  for (auto [x, y] : data::Loader(windows, {.batch = batch}))
    total += static_cast<double>(nn::cross_entropy<nn::Reduction::sum>(std::get<0>(frozen(x)), y).item());
  nn::train(net);
  return total / static_cast<double>(windows.size() * window);
}
//! [validate]

//! [train]
double train_epoch(const Net& net, nn::Adam& optimizer, data::Loader<Windows>& batches) {
  double total = 0;
  std::int64_t steps = 0;
  for (auto [x, y] : batches) {
    const auto loss = nn::cross_entropy(std::get<0>(net(x)), y);
    loss.backward();
    (void)nn::clip_grad_norm(nn::parameters(net), 1.0);
    optimizer.step();
    optimizer.zero_grad();
    total += static_cast<double>(loss.value().item()), ++steps;
  }
  return total / static_cast<double>(steps);
}
//! [train]

//! [write]
/// Goes on from `text`, with the likeliest character each time.
std::string write(Net& net, const data::Vocabulary& vocabulary, std::string text, std::int64_t count) {
  nn::eval(net);
  const auto frozen = nn::freeze(net);
  auto h = mu::zeros<2, 1, 128>(), c = mu::zeros<2, 1, 128>();
  std::vector<std::int64_t> read = vocabulary.encode(text), written;
  while (static_cast<std::int64_t>(written.size()) < count) {
    std::int64_t likeliest = 0;
    for (const std::int64_t number : read) {
      const auto [logits, hidden, cell] = frozen(mu::fill<std::int64_t, 1, 1>(number), h, c);
      h = hidden, c = cell;
      likeliest = mu::argmax(mu::flatten(logits)).item();
    }
    written.push_back(likeliest);
    read = {likeliest};
  }
  return text + vocabulary.decode(written);
}
//! [write]

int train(const Options& options) {
  if (!options.device.empty()) mu::set_default_device(options.device.c_str());
  mu::manual_seed(options.seed);
  const std::string text = data::read_text(options.text);
  const data::Vocabulary vocabulary(text);
  if (vocabulary.size() > most_characters) throw std::runtime_error("more than 128 different characters in " + options.text);
  const std::vector<std::int64_t> numbers = vocabulary.encode(text);
  const auto border = numbers.begin() + static_cast<std::ptrdiff_t>(numbers.size() / 10 * 9);
  const Windows training({numbers.begin(), border}, window / 2), unseen({border, numbers.end()}, window);

  Net net;
  net.lstm.dropout = static_cast<float>(options.dropout);
  nn::Adam optimizer{nn::parameters(net), {.lr = options.lr}};
  data::Loader batches(training, {.batch = options.batch, .shuffle = true});
  std::printf("%zu characters, %lld different ones, on %s\n", numbers.size(), static_cast<long long>(vocabulary.size()),
              mu::default_device().name());
  for (int epoch = 1; epoch <= options.epochs; ++epoch) {
    const double loss = train_epoch(net, optimizer, batches);
    std::printf("epoch %d: loss %.4f, validation loss %.4f\n", epoch, loss, validate(net, unseen, options.batch));
    std::fflush(stdout);
  }
  if (options.write > 0) {
    const std::string first = text.substr(std::min(text.find_first_not_of(" \n"), text.size()), 8);
    std::printf("%s\n", write(net, vocabulary, first, options.write).c_str());
  }
  return 0;
}

int main(int argc, char** argv) {
  Options options;
  CLI::App app{"Trains an LSTM on the characters of a text."};
  add_common_options(app, options);
  app.add_option("--text", options.text, "a text file, plain or gzip")->capture_default_str();
  app.add_option("--epochs", options.epochs, "passes over the text")->capture_default_str()->check(CLI::NonNegativeNumber);
  app.add_option("--batch", options.batch, "pieces of 64 characters in a step")->capture_default_str()->check(CLI::PositiveNumber);
  app.add_option("--lr", options.lr, "step size of Adam")->capture_default_str()->check(CLI::NonNegativeNumber);
  app.add_option("--dropout", options.dropout, "between the layers")->capture_default_str();
  app.add_option("--write", options.write, "characters to write in the end")->capture_default_str();
  return run_program(app, argc, argv, [&options] { return train(options); });
}
