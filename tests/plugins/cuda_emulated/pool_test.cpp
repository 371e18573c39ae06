// Windows by the tables, on the emulated runtime without cuDNN: values, workspace, what is refused or fails, graphs.
#include <array>
#include <cmath>

#include "beside_builtin.hpp"
#include "mushin/plugin_graph.h"

namespace emulated_test {
namespace {

using Three = std::array<std::uint32_t, 3>;

struct PoolCase {
  Sizes x, y;
  Three window, stride, dilation, before, after;
};
const PoolCase windows[] = {
    {{2, 3, 7}, {2, 3, 4}, {3}, {2}, {1}, {1}, {1}},
    {{2, 3, 9}, {2, 3, 4}, {3}, {2}, {2}, {2}, {0}},  // padded before alone
    {{2, 3, 6, 8}, {2, 3, 3, 4}, {2, 2}, {2, 2}, {1, 1}, {0, 0}, {0, 0}},
    {{2, 3, 6, 7}, {2, 3, 4, 3}, {2, 3}, {2, 2}, {1, 1}, {1, 0}, {1, 0}},
    {{1, 2, 5, 6, 7}, {1, 2, 2, 5, 3}, {2, 2, 3}, {2, 1, 3}, {1, 1, 1}, {0, 0, 1}, {0, 0, 1}},
    {{1, 2, 9, 9}, {1, 2, 2, 2}, {5, 5}, {5, 5}, {1, 1}, {0, 0}, {1, 1}},
};
mu_op_pool pool_op(const PoolCase& c, std::uint32_t kind, std::uint32_t flags = 0) {
  mu_op_pool op{};
  op.h = {sizeof op, MU_OP_POOL};
  op.kind = kind, op.flags = flags;
  std::copy_n(c.window.data(), 3, op.window), std::copy_n(c.stride.data(), 3, op.stride), std::copy_n(c.dilation.data(), 3, op.dilation);
  std::copy_n(c.before.data(), 3, op.before), std::copy_n(c.after.data(), 3, op.after);
  return op;
}
std::vector<Sizes> operands_of(const PoolCase& c, std::uint32_t kind) {
  if (kind == MU_POOL_MAX_BACKWARD) return {c.x, c.y, c.x};
  return kind == MU_POOL_MEAN_BACKWARD ? std::vector{c.y, c.x} : std::vector{c.x, c.y};
}

class CudaEmulatedPool : public CudaEmulatedBesideBuiltin {
 protected:
  void SetUp() override { open("dnn=none"); }
  mu_code planned(const PoolCase& c, std::uint32_t kind, mu_plan_info& info) {
    std::vector<mu_tensor> v;
    for (const Sizes& d : operands_of(c, kind)) v.push_back(view(nullptr, MU_F32, d, dense_strides(d)));
    return plan_with(MU_PLAN_ORDERED, pool_op(c, kind).h, v, info);
  }
};

TEST_F(CudaEmulatedPool, WindowsGiveTheBuiltinBackendsValues) {
  for (const PoolCase& c : windows)
    for (const mu_dtype type : {MU_F32, MU_F64, MU_F16, MU_BF16})
      for (const bool dense : {true, false})
        for (std::uint32_t kind = 0; kind < 4; ++kind)
          for (const std::uint32_t flags : {0u, MU_POOL_COUNT_PADDING}) {
            const bool mean = kind >= MU_POOL_MEAN;
            if (mean ? c.dilation[0] > 1 : flags != 0) continue;
            SCOPED_TRACE("rank " + std::to_string(c.x.size()) + " kind " + std::to_string(kind) + " type " + std::to_string(type));
            const double rounding = type == MU_F64 ? 1e-14 : type == MU_F32 ? 1e-6 : type == MU_F16 ? 0x1p-10 : 0x1p-7;
            expect_builtin(pool_op(c, kind, flags), type, operands_of(c, kind), dense, mean ? rounding : 0);
          }
}

TEST_F(CudaEmulatedPool, ThereMayBeNone) {
  for (std::uint32_t kind = 0; kind < 4; ++kind) {
    const PoolCase none{{0, 3, 7}, {0, 3, 4}, {3}, {2}, {1}, {1}, {1}}, behind{{0, 3, 7}, {0, 3, 9}, {3}, {2}, {1}, {1}, {1}},
        small{{2, 3, 1}, {2, 3, 0}, {3}, {2}, {1}, {0}, {0}};
    for (const PoolCase& c : {none, behind, small}) expect_builtin(pool_op(c, kind), MU_F32, operands_of(c, kind), true, 0);
  }
}

TEST_F(CudaEmulatedPool, TheFirstOfEqualsGetsTheGradientAndNaNIsTheGreatest) {
  // Windows of 3 by 2: of (1 1 0), (0 2 NaN), (NaN NaN 5); then apart, of (1 1), (0 0), (2 NaN), (NaN NaN).
  const std::vector<float> of_x{1, 1, 0, 2, NAN, NAN, 5};
  const mu_tensor x = on_device(of_x, {1, 1, 7}), dy = on_device(std::vector<float>{1, 2, 4}, {1, 1, 3});
  const mu_tensor y = on_device(std::vector<float>(3), {1, 1, 3}), dx = on_device(std::vector<float>(7, 9.f), {1, 1, 7});
  const PoolCase c{{}, {}, {3}, {2}, {1}, {0}, {0}};
  ASSERT_EQ(run_op(pool_op(c, MU_POOL_MAX), MU_OP_POOL, {x}, y), MU_OK) << error_.message;
  ASSERT_EQ(run_op(pool_op(c, MU_POOL_MAX_BACKWARD), MU_OP_POOL, {x, dy}, dx), MU_OK) << error_.message;
  const std::vector<float> greatest = read<float>(y);
  EXPECT_EQ(greatest[0], 1);
  EXPECT_TRUE(std::isnan(greatest[1]) && std::isnan(greatest[2]));
  EXPECT_EQ(read<float>(dx), (std::vector<float>{1, 0, 0, 0, 6, 0, 0}));
  const mu_tensor x8 = on_device(std::vector<float>{1, 1, 0, 0, 2, NAN, NAN, NAN}, {1, 1, 8}),
                  dy4 = on_device(std::vector<float>{1, 2, 4, 8}, {1, 1, 4}), dx8 = on_device(std::vector<float>(8), {1, 1, 8});
  ASSERT_EQ(run_op(pool_op({{}, {}, {2}, {2}, {1}, {0}, {0}}, MU_POOL_MAX_BACKWARD), MU_OP_POOL, {x8, dy4}, dx8), MU_OK) << error_.message;
  EXPECT_EQ(read<float>(dx8), (std::vector<float>{1, 0, 2, 0, 0, 4, 8, 0}));
}

TEST_F(CudaEmulatedPool, OnlyGradientsOfWindowsThatMeetHaveAWorkspace) {
  mu_plan_info info;
  for (std::uint32_t kind = 0; kind < 4; ++kind)
    for (const PoolCase& c : {windows[0], windows[2]}) {
      ASSERT_EQ(planned(c, kind, info), MU_OK) << error_.message;
      EXPECT_EQ(info.flags, MU_PLAN_CAPTURE_SAFE | MU_PLAN_DETERMINISTIC);
      EXPECT_EQ(info.workspace_bytes, kind == MU_POOL_MAX_BACKWARD && c.x.size() == 3 ? 256u : 0u);
    }
  const PoolCase& c = windows[0];
  const mu_tensor x = on_device(std::vector<float>(42), c.x), dy = on_device(std::vector<float>(24), c.y);
  const mu_op_pool op = pool_op(c, MU_POOL_MAX_BACKWARD);
  Planned p;
  ASSERT_EQ(plan(p, &op.h, {x, dy}, x), MU_OK) << error_.message;
  p.workspace = nullptr;
  expect(run(p, {x, dy}, x), MU_INVALID, "[pool] the plan's workspace is missing");
  plugin_->compute->plan_destroy(p.plan);
}

TEST_F(CudaEmulatedPool, WhatItIsNotForIsRefused) {
  const auto f32 = [](const Sizes& d) { return std::pair{d, MU_F32}; };
  const auto changed = [](auto o, const auto& change) { return change(o), o; };
  const PoolCase& c = windows[0];
  const mu_op_pool greatest = pool_op(c, MU_POOL_MAX), mean = pool_op(c, MU_POOL_MEAN, MU_POOL_COUNT_PADDING);
  const auto x = f32(c.x), y = f32(c.y);
  refused(pool_op(c, 4), {x, y}, MU_UNSUPPORTED, "[pool] kind 4 is not known here");
  refused(pool_op(c, MU_POOL_MAX_BACKWARD), {y, x}, MU_INVALID, "[pool] takes 2 inputs and gives 1 results: 1 and 1");
  refused(pool_op(c, MU_POOL_MAX_BACKWARD), {x, y, f32({2, 3, 8})}, MU_INVALID, "[pool] dims differ: (2, 3, 7) and (2, 3, 8)");
  refused(pool_op(c, MU_POOL_MAX_BACKWARD), {x, y, {c.x, MU_F64}}, MU_INVALID, "[pool] element types differ");
  refused(greatest, {x, {c.y, MU_F64}}, MU_INVALID, "[pool] element types differ");
  refused(greatest, {{c.x, MU_I32}, {c.y, MU_I32}}, MU_UNSUPPORTED, "[pool] float types only, not int32");
  refused(greatest, {f32({2, 3}), f32({2, 3})}, MU_INVALID, "[pool] all views have one rank, 3 to 5: (2, 3) to (2, 3)");
  refused(greatest, {x, f32({2, 4, 4})}, MU_INVALID, "[pool] batch and channels differ: (2, 3, 7) to (2, 4, 4)");
  refused(changed(greatest, [](auto& o) { o.flags = 2; }), {x, y}, MU_UNSUPPORTED, "[pool] flags 2 are not known here");
  refused(changed(greatest, [](auto& o) { o.window[0] = 0; }), {x, y}, MU_INVALID,
          "[pool] window, stride and dilation are at least 1: axis 0 has 0, 2 and 1");
  refused(changed(greatest, [](auto& o) { o.after[1] = 1; }), {x, y}, MU_INVALID, "[pool] numbers for axis 1 of 1");
  refused(changed(mean, [](auto& o) { o.dilation[0] = 2; }), {x, y}, MU_INVALID, "[pool] means have dilation 1: axis 0 has 2");
  refused(changed(greatest, [](auto& o) { o.before[0] = 3; }), {x, y}, MU_INVALID,
          "[pool] window 0 of 4 has nothing inside of x: (2, 3, 7) to (2, 3, 4)");
  // Between its taps lies all of x.
  refused(changed(greatest, [](auto& o) { o.dilation[0] = 9, o.before[0] = 4; }), {x, y}, MU_INVALID,
          "[pool] window 1 of 4 has nothing inside of x");
  refused(greatest, {x, f32({2, 3, 7})}, MU_INVALID, "[pool] window 4 of 7 has nothing inside of x");
  refused(greatest, {f32({1, 2, 1ll << 30}), f32({1, 2, 1ll << 29})}, MU_UNSUPPORTED, "[pool] views of 2^31 elements and more");
  refused(mean, {f32({1, 1, 4}), f32({1, 2, 1ll << 30})}, MU_INVALID, "[pool] batch and channels differ");
  for (const auto& change : {+[](mu_op_pool& o) { o.after[0] = 1u << 30; }, +[](mu_op_pool& o) { o.window[0] = 1u << 31; },
                             +[](mu_op_pool& o) { o.stride[0] = 1u << 29; }, +[](mu_op_pool& o) { o.before[0] = UINT32_MAX; }})
    refused(changed(greatest, change), {x, y}, MU_UNSUPPORTED,
            "[pool] windows over 2^30 places and more are not for these kernels: axis 0");
}

TEST_F(CudaEmulatedPool, AFailedLaunchIsTold) {
  const mu_tensor x = on_device(std::vector<float>(42), windows[0].x), dy = on_device(std::vector<float>(24), windows[0].y);
  for (const char* which : {"fail=cudaLaunchKernel:1:701", "fail=cudaLaunchKernel:2:701"}) {
    emulated = which;
    expect(run_op(pool_op(windows[0], MU_POOL_MAX_BACKWARD), MU_OP_POOL, {x, dy}, x), MU_INTERNAL,
           "[cuda] windows can't be launched: too many resources requested for launch");
  }
}

TEST_F(CudaEmulatedPool, BothPassesOfAGradientAreCaptured) {
  const auto& graphs = *static_cast<const mu_graph_table*>(plugin_->extension(MU_EXT_GRAPH, 1));
  const PoolCase c{{}, {}, {3}, {2}, {1}, {0}, {0}};
  const mu_tensor x = on_device(std::vector<float>(5), {1, 1, 5}), dy = on_device(std::vector<float>{1, 10}, {1, 1, 2}),
                  dx = on_device(std::vector<float>(5), {1, 1, 5});
  const mu_op_pool op = pool_op(c, MU_POOL_MAX_BACKWARD);
  Planned p;
  ASSERT_EQ(plan(p, &op.h, {x, dy}, dx), MU_OK) << error_.message;
  ASSERT_EQ(graphs.capture_begin(device_, nullptr, &error_), MU_OK) << error_.message;
  EXPECT_EQ(run(p, {x, dy}, dx), MU_OK) << error_.message;
  mu_graph* graph = nullptr;
  ASSERT_EQ(graphs.capture_end(device_, nullptr, &graph, &error_), MU_OK) << error_.message;
  for (const auto& [values, want] : {std::pair{std::vector<float>{0, 1, 2, 3, 2}, std::vector<float>{0, 0, 1, 10, 0}},
                                     {std::vector<float>{0, 1, 5, 5, 2}, std::vector<float>{0, 0, 11, 0, 0}}}) {
    ASSERT_EQ(plugin_->memory->upload(device_, nullptr, x.buffer, 0, values.data(), 5 * sizeof(float), &error_), MU_OK);
    ASSERT_EQ(graphs.launch(graph, nullptr, &error_), MU_OK) << error_.message;
    EXPECT_EQ(read<float>(dx), want);
  }
  graphs.destroy(graph);
  plugin_->compute->plan_destroy(p.plan);
}

}  // namespace
}  // namespace emulated_test
