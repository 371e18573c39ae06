// Graphs: the runs of a capture are noted down, and given to a stream of the device's own that CUDA captures, all at once, so that nothing
// else can come between. An update gives them to it again, unless views lie where they lay before: a training loop has the same few blocks
// in turn.
#include "graph.hpp"

#include <algorithm>
#include <thread>
#include <utility>
#include <vector>

#include "plan.hpp"

namespace mushin::cuda {
namespace {

// The buffers' records may be gone when an update gives the run to CUDA again.
struct Run {
  Run(mu_plan& p, const mu_tensor* in, const mu_tensor* out, char* room, std::uint32_t n)
      : plan(p), views(in, in + p.n_in), workspace(room), together(n) {
    views.insert(views.end(), out, out + p.n_out);
    for (const mu_tensor& v : views) buffers.push_back(*v.buffer);
    for (std::size_t i = 0; i < views.size(); ++i) views[i].buffer = &buffers[i];
  }
  Run(const Run&) = delete;
  Run& operator=(const Run&) = delete;
  const mu_tensor* in() const { return views.data(); }
  const mu_tensor* out() const { return views.data() + plan.n_in; }

  mu_plan& plan;
  std::vector<mu_tensor> views;
  std::vector<mu_buffer> buffers;
  char* workspace;
  std::uint32_t together;  // this run, and so many less one behind it, are one call
};
using Runs = std::vector<std::shared_ptr<const Run>>;

std::shared_ptr<const Run> prepared(mu_plan& plan, const mu_tensor* in, const mu_tensor* out, char* workspace) {
  plan.prepare(in, out, workspace);
  return std::make_shared<Run>(plan, in, out, workspace, 1);
}

// Of the runs from that one on that are one call.
std::vector<mu_tensor> views_together(const Runs& runs, std::size_t first) {
  std::vector<mu_tensor> views;
  for (std::size_t i = first; i < first + runs[first]->together; ++i)
    views.insert(views.end(), runs[i]->views.begin(), runs[i]->views.end());
  return views;
}

void prepare_together(const Runs& runs) {
  for (std::size_t i = 0; i < runs.size(); i += runs[i]->together)
    if (runs[i]->together > 1) runs[i]->plan.prepare_many(runs[i]->together, views_together(runs, i).data());
}

mu_code run_together(mu_stream& s, const Runs& runs, std::size_t i, mu_error* e) {
  const Run& r = *runs[i];
  if (r.together == 1) return r.plan.run(s, r.in(), r.out(), r.workspace, e);
  return r.plan.run_many(s, r.together, views_together(runs, i).data(), e);
}

// Where the views of all runs lie.
struct Lies {
  const char* at;
  std::uint64_t bytes;
  friend bool operator==(const Lies&, const Lies&) = default;
};
std::vector<Lies> places_of(const Runs& runs) {
  std::vector<Lies> places;
  for (const auto& run : runs)
    for (const mu_tensor& v : run->views) places.push_back({v.buffer->data + v.byte_offset, v.bytes});
  return places;
}

struct Destroy {
  void operator()(cudaGraph_t g) const noexcept { cudaGraphDestroy(g); }
  void operator()(cudaGraphExec_t g) const noexcept { cudaGraphExecDestroy(g); }
  void operator()(cudaEvent_t e) const noexcept { cudaEventDestroy(e); }
  void operator()(Fault* f) const noexcept { cudaFreeHost(f); }
};
template <class T>
using Owned = std::unique_ptr<std::remove_pointer_t<T>, Destroy>;

// Executable graphs that are kept for places which views may come back to.
constexpr std::size_t most_kept = 32;
struct Executable {
  std::vector<Lies> places;
  Owned<cudaGraphExec_t> handle;
  std::uint64_t used;  // the larger, the later
};

void must(mu_device& d, cudaError_t s, const char* what) {
  mu_error error{};
  error.size = sizeof error;
  if (const mu_code code = d.check(s, what, &error); code != MU_OK) throw Failure{code, error.message};
}

}  // namespace

struct Capture {
  std::thread::id thread;
  Runs runs;
};

}  // namespace mushin::cuda

using namespace mushin::cuda;

struct mu_graph {
  /// Throws Failure.
  mu_graph(mu_device&, Runs);
  mu_graph(const mu_graph&) = delete;
  mu_graph& operator=(const mu_graph&) = delete;
  ~mu_graph();

  /// All or nothing. Throws Failure.
  void update(Runs);
  mu_code launch(mu_stream&, mu_error*) noexcept;

  mu_device& device;
  Runs runs;

 private:
  Owned<cudaGraph_t> captured(const Runs&);
  Owned<cudaGraphExec_t> executable(const Owned<cudaGraph_t>&);
  /// That one is launched from now on.
  void use(Executable&) noexcept;

