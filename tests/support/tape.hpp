#pragma once
// Reverse mode one scalar at a time: slow and plain, with no shared code with the library. What the graph engine is compared with.
#include <cmath>
#include <cstddef>
#include <vector>

#include "support/oracle.hpp"

namespace mushin::test {

/// A number and its derivative along one direction in which all variables move at once.
struct Dual {
  double value = 0, slope = 0;
};
inline Dual operator+(Dual a, Dual b) { return {a.value + b.value, a.slope + b.slope}; }
inline Dual operator-(Dual a, Dual b) { return {a.value - b.value, a.slope - b.slope}; }
inline Dual operator*(Dual a, Dual b) { return {a.value * b.value, a.slope * b.value + a.value * b.slope}; }
inline Dual operator/(Dual a, Dual b) {
  const double y = a.value / b.value;
  return {y, (a.slope - y * b.slope) / b.value};
}

/// Scalars, each with the derivatives by its operands. Since they are duals, so are the gradients: a gradient's value is that of first
/// order, its slope the Hessian times the direction.
class Tape {
 public:
  /// The number of an entry.
  using Id = std::size_t;

  Id constant(double value) { return put({value, 0}, {}, {}); }
  Id variable(double value, double direction) {
    const Id x = put({value, direction}, {}, {});
    entries_[x].depends = true;
    return x;
  }
  Id add(Id a, Id b) { return put(at(a) + at(b), {a, b}, {one, one}); }
  Id sub(Id a, Id b) { return put(at(a) - at(b), {a, b}, {one, minus_one}); }
  Id mul(Id a, Id b) { return put(at(a) * at(b), {a, b}, {at(b), at(a)}); }
  Id div(Id a, Id b) {
    const Dual to_a = one / at(b);
    return put(at(a) / at(b), {a, b}, {to_a, minus_one * at(a) * to_a * to_a});
  }
  Id exp(Id a) {
    const double e = std::exp(value(a));
    return of_one(a, e, {e, e * at(a).slope});
  }
  Id log(Id a) { return of_one(a, std::log(value(a)), one / at(a)); }
  Id sqrt(Id a) {
    const double y = std::sqrt(value(a));
    return of_one(a, y, one / (Dual{2, 0} * Dual{y, at(a).slope / (2 * y)}));
  }
  Id sin(Id a) { return of_one(a, std::sin(value(a)), {std::cos(value(a)), -std::sin(value(a)) * at(a).slope}); }
  Id cos(Id a) { return of_one(a, std::cos(value(a)), {-std::sin(value(a)), -std::cos(value(a)) * at(a).slope}); }

  double value(Id a) const { return at(a).value; }
  /// Whether it was made from a variable.
  bool depends(Id a) const { return entries_[a].depends; }

  /// Of z with respect to each entry.
  std::vector<Dual> gradients(Id z) const {
    std::vector<Dual> g(entries_.size());
    g[z] = one;
    for (Id i = entries_.size(); i-- > 0;)
      for (std::size_t k = 0; k < entries_[i].operand.size(); ++k) {
        Dual& to = g[entries_[i].operand[k]];
        to = to + g[i] * entries_[i].partial[k];
      }
    return g;
  }

 private:
  struct Entry {
    Dual value;
    std::vector<Id> operand;
    std::vector<Dual> partial;
    bool depends;
  };
  static constexpr Dual one{1, 0}, minus_one{-1, 0};

  Dual at(Id a) const { return entries_[a].value; }
  Id put(Dual value, std::vector<Id> operand, std::vector<Dual> partial) {
    bool depends = false;
    for (Id a : operand) depends = depends || entries_[a].depends;
    entries_.push_back({value, std::move(operand), std::move(partial), depends});
    return entries_.size() - 1;
  }
  Id of_one(Id a, double y, Dual partial) { return put({y, partial.value * at(a).slope}, {a}, {partial}); }

  std::vector<Entry> entries_;
};

/// An array of entries: their numbers, so that what only moves elements is done by the oracle.
using Grid = Ref;
inline Tape::Id id_of(double number) { return static_cast<Tape::Id>(number); }
inline Ref values_of(const Tape& t, const Grid& g) {
  return map(g, [&](double n) { return t.value(id_of(n)); });
}

}  // namespace mushin::test
