// Softmax, normalization and scans by the tables, on the emulated runtime: launches, refusals, workspace.
#include <cmath>

#include "builtin.h"
#include "emulated_device.hpp"

namespace emulated_test {
namespace {

class CudaEmulatedRows : public CudaEmulatedDevice {
 protected:
  template <class Op>
  mu_code plan_all(Op op, std::uint32_t id, std::vector<mu_tensor> in, std::vector<mu_tensor> out, mu_plan*& plan) {
    op.h = {sizeof op, id};
    for (auto* views : {&in, &out})
      for (mu_tensor& v : *views) v.buffer = nullptr;
    info_ = {};
    info_.size = sizeof info_;
    return plugin_->compute->plan_create(device_, &op.h, MU_PLAN_ORDERED, static_cast<std::uint32_t>(in.size()), in.data(),
                                         static_cast<std::uint32_t>(out.size()), out.data(), &plan, &info_, &error_);
  }
  // With room for what the plan needs, unless a test takes it away.
  template <class Op>
  mu_code run_all(const Op& op, std::uint32_t id, const std::vector<mu_tensor>& in, const std::vector<mu_tensor>& out,
                  bool with_workspace = true) {
    mu_plan* plan = nullptr;
    if (const mu_code code = plan_all(op, id, in, out, plan); code != MU_OK) return code;
    mu_buffer* const workspace = info_.workspace_bytes && with_workspace ? room(info_.workspace_bytes) : nullptr;
    const mu_code code = plugin_->compute->plan_run(plan, nullptr, static_cast<std::uint32_t>(in.size()), in.data(),
                                                    static_cast<std::uint32_t>(out.size()), out.data(), workspace, 0, &error_);
    plugin_->compute->plan_destroy(plan);
    return code;
  }
  template <class T = float>
  std::vector<T> some(std::int64_t n) {
    std::vector<T> x(static_cast<std::size_t>(n));
    for (T& v : x) v = static_cast<T>(random_.real(-2, 2));
    return x;
  }
  // Of what the device and the builtin backend make of the same operands, seen with two axes in each other's place if they are told.
  template <class T = float, class Op>
  void expect_builtin(Op op, std::uint32_t id, const std::vector<Sizes>& in, const std::vector<Sizes>& out, double tolerance,
                      std::vector<int> swapped = {}) {
    std::vector<std::vector<T>> values, want;
    std::vector<mu_tensor> here, there, here_out, there_out;
    for (const Sizes& dims : in) values.push_back(some<T>(count(dims)));
    if (in.size() == 5)
      for (T& variance : values[4]) variance = 1 + std::fabs(variance);
    for (const Sizes& dims : out) want.emplace_back(static_cast<std::size_t>(count(dims)));
    for (std::size_t i = 0; i < in.size(); ++i) here.push_back(view(values[i], in[i])), there.push_back(on_device(values[i], in[i]));
    for (std::size_t i = 0; i < out.size(); ++i)
      here_out.push_back(view(want[i], out[i])), there_out.push_back(on_device(std::vector<T>(want[i].size(), T{55}), out[i]));
    for (auto* views : {&here, &there, &here_out, &there_out})
      for (mu_tensor& v : *views)
        if (!swapped.empty() && v.rank == in[0].size())
          std::swap(v.dim[swapped[0]], v.dim[swapped[1]]), std::swap(v.stride[swapped[0]], v.stride[swapped[1]]);
    ASSERT_EQ(builtin_.run(op, id, here, here_out), MU_OK) << builtin_.message();
    std::vector<T> first[3];
    for (int round = 0; round < 2; ++round) {
      ASSERT_EQ(run_all(op, id, there, there_out), MU_OK) << error_.message;
      EXPECT_TRUE(info_.flags & MU_PLAN_DETERMINISTIC);
      for (std::size_t k = 0; k < out.size(); ++k) {
        const std::vector<T> got = read<T>(there_out[k]);
        ASSERT_EQ(plugin_->device->synchronize(device_, &error_), MU_OK) << error_.message;
        for (std::size_t i = 0; i < got.size(); ++i) ASSERT_NEAR(got[i], want[k][i], tolerance) << "result " << k << " element " << i;
        if (round == 0) first[k] = got;
        EXPECT_EQ(got, first[k]);
      }
    }
  }