  Owned<cudaEvent_t> behind_;  // the last launch
  Owned<Fault*> fault_;        // what its runs tell; null: nothing
  Fault* device_fault_ = nullptr;
  std::vector<Executable> kept_;
  cudaGraphExec_t launched_ = nullptr;  // of them
  std::uint64_t uses_ = 0;
};

mu_graph::mu_graph(mu_device& d, Runs r) : device(d), runs(std::move(r)) {
  cudaEvent_t event = nullptr;
  must(device, cudaEventCreateWithFlags(&event, cudaEventDisableTiming), "no event");
  behind_.reset(event);
  if (std::any_of(runs.begin(), runs.end(), [](const auto& run) { return run->plan.tells; })) {
    void* place = nullptr;
    must(device, cudaHostAlloc(&place, sizeof(Fault), cudaHostAllocMapped), "no pinned memory");
    fault_.reset(new (place) Fault{0, {}, no_run});
    must(device, cudaHostGetDevicePointer(&place, fault_.get(), 0), "pinned memory isn't seen by the device");
    device_fault_ = static_cast<Fault*>(place);
  }
  kept_.reserve(most_kept);
  kept_.push_back({places_of(runs), executable(captured(runs)), 0});
  use(kept_.back());
}

mu_graph::~mu_graph() {
  cudaSetDevice(device.index);
  if (fault_) cudaEventSynchronize(behind_.get());
  kept_.clear(), fault_.reset(), behind_.reset();
  cudaGetLastError();
}

Owned<cudaGraph_t> mu_graph::captured(const Runs& given) {
  mu_stream s;
  s.device = &device, s.handle = device.capture_stream, s.graph_fault = device_fault_;
  mu_error error{};
  error.size = sizeof error;
  prepare_together(given);
  const std::lock_guard lock(device.capture_mutex);
  must(device, cudaStreamBeginCapture(s.handle, cudaStreamCaptureModeThreadLocal), "a graph can't be begun");
  const mu_code code = guarded(&error, [&] {
    mu_code of_run = MU_OK;
    for (std::size_t i = 0; i < given.size() && of_run == MU_OK; i += given[i]->together) of_run = run_together(s, given, i, &error);
    return of_run;
  });
  cudaGraph_t graph = nullptr;
  const cudaError_t ended = cudaStreamEndCapture(s.handle, &graph);
  Owned<cudaGraph_t> made(graph);
  if (code != MU_OK) {
    cudaGetLastError();
    throw Failure{code, error.message};
  }
  must(device, ended, "runs can't be captured");
  return made;
}

Owned<cudaGraphExec_t> mu_graph::executable(const Owned<cudaGraph_t>& graph) {
  cudaGraphExec_t handle = nullptr;
  must(device, cudaGraphInstantiate(&handle, graph.get(), 0), "a graph can't be made");
  Owned<cudaGraphExec_t> made(handle);
  // What the first launch would do, which may not allocate.
  const std::lock_guard lock(device.capture_mutex);
  must(device, cudaGraphUpload(handle, device.capture_stream), "a graph can't be uploaded");
  return made;
}

void mu_graph::use(Executable& e) noexcept {
  e.used = ++uses_;
  launched_ = e.handle.get();
}

// Launches that are queued keep the views that they had, and an executable graph ends what it has begun.
void mu_graph::update(Runs next) {
  std::vector<Lies> places = places_of(next);
  auto to = std::find_if(kept_.begin(), kept_.end(), [&](const Executable& e) { return e.places == places; });
  if (to == kept_.end()) {
    const auto graph = captured(next);
    if (kept_.size() < most_kept) {
      kept_.push_back({std::move(places), executable(graph), 0});
      to = kept_.end() - 1;
    } else {
      to = std::min_element(kept_.begin(), kept_.end(), [](const Executable& a, const Executable& b) { return a.used < b.used; });
      to->places.clear();  // it may be left as anything
      cudaGraphExecUpdateResultInfo why{};
      const cudaError_t s = cudaGraphExecUpdate(to->handle.get(), graph.get(), &why);
      if (s == cudaErrorGraphExecUpdateFailure) {
        cudaGetLastError();
        to->handle = executable(graph);
      } else {
        must(device, s, "a graph can't be updated");
      }
      to->places = std::move(places);
    }
  }
  use(*to);
  runs = std::move(next);
}

mu_code mu_graph::launch(mu_stream& s, mu_error* e) noexcept {
  // What passes faults on is behind the last launch, on whatever stream.
  mu_code code = device.check(cudaStreamWaitEvent(s.handle, behind_.get(), 0), "a stream can't wait for an event", e);
  if (code == MU_OK) code = device.check(cudaGraphLaunch(launched_, s.handle), "a graph can't be launched", e);
  if (code != MU_OK) return code;
  if (fault_) code = device.check(launch_pass_on(device_fault_, device.next_run(s), s.handle), "a graph can't tell of indices", e);
  const cudaError_t recorded = cudaEventRecord(behind_.get(), s.handle);
  if (code == MU_OK) code = device.check(recorded, "an event can't be recorded", e);
  if (code == MU_OUT_OF_MEMORY && e) e->code = MU_INTERNAL, e->flags = 0;
  return code == MU_OUT_OF_MEMORY ? mu_code{MU_INTERNAL} : code;  // it can't be tried again
}

