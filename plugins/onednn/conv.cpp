// Convolutions and their gradients by oneDNN's primitives, made for some images each and executed serially from the host's threads.
#include <algorithm>
#include <array>
#include <cstdio>
#include <optional>

#include "conv_primitive.hpp"
#include "image_epilogue.hpp"
#include "image_order.hpp"
#include "transfer.hpp"
#include "units.hpp"

namespace onednn {
namespace {

// Below, a primitive costs more to start than it saves.
constexpr std::int64_t small_conv = 1 << 17;
// A worker is worth its hand-over from about 50 us on: these many multiplications.
constexpr std::int64_t part_products = 2'500'000;
// One execution computes about so much, and keeps what it moves in the second cache.
constexpr std::int64_t step_products = 1'000'000, step_elements = 1 << 17;
// Workers are then as for this many threads, whatever there are: gradients of weights are summed in another order for another number.
constexpr std::int64_t ordered_threads = 16;
// Pieces of weights that are laid out by themselves, in outputs; and what is worth that.
constexpr std::int64_t piece = 64, large_weights = 1 << 17;
// Parts have as many channels at least.
constexpr std::int64_t part_channels = 16;
// Partial sums are added up in ranges of so many elements.
constexpr std::int64_t range = 1 << 14;

constexpr std::int64_t ceil_div(std::int64_t n, std::int64_t by) { return (n + by - 1) / by; }

std::size_t bytes_of(const dnnl::memory::desc& md) { return md.get_size(); }
float* floats(char* at) { return reinterpret_cast<float*>(at); }
const float* floats(const char* at) { return reinterpret_cast<const float*>(at); }

/// What is done with so many images at once.
struct Step {
  ConvPrimitive conv;
  Transfer x, y;
};

/// Weights between the view and the primitive's layout, in pieces of outputs.
struct Weights {
  struct Piece {
    Transfer transfer;
    std::int64_t offset;  // in the view
  };
  std::vector<Piece> pieces;
  bool nothing = false;  // the view is in that layout
};

// A forward pass's program is to add a value for each output, which lie behind one another.
bool is_bias(const mu_pw_program& p, const Request& r) {
  if (reinterpret_cast<const mu_op_conv*>(r.op)->kind != MU_CONV_FORWARD || r.n_in != 3) return false;
  if (p.magic != MU_PW_MAGIC || p.version != 1 || p.n_in != 2 || p.n_const != 0 || p.n_inst != 1 || p.n_out != 1 || p.out[0] != 2)
    return false;
  if (p.in_type[0] != MU_F32 || p.in_type[1] != MU_F32) return false;
  const mu_pw_inst& i = p.inst[0];
  if (i.op != MU_PW_ADD || i.type != MU_F32 || i.a + i.b != 1) return false;
  const mu_tensor& v = r.in[2];
  for (unsigned axis = 0; axis < v.rank; ++axis)
    if (v.dim[axis] != 1 && v.stride[axis] != (axis == 1)) return false;
  return v.dtype == MU_F32;
}

class Conv final : public mu_plan {
 public:
  Conv(const Request& r, const ConvGeometry& whole, const mu_op_conv& op) : engine_(*r.engine), g_(whole) {
    OneThread guard;  // primitives are made for the number of threads that they see
    x_view_ = weights_made() ? 0 : (g_.kind == MU_CONV_FORWARD ? 0 : result);
    y_view_ = weights_made() ? 1 : (g_.kind == MU_CONV_FORWARD ? result : 0);
    deterministic = r.ordered;
    has_epilogue_ = op.epilogue != nullptr;
    with_bias_ = has_epilogue_ && is_bias(*op.epilogue, r);
    split(r.ordered ? ordered_threads : std::max<std::int64_t>(1, host->thread_count(host->ctx)));
    chunk_ = make_step(r, images_, nullptr);
    if (g_.images % images_) tail_ = make_step(r, g_.images % images_, &chunk_.conv.w);
    make_weights(weights_made() ? r.out[0] : r.in[1]);
    if (has_epilogue_ && !with_bias_) epilogue_ = ImageEpilogue(*op.epilogue, r.in, r.n_in, r.out[0], channels_of_part());
    lay_out();
  }

  mu_code run(const mu_tensor* in, const mu_tensor* out, char* workspace, mu_error* e) const noexcept override {
    int status = dnnl_success;
    if (!weights_made() && !weights_.nothing) status = move_weights(in[1], workspace);
    if (status == dnnl_success)
      status = for_units(engine_, parts_ * workers_, [&](std::int64_t u, const dnnl::stream& s) { work(in, out, workspace, u, s); });
    if (status == dnnl_success && weights_made()) status = sum_partials(out[0], workspace);
    if (status == dnnl_success) return MU_OK;
    std::array<char, 128> text;
    std::snprintf(text.data(), text.size(), "[onednn conv] oneDNN failed on %lld images (dnnl status %d)",
                  static_cast<long long>(g_.images), status);
    return mu_fail(e, status == dnnl_out_of_memory ? MU_OUT_OF_MEMORY : MU_INTERNAL, status, text.data());
  }

