// COLLECTIVE: ranks are threads of one process. They meet, each computes a part for all (so that all get equal bits), and nobody goes on
// before all have done theirs, since they read and write one another's memory.
#include "collective.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <cstring>
#include <map>
#include <mutex>
#include <random>
#include <vector>

namespace mushin::builtin {
namespace {

// Inputs of the program that reduces.
constexpr std::uint32_t most_ranks = 32;

struct Call {
  const mu_op_collective* op;
  const mu_tensor *in, *out;
};
constexpr const char* names[] = {"all_reduce", "broadcast", "all_gather", "reduce_scatter"};
constexpr const char* reductions[] = {"", " sum", " prod", " max", " min"};

bool equal(const Call& a, const Call& b) {
  return a.op->kind == b.op->kind && a.op->reduction == b.op->reduction && a.op->root == b.op->root && a.in->dtype == b.in->dtype &&
         a.in->rank == b.in->rank && std::equal(a.in->dim, a.in->dim + a.in->rank, b.in->dim);
}
std::string text_of(const Call& c) {
  std::string text =
      std::string(names[c.op->kind]) + reductions[c.op->reduction] + " of " + name_of(type_of(c.in->dtype)) + " " + dims_text(*c.in);
  return c.op->kind == MU_COLLECTIVE_BROADCAST ? text + " from rank " + std::to_string(c.op->root) : text;
}

class Group {
 public:
  explicit Group(std::uint32_t n) : size(n), there_(n), calls_(n) {}

  mu_code enter(std::uint32_t rank, std::uint32_t n, std::uint64_t timeout_ns, mu_error* e);
  /// f(calls) in each rank, when all have come with equal calls; returns when all are done with it.
  template <class F>
  mu_code meet(std::uint32_t rank, const Call&, const F& f, mu_error*);
  void break_up(std::uint32_t rank, const char* why) noexcept {
    const std::lock_guard lock(mutex_);
    char text[sizeof text_];
    std::snprintf(text, sizeof text, "rank %u %s", rank, why);
    broken(MU_DISCONNECTED, text);
  }

  const std::uint32_t size;

