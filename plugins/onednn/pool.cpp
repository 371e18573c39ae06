// Means of windows and their gradient by oneDNN's primitives, made for some images each and executed serially from the host's threads.
#include <algorithm>
#include <array>
#include <cstdio>
#include <cstring>
#include <optional>
#include <vector>

#include "conv_primitive.hpp"
#include "image_order.hpp"
#include "units.hpp"

namespace onednn {
namespace {

using dnnl::memory;

// Below, a primitive costs more to start than it saves.
constexpr std::int64_t small_pool = 1 << 13;
// What one execution reads and writes: enough for its start to be nothing, little enough for the second cache.
constexpr std::int64_t unit_elements = 1 << 16;
// A worker is worth its hand-over from about so many on.
constexpr std::int64_t worker_elements = 1 << 17;
// Images that are larger are parted by their channels, into as many at least.
constexpr std::int64_t part_channels = 16;

/// What oneDNN wants to be told of the windows; `x` and `y` as of the forward op.
struct Windows {
  version::Window window;
  memory::dims size;
  dnnl::algorithm kind = dnnl::algorithm::pooling_avg_exclude_padding;

  Windows(const mu_op_pool& op, const mu_tensor& x, const mu_tensor& y) {
    bool padded = false;
    for (unsigned i = 0; i + 2 < x.rank; ++i) {
      const std::int64_t n = op.window[i], stride = op.stride[i], before = op.before[i];
      if (n < 1 || stride < 1) throw Refusal{MU_INVALID, "[onednn pool] windows and strides are positive"};
      const std::int64_t after = (y.dim[i + 2] - 1) * stride + n - before - x.dim[i + 2];
      require(op.dilation[i] == 1, "[onednn pool] means have no dilation");
      require(before < n && after < n, "[onednn pool] whole windows lie in the padding");
      require(after > -stride, "[onednn pool] the result leaves out whole windows");
      require(!(op.flags & MU_POOL_COUNT_PADDING) || after <= op.after[i], "[onednn pool] windows reach beyond the padding that counts");
      padded = padded || before > 0 || after > 0;
      size.push_back(n);
      window.stride.push_back(stride), window.dilation.push_back(0);
      window.before.push_back(before), window.after.push_back(std::max<std::int64_t>(after, 0));
    }
    if (padded && op.flags & MU_POOL_COUNT_PADDING) kind = dnnl::algorithm::pooling_avg_include_padding;
  }
};

struct Primitive {
  memory::desc x, y, scratchpad;
  dnnl::primitive primitive;
};

template <class Description>
void require_fast(const Description& pd) {
  const char* name = pd.impl_info_str();
  require(!std::strstr(name, "ref") && !std::strstr(name, "simple"), "[onednn pool] the builtin kernel is faster than oneDNN's for this");
}

class Pool final : public mu_plan {
 public:
  Pool(const Request& r, const Windows& windows, Order order, bool backward) : engine_(*r.engine), backward_(backward) {
    OneThread guard;  // primitives are made for the number of threads that they see
    const mu_tensor &x = backward ? r.out[0] : r.in[0], &y = backward ? r.in[0] : r.out[0];
    images_ = x.dim[0], channels_ = x.dim[1];
    split(elements(x) / images_ + elements(y) / images_, order);
    chunk_ = make(windows, x, y, order, at_once_);
    if (images_ % at_once_) tail_ = make(windows, x, y, order, images_ % at_once_);
    workspace_each_ = Room::whole(std::max(chunk_.scratchpad.get_size(), tail_ ? tail_->scratchpad.get_size() : 0));
    workspace_bytes = workspace_each_ * static_cast<std::size_t>(workers_);
    part_bytes_[0] = elements(x) / images_ / parts_ * sizeof_float, part_bytes_[1] = elements(y) / images_ / parts_ * sizeof_float;
  }

  mu_code run(const mu_tensor* in, const mu_tensor* out, char* workspace, mu_error* e) const noexcept override {
    const mu_tensor &x = backward_ ? out[0] : in[0], &y = backward_ ? in[0] : out[0];
    const int status = for_units(engine_, workers_, [&](std::int64_t w, const dnnl::stream& stream) {
      char* scratch = workspace + static_cast<std::size_t>(w) * workspace_each_;
      for (std::int64_t u = units_ * w / workers_; u < units_ * (w + 1) / workers_; ++u)
        unit(u, address_of(x, 0), address_of(y, 0), scratch, stream);
    });
    if (status == dnnl_success) return MU_OK;
    std::array<char, 128> text;
    std::snprintf(text.data(), text.size(), "[onednn pool] oneDNN failed on %lld images (dnnl status %d)", static_cast<long long>(images_),
                  status);
    return mu_fail(e, status == dnnl_out_of_memory ? MU_OUT_OF_MEMORY : MU_INTERNAL, status, text.data());
  }

 private:
  static constexpr std::int64_t sizeof_float = sizeof(float);

