#include "backend.hpp"

#include <atomic>
#include <cmath>
#include <cstdlib>
#include <limits>
#include <thread>

namespace backend_test {

Sizes dense_strides(const Sizes& dims) {
  Sizes s(dims.size());
  std::int64_t step = 1;
  for (std::size_t i = dims.size(); i-- > 0;) s[i] = step, step *= dims[i];
  return s;
}

std::int64_t count(const Sizes& dims) {
  std::int64_t n = 1;
  for (std::int64_t d : dims) n *= d;
  return n;
}

mu_tensor view(const void* data, mu_dtype type, const Sizes& dims, const Sizes& strides) {
  mu_tensor v{};
  v.size = sizeof v, v.dtype = type, v.rank = static_cast<std::uint16_t>(dims.size());
  v.buffer = static_cast<mu_buffer*>(const_cast<void*>(data));
  for (std::size_t i = 0; i < dims.size(); ++i) v.dim[i] = dims[i], v.stride[i] = strides[i];
  return v;
}

std::vector<std::int64_t> offsets(const mu_tensor& v) {
  std::vector<std::int64_t> all{0};
  for (int i = 0; i < v.rank; ++i) {
    std::vector<std::int64_t> next;
    for (std::int64_t base : all)
      for (std::int64_t k = 0; k < v.dim[i]; ++k) next.push_back(base + k * v.stride[i]);
    all = next;
  }
  return all;
}

std::uint16_t ProgramText::input(mu_dtype t) {
  in.push_back(t), type.push_back(t);
  return static_cast<std::uint16_t>(type.size() - 1);
}
std::uint16_t ProgramText::constant_bits(std::uint64_t b, mu_dtype t) {
  bits.push_back(b), const_type.push_back(t), type.push_back(t);
  return static_cast<std::uint16_t>(type.size() - 1);
}
std::uint16_t ProgramText::add(int op, mu_dtype t, int a, int b, int c, int aux) {
  const auto id = [](int v) { return static_cast<std::uint16_t>(v); };
  inst.push_back({id(op), 0, t, id(a), id(b), id(c), id(aux)}), type.push_back(t);
  return static_cast<std::uint16_t>(type.size() - 1);
}
mu_pw_program ProgramText::descriptor() const {
  mu_pw_program p{};
  p.size = sizeof p, p.magic = MU_PW_MAGIC, p.version = 1;
  p.n_in = static_cast<std::uint16_t>(in.size()), p.n_out = static_cast<std::uint16_t>(out.size());
  p.n_const = static_cast<std::uint16_t>(bits.size()), p.n_inst = static_cast<std::uint16_t>(inst.size());
  for (std::size_t k = 0; k < out.size() && k < 16; ++k) p.out[k] = out[k];
  p.in_type = in.data(), p.const_bits = bits.data(), p.const_type = const_type.data(), p.inst = inst.data();
  return p;
}

Backend::Backend(const mu_plugin* plugin) : plugin_(plugin) {
  error_.size = sizeof error_;
  EXPECT_EQ(plugin_->device_open(0, &device_, &error_), MU_OK);
}

mu_code Backend::run_op(const mu_op* op, const std::vector<mu_tensor>& in, const std::vector<mu_tensor>& out) {
  std::vector<mu_tensor> shapes_in = in, shapes_out = out;
  for (mu_tensor& v : shapes_in) v.buffer = nullptr;
  for (mu_tensor& v : shapes_out) v.buffer = nullptr;
  const auto n_in = static_cast<std::uint32_t>(in.size()), n_out = static_cast<std::uint32_t>(out.size());
  mu_plan* plan = nullptr;
  mu_plan_info info{};
  info.size = sizeof info;
  const mu_code made =
      plugin_->compute->plan_create(device_, op, 0, n_in, shapes_in.data(), n_out, shapes_out.data(), &plan, &info, &error_);
  if (made != MU_OK) return made;
  std::vector<char> workspace(info.workspace_bytes + info.workspace_align);
  const mu_code ran = plugin_->compute->plan_run(plan, nullptr, n_in, in.data(), n_out, out.data(),
                                                 reinterpret_cast<mu_buffer*>(workspace.data()), 0, &error_);
  plugin_->compute->plan_destroy(plan);
  return ran;
}

mu_code Backend::pointwise(const ProgramText& text, const std::vector<mu_tensor>& in, const std::vector<mu_tensor>& out) {
  const mu_pw_program p = text.descriptor();
  mu_op_pointwise op{};
  op.program = &p;
  return run(op, MU_OP_POINTWISE, in, out);
}

namespace {
int host_threads = 1;
std::atomic<std::uint64_t> chunks{0};

void parallel_for(void*, std::uint64_t n, std::uint64_t grain, mu_range_fn f, void* arg) noexcept {
  chunks += (n + grain - 1) / grain;
  const auto every = [&](std::uint64_t first, std::uint64_t step) {
    for (std::uint64_t b = first * grain; b < n; b += step * grain) f(arg, b, b + grain < n ? b + grain : n);
  };
  if (host_threads == 1) return every(0, 1);
  std::thread other([&] { every(1, 2); });
  every(0, 2);
  other.join();
}
void log(void*, std::uint32_t, const char*, std::size_t) noexcept {}
const char* config(void*, const char* plugin, const char* key) noexcept {
  return std::string(plugin) == "builtin" && std::string(key) == "ISA" ? std::getenv("MUSHIN_BUILTIN_ISA") : nullptr;
}
std::uint32_t thread_count(void*) noexcept { return static_cast<std::uint32_t>(host_threads); }
}  // namespace

const mu_host* test_host() {
  static const mu_host host{sizeof(mu_host), 0, nullptr, log, config, parallel_for, thread_count};
  return &host;
}
void set_host_threads(int threads) { host_threads = threads; }
std::uint64_t chunks_asked_for() { return chunks.exchange(0); }

template <class T>
double ulps(T got, long double exact) {
  using Limits = std::numeric_limits<T>;
  if (std::isnan(exact)) return std::isnan(got) ? 0 : 1e9;
  const T near = static_cast<T>(exact);
  if (std::isinf(near) || std::isinf(got)) return near == got ? 0 : 1e9;
  if (std::isnan(got)) return 1e9;
  const long double size = std::abs(exact);
  const bool small = size < static_cast<long double>(Limits::min());
  const long double unit =
      small ? static_cast<long double>(Limits::denorm_min()) : std::ldexp(static_cast<long double>(Limits::epsilon()), std::ilogb(size));
  return static_cast<double>(std::abs(static_cast<long double>(got) - exact) / unit);
}
template double ulps(float, long double);
template double ulps(double, long double);

std::uint64_t Random::next() {  // splitmix64
  std::uint64_t z = state += 0x9E3779B97F4A7C15u;
  z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9u;
  z = (z ^ z >> 27) * 0x94D049BB133111EBu;
  return z ^ z >> 31;
}

}  // namespace backend_test
