// NCCL, whose ranks are threads of this process: communicators of the builtin backend, in which streams' work takes part.
#include "nccl.hpp"

#include <atomic>
#include <cstring>
#include <memory>
#include <thread>
#include <vector>

#include "builtin.h"
#include "device.hpp"
#include "emulated.hpp"
#include "mushin/plugin_collectives.h"

namespace mushin::cuda::nccl {

// Work and the thread that joins may outlive it.
struct Shared {
  std::atomic<int> state{in_progress};
  std::atomic<bool> aborted{false};
  std::uint64_t number = 0;
  std::size_t ranks = 0;
};
struct Comm {
  std::shared_ptr<Shared> shared = std::make_shared<Shared>();
  cudaStream_t stream = nullptr;  // of the last work
};

namespace {

constexpr int invalid_argument = 4, remote_error = 6;

const mu_plugin& builtin() {
  static const mu_plugin* const it = mushin_builtin_entry(host, nullptr);
  return *it;
}
const mu_collectives_table& table() { return *static_cast<const mu_collectives_table*>(builtin().extension(MU_EXT_COLLECTIVES, 1)); }

int version(int* to) {
  *to = static_cast<int>(emulated::number("nccl", 22800));
  return success;
}
int unique_id(Id* id) {
  if (const int s = emulated::due("ncclGetUniqueId")) return s;
  return table().unique_id(nullptr, reinterpret_cast<std::uint8_t*>(id->internal), nullptr) == MU_OK ? success : invalid_argument;
}

int init(Comm** to, int ranks, Id id, int rank, Config* config) {
  if (const int s = emulated::due("ncclCommInitRankConfig")) return s;
  if (config->magic != 0xcafebeef || config->size != sizeof *config || config->blocking != 0) return invalid_argument;
  static std::atomic<std::uint64_t> numbers{0};
  *to = new Comm;
  const auto shared = (*to)->shared;
  shared->number = ++numbers, shared->ranks = static_cast<std::size_t>(ranks);
  std::thread([=] {
    constexpr std::uint64_t long_enough = 20'000'000'000;
    const mu_code code = table().join(nullptr, reinterpret_cast<const std::uint8_t*>(id.internal), static_cast<std::uint32_t>(rank),
                                      static_cast<std::uint32_t>(ranks), shared->number, long_enough, nullptr);
    shared->state = code == MU_OK ? success : invalid_argument;
  }).detach();
  return in_progress;
}
int state(Comm* c, int* to) {
  const int failed = emulated::due("ncclCommGetAsyncError");
  *to = failed ? failed : c->shared->state.load();
  return success;
}

int finalize(Comm* c) {
  if (const int s = emulated::due("ncclCommFinalize")) return s;
  c->shared->state = in_progress;
  std::thread([shared = c->shared, end = emulated::end_of(c->stream)] {
    emulated::wait_for(end);
    shared->state = success;
  }).detach();
  return in_progress;
}
int destroy(Comm* c) {
  table().leave(nullptr, c->shared->number);
  delete c;
  return success;
}
int abort_now(Comm* c) {
  c->shared->aborted = true;
  c->shared->aborted.notify_all();
  table().abort(nullptr, c->shared->number);
  return destroy(c);
}
const char* text(int s) {
  return s == success ? "no error" : s == remote_error ? "remote process exited or there was a network error" : "unhandled error";
}
const char* last_error(Comm*) { return "as it was asked for"; }

mu_tensor line(const void* at, std::size_t count, int type) {
  constexpr mu_dtype types[] = {MU_I8, MU_U8, MU_I32, 0, MU_I64, 0, MU_F16, MU_F32, MU_F64, MU_BF16};
  mu_tensor v{};
  v.size = sizeof v, v.dtype = types[type], v.rank = 1, v.dim[0] = static_cast<std::int64_t>(count), v.stride[0] = 1;
  v.buffer = static_cast<mu_buffer*>(const_cast<void*>(at));
  return v;
}

// Done in the stream's order, as often as it is launched.
int give(const char* call, Comm* c, mu_op_collective op, mu_tensor in, mu_tensor out, cudaStream_t stream) {
  if (const int s = emulated::due(call)) return s;
  op.h = {sizeof op, MU_OP_COLLECTIVE}, op.communicator = c->shared->number;
  mu_plan* made = nullptr;
  mu_plan_info info{};
  info.size = sizeof info;
  if (builtin().compute->plan_create(nullptr, &op.h, 0, 1, &in, 1, &out, &made, &info, nullptr) != MU_OK) return invalid_argument;
  const std::shared_ptr<mu_plan> plan(made, builtin().compute->plan_destroy);
  const auto work = [=, shared = c->shared] {
    mu_tensor from = in, to = out;
    from.buffer = emulated::here(in.buffer), to.buffer = emulated::here(out.buffer);
    if (builtin().compute->plan_run(plan.get(), nullptr, 1, &from, 1, &to, nullptr, 0, nullptr) == MU_OK) return cudaSuccess;
    // A rank is gone: kernels wait for it until their communicator is aborted.
    shared->state = remote_error;
    shared->aborted.wait(false);
    return cudaSuccess;
  };
  c->stream = stream;
  return emulated::enqueue(stream, work, emulated::Kind::kernel) == cudaSuccess ? success : 1;
}

mu_op_collective op_of(std::uint32_t kind, int reduction, int root = 0) {
  constexpr std::uint32_t reductions[] = {MU_REDUCE_SUM, MU_REDUCE_PROD, MU_REDUCE_MAX, MU_REDUCE_MIN};
  return {{}, kind, reduction < 0 ? 0 : reductions[reduction], static_cast<std::uint32_t>(root), 0, 0};
}
int all_reduce(const void* from, void* to, std::size_t n, int type, int reduction, Comm* c, cudaStream_t s) {
  return give("ncclAllReduce", c, op_of(MU_COLLECTIVE_ALL_REDUCE, reduction), line(from, n, type), line(to, n, type), s);
}
int broadcast(const void* from, void* to, std::size_t n, int type, int root, Comm* c, cudaStream_t s) {
  return give("ncclBroadcast", c, op_of(MU_COLLECTIVE_BROADCAST, -1, root), line(from, n, type), line(to, n, type), s);
}
int all_gather(const void* from, void* to, std::size_t n, int type, Comm* c, cudaStream_t s) {
  return give("ncclAllGather", c, op_of(MU_COLLECTIVE_ALL_GATHER, -1), line(from, n, type), line(to, n * c->shared->ranks, type), s);
}
int reduce_scatter(const void* from, void* to, std::size_t n, int type, int reduction, Comm* c, cudaStream_t s) {
  return give("ncclReduceScatter", c, op_of(MU_COLLECTIVE_REDUCE_SCATTER, reduction), line(from, n * c->shared->ranks, type),
              line(to, n, type), s);
}

}  // namespace
}  // namespace mushin::cuda::nccl