  void unit(std::int64_t u, char* x, char* y, char* scratch, const dnnl::stream& stream) const {
    const std::int64_t first = u / parts_ * at_once_, at = first * parts_ + u % parts_;
    const Primitive& p = images_ - first < at_once_ ? *tail_ : chunk_;
    p.primitive.execute(stream, {{backward_ ? DNNL_ARG_DIFF_SRC : DNNL_ARG_SRC, memory(p.x, engine_, x + at * part_bytes_[0])},
                                 {backward_ ? DNNL_ARG_DIFF_DST : DNNL_ARG_DST, memory(p.y, engine_, y + at * part_bytes_[1])},
                                 {DNNL_ARG_SCRATCHPAD, memory(p.scratchpad, engine_, scratch)}});
  }

  // Some images at once, or parts of one.
  void split(std::int64_t of_image, Order order) {
    at_once_ = std::clamp(unit_elements / of_image, std::int64_t{1}, images_);
    while (order != Order::channels_last && of_image / parts_ > unit_elements && channels_ % (2 * part_channels) == 0)
      channels_ /= 2, parts_ *= 2;
    units_ = (images_ + at_once_ - 1) / at_once_ * parts_;
    const std::int64_t threads = std::max<std::int64_t>(1, host->thread_count(host->ctx));
    workers_ = std::clamp(of_image * images_ / worker_elements, std::int64_t{1}, std::min(units_, threads == 1 ? 1 : threads * 4));
  }

  Primitive make(const Windows& w, const mu_tensor& x, const mu_tensor& y, Order order, std::int64_t images) const {
    const auto desc = [&](const mu_tensor& v) {
      memory::dims sizes{images, channels_};
      sizes.insert(sizes.end(), v.dim + 2, v.dim + v.rank);
      return memory::desc(sizes, memory::data_type::f32, tag_of(order, v.rank));
    };
    Primitive p{desc(x), desc(y), {}, {}};
    const auto attr = with_scratchpad();
    const auto forward = version::pool(engine_, w.kind, p.x, p.y, w.window, w.size, attr);
    if (!backward_) {
      require_fast(forward);
      p.scratchpad = forward.scratchpad_desc(), p.primitive = version::PoolForward(forward);
      return p;
    }
    const auto pd = version::pool_backward(engine_, w.kind, p.x, p.y, w.window, w.size, attr, forward);
    require_fast(pd);
    p.scratchpad = pd.scratchpad_desc(), p.primitive = version::PoolBackward(pd);
    return p;
  }

  dnnl::engine engine_;
  bool backward_;
  std::int64_t images_ = 0, channels_ = 0, at_once_ = 1, parts_ = 1, units_ = 1, workers_ = 1;  // channels: of a part
  std::array<std::int64_t, 2> part_bytes_{};                                                    // of x and y
  Primitive chunk_;
  std::optional<Primitive> tail_;
  std::size_t workspace_each_ = 0;
};

}  // namespace

std::unique_ptr<mu_plan> make_pool(const Request& r) {
  mu_op_pool op;
  if (const mu_code code = mu_read_desc(&op, sizeof op, r.op, sizeof op); code != MU_OK)
    throw Refusal{code, "[onednn pool] the descriptor isn't one of this version"};
  if (op.kind == MU_POOL_MAX || op.kind == MU_POOL_MAX_BACKWARD) return make_greatest(r, op);
  require(op.kind == MU_POOL_MEAN || op.kind == MU_POOL_MEAN_BACKWARD, "[onednn pool] the kind is unknown");
  require((op.flags & ~MU_POOL_COUNT_PADDING) == 0, "[onednn pool] the flags are unknown");
  if (r.n_in != 1 || r.n_out != 1) throw Refusal{MU_INVALID, "[onednn pool] wrong number of operands"};
  const bool backward = op.kind == MU_POOL_MEAN_BACKWARD;
  const mu_tensor &x = backward ? r.out[0] : r.in[0], &y = backward ? r.in[0] : r.out[0];
  if (x.rank != y.rank || x.rank < 3 || x.rank > 5) throw Refusal{MU_INVALID, "[onednn pool] all views have one rank, 3 to 5"};
  if (x.dim[0] != y.dim[0] || x.dim[1] != y.dim[1]) throw Refusal{MU_INVALID, "[onednn pool] batch and channels differ"};
  require(x.dtype == MU_F32 && y.dtype == MU_F32, "[onednn pool] operands are f32");
  require(elements(y) > 0 && elements(x) >= small_pool, "[onednn pool] the builtin kernel is faster for operands this small");
  const bool laid = r.in[0].layout == MU_LAYOUT_OPAQUE;
  const Order order = laid ? Order::blocks : order_of(x);  // of the greater one, where y may be one pixel
  require(laid ? lies_in(r.in[0], order) && can_be_blocks(r.out[0]) : order != Order::other && lies_in(y, order),
          "[onednn pool] images lie with gaps, or in two orders");
  auto plan = std::make_unique<Pool>(r, Windows(op, x, y), order, backward);
  if (laid) plan->blocks = 1u << r.n_in;
  return plan;
}

}  // namespace onednn
