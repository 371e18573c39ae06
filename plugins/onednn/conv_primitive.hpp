// One convolution by oneDNN, for one thread.
#pragma once
#include "conv_geometry.hpp"

namespace onednn {

/// A user's scratchpad: primitives that keep one of their own can't run on several threads at once.
dnnl::primitive_attr with_scratchpad();

struct ConvPrimitive {
  /// The layouts wanted, each of the operand's own extents (w: with the groups in front where there are several).
  dnnl::memory::desc x, w, y, scratchpad;
  dnnl::primitive primitive;

  ConvPrimitive() = default;
  /// Of so many images; gradients of weights are in f32 whatever the geometry's type; `weights`: the layout that w has to be in, or none
  /// yet; `bias`: a forward pass adds one. Throws Refusal where oneDNN has only its reference code.
  ConvPrimitive(const dnnl::engine&, const ConvGeometry&, std::int64_t images, bool bias, const dnnl::memory::desc* weights = nullptr);

  /// `bias`: a value for each output, where there is one. Throws dnnl::error.
  void execute(const dnnl::engine&, const dnnl::stream&, std::uint32_t kind, char* x, char* w, char* y, float* bias, char* scratch) const;

 private:
  dnnl::memory::desc bias_;

  bool make(const dnnl::engine&, const ConvGeometry&, const dnnl::memory::desc& x, const dnnl::memory::desc& w,
            const dnnl::memory::desc& y);
};

/// w's extents as oneDNN takes them.
dnnl::memory::dims weight_sizes(const ConvGeometry&);
/// w's strides, likewise.
dnnl::memory::dims weight_strides(const ConvGeometry&, const mu_tensor& w);

}  // namespace onednn
