// Graphs of the CUDA plugin on the emulated runtime, which prohibits while it captures what the real one does.
#include <algorithm>
#include <atomic>
#include <thread>

#include "emulated_device.hpp"
#include "mushin/plugin_graph.h"

namespace {

using namespace emulated_test;

class CudaEmulatedGraph : public CudaEmulatedDevice {
 protected:
  struct Step {
    Planned planned;
    std::vector<mu_tensor> in;
    mu_tensor out;
  };

  void TearDown() override {
    if (!device_) return;
    for (mu_graph* g : graphs_) table().destroy(g);
    graphs_.clear();
    mu_error e = empty();
    plugin_->device->synchronize(device_, &e);
    for (mu_plan* p : plans_) plugin_->compute->plan_destroy(p);
    plans_.clear();
    CudaEmulatedDevice::TearDown();
  }
  const mu_graph_table& table() const { return *static_cast<const mu_graph_table*>(plugin_->extension(MU_EXT_GRAPH, 1)); }

  template <class Op>
  Step step(Op op, std::uint32_t id, const std::vector<mu_tensor>& in, const mu_tensor& out) {
    op.h = {sizeof op, id};
    Step s{{}, in, out};
    EXPECT_EQ(plan(s.planned, &op.h, in, out), MU_OK) << error_.message;
    EXPECT_TRUE(s.planned.info.flags & MU_PLAN_CAPTURE_SAFE);
    plans_.push_back(s.planned.plan);
    return s;
  }
  Step one_more(const mu_tensor& in, const mu_tensor& out) {
    ProgramText text;
    const int x = text.input(MU_F32), one = text.constant_bits(0x3F800000, MU_F32);
    text.out.push_back(text.add(MU_PW_ADD, MU_F32, x, one));
    const mu_pw_program p = text.descriptor();
    mu_op_pointwise op{};
    op.program = &p;
    return step(op, MU_OP_POINTWISE, {in}, out);
  }
  Step product(const mu_tensor& a, const mu_tensor& b, const mu_tensor& out) {
    mu_op_matmul op{};
    op.acc = out.dtype;
    return step(op, MU_OP_MATMUL, {a, b}, out);
  }
  Step halved_product(const mu_tensor& a, const mu_tensor& b, const mu_tensor& out) {
    ProgramText text;
    const int product = text.input(MU_F32), half = text.constant(0.5f);
    text.out.push_back(text.add(MU_PW_MUL, MU_F32, product, half));
    const mu_pw_program p = text.descriptor();
    mu_op_matmul op{};
    op.acc = MU_F32, op.epilogue = &p;
    return step(op, MU_OP_MATMUL, {a, b}, out);
  }
  void give(const std::vector<Step>& steps, mu_stream* stream = nullptr) {
    for (const Step& s : steps) ASSERT_EQ(run(s.planned, s.in, s.out, stream), MU_OK) << error_.message;
  }
  mu_code end(mu_stream* stream, mu_graph*& g) {
    const mu_code code = table().capture_end(device_, stream, &g, &error_);
    if (g) graphs_.push_back(g);
    return code;
  }
  mu_graph* captured(const std::vector<Step>& steps, mu_stream* stream = nullptr) {
    mu_graph* g = nullptr;
    EXPECT_EQ(table().capture_begin(device_, stream, &error_), MU_OK) << error_.message;
    give(steps, stream);
    EXPECT_EQ(end(stream, g), MU_OK) << error_.message;
    return g;
  }
  void launch(mu_graph* g, mu_stream* stream = nullptr) { ASSERT_EQ(table().launch(g, stream, &error_), MU_OK) << error_.message; }
  mu_code update(mu_graph* g, const std::vector<std::pair<std::uint32_t, Step>>& moved) {
    std::vector<mu_graph_run> runs;
    for (const auto& [number, s] : moved)
      runs.push_back({sizeof(mu_graph_run), number, static_cast<std::uint32_t>(s.in.size()), 1, s.in.data(), &s.out});
    return table().update(g, static_cast<std::uint32_t>(runs.size()), runs.data(), &error_);
  }
  void set(const mu_tensor& v, const void* values) {
    ASSERT_EQ(plugin_->memory->upload(device_, nullptr, v.buffer, 0, values, v.bytes, &error_), MU_OK);
  }
  mu_stream* stream() {
    mu_stream* s = nullptr;
    EXPECT_EQ(plugin_->stream->create(device_, 0, &s, &error_), MU_OK) << error_.message;
    return s;
  }

