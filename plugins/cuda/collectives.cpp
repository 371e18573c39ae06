// COLLECTIVE by NCCL. Communicators don't block: whoever waits for NCCL looks at what has become of it, and at abort and the time; a
// blocking one could be left by nobody whose peers never come. A thread of each looks while nobody calls, since a kernel whose peer is gone
// would run for ever.
#include "collectives.hpp"

#include <dlfcn.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <cstring>
#include <map>
#include <thread>
#include <utility>

#include "nccl.hpp"

namespace mushin::cuda {
namespace nccl {
namespace {

template <class F>
void get(void* from, const char* name, F& to) {
  to = reinterpret_cast<F>(dlsym(from, name));
  if (!to) throw Failure{MU_UNAVAILABLE, std::string("[cuda] NCCL lacks ") + name};
}

void* open() {
  if (void* found = dlopen("libnccl.so.2", RTLD_NOW | RTLD_LOCAL)) return found;
  const char* text = dlerror();
  const std::string reason = text ? text : "libnccl.so.2";
  if (void* found = dlopen(MUSHIN_CUDA_LIBRARIES "/libnccl.so.2", RTLD_NOW | RTLD_LOCAL)) return found;
  throw Failure{MU_UNAVAILABLE, "[cuda] no NCCL: " + reason};
}

Library load() {
  void* const l = open();
  Library n{};
  get(l, "ncclGetVersion", n.version), get(l, "ncclGetUniqueId", n.unique_id);
  int version = 0;
  if (n.version(&version) != success || version < oldest)
    throw Failure{MU_UNAVAILABLE, "[cuda] NCCL is too old: " + std::to_string(version) + ", 21400 (2.14) is needed"};
  get(l, "ncclCommInitRankConfig", n.init), get(l, "ncclCommGetAsyncError", n.state);
  get(l, "ncclCommFinalize", n.finalize), get(l, "ncclCommDestroy", n.destroy), get(l, "ncclCommAbort", n.abort);
  get(l, "ncclGetErrorString", n.text), get(l, "ncclGetLastError", n.last_error);
  get(l, "ncclAllReduce", n.all_reduce), get(l, "ncclBroadcast", n.broadcast);
  get(l, "ncclAllGather", n.all_gather), get(l, "ncclReduceScatter", n.reduce_scatter);
  return n;
}

}  // namespace

const Library& library() {
  static const Library it = load();
  return it;
}

}  // namespace nccl

namespace {

using Time = std::chrono::steady_clock;

/// A rank.
class Member {
 public:
  Member(mu_device& d, std::uint32_t r, std::uint32_t n) : rank(r), size(n), device_(d), nccl_(nccl::library()) {}
  Member(const Member&) = delete;
  Member& operator=(const Member&) = delete;
  ~Member() {
    stop_watching();
    if (comm_) nccl_.abort(comm_);  // captured runs kept it; they are gone
  }

  mu_code join(const nccl::Id&, std::uint64_t timeout_ns, mu_error*);
  void leave() noexcept;
  void abort() noexcept;
  /// f(library, communicator), which gives NCCL work.
  template <class F>
  mu_code give(bool captured, const F& f, mu_error*);

  const std::uint32_t rank, size;

 private:
  // Under the mutex, as all that calls NCCL.
  int settled(int result, Time::time_point end) noexcept;
  void failed(int result) noexcept { broken(nccl_.text(result), nccl_.last_error(comm_)); }
  void broken(const char* why, const char* more = "") noexcept;
  void watch() noexcept;
  void stop_watching() noexcept;

