// What a device does, when: streams in order, events between them, one thread that works through all.
#pragma once
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

// Turns of an event: how often it was recorded, and which of these was reached.
struct Turns {
  std::uint64_t recorded = 0, reached = 0;
};

struct Task {
  std::function<Failure()> run;  // empty: the two below
  std::shared_ptr<Turns> event;  // reached at `turn`, or waited for
  std::uint64_t turn = 0;
  bool waits = false;
};

}  // namespace fakegpu

struct mu_stream {
  mu_device* device = nullptr;
  std::deque<fakegpu::Task> tasks;
  std::uint64_t given = 0, done = 0;
};
struct mu_event {
  mu_device* device;
  std::shared_ptr<fakegpu::Turns> turns;
};

namespace fakegpu {

/// Work begins when somebody waits for it, or when much of it has gathered: as late as the law allows, so that whoever forgets to wait
/// reads memory that nobody has written.
class Queue {
 public:
  Queue();
  mu_stream* default_stream() { return &first_; }
  void add(mu_stream*);
  /// Finishes its work first.
  void remove(mu_stream*);

  void give(mu_stream*, std::function<Failure()> run);
  void record(mu_stream*, const std::shared_ptr<Turns>&);
  void hold(mu_stream*, const std::shared_ptr<Turns>&);

  /// Until all that was given to the stream (null: to any) is done. The first failure since the last call that told one.
  Failure wait(mu_stream*);
  /// Until the event's last record is reached.
  Failure wait(const std::shared_ptr<Turns>&);
  /// Whether it is, and if not, begins what there is to do.
  bool reached(const std::shared_ptr<Turns>&);
  /// MU_DEVICE_LOST once some work had that failure.
  Failure lost();

 private:
  void push(mu_stream*, Task);
  mu_stream* ready();
  void work();
  Failure take();
  void start();

  std::mutex mutex_;
  std::condition_variable wake_, finished_;
  mu_stream first_;
  std::vector<mu_stream*> streams_;
  std::size_t turn_ = 0, gathered_ = 0, waiting_ = 0, hurried_ = 0;  // tasks: not done, asked for
  bool started_ = false;
  Failure failure_, lost_;
};

}  // namespace fakegpu
