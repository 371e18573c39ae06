#include "conv_primitive.hpp"

#include <algorithm>
#include <cstring>
#include <unordered_map>

#include "image_order.hpp"

namespace onednn {
namespace {

using dnnl::memory;
using Tag = memory::format_tag;

constexpr Tag channels_last[] = {Tag::acb, Tag::acdb, Tag::acdeb}, plain[] = {Tag::abc, Tag::abcd, Tag::abcde};

// Channels of a block.
constexpr std::int64_t block = 16;
// With few channels of x its gradient comes faster out of a product of plain layouts, and that of the weights out of a kernel that takes x
// as it lies.
constexpr std::int64_t few_channels = 4;

bool is_product(const ConvGeometry& g) {
  const auto ones = [](const auto& values, std::int64_t one) {
    return std::all_of(values.begin(), values.end(), [=](auto v) { return v == one; });
  };
  return g.groups == 1 && std::all_of(g.kernel.begin(), g.kernel.begin() + g.axes, [](auto k) { return k == 1; }) &&
         ones(g.window.stride, 1) && ones(g.window.before, 0) && ones(g.window.after, 0);
}

// Channels-last kernels are as fast as blocked ones and pad no channels (AVX-512, 2.6 and 3.2), but plain images are moved into blocks in
// half the time.
bool into_blocks(const ConvGeometry& g) {
  if (g.channels_last || g.out % block || g.groups > 1) return false;
  if (g.kind == MU_CONV_FORWARD && g.in < block) return true;  // x as it lies
  return g.in % block == 0 || (g.kind == MU_CONV_BACKWARD_WEIGHTS && g.in <= few_channels);
}

std::array<Tag, 3> preferred(const ConvGeometry& g) {
  const Tag last = channels_last[g.axes - 1], first = plain[g.axes - 1];
  const bool as_product = is_product(g) && !g.channels_last && !g.blocks && g.kind != MU_CONV_BACKWARD_WEIGHTS;
  if (as_product || (g.kind == MU_CONV_BACKWARD_DATA && g.in / g.groups <= few_channels)) return {first, last, Tag::any};
  if (into_blocks(g)) {
    // oneDNN 3 would choose channels last for some, and the next op then blocks.
    const bool own = g.type == memory::data_type::f32 && g.in % block == 0 && block_channels() != 0;
    return {own ? tag_of(Order::blocks, g.axes + 2) : Tag::any, last, first};
  }
  return {last, Tag::any, first};
}

memory::dims sizes(std::int64_t images, std::int64_t channels, const std::array<std::int64_t, 3>& size, unsigned axes) {
  memory::dims d{images, channels};
  d.insert(d.end(), size.begin(), size.begin() + axes);
  return d;
}

}  // namespace

dnnl::primitive_attr with_scratchpad() {
  dnnl::primitive_attr attr;
  attr.set_scratchpad_mode(dnnl::scratchpad_mode::user);
  return attr;
}

memory::dims weight_sizes(const ConvGeometry& g) {
  memory::dims d;
  if (g.groups > 1) d.push_back(g.groups);
  for (const std::int64_t n : {g.out / g.groups, g.in / g.groups}) d.push_back(n);
  for (unsigned i = 0; i < g.axes; ++i) d.push_back(g.kernel[i]);
  return d;
}

memory::dims weight_strides(const ConvGeometry& g, const mu_tensor& w) {
  memory::dims s;
  if (g.groups > 1) s.push_back(w.stride[0] * (g.out / g.groups));
  for (unsigned i = 0; i < w.rank; ++i) s.push_back(w.stride[i]);
  return s;
}

ConvPrimitive::ConvPrimitive(const dnnl::engine& engine, const ConvGeometry& g, std::int64_t images, bool bias,
                             const memory::desc* weights) {
  if (bias) bias_ = {{g.out}, memory::data_type::f32, Tag::a};
  const auto w_type = g.kind == MU_CONV_BACKWARD_WEIGHTS ? memory::data_type::f32 : g.type;
  const memory::desc any_w = weights ? *weights : memory::desc(weight_sizes(g), w_type, Tag::any);
  for (const Tag tag : preferred(g)) {
    const memory::desc x_wanted(sizes(images, g.in, g.x, g.axes), g.type, tag), y_wanted(sizes(images, g.out, g.y, g.axes), g.type, tag);
    if (make(engine, g, x_wanted, any_w, y_wanted)) return;
  }
  throw Refusal{MU_UNSUPPORTED, "[onednn conv] oneDNN has only its reference code for this"};
}

bool ConvPrimitive::make(const dnnl::engine& engine, const ConvGeometry& g, const memory::desc& x_wanted, const memory::desc& w_wanted,
                         const memory::desc& y_wanted) {
  const auto fast = [](const auto& pd) { return !std::strstr(pd.impl_info_str(), "ref"); };
  const auto attr = with_scratchpad();
  try {
    if (g.kind == MU_CONV_FORWARD) {
      const auto pd = version::conv(engine, x_wanted, w_wanted, y_wanted, g.window, attr, bias_);
      if (!fast(pd)) return false;
      x = pd.src_desc(), w = pd.weights_desc(), y = pd.dst_desc(), scratchpad = pd.scratchpad_desc();
      primitive = dnnl::convolution_forward(pd);
    } else if (g.kind == MU_CONV_BACKWARD_DATA) {
      const auto pd = version::conv_backward_data(engine, x_wanted, w_wanted, y_wanted, g.window, attr);
      if (!fast(pd)) return false;
      x = pd.diff_src_desc(), w = pd.weights_desc(), y = pd.diff_dst_desc(), scratchpad = pd.scratchpad_desc();
      primitive = dnnl::convolution_backward_data(pd);
    } else {
      const auto pd = version::conv_backward_weights(engine, x_wanted, w_wanted, y_wanted, g.window, attr);
      if (!fast(pd)) return false;
      x = pd.src_desc(), w = pd.diff_weights_desc(), y = pd.diff_dst_desc(), scratchpad = pd.scratchpad_desc();
      primitive = dnnl::convolution_backward_weights(pd);
    }
    return true;
  } catch (const dnnl::error& error) {
    if (error.status == dnnl_unimplemented) return false;
    throw;
  }
}

void ConvPrimitive::execute(const dnnl::engine& engine, const dnnl::stream& stream, std::uint32_t kind, char* at_x, char* at_w, char* at_y,
                            float* bias, char* scratch) const {
  constexpr int roles[][3] = {{DNNL_ARG_SRC, DNNL_ARG_WEIGHTS, DNNL_ARG_DST},
                              {DNNL_ARG_DIFF_SRC, DNNL_ARG_WEIGHTS, DNNL_ARG_DIFF_DST},
                              {DNNL_ARG_SRC, DNNL_ARG_DIFF_WEIGHTS, DNNL_ARG_DIFF_DST}};
  const auto& role = roles[kind];
  std::unordered_map<int, memory> arguments{{role[0], memory(x, engine, at_x)},
                                            {role[1], memory(w, engine, at_w)},
                                            {role[2], memory(y, engine, at_y)},
                                            {DNNL_ARG_SCRATCHPAD, memory(scratchpad, engine, scratch)}};
  if (bias) arguments.emplace(DNNL_ARG_BIAS, memory(bias_, engine, bias));
  primitive.execute(stream, arguments);
}

}  // namespace onednn
