#include "graph/check.hpp"

#include <fmt/format.h>

#include "graph/anomaly.hpp"
#include "mushin/tensor/error.hpp"

namespace mushin::core {
namespace {
std::string spelled(const Sizes& s) { return fmt::format("({})", fmt::join(s.at, s.at + s.rank, ", ")); }
}  // namespace

void fail_sizes(const char* op, const char* rule, const Sizes& expected, const Sizes& given, const GraphNode* result) {
  const std::string of = result ? fmt::format(", of {}{}", name_of(*result), forward_call(*result)) : std::string();
  throw ShapeError(fmt::format("[{}] {}: {} and {}{}", op, rule, spelled(expected), spelled(given), of).c_str());
}

}  // namespace mushin::core
