#pragma once
// What a training program needs besides training: options, a record of its epochs, and errors told to the user.
#include <cstdint>
#include <string>
#include <vector>

struct TrainingOptions {
  std::string data = "/usr/share/datasets/fashion-mnist";
  std::string device;  // the best there is when empty
  std::string save, curve;
  int epochs = 5;
  std::int64_t batch = 128;
  std::int64_t limit = 0;  // of images; 0: all
  double lr = 1e-3;
  std::uint64_t seed = 1;
};

/// Reads the options and calls `train`; an error becomes a line on stderr and exit code 1.
int run(int argc, char** argv, int (*train)(const TrainingOptions&));

/// What each epoch came to.
class TrainingCurve {
 public:
  TrainingCurve();
  /// "epoch 2/5"; good until the next call.
  const char* title(int epoch, int epochs);
  /// Records an epoch that ends now, and prints a line about it.
  void add(double train_loss, double test_accuracy);
  /// As JSON: [{"epoch": 1, "train_loss": 0.5, "test_accuracy": 0.85, "seconds": 3.2}, …]. Throws when it cannot be written.
  void write(const std::string& file) const;

 private:
  struct Epoch {
    double train_loss, test_accuracy, seconds;
  };
  std::vector<Epoch> epochs_;
  std::string title_;
  double begin_;
};
