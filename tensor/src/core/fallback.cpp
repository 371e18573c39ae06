#include "core/fallback.hpp"

#include <cstdlib>
#include <cstring>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "core/capture.hpp"
#include "core/fail.hpp"
#include "core/node.hpp"
#include "core/plans.hpp"
#include "core/request.hpp"
#include "devices/host.hpp"
#include "mushin/tensor/device.hpp"
#include "mushin/tensor/ops/transfer.hpp"

namespace mushin::core {
namespace {

Fallback read_mode() {
  const char* set = secure_getenv("MUSHIN_FALLBACK");
  const std::string_view word = set && *set ? set : "error";
  if (word == "error") return Fallback::error;
  if (word == "warn") return Fallback::warn;
  if (word == "allow") return Fallback::allow;
  fail<Error>("[device] MUSHIN_FALLBACK must be error, warn or allow: \"{}\"", word);
}

struct Count {
  const Device* device;
  const char* op;
  std::uint64_t runs;
};
struct Counts {
  std::mutex mutex;
  std::vector<Count> list;
};
Counts& counts() {
  static auto* it = new Counts;  // plugins' threads may outlive static objects
  return *it;
}

// The number of runs, this one included.
std::uint64_t count(const char* op, const Device* d) {
  Counts& c = counts();
  const std::lock_guard lock(c.mutex);
  for (Count& known : c.list)
    if (known.device == d && std::strcmp(known.op, op) == 0) return ++known.runs;
  c.list.push_back({d, op, 1});
  return 1;
}

}  // namespace

Fallback fallback_mode() {
  static const Fallback mode = read_mode();
  return mode;
}

void count_fallback(const char* op, const Device* d) {
  const Fallback mode = fallback_mode();
  const char* with = deterministic() ? " that promises equal bits, as deterministic_algorithms(true) demands" : "";
  if (mode == Fallback::error)
    fail<DeviceError>("[{}] device {} has no such op{}; MUSHIN_FALLBACK=allow computes it on the host, with copies", op, d->name, with);
  if (count(op, d) == 1 && mode == Fallback::warn)
    log(MU_LOG_WARNING, fmt::format("[{}] device {} has no such op{}: computed on the host, with copies", op, d->name, with));
}

namespace {

// What a view reaches from its first element on.
std::size_t bytes_reached(const mu_tensor& v) {
  std::int64_t last = 0;
  for (unsigned i = 0; i < v.rank; ++i) {
    if (v.dim[i] == 0 && v.stride[i] != 0) return 0;
    if (v.dim[i] > 0) last += (v.dim[i] - 1) * v.stride[i];
  }
  return static_cast<std::size_t>(last + 1) * mu_dtype_bytes(v.dtype);
}

Block block_of(Device* d, const mu_tensor& v) {
  Block b{};
  b.device = d;
  b.buffer = v.buffer;
  return b;
}

// The views of one op, counted as a fallback, with copies of all that they reach.
class Copies {
 public:
  Copies(const char* op, Device* d, std::span<const mu_tensor> views) : op_(op), device_(d), there_(views), here_(views.size()) {
    count_fallback(op, d);
    for (std::size_t k = 0; k < views.size(); ++k) {
      const auto bytes = static_cast<std::int64_t>(bytes_reached(views[k]));
      memory_.push_back(fresh_array(builtin(), dtype::u8, {bytes}, bytes, op));
      Block* const at = node_of(memory_[k])->block;
      const Block from = block_of(d, views[k]);
      // Outputs too: what lies between their elements stays.
      download(op, at->data, &from, views[k].byte_offset, static_cast<std::size_t>(bytes));
      here_[k] = views[k];
      view_memory(here_[k], at, 0);
    }
  }

  std::span<const mu_tensor> views() const { return here_; }
  /// The views from `first` on, back to the device.
  void give_back(std::size_t first) const {
    for (std::size_t k = first; k < there_.size(); ++k) {
      const Block to = block_of(device_, there_[k]);
      upload_in_order(op_, &to, there_[k].byte_offset, node_of(memory_[k])->block->data, bytes_reached(there_[k]));
    }
  }

 private:
  const char* op_;
  Device* device_;
  std::span<const mu_tensor> there_;
  std::vector<mu_tensor> here_;
  std::vector<Array> memory_;
};

}  // namespace

void request_on_host(const char* op, Device* d, const mu_op* desc, unsigned n_in, std::span<const mu_tensor> views) {
  const Copies copies(op, d, views);
  request(op, builtin(), desc, n_in, copies.views());
  copies.give_back(n_in);
}

void program_on_host(const char* op, Program& p, Device* d, std::uint32_t request, std::uint32_t kind, dtype acc, const mu_tensor* views) {
  const Copies copies(op, d, {views, std::size_t{p.n_in} + p.n_out});
  const mu_tensor* here = copies.views().data();
  const PlanSection section;
  run_plan(op, program_plan(p, builtin(), request, kind, acc, here), p.n_in, here, p.n_out, here + p.n_in);
  copies.give_back(p.n_in);
}

HostCall::HostCall(const char* op, Device* device) : op_(op), device_(device) {
  if (capturing()) capture::refuse(op, "is computed on the host at once, which a replay could not");
  if (!device->host_memory) count_fallback(op, device);
}

Array HostCall::in(const Array& a) const {
  const Array stored = buffer_of(a, device_);
  return contiguous(op_, node_of(stored)->device->host_memory ? stored : to_device(stored, builtin()));
}

Array HostCall::out(const Array& a) const { return to_device(a, device_); }

}  // namespace mushin::core

namespace mushin {

std::vector<FallbackCount> fallback_counts(Device d) {
  core::Counts& c = core::counts();
  const std::lock_guard lock(c.mutex);
  std::vector<FallbackCount> all;
  for (const core::Count& known : c.list)
    if (known.device == d.raw()) all.push_back({known.op, known.runs});
  return all;
}

}  // namespace mushin