  Backend builtin_{mushin_builtin_entry(test_host(), nullptr)};
  Random random_{83};
  mu_plan_info info_{};
};

mu_op_softmax softmax(std::uint32_t kind, std::uint32_t axis) { return {{}, kind, axis}; }
mu_op_normalize normalize(std::uint32_t kind) { return {{}, kind, 0, 1e-3}; }
mu_op_scan scan(std::uint32_t kind, std::uint32_t axis, std::uint32_t flags) { return {{}, kind, axis, MU_F32, flags}; }

TEST_F(CudaEmulatedRows, SoftmaxOfFewAndOfManyRows) {
  for (std::uint32_t kind = MU_SOFTMAX; kind <= MU_SOFTMAX_LOG_BACKWARD; ++kind)
    // By warps, by blocks, and by a thread each.
    for (const Sizes& dims : {Sizes{7, 1, 40}, Sizes{3, 1, 1000}, Sizes{2, 1, 2500}, Sizes{2, 5, 2100}, Sizes{3, 5, 7}})
      expect_builtin(softmax(kind, dims[1] == 1 ? 2 : 1), MU_OP_SOFTMAX, std::vector<Sizes>(kind >= MU_SOFTMAX_BACKWARD ? 2 : 1, dims),
                     {dims}, 2e-3);
}

TEST_F(CudaEmulatedRows, NormalizationSumsOverAllRows) {
  for (const std::int64_t n : {1, 40, 1000, 2500})
    for (const std::int64_t rows : {1, 4, 5, 99}) {
      const Sizes x{rows, n}, line{n};
      expect_builtin(normalize(MU_NORMALIZE_LAYER), MU_OP_NORMALIZE, {x, line, line}, {x}, 1e-4);
      expect_builtin(normalize(MU_NORMALIZE_LAYER_BACKWARD), MU_OP_NORMALIZE, {x, line, x}, {x, line, line}, 1e-3);
      expect_builtin(normalize(MU_NORMALIZE_RMS), MU_OP_NORMALIZE, {x, line}, {x}, 1e-4);
      expect_builtin(normalize(MU_NORMALIZE_RMS_BACKWARD), MU_OP_NORMALIZE, {x, line, x}, {x, line}, 1e-3);
    }
  // Doubles, and rows across memory.
  const Sizes x{40, 9}, line{9};
  expect_builtin<double>(normalize(MU_NORMALIZE_LAYER_BACKWARD), MU_OP_NORMALIZE, {x, line, x}, {x, line, line}, 1e-12);
  expect_builtin(normalize(MU_NORMALIZE_LAYER), MU_OP_NORMALIZE, {x, {40}, {40}}, {x}, 1e-4, {0, 1});
  expect_builtin(normalize(MU_NORMALIZE_RMS_BACKWARD), MU_OP_NORMALIZE, {x, {40}, x}, {x, {40}}, 1e-3, {0, 1});
  // More parts than a grid has room for at once.
  expect_builtin(normalize(MU_NORMALIZE_LAYER_BACKWARD), MU_OP_NORMALIZE, {{20000, 3}, {3}, {20000, 3}}, {{20000, 3}, {3}, {3}}, 2e-2);
}

// Images with channels before and behind the rest, lines of channels, and one part or many.
TEST_F(CudaEmulatedRows, NormalizationOfChannels) {
  const auto both = [&](auto type, const Sizes& x, std::vector<int> swapped, double tolerance) {
    const Sizes line{swapped.empty() ? x[1] : x[2]};
    using T = decltype(type);
    expect_builtin<T>(normalize(MU_NORMALIZE_BATCH), MU_OP_NORMALIZE, {x, line, line}, {x, line, line}, tolerance, swapped);
    expect_builtin<T>(normalize(MU_NORMALIZE_BATCH_BACKWARD), MU_OP_NORMALIZE, {x, line, x, line, line}, {x, line, line}, tolerance,
                      swapped);
  };
  both(1.f, {3, 5, 7}, {}, 1e-3);
  both(1.f, {40, 2, 121}, {}, 1e-2);
  both(1.f, {40, 121, 3}, {1, 2}, 1e-2);
  both(1.f, {100, 70, 1}, {}, 1e-2);
  both(1.0, {40, 2, 121}, {}, 1e-10);
  both(1.0, {40, 121, 2}, {1, 2}, 1e-10);
}

TEST_F(CudaEmulatedRows, ScansOfFewAndOfManyRows) {
  for (const Sizes& dims : {Sizes{7, 1, 40}, Sizes{3, 1, 3000}, Sizes{2, 9, 2100}})
    for (const std::uint32_t flags : {0u, MU_SCAN_REVERSE})
      expect_builtin(scan(MU_SCAN_SUM, dims[1] == 1 ? 2 : 1, flags), MU_OP_SCAN, {dims}, {dims}, 1e-3);
}

TEST_F(CudaEmulatedRows, ScansOfFewLongRowsInParts) {
  for (const Sizes& dims : {Sizes{2, 1, 33000}, Sizes{1, 40001, 3}})
    for (const std::uint32_t flags : {0u, MU_SCAN_REVERSE}) {
      expect_builtin(scan(MU_SCAN_SUM, dims[1] == 1 ? 2 : 1, flags), MU_OP_SCAN, {dims}, {dims}, 1e-2);
      EXPECT_GT(info_.workspace_bytes, 0u);
    }
  const mu_tensor x = on_device(some(33000), {33000}), y = on_device(some(33000), {33000});
  // A total of each of 1221 parts.
  for (const auto& [type, bytes] : {std::pair{MU_F32, 4u}, std::pair{MU_F16, 4u}, std::pair{MU_I64, 8u}}) {
    const mu_tensor long_row = view(nullptr, static_cast<mu_dtype>(type), {10'000'000}, {1});
    const mu_op_scan op{{}, MU_SCAN_SUM, 0, static_cast<mu_dtype>(type == MU_I64 ? MU_I64 : MU_F32), 0};
    mu_plan* plan = nullptr;
    ASSERT_EQ(plan_all(op, MU_OP_SCAN, {long_row}, {long_row}, plan), MU_OK) << error_.message;
    plugin_->compute->plan_destroy(plan);
    EXPECT_GE(info_.workspace_bytes, 1221 * bytes);
  }
  expect(run_all(scan(MU_SCAN_SUM, 0, 0), MU_OP_SCAN, {x}, {y}, false), MU_INVALID, "[scan] the plan's workspace is missing");
  for (int n = 1; n <= 3; ++n) {  // totals, what is before each part, parts
    emulated = "fail=cudaLaunchKernel:" + std::to_string(n) + ":701";
    expect(run_all(scan(MU_SCAN_SUM, 0, 0), MU_OP_SCAN, {x}, {y}), MU_INTERNAL, "[cuda] a scan can't be launched: too many resources");
  }
}

TEST_F(CudaEmulatedRows, RowsOfNothingSumToZero) {
  const mu_tensor none = on_device(std::vector<float>(1), {0, 3}), line = on_device(std::vector<float>(3, 55.f), {3});
  ASSERT_EQ(run_all(normalize(MU_NORMALIZE_LAYER_BACKWARD), MU_OP_NORMALIZE, {none, line, none}, {none, line, line}), MU_OK)
      << error_.message;
  EXPECT_EQ(read<float>(line), std::vector<float>(3));
  const mu_tensor empty_rows = on_device(std::vector<float>(1), {3, 0});
  EXPECT_EQ(run_all(softmax(MU_SOFTMAX, 1), MU_OP_SOFTMAX, {empty_rows}, {empty_rows}), MU_OK) << error_.message;
}

TEST_F(CudaEmulatedRows, WorkspaceHasRoomForSumsOfTheType) {
  const auto bytes = [&](std::uint32_t kind, std::size_t n_in, mu_dtype type, const Sizes& dims, const Sizes& line) {
    const auto of = [&](const Sizes& d) { return view(nullptr, type, d, dense_strides(d)); };
    std::vector<mu_tensor> in{of(dims), of(line), n_in == 5 ? of(dims) : of(line), of(line), of(line)}, out{of(dims), of(line), of(line)};
    if (kind == MU_NORMALIZE_LAYER_BACKWARD) in[2] = of(dims);
    in.resize(n_in);
    mu_plan* plan = nullptr;
    EXPECT_EQ(plan_all(normalize(kind), MU_OP_NORMALIZE, in, out, plan), MU_OK) << error_.message;
    plugin_->compute->plan_destroy(plan);
    return info_.workspace_bytes;
  };
  // Two sums in each of ten parts; two in the only part of a channel, and four values.
  EXPECT_EQ(bytes(MU_NORMALIZE_LAYER_BACKWARD, 3, MU_F16, {40, 64}, {64}), 10 * 2 * 64 * 4);
  EXPECT_EQ(bytes(MU_NORMALIZE_LAYER_BACKWARD, 3, MU_F64, {40, 64}, {64}), 10 * 2 * 64 * 8);
  EXPECT_EQ(bytes(MU_NORMALIZE_BATCH, 3, MU_F32, {4, 64, 2}, {64}), 6 * 64 * 4);
  EXPECT_EQ(bytes(MU_NORMALIZE_BATCH_BACKWARD, 5, MU_F64, {4, 64, 2}, {64}), 6 * 64 * 8);
}

TEST_F(CudaEmulatedRows, FailedLaunchesAndMissingWorkspaceAreTold) {
  const mu_tensor x = on_device(some(12), {4, 3}), line = on_device(some(3), {3}), y = on_device(some(12), {4, 3});
  const std::vector<mu_tensor> in{x, line, x}, out{y, line, line};
  const mu_op_normalize back = normalize(MU_NORMALIZE_LAYER_BACKWARD);
  expect(run_all(back, MU_OP_NORMALIZE, in, out, false), MU_INVALID, "[normalize] the plan's workspace is missing");
  emulated = "fail=cudaLaunchKernel:1:701";
  expect(run_all(back, MU_OP_NORMALIZE, in, out), MU_INTERNAL, "[cuda] rows can't be computed: too many resources requested for launch");
  emulated = "fail=cudaLaunchKernel:2:701";
  expect(run_all(back, MU_OP_NORMALIZE, in, out), MU_INTERNAL, "[cuda] rows can't be summed: too many resources requested for launch");
  const mu_tensor image = on_device(some(12), {2, 3, 2});
  const std::vector<mu_tensor> channels{image, line, line}, made{image, line, line};
  const mu_op_normalize batch = normalize(MU_NORMALIZE_BATCH);
  expect(run_all(batch, MU_OP_NORMALIZE, channels, made, false), MU_INVALID, "[normalize] the plan's workspace is missing");
  const char* const told[] = {"channels can't be summed", "sums of channels can't be joined", "channels can't be computed"};
  for (int n = 1; n <= 3; ++n) {
    emulated = "fail=cudaLaunchKernel:" + std::to_string(n) + ":701";
    expect(run_all(batch, MU_OP_NORMALIZE, channels, made), MU_INTERNAL, "[cuda] " + std::string(told[n - 1]) + ": too many resources");
  }
  emulated = "fail=cudaLaunchKernel:1:701 ";
  expect(run_all(scan(MU_SCAN_SUM, 0, 0), MU_OP_SCAN, {x}, {y}), MU_INTERNAL, "[cuda] a scan can't be launched: too many resources");
}

TEST_F(CudaEmulatedRows, WhatTheyAreNotForIsRefused) {
  const auto of = [](mu_dtype type, const Sizes& dims) { return view(nullptr, type, dims, dense_strides(dims)); };
  const mu_tensor x = of(MU_F32, {4, 3}), line = of(MU_F32, {3}), wide = of(MU_F64, {4, 3}), whole = of(MU_I32, {4, 3});
  const auto refused = [&](const auto& op, std::uint32_t id, const std::vector<mu_tensor>& in, const std::vector<mu_tensor>& out,
                           mu_code code, const std::string& text) {
    mu_plan* plan = nullptr;
    expect(plan_all(op, id, in, out, plan), code, text);
    plugin_->compute->plan_destroy(plan);
  };
  refused(softmax(4, 0), MU_OP_SOFTMAX, {x}, {x}, MU_UNSUPPORTED, "[softmax] kind 4 is not known here");
  refused(softmax(MU_SOFTMAX, 1), MU_OP_SOFTMAX, {whole}, {whole}, MU_UNSUPPORTED, "[softmax] is for floats");
  refused(softmax(MU_SOFTMAX, 2), MU_OP_SOFTMAX, {x}, {x}, MU_INVALID, "[softmax] axis 2 is outside of (4, 3)");
  refused(softmax(MU_SOFTMAX, 1), MU_OP_SOFTMAX, {x, x}, {x}, MU_INVALID, "[softmax] takes 1 inputs and gives 1 results: 2 and 1");
  refused(softmax(MU_SOFTMAX, 1), MU_OP_SOFTMAX, {of(MU_F32, {3, 4})}, {x}, MU_INVALID, "[softmax] dims differ: (3, 4) and (4, 3)");
  refused(softmax(MU_SOFTMAX, 1), MU_OP_SOFTMAX, {wide}, {x}, MU_INVALID, "[softmax] element types differ");
  const mu_op_normalize layer = normalize(MU_NORMALIZE_LAYER);
  refused(normalize(6), MU_OP_NORMALIZE, {x, line, line}, {x}, MU_UNSUPPORTED, "[normalize] kind 6 is not known here");
  refused(layer, MU_OP_NORMALIZE, {of(MU_F32, {2, 2, 3}), line, line}, {x}, MU_INVALID, "[normalize] x has two axes: (2, 2, 3)");
  refused(layer, MU_OP_NORMALIZE, {x, line, of(MU_F32, {4})}, {x}, MU_INVALID, "a parameter is not along the last axis: (4) and (4, 3)");
  refused(layer, MU_OP_NORMALIZE, {x, line, line}, {of(MU_F32, {3, 4})}, MU_INVALID, "[normalize] dims differ: (3, 4) and (4, 3)");
  const mu_op_normalize batch = normalize(MU_NORMALIZE_BATCH), back = normalize(MU_NORMALIZE_BATCH_BACKWARD);
  const mu_tensor image = of(MU_F32, {4, 3, 2}), half = of(MU_F16, {4, 3, 2}), half_line = of(MU_F16, {3});
  refused(batch, MU_OP_NORMALIZE, {image, line, line}, {image}, MU_INVALID, "[normalize] takes 3 inputs and gives 3 results: 3 and 1");
  refused(back, MU_OP_NORMALIZE, {image, line, image}, {image, line, line}, MU_INVALID, "takes 5 inputs and gives 3 results: 3 and 3");
  refused(batch, MU_OP_NORMALIZE, {x, line, line}, {x, line, line}, MU_INVALID, "x has three axes where channels are normalized: (4, 3)");
  refused(batch, MU_OP_NORMALIZE, {image, line, line}, {half, line, line}, MU_INVALID, "[normalize] element types differ");
  refused(batch, MU_OP_NORMALIZE, {image, line, of(MU_F32, {4})}, {image, line, line}, MU_INVALID,
          "[normalize] a parameter is not along the channels: (4) and (4, 3, 2)");
  refused(batch, MU_OP_NORMALIZE, {image, line, line}, {image, line, image}, MU_INVALID, "not along the channels: (4, 3, 2) and (4, 3, 2)");
  refused(back, MU_OP_NORMALIZE, {image, line, line, line, line}, {image, line, line}, MU_INVALID, "dims differ: (3) and (4, 3, 2)");
  refused(batch, MU_OP_NORMALIZE, {half, half_line, half_line}, {half, half_line, half_line}, MU_UNSUPPORTED,
          "[normalize] of channels is for float32 and float64");
  refused(scan(3, 0, 0), MU_OP_SCAN, {x}, {x}, MU_UNSUPPORTED, "[scan] kind 3 is not known here");
  refused(scan(MU_SCAN_SUM, 0, 2), MU_OP_SCAN, {x}, {x}, MU_UNSUPPORTED, "[scan] flags 2 are not known here");
  refused(scan(MU_SCAN_SUM, 2, 0), MU_OP_SCAN, {x}, {x}, MU_INVALID, "[scan] axis 2 is outside of (4, 3)");
  refused(scan(MU_SCAN_SUM, 0, 0), MU_OP_SCAN, {of(MU_I32, {4, 3})}, {of(MU_I32, {4, 3})}, MU_UNSUPPORTED,
          "[scan] is for floats and int64");
}

}  // namespace
}  // namespace emulated_test
