#include "support/training.hpp"

#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <stdexcept>

#include "support/program.hpp"

int run(int argc, char** argv, const char* what, int (*train)(const TrainingOptions&), TrainingOptions options) {
  CLI::App app{what};
  add_common_options(app, options);
  app.add_option("--data", options.data, "folder with the four files of the dataset")->capture_default_str();
  app.add_option("--epochs", options.epochs, "passes over all images")->capture_default_str()->check(CLI::NonNegativeNumber);
  app.add_option("--batch", options.batch, "images in a step")->capture_default_str()->check(CLI::PositiveNumber);
  app.add_option("--lr", options.lr, "step size of Adam")->capture_default_str()->check(CLI::NonNegativeNumber);
  app.add_option("--limit", options.limit, "use only the first N images; 0: all")->capture_default_str();
  app.add_option("--save", options.save, "write the trained parameters to this safetensors file");
  app.add_option("--curve", options.curve, "write loss, accuracy and time of each epoch to this JSON file");
  app.add_option("--checkpoint", options.checkpoint, "folder for checkpoints; a training that was cut off goes on from there");
  const auto advice = [&options]() -> std::string {
    if (std::filesystem::is_directory(options.data)) return {};
    return "; install the package dataset-fashion-mnist, or name a folder with --data";
  };
  return run_program(
      app, argc, argv, [&] { return train(options); }, advice);
}

void print_epoch(const mushin::nn::EpochRecord& e) {
  std::printf("epoch %lld: loss %.4f, test accuracy %.2f %%, %.1f s\n", static_cast<long long>(e.epoch), e.loss, 100 * e.metrics[0],
              e.seconds);
  std::fflush(stdout);
}

namespace {

/// The file appears under its name when it is complete: one that was there stays until then.
void write_whole(const std::string& file, const std::string& text) {
  const std::string temporary = file + ".part";
  std::FILE* const out = std::fopen(temporary.c_str(), "w");
  bool good = out && std::fputs(text.c_str(), out) >= 0 && std::fflush(out) == 0 && ::fsync(::fileno(out)) == 0;
  if (out) good = std::fclose(out) == 0 && good;
  if (good && std::rename(temporary.c_str(), file.c_str()) == 0) return;
  if (out) ::unlink(temporary.c_str());
  throw std::runtime_error("cannot write " + file);
}

}  // namespace

void write_curve(const mushin::nn::History& history, const std::string& file) {
  auto list = nlohmann::ordered_json::array();
  for (const auto& e : history.epochs)
    list.push_back({{"epoch", e.epoch}, {"train_loss", e.loss}, {"test_accuracy", e.metrics[0]}, {"seconds", e.seconds}});
  write_whole(file, list.dump(1) + "\n");
}
