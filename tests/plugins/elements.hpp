// Operands of any element type that lie in memory in any order, with gaps.
#pragma once
#include <utility>

#include "reference.hpp"

namespace backend_test {

/// What memory holds before anything is written to it.
inline constexpr double untouched = 77;

struct Elements {
  mu_tensor v;
  std::vector<std::uint64_t> memory;
  std::vector<std::int64_t> at;  // of the elements, in row-major order

  Elements(mu_dtype t, const Sizes& dims, const Sizes& strides) : memory(size_of(dims, strides)) {
    v = view(memory.data(), t, dims, strides);
    if (count(dims) > 0) at = offsets(v);
    for (std::int64_t i = 0; i < places(); ++i) write_element(v, i, element_of(t, untouched));
  }
  Elements(const Elements& other) : v(other.v), memory(other.memory), at(other.at) {
    v.buffer = reinterpret_cast<mu_buffer*>(memory.data());
  }
  Elements& operator=(Elements other) {
    v = other.v, memory = std::move(other.memory), at = std::move(other.at);
    v.buffer = reinterpret_cast<mu_buffer*>(memory.data());
    return *this;
  }

  double operator[](std::size_t i) const {
    const Bits wide = apply(MU_PW_CAST, v.dtype, MU_F64, read_element(v, at[i]), 0, 0);
    double d;
    std::memcpy(&d, &wide, sizeof d);
    return d;
  }
  void set(std::size_t i, double x) { write_element(v, at[i], element_of(v.dtype, x)); }
  std::vector<double> all() const {
    std::vector<double> d(at.size());
    for (std::size_t i = 0; i < d.size(); ++i) d[i] = (*this)[i];
    return d;
  }
  Sizes dims() const { return {v.dim, v.dim + v.rank}; }
  bool rest_untouched() const {
    std::vector<bool> own(static_cast<std::size_t>(places()), false);
    for (std::int64_t i : at) own[static_cast<std::size_t>(i)] = true;
    for (std::int64_t i = 0; i < places(); ++i)
      if (!own[static_cast<std::size_t>(i)] && read_element(v, i) != element_of(v.dtype, untouched)) return false;
    return true;
  }

 private:
  static std::size_t size_of(const Sizes& dims, const Sizes& strides) {
    std::int64_t last = 0;
    for (std::size_t i = 0; i < dims.size(); ++i) last += (dims[i] > 0 ? dims[i] - 1 : 0) * strides[i];
    return static_cast<std::size_t>(last) + 1;
  }
  std::int64_t places() const { return static_cast<std::int64_t>(memory.size() * 8 / mu_dtype_bytes(v.dtype)); }
};

/// Axes in a random order, some with gaps.
inline Sizes any_strides(Random& random, const Sizes& dims) {
  std::vector<std::size_t> order(dims.size());
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
  for (std::size_t i = order.size(); i-- > 1;)
    std::swap(order[i], order[static_cast<std::size_t>(random.below(static_cast<std::int64_t>(i) + 1))]);
  Sizes strides(dims.size());
  std::int64_t step = 1 + random.below(2);
  for (std::size_t i : order) strides[i] = step, step *= (dims[i] > 0 ? dims[i] : 1) + random.below(2);
  return strides;
}

}  // namespace backend_test