  mu_device& device_;
  const nccl::Library& nccl_;
  nccl::Comm* comm_ = nullptr;
  std::mutex mutex_;
  std::condition_variable stopped_;
  std::thread watch_;
  std::atomic<bool> aborted_{false};
  bool stop_ = false, left_ = false, captured_ = false;
  char why_[400] = "";  // there are no more runs
};

// Waits until NCCL has done what it said it would; `end`: at the latest.
int Member::settled(int result, Time::time_point end) noexcept {
  auto pause = std::chrono::microseconds(20);
  while (result == nccl::in_progress && !aborted_ && Time::now() < end) {
    std::this_thread::sleep_for(pause);
    if (pause < std::chrono::milliseconds(1)) pause *= 2;
    int state = nccl::success;
    const int asked = nccl_.state(comm_, &state);
    result = asked == nccl::success ? state : asked;
  }
  return result;
}

void Member::broken(const char* why, const char* more) noexcept {
  if (!comm_) return;
  std::snprintf(why_, sizeof why_, "[collectives] %s%s%s", why, *more ? ": " : "", more);
  nccl_.abort(comm_);  // kernels that wait for other ranks end
  comm_ = nullptr;
  device_.disconnect(why_);
}

mu_code Member::join(const nccl::Id& id, std::uint64_t timeout_ns, mu_error* e) {
  const std::unique_lock lock(mutex_);
  constexpr std::uint64_t endless = 1'000'000'000'000'000'000;
  const auto end = timeout_ns < endless ? Time::now() + std::chrono::nanoseconds(timeout_ns) : Time::time_point::max();
  nccl::Config config;
  int result = nccl_.init(&comm_, static_cast<int>(size), id, static_cast<int>(rank), &config);
  if (comm_) result = settled(result, end);
  if (result == nccl::success) {
    watch_ = std::thread([this] { watch(); });
    return MU_OK;
  }
  const std::string why = result == nccl::in_progress
                              ? "rank " + std::to_string(rank) + ": not all of " + std::to_string(size) + " ranks came in time"
                              : "rank " + std::to_string(rank) + " can't join: " + nccl_.text(result) + ": " + nccl_.last_error(comm_);
  if (comm_) nccl_.abort(std::exchange(comm_, nullptr));
  return mu_fail(e, result == nccl::in_progress ? MU_TIMEOUT : MU_INVALID, result, why.c_str());
}

template <class F>
mu_code Member::give(bool captured, const F& f, mu_error* e) {
  const std::lock_guard lock(mutex_);
  if (!comm_ || left_) return mu_fail(e, MU_DISCONNECTED, 0, *why_ ? why_ : "[collectives] the communicator was left");
  captured_ = captured_ || captured;
  const int result = settled(f(nccl_, comm_), Time::time_point::max());
  if (result == nccl::success) return MU_OK;
  if (aborted_)
    broken("the communicator was aborted");
  else
    failed(result);
  return mu_fail(e, MU_DISCONNECTED, result, why_);
}

void Member::leave() noexcept {
  {
    const std::lock_guard lock(mutex_);
    left_ = true;
    if (!comm_ || captured_) return;  // NCCL keeps a communicator as long as graphs have it; so do their plans
    // What is queued is done then.
    if (settled(nccl_.finalize(comm_), Time::time_point::max()) == nccl::success)
      nccl_.destroy(std::exchange(comm_, nullptr));
    else
      broken("the communicator failed while it was left");
  }
  stop_watching();
}

void Member::abort() noexcept {
  aborted_ = true;
  const std::lock_guard lock(mutex_);
  broken("the communicator was aborted");
}

void Member::watch() noexcept {
  cudaSetDevice(device_.index);
  std::unique_lock lock(mutex_);
  while (!stopped_.wait_for(lock, std::chrono::milliseconds(100), [&] { return stop_ || !comm_; })) {
    int state = nccl::success;
    const int asked = nccl_.state(comm_, &state);
    if (const int result = asked == nccl::success ? state : asked; result != nccl::success && result != nccl::in_progress) failed(result);
  }
}
void Member::stop_watching() noexcept {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  stopped_.notify_all();
  if (watch_.joinable()) watch_.join();
}

// By number. Never destroyed: threads may call at the process's end.
std::mutex& members_mutex = *new std::mutex;
std::map<std::uint64_t, std::shared_ptr<Member>>& members = *new std::map<std::uint64_t, std::shared_ptr<Member>>;

std::shared_ptr<Member> find(std::uint64_t number) {
  const std::lock_guard lock(members_mutex);
  const auto at = members.find(number);
  return at == members.end() ? nullptr : at->second;
}

mu_code unique_id(mu_device* d, std::uint8_t* to, mu_error* e) noexcept {
  if (const mu_code code = d->enter(e); code != MU_OK) return code;
  return guarded(e, [&]() -> mu_code {
    nccl::Id id;
    static_assert(sizeof id == MU_UNIQUE_ID_BYTES);
    if (const int result = nccl::library().unique_id(&id); result != nccl::success)
      return mu_fail(e, MU_UNAVAILABLE, result, nccl::library().text(result));
    std::memcpy(to, &id, sizeof id);
    return MU_OK;
  });
}

mu_code join(mu_device* d, const std::uint8_t* from, std::uint32_t rank, std::uint32_t n, std::uint64_t number, std::uint64_t timeout_ns,
             mu_error* e) noexcept {
  if (const mu_code code = d->enter(e); code != MU_OK) return code;
  return guarded(e, [&]() -> mu_code {
    nccl::Id id;
    std::memcpy(&id, from, sizeof id);
    auto member = std::make_shared<Member>(*d, rank, n);
    if (rank >= n)
      return mu_fail(e, MU_INVALID, 0,
                     ("rank " + std::to_string(rank) + " came where there are " + std::to_string(n) + ", counted from 0").c_str());
    if (const mu_code code = member->join(id, timeout_ns, e); code != MU_OK) return code;
    const std::lock_guard lock(members_mutex);
    members.emplace(number, std::move(member));
    return MU_OK;
  });
}

void leave(mu_device* d, std::uint64_t number) noexcept {
  cudaSetDevice(d->index);
  const auto member = find(number);
  if (!member) return;
  member->leave();  // which abort can end
  const std::lock_guard lock(members_mutex);
  members.erase(number);
}
void abort(mu_device* d, std::uint64_t number) noexcept {
  cudaSetDevice(d->index);
  if (const auto member = find(number)) member->abort();
}

// Of bool the bytes are 0 or 1: the greater is their or, the lesser their and.
int type_of(mu_dtype t) {
  constexpr struct {
    mu_dtype of;
    int to;
  } types[] = {{MU_F32, nccl::f32}, {MU_F64, nccl::f64}, {MU_F16, nccl::f16}, {MU_BF16, nccl::bf16}, {MU_I64, nccl::i64},
               {MU_I32, nccl::i32}, {MU_I8, nccl::i8},   {MU_U8, nccl::u8},   {MU_BOOL, nccl::u8}};
  for (const auto& t_ : types)
    if (t_.of == t) return t_.to;
  unsupported("[collective] NCCL has no such element type");
}
int reduction_of(std::uint32_t reduction, mu_dtype t) {
  constexpr int plain[] = {nccl::sum, nccl::sum, nccl::prod, nccl::max, nccl::min};
  constexpr int of_bool[] = {nccl::sum, nccl::max, nccl::min, nccl::max, nccl::min};
  return (t == MU_BOOL ? of_bool : plain)[reduction];
}

class Collective final : public mu_plan {
 public:
  Collective(mu_device& d, const mu_op_collective& op, std::shared_ptr<Member> m, mu_dtype t)
      : mu_plan(d), op_(op), member_(std::move(m)), type_(type_of(t)), reduction_(reduction_of(op.reduction, t)) {
    // NCCL doesn't promise in which order the ranks' values are summed.
    const bool rounds = t == MU_F32 || t == MU_F64 || t == MU_F16 || t == MU_BF16;
    deterministic = !rounds || (op.reduction != MU_REDUCE_SUM && op.reduction != MU_REDUCE_PROD);
  }

