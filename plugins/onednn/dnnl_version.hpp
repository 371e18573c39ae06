// The one place that knows oneDNN 2.x from 3.x: in 2.x a primitive is described by an op descriptor, in 3.x by its arguments.
#pragma once
#include <oneapi/dnnl/dnnl.hpp>

namespace onednn::version {

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

#endif

}  // namespace onednn::version
