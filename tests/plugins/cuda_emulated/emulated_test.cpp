// The CUDA plugin on the emulated runtime: what it tells where something is missing or fails, and that it waits for what it must.
#include <algorithm>
#include <cmath>
#include <functional>
#include <thread>

#include "emulated_device.hpp"

namespace {

using namespace emulated_test;

// ---- what opening tells

struct Missing {
  const char* what;
  mu_code code;
  const char* reason;
};
class CudaEmulatedOpening : public testing::TestWithParam<Missing> {};

TEST_P(CudaEmulatedOpening, TellsWhatIsMissing) {
  const mu_plugin* plugin = fresh_module();
  emulated = GetParam().what;
  mu_device* device = reinterpret_cast<mu_device*>(&emulated);
  mu_error e = empty();
  EXPECT_EQ(plugin->device_open(0, &device, &e), GetParam().code);
  EXPECT_EQ(device, nullptr);
  EXPECT_NE(std::string(e.message).find(GetParam().reason), std::string::npos) << e.message;
  // What was missing is there now.
  emulated = "";
  EXPECT_EQ(plugin->device_open(0, &device, &e), MU_OK) << e.message;
  plugin->device->close(device);
}

INSTANTIATE_TEST_SUITE_P(
    All, CudaEmulatedOpening,
    testing::Values(
        Missing{"driver=none", MU_UNAVAILABLE, "[cuda] no driver: libcuda.so.1: cannot open"},
        Missing{"driver=12040", MU_UNAVAILABLE, "[cuda] the driver is too old: it knows CUDA 12.4, this plugin was built for "},
        Missing{"devices=0", MU_UNAVAILABLE, "[cuda] the driver shows no device: there is none, or CUDA_VISIBLE_DEVICES names none"},
        Missing{"capability=61", MU_UNAVAILABLE, "[cuda] Emulated GPU has compute capability 6.1, which this plugin has no code for"},
        Missing{"blas=none", MU_UNAVAILABLE, "[cuda] no cuBLASLt: libcublasLt.so"},
        Missing{"nvrtc=none", MU_UNAVAILABLE, "[nvrtc] the CUDA run-time compiler is not there: libnvrtc.so"},
        Missing{"fail=cudaGetDeviceCount:1:46", MU_UNAVAILABLE, "[cuda] no device: "},
        Missing{"fail=cudaHostAlloc:1:2", MU_OUT_OF_MEMORY, "[cuda] no pinned memory: out of memory"},
        Missing{"fail=cudaStreamCreateWithFlags:1:2", MU_OUT_OF_MEMORY, "[cuda] no stream: out of memory"},
        Missing{"fail=cudaStreamCreateWithFlags:2:2", MU_OUT_OF_MEMORY, "[cuda] no stream: out of memory"},
        Missing{"fail=cudaStreamCreateWithFlags:3:2", MU_OUT_OF_MEMORY, "[cuda] no stream: out of memory"},
        Missing{"fail=cublasLtCreate:1:1", MU_UNAVAILABLE, "[cuda] cuBLASLt can't be opened: "}));

TEST(CudaEmulated, NumbersBeyondTheLastAreRefused) {
  const mu_plugin* plugin = fresh_module();
  emulated = "devices=3";
  std::uint32_t n = 0;
  mu_error e = empty();
  ASSERT_EQ(plugin->device_count(&n, &e), MU_OK);
  EXPECT_EQ(n, 3u);
  mu_device* device = nullptr;
  EXPECT_EQ(plugin->device_open(3, &device, &e), MU_INVALID);
  EXPECT_EQ(device, nullptr);
  EXPECT_STREQ(e.message, "[cuda] there is no device 3: the driver shows 3, counted from 0");
}

// ---- an open device

TEST_F(CudaEmulatedDevice, MemoryThatRunsOutIsToldAndNothingElseChanges) {
  for (const char* set : {"", "pools=0"}) {
    open(set);
    const std::string call = *set ? "cudaMalloc" : "cudaMallocAsync";
    emulated = set + (" fail=" + call + ":2:2 fail=cudaHostAlloc:1:2");
    room(1000);
    mu_buffer* b = nullptr;
    const mu_code code = alloc(MU_MEMORY_DEVICE, 1000, b);
    EXPECT_EQ(error_.flags, 2u);
    expect(code, MU_OUT_OF_MEMORY, "[cuda] no device memory: out of memory");
    EXPECT_EQ(b, nullptr);
    expect(alloc(MU_MEMORY_HOST_PINNED, 1000, b), MU_OUT_OF_MEMORY, "[cuda] no pinned memory: out of memory");
    room(1000), room(1000, MU_MEMORY_HOST_PINNED);
    expect(alloc(MU_MEMORY_DEVICE, std::uint64_t{1} << 46, b), MU_OUT_OF_MEMORY, "no device memory");
    std::uint64_t free = 0, total = 0;
    EXPECT_EQ(plugin_->device->mem_info(device_, &free, &total, &error_), MU_OK);
    EXPECT_EQ(total - free, 2000u);
  }
}

TEST_F(CudaEmulatedDevice, AFailedLaunchIsToldByTheRunAlone) {
  const mu_tensor x = on_device(std::vector<float>{1, 2, 3}, {3}), y = on_device(std::vector<float>(3), {3});
  emulated = "fail=cudaLaunchKernel:2:701";
  EXPECT_EQ(add_one(x, y), MU_OK) << error_.message;
  expect(add_one(x, y), MU_INTERNAL, "[cuda] a program can't be launched: too many resources requested for launch");
  EXPECT_EQ(add_one(y, y), MU_OK) << error_.message;
  EXPECT_EQ(read<float>(y), (std::vector<float>{3, 4, 5}));
}

// Whoever waits first is told; from then on everybody is.
TEST_F(CudaEmulatedDevice, ALostDeviceStaysLost) {
  const std::vector<float> values(6, 1.f);
  const auto lost = [&](const char* set, const std::function<mu_code(const mu_tensor&, const mu_tensor&)>& first, const std::string& text) {
    TearDown();
    device_ = nullptr;
    plugin_ = fresh_module();  // the process has lost that of the one before
    open("");
    const mu_tensor x = on_device(values, {2, 3}), y = on_device(values, {2, 3});
    EXPECT_EQ(add_one(x, y), MU_OK) << error_.message;
    EXPECT_EQ(plugin_->device->synchronize(device_, &error_), MU_OK);
    mu_event* behind = nullptr;
    EXPECT_EQ(plugin_->stream->event_create(device_, 0, &behind, &error_), MU_OK);
    EXPECT_EQ(add_one(x, y), MU_OK) << error_.message;
    EXPECT_EQ(plugin_->stream->event_record(behind, nullptr, &error_), MU_OK);
    EXPECT_EQ(plugin_->stream->event_wait(behind, UINT64_MAX, &error_), MU_OK);
    emulated = set;
    const mu_code code = first(x, y);
    EXPECT_EQ(error_.flags, 1u) << set;
    const std::string told = error_.message;
    expect(code, MU_DEVICE_LOST, "[cuda] device 0 is lost: " + text);
    expect(add_one(x, y), MU_DEVICE_LOST, told);
    expect(plugin_->device->synchronize(device_, &error_), MU_DEVICE_LOST, told);
    mu_buffer* b = nullptr;
    expect(alloc(MU_MEMORY_DEVICE, 8, b), MU_DEVICE_LOST, told);
    mu_stream* s = nullptr;
    expect(plugin_->stream->create(device_, 0, &s, &error_), MU_DEVICE_LOST, told);
    // What failed is done with its memory.
    EXPECT_EQ(plugin_->stream->event_query(behind, &error_), MU_OK);
    expect(plugin_->stream->event_wait(behind, 1000, &error_), MU_DEVICE_LOST, told);
    plugin_->stream->event_destroy(behind);
  };
  const auto copy = [&](const mu_tensor& to) {
    std::vector<float> got(6);
    return plugin_->memory->download(device_, nullptr, got.data(), to.buffer, 0, to.bytes, &error_);
  };
  const auto wait = [&](const mu_tensor& x, const mu_tensor& y) {
    EXPECT_EQ(add_one(x, y), MU_OK);
    return plugin_->device->synchronize(device_, &error_);
  };
  lost("fail=work:1:700", wait, "work on the device failed: an illegal memory access was encountered");
  lost(
      "fail=work:1:719", [&](const mu_tensor& x, const mu_tensor& y) { return add_one(x, y) == MU_OK ? copy(y) : mu_code{MU_OK}; },
      "a download failed: unspecified launch failure");
  lost(
      "fail=cudaLaunchKernel:1:700", [&](const mu_tensor& x, const mu_tensor& y) { return add_one(x, y); }, "a program can't be launched");
  lost(
      "fail=cudaMallocAsync:1:700",
      [&](const mu_tensor&, const mu_tensor&) {
        mu_buffer* b = nullptr;
        return alloc(MU_MEMORY_DEVICE, 8, b);
      },
      "no device memory");
  lost(
      "fail=work:1:700",
      [&](const mu_tensor& x, const mu_tensor& y) {
        mu_event* event = nullptr;
        EXPECT_EQ(plugin_->stream->event_create(device_, 0, &event, &error_), MU_OK);
        EXPECT_EQ(add_one(x, y), MU_OK);
        EXPECT_EQ(plugin_->stream->event_record(event, nullptr, &error_), MU_OK);
        const mu_code code = plugin_->stream->event_wait(event, UINT64_MAX, &error_);
        plugin_->stream->event_destroy(event);
        return code;
      },
      "work behind an event failed");
  lost(
      "fail=cudaLibraryLoadData:1:700", [&](const mu_tensor&, const mu_tensor& y) { return run_op(mu_op_fill{}, MU_OP_FILL, {}, y); },
      "a program can't be loaded");
  // cuBLASLt has one code for all that fails when it launches.
  lost(
      "fail=cublasLtMatmul.launch:1:700",
      [&](const mu_tensor& x, mu_tensor y) {
        mu_op_matmul op{};
        op.acc = MU_F32;
        mu_tensor t = x;
        t.dim[0] = 3, t.dim[1] = 2, t.stride[0] = 1, t.stride[1] = 3;
        y.dim[1] = 2, y.stride[0] = 2;
        return run_op(op, MU_OP_MATMUL, {x, t}, y);
      },
      "[matmul] cuBLASLt refused a product");
}

TEST_F(CudaEmulatedDevice, ElementTypesThatItLacksAreUnsupported) {
  mu_tensor x = on_device(std::vector<double>(4), {4}), y = x;
  x.dtype = y.dtype = MU_U64;
  mu_op_copy copy{};
  expect(run_op(copy, MU_OP_COPY, {x}, y), MU_UNSUPPORTED, "is not supported");
  expect(run_op(mu_op_fill{}, MU_OP_FILL, {}, y), MU_UNSUPPORTED, "is not supported");
}

TEST_F(CudaEmulatedDevice, AProgramThatDoesNotCompileIsToldWithTheCompilersWords) {
  const mu_tensor x = on_device(std::vector<double>{1, 2, 3}, {3}), y = on_device(std::vector<double>(3), {3});
  const auto tangent = [&] {
    ProgramText text;
    text.out.push_back(text.add(MU_PW_TANH, MU_F64, text.input(MU_F64)));
    const mu_pw_program p = text.descriptor();
    mu_op_pointwise op{};
    op.program = &p;
    return run_op(op, MU_OP_POINTWISE, {x}, y);
  };
  std::filesystem::remove_all(MUSHIN_EMULATED_PROGRAMS "/cache-of-this-test");
  emulated = "fail=nvrtcCompileProgram:1:6";
  expect(tangent(), MU_INTERNAL, "[nvrtc] NVRTC_ERROR_COMPILATION:\nmushin.cu(1): error");
  emulated = "fail=cudaLibraryLoadData:1:209";
  expect(tangent(), MU_INTERNAL, "[cuda] a program can't be loaded: ");
  EXPECT_EQ(tangent(), MU_OK) << error_.message;
  EXPECT_EQ(read<double>(y)[1], std::tanh(2.0));
}

// ---- streams

TEST_F(CudaEmulatedDevice, StreamsWaitForEventsAndForNothingElse) {
  mu_stream* streams[2] = {};
  for (auto& s : streams) ASSERT_EQ(plugin_->stream->create(device_, 0, &s, &error_), MU_OK) << error_.message;
  mu_event* event = nullptr;
  ASSERT_EQ(plugin_->stream->event_create(device_, 0, &event, &error_), MU_OK) << error_.message;
  EXPECT_EQ(plugin_->stream->event_query(event, &error_), MU_OK) << "never recorded";
  const std::vector<float> values(100000, 1.f);
  const mu_tensor x = on_device(values, {100000}, streams[0]), y = on_device(values, {100000}, streams[0]);
  for (int i = 0; i < 20; ++i) ASSERT_EQ(add_one(x, x, streams[0]), MU_OK) << error_.message;
  ASSERT_EQ(plugin_->stream->event_record(event, streams[0], &error_), MU_OK);
  EXPECT_EQ(plugin_->stream->event_query(event, &error_), MU_PENDING);
  EXPECT_EQ(plugin_->stream->event_wait(event, 0, &error_), MU_TIMEOUT);
  ASSERT_EQ(plugin_->stream->stream_wait_event(streams[1], event, &error_), MU_OK);
  ASSERT_EQ(add_one(x, y, streams[1]), MU_OK) << error_.message;
  EXPECT_EQ(read<float>(y, streams[1])[99999], 22.f);
  EXPECT_EQ(plugin_->stream->event_wait(event, std::uint64_t{1} << 40, &error_), MU_OK);
  plugin_->stream->event_destroy(event);
  for (auto& s : streams) plugin_->stream->destroy(s);
}

TEST_F(CudaEmulatedDevice, UploadsHaveReadTheirSourceWhenTheyReturn) {
  mu_buffer* pinned = room(4000, MU_MEMORY_HOST_PINNED);
  void* place = nullptr;
  ASSERT_EQ(plugin_->memory->host_ptr(device_, pinned, &place, &error_), MU_OK);
  expect(plugin_->memory->host_ptr(device_, room(8), &place, &error_), MU_UNSUPPORTED, "[cuda] the host can't reach device memory");
  std::vector<float> pageable(1000, 1.f);
  for (float* from : {static_cast<float*>(place), pageable.data()}) {
    std::fill_n(from, 1000, 1.f);
    mu_tensor v = on_device(pageable, {1000});
    // Behind work that hasn't begun.
    ASSERT_EQ(add_one(v, v), MU_OK) << error_.message;
    ASSERT_EQ(plugin_->memory->upload(device_, nullptr, v.buffer, 0, from + 1, 3996, &error_), MU_OK);
    std::fill_n(from, 1000, -1.f);
    EXPECT_EQ(read<float>(v)[998], 1.f);
  }
  // Of pinned memory a download is done when its stream is.
  const mu_tensor v = on_device(pageable, {1000});
  ASSERT_EQ(plugin_->memory->download(device_, nullptr, place, v.buffer, 0, 4000, &error_), MU_OK);
  ASSERT_EQ(plugin_->device->synchronize(device_, &error_), MU_OK);
  EXPECT_EQ(static_cast<float*>(place)[999], pageable[999]);
}

TEST_F(CudaEmulatedDevice, BadIndicesAreToldByTheWaitsBehindThemAlone) {
  mu_stream* streams[2] = {};
  for (auto& s : streams) ASSERT_EQ(plugin_->stream->create(device_, 0, &s, &error_), MU_OK) << error_.message;
  mu_event *before = nullptr, *behind = nullptr;
  for (auto* e : {&before, &behind}) ASSERT_EQ(plugin_->stream->event_create(device_, 0, e, &error_), MU_OK);
  const mu_tensor data = on_device(std::vector<float>(6), {3, 2}, streams[0]), out = on_device(std::vector<float>(4), {2, 2}, streams[0]);
  const mu_tensor index = on_device(std::vector<std::int64_t>{0, 0, 7, 0}, {2, 2}, streams[0]);
  ASSERT_EQ(plugin_->stream->event_record(before, streams[0], &error_), MU_OK);
  ASSERT_EQ(run_op(mu_op_gather{}, MU_OP_GATHER, {data, index}, out, streams[0]), MU_OK) << error_.message;
  ASSERT_EQ(plugin_->stream->event_record(behind, streams[0], &error_), MU_OK);
  ASSERT_EQ(plugin_->stream->stream_wait_event(streams[1], behind, &error_), MU_OK);
  const std::string text = "[cuda] index out of range: 7 in an axis of extent 3";
  for (int i = 0; i < 2; ++i) expect(plugin_->stream->event_wait(behind, UINT64_MAX, &error_), MU_INVALID, text);
  EXPECT_EQ(plugin_->stream->event_wait(before, UINT64_MAX, &error_), MU_OK);
  expect(plugin_->stream->synchronize(streams[0], &error_), MU_INVALID, text);
  expect(plugin_->stream->synchronize(streams[1], &error_), MU_INVALID, text);
  expect(plugin_->device->synchronize(device_, &error_), MU_INVALID, text);
  EXPECT_EQ(plugin_->device->synchronize(device_, &error_), MU_OK);
  for (auto* e : {before, behind}) plugin_->stream->event_destroy(e);
  for (auto& s : streams) plugin_->stream->destroy(s);
}

TEST_F(CudaEmulatedDevice, ThereAreSixteenStreamsAgainAndAgain) {
  for (int round = 0; round < 2; ++round) {
    std::vector<mu_stream*> streams;
    mu_stream* s = nullptr;
    while (plugin_->stream->create(device_, 0, &s, &error_) == MU_OK) streams.push_back(s);
    EXPECT_EQ(streams.size(), 15u);
    EXPECT_EQ(error_.code, MU_OUT_OF_MEMORY);
    for (mu_stream* each : streams) plugin_->stream->destroy(each);
  }
}

TEST_F(CudaEmulatedDevice, TwoThreadsComputeOnTwoStreams) {
  const auto work = [&](int which, float& got) {
    mu_stream* s = nullptr;
    mu_error e = empty();
    ASSERT_EQ(plugin_->stream->create(device_, 0, &s, &e), MU_OK) << e.message;
    mu_buffer* b = nullptr;
    ASSERT_EQ(plugin_->memory->alloc(device_, MU_MEMORY_DEVICE, 4000, 64, &b, &e), MU_OK);
    const std::vector<float> values(1000, static_cast<float>(which));
    ASSERT_EQ(plugin_->memory->upload(device_, s, b, 0, values.data(), 4000, &e), MU_OK);
    mu_tensor v = view(nullptr, MU_F32, {1000}, {1}), shape = v;
    v.buffer = b;
    ProgramText text;
    text.out.push_back(text.add(MU_PW_ADD, MU_F32, text.input(MU_F32), 0));
    const mu_pw_program p = text.descriptor();
    mu_op_pointwise op{{sizeof op, MU_OP_POINTWISE}, &p};
    mu_plan* plan = nullptr;
    mu_plan_info info{};
    info.size = sizeof info;
    ASSERT_EQ(plugin_->compute->plan_create(device_, &op.h, 0, 1, &shape, 1, &shape, &plan, &info, &e), MU_OK) << e.message;
    for (int i = 0; i < 20; ++i) ASSERT_EQ(plugin_->compute->plan_run(plan, s, 1, &v, 1, &v, nullptr, 0, &e), MU_OK) << e.message;
    ASSERT_EQ(plugin_->memory->download(device_, s, &got, b, 0, 4, &e), MU_OK);
    ASSERT_EQ(plugin_->stream->synchronize(s, &e), MU_OK);
    plugin_->compute->plan_destroy(plan);
    plugin_->memory->free(device_, b);
    plugin_->stream->destroy(s);
  };
  float got[2] = {};
  std::thread other(work, 1, std::ref(got[0]));
  work(3, got[1]);
  other.join();
  EXPECT_EQ(got[0], 0x1p20f);
  EXPECT_EQ(got[1], 3 * 0x1p20f);
}

// Closing waits for work that nobody has waited for.
TEST_F(CudaEmulatedDevice, ClosesBehindItsWork) {
  const mu_tensor x = on_device(std::vector<float>(100000), {100000});
  for (int i = 0; i < 10; ++i) ASSERT_EQ(add_one(x, x), MU_OK) << error_.message;
  plugin_->device->close(device_);
  device_ = nullptr;
  const auto left = buffers_;
  open("");
  buffers_ = left;
  EXPECT_EQ(plugin_->device->synchronize(device_, &error_), MU_OK) << error_.message;
}

}  // namespace
