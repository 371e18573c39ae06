// Opens a backend module as the loader would, without the loader, and runs ops through its C tables.
#pragma once
#include <dlfcn.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "mushin/plugin.h"

namespace driver {

/// What the host tells of its threads.
inline std::uint32_t& thread_count() {
  static std::uint32_t n = 3;
  return n;
}

/// Chunks run on threads of their own, so that races show.
inline const mu_host* host() {
  static const mu_host table{
      sizeof table,
      MU_ABI_MINOR,
      nullptr,
      [](void*, std::uint32_t, const char*, std::size_t) noexcept {},
      [](void*, const char*, const char*) noexcept -> const char* { return nullptr; },
      [](void*, std::uint64_t n, std::uint64_t grain, mu_range_fn f, void* arg) noexcept {
        std::vector<std::thread> threads;
        for (std::uint64_t begin = 0; begin < n; begin += grain) threads.emplace_back([=] { f(arg, begin, std::min(n, begin + grain)); });
        for (auto& t : threads) t.join();
      },
      [](void*) noexcept -> std::uint32_t { return thread_count(); },
  };
  return &table;
}

struct Module {
  const mu_plugin* plugin = nullptr;
  mu_device* device = nullptr;

  explicit Module(const char* path) {
    void* library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (!library) throw std::runtime_error(dlerror());
    const auto entry = reinterpret_cast<mu_entry_fn>(dlsym(library, MU_ENTRY_SYMBOL));
    if (entry) plugin = entry(host(), nullptr);
    if (!plugin || plugin->device_open(0, &device, nullptr) != MU_OK) throw std::runtime_error("the plugin doesn't open");
  }
};

/// A view of host memory with strides in elements.
inline mu_tensor view(const void* data, mu_dtype type, const std::vector<std::int64_t>& dim, const std::vector<std::int64_t>& stride) {
  mu_tensor t{};
  t.size = sizeof t;
  t.dtype = type;
  t.rank = static_cast<std::uint16_t>(dim.size());
  t.buffer = reinterpret_cast<mu_buffer*>(const_cast<void*>(data));
  std::copy(dim.begin(), dim.end(), t.dim);
  std::copy(stride.begin(), stride.end(), t.stride);
  return t;
}
inline std::vector<std::int64_t> row_major(const std::vector<std::int64_t>& dim) {
  std::vector<std::int64_t> stride(dim.size(), 1);
  for (std::size_t i = dim.size(); i-- > 1;) stride[i - 1] = stride[i] * dim[i];
  return stride;
}

/// As much workspace as a plan has asked for, of NaN, and bytes behind it that show whether it kept to that.
class Workspace {
 public:
  explicit Workspace(const mu_plan_info& info) : bytes_(info.workspace_bytes), align_(std::max<std::uint64_t>(1, info.workspace_align)) {
    if (bytes_) memory_.assign(bytes_ + align_ + guard, '\xff');
  }
  mu_buffer* buffer() { return bytes_ ? reinterpret_cast<mu_buffer*>(memory_.data()) : nullptr; }
  std::uint64_t offset() const { return (align_ - reinterpret_cast<std::uintptr_t>(memory_.data()) % align_) % align_; }
  bool kept_to() const {
    return std::all_of(memory_.begin() + (bytes_ ? static_cast<std::ptrdiff_t>(offset() + bytes_) : 0), memory_.end(),
                       [](char c) { return c == '\xff'; });
  }

 private:
  static constexpr std::uint64_t guard = 256;
  std::uint64_t bytes_, align_;
  std::vector<char> memory_;
};

/// plan_create of views without memory; its plan is dropped. `error` gets the text, `info` the answers.
inline mu_code plan(const Module& m, const mu_op& op, std::vector<mu_tensor> in, std::vector<mu_tensor> out, std::string* error = nullptr,
                    mu_plan_info* info = nullptr) {
  mu_error e{};
  e.size = sizeof e;
  mu_plan_info answers{};
  answers.size = sizeof answers;
  for (auto* views : {&in, &out})
    for (auto& t : *views) t.buffer = nullptr;
  mu_plan* made = nullptr;
  const mu_code code = m.plugin->compute->plan_create(m.device, &op, 0, static_cast<std::uint32_t>(in.size()), in.data(),
                                                      static_cast<std::uint32_t>(out.size()), out.data(), &made, &answers, &e);
  EXPECT_EQ(made != nullptr, code == MU_OK);
  if (made) m.plugin->compute->plan_destroy(made);
  if (error) *error = e.message;
  if (info) *info = answers;
  return code;
}

/// plan_create, plan_run and plan_destroy; the first code that isn't MU_OK. `error` gets the text, `flags` are plan_create's.
inline mu_code run(const Module& m, const mu_op& op, std::vector<mu_tensor> in, mu_tensor out, std::string* error = nullptr,
                   std::uint32_t flags = 0) {
  mu_error e{};
  e.size = sizeof e;
  const auto n_in = static_cast<std::uint32_t>(in.size());
  mu_plan_info info{};
  info.size = sizeof info;
  mu_plan* plan = nullptr;
  auto bare = in;
  for (auto& t : bare) t.buffer = nullptr;
  mu_tensor bare_out = out;
  bare_out.buffer = nullptr;
  mu_code code = m.plugin->compute->plan_create(m.device, &op, flags, n_in, bare.data(), 1, &bare_out, &plan, &info, &e);
  if (code == MU_OK) {
    for (auto& t : in)
      for (unsigned i = t.rank; i < MU_MAX_RANK; ++i) t.dim[i] = t.stride[i] = -77;  // unspecified by law
    Workspace workspace(info);
    code = m.plugin->compute->plan_run(plan, nullptr, n_in, in.data(), 1, &out, workspace.buffer(), workspace.offset(), &e);
    EXPECT_TRUE(workspace.kept_to());
    m.plugin->compute->plan_destroy(plan);
  } else {
    EXPECT_EQ(plan, nullptr);
  }
  if (error) *error = e.message;
  return code;
}

}  // namespace driver
