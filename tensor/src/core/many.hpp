// Runs of one plan that wait for each other, so that a device whose plugin has the extension mushin.many gets them in one call.
#pragma once
#include <cstdint>
#include <vector>

#include "core/node.hpp"
#include "core/plans.hpp"
#include "core/program.hpp"

namespace mushin::core {

/// What is put off stays pending until it is given, and so holds all that it reads: nobody else gets that memory, or writes over it. Lives
/// under one hold of the evaluation lock. What was never given is as if it hadn't been asked for.
class Many {
 public:
  Many() = default;
  Many(const Many&) = delete;
  Many& operator=(const Many&) = delete;
  ~Many() { forget(); }

  /// Puts a run of the plan off, behind which `made` become buffers in `block`, whose references it takes. False: not on this device.
  bool take(const Plan*, const Program&, const mu_tensor* views, Node* const* made, Block* const* block, const std::uint64_t* offset);
  /// Whether one of the instructions computes what is put off already.
  bool makes(const Program&) const noexcept;
  /// Gives all to the device. What it throws, the runs' values are pending after.
  void give();

  bool empty() const noexcept { return n_ == 0; }
  bool full() const noexcept { return n_ == most; }

 private:
  static constexpr std::uint32_t most = 256;
  void forget() noexcept;

  const PlanSection section_;
  const Plan* plan_ = nullptr;
  std::uint32_t n_ = 0, n_in_ = 0, n_out_ = 0;
  std::vector<mu_tensor> views_;    // set by set
  std::vector<Array> made_;         // with a block, though they are pending
  std::vector<const Block*> read_;  // for a recording
};

}  // namespace mushin::core
