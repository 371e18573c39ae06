// A device of the CUDA plugin on the emulated runtime, driven through its C tables.
#pragma once
#include <dlfcn.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <stdexcept>

#include "backend.hpp"

namespace emulated_test {

using namespace backend_test;

inline std::string emulated;    // what the host's setting EMULATED says
inline std::string cudnn_path;  // its setting CUDNN
inline std::string logged;      // all that was told to the host

inline void log(void*, std::uint32_t, const char* text, std::size_t length) noexcept { logged.append(text, length).append("\n"); }

inline const char* config(void*, const char*, const char* key) noexcept {
  static const std::string cache = MUSHIN_EMULATED_PROGRAMS "/cache-of-this-test";
  if (std::string(key) == "CUDNN") return cudnn_path.c_str();
  return std::string(key) == "EMULATED" ? emulated.c_str() : std::string(key) == "CACHE_DIR" ? cache.c_str() : nullptr;
}
inline const mu_host* host() {
  static const mu_host table = [] {
    mu_host h = *test_host();
    h.config = config, h.log = log;
    return h;
  }();
  return &table;
}

// A module of its own, with nothing opened or kept by others: the environment's MUSHIN_CUDA_MODULE, or the build's.
inline const mu_plugin* fresh_module() {
  char copy[] = "/tmp/mushin-cuda-XXXXXX";
  close(mkstemp(copy));
  const char* set = std::getenv("MUSHIN_CUDA_MODULE");
  std::filesystem::copy_file(set ? set : MUSHIN_CUDA_MODULE, copy, std::filesystem::copy_options::overwrite_existing);
  void* library = dlopen(copy, RTLD_NOW | RTLD_LOCAL);
  std::filesystem::remove(copy);
  if (!library) throw std::runtime_error(dlerror());
  return reinterpret_cast<mu_entry_fn>(dlsym(library, MU_ENTRY_SYMBOL))(host(), nullptr);
}

inline mu_error empty() {
  mu_error e{};
  e.size = sizeof e;
  return e;
}

class CudaEmulatedDevice : public testing::Test {
 protected:
  void SetUp() override { open(""); }
  void TearDown() override {
    if (!device_) return;
    mu_error e = empty();
    plugin_->device->synchronize(device_, &e);  // memory is given back that no work uses
    for (mu_buffer* b : buffers_) plugin_->memory->free(device_, b);
    plugin_->device->close(device_);
  }
  void open(const std::string& set) {
    TearDown();
    buffers_.clear();
    emulated = set;
    error_ = empty();
    ASSERT_EQ(plugin_->device_open(0, &device_, &error_), MU_OK) << error_.message;
  }
  void expect(mu_code code, mu_code wanted, const std::string& text) {
    EXPECT_EQ(code, wanted) << error_.message;
    EXPECT_NE(std::string(error_.message).find(text), std::string::npos) << error_.message;
    error_ = empty();
  }

  mu_code alloc(std::uint32_t kind, std::uint64_t bytes, mu_buffer*& b) {
    const mu_code code = plugin_->memory->alloc(device_, kind, bytes, 64, &b, &error_);
    if (b) buffers_.push_back(b);
    return code;
  }
  mu_buffer* room(std::uint64_t bytes, std::uint32_t kind = MU_MEMORY_DEVICE) {
    mu_buffer* b = nullptr;
    EXPECT_EQ(alloc(kind, bytes, b), MU_OK) << error_.message;
    return b;
  }
  template <class T>
  mu_tensor on_device(const std::vector<T>& values, const Sizes& dims, mu_stream* stream = nullptr) {
    mu_tensor v = view(values.data(), dtype_of<T>, dims, dense_strides(dims));
    v.bytes = values.size() * sizeof(T);
    v.buffer = room(v.bytes);
    EXPECT_EQ(plugin_->memory->upload(device_, stream, v.buffer, 0, values.data(), v.bytes, &error_), MU_OK) << error_.message;
    return v;
  }
  template <class T>
  std::vector<T> read(const mu_tensor& v, mu_stream* stream = nullptr) {
    std::vector<T> values(v.bytes / sizeof(T));
    EXPECT_EQ(plugin_->memory->download(device_, stream, values.data(), v.buffer, 0, v.bytes, &error_), MU_OK) << error_.message;
    return values;
  }
  struct Planned {
    mu_plan* plan = nullptr;
    mu_plan_info info{};
    mu_buffer* workspace = nullptr;
  };
  mu_code plan(Planned& p, const mu_op* op, std::vector<mu_tensor> in, mu_tensor out) {
    for (auto& v : in) v.buffer = nullptr;
    out.buffer = nullptr;
    p.info.size = sizeof p.info;
    const mu_code code =
        plugin_->compute->plan_create(device_, op, 0, static_cast<std::uint32_t>(in.size()), in.data(), 1, &out, &p.plan, &p.info, &error_);
    if (code == MU_OK && p.info.workspace_bytes) p.workspace = room(p.info.workspace_bytes);
    return code;
  }
  mu_code run(const Planned& p, const std::vector<mu_tensor>& in, const mu_tensor& out, mu_stream* stream = nullptr) {
    return plugin_->compute->plan_run(p.plan, stream, static_cast<std::uint32_t>(in.size()), in.data(), 1, &out, p.workspace, 0, &error_);
  }
  template <class Op>
  mu_code run_op(Op op, std::uint32_t id, const std::vector<mu_tensor>& in, const mu_tensor& out, mu_stream* stream = nullptr) {
    op.h = {sizeof op, id};
    Planned p;
    if (const mu_code code = plan(p, &op.h, in, out); code != MU_OK) return code;
    const mu_code code = run(p, in, out, stream);
    plugin_->compute->plan_destroy(p.plan);
    return code;
  }
  // out = in + 1
  mu_code add_one(const mu_tensor& in, const mu_tensor& out, mu_stream* stream = nullptr) {
    ProgramText text;
    const int x = text.input(MU_F32), one = text.constant_bits(0x3F800000, MU_F32);
    text.out.push_back(text.add(MU_PW_ADD, MU_F32, x, one));
    const mu_pw_program p = text.descriptor();
    mu_op_pointwise op{};
    op.program = &p;
    return run_op(op, MU_OP_POINTWISE, {in}, out, stream);
  }

  const mu_plugin* plugin_ = module();
  mu_device* device_ = nullptr;
  std::vector<mu_buffer*> buffers_;
  mu_error error_{};

 private:
  static const mu_plugin* module() {
    static const mu_plugin* const plugin = fresh_module();
    return plugin;
  }
};

}  // namespace emulated_test
