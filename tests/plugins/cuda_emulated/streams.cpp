// Streams and events. A stream's thread begins work when somebody waits for it, or when much has gathered: as late as the law allows, so
// that whoever forgets to wait reads memory that nobody has written.
#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <set>
#include <thread>
#include <vector>

#include "emulated.hpp"

struct CUstream_st {
  int device = 0;
  std::deque<emulated::Work> work;
  std::uint64_t given = 0, done = 0, wanted = 0;
  bool closing = false;
};
struct CUevent_st {
  emulated::Point at;
  int queries = 0;
};

namespace emulated {
namespace {

using Stream = std::shared_ptr<CUstream_st>;

constexpr std::uint64_t most_gathered = 64;
constexpr int most_queries = 3, most_devices = 64;

// Of all that follows. Never destroyed: threads of streams live as long as the process.
std::mutex& mutex = *new std::mutex;
std::condition_variable& changed = *new std::condition_variable;
std::set<Stream>& streams = *new std::set<Stream>;
cudaError_t lost_by[most_devices] = {};

thread_local cudaError_t last = cudaSuccess;
thread_local int current = 0;

Stream find(cudaStream_t s) {
  for (const Stream& known : streams)
    if (known.get() == s && !known->closing) return known;
  return nullptr;
}

void want_all() {
  for (const Stream& s : streams) s->wanted = s->given;
  changed.notify_all();
}

void wait_for(std::unique_lock<std::mutex>& lock, const CUstream_st& s, std::uint64_t count) {
  if (s.done < count) want_all();
  changed.wait(lock, [&] { return s.done >= count; });
}

void work_through(const Stream& s) {
  std::unique_lock lock(mutex);
  for (;;) {
    changed.wait(lock, [&] { return s->done < s->wanted || (s->closing && s->work.empty()); });
    if (s->work.empty()) break;
    Work work = std::move(s->work.front());
    s->work.pop_front();
    const bool runs = lost_by[s->device] == cudaSuccess;
    lock.unlock();
    const auto failed = runs ? static_cast<cudaError_t>(due("work")) : cudaSuccess;
    const cudaError_t status = !runs ? cudaSuccess : failed != cudaSuccess ? failed : work();
    work = nullptr;
    lock.lock();
    if (status != cudaSuccess && lost_by[s->device] == cudaSuccess) lost_by[s->device] = status;  // whatever fails there is kept
    ++s->done;
    changed.notify_all();
  }
  streams.erase(s);
}

cudaError_t now(int device) {
  const std::lock_guard lock(mutex);
  return lost_by[device];
}

}  // namespace

cudaError_t answer(cudaError_t s) {
  if (s != cudaSuccess) last = s;
  return s;
}

cudaError_t begin(const char* call) {
  const auto asked = static_cast<cudaError_t>(due(call));
  if (asked == cudaSuccess) {
    const cudaError_t s = now(current);
    return answer(s == cudaSuccess ? prohibited(call) : s);
  }
  if (is_fatal(asked)) {
    const std::lock_guard lock(mutex);
    lost_by[current] = asked;
  }
  return answer(asked);
}

bool is_fatal(cudaError_t s) {
  return s == cudaErrorIllegalAddress || s == cudaErrorLaunchFailure || s == cudaErrorLaunchTimeout || s == cudaErrorECCUncorrectable ||
         s == cudaErrorMisalignedAddress || s == cudaErrorAssert || s == cudaErrorUnknown;
}

cudaError_t lost() { return now(current); }

cudaError_t enqueue(cudaStream_t to, Work work, Kind kind) {
  if (cudaError_t s = cudaSuccess; captured(to, work, kind, s)) return answer(s);
  const std::lock_guard lock(mutex);
  const Stream s = find(to);
  if (!s) return answer(cudaErrorInvalidResourceHandle);
  s->work.push_back(std::move(work));
  if (++s->given - s->done > most_gathered) want_all();
  return cudaSuccess;
}

Point end_of(cudaStream_t stream) {
  const std::lock_guard lock(mutex);
  const Stream s = find(stream);
  return {s, s ? s->given : 0};
}
void wait_for(const Point& p) {
  std::unique_lock lock(mutex);
  if (p.stream) wait_for(lock, *p.stream, p.count);
}
cudaError_t wait_behind(cudaStream_t stream, Point point) {
  if (!point.stream) return cudaSuccess;
  const auto wait = [point] {
    std::unique_lock lock(mutex);
    wait_for(lock, *point.stream, point.count);
    return cudaSuccess;
  };
  return enqueue(stream, wait, Kind::other);
}

int device_of(cudaStream_t stream) {
  const std::lock_guard lock(mutex);
  const Stream s = find(stream);
  return s ? s->device : -1;
}

void finish_all() {
  std::unique_lock lock(mutex);
  for (const std::vector<Stream> all(streams.begin(), streams.end()); const Stream& s : all)
    if (s->device == current) wait_for(lock, *s, s->given);
}

}  // namespace emulated