namespace emulated {

void* nccl_symbol(const std::string& name) {
  using namespace mushin::cuda::nccl;
  const std::pair<const char*, void*> all[] = {
      {"ncclGetVersion", reinterpret_cast<void*>(version)},          {"ncclGetUniqueId", reinterpret_cast<void*>(unique_id)},
      {"ncclCommInitRankConfig", reinterpret_cast<void*>(init)},     {"ncclCommGetAsyncError", reinterpret_cast<void*>(state)},
      {"ncclCommFinalize", reinterpret_cast<void*>(finalize)},       {"ncclCommDestroy", reinterpret_cast<void*>(destroy)},
      {"ncclCommAbort", reinterpret_cast<void*>(abort_now)},         {"ncclGetErrorString", reinterpret_cast<void*>(text)},
      {"ncclGetLastError", reinterpret_cast<void*>(last_error)},     {"ncclAllReduce", reinterpret_cast<void*>(all_reduce)},
      {"ncclBroadcast", reinterpret_cast<void*>(broadcast)},         {"ncclAllGather", reinterpret_cast<void*>(all_gather)},
      {"ncclReduceScatter", reinterpret_cast<void*>(reduce_scatter)}};
  for (const auto& [symbol, function] : all)
    if (name == symbol) return function;
  return nullptr;
}

}  // namespace emulated
