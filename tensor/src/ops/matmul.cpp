#include "mushin/tensor/ops/matmul.hpp"

#include <algorithm>

#include "core/fail.hpp"
#include "core/layouts.hpp"
#include "core/product.hpp"
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

}  // namespace

Array matmul(const Array& a, const Array& b) {
  const Sizes &sa = a.sizes(), &sb = b.sizes();
  if (sa.rank == 0 || sb.rank == 0) fail<ShapeError>("[matmul] needs an axis on both sides: {} and {}", text_of(sa), text_of(sb));
  const std::int64_t inner = sa.at[sa.rank - 1];
  if (inner != sb.at[sb.rank < 2 ? 0 : sb.rank - 2]) inner_differ(sa, sb);
  if (a.type() != b.type()) fail<Error>("[matmul] element types differ: {} and {}", name_of(a.type()), name_of(b.type()));
  Device* device = common_device("matmul", node_of(a), node_of(b));
  Sizes to;
  if (sa.rank > 2 || sb.rank > 2) to = batch_sizes(sa, sb);
  if (sa.rank > 1) to.push(sa.at[sa.rank - 2]);
  if (sb.rank > 1) to.push(sb.at[sb.rank - 1]);
  const std::int64_t count = checked_count("matmul", to);
  if (inner == 0 || count == 0) return filled("matmul", device, a.type(), to, count, 0, true);
  const auto ready = chooses_product_layouts(device) ? in_memory : buffer_of;
  const Array x = ready(a, device), y = ready(b, device);
  return new_product(node_of(x), node_of(y), device, to, count);
}

}  // namespace mushin::core
