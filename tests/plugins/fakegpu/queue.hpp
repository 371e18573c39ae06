// What a device does, when: streams in order, events between them, one thread that works through all.
#pragma once
#include <atomic>
#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "mushin/plugin.h"

namespace fakegpu {

struct Failure {
  mu_code code = MU_OK;
  std::string text;
};

struct Capture;

// Bytes that a task reads or writes.
struct Access {
  mu_buffer* buffer;
  std::uint64_t begin, end;
  bool writes;
};
/// Whether the order of the two matters.
bool overlap(const Access&, const Access&);

struct Task {
  std::function<Failure()> run;  // empty: it waits, until `after` has done `count` tasks
  mu_stream* after = nullptr;
  std::uint64_t count = 0;
  std::vector<Access> accesses;
};

// A point in a stream's work, and how much of every stream comes before it.
struct Point {
  mu_stream* stream = nullptr;  // null: reached
  std::vector<std::uint64_t> before;
};

}  // namespace fakegpu

struct mu_stream {
  mu_device* device;
  std::size_t number;
  std::deque<fakegpu::Task> tasks;                         // those that the host doesn't know to be done
  std::uint64_t given = 0, done = 0, known = 0, want = 0;  // tasks; `want`: what somebody waits for
  std::atomic<fakegpu::Capture*> capture{nullptr};
  std::vector<std::uint64_t> before;  // of every stream: what comes before the next task given to this one
};
struct mu_event {
  mu_device* device;
  fakegpu::Point point;
  unsigned queries = 0;
};

namespace fakegpu {

/// Work begins when somebody waits for it or for what comes after it, or when much has gathered: as late as the law allows, so that whoever
/// forgets to wait reads memory that nobody has written. Where several streams may go on, it is always the first one, or always the last.
/// Besides, work that uses memory which unfinished work of another stream uses, with no event in between, is refused when it is given.
class Queue {
 public:
  Queue(mu_device*, bool last_first);
  mu_stream* default_stream() { return streams_.front().get(); }
  mu_stream* add();
  /// Finishes its work.
  void finish(mu_stream*);

  /// MU_INVALID: what the work uses is in use elsewhere.
  Failure give(mu_stream*, std::vector<Access>, std::function<Failure()> run);
  void record(mu_event*, mu_stream*);
  void hold(mu_stream*, const mu_event*);

  /// Until all that was given is done. What failed, once.
  Failure wait();
  /// Until the event is reached. What failed, each time.
  Failure wait(const mu_event*);
  Failure wait(mu_stream*);
  /// Whether it is; who asks again and again lets the work begin.
  bool reached(mu_event*);
  /// MU_DEVICE_LOST once some work had that failure.
  Failure lost();
  /// The host gives memory back.
  void freed(mu_buffer*);

 private:
  Point point(mu_stream*) const;
  std::string conflict(const mu_stream*, const std::vector<Access>&) const;
  void push(mu_stream*, Task);
  void want(mu_stream*, std::uint64_t count);
  void know(const std::vector<std::uint64_t>& counts);
  void wait(std::unique_lock<std::mutex>&, const Point&);
  mu_stream* next();
  void work();
  const Failure& told() const { return lost_.code != MU_OK ? lost_ : failure_; }

  mu_device* const device_;
  const bool last_first_;
  std::mutex mutex_;
  std::condition_variable wake_, finished_;
  std::vector<std::unique_ptr<mu_stream>> streams_;
  bool started_ = false;
  Failure failure_, lost_;
};

}  // namespace fakegpu
