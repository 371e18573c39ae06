// Convolutions and windows by the tables, on the emulated cuDNN: values, choices, refusals, failures.
#include <cmath>
#include <functional>
#include <thread>

#include "../elements.hpp"
#include "builtin.h"
#include "emulated_device.hpp"
#include "mushin/plugin_graph.h"

namespace emulated_test {
namespace {

using Three = std::array<std::uint32_t, 3>;

struct ConvCase {
  Sizes x, w, y;
  Three stride, dilation, before;
  std::uint32_t groups;
};
const ConvCase convolutions[] = {
    {{2, 4, 9}, {6, 2, 3}, {2, 6, 3}, {3}, {2}, {1}, 2},
    {{2, 3, 6, 5}, {4, 3, 3, 2}, {2, 4, 3, 6}, {2, 1}, {1, 1}, {1, 1}, 1},
    {{3, 4, 7, 8}, {4, 1, 3, 3}, {3, 4, 4, 4}, {2, 2}, {1, 1}, {1, 1}, 4},
    {{1, 4, 5, 4, 6}, {2, 2, 3, 2, 3}, {1, 2, 3, 2, 2}, {2, 2, 3}, {1, 2, 1}, {1, 1, 1}, 2},
};

mu_op_conv conv_op(const ConvCase& c, std::uint32_t kind, mu_dtype type = MU_F32) {
  mu_op_conv op{};
  op.h = {sizeof op, MU_OP_CONV};
  op.kind = kind, op.acc = type == MU_F64 ? MU_F64 : MU_F32, op.groups = c.groups;
  std::copy_n(c.stride.data(), 3, op.stride), std::copy_n(c.dilation.data(), 3, op.dilation), std::copy_n(c.before.data(), 3, op.before);
  return op;
}
std::vector<Sizes> operands_of(const ConvCase& c, std::uint32_t kind) {
  if (kind == MU_CONV_FORWARD) return {c.x, c.w, c.y};
  return kind == MU_CONV_BACKWARD_DATA ? std::vector{c.y, c.w, c.x} : std::vector{c.x, c.y, c.w};
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

constexpr std::uint32_t kinds[] = {MU_CONV_FORWARD, MU_CONV_BACKWARD_DATA, MU_CONV_BACKWARD_WEIGHTS};
constexpr mu_dtype types[] = {MU_F32, MU_F64, MU_F16, MU_BF16};
double tolerance_of(mu_dtype t) { return t == MU_F64 ? 1e-13 : t == MU_F32 ? 1e-5 : t == MU_F16 ? 4e-3 : 4e-2; }

TEST_F(CudaEmulatedDnn, ConvolutionsGiveTheBuiltinBackendsValues) {
  for (const ConvCase& c : convolutions)
    for (const std::uint32_t kind : kinds)
      for (const mu_dtype type : types)
        for (const bool dense : {true, false}) {
          SCOPED_TRACE("rank " + std::to_string(c.x.size()) + " kind " + std::to_string(kind) + " type " + std::to_string(type));
          expect_builtin(conv_op(c, kind, type), type, operands_of(c, kind), dense, tolerance_of(type));
        }
}

TEST_F(CudaEmulatedDnn, AnEpilogueFollowsInPlaceOrFromTheWorkspace) {
  ProgramText text;
  const int sum = text.input(MU_F32), bias = text.input(MU_F32), other = text.input(MU_F32);
  text.out.push_back(text.add(MU_PW_FMA, MU_F32, sum, other, bias));
  const mu_pw_program p = text.descriptor();
  for (const std::uint32_t kind : {MU_CONV_FORWARD, MU_CONV_BACKWARD_DATA})
    for (const bool dense : {true, false})
      for (const ConvCase& c : convolutions) {
        mu_op_conv op = conv_op(c, kind);
        op.epilogue = &p;
        auto dims = operands_of(c, kind);
        dims.insert(dims.end() - 1, {dims.back(), dims.back()});
        expect_builtin(op, MU_F32, dims, dense, 1e-5);
      }
}

TEST_F(CudaEmulatedDnn, SumsOverNothingAreZero) {
  ProgramText text;
  text.out.push_back(text.add(MU_PW_ADD, MU_F32, text.input(MU_F32), text.input(MU_F32)));
  const mu_pw_program p = text.descriptor();
  mu_op_conv op = conv_op({{}, {}, {}, {1}, {1}, {0}, 1}, MU_CONV_FORWARD);
  expect_builtin(op, MU_F32, {{2, 0, 5}, {3, 0, 2}, {2, 3, 4}}, true, 0);
  expect_builtin(op, MU_F32, {{0, 2, 5}, {3, 2, 2}, {0, 3, 4}}, true, 0);
  op.epilogue = &p;
  for (const bool dense : {true, false}) expect_builtin(op, MU_F32, {{2, 0, 5}, {3, 0, 2}, {2, 3, 4}, {2, 3, 4}}, dense, 0);
  op.epilogue = nullptr, op.kind = MU_CONV_BACKWARD_WEIGHTS;
  expect_builtin(op, MU_F32, {{0, 2, 5}, {0, 3, 4}, {3, 2, 2}}, false, 0);
}

// Of 1 + 2^-9 + 2^-12 TF32 has the first two, a 16-bit float may have less.
TEST_F(CudaEmulatedDnn, ProductsAreRoundedOnlyWhereThatIsAllowed) {
  const float in_tf32 = 1 + 0x1p-9f, x = in_tf32 + 0x1p-12f;
  const mu_tensor a = on_device(std::vector<float>{x}, {1, 1, 1}), b = on_device(std::vector<float>{1}, {1, 1, 1}),
                  y = on_device(std::vector<float>(1), {1, 1, 1});
  for (const std::uint32_t kind : kinds)
    for (const std::uint32_t math : {MU_MATH_EXACT, MU_MATH_TF32, MU_MATH_BF16X3}) {
      mu_op_conv op = conv_op({{}, {}, {}, {1}, {1}, {0}, 1}, kind);
      op.math = math;
      ASSERT_EQ(run_op(op, MU_OP_CONV, {a, b}, y), MU_OK) << error_.message;
      EXPECT_NEAR(read<float>(y)[0], math == MU_MATH_TF32 ? in_tf32 : x, 0x1p-22) << kind;
    }
}

TEST_F(CudaEmulatedDnn, TheFirstAlgorithmThatMayBeTakenIs) {
  const auto planned = [&](std::uint32_t kind, std::uint32_t flags, mu_plan_info& info) {
    std::vector<mu_tensor> v;
    for (const Sizes& d : operands_of(convolutions[1], kind)) v.push_back(view(nullptr, MU_F32, d, dense_strides(d)));
    const mu_op_conv op = conv_op(convolutions[1], kind);
    return plan_with(flags, op.h, v, info);
  };
  mu_plan_info info;
  constexpr std::uint32_t both = MU_PLAN_CAPTURE_SAFE | MU_PLAN_DETERMINISTIC;
  for (const std::uint32_t kind : kinds) {
    emulated = "dnn_workspace=70000";
    const bool forward = kind == MU_CONV_FORWARD;
    ASSERT_EQ(planned(kind, 0, info), MU_OK) << error_.message;
    EXPECT_EQ(info.flags, forward ? both : MU_PLAN_CAPTURE_SAFE);
    EXPECT_EQ(info.workspace_bytes, forward ? 70144u : 0u);
    ASSERT_EQ(planned(kind, MU_PLAN_ORDERED, info), MU_OK) << error_.message;
    EXPECT_EQ(info.flags, both);
    EXPECT_EQ(info.workspace_bytes, 70144u);
    // More than a sixteenth of the device's memory.
    emulated = "dnn_workspace=268435457";
    EXPECT_EQ(planned(kind, 0, info), MU_OK) << error_.message;
    EXPECT_EQ(info.workspace_bytes, 0u);
    const mu_code code = planned(kind, MU_PLAN_ORDERED, info);
    if (forward)
      EXPECT_EQ(code, MU_OK);
    else
      expect(code, MU_UNSUPPORTED,
             "[conv] cuDNN has no algorithm of those that may be taken: (2, 3, 6, 5) with (4, 3, 3, 2) to (2, 4, 3, 6)");
  }
}

TEST_F(CudaEmulatedDnn, QueriesLeaveNothingBehind) {
  mu_plan_info info;
  std::vector<mu_tensor> v;
  for (const Sizes& d : operands_of(convolutions[0], MU_CONV_FORWARD)) v.push_back(view(nullptr, MU_F32, d, dense_strides(d)));
  EXPECT_EQ(plan_with(MU_PLAN_QUERY_ONLY, conv_op(convolutions[0], MU_CONV_FORWARD).h, v, info), MU_OK) << error_.message;
}

TEST_F(CudaEmulatedDnn, NothingIsCompiledWithoutTheLibrary) {
  TearDown();
  device_ = nullptr;
  plugin_ = fresh_module();
  open("dnn=none fail=cudaLibraryLoadData:1:209");
  std::vector<mu_tensor> v;
  for (const Sizes& d : operands_of(convolutions[0], MU_CONV_FORWARD)) v.push_back(view(nullptr, MU_F32, d, any_strides(random_, d)));
  mu_plan_info info;
  expect(plan_with(0, conv_op(convolutions[0], MU_CONV_FORWARD).h, v, info), MU_UNSUPPORTED, "[cuda] no cuDNN");
}

// ---- windows

struct PoolCase {
  Sizes x, y;
  Three window, stride, before;
};
const PoolCase windows[] = {
    {{2, 3, 7}, {2, 3, 4}, {3}, {2}, {1}},
    {{2, 3, 6, 7}, {2, 3, 4, 3}, {2, 3}, {2, 2}, {1, 0}},
    {{1, 2, 5, 6, 7}, {1, 2, 2, 5, 3}, {2, 2, 3}, {2, 1, 3}, {0, 0, 1}},
};
mu_op_pool pool_op(const PoolCase& c, std::uint32_t kind, std::uint32_t flags = 0) {
  mu_op_pool op{};
  op.h = {sizeof op, MU_OP_POOL};
  op.kind = kind, op.flags = flags;
  for (std::size_t i = 0; i + 2 < c.x.size(); ++i) op.dilation[i] = 1;
  std::copy_n(c.window.data(), 3, op.window), std::copy_n(c.stride.data(), 3, op.stride), std::copy_n(c.before.data(), 3, op.before);
  std::copy_n(c.before.data(), 3, op.after);
  return op;
}

TEST_F(CudaEmulatedDnn, WindowsGiveTheBuiltinBackendsValues) {
  for (const PoolCase& c : windows)
    for (const mu_dtype type : {MU_F32, MU_F64, MU_F16})
      for (const bool dense : {true, false}) {
        expect_builtin(pool_op(c, MU_POOL_MAX), type, {c.x, c.y}, dense, 0);
        for (const std::uint32_t flags : {0u, MU_POOL_COUNT_PADDING}) {
          expect_builtin(pool_op(c, MU_POOL_MEAN, flags), type, {c.x, c.y}, dense, tolerance_of(type));
          expect_builtin(pool_op(c, MU_POOL_MEAN_BACKWARD, flags), type, {c.y, c.x}, dense, tolerance_of(type));
        }
      }
  expect_builtin(pool_op(windows[0], MU_POOL_MAX), MU_F32, {{0, 3, 7}, {0, 3, 4}}, true, 0);
  expect_builtin(pool_op(windows[0], MU_POOL_MEAN_BACKWARD), MU_F32, {{0, 3, 4}, {0, 3, 7}}, true, 0);
}

TEST_F(CudaEmulatedDnn, ANanIsTheGreatest) {
  const mu_tensor x = on_device(std::vector<float>{NAN, 1, 2, 3}, {1, 1, 4}), y = on_device(std::vector<float>(2), {1, 1, 2});
  ASSERT_EQ(run_op(pool_op({{1, 1, 4}, {}, {2}, {2}, {0}}, MU_POOL_MAX), MU_OP_POOL, {x}, y), MU_OK) << error_.message;
  EXPECT_TRUE(std::isnan(read<float>(y)[0]));
  EXPECT_EQ(read<float>(y)[1], 3);
}

// ---- what is refused

TEST_F(CudaEmulatedDnn, WhatItIsNotForIsRefused) {
  const mu_op_conv op = conv_op({{}, {}, {}, {1}, {1}, {1}, 1}, MU_CONV_FORWARD);
  const auto f32 = [](const Sizes& d) { return std::pair{d, MU_F32}; };
  const auto changed = [](auto o, const auto& change) { return change(o), o; };
  const auto x = f32({1, 2, 5}), w = f32({3, 2, 3});
  refused(op, {x, w, f32({1, 3, 4})}, MU_UNSUPPORTED, "[conv] cuDNN pads both ends alike, which makes (1, 3, 1, 5), not (1, 3, 1, 4)");
  refused(changed(op, [](auto& o) { o.kind = 3; }), {x, w, f32({1, 3, 5})}, MU_UNSUPPORTED, "[conv] kind 3 is not known here");
  refused(changed(op, [](auto& o) { o.acc = MU_F64; }), {x, w, f32({1, 3, 5})}, MU_UNSUPPORTED,
          "[conv] sums of float32 are made in float32");
  refused(changed(op, [](auto& o) { o.groups = 0; }), {x, w, f32({1, 3, 5})}, MU_INVALID, "[conv] there is at least one group");
  refused(changed(op, [](auto& o) { o.stride[0] = 0; }), {x, w, f32({1, 3, 5})}, MU_INVALID, "[conv] stride and dilation are at least 1");
  refused(changed(op, [](auto& o) { o.stride[1] = 1; }), {x, w, f32({1, 3, 5})}, MU_INVALID, "[conv] numbers for axis 1 of 1");
  refused(op, {x, w, f32({1, 4, 5})}, MU_INVALID, "[conv] the outputs are the weights': (1, 2, 5) with (3, 2, 3) to (1, 4, 5)");
  refused(op, {x, f32({3, 1, 3}), f32({1, 3, 5})}, MU_INVALID, "[conv] channels do not fit 1 groups");
  refused(op, {x, w, f32({2, 3, 5})}, MU_INVALID, "[conv] batches differ");
  refused(op, {x, {{3, 2, 3}, MU_F64}, f32({1, 3, 5})}, MU_INVALID, "[conv] element types differ: float32, float64 and float32");
  refused(op, {f32({1, 2}), w, f32({1, 3, 5})}, MU_INVALID, "[conv] all views have one rank, 3 to 5");
  refused(op, {f32({1, 2, 1ll << 31}), w, f32({1, 3, 1ll << 31})}, MU_UNSUPPORTED,
          "[conv] cuDNN counts elements in 32 bits: (1, 2, 2147483648)");
  refused(changed(op, [](auto& o) { o.dilation[0] = 1u << 31; }), {x, w, f32({1, 3, 5})}, MU_UNSUPPORTED, "[conv] cuDNN counts in 32 bits");
  ProgramText text;
  text.out.push_back(text.add(MU_PW_NEG, MU_F32, text.input(MU_F32)));
  const mu_pw_program p = text.descriptor();
  const auto followed = changed(op, [&](auto& o) { o.epilogue = &p; });
  refused(followed, {{{1, 2, 5}, MU_F16}, {{3, 2, 3}, MU_F16}, {{1, 3, 5}, MU_F16}}, MU_UNSUPPORTED, "[conv] epilogues are from");
  refused(changed(followed, [](auto& o) { o.kind = MU_CONV_BACKWARD_WEIGHTS; }), {x, f32({1, 3, 5}), w}, MU_INVALID, "takes no epilogue");
  refused(op, {x, w, x, f32({1, 3, 5})}, MU_INVALID, "[conv] has inputs for an epilogue, but none");

  const PoolCase& c = windows[0];
  const mu_op_pool greatest = pool_op(c, MU_POOL_MAX), mean = pool_op(c, MU_POOL_MEAN, MU_POOL_COUNT_PADDING);
  refused(pool_op(c, MU_POOL_MAX_BACKWARD), {f32(c.x), f32(c.y), f32(c.x)}, MU_UNSUPPORTED,
          "[pool] cuDNN doesn't promise that the first of equals gets the gradient");
  refused(pool_op(c, 4), {f32(c.x), f32(c.y)}, MU_UNSUPPORTED, "[pool] kind 4 is not known here");
  refused(changed(greatest, [](auto& o) { o.flags = 2; }), {f32(c.x), f32(c.y)}, MU_UNSUPPORTED, "[pool] flags 2 are not known here");
  refused(changed(greatest, [](auto& o) { o.dilation[0] = 2; }), {f32(c.x), f32(c.y)}, MU_UNSUPPORTED,
          "[pool] cuDNN's windows have dilation 1");
  refused(changed(mean, [](auto& o) { o.dilation[0] = 2; }), {f32(c.x), f32(c.y)}, MU_INVALID, "[pool] means have dilation 1");
  refused(changed(greatest, [](auto& o) { o.before[0] = 3; }), {f32(c.x), f32(c.y)}, MU_UNSUPPORTED,
          "[pool] cuDNN's windows are greater than their padding: axis 0 has 3 and 3");
  refused(changed(mean, [](auto& o) { o.after[0] = 0; }), {f32(c.x), f32(c.y)}, MU_UNSUPPORTED,
          "[pool] windows reach beyond the padding that counts: to 8 of 7 and 0");
  refused(greatest, {f32(c.x), f32({2, 3, 5})}, MU_UNSUPPORTED,
          "[pool] cuDNN pads both ends alike, which makes (2, 3, 1, 4), not (2, 3, 1, 5)");
  refused(greatest, {{c.x, MU_BF16}, {c.y, MU_BF16}}, MU_UNSUPPORTED, "[pool] is for float32, float64 and float16");
  refused(greatest, {f32(c.x), {c.y, MU_F64}}, MU_INVALID, "[pool] element types differ");
  refused(greatest, {f32(c.x), f32({2, 4, 4})}, MU_INVALID, "[pool] batch and channels differ");
}

// ---- where the library is missing or fails

TEST_F(CudaEmulatedDnn, ALibraryThatCannotBeUsedIsToldByPlansAndLoggedOnce) {
  struct Missing {
    const char *what, *reason;
  };
  for (const auto& [what, reason] : {Missing{"dnn=none", "[cuda] no cuDNN: libcudnn.so.9: cannot open shared object file"},
                                     Missing{"dnn_version=8907", "[cuda] cuDNN is of version 8.9.7, this plugin is for 9"},
                                     Missing{"dnn_version=100200", "[cuda] cuDNN is of version 10.2.0, this plugin is for 9"},
                                     Missing{"dnn_lacks=cudnnPoolingBackward", "[cuda] cuDNN lacks cudnnPoolingBackward"},
                                     Missing{"fail=cudnnCreate:1:1001 fail=cudnnCreate:2:1001",
                                             "[cuda] cuDNN can't be used: CUDNN_STATUS_NOT_INITIALIZED: it was asked to"}}) {
    TearDown();
    device_ = nullptr;
    plugin_ = fresh_module();
    open(what);
    logged.clear();
    for (int i = 0; i < 2; ++i) expect(small(), MU_UNSUPPORTED, reason);
    EXPECT_EQ(logged.find(reason), 0u) << logged;
    EXPECT_EQ(logged.find(reason, 1), std::string::npos) << logged;
  }
  EXPECT_EQ(small(), MU_OK) << error_.message;  // a handle is tried again
  TearDown();
  device_ = nullptr;
  plugin_ = fresh_module();
  cudnn_path = "/nowhere/cudnn.so";
  open("");
  expect(small(), MU_UNSUPPORTED, "[cuda] no cuDNN: /nowhere/cudnn.so: cannot open shared object file");
  cudnn_path = "/somewhere/libcudnn.so.9";
  TearDown();
  device_ = nullptr;
  plugin_ = fresh_module();
  open("dnn_lacks=cudnnGetLastErrorString fail=cudnnConvolutionForward:1:5000");
  expect(small(), MU_INTERNAL, "[conv] cuDNN refused a convolution: CUDNN_STATUS_EXECUTION_FAILED");
  cudnn_path.clear();
}

TEST_F(CudaEmulatedDnn, FailuresAreTold) {
  const auto failing = [&](const char* call, mu_code code, const std::string& text, std::uint32_t kind = MU_CONV_FORWARD) {
    emulated = std::string("fail=") + call;
    expect(small(kind), code, text);
    EXPECT_EQ(small(kind), MU_OK) << error_.message;
  };
  failing("cudnnCreate:1:4004", MU_OUT_OF_MEMORY, "[cuda] cuDNN can't be used: CUDNN_STATUS_INTERNAL_ERROR_DEVICE_ALLOCATION_FAILED");
  failing("cudnnCreateDescriptor:3:4003", MU_OUT_OF_MEMORY, "[cuda] cuDNN has no memory for a description: ");
  failing("cudnnGetConvolutionForwardAlgorithm_v7:1:3000", MU_UNSUPPORTED,
          "[cuda] [conv] cuDNN has no algorithm: CUDNN_STATUS_NOT_SUPPORTED: it was asked to");
  failing("cudnnGetConvolutionForwardAlgorithm_v7:1:5000", MU_INTERNAL, "[conv] cuDNN has no algorithm: CUDNN_STATUS_EXECUTION_FAILED");
  failing("cudnnConvolutionForward:1:5000", MU_INTERNAL,
          "[conv] cuDNN refused a convolution: CUDNN_STATUS_EXECUTION_FAILED: it was asked to");
  failing("cudnnConvolutionBackwardData:1:4004", MU_OUT_OF_MEMORY, "[conv] cuDNN refused a convolution", MU_CONV_BACKWARD_DATA);
  failing("cudnnSetStream:1:5000", MU_INTERNAL, "[conv] cuDNN refused a convolution", MU_CONV_BACKWARD_WEIGHTS);
  // The next algorithm is taken.
  emulated = "fail=cudnnGetConvolutionForwardWorkspaceSize:1:3000";
  EXPECT_EQ(small(), MU_OK) << error_.message;
  const mu_tensor x = on_device(std::vector<float>(14, 1.f), {1, 2, 7}), y = on_device(std::vector<float>(8), {1, 2, 4});
  emulated = "fail=cudnnPoolingForward:1:5000";
  expect(run_op(pool_op(windows[0], MU_POOL_MEAN), MU_OP_POOL, {x}, y), MU_INTERNAL, "[pool] cuDNN refused windows: ");
}

TEST_F(CudaEmulatedDnn, AMissingWorkspaceIsTold) {
  const ConvCase& c = convolutions[1];
  std::vector<mu_tensor> v;
  for (const Sizes& d : operands_of(c, MU_CONV_FORWARD)) v.push_back(on_device(std::vector<float>(static_cast<std::size_t>(count(d))), d));
  const mu_op_conv op = conv_op(c, MU_CONV_FORWARD);
  Planned p;
  ASSERT_EQ(plan(p, &op.h, {v[0], v[1]}, v[2]), MU_OK) << error_.message;
  p.workspace = nullptr;
  expect(run(p, {v[0], v[1]}, v[2]), MU_INVALID, "[conv] the plan's workspace is missing");
  plugin_->compute->plan_destroy(p.plan);
}

TEST_F(CudaEmulatedDnn, ALostDeviceIsToldByItsConvolution) {
  TearDown();
  device_ = nullptr;
  plugin_ = fresh_module();  // the process has lost that of the one before
  open("");
  EXPECT_EQ(small(), MU_OK) << error_.message;
  emulated = "fail=cudnn.launch:1:700";
  expect(small(), MU_DEVICE_LOST, "[cuda] device 0 is lost: [conv] cuDNN refused a convolution");
  TearDown();
  device_ = nullptr;
  plugin_ = fresh_module();
  open("");
}

// ---- threads and graphs

TEST_F(CudaEmulatedDnn, TwoThreadsUseTheHandleOneAfterTheOther) {
  const ConvCase& c = convolutions[1];
  const auto work = [&](mu_stream* s, std::string& failed) {
    const mu_op_conv op = conv_op(c, MU_CONV_FORWARD);
    std::vector<mu_tensor> v;
    mu_error e = empty();
    for (const Sizes& d : operands_of(c, MU_CONV_FORWARD)) {
      v.push_back(view(nullptr, MU_F32, d, dense_strides(d)));
      plugin_->memory->alloc(device_, MU_MEMORY_DEVICE, static_cast<std::uint64_t>(count(d)) * sizeof(float), 64, &v.back().buffer, &e);
    }
    for (int i = 0; i < 50 && failed.empty(); ++i) {
      mu_plan* plan = nullptr;
      mu_plan_info info{};
      info.size = sizeof info;
      mu_code code = plugin_->compute->plan_create(device_, &op.h, 0, 2, v.data(), 1, &v[2], &plan, &info, &e);
      mu_buffer* workspace = nullptr;
      if (code == MU_OK) code = plugin_->memory->alloc(device_, MU_MEMORY_DEVICE, info.workspace_bytes, 64, &workspace, &e);
      if (code == MU_OK) code = plugin_->compute->plan_run(plan, s, 2, v.data(), 1, &v[2], workspace, 0, &e);
      if (code != MU_OK) failed = e.message;
      plugin_->stream->synchronize(s, &e);
      plugin_->memory->free(device_, workspace);
      plugin_->compute->plan_destroy(plan);
    }
    for (mu_tensor& each : v) plugin_->memory->free(device_, each.buffer);
  };
  std::string failed[2];
  mu_stream* streams[2] = {};
  for (auto& s : streams) ASSERT_EQ(plugin_->stream->create(device_, 0, &s, &error_), MU_OK) << error_.message;
  std::thread other(work, streams[1], std::ref(failed[1]));
  work(streams[0], failed[0]);
  other.join();
  for (auto& s : streams) plugin_->stream->destroy(s);
  for (const std::string& f : failed) EXPECT_EQ(f, "");
}

TEST_F(CudaEmulatedDnn, ConvolutionsAndWindowsAreCaptured) {
  const auto& graphs = *static_cast<const mu_graph_table*>(plugin_->extension(MU_EXT_GRAPH, 1));
  // Copies, a convolution with something behind it, and the means of its result.
  ProgramText text;
  text.out.push_back(text.add(MU_PW_NEG, MU_F32, text.input(MU_F32)));
  const mu_pw_program p = text.descriptor();
  mu_op_conv op = conv_op({{}, {}, {}, {1}, {1}, {0}, 1}, MU_CONV_FORWARD);
  op.epilogue = &p;
  mu_tensor x = on_device(std::vector<float>{1, 2, 3, 4, 5}, {1, 1, 5}), w = on_device(std::vector<float>{1, 10}, {1, 1, 2}),
            y = on_device(std::vector<float>(8), {1, 1, 4}), mean = on_device(std::vector<float>(2), {1, 1, 2});
  y.stride[2] = 2, x.stride[2] = 0;
  const mu_op_pool pool = pool_op({{1, 1, 4}, {}, {2}, {2}, {0}}, MU_POOL_MEAN);
  Planned first, second;
  ASSERT_EQ(plan(first, &op.h, {x, w}, y), MU_OK) << error_.message;
  ASSERT_EQ(plan(second, &pool.h, {y}, mean), MU_OK) << error_.message;
  ASSERT_EQ(graphs.capture_begin(device_, nullptr, &error_), MU_OK) << error_.message;
  EXPECT_EQ(run(first, {x, w}, y), MU_OK) << error_.message;
  EXPECT_EQ(run(second, {y}, mean), MU_OK) << error_.message;
  mu_graph* graph = nullptr;
  ASSERT_EQ(graphs.capture_end(device_, nullptr, &graph, &error_), MU_OK) << error_.message;
  const std::vector<float> seven{7};
  ASSERT_EQ(plugin_->memory->upload(device_, nullptr, x.buffer, 0, seven.data(), sizeof(float), &error_), MU_OK);
  ASSERT_EQ(graphs.launch(graph, nullptr, &error_), MU_OK) << error_.message;
  EXPECT_EQ(read<float>(mean), (std::vector<float>{-77, -77}));
  graphs.destroy(graph);
  for (const Planned& each : {first, second}) plugin_->compute->plan_destroy(each.plan);
}

}  // namespace
}  // namespace emulated_test
