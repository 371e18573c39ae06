#pragma once
// The ops that random graphs are made of: each for the library and, from scalars, for the tape.
#include <algorithm>
#include <functional>
#include <string>
#include <vector>

#include "mushin/autograd.hpp"
#include "support/splitmix.hpp"
#include "support/tape.hpp"

namespace mushin::test {

/// Numbers from a seed.
class Random {
 public:
  explicit Random(std::uint64_t seed) : seed_(seed) {}
  std::int64_t below(std::int64_t n) { return static_cast<std::int64_t>(mix(seed_, i_++) >> 33) % n; }
  double between(double low, double high) { return low + (high - low) * static_cast<double>(mix(seed_, i_++) >> 40) * 0x1p-24; }
  bool one_in(std::int64_t n) { return below(n) == 0; }

 private:
  std::uint64_t seed_, i_ = 0;
};

struct Op;

/// One line of a random program. What the numbers mean is the op's business.
struct Step {
  const Op* op = nullptr;
  std::vector<std::size_t> in;  // slots
  std::size_t out = 0;
  std::int64_t n[3]{};
  Index to;                 // a shape, or an order of axes
  Ref table;                // indices, or a mask
  std::vector<Step> block;  // of checkpoint and no_grad
};

using Id = Tape::Id;
using Ids = std::vector<Id>;

struct Op {
  std::string name;
  unsigned operands;
  /// Chooses the step's numbers; false where the op doesn't take such operands, or is within rounding of a kink.
  std::function<bool(Random&, Step&, const std::vector<Ref>& values)> choose;
  std::function<core::Traced(const Step&, const std::vector<core::Traced>&)> library;
  std::function<Grid(Tape&, const Step&, const std::vector<Grid>&)> plain;
};

inline constexpr double kink = 1e-4;
inline core::Sizes sizes_from(const Index& shape) {
  core::Sizes s;
  for (auto n : shape) s.push(n);
  return s;
}
inline core::Array array_from(const Ref& r) {
  std::vector<double> values = r.values;
  values.push_back(0);  // so that there is an address
  return core::from_values(sizes_from(r.shape), dtype::f64, values.data());
}
inline core::Array indices_from(const Ref& r) { return core::cast(array_from(r), dtype::i64); }

inline bool all_of(const Ref& r, const std::function<bool(double)>& f) { return std::all_of(r.values.begin(), r.values.end(), f); }
/// No two of them are equal but for rounding.
inline bool distinct(std::vector<double> v) {
  std::sort(v.begin(), v.end());
  for (std::size_t i = 1; i < v.size(); ++i)
    if (v[i] - v[i - 1] < kink) return false;
  return true;
}

inline Op unary(std::string name, core::Traced (*f)(const core::Traced&), Id (*g)(Tape&, Id), bool (*domain)(double) = nullptr) {
  return {std::move(name), 1, [=](Random&, Step&, const auto& v) { return !domain || all_of(v[0], domain); },
          [=](const Step&, const auto& x) { return f(x[0]); },
          [=](Tape& t, const Step&, const auto& x) { return map(x[0], [&](double a) { return static_cast<double>(g(t, id_of(a))); }); }};
}

inline bool broadcast(const Index& a, const Index& b) {
  for (std::size_t i = 1; i <= std::min(a.size(), b.size()); ++i) {
    const auto x = a[a.size() - i], y = b[b.size() - i];
    if (x != y && x != 1 && y != 1) return false;
  }
  return true;
}
inline Op binary(std::string name, core::Traced (*f)(const core::Traced&, const core::Traced&), Id (*g)(Tape&, Id, Id),
                 bool (*domain)(double, double) = nullptr) {
  return {std::move(name), 2,
          [=](Random&, Step&, const auto& v) {
            if (!broadcast(v[0].shape, v[1].shape)) return false;
            return !domain ||
                   all_of(map(v[0], v[1], [=](double a, double b) { return domain(a, b) ? 1.0 : 0.0; }), [](double ok) { return ok != 0; });
          },
          [=](const Step&, const auto& x) { return f(x[0], x[1]); },
          [=](Tape& t, const Step&, const auto& x) {
            return map(x[0], x[1], [&](double a, double b) { return static_cast<double>(g(t, id_of(a), id_of(b))); });
          }};
}

/// The elements of each group along the axes of the mask, in the order of the groups with the axes kept.
inline std::vector<std::vector<double>> groups(const Ref& a, std::int64_t mask) {
  Index outer = a.shape;
  for (std::size_t i = 0; i < outer.size(); ++i)
    if (mask >> i & 1) outer[i] = 1;
  std::vector<std::vector<double>> out;
  for_each_index(outer, [&](const Index& at) {
    std::vector<double> group;
    for_each_index(a.shape, [&](const Index& p) {
      bool in = true;
      for (std::size_t i = 0; i < p.size(); ++i) in = in && (mask >> i & 1 || p[i] == at[i]);
      if (in) group.push_back(a.at(p));
    });
    out.push_back(std::move(group));
  });
  return out;
}
inline Ids ids_of(const std::vector<double>& numbers) { return Ids(numbers.begin(), numbers.end()); }

/// n[0]: the mask of the axes, n[1]: whether they stay.
inline Op reduction(std::string name, core::Traced (*f)(const core::Traced&, unsigned, bool), Id (*fold)(Tape&, const Ids&),
                    bool (*domain)(const std::vector<double>&) = nullptr) {
  return {std::move(name), 1,
          [=](Random& r, Step& s, const auto& v) {
            if (v[0].shape.empty()) return false;
            s.n[0] = 1 + r.below((1 << v[0].shape.size()) - 1), s.n[1] = r.below(2);
            const auto all = groups(v[0], s.n[0]);
            return !domain || std::all_of(all.begin(), all.end(), domain);
          },
          [=](const Step& s, const auto& x) { return f(x[0], static_cast<unsigned>(s.n[0]), s.n[1] != 0); },
          [=](Tape& t, const Step& s, const auto& x) {
            Grid out;
            for (std::size_t i = 0; i < x[0].shape.size(); ++i)
              if (!(s.n[0] >> i & 1))
                out.shape.push_back(x[0].shape[i]);
              else if (s.n[1])
                out.shape.push_back(1);
            for (const auto& group : groups(x[0], s.n[0])) out.values.push_back(static_cast<double>(fold(t, ids_of(group))));
            return out;
          }};
}

/// Rows along axis n[0], each to one of the same length.
inline Op along_axis(std::string name, core::Traced (*f)(const core::Traced&, unsigned), Ids (*row)(Tape&, const Ids&),
                     bool (*domain)(std::vector<double>) = nullptr) {
  return {std::move(name), 1,
          [=](Random& r, Step& s, const auto& v) {
            if (v[0].shape.empty()) return false;
            s.n[0] = r.below(static_cast<std::int64_t>(v[0].shape.size()));
            const auto all = groups(v[0], 1 << s.n[0]);
            return !domain || std::all_of(all.begin(), all.end(), domain);
          },
          [=](const Step& s, const auto& x) { return f(x[0], static_cast<unsigned>(s.n[0])); },
          [=](Tape& t, const Step& s, const auto& x) {
            const auto axis = static_cast<std::size_t>(s.n[0]);
            std::vector<Ids> rows;
            for (const auto& group : groups(x[0], 1 << axis)) rows.push_back(row(t, ids_of(group)));
            Index outer = x[0].shape;
            outer[axis] = 1;
            Ref number = full(outer, 0);
            for (std::size_t i = 0; i < number.values.size(); ++i) number.values[i] = static_cast<double>(i);
            return generate(x[0].shape, [&](Index p) {
              const auto k = static_cast<std::size_t>(std::exchange(p[axis], 0));
              return static_cast<double>(rows[id_of(number.at(p))][k]);
            });
          }};
}

/// The ops that scalars make obvious. The tables are in fuzz_ops.cpp.
std::vector<Op> pointwise_ops();
std::vector<Op> folding_ops();
std::vector<Op> moving_ops();

}  // namespace mushin::test
