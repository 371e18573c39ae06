// Convolutions on the emulated cuDNN: what is refused, what is missing or fails, threads and graphs.
#include <functional>
#include <thread>

#include "dnn_support.hpp"
#include "mushin/plugin_graph.h"

namespace emulated_test {
namespace {

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
}

// ---- where the library is missing or fails

TEST_F(CudaEmulatedDnn, ALibraryThatCannotBeUsedIsToldByPlansAndLoggedOnce) {
  struct Missing {
    const char *what, *reason;
  };
  for (const auto& [what, reason] :
       {Missing{"dnn=none", "[cuda] no cuDNN: libcudnn.so.9: cannot open shared object file"},
        Missing{"dnn_version=8907", "[cuda] cuDNN is of version 8.9.7, this plugin is for 9"},
        Missing{"dnn_version=100200", "[cuda] cuDNN is of version 10.2.0, this plugin is for 9"},
        Missing{"dnn_lacks=cudnnConvolutionBackwardFilter", "[cuda] cuDNN lacks cudnnConvolutionBackwardFilter"},
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
  // By the run: the plan has asked twice.
  failing("cudnnSetStream:3:5000", MU_INTERNAL, "[conv] cuDNN refused a convolution", MU_CONV_BACKWARD_WEIGHTS);
  // The next algorithm is taken.
  emulated = "fail=cudnnGetConvolutionForwardWorkspaceSize:1:3000";
  EXPECT_EQ(small(), MU_OK) << error_.message;
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
  EXPECT_EQ(small(), MU_OK) << error_.message;  // though the stream that it worked on last is gone
}

TEST_F(CudaEmulatedDnn, ConvolutionsAreCaptured) {
  const auto& graphs = *static_cast<const mu_graph_table*>(plugin_->extension(MU_EXT_GRAPH, 1));
  // Copies, and a convolution with something behind it.
  ProgramText text;
  text.out.push_back(text.add(MU_PW_NEG, MU_F32, text.input(MU_F32)));
  const mu_pw_program p = text.descriptor();
  mu_op_conv op = conv_op({{}, {}, {}, {1}, {1}, {0}, 1}, MU_CONV_FORWARD);
  op.epilogue = &p;
  mu_tensor x = on_device(std::vector<float>{1, 2, 3, 4, 5}, {1, 1, 5}), w = on_device(std::vector<float>{1, 10}, {1, 1, 2}),
            y = on_device(std::vector<float>(8), {1, 1, 4});
  y.stride[2] = 2, x.stride[2] = 0;
  Planned planned;
  ASSERT_EQ(plan(planned, &op.h, {x, w}, y), MU_OK) << error_.message;
  ASSERT_EQ(graphs.capture_begin(device_, nullptr, &error_), MU_OK) << error_.message;
  EXPECT_EQ(run(planned, {x, w}, y), MU_OK) << error_.message;
  mu_graph* graph = nullptr;
  ASSERT_EQ(graphs.capture_end(device_, nullptr, &graph, &error_), MU_OK) << error_.message;
  const std::vector<float> seven{7};
  ASSERT_EQ(plugin_->memory->upload(device_, nullptr, x.buffer, 0, seven.data(), sizeof(float), &error_), MU_OK);
  ASSERT_EQ(graphs.launch(graph, nullptr, &error_), MU_OK) << error_.message;
  EXPECT_EQ(read<float>(y), (std::vector<float>{-77, 0, -77, 0, -77, 0, -77, 0}));
  graphs.destroy(graph);
  plugin_->compute->plan_destroy(planned.plan);
}

}  // namespace
}  // namespace emulated_test
