#include "mushin/tensor/run_time_checks.hpp"

#include <fmt/format.h>

#include <string>

#include "mushin/tensor/error.hpp"

namespace mushin::core {

namespace {
std::string spell_sizes(const Sizes& sizes) { return fmt::format("({})", fmt::join(sizes.at, sizes.at + sizes.rank, ", ")); }
}  // namespace

void check_given(std::initializer_list<Given> given) {
  for (const Given& g : given)
    if (g.size < 0) throw ShapeError(fmt::format("[make] a size must not be negative: {} = {}", g.name, g.size).c_str());
}

void check_named(const char* op, const Sizes& a, const Sizes& b, const rules::NamePairs& pairs) {
  for (unsigned i = 0; i < pairs.count; ++i) {
    const auto [left, right] = pairs.at[i];
    if (a[left] == b[right]) continue;
    throw ShapeError(fmt::format("[{}] extents of one name differ at run time: a is {}, b is {}: axis {} of a is axis {} of b", op,
                                 spell_sizes(a), spell_sizes(b), left, right)
                         .c_str());
  }
}

void fail_number(double value, dtype type) {
  throw Error(fmt::format("[literal] a number beside integers must be one of theirs: {} is no {}", value, name_of(type)).c_str());
}

Array from_counted_values(const char* op, const Sizes& sizes, dtype type, const void* values, std::size_t count) {
  if (static_cast<std::int64_t>(count) != sizes.count())
    throw ShapeError(
        fmt::format("[{}] the number of values must be the product of the extents: {} values for {}", op, count, spell_sizes(sizes))
            .c_str());
  return from_values(sizes, type, values);
}

}  // namespace mushin::core
