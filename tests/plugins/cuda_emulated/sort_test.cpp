// Sorts by the tables, on the emulated runtime: every way that rows are sorted, refusals, workspace, graphs.
#include "builtin.h"
#include "elements.hpp"
#include "emulated_device.hpp"
#include "mushin/plugin_graph.h"
#include "special_bits.hpp"

namespace emulated_test {
namespace {

constexpr std::uint32_t both = MU_SORT_VALUES | MU_SORT_INDICES;

class CudaEmulatedSort : public CudaEmulatedDevice {
 protected:
  mu_code plan_sort(std::uint32_t axis, std::uint32_t flags, mu_tensor in, std::vector<mu_tensor> out, mu_plan*& plan,
                    std::uint32_t create = 0) {
    const mu_op_sort op{{sizeof op, MU_OP_SORT}, axis, flags};
    in.buffer = nullptr;
    for (mu_tensor& v : out) v.buffer = nullptr;
    info_ = {};
    info_.size = sizeof info_;
    return plugin_->compute->plan_create(device_, &op.h, create, 1, &in, static_cast<std::uint32_t>(out.size()), out.data(), &plan, &info_,
                                         &error_);
  }
  mu_code run_sort(mu_plan* plan, const mu_tensor& in, const std::vector<mu_tensor>& out, mu_buffer* workspace) {
    return plugin_->compute->plan_run(plan, nullptr, 1, &in, static_cast<std::uint32_t>(out.size()), out.data(), workspace, 0, &error_);
  }
  mu_code sort(std::uint32_t axis, std::uint32_t flags, const mu_tensor& in, const std::vector<mu_tensor>& out) {
    mu_plan* plan = nullptr;
    if (const mu_code code = plan_sort(axis, flags, in, out, plan); code != MU_OK) return code;
    const mu_code code = run_sort(plan, in, out, info_.workspace_bytes ? room(info_.workspace_bytes) : nullptr);
    plugin_->compute->plan_destroy(plan);
    return code;
  }
  mu_tensor moved(const Elements& x) {
    mu_tensor v = x.v;
    v.bytes = x.memory.size() * sizeof x.memory[0];
    v.buffer = room(v.bytes);
    EXPECT_EQ(plugin_->memory->upload(device_, nullptr, v.buffer, 0, x.memory.data(), v.bytes, &error_), MU_OK) << error_.message;
    return v;
  }
  std::vector<std::uint64_t> memory_of(const mu_tensor& v) {
    std::vector<std::uint64_t> got = read<std::uint64_t>(v);
    EXPECT_EQ(plugin_->device->synchronize(device_, &error_), MU_OK) << error_.message;
    return got;
  }
  // All of the memory that outputs lie in, against what builtin makes of it.
  void expect_builtin(mu_dtype type, const Sizes& dims, std::uint32_t axis, std::int64_t k, std::uint32_t flags) {
    SCOPED_TRACE("type " + std::to_string(type) + ", " + std::to_string(k) + " of " + std::to_string(dims[axis]) + " of " +
                 std::to_string(count(dims)) + ", flags " + std::to_string(flags));
    Sizes first = dims;
    first[axis] = k;
    Elements x(type, dims, any_strides(random_, dims));
    for (const std::int64_t i : x.at) write_element(x.v, i, some_bits(type, random_));
    std::vector<Elements> want;
    std::vector<mu_tensor> here, there;
    if (flags & MU_SORT_VALUES) want.emplace_back(type, first, any_strides(random_, first));
    if (flags & MU_SORT_INDICES) want.emplace_back(MU_I64, first, any_strides(random_, first));
    for (const Elements& w : want) here.push_back(w.v), there.push_back(moved(w));
    ASSERT_EQ(builtin_.run(mu_op_sort{{}, axis, flags}, MU_OP_SORT, {x.v}, here), MU_OK) << builtin_.message();
    ASSERT_EQ(sort(axis, flags, moved(x), there), MU_OK) << error_.message;
    EXPECT_TRUE(info_.flags & MU_PLAN_DETERMINISTIC);
    for (std::size_t i = 0; i < want.size(); ++i) ASSERT_EQ(memory_of(there[i]), want[i].memory) << "result " << i;
  }

