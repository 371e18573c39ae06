#include "mushin/tensor/ops/linalg.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <vector>

#include "core/fail.hpp"
#include "core/fallback.hpp"
#include "core/lapack.hpp"
#include "core/node.hpp"
#include "core/request.hpp"
#include "mushin/tensor/ops/pointwise.hpp"
#include "mushin/tensor/ops/shape.hpp"
#include "ops/matrices.hpp"

namespace mushin::core {
namespace {

// LAPACK's matrices lie by columns, so what lies by rows is its transpose.
constexpr int by_columns = 102;

Array symmetric_part(const Array& a) {
  const Array half = literal(0.5, a.type());
  return add(mul(a, half), mul(transpose(a), half));
}

// L and U in the place of each of n x n matrices, and the row exchanges. Singular ones are left to the caller.
template <class T>
NoResult factor(const char* op, const Array& lu, int n, std::vector<int>& pivots) {
  const LapackOf<T>& lapack = core::lapack<T>(op);
  pivots.resize(static_cast<std::size_t>(matrices_in(lu) * n));
  return each_matrix(op, matrices_in(lu), cube(n),
                     [&](std::int64_t k) { return lapack.getrf(by_columns, n, n, matrix<T>(lu, k), leading(n), pivots.data() + k * n); });
}

[[noreturn]] void singular(const char* op, const Array& a, NoResult f) {
  fail<Error>("[{}] {} is singular: one of its {} pivots is 0", op, which(a, f.matrix), a.sizes()[a.rank() - 1]);
}

Array solve_matrices(const Array& a, const Array& b) {
  const HostCall host("solve", common_device("solve", node_of(a), node_of(b)));
  const Array lu = by_column_copy(host, a), x = by_column_copy(host, b);
  const std::int64_t count = matrices_in(lu), columns = matrices_in(x);
  const int n = size_of(a, 1), k = size_of(b, 0);
  with_type("solve", a, [&]<class T>(T) {
    const LapackOf<T>& lapack = core::lapack<T>("solve");
    std::vector<int> pivots;
    if (const NoResult f = factor<T>("solve", lu, n, pivots); f.info > 0) singular("solve", a, f);
    each_matrix("solve", columns, cube(n), [&](std::int64_t i) {
      const std::int64_t of = count == 1 ? 0 : i;
      return lapack.getrs(by_columns, 'N', n, k, matrix<T>(lu, of), leading(n), pivots.data() + of * n, matrix<T>(x, i), leading(n));
    });
  });
  return transpose(host.out(x));
}

void check_finite(const char* op, const Array& a, const Array& copy) {
  const std::int64_t each = a.sizes()[a.rank() - 1] * a.sizes()[a.rank() - 2];
  with_type(op, a, [&]<class T>(T) {
    for (std::int64_t k = 0; k < matrices_in(copy); ++k) {
      const T* m = matrix<T>(copy, k);
      if (!std::all_of(m, m + each, [](T v) { return std::isfinite(v); })) fail<Error>("[{}] {} holds NaN or infinity", op, which(a, k));
    }
  });
}

void check_converged(const char* op, const Array& a, NoResult f) {
  if (f.info > 0) fail<Error>("[{}] {} does not converge: LAPACK leaves {} off-diagonal elements", op, which(a, f.matrix), f.info);
}

}  // namespace

Array solve(const Array& a, const Array& b) {
  check_square("solve", a);
  const Sizes &sa = a.sizes(), &sb = b.sizes();
  if (a.type() != b.type()) fail<Error>("[solve] element types differ: {} and {}", name_of(a.type()), name_of(b.type()));
  if (sb.rank == 0 || sb[sb.rank < 2 ? 0 : sb.rank - 2] != sa[sa.rank - 1])
    fail<ShapeError>("[solve] b has not as many rows as a: a is {}, b is {}", text_of(sa), text_of(sb));
  const bool vector = sb.rank == 1;
  const Array columns = vector ? reshape(b, {sb[0], 1}) : b;
  check_matrix("solve", columns);
  Sizes batch = leading_sizes("solve", a, columns), left = batch, right = batch;
  for (unsigned i = 2; i > 0; --i) left.push(sa[sa.rank - i]), right.push(columns.sizes()[columns.rank() - i]);
  // One matrix for all right sides is factored once.
  const Array x = solve_matrices(matrices_in(a) == 1 ? a : broadcast_to(a, left), broadcast_to(columns, right));
  if (!vector) return x;
  batch.push(sb[0]);
  return reshape(x, batch);
}

Array inv(const Array& a) {
  check_square("inv", a);
  const HostCall host("inv", a.device());
  const Array y = copy_of(host, a);
  const int n = size_of(a, 0);
  with_type("inv", a, [&]<class T>(T) {
    const LapackOf<T>& lapack = core::lapack<T>("inv");
    std::vector<int> pivots;
    if (const NoResult f = factor<T>("inv", y, n, pivots); f.info > 0) singular("inv", a, f);
    each_matrix("inv", matrices_in(y), cube(n), [&](std::int64_t k) {
      return with_workspace<T>(
          [&](T* work, int size) { return lapack.getri(by_columns, n, matrix<T>(y, k), leading(n), pivots.data() + k * n, work, size); });
    });
  });
  return host.out(y);
}

Array det(const Array& a) {
  check_square("det", a);
  const HostCall host("det", a.device());
  const Array lu = copy_of(host, a), y = host_array(a, batch_of(a));
  const int n = size_of(a, 0);
  with_type("det", a, [&]<class T>(T) {
    std::vector<int> pivots;
    factor<T>("det", lu, n, pivots);  // a pivot of 0 is an answer
    for (std::int64_t k = 0; k < matrices_in(lu); ++k) {
      double product = 1;
      for (int i = 0; i < n; ++i) {
        const double pivot = static_cast<double>(matrix<T>(lu, k)[i * (std::int64_t{n} + 1)]);
        product *= pivots[static_cast<std::size_t>(k * n + i)] == i + 1 ? pivot : -pivot;
      }
      values<T>(y)[k] = static_cast<T>(product);
    }
  });
  return host.out(y);
}

Array cholesky(const Array& a) {
  check_square("cholesky", a);
  const HostCall host("cholesky", a.device());
  const Array y = copy_of(host, symmetric_part(a));
  const int n = size_of(a, 0);
  with_type("cholesky", a, [&]<class T>(T) {
    const LapackOf<T>& lapack = core::lapack<T>("cholesky");
    const NoResult f = each_matrix("cholesky", matrices_in(y), cube(n), [&](std::int64_t k) {
      T* m = matrix<T>(y, k);
      const int info = lapack.potrf(by_columns, 'U', n, m, leading(n));
      for (std::int64_t i = 0; i < n; ++i) std::fill(m + i * n + i + 1, m + (i + 1) * n, T{0});
      return info;
    });
    if (f.info > 0) fail<Error>("[cholesky] {} is not positive definite: its leading part of order {} is not", which(a, f.matrix), f.info);
  });
  return host.out(y);
}

QrOf<Array> qr(const Array& a) {
  check_matrix("qr", a);
  const HostCall host("qr", a.device());
  const Array f = by_column_copy(host, a);
  const int m = size_of(a, 1), n = size_of(a, 0), k = std::min(m, n);
  const Array q = host_array(a, batch_of(a), k, m), r = host_array(a, batch_of(a), k, n);
  with_type("qr", a, [&]<class T>(T) {
    const LapackOf<T>& lapack = core::lapack<T>("qr");
    each_matrix("qr", matrices_in(f), cube(std::max(m, n)), [&](std::int64_t i) {
      std::vector<T> tau(static_cast<std::size_t>(k) + 1);
      T* const x = matrix<T>(f, i);
      if (k == 0) return 0;
      with_workspace<T>([&](T* work, int size) { return lapack.geqrf(by_columns, m, n, x, leading(m), tau.data(), work, size); });
      T* const to = matrix<T>(r, i);
      for (std::int64_t row = 0; row < k; ++row)
        for (std::int64_t column = 0; column < n; ++column) to[row * n + column] = column < row ? T{0} : x[column * m + row];
      with_workspace<T>([&](T* work, int size) { return lapack.orgqr(by_columns, m, k, k, x, leading(m), tau.data(), work, size); });
      std::copy_n(x, std::int64_t{k} * m, matrix<T>(q, i));
      return 0;
    });
  });
  return {transpose(host.out(q)), host.out(r)};
}

SvdOf<Array> svd(const Array& a) {
  check_matrix("svd", a);
  const HostCall host("svd", a.device());
  const Array copy = copy_of(host, a);
  check_finite("svd", a, copy);
  const int m = size_of(a, 1), n = size_of(a, 0), k = std::min(m, n);
  const Array u = host_array(a, batch_of(a), m, k), vt = host_array(a, batch_of(a), k, n);
  Sizes line = batch_of(a);
  line.push(k);
  const Array s = host_array(a, line);
  with_type("svd", a, [&]<class T>(T) {
    const LapackOf<T>& lapack = core::lapack<T>("svd");
    // By columns it is a^T = v s u^T.
    const NoResult f = each_matrix("svd", matrices_in(copy), 8 * cube(std::max(m, n)), [&](std::int64_t i) {
      if (k == 0) return 0;
      std::vector<int> integers(8 * static_cast<std::size_t>(k));
      return with_workspace<T>([&](T* work, int size) {
        return lapack.gesdd(by_columns, 'S', n, m, matrix<T>(copy, i), n, values<T>(s) + i * k, matrix<T>(vt, i), n, matrix<T>(u, i), k,
                            work, size, integers.data());
      });
    });
    check_converged("svd", a, f);
  });
  return {host.out(u), host.out(s), host.out(vt)};
}

EighOf<Array> eigh(const Array& a) {
  check_square("eigh", a);
  const HostCall host("eigh", a.device());
  const Array y = copy_of(host, symmetric_part(a));
  check_finite("eigh", a, y);
  const int n = size_of(a, 0);
  Sizes line = batch_of(a);
  line.push(n);
  const Array w = host_array(a, line);
  with_type("eigh", a, [&]<class T>(T) {
    const LapackOf<T>& lapack = core::lapack<T>("eigh");
    const NoResult f = each_matrix("eigh", matrices_in(y), 8 * cube(n), [&](std::int64_t i) {
      std::vector<int> integers(5 * static_cast<std::size_t>(n) + 3);
      return with_workspace<T>([&](T* work, int size) {
        return lapack.syevd(by_columns, 'V', 'U', n, matrix<T>(y, i), leading(n), values<T>(w) + std::int64_t{i} * n, work, size,
                            integers.data(), size < 0 ? -1 : static_cast<int>(integers.size()));
      });
    });
    check_converged("eigh", a, f);
  });
  return {host.out(w), transpose(host.out(y))};
}

}  // namespace mushin::core