using namespace emulated;

extern "C" {

cudaError_t cudaGetLastError() {
  const cudaError_t s = last;
  last = lost();  // which a device doesn't recover from
  return s;
}
cudaError_t cudaSetDevice(int device) {
  if (device < 0 || device >= number("devices", 2) || device >= most_devices) return answer(cudaErrorInvalidDevice);
  current = device;
  return begin("cudaSetDevice");
}
cudaError_t cudaGetDevice(int* device) {
  *device = current;
  return cudaSuccess;
}
cudaError_t cudaDeviceSynchronize() {
  if (const cudaError_t s = prohibited_of(current); s != cudaSuccess) return answer(s);
  finish_all();
  tell_calls();
  return begin("cudaDeviceSynchronize");
}

cudaError_t cudaStreamCreateWithFlags(cudaStream_t* to, unsigned) {
  if (const cudaError_t s = begin("cudaStreamCreateWithFlags"); s != cudaSuccess) return s;
  auto s = std::make_shared<CUstream_st>();
  s->device = current;
  *to = s.get();
  const std::lock_guard lock(mutex);
  streams.insert(s);
  std::thread([s] { work_through(s); }).detach();
  return cudaSuccess;
}
// Returns at once: what was given is still done.
cudaError_t cudaStreamDestroy(cudaStream_t stream) {
  const std::lock_guard lock(mutex);
  const Stream s = find(stream);
  if (!s) return answer(cudaErrorInvalidResourceHandle);
  s->closing = true;
  s->wanted = s->given;
  changed.notify_all();
  return answer(lost_by[s->device]);
}
cudaError_t cudaStreamSynchronize(cudaStream_t stream) {
  if (const cudaError_t s = prohibited(stream); s != cudaSuccess) return answer(s);
  {
    std::unique_lock lock(mutex);
    const Stream s = find(stream);
    if (!s) return answer(cudaErrorInvalidResourceHandle);
    wait_for(lock, *s, s->given);
  }
  return begin("cudaStreamSynchronize");
}
cudaError_t cudaStreamQuery(cudaStream_t stream) {
  if (const cudaError_t s = begin("cudaStreamQuery"); s != cudaSuccess) return s;
  if (const cudaError_t s = prohibited(stream); s != cudaSuccess) return answer(s);
  const std::lock_guard lock(mutex);
  const Stream s = find(stream);
  return s && s->done == s->given ? cudaSuccess : answer(s ? cudaErrorNotReady : cudaErrorInvalidResourceHandle);
}

cudaError_t cudaEventCreateWithFlags(cudaEvent_t* to, unsigned) {
  if (const cudaError_t s = begin("cudaEventCreateWithFlags"); s != cudaSuccess) return s;
  *to = new CUevent_st;
  return cudaSuccess;
}
cudaError_t cudaEventDestroy(cudaEvent_t e) {
  delete e;
  return answer(lost());
}
cudaError_t cudaEventRecord(cudaEvent_t e, cudaStream_t stream) {
  if (const cudaError_t s = begin("cudaEventRecord"); s != cudaSuccess) return s;
  const Point at = end_of(stream);
  const std::lock_guard lock(mutex);
  if (!at.stream) return answer(cudaErrorInvalidResourceHandle);
  *e = {at, 0};
  return cudaSuccess;
}
cudaError_t cudaEventQuery(cudaEvent_t e) {
  if (const cudaError_t s = begin("cudaEventQuery"); s != cudaSuccess) return s;
  const std::lock_guard lock(mutex);
  if (!e->at.stream || e->at.stream->done >= e->at.count) return cudaSuccess;
  if (++e->queries > most_queries) want_all();
  return answer(cudaErrorNotReady);
}
cudaError_t cudaEventSynchronize(cudaEvent_t e) {
  {
    std::unique_lock lock(mutex);
    if (const Point at = e->at; at.stream) wait_for(lock, *at.stream, at.count);
  }
  return begin("cudaEventSynchronize");
}
cudaError_t cudaStreamWaitEvent(cudaStream_t stream, cudaEvent_t e, unsigned) {
  if (const cudaError_t s = begin("cudaStreamWaitEvent"); s != cudaSuccess) return s;
  Point at;
  {
    const std::lock_guard lock(mutex);
    at = e->at;
  }
  return wait_behind(stream, at);
}
}