 private:
  static constexpr unsigned result = 8;  // not an input

  bool weights_made() const { return g_.kind == MU_CONV_BACKWARD_WEIGHTS; }
  static const mu_tensor& view(unsigned which, const mu_tensor* in, const mu_tensor* out) { return which == result ? out[0] : in[which]; }

  // The result's channels that a part has; of gradients of weights the outputs.
  std::int64_t& channels_of_part() { return g_.kind == MU_CONV_BACKWARD_DATA ? g_.in : g_.out; }
  std::int64_t channels_of_part() const { return g_.kind == MU_CONV_BACKWARD_DATA ? g_.in : g_.out; }

  // A worker does consecutive steps, a step some images. Where there are too few images for the threads, channels are parted, too: from
  // here on the geometry is a part's.
  void split(std::int64_t threads) {
    const std::int64_t all = g_.images * g_.products(), moved = g_.x_elements() + g_.y_elements();
    const std::int64_t wanted =
        std::clamp(all / part_products, std::int64_t{1}, all > threads * 16 * part_products && !weights_made() ? threads * 4 : threads);
    workers_ = std::min(wanted, g_.images);
    if (weights_made()) workers_ = std::clamp(g_.images * moved / g_.weights(), std::int64_t{1}, workers_);  // each one's sum is added
    while (g_.groups == 1 && workers_ * parts_ < std::min(wanted, threads) && channels_of_part() % (2 * part_channels) == 0)
      channels_of_part() /= 2, parts_ *= 2;
    images_ = g_.blocks && parts_ > 1 ? 1 : std::min(images_of_step(), ceil_div(g_.images, workers_));
    steps_ = ceil_div(g_.images, images_);
    workers_ = std::min(workers_, steps_);
  }

  // Enough for weights to be worth their way through the caches.
  std::int64_t images_of_step() const {
    const std::int64_t moved = g_.x_elements() + g_.y_elements();
    const std::int64_t wanted = std::min(ceil_div(step_products, g_.products()), std::max<std::int64_t>(1, step_elements / moved));
    return std::max(wanted, ceil_div(g_.weights() * (weights_made() ? 4 : 1), moved));
  }

  // Blocks of one image's part lie behind one another; those of several images' parts don't.
  bool parts_lie_whole() const { return parts_ == 1 || images_ == 1; }

  Transfer transfer(const Request& r, unsigned which, const dnnl::memory::desc& wanted) {
    const mu_tensor& v = view(which, r.in, r.out);
    const bool in_blocks = v.layout == MU_LAYOUT_OPAQUE;
    if (in_blocks ||
        (which == result && v.layout == MU_LAYOUT_ANY && can_be_blocks(v) && (!has_epilogue_ || with_bias_) && parts_lie_whole())) {
      const dnnl::memory::desc whole(version::sizes_of(wanted), dnnl::memory::data_type::f32, tag_of(Order::blocks, v.rank));
      if (in_blocks) return Transfer::between(engine_, whole, wanted);
      if (blocks || wanted == whole) {  // as the first step has it
        blocks = 1u << r.n_in;
        return Transfer::between(engine_, wanted, whole);
      }
    }
    const dnnl::memory::dims strides(v.stride, v.stride + v.rank);
    return which == result ? Transfer::out_of(engine_, wanted, strides, g_.type) : Transfer::into(engine_, strides, wanted);
  }

  Step make_step(const Request& r, std::int64_t images, const dnnl::memory::desc* weights) {
    Step s;
    s.conv = ConvPrimitive(engine_, g_, images, with_bias_, weights);
    s.x = transfer(r, x_view_, s.conv.x);
    s.y = transfer(r, y_view_, s.conv.y);
    return s;
  }

  // Part `p` of a view begins so many elements behind it; `axis` is that of the channels which are parted.
  std::int64_t part_offset(std::int64_t p, const mu_tensor& v, unsigned axis) const {
    return p * channels_of_part() * (axis == 1 ? channel_stride(v) : v.stride[axis]);
  }
  unsigned weight_axis() const { return g_.kind == MU_CONV_BACKWARD_DATA ? 1 : 0; }

