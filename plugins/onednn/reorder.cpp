// Images from this device's blocks to strides, and back.
#include <algorithm>
#include <array>
#include <cstdio>
#include <optional>

#include "image_order.hpp"
#include "transfer.hpp"
#include "units.hpp"

namespace onednn {
namespace {

using dnnl::memory;

// A worker is worth its hand-over from about so many elements on.
constexpr std::int64_t worker_elements = 1 << 15;

class Reorder final : public mu_plan {
 public:
  Reorder(const Request& r, bool into) : engine_(*r.engine), into_(into) {
    OneThread guard;  // primitives are made for the number of threads that they see
    const mu_tensor& laid = into ? r.out[0] : r.in[0];
    images_ = laid.dim[0];
    at_once_ = std::clamp(worker_elements * images_ / elements(laid), std::int64_t{1}, images_);
    chunk_ = make(r, at_once_);
    if (images_ % at_once_) tail_ = make(r, images_ % at_once_);
    scratch_ = Room::whole(std::max(chunk_.scratch_bytes(), tail_ ? tail_->scratch_bytes() : 0));
    workspace_bytes = scratch_ * static_cast<std::size_t>(units());
  }

  mu_code run(const mu_tensor* in, const mu_tensor* out, char* workspace, mu_error* e) const noexcept override {
    const int status = for_units(engine_, units(), [&](std::int64_t u, const dnnl::stream& stream) {
      const std::int64_t first = u * at_once_;
      const Transfer& t = images_ - first < at_once_ ? *tail_ : chunk_;
      t.run(engine_, stream, address_of(in[0], first * image_stride(in[0])), address_of(out[0], first * image_stride(out[0])),
            workspace + static_cast<std::size_t>(u) * scratch_);
    });
    if (status == dnnl_success) return MU_OK;
    std::array<char, 128> text;
    std::snprintf(text.data(), text.size(), "[onednn reorder] oneDNN failed on %lld images (dnnl status %d)",
                  static_cast<long long>(images_), status);
    return mu_fail(e, status == dnnl_out_of_memory ? MU_OUT_OF_MEMORY : MU_INTERNAL, status, text.data());
  }

 private:
  std::int64_t units() const { return (images_ + at_once_ - 1) / at_once_; }

  Transfer make(const Request& r, std::int64_t images) const {
    const mu_tensor &laid = into_ ? r.out[0] : r.in[0], &view = into_ ? r.in[0] : r.out[0];
    memory::dims sizes(laid.dim, laid.dim + laid.rank);
    sizes[0] = images;
    const memory::desc whole(sizes, memory::data_type::f32, tag_of(Order::blocks, laid.rank));
    const memory::dims strides(view.stride, view.stride + view.rank);
    return into_ ? Transfer::into(engine_, strides, whole) : Transfer::out_of(engine_, whole, strides, memory::data_type::f32);
  }

  dnnl::engine engine_;
  bool into_;
  std::int64_t images_ = 0, at_once_ = 1;
  Transfer chunk_;
  std::optional<Transfer> tail_;
  std::size_t scratch_ = 0;
};

}  // namespace

std::unique_ptr<mu_plan> make_reorder(const Request& r) {
  if (r.n_in != 1 || r.n_out != 1) throw Refusal{MU_INVALID, "[onednn reorder] wrong number of operands"};
  const mu_tensor &from = r.in[0], &to = r.out[0];
  if (from.rank != to.rank || !std::equal(from.dim, from.dim + from.rank, to.dim) || from.dtype != to.dtype)
    throw Refusal{MU_INVALID, "[onednn reorder] operands differ in extents or type"};
  const bool into = to.layout == MU_LAYOUT_OPAQUE;
  const mu_tensor &laid = into ? to : from, &view = into ? from : to;
  require(lies_in(laid, Order::blocks) && view.layout == MU_LAYOUT_STRIDED, "[onednn reorder] it is between blocks and strides");
  require(elements(laid) > 0, "[onednn reorder] there are no elements");
  return std::make_unique<Reorder>(r, into);
}

}  // namespace onednn
