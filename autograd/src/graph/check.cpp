#include "graph/check.hpp"

#include <fmt/format.h>

#include "mushin/tensor/error.hpp"

namespace mushin::core {
namespace {
std::string spelled(const Sizes& s) { return fmt::format("({})", fmt::join(s.at, s.at + s.rank, ", ")); }
}  // namespace

void check_same_sizes(const char* op, const char* rule, const Sizes& expected, const Sizes& given) {
  if (!(expected == given)) throw ShapeError(fmt::format("[{}] {}: {} and {}", op, rule, spelled(expected), spelled(given)).c_str());
}

}  // namespace mushin::core
