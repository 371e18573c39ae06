// An epilogue over the images of a result in any order of axes.
#pragma once
#include <array>
#include <cstdint>

#include "epilogue.hpp"

namespace onednn {

class ImageEpilogue {
 public:
  ImageEpilogue() = default;
  /// As Epilogue's. The result's rows run along its axis of stride 1; axes that lie behind one another in all views count as one.
  /// `channels`: how many of axis 1 are done at once.
  ImageEpilogue(const mu_pw_program&, const mu_tensor* in, unsigned n_in, const mu_tensor& out, std::int64_t channels);

  bool empty() const { return rows_.empty(); }
  /// Images [begin, end) of the result, in place, and of these the channels from `channel` on; `in` are the op's inputs.
  void apply(const mu_tensor* in, const mu_tensor& out, std::int64_t begin, std::int64_t end, std::int64_t channel) const noexcept;

 private:
  static constexpr unsigned most = 15;  // inputs of a program
  Epilogue rows_;
  unsigned n_extra_ = 0, rank_ = 0;
  std::array<std::int64_t, MU_MAX_RANK> dim_{};                           // images, then axes, outermost first
  std::array<std::array<std::int64_t, MU_MAX_RANK>, most + 1> stride_{};  // of the result, then of the further inputs
};

}  // namespace onednn
