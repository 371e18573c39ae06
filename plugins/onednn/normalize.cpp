// NORMALIZE of channels in this device's blocks, for which a builtin one would have to be reordered. Rows (pixels of a block) are shared
// out in stretches, whose sums are joined in their order.
#include <algorithm>
#include <array>
#include <cmath>

#include "image_order.hpp"
#include "normalize_kernels.hpp"
#include "plan.hpp"

namespace onednn {
namespace {

// Rows of a stretch: it stays in the second cache while it is read again.
constexpr std::int64_t stretch_rows = 2048;

using PerChannel = std::array<float, most_block_channels>;

/// A parameter of the channels.
float* at(const mu_tensor& v, std::int64_t channel) { return address(v) + channel * (v.dim[0] == 1 ? 0 : v.stride[0]); }

class Normalize : public mu_plan {
 public:
  Normalize(const mu_tensor& x, double eps)
      : eps_(eps),
        images_(x.dim[0]),
        pixels_(channel_stride_in_blocks(x)),
        channels_(x.dim[1]),
        width_(block_channels()),
        stretches_((images_ * pixels_ + stretch_rows - 1) / stretch_rows),
        kernels_(normalize_kernels(width_)) {
    workspace_bytes = static_cast<std::size_t>(2 * blocks_of() * (stretches_ + 2)) * sizeof(PerChannel);
  }

 protected:
  std::int64_t blocks_of() const { return channels_ / width_; }
  std::int64_t rows() const { return images_ * pixels_; }

  /// f(block, stretch) for all, on the host's threads.
  template <class F>
  void each_stretch(const F& f) const {
    auto range = [&](std::uint64_t begin, std::uint64_t end) {
      for (auto u = static_cast<std::int64_t>(begin); u < static_cast<std::int64_t>(end); ++u) f(u / stretches_, u % stretches_);
    };
    const auto n = static_cast<std::uint64_t>(blocks_of() * stretches_);
    if (n == 1)
      range(0, 1);
    else
      parallel_for(n, std::uint64_t{1}, range);
  }

  /// f(place, rows) for the parts of a stretch that lie in one image each.
  template <class F>
  void each_part(std::int64_t block, std::int64_t stretch, const F& f) const {
    std::int64_t row = stretch * stretch_rows;
    const std::int64_t end = std::min(rows(), row + stretch_rows);
    while (row < end) {
      const std::int64_t image = row / pixels_, n = std::min(end, (image + 1) * pixels_) - row;
      f(((image * blocks_of() + block) * pixels_ + row % pixels_) * width_, n);
      row += n;
    }
  }
  std::int64_t rows_of(std::int64_t stretch) const { return std::min(rows() - stretch * stretch_rows, stretch_rows); }

  /// The `which`-th of two sums of a stretch.
  PerChannel& sum(char* workspace, unsigned which, std::int64_t block, std::int64_t stretch) const {
    return reinterpret_cast<PerChannel*>(workspace)[(which * blocks_of() + block) * (stretches_ + 2) + stretch];
  }
  /// What is done with each value: two more of each block.
  PerChannel& factor(char* workspace, unsigned which, std::int64_t block, unsigned number) const {
    return sum(workspace, which, block, stretches_ + number);
  }

  double eps_;
  std::int64_t images_, pixels_, channels_, width_, stretches_;
  const NormalizeKernels& kernels_;

 private:
  static std::int64_t channel_stride_in_blocks(const mu_tensor& x) { return elements(x) / (x.dim[0] * x.dim[1]); }
};

class Forward final : public Normalize {
 public:
  using Normalize::Normalize;

  mu_code run(const mu_tensor* in, const mu_tensor* out, char* workspace, mu_error*) const noexcept override {
    const float* const x = address(in[0]);
    float* const y = address(out[0]);
    each_stretch([&](std::int64_t b, std::int64_t s) {
      PerChannel total{}, &middle = sum(workspace, 0, b, s), &squares = sum(workspace, 1, b, s);
      each_part(b, s, [&](std::int64_t place, std::int64_t n) { kernels_.sum(x + place, n, total.data()); });
      for (std::size_t c = 0; c < total.size(); ++c) middle[c] = total[c] / static_cast<float>(rows_of(s));
      squares = {};
      each_part(b, s, [&](std::int64_t place, std::int64_t n) { kernels_.squares(x + place, n, middle.data(), squares.data()); });
    });
    for (std::int64_t c = 0; c < channels_; ++c) join(in, out, workspace, c);
    each_stretch([&](std::int64_t b, std::int64_t s) {
      const PerChannel &middle = factor(workspace, 0, b, 0), &scale = factor(workspace, 0, b, 1), &shift = factor(workspace, 1, b, 0);
      each_part(b, s, [&](std::int64_t place, std::int64_t n) {
        kernels_.normalize(x + place, y + place, n, middle.data(), scale.data(), shift.data());
      });
    });
    return MU_OK;
  }

