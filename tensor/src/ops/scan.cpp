#include "mushin/tensor/ops/scan.hpp"

#include "core/fail.hpp"
#include "core/request.hpp"
#include "mushin/tensor/ops/pointwise.hpp"
#include "ops/decomposed.hpp"

namespace mushin::core {
namespace {

Array scan(const char* name, const Array& a, unsigned axis, Scan kind, bool reverse) {
  if (axis >= a.rank()) fail<ShapeError>("[{}] axis {} is outside {}", name, axis, text_of(a.sizes()));
  const dtype acc = sum_type(a.type());
  const Array stored = buffer_of(a);
  const Array made = fresh_array(stored.device(), is_half(a.type()) ? a.type() : acc, a.sizes(), a.sizes().count(), name);
  if (node_of(made)->count == 0) return made;
  const std::uint32_t id = kind == Scan::sum ? MU_SCAN_SUM : MU_SCAN_PROD;
  const mu_op_scan op{{sizeof op, MU_OP_SCAN}, id, axis, abi(acc), reverse ? MU_SCAN_REVERSE : 0u};
  mu_tensor view[2];
  view_of(view[0], node_of(stored));
  view_of(view[1], node_of(made));
  if (try_request(name, stored.device(), &op.h, 1, view)) return made;
  if (acc == a.type()) return decomposed_scan(stored, axis, kind, reverse);
  const Array wide = scan(name, cast(stored, acc), axis, kind, reverse);  // a device may take equal types alone
  return is_half(a.type()) ? cast(wide, a.type()) : wide;
}

}  // namespace

Array cumsum(const Array& a, unsigned axis, bool reverse) { return scan("cumsum", a, axis, Scan::sum, reverse); }
Array cumprod(const Array& a, unsigned axis) { return scan("cumprod", a, axis, Scan::product, false); }

}  // namespace mushin::core
