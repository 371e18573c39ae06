// Several views of one iteration space, brought to as few axes as possible; and values taken from, or put into, a strided view.
#pragma once
#include "common.hpp"

namespace mushin::builtin {

/// Axes of extent 1 are gone, and neighbours that all views walk alike are one. Rank 0: one element.
struct Axes {
  int rank;
  std::int64_t dim[MU_MAX_RANK];
};

/// Strides of one view along Axes, in elements.
struct Strides {
  std::int64_t of[MU_MAX_RANK];
};

/// Writes the axes that are left and each view's strides along them.
void collapse(const mu_tensor& space, int n_views, const mu_tensor* const* views, Axes& axes, Strides* strides);

/// Elements [begin, begin + n) of the space, in row-major order, between contiguous memory and a view. `bytes`: of an element, 1, 2, 4
/// or 8.
void take(void* to, const char* base, std::size_t bytes, const Axes&, const Strides&, std::int64_t begin, std::int64_t n);
void put(char* base, const void* from, std::size_t bytes, const Axes&, const Strides&, std::int64_t begin, std::int64_t n);

/// `rows` rows of `columns` elements, `pitch` apart in `to`, from where the elements of a column lie side by side and columns `stride`
/// apart: each of the view's cache lines is read once. `bytes`: as above.
void take_columns(void* to, const char* base, std::size_t bytes, std::int64_t rows, std::int64_t columns, std::int64_t pitch,
                  std::int64_t stride);

/// n copies of one element.
void repeat(void* to, const void* value, std::size_t bytes, std::int64_t n);

}  // namespace mushin::builtin
