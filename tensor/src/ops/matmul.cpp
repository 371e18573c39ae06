#include "mushin/tensor/ops/matmul.hpp"

#include <algorithm>

#include "core/fail.hpp"
#include "core/request.hpp"

namespace mushin::core {
namespace {

[[noreturn, gnu::cold]] void inner_differ(const Sizes& a, const Sizes& b) {
  fail<ShapeError>("[matmul] inner extents differ at run time: a is {}, b is {}", text_of(a), text_of(b));
}

// The batch axes of both operands, broadcast, without the last two.
Sizes batch_sizes(const Sizes& a, const Sizes& b) {
  const unsigned ra = a.rank < 2 ? 0 : a.rank - 2, rb = b.rank < 2 ? 0 : b.rank - 2, rank = std::max(ra, rb);
  Sizes r;
  for (unsigned i = 0; i < rank; ++i) {
    const std::int64_t n = i + ra < rank ? 1 : a.at[i + ra - rank], m = i + rb < rank ? 1 : b.at[i + rb - rank];
    if (n != m && n != 1 && m != 1) fail<ShapeError>("[matmul] batch axes do not broadcast: {} and {}", text_of(a), text_of(b));
    r.push(n == 1 ? m : n);
  }
  return r;
}

// The operand as a matrix in the batch's axes: `rows`, `columns` with their strides are its own last axes.
struct Matrix {
  std::int64_t rows, columns, row_stride, column_stride;
};
Matrix left(const Node* n) {
  const unsigned r = n->sizes.rank;
  if (r == 1) return {1, n->sizes.at[0], n->sizes.at[0] * n->stride[0], n->stride[0]};
  return {n->sizes.at[r - 2], n->sizes.at[r - 1], n->stride[r - 2], n->stride[r - 1]};
}
Matrix right(const Node* n) {
  if (n->sizes.rank == 1) return {n->sizes.at[0], 1, n->stride[0], 1};
  return left(n);
}

void view_matrix(mu_tensor& v, const Node* n, const Matrix& m, const Sizes& batch) {
  view_head(v, n->type, batch.rank + 2);
  view_memory(v, n->block, n->offset);
  const unsigned own = n->sizes.rank < 2 ? 0 : n->sizes.rank - 2;
  for (unsigned i = 0; i < batch.rank; ++i) {
    const unsigned missing = batch.rank - own;
    v.dim[i] = batch.at[i];
    v.stride[i] = i < missing || n->sizes.at[i - missing] == 1 ? 0 : n->stride[i - missing];
  }
  v.dim[batch.rank] = m.rows;
  v.dim[batch.rank + 1] = m.columns;
  v.stride[batch.rank] = m.row_stride;
  v.stride[batch.rank + 1] = m.column_stride;
}

}  // namespace

Array matmul(const Array& a, const Array& b) {
  const Sizes &sa = a.sizes(), &sb = b.sizes();
  if (sa.rank == 0 || sb.rank == 0) fail<ShapeError>("[matmul] needs an axis on both sides: {} and {}", text_of(sa), text_of(sb));
  if (sa.at[sa.rank - 1] != sb.at[sb.rank < 2 ? 0 : sb.rank - 2]) inner_differ(sa, sb);
  if (a.type() != b.type()) fail<Error>("[matmul] element types differ: {} and {}", name_of(a.type()), name_of(b.type()));
  Device* device = common_device("matmul", node_of(a), node_of(b));
  const Array x = buffer_of(a, device), y = buffer_of(b, device);
  const Node *nx = node_of(x), *ny = node_of(y);
  const Matrix mx = left(nx), my = right(ny);
  const Sizes batch = batch_sizes(sa, sb);
  Sizes to = batch;
  if (sa.rank > 1) to.push(mx.rows);
  if (sb.rank > 1) to.push(my.columns);
  const std::int64_t count = checked_count("matmul", to);
  if (mx.columns == 0 || count == 0) return filled("matmul", device, a.type(), to, count, 0, true);
  Array made = fresh_array(device, a.type(), to, count);
  mu_tensor view[3];
  view_matrix(view[0], nx, mx, batch);
  view_matrix(view[1], ny, my, batch);
  mu_tensor& out = view[2];
  view_head(out, a.type(), batch.rank + 2);
  view_memory(out, node_of(made)->block, 0);
  std::int64_t step = 1;
  for (unsigned i = batch.rank + 2; i-- > 0;) {
    out.dim[i] = i < batch.rank ? batch.at[i] : i == batch.rank ? mx.rows : my.columns;
    out.stride[i] = step;
    step *= out.dim[i];
  }
  const mu_op_matmul op{{sizeof op, MU_OP_MATMUL}, abi(a.type()), MU_MATH_EXACT, nullptr};
  request("matmul", device, &op.h, 2, view);
  return made;
}

}  // namespace mushin::core
