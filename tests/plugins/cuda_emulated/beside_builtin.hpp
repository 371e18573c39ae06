// A device of the emulated runtime beside the builtin backend: ops on the same operands, and plans that are refused.
#pragma once
#include <utility>

#include "../elements.hpp"
#include "builtin.h"
#include "emulated_device.hpp"

namespace emulated_test {

/// A view without memory, to plan with.
inline mu_tensor of(const Sizes& dims, mu_dtype type = MU_F32) { return view(nullptr, type, dims, dense_strides(dims)); }

class CudaEmulatedBesideBuiltin : public CudaEmulatedDevice {
 protected:
  Elements elements(mu_dtype type, const Sizes& dims, bool dense) {
    Elements e(type, dims, dense ? dense_strides(dims) : any_strides(random_, dims));
    for (std::size_t i = 0; i < e.at.size(); ++i) e.set(i, random_.real(-1, 1));
    return e;
  }
  mu_tensor there(const Elements& e) {
    mu_tensor v = e.v;
    const std::uint64_t bytes = e.memory.size() * sizeof e.memory[0];
    v.buffer = room(bytes);
    EXPECT_EQ(plugin_->memory->upload(device_, nullptr, v.buffer, 0, e.memory.data(), bytes, &error_), MU_OK) << error_.message;
    return v;
  }
  void take_back(Elements& e, const mu_tensor& v) {
    EXPECT_EQ(plugin_->memory->download(device_, nullptr, e.memory.data(), v.buffer, 0, e.memory.size() * sizeof e.memory[0], &error_),
              MU_OK)
        << error_.message;
    EXPECT_EQ(plugin_->device->synchronize(device_, &error_), MU_OK) << error_.message;
  }
  /// The last of `dims` is the result's. What the device makes of the same operands as the builtin backend.
  template <class Op>
  void expect_builtin(const Op& op, mu_dtype type, const std::vector<Sizes>& dims, bool dense, double tolerance) {
    std::vector<Elements> in;
    std::vector<mu_tensor> here_in, there_in;
    for (std::size_t i = 0; i + 1 < dims.size(); ++i) in.push_back(elements(type, dims[i], dense));
    for (Elements& e : in) e.v.buffer = reinterpret_cast<mu_buffer*>(e.memory.data()), here_in.push_back(e.v), there_in.push_back(there(e));
    Elements want = elements(type, dims.back(), dense), got = want;
    ASSERT_EQ(builtin_.run_op(&op.h, here_in, {want.v}), MU_OK) << builtin_.message();
    const mu_tensor out = there(got);
    ASSERT_EQ(run_op(op, op.h.id, there_in, out), MU_OK) << error_.message;
    take_back(got, out);
    EXPECT_TRUE(got.rest_untouched());
    for (std::size_t i = 0; i < got.at.size(); ++i) ASSERT_NEAR(got[i], want[i], tolerance) << "element " << i;
  }

  mu_code plan_with(std::uint32_t flags, const mu_op& op, std::vector<mu_tensor> v, mu_plan_info& info) {
    mu_plan* made = nullptr;
    info = {};
    info.size = sizeof info;
    for (mu_tensor& each : v) each.buffer = nullptr;
    const auto n = static_cast<std::uint32_t>(v.size()) - 1;
    const mu_code code = plugin_->compute->plan_create(device_, &op, flags, n, v.data(), 1, &v[n], &made, &info, &error_);
    plugin_->compute->plan_destroy(made);
    return code;
  }
  template <class Op>
  void refused(const Op& op, const std::vector<std::pair<Sizes, mu_dtype>>& views, mu_code code, const std::string& text) {
    std::vector<mu_tensor> v;
    for (const auto& [dims, type] : views) v.push_back(view(nullptr, type, dims, dense_strides(dims)));
    mu_plan_info info;
    expect(plan_with(0, op.h, v, info), code, text);
  }

  using Views = std::vector<mu_tensor>;
  static constexpr std::uint32_t size(const Views& v) { return static_cast<std::uint32_t>(v.size()); }

  template <class Op>
  mu_code plan_all(const Op& op, Views in, Views out, mu_plan*& plan) {
    for (Views* views : {&in, &out})
      for (mu_tensor& v : *views) v.buffer = nullptr;
    info_ = {};
    info_.size = sizeof info_;
    return plugin_->compute->plan_create(device_, &op.h, MU_PLAN_ORDERED, size(in), in.data(), size(out), out.data(), &plan, &info_,
                                         &error_);
  }
  template <class Op>
  mu_code run_all(const Op& op, const Views& in, const Views& out, bool with_workspace = true) {
    mu_plan* plan = nullptr;
    if (const mu_code code = plan_all(op, in, out, plan); code != MU_OK) return code;
    mu_buffer* const workspace = info_.workspace_bytes && with_workspace ? room(info_.workspace_bytes) : nullptr;
    const mu_code code = plugin_->compute->plan_run(plan, nullptr, size(in), in.data(), size(out), out.data(), workspace, 0, &error_);
    plugin_->compute->plan_destroy(plan);
    return code;
  }
  template <class Op>
  void expect_refused(const Op& op, const Views& in, const Views& out, mu_code code, const std::string& text) {
    mu_plan* plan = nullptr;
    expect(plan_all(op, in, out, plan), code, text);
    plugin_->compute->plan_destroy(plan);
  }

  std::vector<float> some(const Sizes& dims) {
    std::vector<float> x(static_cast<std::size_t>(count(dims)));
    for (float& v : x) v = static_cast<float>(random_.real(-1, 1));
    return x;
  }
  /// What the device makes twice of these values, as numbers of type T, and the builtin backend of them as float32. Gives its results.
  template <class T = float, class Op>
  void expect_same(const Op& op, const std::vector<std::vector<float>>& values, const std::vector<Sizes>& in, const std::vector<Sizes>& out,
                   std::vector<std::vector<float>>& want) {
    Views here, there, here_out, there_out;
    want.clear();
    for (const Sizes& dims : out) want.emplace_back(static_cast<std::size_t>(count(dims)));
    for (std::size_t i = 0; i < in.size(); ++i)
      here.push_back(view(values[i], in[i])), there.push_back(on_device(std::vector<T>(values[i].begin(), values[i].end()), in[i]));
    for (std::size_t i = 0; i < out.size(); ++i)
      here_out.push_back(view(want[i], out[i])), there_out.push_back(on_device(std::vector<T>(want[i].size(), T{55}), out[i]));
    ASSERT_EQ(builtin_.run_op(&op.h, here, here_out), MU_OK) << builtin_.message();
    std::vector<std::vector<T>> first;
    for (int round = 0; round < 2; ++round) {
      ASSERT_EQ(run_all(op, there, there_out), MU_OK) << error_.message;
      EXPECT_EQ(info_.flags, MU_PLAN_DETERMINISTIC | MU_PLAN_CAPTURE_SAFE);
      for (std::size_t k = 0; k < out.size(); ++k) {
        const std::vector<T> got = read<T>(there_out[k]);
        ASSERT_EQ(plugin_->device->synchronize(device_, &error_), MU_OK) << error_.message;
        for (std::size_t i = 0; i < got.size(); ++i) ASSERT_NEAR(got[i], want[k][i], 2e-5) << "result " << k << " element " << i;
        if (round == 0)
          first.push_back(got);
        else
          EXPECT_EQ(got, first[k]);
      }
    }
  }

  mu_plan_info info_{};
  Backend builtin_{mushin_builtin_entry(test_host(), nullptr)};
  Random random_{84};
};

}  // namespace emulated_test
