// The report as one HTML file that needs no other.
#pragma once
#include <string>
#include <vector>

#include "results.hpp"

namespace bench {

/// A training run: per epoch {epoch, train_loss, test_accuracy, seconds}.
struct Curve {
  std::string name;
  nlohmann::json epochs;
};

/// Reads a file that an example wrote: a list of epochs, or an object whose key "epochs" is one, with "name" or "device" for the legend.
/// Throws std::runtime_error with the file's name and what is wrong.
Curve read_curve(const std::string& path);

std::string page(const Report&, const std::vector<Curve>&);

}  // namespace bench