  std::vector<mu_graph*> graphs_;
  std::vector<mu_plan*> plans_;
};

std::vector<float> ramp(int n, float from = 1) {
  std::vector<float> values;
  for (int i = 0; i < n; ++i) values.push_back(from + static_cast<float>(i));
  return values;
}

TEST_F(CudaEmulatedGraph, IsThereInItsVersion) {
  EXPECT_NE(plugin_->extension(MU_EXT_GRAPH, 1), nullptr);
  EXPECT_EQ(plugin_->extension(MU_EXT_GRAPH, 2), nullptr);
  EXPECT_EQ(plugin_->extension("mushin.other", 1), nullptr);
}

TEST_F(CudaEmulatedGraph, DoesWhatItsRunsDoButWhenItIsLaunched) {
  const mu_tensor x = on_device(ramp(4096), {64, 64}), index = on_device(std::vector<std::int64_t>{3, 0, 1, 2}, {2, 2});
  const mu_tensor whole = on_device(std::vector<std::int64_t>{1, 2, 3, 4}, {2, 2});
  mu_tensor crossed = x, none = x, none_turned = x, corner = x;
  std::swap(crossed.stride[0], crossed.stride[1]);
  none.dim[1] = none_turned.dim[0] = 0;
  corner.dim[0] = 4, corner.dim[1] = 2;
  mu_tensor scattered = x;  // neither rows nor columns are dense
  scattered.dim[0] = scattered.dim[1] = 32, scattered.stride[0] = 128, scattered.stride[1] = 2;
  const auto zeros = [&](const Sizes& dims) { return on_device(std::vector<float>(static_cast<std::size_t>(count(dims))), dims); };
  const mu_tensor y = zeros({64, 64}), small = zeros({32, 32}), empty_sums = zeros({64, 64}), picked = zeros({2, 2}), sums = zeros({4, 2});
  const mu_tensor filled = zeros({3}), copied = zeros({64, 64}), drawn = zeros({9}),
                  whole_product = on_device(std::vector<std::int64_t>(4), {2, 2});
  mu_op_fill seven{};
  seven.bits = 0x40E00000;
  mu_op_random uniform{};
  uniform.kind = MU_RANDOM_UNIFORM;
  const mu_tensor seed = on_device(std::vector<std::int64_t>{5, 6}, {2});
  const std::vector<Step> steps{halved_product(x, crossed, y),
                                product(scattered, scattered, small),
                                product(none, none_turned, empty_sums),
                                step(mu_op_gather{}, MU_OP_GATHER, {corner, index}, picked),
                                step(mu_op_scatter_add{}, MU_OP_SCATTER_ADD, {index, picked}, sums),
                                step(seven, MU_OP_FILL, {}, filled),
                                step(mu_op_copy{}, MU_OP_COPY, {crossed}, copied),
                                step(uniform, MU_OP_RANDOM, {seed}, drawn),
                                product(whole, whole, whole_product)};
  const auto results = [&] {
    std::vector<std::vector<char>> all;
    for (const Step& s : steps) all.push_back(read<char>(s.out));
    return all;
  };
  const auto clear = [&] {
    for (const Step& s : steps) set(s.out, std::vector<char>(s.out.bytes).data());
  };
  set(empty_sums, ramp(4096).data());
  give(steps);
  const auto wanted = results();
  clear();
  const auto before = results();
  mu_graph* g = captured(steps);
  EXPECT_EQ(results(), before) << "nothing is done by a capture";
  for (int i = 0; i < 3; ++i) {
    launch(g);
    EXPECT_EQ(results(), wanted) << i;
    clear();
    set(empty_sums, ramp(4096).data());
  }
}

TEST_F(CudaEmulatedGraph, LaunchesAreInOrderOnAllStreams) {
  const mu_tensor x = on_device(ramp(3), {3});
  mu_stream* const streams[] = {stream(), stream()};
  mu_graph* g = captured({one_more(x, x), one_more(x, x)}, streams[0]);
  EXPECT_EQ(plugin_->device->synchronize(device_, &error_), MU_OK);
  for (int i = 0; i < 10; ++i) launch(g, streams[i % 2]);
  launch(g);
  EXPECT_EQ(read<float>(x), ramp(3, 23));
  launch(g, streams[1]);
  table().destroy(g), graphs_.clear();  // which lets it end
  EXPECT_EQ(read<float>(x, streams[1]), ramp(3, 25));
  for (mu_stream* s : streams) plugin_->stream->destroy(s);
}

TEST_F(CudaEmulatedGraph, UpdatesMoveViewsOfLaunchesThatFollow) {
  for (const char* set_to : {"", "graphs=fixed"}) {
    open(set_to);
    const auto place = [&](float from, std::uint64_t offset) {
      mu_tensor v = on_device(ramp(17, from), {16});
      v.byte_offset = offset;
      return v;
    };
    const mu_tensor x = place(0, 0), y = place(100, 0), z = place(200, 0), x2 = place(50, 4), y2 = place(300, 4);
    mu_graph* g = captured({one_more(x, y), one_more(y, z)});
    launch(g);
    Step first = one_more(x, y), second = one_more(y, z);
    first.in = {x2}, first.out = y2, second.in = {y2};
    ASSERT_EQ(update(g, {{0, first}, {1, second}}), MU_OK) << error_.message;
    launch(g);
    EXPECT_EQ(read<float>(y), [] {
      auto v = ramp(17);
      v[16] = 116;
      return v;
    }());
    EXPECT_EQ(read<float>(z), [] {
      auto v = ramp(17, 53);
      v[16] = 216;
      return v;
    }());
    // What was freed is not asked for when others move.
    mu_error e = empty();
    ASSERT_EQ(plugin_->device->synchronize(device_, &e), MU_OK);
    for (const mu_tensor* freed : {&x2, &y2}) {
      plugin_->memory->free(device_, freed->buffer);
      buffers_.erase(std::find(buffers_.begin(), buffers_.end(), freed->buffer));
    }
    first.in = {x}, first.out = y, second.in = {y};
    ASSERT_EQ(update(g, {{0, first}}), MU_OK) << error_.message;
    ASSERT_EQ(update(g, {{1, second}}), MU_OK) << error_.message;
    launch(g);
    EXPECT_EQ(read<float>(z)[0], 2.f);
  }
}

// The plugin keeps some executable graphs: more places than those.
constexpr std::uint64_t many_places = 40;

TEST_F(CudaEmulatedGraph, ViewsMayLieAnywhereAgainAndAgain) {
  for (const char* set_to : {"", "graphs=fixed"}) {
    open(set_to);
    const mu_tensor x = on_device(ramp(4 + many_places), {4}), y = on_device(ramp(4), {4});
    mu_graph* g = captured({one_more(x, y)});
    for (std::uint64_t i = 0; i < 3 * many_places; ++i) {
      Step moved = one_more(x, y);
      moved.in[0].byte_offset = 4 * (i * 7 % many_places);
      ASSERT_EQ(update(g, {{0, moved}}), MU_OK) << error_.message;
      launch(g);
      ASSERT_EQ(read<float>(y)[0], static_cast<float>(i * 7 % many_places) + 2) << i;
    }
  }
}

TEST_F(CudaEmulatedGraph, ViewsThatLieWhereTheyLayAreNotCapturedAgain) {
  const mu_tensor x = on_device(ramp(4), {4}), x2 = on_device(ramp(4, 50), {4}), y = on_device(ramp(4), {4}), y2 = on_device(ramp(4), {4});
  const Step first = one_more(x, y), second = one_more(x2, y2);
  mu_graph* g = captured({first});
  ASSERT_EQ(update(g, {{0, second}}), MU_OK) << error_.message;
  emulated = "fail=cudaStreamBeginCapture:1:2";
  for (float round = 1; round < 4; ++round) {
    ASSERT_EQ(update(g, {{0, first}}), MU_OK) << error_.message;
    set(x, ramp(4, 10 * round).data());
    launch(g);
    EXPECT_EQ(read<float>(y), ramp(4, 10 * round + 1));
    ASSERT_EQ(update(g, {{0, second}}), MU_OK) << error_.message;
    launch(g);
    EXPECT_EQ(read<float>(y2), ramp(4, 51));
    set(y2, ramp(4).data());
  }
  Step third = first;
  third.out = y2;
  expect(update(g, {{0, third}}), MU_OUT_OF_MEMORY, "[cuda] a graph can't be begun: out of memory");
}

TEST_F(CudaEmulatedGraph, WhatAProductNeedsForMovedViewsIsCompiledBeforeItIsCaptured) {
  const mu_tensor x = on_device(std::vector<float>{2, 0, 0, 2}, {2, 2}), wide = on_device(ramp(8), {2, 4}), y = on_device(ramp(9), {9});
  mu_tensor aligned = wide;
  aligned.buffer = y.buffer, aligned.byte_offset = 0;
  const Step step = halved_product(x, wide, aligned);
  mu_graph* g = captured({step});
  Step moved = step;
  moved.out.byte_offset = 4;
  ASSERT_EQ(update(g, {{0, moved}}), MU_OK) << error_.message;
  launch(g);
  EXPECT_EQ(read<float>(y), (std::vector<float>{1, 1, 2, 3, 4, 5, 6, 7, 8}));
}

TEST_F(CudaEmulatedGraph, UpdatesAreDoneAsAWholeOrNotAtAll) {
  const mu_tensor x = on_device(ramp(8), {8}), y = on_device(ramp(8 + many_places, 100), {8}), z = on_device(ramp(8, 200), {8});
  const Step step = one_more(x, y);
  mu_graph* g = captured({step, one_more(y, y)});
  Step moved = step, wide = step, many = step;
  moved.out = z;
  wide.out.stride[0] = 2, wide.out.dim[0] = 4, wide.in[0].dim[0] = 4;
  many.in.push_back(x);
  const std::string text = "changes more than where views lie";
  expect(update(g, {{0, moved}, {1, wide}}), MU_INVALID, "[cuda] an update of run 1 " + text);
  expect(update(g, {{0, moved}, {2, moved}}), MU_INVALID, "[cuda] an update of run 2 " + text);
  expect(update(g, {{0, moved}, {0, many}}), MU_INVALID, text);
  emulated = "fail=cudaGraphInstantiate:1:2";
  expect(update(g, {{0, moved}}), MU_OUT_OF_MEMORY, "[cuda] a graph can't be made: out of memory");
  Step anywhere = step;
  for (std::uint64_t i = many_places; i-- > 0;) {
    anywhere.out.byte_offset = 4 * i;
    ASSERT_EQ(update(g, {{0, anywhere}}), MU_OK) << error_.message;
  }
  emulated = "fail=cudaGraphExecUpdate:1:2";
  expect(update(g, {{0, moved}}), MU_OUT_OF_MEMORY, "[cuda] a graph can't be updated: out of memory");
  emulated = "fail=cudaGraphInstantiate:1:2 graphs=fixed";
  expect(update(g, {{0, moved}}), MU_OUT_OF_MEMORY, "[cuda] a graph can't be made: out of memory");
  launch(g);
  std::vector<float> all = ramp(8 + many_places, 100);
  std::copy_n(ramp(8, 3).begin(), 8, all.begin());
  EXPECT_EQ(read<float>(y), all);
  EXPECT_EQ(read<float>(z), ramp(8, 200));
}

TEST_F(CudaEmulatedGraph, BadIndicesAreToldByTheWaitsBehindTheLaunchAlone) {
  const std::vector<std::int64_t> good{0, 1, 2, 0}, bad{0, 9, 2, 0};
  const mu_tensor data = on_device(ramp(6), {3, 2}), out = on_device(std::vector<float>(4), {2, 2}), index = on_device(good, {2, 2});
  const mu_tensor sums = on_device(std::vector<float>(6), {3, 2});
  mu_stream* const other = stream();
  mu_event *before = nullptr, *behind = nullptr;
  for (auto* e : {&before, &behind}) ASSERT_EQ(plugin_->stream->event_create(device_, 0, e, &error_), MU_OK);
  const auto wait = [&](mu_event* e) { return plugin_->stream->event_wait(e, UINT64_MAX, &error_); };
  mu_graph* g =
      captured({step(mu_op_gather{}, MU_OP_GATHER, {data, index}, out), step(mu_op_scatter_add{}, MU_OP_SCATTER_ADD, {index, out}, sums)});
  const std::string text = "[cuda] index out of range: 9 in an axis of extent 3";
  for (int round = 0; round < 2; ++round)
    for (mu_stream* s : {static_cast<mu_stream*>(nullptr), other}) {
      set(index, good.data());
      EXPECT_EQ(plugin_->device->synchronize(device_, &error_), MU_OK) << error_.message;
      launch(g, s);
      ASSERT_EQ(plugin_->stream->event_record(before, s, &error_), MU_OK);
      EXPECT_EQ(wait(before), MU_OK) << error_.message;
      set(index, bad.data());
      EXPECT_EQ(plugin_->device->synchronize(device_, &error_), MU_OK) << error_.message;
      launch(g, s);
      ASSERT_EQ(plugin_->stream->event_record(behind, s, &error_), MU_OK);
      expect(wait(behind), MU_INVALID, text);
      EXPECT_EQ(wait(before), MU_OK) << error_.message;
      expect(plugin_->device->synchronize(device_, &error_), MU_INVALID, text);
    }
  launch(g, other);
  table().destroy(g), graphs_.clear();  // which lets it end
  expect(plugin_->device->synchronize(device_, &error_), MU_INVALID, text);
  for (mu_event* e : {before, behind}) plugin_->stream->event_destroy(e);
  plugin_->stream->destroy(other);
}

TEST_F(CudaEmulatedGraph, BadIndicesAreNotTakenForThoseOfTheLaunchBefore) {
  const mu_tensor data = on_device(ramp(6), {3, 2}), out = on_device(std::vector<float>(4), {2, 2});
  const mu_tensor good = on_device(std::vector<std::int64_t>(4), {2, 2}), bad = on_device(std::vector<std::int64_t>(4, 9), {2, 2});
  mu_stream* const streams[] = {stream(), stream()};
  const Step fine = step(mu_op_gather{}, MU_OP_GATHER, {data, good}, out);
  Step wrong = fine;
  wrong.in[1] = bad;
  mu_graph* g = captured({fine});
  ASSERT_EQ(plugin_->device->synchronize(device_, &error_), MU_OK);
  for (int i = 0; i < 200; ++i) {
    ASSERT_EQ(update(g, {{0, fine}}), MU_OK) << error_.message;
    launch(g, streams[0]);
    ASSERT_EQ(update(g, {{0, wrong}}), MU_OK) << error_.message;
    launch(g, streams[1]);
    ASSERT_EQ(plugin_->stream->synchronize(streams[1], &error_), MU_INVALID) << i;
    ASSERT_EQ(plugin_->stream->synchronize(streams[0], &error_), MU_OK) << i;
    ASSERT_EQ(plugin_->device->synchronize(device_, &error_), MU_INVALID) << i;
  }
  for (mu_stream* s : streams) plugin_->stream->destroy(s);
}

TEST_F(CudaEmulatedGraph, AThreadThatCapturesDoesNothingElse) {
  const mu_tensor x = on_device(ramp(3), {3});
  const Step step = one_more(x, x);
  mu_graph* const g = captured({step});
  mu_stream* const other = stream();
  ASSERT_EQ(plugin_->device->synchronize(device_, &error_), MU_OK);
  const std::string text = "[cuda] a thread that captures gives runs to its stream, and does nothing else";
  ASSERT_EQ(table().capture_begin(device_, nullptr, &error_), MU_OK);
  expect(table().capture_begin(device_, nullptr, &error_), MU_INVALID, text);
  expect(run(step.planned, step.in, step.out, other), MU_INVALID, text);
  expect(table().launch(g, other, &error_), MU_INVALID, text);
  expect(plugin_->device->synchronize(device_, &error_), MU_INVALID, text);
  mu_buffer* b = nullptr;
  expect(alloc(MU_MEMORY_DEVICE, 8, b), MU_INVALID, text);
  give({step});
  std::thread([&] {
    give({step}, other);
    EXPECT_EQ(alloc(MU_MEMORY_DEVICE, 8, b), MU_OK) << error_.message;
    EXPECT_EQ(plugin_->device->synchronize(device_, &error_), MU_OK) << error_.message;
    expect(table().capture_begin(device_, nullptr, &error_), MU_INVALID, "[cuda] the stream is being captured");
  }).join();
  mu_graph* made = nullptr;
  ASSERT_EQ(end(nullptr, made), MU_OK) << error_.message;
  launch(made);
  EXPECT_EQ(read<float>(x), ramp(3, 3));
  expect(end(nullptr, made), MU_INVALID, "[cuda] this thread captures nothing on the stream");
  // Whoever ends it, it is over.
  ASSERT_EQ(table().capture_begin(device_, nullptr, &error_), MU_OK);
  std::thread([&] { expect(end(nullptr, made), MU_INVALID, "[cuda] this thread captures nothing on the stream"); }).join();
  expect(end(nullptr, made), MU_INVALID, "[cuda] this thread captures nothing on the stream");
  EXPECT_EQ(made, nullptr);
  launch(captured({step}));
  EXPECT_EQ(read<float>(x), ramp(3, 4));
  plugin_->stream->destroy(other);
}

TEST_F(CudaEmulatedGraph, OtherThreadsAllocateAndWaitMeanwhile) {
  open("pools=0");
  const mu_tensor x = on_device(ramp(2), {2}), y = on_device(ramp(2), {2});
  const Step first = one_more(x, x);
  std::atomic<bool> done{false};
  std::thread waits([&] {
    for (mu_error e = empty(); !done;) ASSERT_EQ(plugin_->device->synchronize(device_, &e), MU_OK) << e.message;
  });
  std::thread allocates([&] {
    for (mu_error e = empty(); !done;) {
      mu_buffer* b = nullptr;
      ASSERT_EQ(plugin_->memory->alloc(device_, MU_MEMORY_DEVICE, 100, 64, &b, &e), MU_OK) << e.message;
      plugin_->memory->free(device_, b);
    }
  });
  for (int i = 0; i < 10; ++i) {
    mu_graph* const g = captured(std::vector<Step>(2000, first));
    if (!g) break;
    Step moved = first;
    moved.in = {y}, moved.out = y;
    EXPECT_EQ(update(g, {{7, moved}}), MU_OK) << error_.message;
    launch(g);
  }
  done = true;
  waits.join(), allocates.join();
  EXPECT_EQ(read<float>(x)[0], 19991.f);
  EXPECT_EQ(read<float>(y)[0], 11.f);
}

TEST_F(CudaEmulatedGraph, FailuresLeaveNoCaptureBehind) {
  const mu_tensor x = on_device(ramp(4), {2, 2}), y = on_device(ramp(4), {2, 2}), index = on_device(std::vector<std::int64_t>(4), {2, 2});
  const std::vector<Step> steps{one_more(x, x), product(x, x, y), step(mu_op_gather{}, MU_OP_GATHER, {x, index}, y)};
  struct Failing {
    const char* call;
    mu_code code;
    const char* text;
  };
  for (const Failing& f : {Failing{"cudaEventCreateWithFlags:1:2", MU_OUT_OF_MEMORY, "[cuda] no event: out of memory"},
                           Failing{"cudaHostAlloc:1:2", MU_OUT_OF_MEMORY, "[cuda] no pinned memory: out of memory"},
                           Failing{"cudaStreamBeginCapture:1:2", MU_OUT_OF_MEMORY, "[cuda] a graph can't be begun: out of memory"},
                           Failing{"cudaLaunchKernel:1:701", MU_INTERNAL, "[cuda] a program can't be launched: too many resources"},
                           Failing{"cublasLtMatmul:1:13", MU_INTERNAL, "[matmul] cuBLASLt refused a product"},
                           Failing{"cudaStreamEndCapture:1:901", MU_INTERNAL, "[cuda] runs can't be captured: "},
                           Failing{"cudaGraphInstantiate:1:2", MU_OUT_OF_MEMORY, "[cuda] a graph can't be made: out of memory"},
                           Failing{"cudaGraphUpload:1:2", MU_OUT_OF_MEMORY, "[cuda] a graph can't be uploaded: out of memory"}}) {
    ASSERT_EQ(table().capture_begin(device_, nullptr, &error_), MU_OK) << error_.message;
    give(steps);
    emulated = std::string("fail=") + f.call;
    mu_graph* g = nullptr;
    const mu_code code = end(nullptr, g);
    EXPECT_EQ(error_.flags, code == MU_OUT_OF_MEMORY ? 2u : 0u) << f.call;
    expect(code, f.code, f.text);
    EXPECT_EQ(g, nullptr);
    emulated = "";
    EXPECT_NE(captured(steps), nullptr) << f.call;
    EXPECT_EQ(plugin_->device->synchronize(device_, &error_), MU_OK) << error_.message;
  }
}

TEST_F(CudaEmulatedGraph, LaunchesThatFailHaveDoneNothingOrSaySo) {
  const mu_tensor x = on_device(ramp(4), {2, 2}), y = on_device(ramp(4), {2, 2}), index = on_device(std::vector<std::int64_t>(4), {2, 2});
  mu_graph* const plain = captured({one_more(x, x)});
  mu_graph* const telling = captured({one_more(x, x), step(mu_op_gather{}, MU_OP_GATHER, {x, index}, y)});
  emulated = "fail=cudaGraphLaunch:1:2 fail=cudaLaunchKernel:1:2";
  const mu_code code = table().launch(plain, nullptr, &error_);
  EXPECT_EQ(error_.flags, 2u);
  expect(code, MU_OUT_OF_MEMORY, "[cuda] a graph can't be launched: out of memory");
  launch(plain);
  EXPECT_EQ(read<float>(x), ramp(4, 2));
  const mu_code late = table().launch(telling, nullptr, &error_);
  EXPECT_EQ(error_.code, MU_INTERNAL);
  EXPECT_EQ(error_.flags, 0u) << "it is on its way, and can't be tried again";
  expect(late, MU_INTERNAL, "[cuda] a graph can't tell of indices: out of memory");
  launch(telling);
  EXPECT_EQ(read<float>(x), ramp(4, 4));
}

TEST_F(CudaEmulatedGraph, ALaunchThatFailsLateIsWaitedForByTheNext) {
  const mu_tensor x = on_device(ramp(4), {2, 2}), y = on_device(ramp(4), {2, 2}), index = on_device(std::vector<std::int64_t>(4), {2, 2});
  mu_stream* const streams[] = {stream(), stream()};
  mu_graph* const g = captured({one_more(x, x), step(mu_op_gather{}, MU_OP_GATHER, {x, index}, y)});
  ASSERT_EQ(plugin_->device->synchronize(device_, &error_), MU_OK) << error_.message;
  emulated = "fail=cudaLaunchKernel:1:2";
  expect(table().launch(g, streams[0], &error_), MU_INTERNAL, "[cuda] a graph can't tell of indices: out of memory");
  launch(g, streams[1]);
  EXPECT_EQ(read<float>(x, streams[1]), ramp(4, 3));
  for (mu_stream* s : streams) plugin_->stream->destroy(s);
}

TEST_F(CudaEmulatedGraph, ALostDeviceIsToldByLaunches) {
  TearDown();
  device_ = nullptr;
  plugin_ = fresh_module();
  open("");
  const mu_tensor x = on_device(ramp(4), {4});
  mu_graph* const g = captured({one_more(x, x)});
  emulated = "fail=work:1:700";
  launch(g);
  expect(plugin_->device->synchronize(device_, &error_), MU_DEVICE_LOST, "an illegal memory access was encountered");
  expect(table().launch(g, nullptr, &error_), MU_DEVICE_LOST, "an illegal memory access was encountered");
  expect(update(g, {}), MU_DEVICE_LOST, "an illegal memory access was encountered");
  expect(table().capture_begin(device_, nullptr, &error_), MU_DEVICE_LOST, "an illegal memory access was encountered");
}

}  // namespace