 private:
  // What is told first stays.
  void broken(mu_code code, const char* text) noexcept {
    if (code_ == MU_OK) std::snprintf(text_, sizeof text_, "%s", text), code_ = code;
    changed_.notify_all();
  }
  mu_code tell(mu_error* e) const noexcept { return mu_fail(e, code_, 0, text_); }
  void compare();

  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<bool> there_;  // has joined
  std::uint32_t joined_ = 0;
  std::vector<Call> calls_;  // of this round; its op is null where the rank hasn't come
  std::uint32_t come_ = 0, done_ = 0;
  std::uint64_t begun_ = 0, ended_ = 0;  // rounds
  mu_code code_ = MU_OK;
  char text_[300] = "";
};

mu_code Group::enter(std::uint32_t rank, std::uint32_t n, std::uint64_t timeout_ns, mu_error* e) {
  std::unique_lock lock(mutex_);
  if (code_ != MU_OK) return tell(e);
  if (joined_ == size) return mu_fail(e, MU_INVALID, 0, "the id has been used: each communicator needs one of its own");
  const std::string came = "rank " + std::to_string(rank) + " came ";
  if (n != size)
    broken(MU_INVALID, (came + "for " + std::to_string(n) + " ranks, others for " + std::to_string(size)).c_str());
  else if (rank >= size)
    broken(MU_INVALID, (came + "where there are " + std::to_string(size) + ", counted from 0").c_str());
  else if (there_[rank])
    broken(MU_INVALID, (came + "twice").c_str());
  if (code_ != MU_OK) return tell(e);
  there_[rank] = true;
  if (++joined_ == size) changed_.notify_all();
  const auto over = [&] { return joined_ == size || code_ != MU_OK; };
  constexpr std::uint64_t endless = 1'000'000'000'000'000'000;
  if (timeout_ns >= endless)
    changed_.wait(lock, over);
  else if (!changed_.wait_for(lock, std::chrono::nanoseconds(timeout_ns), over))
    broken(MU_TIMEOUT, (std::to_string(joined_) + " of " + std::to_string(size) + " ranks came in time").c_str());
  return joined_ == size ? mu_code{MU_OK} : tell(e);  // one that came may be gone already: the first run tells
}

void Group::compare() {
  const auto other = std::find_if(calls_.begin(), calls_.end(), [&](const Call& c) { return !equal(c, calls_[0]); });
  if (other == calls_.end()) return;
  broken(MU_INVALID, ("ranks differ: rank 0 comes for " + text_of(calls_[0]) + ", rank " + std::to_string(other - calls_.begin()) +
                      " for " + text_of(*other))
                         .c_str());
}

template <class F>
mu_code Group::meet(std::uint32_t rank, const Call& call, const F& f, mu_error* e) {
  std::unique_lock lock(mutex_);
  if (code_ != MU_OK) return tell(e);
  if (calls_[rank].op) return mu_fail(e, MU_INVALID, 0, "two threads take part as one rank");
  calls_[rank] = call;
  const std::uint64_t mine = begun_ + 1;
  if (++come_ == size) compare();
  if (come_ == size && code_ == MU_OK) come_ = 0, ++begun_, changed_.notify_all();
  changed_.wait(lock, [&] { return begun_ == mine || code_ != MU_OK; });
  if (begun_ != mine) return tell(e);
  // From here on all ranks go through, whatever is told meanwhile.
  lock.unlock();
  f(calls_.data());
  lock.lock();
  if (++done_ == size) {
    done_ = 0, ++ended_;
    for (Call& c : calls_) c.op = nullptr;
    changed_.notify_all();
  }
  changed_.wait(lock, [&] { return ended_ >= mine; });
  return MU_OK;
}

struct Member {
  std::shared_ptr<Group> group;
  std::uint32_t rank;
};

// What a process's ranks find each other by. Never destroyed: plans may be used at the process's end.
struct Registry {
  std::mutex mutex;
  std::uint64_t process = 0, ids = 0;
  std::map<std::uint64_t, std::shared_ptr<Group>> groups;  // by the id's number; null: used
  std::map<std::uint64_t, std::shared_ptr<const Member>> members;
};
Registry& registry() {
  static auto* it = new Registry;
  return *it;
}

struct Id {
  char magic[8];
  std::uint64_t process, number;
};
constexpr char id_magic[8] = {'b', 'u', 'i', 'l', 't', 'i', 'n', '1'};

template <class F>
mu_code guarded(mu_error* e, const F& f) noexcept {
  try {
    return f();
  } catch (const std::bad_alloc&) {
    return mu_fail(e, MU_OUT_OF_MEMORY, 0, "no memory for a communicator");
  } catch (const std::exception& error) {
    return mu_fail(e, MU_INTERNAL, 0, error.what());
  }
}

std::uint64_t process_number(Registry& r) {
  if (r.process == 0) {
    std::random_device random;
    r.process = std::uint64_t{random()} << 32 | random() | 1u;
  }
  return r.process;
}

mu_code unique_id(mu_device*, std::uint8_t* to, mu_error* e) noexcept {
  return guarded(e, [&]() -> mu_code {
    Registry& r = registry();
    const std::lock_guard lock(r.mutex);
    Id id{{}, process_number(r), ++r.ids};
    std::memcpy(id.magic, id_magic, sizeof id_magic);
    std::memset(to, 0, MU_UNIQUE_ID_BYTES);
    std::memcpy(to, &id, sizeof id);
    return MU_OK;
  });
}

mu_code join(mu_device*, const std::uint8_t* from, std::uint32_t rank, std::uint32_t n, std::uint64_t number, std::uint64_t timeout_ns,
             mu_error* e) noexcept {
  return guarded(e, [&]() -> mu_code {
    Id id;
    std::memcpy(&id, from, sizeof id);
    if (std::memcmp(id.magic, id_magic, sizeof id_magic) != 0) return mu_fail(e, MU_INVALID, 0, "the id isn't one of this device's");
    if (n < 1 || n > most_ranks)
      return mu_fail(e, MU_INVALID, 0, ("there are 1 to 32 ranks in a process, not " + std::to_string(n)).c_str());
    Registry& r = registry();
    std::shared_ptr<Group> group;
    {
      const std::lock_guard lock(r.mutex);
      if (id.process != process_number(r)) return mu_fail(e, MU_INVALID, 0, "the id is another process's: ranks are threads of one here");
      const auto [at, fresh] = r.groups.try_emplace(id.number);
      if (fresh) at->second = std::make_shared<Group>(n);
      group = at->second;
    }
    if (!group) return mu_fail(e, MU_INVALID, 0, "the id has been used: each communicator needs one of its own");
    if (const mu_code code = group->enter(rank, n, timeout_ns, e); code != MU_OK) return code;
    auto member = std::make_shared<const Member>(Member{std::move(group), rank});
    const std::lock_guard lock(r.mutex);
    r.groups[id.number] = nullptr;
    r.members.emplace(number, std::move(member));
    return MU_OK;
  });
}

std::shared_ptr<const Member> find(std::uint64_t number) {
  Registry& r = registry();
  const std::lock_guard lock(r.mutex);
  const auto at = r.members.find(number);
  return at == r.members.end() ? nullptr : at->second;
}

void leave(mu_device*, std::uint64_t number) noexcept {
  std::shared_ptr<const Member> gone;
  {
    Registry& r = registry();
    const std::lock_guard lock(r.mutex);
    const auto at = r.members.find(number);
    if (at == r.members.end()) return;
    gone = std::move(at->second);
    r.members.erase(at);
  }
  gone->group->break_up(gone->rank, "has left");
}
void abort(mu_device*, std::uint64_t number) noexcept {
  if (const auto member = find(number)) member->group->break_up(member->rank, "has aborted");
}

// The first `n` inputs reduced to one value, in the order of ranks; 16-bit floats in float, rounded once.
PlanPtr reducer(std::uint32_t n, Type stored, std::uint32_t reduction) {
  constexpr std::uint16_t opcodes[] = {0, MU_PW_ADD, MU_PW_MUL, MU_PW_MAX, MU_PW_MIN};
  const mu_dtype type = dtype_of(computed(stored));
  std::vector<mu_dtype> in(n, dtype_of(stored));
  std::vector<mu_pw_inst> inst;
  const auto add = [&](std::uint16_t op, mu_dtype t, std::uint32_t a, std::uint32_t b) {
    inst.push_back({op, 0, t, static_cast<std::uint16_t>(a), static_cast<std::uint16_t>(b), MU_PW_NONE, 0});
    return n + static_cast<std::uint32_t>(inst.size()) - 1;
  };
  const auto wide = [&](std::uint32_t k) { return is_half(stored) ? add(MU_PW_CAST, type, k, MU_PW_NONE) : k; };
  std::uint32_t value = wide(0);
  for (std::uint32_t k = 1; k < n; ++k) {
    const std::uint32_t next = wide(k);
    value = add(opcodes[reduction], type, value, next);
  }
  if (is_half(stored)) value = add(MU_PW_CAST, dtype_of(stored), value, MU_PW_NONE);
  mu_pw_program p{};
  p.size = sizeof p, p.magic = MU_PW_MAGIC, p.version = 1;
  p.n_in = static_cast<std::uint16_t>(n), p.n_out = 1, p.n_inst = static_cast<std::uint16_t>(inst.size());
  p.out[0] = static_cast<std::uint16_t>(value);
  p.in_type = in.data(), p.inst = inst.data();
  return plan_program(p);
}

std::size_t bytes_in(const mu_tensor& v) { return static_cast<std::size_t>(count_of(v)) * mu_dtype_bytes(v.dtype); }
void copy(char* to, const char* from, std::size_t bytes) {
  if (bytes && to != from) std::memcpy(to, from, bytes);
}

struct Collective final : mu_plan {
  mu_code run(const mu_tensor* in, const mu_tensor* out, mu_error* error) noexcept override {
    return guarded(error, [&] {
      return member->group->meet(
          member->rank, {&op, in, out}, [this](const Call* c) { part(c); }, error);
    });
  }

