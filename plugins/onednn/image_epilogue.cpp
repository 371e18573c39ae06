#include "image_epilogue.hpp"

#include <algorithm>
#include <vector>

#include "plan.hpp"

namespace onednn {
namespace {

// So much of a row stays in the first cache between the steps of a program.
constexpr std::int64_t block = 2048;

// The result's axes but for the images, outermost first.
std::vector<unsigned> axes_of(const mu_tensor& out) {
  std::vector<unsigned> axes;
  for (unsigned i = 1; i < out.rank; ++i)
    if (out.dim[i] != 1) axes.push_back(i);
  std::stable_sort(axes.begin(), axes.end(), [&](unsigned a, unsigned b) { return out.stride[a] > out.stride[b]; });
  return axes;
}

}  // namespace

ImageEpilogue::ImageEpilogue(const mu_pw_program& program, const mu_tensor* in, unsigned n_in, const mu_tensor& out,
                             std::int64_t channels) {
  n_extra_ = n_in - 2;
  require(n_extra_ <= most, "[onednn] the epilogue has too many inputs");
  const auto view = [&](unsigned k) -> const mu_tensor& { return k == 0 ? out : in[k + 1]; };
  dim_[0] = out.dim[0], rank_ = 1;
  for (unsigned k = 0; k <= n_extra_; ++k) stride_[k][0] = view(k).stride[0];
  for (const unsigned axis : axes_of(out)) {
    const std::int64_t extent = axis == 1 ? channels : out.dim[axis];
    bool behind = rank_ > 1;  // in every view it runs through one element of the axis before
    for (unsigned k = 0; k <= n_extra_ && behind; ++k) behind = stride_[k][rank_ - 1] == view(k).stride[axis] * extent;
    if (!behind) dim_[rank_++] = 1;
    dim_[rank_ - 1] *= extent;
    for (unsigned k = 0; k <= n_extra_; ++k) stride_[k][rank_ - 1] = view(k).stride[axis];
  }
  if (rank_ == 1) {
    dim_[rank_++] = 1;
    for (auto& s : stride_) s[1] = 1;
  }
  require(stride_[0][rank_ - 1] == 1, "[onednn] no axis of the result is contiguous");
  std::vector<mu_tensor> merged(n_in + 1);
  for (unsigned k = 0; k <= n_extra_; ++k) {
    mu_tensor& v = k == 0 ? merged[n_in] : merged[k + 1];
    v.dtype = view(k).dtype, v.rank = static_cast<std::uint16_t>(rank_);
    std::copy_n(dim_.begin(), rank_, v.dim);
    std::copy_n(stride_[k].begin(), rank_, v.stride);
  }
  rows_ = Epilogue(program, merged.data(), n_in, merged[n_in]);
}

void ImageEpilogue::apply(const mu_tensor* in, const mu_tensor& out, std::int64_t begin, std::int64_t end,
                          std::int64_t channel) const noexcept {
  std::int64_t rows = end - begin;
  for (unsigned i = 1; i + 1 < rank_; ++i) rows *= dim_[i];
  const std::int64_t columns = dim_[rank_ - 1];
  for (std::int64_t r = 0; r < rows; ++r) {
    std::array<const float*, most + 1> at{};
    float* row = address(out);
    for (unsigned k = 0; k <= n_extra_; ++k) {
      std::int64_t rest = r, offset = 0;
      for (unsigned i = rank_ - 1; i-- > 1; rest /= dim_[i]) offset += rest % dim_[i] * stride_[k][i];
      const mu_tensor& v = k == 0 ? out : in[k + 1];
      offset += (begin + rest) * stride_[k][0] + channel * v.stride[1];
      if (k == 0)
        row += offset;
      else
        at[k] = address(v) + offset;
    }
    for (std::int64_t c = 0; c < columns; c += block)
      rows_.apply(row + c, static_cast<std::size_t>(std::min(block, columns - c)), at.data(), static_cast<std::size_t>(c));
  }
}

}  // namespace onednn
