// The one place that knows oneDNN 2.x from 3.x: in 2.x a primitive is described by an op descriptor, in 3.x by its arguments.
#pragma once
#include <oneapi/dnnl/dnnl.hpp>

namespace onednn::version {

/// A convolution's numbers by axis; `dilation` is 0 where there is none.
struct Window {
  dnnl::memory::dims stride, dilation, before, after;
};

/// Weights beside x, of its type: gradients of them may be wider.
inline dnnl::memory::desc weights_of(const dnnl::memory::desc& x, const dnnl::memory::desc& dw);

#if DNNL_VERSION_MAJOR >= 3

using SoftmaxForward = dnnl::softmax_forward;
using SoftmaxBackward = dnnl::softmax_backward;

inline SoftmaxForward::primitive_desc softmax(const dnnl::engine& engine, dnnl::algorithm kind, const dnnl::memory::desc& md, int axis) {
  return {engine, dnnl::prop_kind::forward_training, kind, md, md, axis};
}
inline SoftmaxBackward::primitive_desc softmax_backward(const dnnl::engine& engine, dnnl::algorithm kind, const dnnl::memory::desc& md,
                                                        int axis) {
  return {engine, kind, md, md, md, axis, softmax(engine, kind, md, axis)};
}

inline dnnl::convolution_forward::primitive_desc conv(const dnnl::engine& engine, const dnnl::memory::desc& x, const dnnl::memory::desc& w,
                                                      const dnnl::memory::desc& y, const Window& a, const dnnl::primitive_attr& attr,
                                                      const dnnl::memory::desc& bias = {}) {
  return {engine,
          dnnl::prop_kind::forward_training,
          dnnl::algorithm::convolution_direct,
          x,
          w,
          bias,
          y,
          a.stride,
          a.dilation,
          a.before,
          a.after,
          attr};
}
inline dnnl::convolution_backward_data::primitive_desc conv_backward_data(const dnnl::engine& engine, const dnnl::memory::desc& dx,
                                                                          const dnnl::memory::desc& w, const dnnl::memory::desc& dy,
                                                                          const Window& a, const dnnl::primitive_attr& attr) {
  return {engine,  dnnl::algorithm::convolution_direct, dx,  w, dy, a.stride, a.dilation, a.before,
          a.after, conv(engine, dx, w, dy, a, attr),    attr};
}
inline dnnl::convolution_backward_weights::primitive_desc conv_backward_weights(const dnnl::engine& engine, const dnnl::memory::desc& x,
                                                                                const dnnl::memory::desc& dw, const dnnl::memory::desc& dy,
                                                                                const Window& a, const dnnl::primitive_attr& attr) {
  return {engine,     dnnl::algorithm::convolution_direct,
          x,          dw,
          dy,         a.stride,
          a.dilation, a.before,
          a.after,    conv(engine, x, weights_of(x, dw), dy, a, attr),
          attr};
}
using PoolForward = dnnl::pooling_forward;
using PoolBackward = dnnl::pooling_backward;

inline PoolForward::primitive_desc pool(const dnnl::engine& engine, dnnl::algorithm kind, const dnnl::memory::desc& x,
                                        const dnnl::memory::desc& y, const Window& a, const dnnl::memory::dims& size,
                                        const dnnl::primitive_attr& attr) {
  return {engine, dnnl::prop_kind::forward_training, kind, x, y, a.stride, size, a.dilation, a.before, a.after, attr};
}
inline PoolBackward::primitive_desc pool_backward(const dnnl::engine& engine, dnnl::algorithm kind, const dnnl::memory::desc& dx,
                                                  const dnnl::memory::desc& dy, const Window& a, const dnnl::memory::dims& size,
                                                  const dnnl::primitive_attr& attr, const PoolForward::primitive_desc& forward) {
  return {engine, kind, dx, dy, a.stride, size, a.dilation, a.before, a.after, forward, attr};
}
inline dnnl::memory::dims sizes_of(const dnnl::memory::desc& md) { return md.get_dims(); }
inline dnnl::memory::data_type type_of(const dnnl::memory::desc& md) { return md.get_data_type(); }
/// Empty where elements lie in blocks.
inline dnnl::memory::dims strides_of(const dnnl::memory::desc& md) {
  return md.get_format_kind() == dnnl::memory::format_kind::blocked && md.get_inner_nblks() == 0 ? md.get_strides() : dnnl::memory::dims{};
}

#else

using SoftmaxForward = dnnl::softmax_v2_forward;
using SoftmaxBackward = dnnl::softmax_v2_backward;

inline SoftmaxForward::primitive_desc softmax(const dnnl::engine& engine, dnnl::algorithm kind, const dnnl::memory::desc& md, int axis) {
  return {SoftmaxForward::desc(dnnl::prop_kind::forward_training, kind, md, md, axis), engine};
}
inline SoftmaxBackward::primitive_desc softmax_backward(const dnnl::engine& engine, dnnl::algorithm kind, const dnnl::memory::desc& md,
                                                        int axis) {
  return {SoftmaxBackward::desc(kind, md, md, md, axis), engine, softmax(engine, kind, md, axis)};
}

inline dnnl::convolution_forward::primitive_desc conv(const dnnl::engine& engine, const dnnl::memory::desc& x, const dnnl::memory::desc& w,
                                                      const dnnl::memory::desc& y, const Window& a, const dnnl::primitive_attr& attr,
                                                      const dnnl::memory::desc& bias = {}) {
  return {{dnnl::prop_kind::forward_training, dnnl::algorithm::convolution_direct, x, w, bias, y, a.stride, a.dilation, a.before, a.after},
          attr,
          engine};
}
inline dnnl::convolution_backward_data::primitive_desc conv_backward_data(const dnnl::engine& engine, const dnnl::memory::desc& dx,
                                                                          const dnnl::memory::desc& w, const dnnl::memory::desc& dy,
                                                                          const Window& a, const dnnl::primitive_attr& attr) {
  return {{dnnl::algorithm::convolution_direct, dx, w, dy, a.stride, a.dilation, a.before, a.after},
          attr,
          engine,
          conv(engine, dx, w, dy, a, attr)};
}
inline dnnl::convolution_backward_weights::primitive_desc conv_backward_weights(const dnnl::engine& engine, const dnnl::memory::desc& x,
                                                                                const dnnl::memory::desc& dw, const dnnl::memory::desc& dy,
                                                                                const Window& a, const dnnl::primitive_attr& attr) {
  return {{dnnl::algorithm::convolution_direct, x, dw, dy, a.stride, a.dilation, a.before, a.after},
          attr,
          engine,
          conv(engine, x, weights_of(x, dw), dy, a, attr)};
}
using PoolForward = dnnl::pooling_v2_forward;
using PoolBackward = dnnl::pooling_v2_backward;

inline PoolForward::primitive_desc pool(const dnnl::engine& engine, dnnl::algorithm kind, const dnnl::memory::desc& x,
                                        const dnnl::memory::desc& y, const Window& a, const dnnl::memory::dims& size,
                                        const dnnl::primitive_attr& attr) {
  return {{dnnl::prop_kind::forward_training, kind, x, y, a.stride, size, a.dilation, a.before, a.after}, attr, engine};
}
inline PoolBackward::primitive_desc pool_backward(const dnnl::engine& engine, dnnl::algorithm kind, const dnnl::memory::desc& dx,
                                                  const dnnl::memory::desc& dy, const Window& a, const dnnl::memory::dims& size,
                                                  const dnnl::primitive_attr& attr, const PoolForward::primitive_desc& forward) {
  return {{kind, dx, dy, a.stride, size, a.dilation, a.before, a.after}, attr, engine, forward};
}
inline dnnl::memory::dims sizes_of(const dnnl::memory::desc& md) { return md.dims(); }
inline dnnl::memory::data_type type_of(const dnnl::memory::desc& md) { return md.data_type(); }
/// Empty where elements lie in blocks.
inline dnnl::memory::dims strides_of(const dnnl::memory::desc& md) {
  const auto& blocks = md.data.format_desc.blocking;
  if (md.data.format_kind != dnnl_blocked || blocks.inner_nblks != 0) return {};
  return {blocks.strides, blocks.strides + md.data.ndims};
}

#endif

inline dnnl::memory::desc weights_of(const dnnl::memory::desc& x, const dnnl::memory::desc& dw) {
  return {sizes_of(dw), type_of(x), dnnl::memory::format_tag::any};
}

}  // namespace onednn::version
