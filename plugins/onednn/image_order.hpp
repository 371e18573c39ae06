// In which orders the elements of images lie.
#pragma once
#include <cstdint>
#include <oneapi/dnnl/dnnl.hpp>

#include "mushin/plugin.h"

namespace onednn {

/// Without gaps; of (batch, channels, 1 to 3 axes). `blocks` is a layout of this device's own: of f32, with block_channels() of the
/// channels innermost, which divides their number.
enum class Order { other, plain, channels_last, blocks };

/// What oneDNN's kernels take on this CPU, and the layout's token; 0: it has no such kernels.
std::int64_t block_channels();
/// As its sizes and type are.
bool can_be_blocks(const mu_tensor&);

/// A view that is in any layout lies as its strides tell.
bool lies_in(const mu_tensor&, Order);
/// Plain where it lies in several.
Order order_of(const mu_tensor&);

/// Of any order but `other`.
dnnl::memory::format_tag tag_of(Order, unsigned rank);

/// Elements from one image to the next, and from one channel, or block of channels, to the next by its number of channels.
std::int64_t image_stride(const mu_tensor&);
std::int64_t channel_stride(const mu_tensor&);

/// Of all that is viewed.
std::int64_t elements(const mu_tensor&);

}  // namespace onednn
