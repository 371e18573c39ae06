#include "core/launch.hpp"

#include <algorithm>
#include <mutex>

#include "core/fail.hpp"
#include "core/failure.hpp"
#include "core/recording.hpp"
#include "core/streams.hpp"

namespace mushin::core {
namespace {

using Contents = Recording::Contents;

mu_error no_error() {
  mu_error e{};
  e.size = sizeof e;
  return e;
}

// The one device of all runs, if it has graphs and each plan may be part of one.
Device* device_with_graphs(const Contents& s) {
  if (s.runs.empty()) return nullptr;
  Device* const d = s.runs.front().plan->device;
  const auto fits = [d](const Contents::Run& r) { return r.plan->device == d && r.plan->capture_safe; };
  return !d->host_memory && d->graph.launch && std::all_of(s.runs.begin(), s.runs.end(), fits) ? d : nullptr;
}

std::uint64_t largest_workspace(const Contents& s) {
  std::uint64_t bytes = 0;
  for (const Contents::Run& r : s.runs) bytes = std::max(bytes, r.plan->workspace);
  return bytes;
}

}  // namespace

Graph::~Graph() { drop(); }

void Graph::drop() noexcept {
  if (handle_) device_->graph.destroy(handle_);
  handle_ = nullptr;
  moved_.clear();
  if (workspace_) drop_ref(workspace_);
  workspace_ = nullptr;
}

// The turn is taken for as long as that: nothing else may come to the stream meanwhile.
mu_code Graph::capture_runs(const Contents& s, mu_error& err) {
  const mu_graph_table& t = device_->graph;
  const std::lock_guard lock(device_->giving);
  if (const mu_code code = t.capture_begin(device_->handle, nullptr, &err); code != MU_OK) return code;
  mu_code code = MU_OK;
  for (std::size_t i = 0; code == MU_OK && i < s.runs.size(); i += s.runs[i].together) {
    const Contents::Run& r = s.runs[i];
    const Block* const w = r.plan->workspace ? workspace_ : nullptr;
    mu_buffer* const room = w ? w->buffer : nullptr;
    const std::uint64_t begin = w ? w->begin : 0;
    const mu_tensor* const views = &s.views[r.first];
    code = r.together == 1 ? r.plan->run(r.plan->plan, nullptr, r.n_in, views, r.n_out, views + r.n_in, room, begin, &err)
                           : device_->many.run(r.plan->plan, nullptr, r.together, r.n_in, r.n_out, views, room, begin, &err);
  }
  mu_error ignored = no_error();
  const mu_code ended = t.capture_end(device_->handle, nullptr, &handle_, code == MU_OK ? &err : &ignored);
  return code == MU_OK ? ended : code;
}

// False: the device cannot, and is not asked again.
bool Graph::instantiate(const Contents& s) {
  device_ = device_with_graphs(s);
  refused_ = !device_;
  if (refused_) return false;
  check_alive("replay", device_);
  if (const std::uint64_t bytes = largest_workspace(s)) workspace_ = allocate(device_, bytes, "replay");
  mu_error err = no_error();
  mu_code code = capture_runs(s, err);
  if (code == MU_OK) return true;
  drop();
  refused_ = code == MU_UNSUPPORTED;
  if (!refused_) fail_on("replay", device_, code, err);
  return false;
}

// Tells the graph of views that lie elsewhere; one that cannot follow is made anew.
bool Graph::follow(const Contents& s) {
  std::vector<std::uint32_t> numbers;
  for (const std::uint32_t view : moved_) {
    const auto behind =
        std::upper_bound(s.runs.begin(), s.runs.end(), view, [](std::uint32_t v, const Contents::Run& r) { return v < r.first; });
    numbers.push_back(static_cast<std::uint32_t>(behind - s.runs.begin() - 1));
  }
  std::sort(numbers.begin(), numbers.end());
  numbers.erase(std::unique(numbers.begin(), numbers.end()), numbers.end());
  std::vector<mu_graph_run> changed;
  for (const std::uint32_t n : numbers) {
    const Contents::Run& r = s.runs[n];
    changed.push_back({sizeof(mu_graph_run), n, r.n_in, r.n_out, &s.views[r.first], &s.views[r.first + r.n_in]});
  }
  mu_error err = no_error();
  const auto update = device_->graph.update;
  const mu_code code = update ? update(handle_, static_cast<std::uint32_t>(changed.size()), changed.data(), &err) : MU_UNSUPPORTED;
  if (code != MU_OK && code != MU_UNSUPPORTED) fail_on("replay", device_, code, err);
  moved_.clear();
  if (code == MU_OK) return true;
  drop();
  return instantiate(s);
}

mu_code Graph::give(const Contents& s, mu_error& err) {
  const std::lock_guard lock(device_->giving);
  Streams* const streams = device_->streams;
  if (streams)
    for (const Piece& p : s.pieces)
      if (!p.views.empty())
        if (const mu_code code = streams->before_use({p.buffer, p.begin, p.begin + p.bytes}, err); code != MU_OK) return code;
  if (streams && workspace_)
    if (const mu_code code = streams->before_use({workspace_->buffer, workspace_->begin, workspace_->begin + workspace_->bytes}, err);
        code != MU_OK)
      return code;
  const mu_code code = device_->graph.launch(handle_, nullptr, &err);
  gave(device_);
  return code;
}

bool Graph::launch(const Contents& s) {
  if (refused_) return false;
  if (!handle_ && !instantiate(s)) return false;
  check_alive("replay", device_);
  if (!moved_.empty() && !follow(s)) return false;
  mu_error err = no_error();
  mu_code code = give(s, err);
  if (code == MU_OUT_OF_MEMORY) {
    drain_cache(device_);
    err = no_error();
    code = give(s, err);
  }
  if (code != MU_OK) fail_on("replay", device_, code, err);
  return true;
}

}  // namespace mushin::core
