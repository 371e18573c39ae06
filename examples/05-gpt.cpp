// Trains a small GPT to continue a text, byte by byte, and has it write some.
#include <algorithm>
#include <cstdio>
#include <mushin/nn.hpp>

#include "support/program.hpp"
#include "support/text.hpp"

namespace mu = mushin;
namespace nn = mu::nn;

constexpr std::int64_t symbols = 256, width = 128, heads = 4, context = 128;
inline constexpr mu::Dim<"time"> time_;
using Text = std::vector<std::uint8_t>;

//! [net]
struct Gpt {
  using Layer = nn::TransformerEncoderLayer<width, heads, 4 * width, nn::Gelu>;

  nn::Embedding<symbols, width> token;
  nn::Embedding<context, width> position;
  std::vector<Layer> layers{4};
  nn::LayerNorm<width> norm;
  nn::Linear<width, symbols> head;

  /// (batch, context) to the scores of what comes next, (batch, context, symbols).
  auto operator()(const mu::Tensor<std::int64_t, mu::batch, context>& text) const {
    mu::Traced<float, mu::batch, context, width> x = token(text) + position.weight;
    for (const Layer& layer : layers) x = layer(x, nn::causal);
    return head(norm(x));
  }
  /// The same for a part of a text that goes on where the caches end.
  auto operator()(const mu::Tensor<std::int64_t, 1, time_>& part, std::vector<nn::AttentionCache>& seen) const {
    const std::int64_t first = seen[0].size();
    mu::Traced<float, 1, time_, width> x = token(part) + mu::slice<0>(position.weight, first, first + part.size(time_));
    for (std::size_t i = 0; i < layers.size(); ++i) x = layers[i](x, seen[i]);
    return head(norm(x));
  }
  MUSHIN_MODULE(Gpt, token, position, layers, norm, head)
};
//! [net]

Gpt make_gpt() {
  Gpt net;
  for (auto& layer : net.layers) layer.norm_first = true;
  nn::set_dropout(net, 0);
  net.token.weight.set(mu::randn<symbols, width>() * 0.05f);
  net.position.weight.set(mu::randn<context, width>() * 0.05f);
  return net;
}

//! [windows]
/// Windows of the text at these places: what is read, and what comes next.
struct Batch {
  mu::Tensor<std::int64_t, mu::batch, context> read;
  mu::Tensor<std::int64_t, mu::batch, context> next;
};
Batch windows(const Text& text, const std::vector<std::int64_t>& places) {
  std::vector<std::int64_t> read, next;
  for (const std::int64_t at : places)
    for (std::int64_t i = at; i < at + context; ++i)
      read.push_back(text[static_cast<std::size_t>(i)]), next.push_back(text[static_cast<std::size_t>(i + 1)]);
  const auto count = static_cast<std::int64_t>(places.size());
  return {mu::from<mu::batch, context>(read, mu::batch = count), mu::from<mu::batch, context>(next, mu::batch = count)};
}
//! [windows]
Batch random_windows(const Text& text, std::int64_t count) {
  return windows(text, mu::randint<mu::batch>(0, static_cast<std::int64_t>(text.size()) - context, mu::batch = count).to_vector());
}

//! [loss]
auto loss_of(const auto& scores, const mu::Tensor<std::int64_t, mu::batch, context>& next) {
  return nn::cross_entropy(mu::reshape<mu::dyn, symbols>(scores), mu::reshape<mu::dyn>(next));
}
//! [loss]

/// The mean over at most 64 windows side by side, spread over the text.
double validation_loss(const Gpt& net, const Text& text) {
  const auto frozen = nn::freeze(net);  // constants: no graph is recorded
  const auto room = static_cast<std::int64_t>(text.size()) - context;
  std::vector<std::int64_t> places;
  for (std::int64_t i = 0; i < 64 && i * context < room; ++i) places.push_back(std::max(context, room / 64) * i);
  const Batch b = windows(text, places);
  return static_cast<double>(loss_of(frozen(b.read), b.next).item());
}

/// A symbol by chance, as the last row of the scores has it.
std::int64_t drawn(const mu::Tensor<float, 1, time_, symbols>& scores, float temperature) {
  const auto last = mu::slice<1>(scores, scores.size(time_) - 1, scores.size(time_)).refine<1, 1, symbols>();
  const auto shares = mu::softmax<-1>(last * (1 / temperature)).to_vector();
  float left = mu::randu<1>().to_vector()[0];
  for (std::size_t i = 0; i < shares.size(); ++i)
    if ((left -= shares[i]) < 0) return static_cast<std::int64_t>(i);
  return ' ';
}