  void part(const Call* calls) const {
    const std::uint32_t rank = member->rank, n = member->group->size;
    const Call& mine = calls[rank];
    const std::int64_t count = count_of(*mine.in);
    switch (op.kind) {
      case MU_COLLECTIVE_BROADCAST:
        return copy(address(*mine.out), address(*calls[op.root].in), bytes_in(*mine.in));
      case MU_COLLECTIVE_ALL_GATHER:
        for (std::uint32_t k = 0; k < n; ++k) copy(address(*mine.out) + k * bytes_in(*mine.in), address(*calls[k].in), bytes_in(*mine.in));
        return;
      case MU_COLLECTIVE_REDUCE_SCATTER:
        return reduce(calls, count / n * rank, count / n, 0);
      default:
        const std::int64_t begin = count * rank / n, length = count * (rank + 1) / n - begin;
        reduce(calls, begin, length, begin);
        const auto bytes = static_cast<std::size_t>(mu_dtype_bytes(mine.in->dtype));
        const std::size_t at = static_cast<std::size_t>(begin) * bytes;
        for (std::uint32_t k = 0; k < n; ++k)
          if (k != rank) copy(address(*calls[k].out) + at, address(*mine.out) + at, static_cast<std::size_t>(length) * bytes);
    }
  }

  /// `length` elements of all inputs to the rank's own output.
  void reduce(const Call* calls, std::int64_t from, std::int64_t length, std::int64_t to) const {
    const std::uint32_t n = member->group->size;
    std::array<mu_tensor, most_ranks> in;
    for (std::uint32_t k = 0; k < n; ++k) in[k] = line(*calls[k].in, from, length);
    const mu_tensor out = line(*calls[member->rank].out, to, length);
    if (length) program->run(in.data(), &out, nullptr);
  }
  static mu_tensor line(mu_tensor v, std::int64_t begin, std::int64_t length) {
    v.byte_offset += static_cast<std::uint64_t>(begin) * mu_dtype_bytes(v.dtype);
    v.rank = 1, v.dim[0] = length, v.stride[0] = 1;
    return v;
  }

