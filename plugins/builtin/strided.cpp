#include "strided.hpp"

#include <cstring>
#include <type_traits>

namespace mushin::builtin {

void collapse(const mu_tensor& space, int n_views, const mu_tensor* const* views, Axes& axes, Strides* strides) {
  int r = 0;
  for (int i = 0; i < space.rank; ++i) {
    const std::int64_t d = space.dim[i];
    if (d == 1) continue;
    bool joins = r > 0;
    for (int k = 0; joins && k < n_views; ++k) joins = strides[k].of[r - 1] == views[k]->stride[i] * d;
    if (joins) {
      axes.dim[r - 1] *= d;
      for (int k = 0; k < n_views; ++k) strides[k].of[r - 1] = views[k]->stride[i];
    } else {
      axes.dim[r] = d;
      for (int k = 0; k < n_views; ++k) strides[k].of[r] = views[k]->stride[i];
      ++r;
    }
  }
  axes.rank = r;
}

namespace {

// Calls f(offset, count) for the stretches along the last axis that make up [begin, begin + n).
template <class F>
void stretches(const Axes& axes, const Strides& s, std::int64_t begin, std::int64_t n, const F& f) {
  if (axes.rank == 0) {
    if (n > 0) f(std::int64_t{0}, n);
    return;
  }
  std::int64_t index[MU_MAX_RANK], offset = 0, rest = begin;
  for (int i = axes.rank - 1; i >= 0; --i) {
    index[i] = rest % axes.dim[i], rest /= axes.dim[i];
    offset += index[i] * s.of[i];
  }
  const int last = axes.rank - 1;
  while (n > 0) {
    const std::int64_t count = least(n, axes.dim[last] - index[last]);
    f(offset, count);
    n -= count;
    offset -= index[last] * s.of[last], index[last] = 0;
    for (int i = last - 1; i >= 0; --i) {
      offset += s.of[i];
      if (++index[i] < axes.dim[i]) break;
      offset -= index[i] * s.of[i], index[i] = 0;
    }
  }
}

template <class T>
void fill_n(T* d, T v, std::int64_t n) {
  for (std::int64_t i = 0; i < n; ++i) d[i] = v;
}

template <class T>
void take_typed(T* d, const T* base, const Axes& axes, const Strides& s, std::int64_t begin, std::int64_t n) {
  const int last = axes.rank - 1;
  const std::int64_t stride = axes.rank ? s.of[last] : 0;
  if (axes.rank == 2 && s.of[0] == 0 && stride == 1 && begin % axes.dim[1] == 0 && n > axes.dim[1]) {  // one row, repeated: by doubling
    std::memcpy(d, base, static_cast<std::size_t>(axes.dim[1]) * sizeof(T));
    for (std::int64_t have = axes.dim[1]; have < n; have *= 2)
      std::memcpy(d + have, d, static_cast<std::size_t>(least(have, n - have)) * sizeof(T));
    return;
  }
  stretches(axes, s, begin, n, [&](std::int64_t offset, std::int64_t count) {
    const T* from = base + offset;
    if (stride == 1)
      std::memcpy(d, from, static_cast<std::size_t>(count) * sizeof(T));
    else if (stride == 0)
      fill_n(d, *from, count);
    else
      for (std::int64_t i = 0; i < count; ++i) d[i] = from[i * stride];
    d += count;
  });
}

template <class T>
void put_typed(T* base, const T* from, const Axes& axes, const Strides& s, std::int64_t begin, std::int64_t n) {
  const std::int64_t stride = axes.rank ? s.of[axes.rank - 1] : 0;
  stretches(axes, s, begin, n, [&](std::int64_t offset, std::int64_t count) {
    T* to = base + offset;
    if (stride == 1)
      std::memcpy(to, from, static_cast<std::size_t>(count) * sizeof(T));
    else
      for (std::int64_t i = 0; i < count; ++i) to[i * stride] = from[i];
    from += count;
  });
}

constexpr std::int64_t lines_ahead = 16;
template <class T, class Rows>
void take_columns_typed(T* d, const T* from, Rows rows, std::int64_t columns, std::int64_t pitch, std::int64_t stride) {
  for (std::int64_t c = 0; c < columns; ++c, from += stride) {
    __builtin_prefetch(from + lines_ahead * stride);  // no processor foresees lines that are a row apart; past the end it does no harm
    for (std::int64_t r = 0; r < rows; ++r) d[r * pitch + c] = from[r];
  }
}
template <class T>
void take_columns_of(void* to, const char* base, std::int64_t rows, std::int64_t columns, std::int64_t pitch, std::int64_t stride) {
  T* const d = static_cast<T*>(to);
  const T* const from = reinterpret_cast<const T*>(base);
  if (rows == 16) return take_columns_typed(d, from, std::integral_constant<std::int64_t, 16>(), columns, pitch, stride);
  take_columns_typed(d, from, rows, columns, pitch, stride);
}

}  // namespace

void take_columns(void* to, const char* base, std::size_t bytes, std::int64_t rows, std::int64_t columns, std::int64_t pitch,
                  std::int64_t stride) {
  if (bytes == 4) return take_columns_of<std::uint32_t>(to, base, rows, columns, pitch, stride);
  if (bytes == 8) return take_columns_of<std::uint64_t>(to, base, rows, columns, pitch, stride);
  if (bytes == 2) return take_columns_of<std::uint16_t>(to, base, rows, columns, pitch, stride);
  take_columns_of<std::uint8_t>(to, base, rows, columns, pitch, stride);
}

void take(void* to, const char* base, std::size_t bytes, const Axes& axes, const Strides& s, std::int64_t begin, std::int64_t n) {
  if (bytes == 4) return take_typed(static_cast<std::uint32_t*>(to), reinterpret_cast<const std::uint32_t*>(base), axes, s, begin, n);
  if (bytes == 8) return take_typed(static_cast<std::uint64_t*>(to), reinterpret_cast<const std::uint64_t*>(base), axes, s, begin, n);
  if (bytes == 2) return take_typed(static_cast<std::uint16_t*>(to), reinterpret_cast<const std::uint16_t*>(base), axes, s, begin, n);
  take_typed(static_cast<std::uint8_t*>(to), reinterpret_cast<const std::uint8_t*>(base), axes, s, begin, n);
}

void put(char* base, const void* from, std::size_t bytes, const Axes& axes, const Strides& s, std::int64_t begin, std::int64_t n) {
  if (bytes == 4) return put_typed(reinterpret_cast<std::uint32_t*>(base), static_cast<const std::uint32_t*>(from), axes, s, begin, n);
  if (bytes == 8) return put_typed(reinterpret_cast<std::uint64_t*>(base), static_cast<const std::uint64_t*>(from), axes, s, begin, n);
  if (bytes == 2) return put_typed(reinterpret_cast<std::uint16_t*>(base), static_cast<const std::uint16_t*>(from), axes, s, begin, n);
  put_typed(reinterpret_cast<std::uint8_t*>(base), static_cast<const std::uint8_t*>(from), axes, s, begin, n);
}

void repeat(void* to, const void* value, std::size_t bytes, std::int64_t n) {
  if (bytes == 4) return fill_n(static_cast<std::uint32_t*>(to), *static_cast<const std::uint32_t*>(value), n);
  if (bytes == 8) return fill_n(static_cast<std::uint64_t*>(to), *static_cast<const std::uint64_t*>(value), n);
  if (bytes == 2) return fill_n(static_cast<std::uint16_t*>(to), *static_cast<const std::uint16_t*>(value), n);
  fill_n(static_cast<std::uint8_t*>(to), *static_cast<const std::uint8_t*>(value), n);
}

}  // namespace mushin::builtin
