#include "graph.hpp"

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <memory>
#include <utility>

struct mu_graph {
  mu_device* device;
  std::vector<fakegpu::Run> runs;
  std::vector<std::size_t> order;
};

namespace fakegpu {
namespace {

thread_local const mu_device* captures = nullptr;  // on one of its streams

mu_stream* or_default(mu_device* d, mu_stream* s) { return s ? s : d->queue.default_stream(); }

bool share_memory(const std::vector<Access>& a, const std::vector<Access>& b) {
  for (const Access& one : a)
    for (const Access& other : b)
      if (overlap(one, other)) return true;
  return false;
}

mu_code capture_begin(mu_device* d, mu_stream* given, mu_error* error) noexcept {
  mu_stream* const s = or_default(d, given);
  if (const Failure no = refusal(d, s); no.code != MU_OK) return tell(error, no);
  s->capture.store(new Capture{std::this_thread::get_id(), {}});
  captures = d;
  return MU_OK;
}

mu_code capture_end(mu_device* d, mu_stream* given, mu_graph** graph, mu_error* error) noexcept {
  const std::unique_ptr<Capture> made(or_default(d, given)->capture.exchange(nullptr));
  captures = nullptr;
  if (!made || made->thread != std::this_thread::get_id())
    return mu_fail(error, MU_INVALID, 0, "this thread captures nothing on the stream");
  if (d->due(d->no_graph)) return mu_fail(error, MU_INTERNAL, 0, "the graph that was to fail");
  auto order = unfriendly_order(made->runs);
  *graph = new mu_graph{d, std::move(made->runs), std::move(order)};
  count(d, "graph", d->graphs, (*graph)->runs.size());
  return MU_OK;
}

// What one launch does. The graph may be updated or destroyed while it is queued.
struct Launch {
  std::vector<Run> runs;
  std::vector<std::size_t> order;
  std::vector<Failure> faults;  // of the runs
  bool fails;

  Failure operator()() {
    if (fails) return {MU_INTERNAL, "the launch that was to fail"};
    return do_all(runs, order, faults);
  }
};

mu_code launch(mu_graph* g, mu_stream* given, mu_error* error) noexcept {
  mu_device* const d = g->device;
  mu_stream* const s = or_default(d, given);
  if (const Failure no = refusal(d, s); no.code != MU_OK) return tell(error, no);
  if (d->due(d->no_memory_to_run)) return mu_fail(error, MU_OUT_OF_MEMORY, 0, "no room for this launch");
  const auto work = std::make_shared<Launch>(Launch{g->runs, g->order, {}, d->due(d->failing_launch)});
  std::vector<Access> used;
  for (const Run& r : g->runs) {
    work->faults.push_back(d->fault_of_run());
    for (const Access& a : r.accesses()) used.push_back(a);
  }
  count(d, "launch", d->launches, g->runs.size());
  return tell(error, d->queue.give(s, std::move(used), [work] { return (*work)(); }));
}

bool moved_only(const mu_tensor& from, const mu_tensor& to) {
  return from.dtype == to.dtype && from.rank == to.rank && from.layout == to.layout && from.layout_id == to.layout_id &&
         std::equal(from.dim, from.dim + from.rank, to.dim) && std::equal(from.stride, from.stride + from.rank, to.stride);
}

bool fits(const mu_graph_run& to, const std::vector<Run>& runs) {
  if (to.size != sizeof to || to.number >= runs.size()) return false;
  const Run& r = runs[to.number];
  return r.in.size() == to.n_in && r.out.size() == to.n_out && std::equal(r.in.begin(), r.in.end(), to.in, moved_only) &&
         std::equal(r.out.begin(), r.out.end(), to.out, moved_only);
}

mu_code update(mu_graph* g, std::uint32_t n, const mu_graph_run* to, mu_error* error) noexcept {
  if (const Failure no = refusal(g->device); no.code != MU_OK) return tell(error, no);
  if (!g->device->updates) return mu_fail(error, MU_UNSUPPORTED, 0, "a test wants graphs that stay as they are");
  if (!std::all_of(to, to + n, [g](const mu_graph_run& r) { return fits(r, g->runs); }))
    return mu_fail(error, MU_INVALID, 0, "an update changes more than where views lie");
  for (std::uint32_t i = 0; i < n; ++i) {
    Run& r = g->runs[to[i].number];
    r.in.assign(to[i].in, to[i].in + to[i].n_in);
    r.out.assign(to[i].out, to[i].out + to[i].n_out);
  }
  g->order = unfriendly_order(g->runs);
  count(g->device, "update", g->device->graph_updates, n);
  return MU_OK;
}

void destroy(mu_graph* g) noexcept { delete g; }

}  // namespace

Failure refusal(mu_device* d, const mu_stream* s) {
  if (captures == d) return {MU_INVALID, "a thread that captures may do nothing but give runs to its stream"};
  if (s && s->capture.load()) return {MU_INVALID, "the stream is being captured"};
  return d->queue.lost();
}

void count(mu_device* d, const char* what, std::atomic<std::uint64_t>& counter, std::size_t runs) {
  char text[96];
  const int n =
      std::snprintf(text, sizeof text, "fakegpu:%d %s %llu: %zu runs", d->index, what, static_cast<unsigned long long>(++counter), runs);
  d->host->log(d->host->ctx, MU_LOG_DEBUG, text, static_cast<std::size_t>(n));
}

std::vector<std::size_t> unfriendly_order(const std::vector<Run>& runs) {
  std::vector<std::vector<Access>> used;
  for (const Run& r : runs) used.push_back(r.views_used());
  std::vector<std::vector<std::size_t>> later(runs.size());
  std::vector<std::size_t> waits_for(runs.size()), order;
  for (std::size_t i = 0; i < runs.size(); ++i)
    for (std::size_t k = i + 1; k < runs.size(); ++k)
      if (share_memory(used[i], used[k]) || (runs[i].collective && runs[k].collective)) later[i].push_back(k), ++waits_for[k];
  constexpr auto done = static_cast<std::size_t>(-1);
  while (order.size() < runs.size()) {
    std::size_t next = runs.size() - 1;
    while (waits_for[next] != 0) --next;
    waits_for[next] = done;
    order.push_back(next);
    for (const std::size_t k : later[next]) --waits_for[k];
  }
  return order;
}

Failure do_all(std::vector<Run>& runs, const std::vector<std::size_t>& order, const std::vector<Failure>& faults) {
  Failure first;
  for (const std::size_t i : order) {
    Failure f = faults[i].code != MU_OK ? faults[i] : runs[i]();
    if (f.code == MU_DEVICE_LOST) return f;
    if (f.code != MU_OK && first.code == MU_OK) first = std::move(f);
  }
  return first;
}

Capture* capture_on(const mu_stream* s) { return s->capture.load(); }

const mu_graph_table graphs{sizeof(mu_graph_table), 0, capture_begin, capture_end, launch, update, destroy};

}  // namespace fakegpu
