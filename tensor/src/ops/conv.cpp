#include "mushin/tensor/ops/conv.hpp"

#include <algorithm>

#include "core/fail.hpp"
#include "core/layouts.hpp"
#include "core/plans.hpp"
#include "core/request.hpp"
#include "mushin/tensor/ops/pointwise.hpp"
#include "mushin/tensor/ops/shape.hpp"
#include "ops/decomposed.hpp"

namespace mushin::core {
namespace {

constexpr const char* names[] = {"conv", "conv_transpose", "conv_weights"};
static_assert(static_cast<std::uint32_t>(ConvKind::data) == MU_CONV_BACKWARD_DATA);
static_assert(static_cast<std::uint32_t>(ConvKind::weights) == MU_CONV_BACKWARD_WEIGHTS);

void check_axes(const char* name, const Sizes& x, const Sizes& w, std::int64_t groups) {
  if (x.rank < 3 || x.rank > 5 || w.rank != x.rank)
    fail<ShapeError>("[{}] needs a batch, channels and 1 to 3 axes more: x is {}, the weights are {}", name, text_of(x), text_of(w));
  if (groups < 1 || groups > UINT32_MAX || w[0] % groups != 0)
    fail<ShapeError>("[{}] the groups do not divide the weights' first axis: {} groups of {}", name, groups, text_of(w));
  for (unsigned i = 2; i < w.rank; ++i)
    if (w[i] == 0) fail<ShapeError>("[{}] the kernel has no element: the weights are {}", name, text_of(w));
}

void check_channels(const char* name, const Sizes& x, const Sizes& w, std::int64_t groups) {
  if (x[1] != w[1] * groups)
    fail<ShapeError>("[{}] the channels differ: x is {}, the weights are {} with {} groups", name, text_of(x), text_of(w), groups);
}

rules::Slide slide(const ConvWindow& window, unsigned i, std::int64_t kernel) {
  return {kernel, window.stride[i], window.before[i], window.dilation[i]};
}

// The three belong to one convolution.
void check_triple(const char* name, const Sizes& x, const Sizes& w, const Sizes& y, std::int64_t groups) {
  check_axes(name, x, w, groups);
  check_channels(name, x, w, groups);
  if (y.rank != x.rank || y[0] != x[0] || y[1] != w[0])
    fail<ShapeError>("[{}] no convolution takes {} to {}: the weights are {}", name, text_of(x), text_of(y), text_of(w));
}

void check(const char* name, ConvKind kind, const Array& a, const Array& b, const Array& bias, const Sizes& to, std::int64_t groups) {
  const Sizes &sa = a.sizes(), &sb = b.sizes();
  if (kind == ConvKind::forward) check_triple(name, sa, sb, to, groups);
  if (kind == ConvKind::data) check_triple(name, to, sb, sa, groups);
  if (kind == ConvKind::weights) check_triple(name, sa, to, sb, groups);
  if (!is_float(a.type()) || a.type() != b.type() || (bias && bias.type() != a.type()))
    fail<Error>("[{}] needs one float type: {} and {}", name, name_of(a.type()), name_of(b.type()));
  if (bias && !(bias.sizes() == Sizes{to[1]}))
    fail<ShapeError>("[{}] the bias has not one value for each output: {} for {}", name, text_of(bias.sizes()), text_of(to));
}

// A value for each channel beside the result.
Array along_channels(const Array& bias, unsigned rank) {
  Sizes s{bias.sizes()[0]};
  while (s.rank + 1 < rank) s.push(1);
  return reshape(bias, s);
}

// The sum and a bias: of input 0 and 1, in their type.
template <mu_dtype Type>
constexpr mu_dtype both_types[] = {Type, Type};
template <mu_dtype Type>
constexpr mu_pw_inst addition = {MU_PW_ADD, 0, Type, 0, 1, MU_PW_NONE, 0};
template <mu_dtype Type>
constexpr mu_pw_program add_bias = {sizeof(mu_pw_program), MU_PW_MAGIC, 1, 2, 1, 0, 1, 0, {2}, Type, both_types<Type>, nullptr, nullptr,
                                    &addition<Type>};
const mu_pw_program* bias_program(dtype type) {
  return type == dtype::f32 ? &add_bias<MU_F32> : type == dtype::f64 ? &add_bias<MU_F64> : nullptr;
}

mu_op_conv description(ConvKind kind, dtype type, const mu_pw_program* epilogue, const ConvWindow& window, std::int64_t groups) {
  const dtype acc = is_half(type) ? dtype::f32 : type;
  mu_op_conv op{};
  op.h = {sizeof op, MU_OP_CONV};
  op.kind = static_cast<std::uint32_t>(kind), op.acc = abi(acc), op.math = product_math(), op.groups = static_cast<std::uint32_t>(groups);
  std::copy_n(window.stride, 3, op.stride), std::copy_n(window.dilation, 3, op.dilation), std::copy_n(window.before, 3, op.before);
  op.epilogue = epilogue;
  return op;
}

// By the device's own op, the bias with it where `epilogue` isn't null. Null where it has none.
Array native(const char* name, ConvKind kind, const Array& a, const Array& b, const Array& bias, const mu_pw_program* epilogue,
             const Sizes& to, const ConvWindow& window, std::int64_t groups) {
  Device* device = a.device();
  Array made = fresh_array(device, a.type(), to, to.count(), name);
  const mu_op_conv op = description(kind, a.type(), epilogue, window, groups);
  mu_tensor view[4];
  unsigned n = 2;
  view_of(view[0], node_of(a)), view_of(view[1], node_of(b));
  if (epilogue) view_broadcast(view[n++], node_of(along_channels(bias, to.rank)), to);
  view_of(view[n], node_of(made));
  return try_request(name, device, &op.h, n, {view, n + 1}) ? made : Array();
}

// The same where the device chooses how the result lies; the bias is a buffer.
Array laid_out(const char* name, ConvKind kind, const Array& a, const Array& b, const Array& bias, const Sizes& to,
               const ConvWindow& window, std::int64_t groups) {
  const mu_op_conv op = description(kind, a.type(), bias ? bias_program(a.type()) : nullptr, window, groups);
  const Array values[] = {a, b};
  mu_tensor view[4];
  const unsigned n = bias ? 3 : 2;
  if (bias) view_broadcast(view[2], node_of(along_channels(bias, to.rank)), to);
  return try_in_layout(name, a.device(), &op.h, values, 0, to, n, {view, n + 1});
}

Array without_bias(const char* name, ConvKind kind, const Array& a, const Array& b, const Sizes& to, const ConvWindow& window,
                   std::int64_t groups) {
  if (Array made = native(name, kind, a, b, {}, nullptr, to, window, groups)) return made;
  if (!is_half(a.type())) return decomposed_conv(kind, a, b, to, window, groups);
  const Array wide_a = buffer_of(cast(a, dtype::f32)), wide_b = buffer_of(cast(b, dtype::f32));
  return cast(without_bias(name, kind, wide_a, wide_b, to, window, groups), a.type());
}

}  // namespace

Sizes conv_sizes(const Sizes& x, const Sizes& w, const ConvWindow& window, std::int64_t groups) {
  check_axes("conv", x, w, groups);
  check_channels("conv", x, w, groups);
  Sizes y{x[0], w[0]};
  for (unsigned i = 0; i + 2 < x.rank; ++i) {
    const rules::Slide s = slide(window, i, w[2 + i]);
    if (!rules::window_fits(x[2 + i], s))
      fail<ShapeError>("[conv] the kernel is greater than x with its padding: x is {}, the weights are {}, the padding is {} in axis {}",
                       text_of(x), text_of(w), s.padding, 2 + i);
    y.push(rules::window_count(x[2 + i], s));
  }
  return y;
}

Sizes conv_transpose_sizes(const Sizes& x, const Sizes& w, const ConvWindow& window, const std::uint32_t* more, std::int64_t groups) {
  check_axes("conv_transpose", x, w, groups);
  if (x[1] != w[0]) fail<ShapeError>("[conv_transpose] the channels differ: x is {}, the weights are {}", text_of(x), text_of(w));
  Sizes out{x[0], w[1] * groups};
  for (unsigned i = 0; i + 2 < x.rank; ++i) {
    const std::int64_t size = rules::transposed_size(x[2 + i], slide(window, i, w[2 + i]), more[i]);
    if (size < 1)
      fail<ShapeError>("[conv_transpose] the padding leaves nothing: x is {}, the weights are {}, the padding is {} in axis {}", text_of(x),
                       text_of(w), window.before[i], 2 + i);
    out.push(size);
  }
  return out;
}

Array conv(ConvKind kind, const Array& a, const Array& b, const Array& bias, const Sizes& to, const ConvWindow* window,
           std::int64_t groups) {
  const char* name = names[static_cast<std::uint32_t>(kind)];
  check(name, kind, a, b, bias, to, groups);
  Device* device = common_device(name, node_of(a), node_of(b), bias ? node_of(bias) : nullptr);
  const std::int64_t count = checked_count(name, to);
  Array made;
  if (count == 0 || a.sizes().count() == 0 || b.sizes().count() == 0) {
    made = filled(name, device, a.type(), to, count, 0, true);
  } else {
    if (image_layouts_chosen(device) && a.type() == dtype::f32) {
      const Array value = bias ? buffer_of(bias, device) : Array();
      if (Array whole = laid_out(name, kind, in_memory(a, device), in_memory(b, device), value, to, *window, groups)) return whole;
    }
    const Array x = buffer_of(a, device), y = buffer_of(b, device);
    if (const mu_pw_program* epilogue = bias ? bias_program(a.type()) : nullptr)
      if (Array whole = native(name, kind, x, y, buffer_of(bias, device), epilogue, to, *window, groups)) return whole;
    made = without_bias(name, kind, x, y, to, *window, groups);
  }
  return bias ? add(made, along_channels(bias, to.rank)) : made;
}

}  // namespace mushin::core
