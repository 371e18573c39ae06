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
  if (mode == Fallback::error)
    fail<DeviceError>("[{}] device {} has no such op; MUSHIN_FALLBACK=allow computes it on the host, with copies", op, d->name);
  if (count(op, d) == 1 && mode == Fallback::warn)
    log(MU_LOG_WARNING, fmt::format("[{}] device {} has no such op: computed on the host, with copies", op, d->name));
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

}  // namespace

void request_on_host(const char* op, Device* d, const mu_op* desc, unsigned n_in, std::span<const mu_tensor> views) {
  count_fallback(op, d);
  constexpr std::size_t most = 4;  // no op but programs has more
  if (views.size() > most) fail<DeviceError>("[{}] device {} has no such op", op, d->name);
  Array copy[most];
  mu_tensor on_host[most];
  for (std::size_t k = 0; k < views.size(); ++k) {
    const auto bytes = static_cast<std::int64_t>(bytes_reached(views[k]));
    copy[k] = fresh_array(builtin(), dtype::u8, {bytes}, bytes, op);
    Block* const at = node_of(copy[k])->block;
    const Block there = block_of(d, views[k]);
    download(op, at->data, &there, views[k].byte_offset,
             static_cast<std::size_t>(bytes));  // outputs too: what lies between their elements stays
    on_host[k] = views[k];
    view_memory(on_host[k], at, 0);
  }
  request(op, builtin(), desc, n_in, {on_host, views.size()});
  for (std::size_t k = n_in; k < views.size(); ++k) {
    const Block there = block_of(d, views[k]);
    upload_in_order(op, &there, views[k].byte_offset, node_of(copy[k])->block->data, bytes_reached(views[k]));
  }
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
