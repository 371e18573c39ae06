// Stacks of matrices in the host's memory, and what LAPACK needs to be called on each.
#pragma once
#include <climits>
#include <new>
#include <string>
#include <vector>

#include "core/fail.hpp"
#include "core/fallback.hpp"
#include "core/node.hpp"
#include "core/threads.hpp"

namespace mushin::core {

/// ShapeError unless it has two axes, and where LAPACK's integers end.
void check_matrix(const char* op, const Array&);
void check_square(const char* op, const Array&);
/// All axes but the last two.
Sizes batch_of(const Array&);
/// Those of two stacks, broadcast. ShapeError where they don't.
Sizes leading_sizes(const char* op, const Array& a, const Array& b);
std::int64_t matrices_in(const Array&);
/// The size of one of the last two axes, counted from the last.
int size_of(const Array&, unsigned from_end);
/// `the matrix`, or `matrix 3 of the batch`.
std::string which(const Array&, std::int64_t matrix);

/// An array to write to, with a's element type.
Array host_array(const Array& a, const Sizes&);
Array host_array(const Array& a, Sizes batch, std::int64_t rows, std::int64_t columns);
/// The elements once more, by rows, to be written over.
Array copy_of(const HostCall&, const Array&);
/// The same by columns: the copy has the sizes of the transpose.
Array by_column_copy(const HostCall&, const Array&);

template <class T>
T* values(const Array& a) {
  return reinterpret_cast<T*>(node_of(a)->block->data + node_of(a)->offset);
}
template <class T>
T* matrix(const Array& a, std::int64_t k) {
  return values<T>(a) + k * a.sizes()[a.rank() - 1] * a.sizes()[a.rank() - 2];
}
/// From one column to the next.
inline int leading(int rows) { return rows > 1 ? rows : 1; }
inline double cube(int n) { return double{1} * n * n * n; }

template <class F>
void with_type(const char* op, const Array& a, const F& f) {
  if (a.type() == dtype::f32) return f(float{});
  if (a.type() == dtype::f64) return f(double{});
  fail<Error>("[{}] needs float or double elements: {}", op, name_of(a.type()));
}

/// Asks how much workspace there should be, and calls again with it. Throws std::bad_alloc.
template <class T, class F>
int with_workspace(const F& f) {
  T best{};
  if (const int info = f(&best, -1); info != 0) return info;
  std::vector<T> work(static_cast<std::size_t>(best) + 1);
  return f(work.data(), static_cast<int>(work.size()));
}

struct NoResult {
  std::int64_t matrix;
  int info;  // 0: there was none
};
inline constexpr int no_workspace = INT_MIN;
NoResult first_without_result(const char* op, const std::vector<int>& info);

/// info = f(k) of each matrix, on several threads where that is worth it; the first that LAPACK could not do. OutOfMemory without
/// workspace for one.
template <class F>
NoResult each_matrix(const char* op, std::int64_t count, double operations, const F& f) {
  struct Call {
    const F& f;
    std::vector<int> info;
  } call{f, std::vector<int>(static_cast<std::size_t>(count))};
  const auto run = [](void* arg, std::uint64_t begin, std::uint64_t end) {
    Call& c = *static_cast<Call*>(arg);
    for (; begin < end; ++begin) try {
        c.info[begin] = c.f(static_cast<std::int64_t>(begin));
      } catch (const std::bad_alloc&) {
        c.info[begin] = no_workspace;
      }
  };
  constexpr double worth_a_thread = 50000;
  const double grain = worth_a_thread / (operations + 1);
  parallel_for(static_cast<std::uint64_t>(count), grain < 1 ? 1 : static_cast<std::uint64_t>(grain), run, &call);
  return first_without_result(op, call.info);
}

}  // namespace mushin::core
