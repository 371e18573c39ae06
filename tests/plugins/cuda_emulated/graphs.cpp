// Captures of streams, and graphs. A capture is a list of work; whatever the plugin doesn't need for one is prohibited meanwhile.
#include <algorithm>
#include <cstring>
#include <map>
#include <mutex>
#include <thread>
#include <vector>

#include "emulated.hpp"

namespace emulated {
namespace {

struct Node {
  Work work;
  Kind kind;
};
using Nodes = std::vector<Node>;
struct Capture {
  std::thread::id thread;
  cudaStreamCaptureMode mode;
  int device;
  bool valid = true;
  Nodes nodes;
};

// Of what follows. Never destroyed: threads of streams live as long as the process.
std::mutex& mutex = *new std::mutex;
std::map<cudaStream_t, Capture>& captures = *new std::map<cudaStream_t, Capture>;

bool is_safe(const char* call) {
  constexpr const char* safe[] = {"cudaSetDevice",         "cudaLaunchKernel", "cudaMemsetAsync",
                                  "cublasLtMatmul.launch", "cudnn.launch",     "cudaStreamEndCapture"};
  return std::any_of(std::begin(safe), std::end(safe), [call](const char* name) { return std::strcmp(call, name) == 0; });
}

template <class Which>
cudaError_t invalidate(const Which& which) {
  const std::lock_guard lock(mutex);
  cudaError_t given = cudaSuccess;
  for (auto& [stream, c] : captures)
    if (which(stream, c)) c.valid = false, given = cudaErrorStreamCaptureUnsupported;
  return given;
}

}  // namespace

bool captured(cudaStream_t stream, const Work& work, Kind kind, cudaError_t& given) {
  const std::lock_guard lock(mutex);
  const auto at = captures.find(stream);
  if (at == captures.end()) return false;
  Capture& c = at->second;
  if (c.valid && kind == Kind::other) {
    c.valid = false;
    given = cudaErrorStreamCaptureUnsupported;
    return true;
  }
  given = c.valid ? cudaSuccess : cudaErrorStreamCaptureInvalidated;
  if (c.valid) c.nodes.push_back({work, kind});
  return true;
}

cudaError_t prohibited(const char* call) {
  if (is_safe(call)) return cudaSuccess;
  return invalidate([](cudaStream_t, const Capture& c) {
    return c.mode == cudaStreamCaptureModeGlobal || (c.mode == cudaStreamCaptureModeThreadLocal && c.thread == std::this_thread::get_id());
  });
}
cudaError_t prohibited(cudaStream_t stream) {
  return invalidate([stream](cudaStream_t s, const Capture&) { return s == stream; });
}
cudaError_t prohibited_of(int device) {
  return invalidate([device](cudaStream_t, const Capture& c) { return c.device == device; });
}

}  // namespace emulated

struct CUgraph_st {
  emulated::Nodes nodes;
};
struct CUgraphExec_st {
  std::shared_ptr<const emulated::Nodes> nodes;
  emulated::Point last;  // launch
};

using namespace emulated;

extern "C" {

cudaError_t cudaStreamBeginCapture(cudaStream_t stream, cudaStreamCaptureMode mode) {
  if (const cudaError_t s = begin("cudaStreamBeginCapture"); s != cudaSuccess) return s;
  const int device = device_of(stream);
  const std::lock_guard lock(mutex);
  if (device < 0 || captures.count(stream)) return answer(cudaErrorInvalidValue);
  captures[stream] = {std::this_thread::get_id(), mode, device, true, {}};
  return cudaSuccess;
}
cudaError_t cudaStreamEndCapture(cudaStream_t stream, cudaGraph_t* graph) {
  *graph = nullptr;
  const cudaError_t failed = begin("cudaStreamEndCapture");
  const std::lock_guard lock(mutex);
  const auto at = captures.find(stream);
  if (at == captures.end()) return answer(cudaErrorInvalidValue);
  Capture& c = at->second;
  if (c.mode != cudaStreamCaptureModeRelaxed && c.thread != std::this_thread::get_id()) return answer(cudaErrorStreamCaptureWrongThread);
  if (c.valid && failed == cudaSuccess) *graph = new CUgraph_st{std::move(c.nodes)};
  const bool valid = c.valid;
  captures.erase(at);
  return failed != cudaSuccess ? failed : valid ? cudaSuccess : answer(cudaErrorStreamCaptureInvalidated);
}
cudaError_t cudaGraphDestroy(cudaGraph_t graph) {
  delete graph;
  return answer(lost());
}

cudaError_t cudaGraphInstantiate(cudaGraphExec_t* to, cudaGraph_t graph, unsigned long long flags) {
  if (const cudaError_t s = begin("cudaGraphInstantiate"); s != cudaSuccess) return s;
  if (!graph || flags) return answer(cudaErrorInvalidValue);
  *to = new CUgraphExec_st{std::make_shared<const Nodes>(graph->nodes), {}};
  return cudaSuccess;
}
cudaError_t cudaGraphUpload(cudaGraphExec_t, cudaStream_t stream) {
  if (const cudaError_t s = begin("cudaGraphUpload"); s != cudaSuccess) return s;
  return enqueue(
      stream, [] { return cudaSuccess; }, Kind::other);
}
cudaError_t cudaGraphExecUpdate(cudaGraphExec_t to, cudaGraph_t graph, cudaGraphExecUpdateResultInfo* why) {
  if (const cudaError_t s = begin("cudaGraphExecUpdate"); s != cudaSuccess) return s;
  const auto same = [](const Node& a, const Node& b) { return a.kind == b.kind; };
  why->result = to->nodes->size() != graph->nodes.size()                                        ? cudaGraphExecUpdateErrorTopologyChanged
                : !std::equal(to->nodes->begin(), to->nodes->end(), graph->nodes.begin(), same) ? cudaGraphExecUpdateErrorNodeTypeChanged
                : setting("graphs", "") == "fixed"                                              ? cudaGraphExecUpdateErrorNotSupported
                                                                                                : cudaGraphExecUpdateSuccess;
  if (why->result != cudaGraphExecUpdateSuccess) return answer(cudaErrorGraphExecUpdateFailure);
  to->nodes = std::make_shared<const Nodes>(graph->nodes);
  return cudaSuccess;
}
// Behind all launches of the same graph. An update or the graph's end leave it as it is.
cudaError_t cudaGraphLaunch(cudaGraphExec_t graph, cudaStream_t stream) {
  if (const cudaError_t s = begin("cudaGraphLaunch"); s != cudaSuccess) return s;
  if (const cudaError_t s = wait_behind(stream, graph->last); s != cudaSuccess) return s;
  const auto run_all = [nodes = graph->nodes] {
    for (const Node& n : *nodes)
      if (const cudaError_t s = n.work(); s != cudaSuccess) return s;
    return cudaSuccess;
  };
  const cudaError_t s = enqueue(stream, run_all, Kind::other);
  graph->last = end_of(stream);
  return s;
}
cudaError_t cudaGraphExecDestroy(cudaGraphExec_t graph) {
  delete graph;
  return answer(lost());
}
}
