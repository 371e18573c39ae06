#include "mushin/autograd/ops/shape.hpp"

#include "graph/pullback.hpp"
#include "graph/record.hpp"

namespace mushin::core {
namespace {
constexpr unsigned bits_per_axis = 4;
/// Packed, so that a node holds it in one number.
std::int64_t inverse_of(const unsigned* order, unsigned rank) {
  std::int64_t packed = 0;
  for (unsigned i = 0; i < rank; ++i) packed |= static_cast<std::int64_t>(i) << (order[i] * bits_per_axis);
  return packed;
}
}  // namespace

Traced reshape(const Traced& a, const Sizes& to) {
  static constexpr auto pull = [](Pullback& p) { p.give(0, reshape(p.cotangent(), p.sizes(0))); };
  static constexpr Rule rule{"reshape", {}, pull};
  return record(rule, reshape(a.value(), to), a);
}

Traced permute(const Traced& a, const unsigned* order) {
  static constexpr auto pull = [](Pullback& p) {
    unsigned back[max_rank];
    for (unsigned i = 0; i < p.cotangent().rank(); ++i) back[i] = static_cast<unsigned>(p.parameter(0) >> (i * bits_per_axis)) & 15u;
    p.give(0, permute(p.cotangent(), back));
  };
  static constexpr Rule rule{"permute", {}, pull};
  return record(rule, permute(a.value(), order), a, {inverse_of(order, a.rank())});
}

Traced transpose(const Traced& a) {
  static constexpr auto pull = [](Pullback& p) { p.give(0, transpose(p.cotangent())); };
  static constexpr Rule rule{"transpose", {}, pull};
  return record(rule, transpose(a.value()), a);
}

Traced broadcast_to(const Traced& a, const Sizes& to) {
  static constexpr auto pull = [](Pullback& p) { p.give(0, p.cotangent()); };
  static constexpr Rule rule{"broadcast_to", {}, pull};
  return record(rule, broadcast_to(a.value(), to), a);
}

Traced sum_to(const Traced& a, const Sizes& to) {
  static constexpr auto pull = [](Pullback& p) { p.give(0, broadcast_to(p.cotangent(), p.sizes(0))); };
  static constexpr Rule rule{"sum_to", {}, pull};
  return record(rule, sum_to(a.value(), to), a);
}

Traced slice(const Traced& a, unsigned axis, std::int64_t begin, std::int64_t end) {
  static constexpr auto pull = [](Pullback& p) {
    const auto axis_and_order = static_cast<std::uint64_t>(p.parameter(0));
    p.give_part(0, axis_and_order & 15u, p.parameter(1), static_cast<std::uint32_t>(axis_and_order >> bits_per_axis));
  };
  static constexpr Rule rule{"slice", {}, pull};
  Array part = slice(a.value(), axis, begin, end);
  if (!a.node()) return part;
  return record(rule, std::move(part), a, {axis | std::int64_t{memory_order(a.value())} << bits_per_axis, begin});
}

Traced place(const Traced& a, unsigned axis, std::int64_t begin, std::int64_t size) {
  static constexpr auto pull = [](Pullback& p) {
    const auto along = static_cast<unsigned>(p.parameter(0));
    p.give(0, slice(p.cotangent(), along, p.parameter(1), p.parameter(1) + p.sizes(0)[along]));
  };
  static constexpr Rule rule{"place", {}, pull};
  return record(rule, place(a.value(), axis, begin, size), a, {axis, begin});
}

}  // namespace mushin::core
