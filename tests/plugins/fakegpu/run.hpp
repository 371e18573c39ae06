// One run of a plan: what it uses, and how it is done by the device's thread.
#pragma once
#include <cstring>
#include <memory>
#include <random>

#include "device.hpp"
#include "layout.hpp"

namespace fakegpu {

struct Kernel {
  const mu_compute_table* table;
  mu_plan* plan = nullptr;
  ~Kernel() {
    if (plan) table->plan_destroy(plan);
  }
};

// One run, with copies of all that the caller may forget after the call.
struct Run {
  mu_device* device;
  std::shared_ptr<Kernel> kernel;
  std::vector<std::uint64_t> layouts;
  std::vector<mu_tensor> in, out;
  mu_buffer* workspace;
  std::uint64_t workspace_offset;
  int shuffled;
  bool collective;  // keeps its order among such
  std::vector<std::shared_ptr<Bytes>> used;
  std::vector<std::vector<std::byte>> rows;  // of what is opaque, by its place

  static Access access(const mu_tensor& v, bool writes) {
    if (v.layout == MU_LAYOUT_OPAQUE) return {v.buffer, v.byte_offset, v.byte_offset + v.bytes, writes};
    std::uint64_t last = 0;
    for (int i = 0; i < v.rank; ++i) {
      if (v.dim[i] == 0) return {v.buffer, v.byte_offset, v.byte_offset, writes};  // no element
      last += static_cast<std::uint64_t>((v.dim[i] - 1) * v.stride[i]);
    }
    return {v.buffer, v.byte_offset, v.byte_offset + (last + 1) * mu_dtype_bytes(v.dtype), writes};
  }
  std::vector<Access> views_used() const {
    std::vector<Access> all;
    for (const mu_tensor& v : in) all.push_back(access(v, false));
    for (const mu_tensor& v : out) all.push_back(access(v, true));
    return all;
  }
  std::vector<Access> accesses() const {
    std::vector<Access> all = views_used();
    all.push_back({workspace, workspace_offset, workspace_offset + workspace_bytes, true});
    return all;
  }

  // From a handle to the bytes, and from a layout to rows. Empty: all is well.
  std::string resolve(mu_tensor& v, std::size_t k) {
    if ((v.layout == MU_LAYOUT_OPAQUE ? v.layout_id : v.layout) != layouts[k]) return "a view is not laid out as its plan was told";
    auto bytes = device->memory.find(v.buffer);
    if (!bytes) return "a run uses a buffer that was freed";
    used.push_back(bytes);
    if (access(v, false).end > bytes->size) return "a view ends outside its buffer";
    if (layouts[k]) {
      if (v.bytes != layout_bytes(layouts[k], v)) return "a layout has another size";
      rows[k].resize(row_bytes(v));
      if (k < in.size()) unpack(v, bytes->data + v.byte_offset, rows[k].data());
      set_rows(v);
      v.buffer = reinterpret_cast<mu_buffer*>(rows[k].data());
      return {};
    }
    v.buffer = reinterpret_cast<mu_buffer*>(bytes->data);
    return {};
  }

  // The operands backwards along the axis, in rows.
  void reverse(mu_tensor& v, std::size_t k) {
    const std::size_t bytes = mu_dtype_bytes(v.dtype);
    const std::byte* from = reinterpret_cast<const std::byte*>(v.buffer) + v.byte_offset;
    rows[k].resize(row_bytes(v));
    for (std::size_t i = 0; i * bytes < rows[k].size(); ++i) {
      auto rest = static_cast<std::int64_t>(i);
      std::int64_t at = 0;
      for (int axis = v.rank - 1; axis >= 0; rest /= v.dim[axis--]) {
        const std::int64_t c = rest % v.dim[axis];
        at += (axis == shuffled ? v.dim[axis] - 1 - c : c) * v.stride[axis];
      }
      std::memcpy(rows[k].data() + i * bytes, from + at * static_cast<std::int64_t>(bytes), bytes);
    }
    set_rows(v);
    v.buffer = reinterpret_cast<mu_buffer*>(rows[k].data());
  }
  // As kernels with atomics do it: in an order that no two runs of a program have in common.
  void shuffle() {
    thread_local std::minstd_rand coin{std::random_device{}()};
    if (shuffled < 0 || coin() % 2 == 0) return;
    for (std::size_t k = 0; k < in.size(); ++k) reverse(in[k], k);
  }

  void pack_outputs(const std::vector<mu_tensor>& given) {
    for (std::size_t k = in.size(); k < rows.size(); ++k)
      if (layouts[k]) pack(given[k - in.size()], rows[k].data(), used[k]->data + given[k - in.size()].byte_offset);
  }

  Failure operator()() {
    const auto scratch = device->memory.find(workspace);
    if (!scratch || workspace_offset + workspace_bytes > scratch->size) return {MU_INTERNAL, "the workspace was freed, or is too small"};
    const std::vector<mu_tensor> given = out;
    rows.resize(layouts.size());
    for (std::size_t k = 0; k < layouts.size(); ++k)
      if (std::string wrong = resolve(k < in.size() ? in[k] : out[k - in.size()], k); !wrong.empty())
        return {MU_INTERNAL, std::move(wrong)};
    used.push_back(scratch);
    shuffle();
    std::memset(scratch->data + workspace_offset, 0xEE, workspace_bytes);  // whoever shares this memory will notice
    mu_error error{};
    error.size = sizeof error;
    const mu_code code = kernel->table->plan_run(kernel->plan, nullptr, static_cast<std::uint32_t>(in.size()), in.data(),
                                                 static_cast<std::uint32_t>(out.size()), out.data(), nullptr, 0, &error);
    std::memset(scratch->data + workspace_offset, 0xEE, workspace_bytes);
    if (code != MU_OK) return {code, error.message};
    pack_outputs(given);
    for (const auto& b : used)
      if (b->freed) return {MU_INTERNAL, "a buffer was freed while a run used it"};
    return {};
  }
};

}  // namespace fakegpu
