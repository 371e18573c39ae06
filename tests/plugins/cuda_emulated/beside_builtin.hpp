// A device of the emulated runtime beside the builtin backend: ops on the same operands, and plans that are refused.
#pragma once
#include <utility>

#include "../elements.hpp"
#include "builtin.h"
#include "emulated_device.hpp"

namespace emulated_test {

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

  Backend builtin_{mushin_builtin_entry(test_host(), nullptr)};
  Random random_{84};
};

}  // namespace emulated_test