  void make_weights(const mu_tensor& view) {
    const auto strides = weight_strides(g_, view);
    const auto& whole = chunk_.conv.w;
    const auto sizes = weight_sizes(g_);
    weights_.nothing = lies_as(strides, whole) && version::type_of(whole) == g_.type;
    const bool in_pieces = !weights_.nothing && g_.groups == 1 && g_.out % piece == 0 && g_.weights() >= large_weights;
    const std::int64_t length = in_pieces ? piece : sizes[0];
    for (std::int64_t begin = 0; begin < sizes[0]; begin += length) {
      dnnl::memory::desc part = whole;
      if (in_pieces) {
        dnnl::memory::dims offsets(sizes.size(), 0), part_sizes = sizes;
        offsets[0] = begin, part_sizes[0] = length;
        part = whole.submemory_desc(part_sizes, offsets);
      }
      weights_.pieces.push_back(
          {weights_made() ? Transfer::out_of(engine_, part, strides, g_.type) : Transfer::into(engine_, strides, part),
           begin * strides[0]});
    }
  }

  // Of each worker: x and y as the primitive wants them, for gradients of weights its sum and a step's, and the scratchpad.
  void lay_out() {
    Room all, own;
    const std::size_t weights = bytes_of(chunk_.conv.w);
    x_at_ = own.take(chunk_.x.nothing() ? 0 : bytes_of(chunk_.conv.x));
    y_at_ = own.take(chunk_.y.nothing() ? 0 : bytes_of(chunk_.conv.y));
    sum_at_ = own.take(weights_made() ? weights : 0);
    addend_at_ = own.take(weights_made() && steps_ > workers_ ? weights : 0);
    std::size_t scratch = std::max({bytes_of(chunk_.conv.scratchpad), chunk_.x.scratch_bytes(), chunk_.y.scratch_bytes()});
    if (tail_) scratch = std::max({scratch, bytes_of(tail_->conv.scratchpad), tail_->x.scratch_bytes(), tail_->y.scratch_bytes()});
    scratch_at_ = own.take(scratch);
    each_ = own.taken();
    const auto parts = static_cast<std::size_t>(parts_);
    packed_each_ = weights_made() || weights_.nothing ? 0 : Room::whole(weights);
    packed_at_ = all.take(packed_each_ * parts);
    for (const auto& p : weights_.pieces) piece_scratch_ = std::max(piece_scratch_, Room::whole(p.transfer.scratch_bytes()));
    pieces_at_ = all.take(piece_scratch_ * weights_.pieces.size() * parts);
    workers_at_ = all.take(each_ * static_cast<std::size_t>(workers_) * parts);
    workspace_bytes = all.taken();
  }

  // A part's packed weights, or the sum of its gradients.
  char* weights_of(std::int64_t part, char* workspace) const {
    if (weights_made()) return workspace + workers_at_ + sum_at_ + each_ * static_cast<std::size_t>(part * workers_);
    return workspace + packed_at_ + packed_each_ * static_cast<std::size_t>(part);
  }

  int move_weights(const mu_tensor& view, char* workspace) const noexcept {
    const auto pieces = static_cast<std::int64_t>(weights_.pieces.size());
    return for_units(engine_, pieces * parts_, [&](std::int64_t i, const dnnl::stream& s) {
      const auto& p = weights_.pieces[static_cast<std::size_t>(i % pieces)];
      char *strided = address_of(view, p.offset + part_offset(i / pieces, view, weight_axis())),
           *packed = weights_of(i / pieces, workspace);
      char* scratch = workspace + pieces_at_ + static_cast<std::size_t>(i) * piece_scratch_;
      p.transfer.run(engine_, s, weights_made() ? packed : strided, weights_made() ? strided : packed, scratch);
    });
  }

  void work(const mu_tensor* in, const mu_tensor* out, char* workspace, std::int64_t unit, const dnnl::stream& s) const {
    char* own = workspace + workers_at_ + each_ * static_cast<std::size_t>(unit);
    const std::int64_t part = unit / workers_, worker = unit % workers_;
    const std::int64_t begin = steps_ * worker / workers_, end = steps_ * (worker + 1) / workers_;
    char* w =
        weights_.nothing && !weights_made() ? address_of(in[1], part_offset(part, in[1], weight_axis())) : weights_of(part, workspace);
    for (std::int64_t i = begin; i < end; ++i) {
      if (weights_made()) w = own + (i == begin ? sum_at_ : addend_at_);
      step(in, out, own, part, i, w, s);
      if (weights_made() && i > begin) add(own + sum_at_, w, 0, weight_floats());
    }
  }

