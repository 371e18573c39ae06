#include "mushin/tensor/collectives.hpp"

#include <algorithm>
#include <atomic>
#include <utility>

#include "core/capture.hpp"
#include "core/fail.hpp"
#include "core/failure.hpp"
#include "core/plans.hpp"
#include "core/request.hpp"
#include "mushin/plugin_collectives.h"

namespace mushin {
namespace {

static_assert(sizeof(Communicator::Id) == MU_UNIQUE_ID_BYTES);

// Who has the collectives of a device: in host memory builtin, where its own backend hasn't. Null: nobody.
core::Device* collectives_of(core::Device* d) {
  if (!d->collectives.join && d->host_memory) d = core::builtin();
  return d->collectives.join ? d : nullptr;
}
core::Device* known(core::Device* d) {
  core::Device* const by = collectives_of(d);
  if (!by) core::fail<DeviceError>("[communicator] device {} has no collectives", d->name);
  core::check_alive("communicator", by);
  return by;
}

mu_error no_error() {
  mu_error e{};
  e.size = sizeof e;
  return e;
}
void check(const core::Device* by, mu_code code, const mu_error& e) {
  if (code == MU_INVALID || code == MU_TIMEOUT || code == MU_UNAVAILABLE)
    core::fail<DeviceError>("[communicator] {}: {}", by->name, e.message);
  if (code != MU_OK) core::fail_with_code("communicator", by, code, e);
}

std::uint64_t nanoseconds(double seconds) {
  if (!(seconds >= 0)) core::fail<Error>("[communicator] seconds must not be negative: {}", seconds);
  constexpr double endless = 1e9;
  return seconds < endless ? static_cast<std::uint64_t>(seconds * 1e9) : UINT64_MAX;
}

}  // namespace

Communicator::Id Communicator::unique_id(Device d) {
  core::Device* const by = known(d.raw());
  Id id{};
  mu_error e = no_error();
  check(by, by->collectives.unique_id(by->handle, id.data(), &e), e);
  return id;
}

Communicator::Communicator(Device d, const Id& id, std::int64_t rank, std::int64_t size, double seconds)
    : device_(d), number_(0), rank_(rank), size_(size) {
  static std::atomic<std::uint64_t> numbers{0};
  if (rank < 0 || size < 1 || std::max(rank, size) > INT32_MAX)
    core::fail<Error>("[communicator] ranks are counted from 0, and there is one at least: rank {} of {}", rank, size);
  core::Device* const by = known(d.raw());
  const std::uint64_t number = ++numbers, timeout = nanoseconds(seconds);
  mu_error e = no_error();
  check(
      by,
      by->collectives.join(by->handle, id.data(), static_cast<std::uint32_t>(rank), static_cast<std::uint32_t>(size), number, timeout, &e),
      e);
  number_ = number;
}

Communicator& Communicator::operator=(Communicator&& o) noexcept {
  std::swap(device_, o.device_), std::swap(number_, o.number_), std::swap(rank_, o.rank_), std::swap(size_, o.size_);
  return *this;
}

Communicator::~Communicator() {
  if (core::Device* const by = number_ ? collectives_of(device_.raw()) : nullptr) by->collectives.leave(by->handle, number_);
}

void Communicator::abort() const noexcept {
  if (core::Device* const by = number_ ? collectives_of(device_.raw()) : nullptr) by->collectives.abort(by->handle, number_);
}

namespace core {
namespace {

Array together(const char* name, const Communicator& by, const Array& a, const Sizes& to, mu_op_collective op) {
  Device* const d = by.device().raw();
  const Array stored = contiguous(name, buffer_of(a, d));
  Device* const here = stored.device();
  if (here != d && !(here->host_memory && d->host_memory))
    fail<DeviceError>("[{}] the operand is on {}, the communicator on {}", name, here->name, d->name);
  if (here->host_memory) capture::refuse(name, "waits for other ranks, which a captured function in host memory cannot");
  const Array made = fresh_array(here, a.type(), to, to.count(), name);
  op.h = {sizeof op, MU_OP_COLLECTIVE};
  op.communicator = by.number();
  mu_tensor view[2];
  view_of(view[0], node_of(stored));
  view_of(view[1], node_of(made));
  if (!try_request(name, here, &op.h, 1, view))
    fail<DeviceError>("[{}] device {} computes none of {}{}", name, here->name, mushin::name_of(a.type()),
                      deterministic() ? " in one order, as deterministic_algorithms(true) demands" : "");
  return made;
}

std::uint32_t id_of(reduction r) {
  constexpr std::uint32_t ids[] = {0, MU_REDUCE_SUM, MU_REDUCE_PROD, MU_REDUCE_MAX, MU_REDUCE_MIN};
  return ids[static_cast<unsigned>(r)];
}

}  // namespace

Array all_reduce(const Communicator& by, const Array& a, reduction r) {
  return together("all_reduce", by, a, a.sizes(), {{}, MU_COLLECTIVE_ALL_REDUCE, id_of(r), 0, 0, 0});
}

Array broadcast(const Communicator& by, const Array& a, std::int64_t root) {
  if (root < 0 || root >= by.size()) fail<ShapeError>("[broadcast] the root is no rank: {} of {}", root, by.size());
  return together("broadcast", by, a, a.sizes(), {{}, MU_COLLECTIVE_BROADCAST, 0, static_cast<std::uint32_t>(root), 0, 0});
}

Array all_gather(const Communicator& by, const Array& a, std::int64_t n) {
  if (n >= 0 && n != by.size()) fail<ShapeError>("[all_gather] the leading axis counts the ranks: it has {}, there are {}", n, by.size());
  Sizes to{by.size()};
  for (unsigned i = 0; i < a.rank(); ++i) to.push(a.sizes()[i]);
  return together("all_gather", by, a, to, {{}, MU_COLLECTIVE_ALL_GATHER, 0, 0, 0, 0});
}

Array reduce_scatter(const Communicator& by, const Array& a, reduction r) {
  if (a.rank() == 0 || a.sizes()[0] != by.size())
    fail<ShapeError>("[reduce_scatter] the leading axis counts the ranks: {}, there are {}", text_of(a.sizes()), by.size());
  Sizes to;
  for (unsigned i = 1; i < a.rank(); ++i) to.push(a.sizes()[i]);
  return together("reduce_scatter", by, a, to, {{}, MU_COLLECTIVE_REDUCE_SCATTER, id_of(r), 0, 0, 0});
}

}  // namespace core
}  // namespace mushin