  mu_code run(mu_stream& s, const mu_tensor* in, const mu_tensor* out, char*, mu_error* e) override {
    const void* const from = address(in[0]);
    void* const to = address(out[0]);
    const auto given = static_cast<std::size_t>(count_of(in[0])), made = static_cast<std::size_t>(count_of(out[0]));
    if (given == 0) return MU_OK;
    const auto call = [&](const nccl::Library& n, nccl::Comm* comm) {
      switch (op_.kind) {
        case MU_COLLECTIVE_ALL_REDUCE:
          return n.all_reduce(from, to, given, type_, reduction_, comm, s.handle);
        case MU_COLLECTIVE_BROADCAST:
          return n.broadcast(from, to, given, type_, static_cast<int>(op_.root), comm, s.handle);
        case MU_COLLECTIVE_ALL_GATHER:
          return n.all_gather(from, to, given, type_, comm, s.handle);
        default:
          return n.reduce_scatter(from, to, made, type_, reduction_, comm, s.handle);
      }
    };
    return member_->give(s.handle == device.capture_stream, call, e);
  }

 private:
  mu_op_collective op_;
  std::shared_ptr<Member> member_;
  int type_, reduction_;
};

}  // namespace

const mu_collectives_table collectives_table{sizeof collectives_table, 0, unique_id, join, leave, abort};

PlanPtr make_collective(const Request& r) {
  const auto op = descriptor<mu_op_collective>(r, "collective");
  require_views(r, 1, 1, "collective");
  if (op.kind > MU_COLLECTIVE_REDUCE_SCATTER || op.reduction > MU_REDUCE_MIN) unsupported("[collective] a kind that is not known here");
  auto member = find(op.communicator);
  if (!member) invalid("[collective] there is no communicator " + std::to_string(op.communicator));
  const std::int64_t n = member->size, in = count_of(r.in[0]), out = count_of(r.out[0]);
  if (op.root >= member->size) invalid("[collective] the root is no rank: " + std::to_string(op.root) + " of " + std::to_string(n));
  if (r.in[0].dtype != r.out[0].dtype) invalid("[collective] element types differ");
  if (in * (op.kind == MU_COLLECTIVE_ALL_GATHER ? n : 1) != out * (op.kind == MU_COLLECTIVE_REDUCE_SCATTER ? n : 1))
    invalid("[collective] dims don't fit " + std::to_string(n) + " ranks: " + dims_text(r.in[0]) + " and " + dims_text(r.out[0]));
  if (!is_contiguous(r.in[0]) || !is_contiguous(r.out[0])) invalid("[collective] views are dense and row-major");
  return std::make_unique<Collective>(r.device, op, std::move(member), r.in[0].dtype);
}

}  // namespace mushin::cuda
