// Untyped arrays against plain loops in double.
#pragma once
#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <cstring>
#include <functional>
#include <random>
#include <string>
#include <type_traits>
#include <vector>

#include "../support/elements.hpp"
#include "mushin/tensor/core/array.hpp"
#include "mushin/tensor/error.hpp"
#include "mushin/tensor/ops/pointwise.hpp"
#include "mushin/tensor/ops/shape.hpp"

namespace mushin::core::test {

using Values = std::vector<double>;

inline void store(std::byte* to, double v, dtype t) {
  mushin::test::with_element(t, [&]<class T>(T x) {
    if constexpr (std::is_integral_v<T>)  // negative ones wrap where there is no sign
      x = static_cast<T>(t == dtype::b8 ? v != 0 : static_cast<std::int64_t>(v));
    else
      x = static_cast<T>(v);
    std::memcpy(to, &x, sizeof x);
  });
}
inline double load(const std::byte* from, dtype t) {
  return mushin::test::with_element(t, [&]<class T>(T x) {
    std::memcpy(&x, from, sizeof x);
    return static_cast<double>(x);
  });
}

inline Array array(const Sizes& s, const Values& v, dtype t = dtype::f32) {
  std::vector<std::byte> bytes(v.size() * bytes_of(t) + 8);
  for (std::size_t i = 0; i < v.size(); ++i) store(bytes.data() + i * bytes_of(t), v[i], t);
  return from_values(s, t, bytes.data());
}
inline std::vector<std::byte> bytes_from(const Array& a) {
  std::vector<std::byte> bytes(static_cast<std::size_t>(a.sizes().count()) * bytes_of(a.type()));
  read_all(a, bytes.data());
  return bytes;
}
inline Values values(const Array& a) {
  const auto bytes = bytes_from(a);
  Values v(static_cast<std::size_t>(a.sizes().count()));
  for (std::size_t i = 0; i < v.size(); ++i) v[i] = load(bytes.data() + i * bytes_of(a.type()), a.type());
  return v;
}
inline double value(const Array& a) { return values(a).at(0); }

inline Values random_values(std::size_t n, double low, double high, dtype t = dtype::f32, unsigned seed = 1) {
  std::mt19937 gen(seed);
  std::uniform_real_distribution<double> pick(low, high);
  Values v(n);
  for (double& x : v) {
    std::byte b[8];
    store(b, is_integer(t) ? std::floor(pick(gen)) : t == dtype::b8 ? static_cast<double>(pick(gen) > (low + high) / 2) : pick(gen), t);
    x = load(b, t);
  }
  return v;
}

/// The same values as a view that is not contiguous: from a wider array, with the axes in reverse order.
inline Array scattered(const Array& a) {
  const Sizes& s = a.sizes();
  if (s.rank == 0) return a;
  unsigned order[max_rank];
  for (unsigned i = 0; i < s.rank; ++i) order[i] = s.rank - 1 - i;
  const Array turned = permute(a, order);
  const Array wide = place(turned, 0, 1, turned.sizes()[0] + 3);
  return permute(slice(wide, 0, 1, 1 + turned.sizes()[0]), order);
}

/// Row-major index of the element of `a` that broadcasts to element `i` of sizes `to`.
inline std::size_t source_index(std::int64_t i, const Sizes& to, const Sizes& a) {
  std::int64_t index = 0, step = 1;
  for (unsigned k = 0; k < to.rank; ++k) {
    const std::int64_t at = i % to[to.rank - 1 - k];
    i /= to[to.rank - 1 - k];
    if (k >= a.rank) continue;
    const std::int64_t n = a[a.rank - 1 - k];
    index += (n == 1 ? 0 : at) * step;
    step *= n;
  }
  return static_cast<std::size_t>(index);
}

inline void expect_near(const Values& got, const Values& want, double relative, const std::string& what = {}, double least = 1e-6) {
  ASSERT_EQ(got.size(), want.size()) << what;
  for (std::size_t i = 0; i < got.size(); ++i) {
    if (std::isnan(want[i])) {
      EXPECT_TRUE(std::isnan(got[i])) << what << " at " << i << ": " << got[i];
    } else if (std::isinf(want[i])) {
      EXPECT_EQ(got[i], want[i]) << what << " at " << i;
    } else {
      ASSERT_LE(std::fabs(got[i] - want[i]), relative * std::max(least, std::fabs(want[i])))
          << what << " at " << i << ": " << got[i] << " is not " << want[i];
    }
  }
}

template <class E, class F>
std::string error_of(F&& f) {
  try {
    f();
  } catch (const E& e) {
    return e.what();
  }
  return "no error";
}

}  // namespace mushin::core::test
