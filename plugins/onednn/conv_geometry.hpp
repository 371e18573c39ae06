// A convolution's numbers, read from its descriptor and views.
#pragma once
#include <array>
#include <cstdint>

#include "dnnl_version.hpp"
#include "plan.hpp"

namespace onednn {

/// Channels and sizes are of the forward op's operands, whichever of them is the result.
struct ConvGeometry {
  std::uint32_t kind = 0;
  /// Of all views.
  dnnl::memory::data_type type = dnnl::memory::data_type::f32;
  unsigned axes = 0;
  std::int64_t images = 0, in = 0, out = 0, groups = 1;
  std::array<std::int64_t, 3> x{}, y{}, kernel{};
  version::Window window;
  /// x or y lies with its channels innermost, or repeats elements and so isn't moved into blocks.
  bool channels_last = false;
  /// x or y lies in this device's blocks.
  bool blocks = false;

  /// Multiplications for one image.
  std::int64_t products() const;
  std::int64_t x_elements() const;
  std::int64_t y_elements() const;
  std::int64_t weights() const;
};

/// Throws Refusal: MU_INVALID where extents don't fit together, MU_UNSUPPORTED for what oneDNN isn't asked for.
ConvGeometry conv_geometry(const Request&, const mu_op_conv&);

}  // namespace onednn