  void step(const mu_tensor* in, const mu_tensor* out, char* own, std::int64_t part, std::int64_t number, char* w,
            const dnnl::stream& s) const {
    const std::int64_t begin = number * images_, end = std::min(begin + images_, g_.images);
    const Step& k = end - begin == images_ ? chunk_ : *tail_;
    const mu_tensor &x = view(x_view_, in, out), &y = view(y_view_, in, out);
    const bool x_parted = g_.kind == MU_CONV_BACKWARD_DATA;
    char* x_from = address_of(x, begin * image_stride(x) + (x_parted ? part_offset(part, x, 1) : 0));
    char* y_from = address_of(y, begin * image_stride(y) + (x_parted ? 0 : part_offset(part, y, 1)));
    char* x_at = k.x.nothing() ? x_from : own + x_at_;
    char* y_at = k.y.nothing() ? y_from : own + y_at_;
    char* scratch = own + scratch_at_;
    if (x_view_ != result) k.x.run(engine_, s, x_from, x_at, scratch);
    if (y_view_ != result) k.y.run(engine_, s, y_from, y_at, scratch);
    float* bias = with_bias_ ? address(in[2]) + part * channels_of_part() : nullptr;
    k.conv.execute(engine_, s, g_.kind, x_at, w, y_at, bias, scratch);
    if (x_view_ == result) k.x.run(engine_, s, x_at, x_from, scratch);
    if (y_view_ == result) k.y.run(engine_, s, y_at, y_from, scratch);
    if (!epilogue_.empty()) epilogue_.apply(in, out[0], begin, end, part * channels_of_part());
  }

  std::int64_t weight_floats() const { return static_cast<std::int64_t>(bytes_of(chunk_.conv.w) / sizeof(float)); }

  static void add(char* sum, const char* more, std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) floats(sum)[i] += floats(more)[i];
  }

  int sum_partials(const mu_tensor& dw, char* workspace) const noexcept {
    const std::int64_t n = weight_floats(), ranges = ceil_div(n, range);
    if (workers_ > 1) {
      const int status = for_units(engine_, ranges * parts_, [&](std::int64_t i, const dnnl::stream&) {
        char* first = weights_of(i / ranges, workspace);
        const std::int64_t begin = i % ranges * range, end = std::min(n, begin + range);
        for (std::int64_t k = 1; k < workers_; ++k) add(first, first + each_ * static_cast<std::size_t>(k), begin, end);
      });
      if (status != dnnl_success) return status;
    }
    if (!weights_.nothing) return move_weights(dw, workspace);
    for (std::int64_t p = 0; p < parts_; ++p)
      std::copy_n(floats(weights_of(p, workspace)), n, address(dw) + part_offset(p, dw, weight_axis()));
    return dnnl_success;
  }

  dnnl::engine engine_;
  ConvGeometry g_;
  unsigned x_view_ = 0, y_view_ = 0;
  bool has_epilogue_ = false, with_bias_ = false;                  // the latter: it is one that oneDNN adds
  std::int64_t parts_ = 1, workers_ = 1, steps_ = 1, images_ = 1;  // workers: of each part
  Step chunk_;
  std::optional<Step> tail_;
  Weights weights_;
  ImageEpilogue epilogue_;
  std::size_t x_at_ = 0, y_at_ = 0, sum_at_ = 0, addend_at_ = 0, scratch_at_ = 0, each_ = 0;
  std::size_t packed_at_ = 0, packed_each_ = 0, pieces_at_ = 0, piece_scratch_ = 0, workers_at_ = 0;
};

// oneDNN's vectors of channels would be mostly empty: with 6 outputs of 1 channel it takes 2.5 times as long as the builtin kernel.
bool channels_are_few(const ConvGeometry& g) {
  if (g.kind == MU_CONV_BACKWARD_WEIGHTS || g.groups > 1) return false;
  return (g.in < 16 && g.out < 16) || (g.kind == MU_CONV_BACKWARD_DATA && g.in <= 4 && g.out <= 16);
}

}  // namespace

std::unique_ptr<mu_plan> make_conv(const Request& r) {
  mu_op_conv op;
  if (const mu_code code = mu_read_desc(&op, sizeof op, r.op, sizeof op); code != MU_OK)
    throw Refusal{code, "[onednn conv] the descriptor isn't one of this version"};
  const ConvGeometry g = conv_geometry(r, op);
  require(g.images * g.products() > small_conv, "[onednn conv] the builtin kernel is faster for convolutions this small");
  require(!channels_are_few(g), "[onednn conv] the builtin kernel is faster with channels this few");
  require(g.type == dnnl::memory::data_type::f32 || !op.epilogue, "[onednn conv] epilogues are of f32");
  require(g.kind != MU_CONV_BACKWARD_WEIGHTS || !op.epilogue, "[onednn conv] gradients of weights take no epilogue");
  return std::make_unique<Conv>(r, g, op);
}

}  // namespace onednn