std::string written(const Gpt& net, const std::string& begin, std::int64_t count, float temperature) {
  std::vector<std::int64_t> all(begin.begin(), begin.end());
  for (auto& c : all) c &= 255;
  std::vector<nn::AttentionCache> seen;
  std::size_t done = all.size();  // so that the caches begin anew
  const auto room = static_cast<std::size_t>(context);
  //! [write]
  for (std::int64_t i = 0; i < count; ++i) {
    if (seen.empty() || static_cast<std::size_t>(seen[0].size()) == room) {  // goes on with half of the context
      seen.assign(net.layers.size(), {});
      done = all.size() - std::min(all.size(), room / 2);
    }
    const std::vector<std::int64_t> part(all.begin() + static_cast<std::ptrdiff_t>(done), all.end());
    done = all.size();
    const auto count_of_part = static_cast<std::int64_t>(part.size());
    const auto scores = mu::no_grad([&] { return net(mu::from<1, time_>(part, time_ = count_of_part), seen); });
    all.push_back(drawn(scores, temperature));
  }
  return {all.begin(), all.end()};
  //! [write]
}

struct Options {
  std::string text = "/usr/share/games/fortunes", device, load, save, begin = "The ";
  std::int64_t steps = 2000, batch = 16, sample = 400;
  double lr = 1e-3;
  float temperature = 0.8f;
  std::uint64_t seed = 1;
};

//! [train]
void train(const Gpt& net, const Options& o, const Text& text, const Text& validation) {
  nn::AdamW optimizer{nn::parameters(net), {.lr = o.lr}};
  nn::OneCycleLR schedule{optimizer, {.max_lr = o.lr, .total_steps = o.steps, .rise = 0.1}};
  nn::Progress progress(stderr, "training", o.steps);
  for (std::int64_t step = 1; step <= o.steps; ++step) {
    const Batch b = random_windows(text, o.batch);
    const auto loss = loss_of(net(b.read), b.next);
    loss.backward();
    nn::clip_grad_norm(nn::parameters(net), 1);
    optimizer.step();
    optimizer.zero_grad();
    if (step < o.steps) schedule.step();
    progress.advance(1, static_cast<double>(loss.value().item()));
    if (step % 500 == 0 || step == o.steps)
      std::printf("step %d: validation loss %.4f\n", static_cast<int>(step), validation_loss(net, validation));
  }
}
//! [train]

int run(const Options& o) {
  if (!o.device.empty()) mu::set_default_device(o.device.c_str());
  mu::manual_seed(o.seed);
  Text text = read_text(o.text);
  const std::size_t tenth = text.size() / 10;
  if (tenth <= static_cast<std::size_t>(2 * context))
    throw std::runtime_error(o.text + " is too short: " + std::to_string(text.size()) + " bytes");
  const Text validation(text.end() - static_cast<std::ptrdiff_t>(tenth), text.end());
  text.resize(text.size() - tenth);

  Gpt net = make_gpt();
  if (!o.load.empty()) nn::load(net, o.load);
  if (o.steps > 0) train(net, o, text, validation);
  std::printf("validation loss %.4f\n%s\n", validation_loss(net, validation), written(net, o.begin, o.sample, o.temperature).c_str());
  if (!o.save.empty()) nn::save(net, o.save);
  return 0;
}

int main(int argc, char** argv) {
  Options o;
  CLI::App app{"Trains a small GPT to continue a text, byte by byte, and has it write some."};
  add_common_options(app, o);
  app.add_option("--text", o.text, "a file, or a folder of plain texts")->capture_default_str();
  app.add_option("--steps", o.steps, "training steps; 0: none")->capture_default_str()->check(CLI::NonNegativeNumber);
  app.add_option("--batch", o.batch, "windows of the text in a step")->capture_default_str()->check(CLI::PositiveNumber);
  app.add_option("--lr", o.lr, "greatest step size of AdamW")->capture_default_str()->check(CLI::PositiveNumber);
  app.add_option("--begin", o.begin, "what the sample begins with")->capture_default_str();
  app.add_option("--sample", o.sample, "bytes that it writes")->capture_default_str()->check(CLI::NonNegativeNumber);
  app.add_option("--temperature", o.temperature, "below 1: likelier symbols")->capture_default_str()->check(CLI::PositiveNumber);
  app.add_option("--load", o.load, "begin with the parameters of this safetensors file");
  app.add_option("--save", o.save, "write the parameters to this safetensors file");
  return run_program(app, argc, argv, [&o] {
    if (o.begin.empty()) throw std::runtime_error("--begin needs a character");
    return run(o);
  });
}
