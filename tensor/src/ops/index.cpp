#include "mushin/tensor/ops/index.hpp"

#include "core/fail.hpp"
#include "core/literal.hpp"
#include "core/plans.hpp"
#include "core/request.hpp"
#include "mushin/tensor/core/compositions.hpp"
#include "mushin/tensor/ops/pointwise.hpp"
#include "mushin/tensor/ops/shape.hpp"

namespace mushin::core {
namespace {

void check_indices(const char* op, const Sizes& data, unsigned axis, const Sizes& indices) {
  bool right = data.rank == indices.rank && axis < data.rank;
  for (unsigned i = 0; right && i < data.rank; ++i) right = i == axis || data.at[i] == indices.at[i];
  if (!right)
    fail<ShapeError>("[{}] the indices' sizes differ elsewhere than in axis {}: {} and {}", op, axis, text_of(data), text_of(indices));
}

void add_at(const char* name, const Array& to, unsigned axis, const Array& indices, const Array& updates, bool ordered) {
  const mu_op_scatter_add op{{sizeof op, MU_OP_SCATTER_ADD}, axis, ordered || deterministic()};
  mu_tensor view[3];
  view_of(view[0], node_of(indices));
  view_broadcast(view[1], node_of(updates), indices.sizes());
  view_of(view[2], node_of(to));
  request(name, to.device(), &op.h, 2, view);
}

}  // namespace

Array gather(const Array& a, unsigned axis, const Array& indices) {
  check_indices("gather", a.sizes(), axis, indices.sizes());
  Device* device = common_device("gather", node_of(a), node_of(indices));
  const Array data = buffer_of(a, device), at = buffer_of(indices, device);
  Array made = fresh_array(device, a.type(), at.sizes(), at.sizes().count(), "gather");
  if (node_of(made)->count == 0) return made;
  const mu_op_gather op{{sizeof op, MU_OP_GATHER}, axis, 0};
  mu_tensor view[3];
  view_of(view[0], node_of(data));
  view_of(view[1], node_of(at));
  view_of(view[2], node_of(made));
  request("gather", device, &op.h, 2, view);
  return made;
}

Array scatter_add(const Array& base, unsigned axis, const Array& indices, const Array& updates, bool deterministic) {
  check_indices("scatter_add", base.sizes(), axis, indices.sizes());
  if (!(updates.sizes() == indices.sizes()))
    fail<ShapeError>("[scatter_add] updates and indices differ: {} and {}", text_of(updates.sizes()), text_of(indices.sizes()));
  if (is_half(base.type()))
    return cast(scatter_add(cast(base, dtype::f32), axis, indices, cast(updates, dtype::f32), deterministic), base.type());
  Device* device = common_device("scatter_add", node_of(base), node_of(indices), node_of(updates));
  const Array at = buffer_of(indices, device), from = buffer_of(updates, device);
  const std::int64_t count = base.sizes().count();
  const Node* b = node_of(base);
  Array made;
  if (is_literal(b)) {
    made = filled("scatter_add", device, b->type, b->sizes, count, b->bits, b->baked);
  } else {
    const Array old = buffer_of(base);
    made = fresh_array(device, b->type, b->sizes, count, "scatter_add");
    mu_tensor view[2];
    view_of(view[0], node_of(old));
    view_of(view[1], node_of(made));
    if (count) copy("scatter_add", device, view[0], view[1]);
  }
  if (node_of(at)->count) add_at("scatter_add", made, axis, at, from, deterministic);
  return made;
}

Array take(const Array& a, const Array& indices) {
  if (a.rank() == 0 || a.rank() + indices.rank() > max_rank + 1)
    fail<ShapeError>("[take] no rows of {} by indices {}", text_of(a.sizes()), text_of(indices.sizes()));
  return compositions::take(a, indices);
}

Array one_hot(const Array& indices, std::int64_t classes, dtype type) {
  if (is_half(type)) return cast(one_hot(indices, classes, dtype::f32), type);
  const Array at = buffer_of(indices);
  Sizes column = at.sizes(), to = at.sizes();
  if (to.rank == max_rank) fail<ShapeError>("[one_hot] more than {} axes: {}", max_rank, text_of(to));
  column.push(1);
  to.push(classes);
  const std::int64_t count = checked_count("one_hot", to);
  Array made = filled("one_hot", at.device(), type, to, count, 0, true);
  if (node_of(at)->count == 0) return made;
  const Array one = filled("one_hot", at.device(), type, {}, 1, bits_of(1, type), true);
  add_at("one_hot", made, to.rank - 1, reshape(at, column), one, false);
  return made;
}

}  // namespace mushin::core
