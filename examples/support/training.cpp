#include "support/training.hpp"

#include <CLI/CLI.hpp>
#include <chrono>
#include <cstdio>
#include <exception>
#include <nlohmann/json.hpp>
#include <stdexcept>

namespace {
double now() { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); }
}  // namespace

int run(int argc, char** argv, int (*train)(const TrainingOptions&)) {
  TrainingOptions options;
  CLI::App app{"Trains a network of three layers on Fashion-MNIST."};
  app.add_option("--data", options.data, "folder with the four files of the dataset")->capture_default_str();
  app.add_option("--device", options.device, "where to compute: builtin, onednn, …");
  app.add_option("--epochs", options.epochs, "passes over all images")->capture_default_str()->check(CLI::NonNegativeNumber);
  app.add_option("--batch", options.batch, "images in a step")->capture_default_str()->check(CLI::PositiveNumber);
  app.add_option("--lr", options.lr, "step size of Adam")->capture_default_str()->check(CLI::NonNegativeNumber);
  app.add_option("--limit", options.limit, "use only the first N images; 0: all")->capture_default_str();
  app.add_option("--seed", options.seed, "of all random numbers")->capture_default_str();
  app.add_option("--save", options.save, "write the trained parameters to this safetensors file");
  app.add_option("--curve", options.curve, "write loss, accuracy and time of each epoch to this JSON file");
  CLI11_PARSE(app, argc, argv);
  try {
    return train(options);
  } catch (const std::exception& e) {
    std::fprintf(stderr, "%s\n", e.what());
    return 1;
  }
}

TrainingCurve::TrainingCurve() : begin_(now()) {}

const char* TrainingCurve::title(int epoch, int epochs) {
  title_ = "epoch " + std::to_string(epoch) + "/" + std::to_string(epochs);
  return title_.c_str();
}

void TrainingCurve::add(double train_loss, double test_accuracy) {
  const double end = now();
  epochs_.push_back({train_loss, test_accuracy, end - begin_});
  begin_ = end;
  std::printf("epoch %zu: loss %.4f, test accuracy %.2f %%, %.1f s\n", epochs_.size(), train_loss, 100 * test_accuracy,
              epochs_.back().seconds);
  std::fflush(stdout);
}

void TrainingCurve::write(const std::string& file) const {
  auto list = nlohmann::ordered_json::array();
  for (const auto& e : epochs_)
    list.push_back({{"epoch", list.size() + 1}, {"train_loss", e.train_loss}, {"test_accuracy", e.test_accuracy}, {"seconds", e.seconds}});
  std::FILE* out = std::fopen(file.c_str(), "w");
  const std::string text = list.dump(1) + "\n";
  if (!out || std::fputs(text.c_str(), out) < 0 || std::fclose(out) != 0) throw std::runtime_error("cannot write " + file);
}