namespace mushin::cuda {
namespace {

mu_code capture_begin(mu_device* d, mu_stream* given, mu_error* e) noexcept {
  if (const mu_code code = d->enter(e); code != MU_OK) return code;
  mu_stream& s = d->stream_or_default(given);
  if (s.capture) return mu_fail(e, MU_INVALID, 0, "[cuda] the stream is being captured");
  return guarded(e, [&]() -> mu_code {
    s.capture = std::make_shared<Capture>(Capture{std::this_thread::get_id(), {}});
    captured_here = d;
    return MU_OK;
  });
}

mu_code capture_end(mu_device* d, mu_stream* given, mu_graph** graph, mu_error* e) noexcept {
  *graph = nullptr;
  const auto capture = std::exchange(d->stream_or_default(given).capture, nullptr);
  if (captured_here == d) captured_here = nullptr;
  if (!capture || capture->thread != std::this_thread::get_id())
    return mu_fail(e, MU_INVALID, 0, "[cuda] this thread captures nothing on the stream");
  if (const mu_code code = d->make_current(e); code != MU_OK) return code;
  return guarded(e, [&]() -> mu_code {
    *graph = new mu_graph(*d, std::move(capture->runs));
    return MU_OK;
  });
}

mu_code launch(mu_graph* g, mu_stream* given, mu_error* e) noexcept {
  if (const mu_code code = g->device.enter(e); code != MU_OK) return code;
  return g->launch(g->device.stream_or_default(given), e);
}

bool only_moved(const mu_tensor& from, const mu_tensor& to) {
  return from.dtype == to.dtype && from.rank == to.rank && from.layout == to.layout && from.layout_id == to.layout_id &&
         std::equal(from.dim, from.dim + from.rank, to.dim) && std::equal(from.stride, from.stride + from.rank, to.stride);
}

bool fits(const Runs& runs, const mu_graph_run& to) {
  if (to.size < sizeof to || to.number >= runs.size()) return false;
  const Run& r = *runs[to.number];
  return to.n_in == r.plan.n_in && to.n_out == r.plan.n_out && std::equal(to.in, to.in + to.n_in, r.in(), only_moved) &&
         std::equal(to.out, to.out + to.n_out, r.out(), only_moved);
}

mu_code update(mu_graph* g, std::uint32_t n, const mu_graph_run* to, mu_error* e) noexcept {
  if (const mu_code code = g->device.enter(e); code != MU_OK) return code;
  return guarded(e, [&]() -> mu_code {
    Runs next = g->runs;
    for (const mu_graph_run* r = to; r != to + n; ++r) {
      if (!fits(next, *r)) invalid("[cuda] an update of run " + std::to_string(r->number) + " changes more than where views lie");
      const Run& old = *next[r->number];
      const bool alone = old.together == 1 && (r->number == 0 || next[r->number - 1]->together == 1);
      next[r->number] = alone ? prepared(old.plan, r->in, r->out, old.workspace)
                              : std::make_shared<Run>(old.plan, r->in, r->out, old.workspace, old.together);
    }
    g->update(std::move(next));
    return MU_OK;
  });
}

void destroy(mu_graph* g) noexcept { delete g; }

}  // namespace

mu_code take_down(mu_stream& s, mu_plan& plan, const mu_tensor* in, const mu_tensor* out, char* workspace, mu_error* e) noexcept {
  if (const mu_code code = plan.device.make_current(e); code != MU_OK) return code;
  return guarded(e, [&]() -> mu_code {
    s.capture->runs.push_back(prepared(plan, in, out, workspace));
    return MU_OK;
  });
}

mu_code take_down_many(mu_stream& s, mu_plan& plan, std::uint32_t n, const mu_tensor* views, mu_error* e) noexcept {
  if (const mu_code code = plan.device.make_current(e); code != MU_OK) return code;
  return guarded(e, [&]() -> mu_code {
    plan.prepare_many(n, views);
    Runs taken;
    for (; n > 0; --n, views += plan.n_in + plan.n_out) taken.push_back(std::make_shared<Run>(plan, views, views + plan.n_in, nullptr, n));
    s.capture->runs.insert(s.capture->runs.end(), taken.begin(), taken.end());
    return MU_OK;
  });
}

const mu_graph_table graph_table{sizeof graph_table, 0, capture_begin, capture_end, launch, update, destroy};

}  // namespace mushin::cuda
