#include "support/training.hpp"

#include <CLI/CLI.hpp>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <stdexcept>

int run(int argc, char** argv, const char* what, int (*train)(const TrainingOptions&), TrainingOptions options) {
  CLI::App app{what};
  app.add_option("--data", options.data, "folder with the four files of the dataset")->capture_default_str();
  app.add_option("--device", options.device, "where to compute: builtin, onednn, …");
  app.add_option("--epochs", options.epochs, "passes over all images")->capture_default_str()->check(CLI::NonNegativeNumber);
  app.add_option("--batch", options.batch, "images in a step")->capture_default_str()->check(CLI::PositiveNumber);
  app.add_option("--lr", options.lr, "step size of Adam")->capture_default_str()->check(CLI::NonNegativeNumber);
  app.add_option("--limit", options.limit, "use only the first N images; 0: all")->capture_default_str();
  app.add_option("--seed", options.seed, "of all random numbers")->capture_default_str();
  app.add_option("--save", options.save, "write the trained parameters to this safetensors file");
  app.add_option("--curve", options.curve, "write loss, accuracy and time of each epoch to this JSON file");
  app.add_option("--checkpoint", options.checkpoint, "folder for checkpoints; a training that was cut off goes on from there");
  CLI11_PARSE(app, argc, argv);
  try {
    return train(options);
  } catch (const std::exception& e) {
    const bool there = std::filesystem::is_directory(options.data);
    std::fprintf(stderr, "%s%s\n", e.what(), there ? "" : "; install the package dataset-fashion-mnist, or name a folder with --data");
    return 1;
  }
}

void print_epoch(const mushin::nn::EpochRecord& e) {
  std::printf("epoch %lld: loss %.4f, test accuracy %.2f %%, %.1f s\n", static_cast<long long>(e.epoch), e.loss, 100 * e.metrics[0],
              e.seconds);
  std::fflush(stdout);
}

void write_curve(const mushin::nn::History& history, const std::string& file) {
  auto list = nlohmann::ordered_json::array();
  for (const auto& e : history.epochs)
    list.push_back({{"epoch", e.epoch}, {"train_loss", e.loss}, {"test_accuracy", e.metrics[0]}, {"seconds", e.seconds}});
  std::FILE* out = std::fopen(file.c_str(), "w");
  const std::string text = list.dump(1) + "\n";
  if (!out || std::fputs(text.c_str(), out) < 0 || std::fclose(out) != 0) throw std::runtime_error("cannot write " + file);
}
