#include "conv_geometry.hpp"

#include <algorithm>

#include "image_order.hpp"
#include "transfer.hpp"

namespace onednn {
namespace {

using dnnl::memory;

constexpr std::uint32_t kinds = 3;

[[noreturn]] void invalid(const char* reason) { throw Refusal{MU_INVALID, reason}; }

/// Which views are x, w and y.
struct Operands {
  const mu_tensor *x, *w, *y;
};
Operands operands(const Request& r, std::uint32_t kind) {
  if (kind == MU_CONV_FORWARD) return {&r.in[0], &r.in[1], &r.out[0]};
  if (kind == MU_CONV_BACKWARD_DATA) return {&r.out[0], &r.in[1], &r.in[0]};
  return {&r.in[0], &r.out[0], &r.in[1]};
}

void check_views(const Request& r, const mu_op_conv& op) {
  require(op.kind < kinds, "[onednn conv] the kind is unknown");
  require(op.acc == MU_F32, "[onednn conv] sums are in f32");
  if (r.n_in < 2 || r.n_out != 1) invalid("[onednn conv] wrong number of operands");
  const unsigned rank = r.out[0].rank, w = op.kind == MU_CONV_BACKWARD_WEIGHTS ? 2 : 1;
  if (rank < 3 || rank > 5) invalid("[onednn conv] operands need a rank from 3 to 5");
  for (unsigned i = 0; i < r.n_in + 1; ++i) {
    const mu_tensor& v = i < r.n_in ? r.in[i] : r.out[0];
    if (v.rank != rank) invalid("[onednn conv] operands differ in rank");
    require(v.layout != MU_LAYOUT_OPAQUE || (i < r.n_in && i != w && i < 2 && lies_in(v, Order::blocks)),
            "[onednn conv] operands are strided, images perhaps in blocks");
    require(v.dtype == r.out[0].dtype, "[onednn conv] operands differ in type");
    require(std::find(v.dim, v.dim + rank, 0) == v.dim + rank, "[onednn conv] an operand is empty");
    if (i >= 2 && i < r.n_in && !std::equal(v.dim, v.dim + rank, r.out[0].dim))
      invalid("[onednn conv] an epilogue input isn't viewed as the result");
  }
  const mu_tensor& out = r.out[0];
  require(!overlaps({out.dim, out.dim + rank}, {out.stride, out.stride + rank}), "[onednn conv] elements of the result share memory");
  if (r.n_in > 2 && !op.epilogue) invalid("[onednn conv] further inputs need an epilogue");
}

// bf16 only where the CPU multiplies it: elsewhere it is emulated.
memory::data_type type_of(const mu_tensor& v) {
  if (v.dtype == MU_F32) return memory::data_type::f32;
  const auto isa = static_cast<unsigned>(dnnl_get_effective_cpu_isa());
  require(v.dtype == MU_BF16 && (isa & dnnl_cpu_isa_avx512_core_bf16) == dnnl_cpu_isa_avx512_core_bf16,
          "[onednn conv] operands are f32, or bf16 where the CPU multiplies that");
  return memory::data_type::bf16;
}

// oneDNN wants to be told of the padding behind, which here follows from y's extent. Elements of x behind the last window are no padding.
void read_axis(ConvGeometry& g, const mu_op_conv& op, unsigned i) {
  const std::int64_t stride = op.stride[i], dilation = op.dilation[i], before = op.before[i];
  if (stride < 1 || dilation < 1) invalid("[onednn conv] strides and dilations are positive");
  const std::int64_t span = (g.kernel[i] - 1) * dilation + 1;
  const std::int64_t after = (g.y[i] - 1) * stride + span - before - g.x[i];
  require(before < span && after < span, "[onednn conv] whole windows lie in the padding");
  require(after > -stride, "[onednn conv] the result leaves out whole windows");
  g.window.stride.push_back(stride);
  g.window.dilation.push_back(dilation - 1);
  g.window.before.push_back(before);
  g.window.after.push_back(std::max<std::int64_t>(after, 0));
}

bool no_blocks(const mu_tensor& v) {
  if (v.layout == MU_LAYOUT_OPAQUE) return false;
  if (overlaps({v.dim, v.dim + v.rank}, {v.stride, v.stride + v.rank})) return true;
  const bool pixels = std::any_of(v.dim + 2, v.dim + v.rank, [](std::int64_t n) { return n > 1; });
  return pixels && v.dim[1] > 1 && v.stride[1] == 1;
}

std::int64_t volume(const std::array<std::int64_t, 3>& sizes, unsigned axes) {
  std::int64_t n = 1;
  for (unsigned i = 0; i < axes; ++i) n *= sizes[i];
  return n;
}

}  // namespace

std::int64_t ConvGeometry::products() const { return y_elements() * (in / groups) * volume(kernel, axes); }
std::int64_t ConvGeometry::x_elements() const { return in * volume(x, axes); }
std::int64_t ConvGeometry::y_elements() const { return out * volume(y, axes); }
std::int64_t ConvGeometry::weights() const { return out * (in / groups) * volume(kernel, axes); }

ConvGeometry conv_geometry(const Request& r, const mu_op_conv& op) {
  check_views(r, op);
  const auto [x, w, y] = operands(r, op.kind);
  ConvGeometry g;
  g.kind = op.kind;
  g.type = type_of(*x);
  g.axes = x->rank - 2u;
  g.images = x->dim[0], g.in = x->dim[1], g.out = y->dim[1], g.groups = op.groups;
  if (g.groups < 1 || g.in % g.groups || g.out % g.groups) invalid("[onednn conv] channels aren't a multiple of the groups");
  if (y->dim[0] != g.images || w->dim[0] != g.out || w->dim[1] != g.in / g.groups) invalid("[onednn conv] extents don't fit together");
  g.channels_last = no_blocks(*x) || no_blocks(*y);
  g.blocks = x->layout == MU_LAYOUT_OPAQUE || y->layout == MU_LAYOUT_OPAQUE;
  for (unsigned i = 0; i < g.axes; ++i) {
    g.x[i] = x->dim[i + 2], g.y[i] = y->dim[i + 2], g.kernel[i] = w->dim[i + 2];
    read_axis(g, op, i);
  }
  return g;
}

}  // namespace onednn
