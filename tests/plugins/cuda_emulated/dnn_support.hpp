// What the tests of convolutions and windows on the emulated cuDNN share.
#pragma once
#include <array>
#include <utility>

#include "../elements.hpp"
#include "builtin.h"
#include "emulated_device.hpp"

namespace emulated_test {

using Three = std::array<std::uint32_t, 3>;

struct ConvCase {
  Sizes x, w, y;
  Three stride, dilation, before;
  std::uint32_t groups;
};
inline const ConvCase convolutions[] = {
    {{2, 4, 9}, {6, 2, 3}, {2, 6, 3}, {3}, {2}, {1}, 2},
    {{2, 3, 6, 5}, {4, 3, 3, 2}, {2, 4, 3, 6}, {2, 1}, {1, 1}, {1, 1}, 1},
    {{3, 4, 7, 8}, {4, 1, 3, 3}, {3, 4, 4, 4}, {2, 2}, {1, 1}, {1, 1}, 4},
    {{1, 4, 5, 4, 6}, {2, 2, 3, 2, 3}, {1, 2, 3, 2, 2}, {2, 2, 3}, {1, 2, 1}, {1, 1, 1}, 2},
};

inline mu_op_conv conv_op(const ConvCase& c, std::uint32_t kind, mu_dtype type = MU_F32) {
  mu_op_conv op{};
  op.h = {sizeof op, MU_OP_CONV};
  op.kind = kind, op.acc = type == MU_F64 ? MU_F64 : MU_F32, op.groups = c.groups;
  std::copy_n(c.stride.data(), 3, op.stride), std::copy_n(c.dilation.data(), 3, op.dilation), std::copy_n(c.before.data(), 3, op.before);
  return op;
}
inline std::vector<Sizes> operands_of(const ConvCase& c, std::uint32_t kind) {
  if (kind == MU_CONV_FORWARD) return {c.x, c.w, c.y};
  return kind == MU_CONV_BACKWARD_DATA ? std::vector{c.y, c.w, c.x} : std::vector{c.x, c.y, c.w};
}

struct PoolCase {
  Sizes x, y;
  Three window, stride, before;
};
inline const PoolCase windows[] = {
    {{2, 3, 7}, {2, 3, 4}, {3}, {2}, {1}},
    {{2, 3, 6, 7}, {2, 3, 4, 3}, {2, 3}, {2, 2}, {1, 0}},
    {{1, 2, 5, 6, 7}, {1, 2, 2, 5, 3}, {2, 2, 3}, {2, 1, 3}, {0, 0, 1}},
};
inline mu_op_pool pool_op(const PoolCase& c, std::uint32_t kind, std::uint32_t flags = 0) {
  mu_op_pool op{};
  op.h = {sizeof op, MU_OP_POOL};
  op.kind = kind, op.flags = flags;
  for (std::size_t i = 0; i + 2 < c.x.size(); ++i) op.dilation[i] = 1;
  std::copy_n(c.window.data(), 3, op.window), std::copy_n(c.stride.data(), 3, op.stride), std::copy_n(c.before.data(), 3, op.before);
  std::copy_n(c.before.data(), 3, op.after);
  return op;
}

class CudaEmulatedDnn : public CudaEmulatedDevice {
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

  // Of ones.
  mu_code small(std::uint32_t kind = MU_CONV_FORWARD) {
    const ConvCase& c = convolutions[1];
    const auto dims = operands_of(c, kind);
    std::vector<mu_tensor> v;
    for (const Sizes& d : dims) v.push_back(on_device(std::vector<float>(static_cast<std::size_t>(count(d)), 1.f), d));
    return run_op(conv_op(c, kind), MU_OP_CONV, {v[0], v[1]}, v[2]);
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
