#include "ops/matrices.hpp"

#include <cstring>

#include "devices/host.hpp"
#include "mushin/tensor/ops/shape.hpp"

namespace mushin::core {

void check_matrix(const char* op, const Array& a) {
  if (a.rank() < 2) fail<ShapeError>("[{}] needs a matrix: {}", op, text_of(a.sizes()));
  for (unsigned i = 1; i <= 2; ++i)
    if (a.sizes()[a.rank() - i] > INT_MAX) fail<ShapeError>("[{}] LAPACK takes no axis of {} elements", op, a.sizes()[a.rank() - i]);
}

void check_square(const char* op, const Array& a) {
  check_matrix(op, a);
  if (a.sizes()[a.rank() - 1] != a.sizes()[a.rank() - 2]) fail<ShapeError>("[{}] needs a square matrix: {}", op, text_of(a.sizes()));
}

Sizes batch_of(const Array& a) {
  Sizes s = a.sizes();
  s.rank -= 2;
  return s;
}

Sizes leading_sizes(const char* op, const Array& a, const Array& b) {
  const Sizes sa = batch_of(a), sb = batch_of(b);
  const unsigned rank = sa.rank > sb.rank ? sa.rank : sb.rank;
  Sizes r;
  for (unsigned i = 0; i < rank; ++i) {
    const std::int64_t n = i + sa.rank < rank ? 1 : sa[i + sa.rank - rank], m = i + sb.rank < rank ? 1 : sb[i + sb.rank - rank];
    if (n != m && n != 1 && m != 1)
      fail<ShapeError>("[{}] batch axes do not broadcast: {} and {}", op, text_of(a.sizes()), text_of(b.sizes()));
    r.push(n == 1 ? m : n);
  }
  return r;
}

std::int64_t matrices_in(const Array& a) { return batch_of(a).count(); }

int size_of(const Array& a, unsigned from_end) { return static_cast<int>(a.sizes()[a.rank() - 1 - from_end]); }

std::string which(const Array& a, std::int64_t k) { return a.rank() == 2 ? "the matrix" : fmt::format("matrix {} of the batch", k); }

Array host_array(const Array& a, const Sizes& sizes) { return fresh_array(builtin(), a.type(), sizes, sizes.count()); }

Array host_array(const Array& a, Sizes batch, std::int64_t rows, std::int64_t columns) {
  batch.push(rows), batch.push(columns);
  return host_array(a, batch);
}

Array copy_of(const HostCall& host, const Array& a) {
  const Array from = host.in(a), to = host_array(a, a.sizes());
  std::memcpy(values<std::byte>(to), values<std::byte>(from), static_cast<std::size_t>(node_of(to)->count) * bytes_of(a.type()));
  return to;
}

NoResult first_without_result(const char* op, const std::vector<int>& info) {
  for (std::size_t k = 0; k < info.size(); ++k) {
    if (info[k] == no_workspace) fail<OutOfMemory>("[{}] no memory left for the workspace of a matrix", op);
    if (info[k] < 0) fail<Error>("[{}] LAPACK refuses its argument {}", op, -info[k]);
    if (info[k] > 0) return {static_cast<std::int64_t>(k), info[k]};
  }
  return {0, 0};
}

Array by_column_copy(const HostCall& host, const Array& a) { return copy_of(host, transpose(a)); }

}  // namespace mushin::core
