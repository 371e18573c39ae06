// Programs by the builtin backend, for whole suites on the emulated device (programs=builtin): their sources go the plugin's whole way, but
// aren't compiled, and a launch computes what the call of bind before it was given.
#include <algorithm>
#include <cstring>
#include <deque>
#include <map>
#include <memory>
#include <utility>
#include <vector>

#include "builtin.h"
#include "device.hpp"
#include "emulated.hpp"
#include "sets.hpp"

namespace program = mushin::cuda::program;

// The linker gives the plugin's calls of bind to us (--wrap).
void real_bind(const program::Op&, const mu_tensor*, const mu_tensor*, const std::uint64_t*, std::uint64_t, program::Launch&) noexcept
    asm("__real__ZN6mushin4cuda7program4bindERKNS1_2OpEPK9mu_tensorS7_PKmmRNS1_6LaunchE");
void wrapped_bind(const program::Op&, const mu_tensor*, const mu_tensor*, const std::uint64_t*, std::uint64_t, program::Launch&) noexcept
    asm("__wrap__ZN6mushin4cuda7program4bindERKNS1_2OpEPK9mu_tensorS7_PKmmRNS1_6LaunchE");

namespace emulated {
namespace {

struct Bound {
  std::string args;
  program::Op op;
  std::vector<mu_tensor> in, out;
  std::vector<const void*> place;  // on the device, of inputs and outputs
};
using BoundPtr = std::shared_ptr<const Bound>;
thread_local BoundPtr last_bound;
thread_local std::map<std::string, BoundPtr> bound_before;  // of pointwise programs, by their arguments
thread_local std::deque<BoundPtr> in_order;                 // of these, the oldest first

mu_dtype dtype_of(program::Type t) {
  constexpr mu_dtype types[] = {MU_F32, MU_F64, MU_I64, MU_I32, MU_I8, MU_U8, MU_BOOL, MU_F16, MU_BF16};
  return types[static_cast<int>(t)];
}

cudaError_t compute(const Bound& b) {
  static mu_device* const device = [] {
    mu_device* d = nullptr;
    mushin_builtin_entry(mushin::cuda::host, nullptr)->device_open(0, &d, nullptr);
    return d;
  }();
  const mu_plugin& builtin = *mushin_builtin_entry(mushin::cuda::host, nullptr);
  const program::Program& p = b.op.program;
  std::vector<mu_dtype> types;
  for (const program::Type t : p.type) types.push_back(dtype_of(t));
  mu_pw_program text{};
  text.size = sizeof text, text.magic = MU_PW_MAGIC, text.version = 1;
  text.n_in = static_cast<std::uint16_t>(p.n_in), text.n_const = static_cast<std::uint16_t>(p.constant.size());
  text.n_inst = static_cast<std::uint16_t>(p.inst.size()), text.n_out = static_cast<std::uint16_t>(p.out.size());
  for (std::size_t i = 0; i < p.out.size(); ++i) text.out[i] = static_cast<std::uint16_t>(p.out[i]);
  text.in_type = types.data(), text.const_type = types.data() + p.n_in, text.const_bits = p.constant.data(), text.inst = p.inst.data();
  const mu_op_pointwise pointwise{{sizeof pointwise, MU_OP_POINTWISE}, &text};
  mu_op_map_reduce reduce{};
  reduce.h = {sizeof reduce, MU_OP_MAP_REDUCE}, reduce.program = &text, reduce.kind = b.op.reduce, reduce.acc = dtype_of(b.op.acc);
  std::vector<mu_tensor> views = b.in;
  views.insert(views.end(), b.out.begin(), b.out.end());
  std::vector<mu_tensor> shapes = views;
  for (std::size_t i = 0; i < views.size(); ++i)
    shapes[i].buffer = nullptr, views[i].buffer = static_cast<mu_buffer*>(here(const_cast<void*>(b.place[i]))), views[i].byte_offset = 0;
  const auto n_in = static_cast<std::uint32_t>(b.in.size()), n_out = static_cast<std::uint32_t>(b.out.size());
  mu_plan* plan = nullptr;
  mu_plan_info info{};
  info.size = sizeof info;
  if (builtin.compute->plan_create(device, b.op.reduce ? &reduce.h : &pointwise.h, 0, n_in, shapes.data(), n_out, shapes.data() + n_in,
                                   &plan, &info, nullptr) != MU_OK)
    return cudaErrorLaunchFailure;
  std::vector<char> room(info.workspace_bytes + info.workspace_align);
  const mu_code code = builtin.compute->plan_run(plan, nullptr, n_in, views.data(), n_out, views.data() + n_in,
                                                 reinterpret_cast<mu_buffer*>(room.data()), 0, nullptr);
  builtin.compute->plan_destroy(plan);
  return code == MU_OK ? cudaSuccess : cudaErrorLaunchFailure;
}

}  // namespace

Work bound_program(const void* arguments) {
  const auto gave = [arguments](const BoundPtr& b) { return b && std::memcmp(b->args.data(), arguments, b->args.size()) == 0; };
  BoundPtr bound = std::exchange(last_bound, nullptr);
  if (!gave(bound)) {
    const auto before = std::find_if(bound_before.begin(), bound_before.end(), [&](const auto& entry) { return gave(entry.second); });
    bound = before == bound_before.end() ? nullptr : before->second;
  }
  return [bound] { return bound ? compute(*bound) : cudaSuccess; };  // a second pass has nothing to do
}

Work bound_sets(const void* arguments) {
  const auto* given = static_cast<const char*>(arguments);
  std::uint32_t n;
  std::memcpy(&n, given, sizeof n);
  for (const auto& [args, first] : bound_before) {  // which are as long as these
    const std::size_t bytes = args.size(), begin = program::first_set(bytes);
    if (n > program::most_sets(bytes) || std::memcmp(given + begin, args.data(), bytes) != 0) continue;
    std::vector<BoundPtr> all;
    for (std::uint32_t i = 0; i < n; ++i)
      if (const auto found = bound_before.find(std::string(given + begin + i * bytes, bytes)); found != bound_before.end())
        all.push_back(found->second);
    if (all.size() != n) continue;
    return [all] {
      cudaError_t status = cudaSuccess;
      for (auto set = all.rbegin(); set != all.rend() && status == cudaSuccess; ++set) status = compute(**set);
      return status;
    };
  }
  return [] { return cudaErrorLaunchFailure; };
}

}  // namespace emulated

void wrapped_bind(const program::Op& op, const mu_tensor* in, const mu_tensor* out, const std::uint64_t* address, std::uint64_t workspace,
                  program::Launch& l) noexcept {
  real_bind(op, in, out, address, workspace, l);
  if (!address || emulated::setting("programs", "") != "builtin") return;
  auto bound = std::make_shared<emulated::Bound>();
  const int n_in = op.program.n_in, n_out = op.n_out();
  bound->op = op, bound->in.assign(in, in + n_in), bound->out.assign(out, out + n_out);
  for (int i = 0; i < n_in + n_out; ++i) bound->place.push_back(reinterpret_cast<const void*>(address[i]));
  bound->args.assign(reinterpret_cast<const char*>(l.args), l.args_bytes);
  emulated::last_bound = bound;
  if (op.reduce) return;
  emulated::bound_before[bound->args] = bound;
  emulated::in_order.push_back(bound);
  if (emulated::in_order.size() <= 4096) return;
  const auto oldest = emulated::bound_before.find(emulated::in_order.front()->args);
  if (oldest->second == emulated::in_order.front()) emulated::bound_before.erase(oldest);
  emulated::in_order.pop_front();
}