  mu_op_collective op;
  std::shared_ptr<const Member> member;
  PlanPtr program;  // of kinds that reduce
};

}  // namespace

const mu_collectives_table collectives{sizeof collectives, 0, unique_id, join, leave, abort};

PlanPtr plan_collective(const mu_op_collective& op, const Views& v) {
  if (op.kind > MU_COLLECTIVE_REDUCE_SCATTER) unsupported("[collective] kind " + std::to_string(op.kind) + " is not known here");
  const bool reduces = op.kind == MU_COLLECTIVE_ALL_REDUCE || op.kind == MU_COLLECTIVE_REDUCE_SCATTER;
  if (op.reduction > MU_REDUCE_MIN || (op.reduction != 0) != reduces)
    unsupported("[collective] reduction " + std::to_string(op.reduction) + " is not known here");
  auto plan = std::make_unique<Collective>();
  plan->op = op;
  plan->member = find(op.communicator);
  if (!plan->member) invalid("[collective] there is no communicator " + std::to_string(op.communicator));
  const std::uint32_t n = plan->member->group->size;
  if (op.root >= n) invalid("[collective] the root is no rank: " + std::to_string(op.root) + " of " + std::to_string(n));
  const Type t = checked_type(v.in[0], "[collective] input");
  if (checked_type(v.out[0], "[collective] output") != t) invalid("[collective] element types differ");
  const std::int64_t in = count_of(v.in[0]), out = count_of(v.out[0]);
  const bool gathers = op.kind == MU_COLLECTIVE_ALL_GATHER, scatters = op.kind == MU_COLLECTIVE_REDUCE_SCATTER;
  if (in * (gathers ? n : 1) != out * (scatters ? n : 1))
    invalid("[collective] dims don't fit " + std::to_string(n) + " ranks: " + dims_text(v.in[0]) + " and " + dims_text(v.out[0]));
  if (!is_contiguous(v.in[0]) || !is_contiguous(v.out[0])) invalid("[collective] views are dense and row-major");
  if (reduces) plan->program = reducer(n, t, op.reduction);
  return plan;
}

}  // namespace mushin::builtin
