#pragma once
// Tensors against what they should be, as GoogleTest assertions: EXPECT_TRUE(close(tensor, ref)).
#include <gtest/gtest.h>

#include <cmath>
#include <sstream>
#include <string>
#include <vector>

#include "mushin/tensor/error.hpp"
#include "mushin/tensor/tensor.hpp"
#include "support/elements.hpp"
#include "support/oracle.hpp"

namespace mushin::test {

inline Index sizes_of(const core::Sizes& s) { return Index(s.at, s.at + s.rank); }

/// Any untyped array, read into doubles.
inline Ref ref(const core::Array& a) {
  Ref out = full(sizes_of(a.sizes()), 0);
  auto read = [&]<class T>(T) {
    std::vector<T> values(out.values.size() + 1);
    core::read_all(a, values.data());
    for (std::size_t i = 0; i < out.values.size(); ++i) out.values[i] = static_cast<double>(values[i]);
  };
  with_element(a.type(), read);
  return out;
}
/// Any tensor, or the value of a variable, read into doubles.
template <TensorLike A>
Ref ref(const A& a) {
  return ref(static_cast<const core::Array&>(detail::constant(a.raw())));
}

inline std::string text_of(const Index& p) {
  std::ostringstream out;
  out << "(";
  for (std::size_t i = 0; i < p.size(); ++i) out << (i ? ", " : "") << p[i];
  out << ")";
  return out.str();
}

/// Same shape, and |got - want| <= absolute + relative |want| everywhere; NaN equals NaN, infinities equal themselves.
inline ::testing::AssertionResult close(const Ref& got, const Ref& want, double relative = 1e-5, double absolute = 1e-6) {
  if (got.shape != want.shape) return ::testing::AssertionFailure() << "shape " << text_of(got.shape) << ", not " << text_of(want.shape);
  auto failure = ::testing::AssertionFailure();
  int wrong = 0;
  for_each_index(want.shape, [&](const Index& p) {
    const double g = got.at(p), w = want.at(p);
    const bool same = g == w || (std::isnan(g) && std::isnan(w)) || std::abs(g - w) <= absolute + relative * std::abs(w);
    if (!same && ++wrong <= 5) failure << "at " << text_of(p) << ": " << g << ", not " << w << "\n";
  });
  if (wrong == 0) return ::testing::AssertionSuccess();
  return failure << wrong << " of " << count(want.shape) << " elements differ";
}
template <class A>
::testing::AssertionResult close(const A& got, const Ref& want, double relative = 1e-5, double absolute = 1e-6) {
  return close(ref(got), want, relative, absolute);
}
/// Bit for bit, but NaN equals NaN.
template <class A>
::testing::AssertionResult equal(const A& got, const Ref& want) {
  return close(ref(got), want, 0, 0);
}

/// `f()` throws an `E` whose text contains `part`.
template <class E, class F>
::testing::AssertionResult throws(F f, const std::string& part) {
  try {
    f();
  } catch (const E& e) {
    if (std::string(e.what()).find(part) != std::string::npos) return ::testing::AssertionSuccess();
    return ::testing::AssertionFailure() << "the text is: " << e.what();
  } catch (const std::exception& e) {
    return ::testing::AssertionFailure() << "another exception: " << e.what();
  }
  return ::testing::AssertionFailure() << "nothing was thrown";
}

}  // namespace mushin::test
