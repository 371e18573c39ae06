#include "queue.hpp"

#include <algorithm>
#include <thread>
#include <utility>

namespace fakegpu {
namespace {

constexpr std::size_t most_gathered = 64;
constexpr unsigned most_queries = 3;

void merge(std::vector<std::uint64_t>& to, const std::vector<std::uint64_t>& from) {
  to.resize(std::max(to.size(), from.size()));
  for (std::size_t i = 0; i < from.size(); ++i) to[i] = std::max(to[i], from[i]);
}

}  // namespace

bool overlap(const Access& a, const Access& b) {
  return a.buffer == b.buffer && a.begin < b.end && b.begin < a.end && (a.writes || b.writes);
}

Queue::Queue(mu_device* device, bool last_first) : device_(device), last_first_(last_first) { add(); }

mu_stream* Queue::add() {
  const std::lock_guard lock(mutex_);
  streams_.push_back(std::make_unique<mu_stream>());
  mu_stream* s = streams_.back().get();
  s->device = device_;
  s->number = streams_.size() - 1;
  return s;
}

void Queue::finish(mu_stream* s) {
  std::unique_lock lock(mutex_);
  wait(lock, point(s));
}

Point Queue::point(mu_stream* s) const {
  Point p{s, s->before};
  p.before.resize(streams_.size());
  p.before[s->number] = s->given;
  return p;
}

std::string Queue::conflict(const mu_stream* s, const std::vector<Access>& accesses) const {
  for (const auto& other : streams_) {
    if (other.get() == s) continue;
    const std::uint64_t before = other->number < s->before.size() ? s->before[other->number] : 0;
    for (std::size_t i = before > other->known ? before - other->known : 0; i < other->tasks.size(); ++i)
      for (const Access& theirs : other->tasks[i].accesses)
        for (const Access& ours : accesses)
          if (overlap(ours, theirs))
            return "memory that is " + std::string(ours.writes ? "written" : "read") + " here is " + (theirs.writes ? "written" : "read") +
                   " by unfinished work of another stream";
  }
  return {};
}

void Queue::push(mu_stream* s, Task t) {
  s->tasks.push_back(std::move(t));
  ++s->given;
  if (!std::exchange(started_, true)) std::thread([this] { work(); }).detach();  // as long as the process
  std::uint64_t gathered = 0;
  mu_stream* first = nullptr;
  for (const auto& each : streams_) {
    gathered += each->given - std::max(each->done, each->want);
    if (each->given > each->done && (!first || last_first_)) first = each.get();
  }
  if (gathered > most_gathered) want(first, first->given);
}

Failure Queue::give(mu_stream* s, std::vector<Access> accesses, std::function<Failure()> run) {
  const std::lock_guard lock(mutex_);
  if (std::string text = conflict(s, accesses); !text.empty()) return {MU_INVALID, std::move(text)};
  push(s, {std::move(run), nullptr, 0, std::move(accesses)});
  return {};
}

void Queue::record(mu_event* e, mu_stream* s) {
  const std::lock_guard lock(mutex_);
  e->point = point(s);
  e->queries = 0;
}

void Queue::hold(mu_stream* s, const mu_event* e) {
  const std::lock_guard lock(mutex_);
  const Point& p = e->point;
  if (!p.stream) return;
  merge(s->before, p.before);
  push(s, {{}, p.stream, p.before[p.stream->number], {}});
}

// `count` tasks of `s` are to be done, and what they wait for.
void Queue::want(mu_stream* s, std::uint64_t count) {
  if (s->want >= count) return;
  std::uint64_t i = std::max(s->want, s->done);
  s->want = count;
  for (; i < count; ++i)
    if (const Task& t = s->tasks[i - s->known]; t.after) want(t.after, t.count);
  wake_.notify_one();
}

mu_stream* Queue::next() {
  for (std::size_t i = 0; i < streams_.size(); ++i) {
    mu_stream* s = streams_[last_first_ ? streams_.size() - 1 - i : i].get();
    if (s->done >= s->want) continue;
    const Task& t = s->tasks[s->done - s->known];
    if (!t.after || t.after->done >= t.count) return s;
  }
  return nullptr;
}

void Queue::work() {
  std::unique_lock lock(mutex_);
  for (;;) {
    mu_stream* s = nullptr;
    wake_.wait(lock, [&] { return (s = next()) != nullptr; });
    if (const auto run = std::exchange(s->tasks[s->done - s->known].run, {}); run && lost_.code == MU_OK) {
      lock.unlock();
      Failure f = run();
      lock.lock();
      if (f.code == MU_DEVICE_LOST) lost_ = f;
      if (f.code != MU_OK && failure_.code == MU_OK) failure_ = std::move(f);
    }
    ++s->done;
    finished_.notify_all();
  }
}

// The host knows so many tasks of each stream to be done.
void Queue::know(const std::vector<std::uint64_t>& counts) {
  for (std::size_t i = 0; i < counts.size(); ++i)
    for (mu_stream* s = streams_[i].get(); s->known < counts[i]; ++s->known) s->tasks.pop_front();
}

void Queue::wait(std::unique_lock<std::mutex>& lock, const Point& p) {
  if (!p.stream) return;
  const std::uint64_t count = p.before[p.stream->number];
  want(p.stream, count);
  finished_.wait(lock, [&] { return p.stream->done >= count; });
  know(p.before);
}

Failure Queue::wait() {
  std::unique_lock lock(mutex_);
  std::vector<Point> points;
  for (const auto& s : streams_) points.push_back(point(s.get()));
  for (const Point& p : points) want(p.stream, p.before[p.stream->number]);
  for (const Point& p : points) wait(lock, p);
  return lost_.code != MU_OK ? lost_ : std::exchange(failure_, {});
}

Failure Queue::wait(const mu_event* e) {
  std::unique_lock lock(mutex_);
  wait(lock, Point(e->point));
  return told();
}

Failure Queue::wait(mu_stream* s) {
  std::unique_lock lock(mutex_);
  wait(lock, point(s));
  return told();
}

bool Queue::reached(mu_event* e) {
  const std::lock_guard lock(mutex_);
  const Point& p = e->point;
  if (!p.stream) return true;
  const std::uint64_t count = p.before[p.stream->number];
  if (p.stream->done >= count) return know(p.before), true;
  if (++e->queries > most_queries) want(p.stream, count);
  return false;
}

Failure Queue::lost() {
  const std::lock_guard lock(mutex_);
  return lost_;
}

void Queue::freed(mu_buffer* b) {
  const std::lock_guard lock(mutex_);
  for (const auto& s : streams_)
    for (const Task& t : s->tasks)
      for (const Access& a : t.accesses)
        if (a.buffer == b && failure_.code == MU_OK) failure_ = {MU_INTERNAL, "a buffer was freed that unfinished work uses"};
}

}  // namespace fakegpu
