#pragma once
// What a training program needs besides training: options, what is told of its epochs, and errors told to the user.
#include <cstdint>
#include <mushin/nn/fit/options.hpp>
#include <string>

struct TrainingOptions {
  std::string data = "/usr/share/datasets/fashion-mnist";
  std::string device;  // the best there is when empty
  std::string save, curve, checkpoint;
  int epochs = 5;
  std::int64_t batch = 128;
  std::int64_t limit = 0;  // of images; 0: all
  double lr = 1e-3;
  std::uint64_t seed = 1;
};

/// Reads the options and calls `train`; an error becomes a line on stderr and exit code 1. `what`: the sentence that --help begins with.
int run(int argc, char** argv, const char* what, int (*train)(const TrainingOptions&), TrainingOptions options = {});

/// A line about an epoch.
void print_epoch(const mushin::nn::EpochRecord&);
/// As JSON: [{"epoch": 1, "train_loss": 0.5, "test_accuracy": 0.85, "seconds": 3.2}, …]. Throws when it cannot be written.
void write_curve(const mushin::nn::History&, const std::string& file);