  Backend builtin_{mushin_builtin_entry(test_host(), nullptr)};
  Random random_{29};
  mu_plan_info info_{};
};

TEST_F(CudaEmulatedSort, EveryTypeAndWay) {
  for (const mu_dtype type : all_types)
    // Counted, tiles of each size, and radix sorts of one and of several rows.
    for (const Sizes& dims :
         {Sizes{2, 64, 3}, Sizes{2, 65, 2}, Sizes{1, 257, 3}, Sizes{2, 1025, 1}, Sizes{1, 4096, 2}, Sizes{1, 4097, 1}, Sizes{3, 5000, 2}})
      for (const std::uint32_t down : {0u, MU_SORT_DESCENDING}) expect_builtin(type, dims, 1, dims[1], both | down);
}

TEST_F(CudaEmulatedSort, TheFirstFewOfViews) {
  for (int round = 0; round < 60; ++round) {
    const mu_dtype type = all_types[static_cast<std::size_t>(random_.below(9))];
    constexpr std::int64_t lengths[] = {1, 2, 30, 64, 70, 256, 300, 1100, 4500};
    const std::int64_t n = lengths[random_.below(9)];
    const auto axis = static_cast<std::uint32_t>(random_.below(3));
    Sizes dims{1 + random_.below(4), 1 + random_.below(4), 1 + random_.below(4)};
    dims[axis] = n;
    const std::uint32_t what[] = {MU_SORT_VALUES, MU_SORT_INDICES, both}, down = random_.below(2) ? MU_SORT_DESCENDING : 0;
    expect_builtin(type, dims, axis, 1 + random_.below(n), what[random_.below(3)] | down);
    if (HasFatalFailure()) return;
  }
}

// A pass, two, and three; the last part shorter than k, and not.
TEST_F(CudaEmulatedSort, TheFirstFewOfLongRows) {
  for (const mu_dtype type : {MU_F32, MU_BF16, MU_I64, MU_U8})
    for (const auto& [n, k] : {std::pair{4097ll, 1ll}, {4100, 512}, {8192, 40}, {40000, 60}}) {
      expect_builtin(type, {2, n, 1}, 1, k, random_.below(2) ? both : both | MU_SORT_DESCENDING);
      if (HasFatalFailure()) return;
    }
  expect_builtin(MU_F32, {2, 140000, 1}, 1, 512, both);
  EXPECT_LT(info_.workspace_bytes, 2u * 140000 / 6 * 4);  // positions of an eighth, and of an eighth of these
}

TEST_F(CudaEmulatedSort, AxesOfRankEight) { expect_builtin(MU_F32, {2, 1, 3, 1, 2, 70, 2, 2}, 5, 9, both); }

TEST_F(CudaEmulatedSort, MoreRowsThanAtOnce) {
  constexpr std::int64_t rows = 1100, n = 8193;
  static_assert(rows * n > 1 << 23);
  std::vector<std::uint8_t> x(rows * n);
  for (std::int64_t r = 0; r < rows; ++r) x[static_cast<std::size_t>(r * n + r * 7919 % n)] = 1;
  constexpr std::int64_t k = 513;  // more than are few
  const mu_tensor at = on_device(std::vector<std::int64_t>(rows * k, 55), {rows, k});
  ASSERT_EQ(sort(1, MU_SORT_INDICES | MU_SORT_DESCENDING, on_device(x, {rows, n}), {at}), MU_OK) << error_.message;
  const std::vector<std::int64_t> got = read<std::int64_t>(at);
  for (std::int64_t r = 0; r < rows; ++r) EXPECT_EQ(got[static_cast<std::size_t>(r * k)], r * 7919 % n);
  EXPECT_LT(info_.workspace_bytes, 16u * rows * n);  // not of all rows
}

TEST_F(CudaEmulatedSort, RowsOfNothing) {
  const mu_tensor none = on_device(std::vector<float>(1), {3, 0}), rows = on_device(std::vector<float>(1), {0, 5000});
  EXPECT_EQ(sort(1, MU_SORT_VALUES, none, {none}), MU_OK) << error_.message;
  EXPECT_EQ(sort(1, MU_SORT_VALUES, rows, {rows}), MU_OK) << error_.message;
  // None of many.
  const mu_tensor many = on_device(std::vector<float>(5000), {1, 5000}), no_places = on_device(std::vector<float>(1), {1, 0});
  EXPECT_EQ(sort(1, MU_SORT_VALUES, many, {no_places}), MU_OK) << error_.message;
  EXPECT_EQ(info_.workspace_bytes, 0u);
}

TEST_F(CudaEmulatedSort, FailedLaunchesAndMissingWorkspaceAreTold) {
  const mu_tensor few = on_device(std::vector<float>(12), {2, 6}), some = on_device(std::vector<float>(200), {2, 100});
  const mu_tensor many = on_device(std::vector<float>(10000), {2, 5000});
  mu_plan* plan = nullptr;
  ASSERT_EQ(plan_sort(1, MU_SORT_VALUES, many, {many}, plan), MU_OK) << error_.message;
  expect(run_sort(plan, many, {many}, nullptr), MU_INVALID, "[sort] the plan's workspace is missing");
  plugin_->compute->plan_destroy(plan);
  const std::string told = "[cuda] a sort can't be launched: too many resources requested for launch";
  emulated = "fail=cudaLaunchKernel:1:701";
  expect(sort(1, MU_SORT_VALUES, few, {few}), MU_INTERNAL, told);
  emulated = "fail=cudaLaunchKernel:1:701 ";
  expect(sort(1, MU_SORT_VALUES, some, {some}), MU_INTERNAL, told);
  for (int n = 1; n <= 5; ++n) {  // keys, a sort, row numbers, a sort, results
    emulated = "fail=cudaLaunchKernel:" + std::to_string(n) + ":701";
    expect(sort(1, MU_SORT_VALUES, many, {many}), MU_INTERNAL, told);
  }
  const mu_tensor first = on_device(std::vector<float>(6), {2, 3});
  ASSERT_EQ(plan_sort(1, MU_SORT_VALUES, many, {first}, plan), MU_OK) << error_.message;
  expect(run_sort(plan, many, {first}, nullptr), MU_INVALID, "[sort] the plan's workspace is missing");
  plugin_->compute->plan_destroy(plan);
  for (int n = 1; n <= 2; ++n) {
    emulated = "fail=cudaLaunchKernel:" + std::to_string(n) + ":701  ";
    expect(sort(1, MU_SORT_VALUES, many, {first}), MU_INTERNAL, told);
  }
  emulated = "fail=cudaLaunchKernel:6:701";
  EXPECT_EQ(sort(1, MU_SORT_VALUES, many, {many}), MU_OK) << error_.message;
  for (int n = 1; n <= 2; ++n) {
    emulated = "fail=cudaFuncGetAttributes:" + std::to_string(n) + ":701";
    expect(plan_sort(1, MU_SORT_VALUES, many, {many}, plan), MU_INTERNAL, "[cuda] the room for a sort isn't known: too many resources");
  }
}

TEST_F(CudaEmulatedSort, QueriesGiveNoPlan) {
  const Elements many(MU_F32, {2, 5000}, {5000, 1});
  mu_plan* plan = nullptr;
  ASSERT_EQ(plan_sort(1, MU_SORT_VALUES, many.v, {many.v}, plan, MU_PLAN_QUERY_ONLY), MU_OK) << error_.message;
  EXPECT_EQ(plan, nullptr);
  EXPECT_GE(info_.workspace_bytes, 10000u * 16);
}

TEST_F(CudaEmulatedSort, IsCapturedAndMoved) {
  const auto& graphs = *static_cast<const mu_graph_table*>(plugin_->extension(MU_EXT_GRAPH, 1));
  for (const auto& [n, k] : {std::pair{40ll, 40ll}, {400, 400}, {5000, 5000}, {9000, 3}}) {
    std::vector<Elements> x, want(2, Elements(MU_F32, {2, k}, {k, 1}));
    std::vector<mu_tensor> in, out;
    for (int i = 0; i < 2; ++i) {
      x.emplace_back(MU_F32, Sizes{2, n}, Sizes{n, 1});
      for (const std::int64_t at : x.back().at) write_element(x.back().v, at, some_bits(MU_F32, random_));
      in.push_back(moved(x.back())), out.push_back(moved(want[static_cast<std::size_t>(i)]));
    }
    for (std::size_t i = 0; i < 2; ++i)
      ASSERT_EQ(builtin_.run(mu_op_sort{{}, 1, MU_SORT_VALUES}, MU_OP_SORT, {x[i].v}, {want[i].v}), MU_OK) << builtin_.message();
    mu_plan* plan = nullptr;
    ASSERT_EQ(plan_sort(1, MU_SORT_VALUES, in[0], {out[0]}, plan), MU_OK) << error_.message;
    EXPECT_TRUE(info_.flags & MU_PLAN_CAPTURE_SAFE);
    mu_buffer* const workspace = info_.workspace_bytes ? room(info_.workspace_bytes) : nullptr;
    mu_graph* graph = nullptr;
    ASSERT_EQ(graphs.capture_begin(device_, nullptr, &error_), MU_OK) << error_.message;
    ASSERT_EQ(run_sort(plan, in[0], {out[0]}, workspace), MU_OK) << error_.message;
    ASSERT_EQ(graphs.capture_end(device_, nullptr, &graph, &error_), MU_OK) << error_.message;
    ASSERT_EQ(graphs.launch(graph, nullptr, &error_), MU_OK) << error_.message;
    EXPECT_EQ(memory_of(out[0]), want[0].memory);
    const mu_graph_run run{sizeof run, 0, 1, 1, &in[1], &out[1]};
    ASSERT_EQ(graphs.update(graph, 1, &run, &error_), MU_OK) << error_.message;
    ASSERT_EQ(graphs.launch(graph, nullptr, &error_), MU_OK) << error_.message;
    EXPECT_EQ(memory_of(out[1]), want[1].memory);
    graphs.destroy(graph);
    plugin_->compute->plan_destroy(plan);
  }
}

TEST_F(CudaEmulatedSort, WhatItIsNotForIsRefused) {
  const auto of = [](mu_dtype type, const Sizes& dims) { return view(nullptr, type, dims, dense_strides(dims)); };
  const mu_tensor x = of(MU_F32, {2, 3}), at = of(MU_I64, {2, 3});
  const auto refused = [&](std::uint32_t axis, std::uint32_t flags, const mu_tensor& in, const std::vector<mu_tensor>& out, mu_code code,
                           const std::string& text) {
    mu_plan* plan = nullptr;
    expect(plan_sort(axis, flags, in, out, plan), code, text);
    plugin_->compute->plan_destroy(plan);
  };
  refused(0, 8 | MU_SORT_VALUES, x, {x}, MU_UNSUPPORTED, "[sort] flags 10 are not known here");
  refused(0, MU_SORT_DESCENDING, x, {}, MU_INVALID, "[sort] asks for neither values nor indices");
  refused(2, MU_SORT_VALUES, x, {x}, MU_INVALID, "[sort] axis 2 is outside of (2, 3)");
  refused(0, both, x, {x}, MU_INVALID, "[sort] takes 1 inputs and gives 2 results: 1 and 1");
  refused(0, MU_SORT_VALUES, x, {x, at}, MU_INVALID, "[sort] takes 1 inputs and gives 1 results: 1 and 2");
  refused(0, MU_SORT_VALUES, x, {at}, MU_INVALID, "[sort] an output has another element type");
  refused(0, MU_SORT_INDICES, x, {x}, MU_INVALID, "[sort] an output has another element type");
  refused(1, MU_SORT_VALUES, x, {of(MU_F32, {2, 4})}, MU_INVALID, "[sort] dims don't fit: (2, 4) of (2, 3) along axis 1");
  refused(1, MU_SORT_VALUES, x, {of(MU_F32, {1, 3})}, MU_INVALID, "[sort] dims don't fit: (1, 3) of (2, 3) along axis 1");
  refused(1, MU_SORT_VALUES, x, {of(MU_F32, {2, 3, 1})}, MU_INVALID, "[sort] dims don't fit: (2, 3, 1) of (2, 3) along axis 1");
  refused(1, both, x, {x, of(MU_I64, {2, 2})}, MU_INVALID, "[sort] has as many values as indices: (2, 3) and (2, 2)");
  const std::int64_t far = std::int64_t{1} << 32;
  refused(0, MU_SORT_INDICES, of(MU_U8, {far}), {of(MU_I64, {1})}, MU_UNSUPPORTED,
          "[sort] 4294967296 elements are too many for a row: positions have 32 bits");
  refused(0, MU_SORT_INDICES, of(MU_U8, {far}), {of(MU_I64, {1000})}, MU_UNSUPPORTED, "[sort] 4294967296 elements are too many for a row");
}

}  // namespace
}  // namespace emulated_test