 private:
  void join(const mu_tensor* in, const mu_tensor* out, char* workspace, std::int64_t channel) const {
    const std::int64_t b = channel / width_;
    const auto c = static_cast<std::size_t>(channel % width_);
    double mean = 0, squares = 0;
    for (std::int64_t s = 0; s < stretches_; ++s) mean += sum(workspace, 0, b, s)[c] * static_cast<double>(rows_of(s));
    mean /= static_cast<double>(rows());
    for (std::int64_t s = 0; s < stretches_; ++s) {
      const double off = sum(workspace, 0, b, s)[c] - mean;
      squares += sum(workspace, 1, b, s)[c] + off * off * static_cast<double>(rows_of(s));
    }
    const double variance = squares / static_cast<double>(rows());
    *at(out[1], channel) = static_cast<float>(mean), *at(out[2], channel) = static_cast<float>(variance);
    factor(workspace, 0, b, 0)[c] = static_cast<float>(mean);
    factor(workspace, 0, b, 1)[c] = static_cast<float>(1 / std::sqrt(variance + eps_)) * *at(in[1], channel);
    factor(workspace, 1, b, 0)[c] = *at(in[2], channel);
  }
};

class Backward final : public Normalize {
 public:
  using Normalize::Normalize;

  mu_code run(const mu_tensor* in, const mu_tensor* out, char* workspace, mu_error*) const noexcept override {
    const float *const x = address(in[0]), *const dy = address(in[2]);
    float* const dx = address(out[0]);
    for (std::int64_t c = 0; c < channels_; ++c) factor(workspace, 0, c / width_, 0)[static_cast<std::size_t>(c % width_)] = *at(in[3], c);
    each_stretch([&](std::int64_t b, std::int64_t s) {
      PerChannel &total = sum(workspace, 0, b, s), &along = sum(workspace, 1, b, s);
      total = {}, along = {};
      each_part(b, s, [&](std::int64_t place, std::int64_t n) {
        kernels_.sums(x + place, dy + place, n, factor(workspace, 0, b, 0).data(), total.data(), along.data());
      });
    });
    for (std::int64_t c = 0; c < channels_; ++c) join(in, out, workspace, c);
    each_stretch([&](std::int64_t b, std::int64_t s) {
      const PerChannel &middle = factor(workspace, 0, b, 0), &scale = factor(workspace, 0, b, 1);
      const PerChannel &constant = factor(workspace, 1, b, 0), &slope = factor(workspace, 1, b, 1);
      each_part(b, s, [&](std::int64_t place, std::int64_t n) {
        kernels_.slopes(x + place, dy + place, dx + place, n, middle.data(), constant.data(), slope.data(), scale.data());
      });
    });
    return MU_OK;
  }

 private:
  void join(const mu_tensor* in, const mu_tensor* out, char* workspace, std::int64_t channel) const {
    const std::int64_t b = channel / width_;
    const auto c = static_cast<std::size_t>(channel % width_);
    double total = 0, along = 0;
    for (std::int64_t s = 0; s < stretches_; ++s) total += sum(workspace, 0, b, s)[c], along += sum(workspace, 1, b, s)[c];
    const double inverse = 1 / std::sqrt(static_cast<double>(*at(in[4], channel)) + eps_), n = static_cast<double>(rows());
    *at(out[1], channel) = static_cast<float>(along * inverse), *at(out[2], channel) = static_cast<float>(total);
    factor(workspace, 0, b, 1)[c] = static_cast<float>(inverse) * *at(in[1], channel);
    factor(workspace, 1, b, 0)[c] = static_cast<float>(total / n);
    factor(workspace, 1, b, 1)[c] = static_cast<float>(along * inverse * inverse / n);
  }
};

// An operand lies in blocks, or is to; a result is to.
bool takes(const mu_tensor& v) {
  return lies_in(v, Order::blocks) || (v.layout == MU_LAYOUT_ANY && can_be_blocks(v) && lies_in(v, Order::plain));
}

}  // namespace

std::unique_ptr<mu_plan> make_normalize(const Request& r) {
  mu_op_normalize op;
  if (const mu_code code = mu_read_desc(&op, sizeof op, r.op, sizeof op); code != MU_OK)
    throw Refusal{code, "[onednn normalize] the descriptor isn't one of this version"};
  const bool backward = op.kind == MU_NORMALIZE_BATCH_BACKWARD;
  require(backward || op.kind == MU_NORMALIZE_BATCH, "[onednn normalize] the builtin kernel is faster along the last axis");
  if (r.n_in != (backward ? 5u : 3u) || r.n_out != 3) throw Refusal{MU_INVALID, "[onednn normalize] wrong number of operands"};
  const mu_tensor& x = r.in[0];
  require(x.layout != MU_LAYOUT_STRIDED && elements(x) > 0, "[onednn normalize] the builtin kernel is faster for strided images");
  const auto check = [&](const mu_tensor& v, bool image) {
    const bool fits = image ? v.rank == x.rank && std::equal(v.dim, v.dim + v.rank, x.dim) : v.rank == 1 && v.dim[0] == x.dim[1];
    if (!fits) throw Refusal{MU_INVALID, "[onednn normalize] operands differ in extents"};
    require(v.dtype == MU_F32 && (image ? takes(v) : v.layout == MU_LAYOUT_STRIDED), "[onednn normalize] images lie in blocks, all is f32");
  };
  for (std::uint32_t i = 0; i < r.n_in; ++i) check(r.in[i], i == 0 || (backward && i == 2));
  for (std::uint32_t i = 0; i < r.n_out; ++i) check(r.out[i], i == 0);
  std::unique_ptr<mu_plan> plan;
  if (backward)
    plan = std::make_unique<Backward>(x, op.eps);
  else
    plan = std::make_unique<Forward>(x, op.eps);
  plan->blocks = 1u << r.n_in | (x.layout == MU_LAYOUT_ANY ? 1u : 0u) | (backward && r.in[2].layout == MU_LAYOUT_ANY ? 4u : 0u);
  return plan;
}

}  // namespace onednn
