#include "graph/check.hpp"

#include <fmt/format.h>

#include "graph/anomaly.hpp"
#include "mushin/tensor/error.hpp"

namespace mushin::core {
namespace {
std::string spelled(const Sizes& s) { return fmt::format("({})", fmt::join(s.at, s.at + s.rank, ", ")); }
}  // namespace

void fail_sizes(const char* op, const char* rule, const Sizes& expected, const Sizes& given) {
  throw ShapeError(fmt::format("[{}] {}: {} and {}", op, rule, spelled(expected), spelled(given)).c_str());
}

void check_cotangent(const char* op, const Sizes& result, const Sizes& cotangent, const GraphNode* node) {
  if (result == cotangent) return;
  const std::string of = node ? fmt::format(", of {}{}", name_of(*node), forward_call(*node)) : std::string();
  throw GraphError(
      fmt::format("[{}] the cotangent has the result's shape: {} and {}{}", op, spelled(result), spelled(cotangent), of).c_str());
}
void check_cotangent(const char* op, const Sizes& result, const Sizes& cotangent) { check_cotangent(op, result, cotangent, nullptr); }

}  // namespace mushin::core
