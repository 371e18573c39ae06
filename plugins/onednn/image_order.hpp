// In which orders the elements of images lie.
#pragma once
#include <cstdint>
#include <oneapi/dnnl/dnnl.hpp>

#include "mushin/plugin.h"

namespace onednn {

/// Without gaps; of (batch, channels, 1 to 3 axes).
enum class Order { other, plain, channels_last };
bool lies_in(const mu_tensor&, Order);
/// Plain where it lies in both.
Order order_of(const mu_tensor&);

/// Throws Refusal for `other`.
dnnl::memory::format_tag tag_of(Order, unsigned rank);

}  // namespace onednn
