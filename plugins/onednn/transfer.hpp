// Elements moved between a strided view and the layout that a primitive wants.
#pragma once
#include "dnnl_version.hpp"
#include "plan.hpp"

namespace onednn {

class Transfer {
 public:
  Transfer() = default;
  /// Of a view of `wanted`'s extents and these strides, in one direction. out_of: with conversion to `type`. Throws Refusal for what can't
  /// be moved.
  static Transfer into(const dnnl::engine&, const dnnl::memory::dims& strides, const dnnl::memory::desc& wanted);
  static Transfer out_of(const dnnl::engine&, const dnnl::memory::desc& wanted, const dnnl::memory::dims& strides,
                         dnnl::memory::data_type type);
  /// Between two layouts of equal extents.
  static Transfer between(const dnnl::engine&, const dnnl::memory::desc& from, const dnnl::memory::desc& to);

  /// The view is in the layout already.
  bool nothing() const { return nothing_; }
  std::size_t scratch_bytes() const { return nothing_ || !reorder_ ? 0 : scratchpad_.get_size(); }
  /// Throws dnnl::error.
  void run(const dnnl::engine&, const dnnl::stream&, char* from, char* to, char* scratch) const;

 private:
  bool nothing_ = true;
  dnnl::reorder reorder_{};
  dnnl::memory::desc from_, to_, scratchpad_;
  dnnl::memory::dims repeated_;  // a source's strides, where elements of it share memory

  Transfer(const dnnl::engine&, const dnnl::memory::desc& from, const dnnl::memory::desc& to);
};

/// Whether these strides are those of `layout`, but for extents of 1.
bool lies_as(const dnnl::memory::dims& strides, const dnnl::memory::desc& layout);

/// Whether elements of a view may share memory.
bool overlaps(const dnnl::memory::dims& sizes, const dnnl::memory::dims& strides);

}  // namespace onednn
