#include "queue.hpp"

#include <algorithm>
#include <thread>
#include <utility>

namespace fakegpu {
namespace {

constexpr std::size_t most_gathered = 64;

}  // namespace

Queue::Queue() : streams_{&first_} {}

void Queue::add(mu_stream* s) {
  const std::lock_guard lock(mutex_);
  streams_.push_back(s);
}

void Queue::remove(mu_stream* s) {
  std::unique_lock lock(mutex_);
  ++waiting_;
  wake_.notify_one();
  finished_.wait(lock, [&] { return s->done == s->given; });
  --waiting_;
  std::erase(streams_, s);
}

void Queue::push(mu_stream* s, Task t) {
  s->tasks.push_back(std::move(t));
  ++s->given;
  if (!std::exchange(started_, true)) std::thread([this] { work(); }).detach();  // as long as the process
  if (++gathered_ >= most_gathered) wake_.notify_one();
}

void Queue::give(mu_stream* s, std::function<Failure()> run) {
  const std::lock_guard lock(mutex_);
  push(s, {std::move(run), nullptr, 0, false});
}

void Queue::record(mu_stream* s, const std::shared_ptr<Turns>& e) {
  const std::lock_guard lock(mutex_);
  push(s, {{}, e, ++e->recorded, false});
}

void Queue::hold(mu_stream* s, const std::shared_ptr<Turns>& e) {
  const std::lock_guard lock(mutex_);
  push(s, {{}, e, e->recorded, true});
}

// Streams take turns, so that their order among each other is nobody's to rely on.
mu_stream* Queue::ready() {
  if (waiting_ == 0 && hurried_ == 0 && gathered_ < most_gathered) return nullptr;
  for (std::size_t i = 0; i < streams_.size(); ++i) {
    mu_stream* s = streams_[++turn_ % streams_.size()];
    if (s->tasks.empty()) continue;
    const Task& t = s->tasks.front();
    if (!t.waits || t.event->reached >= t.turn) return s;
  }
  return nullptr;
}

void Queue::work() {
  std::unique_lock lock(mutex_);
  for (;;) {
    mu_stream* s = nullptr;
    wake_.wait(lock, [&] { return (s = ready()) != nullptr; });
    const Task t = std::move(s->tasks.front());
    s->tasks.pop_front();
    if (t.run && lost_.code == MU_OK) {
      lock.unlock();
      Failure f = t.run();
      lock.lock();
      if (f.code == MU_DEVICE_LOST) lost_ = f;
      if (f.code != MU_OK && failure_.code == MU_OK) failure_ = std::move(f);
    } else if (t.event && !t.waits) {
      t.event->reached = t.turn;
    }
    ++s->done;
    --gathered_;
    if (hurried_ > 0) --hurried_;
    finished_.notify_all();
  }
}

Failure Queue::take() { return lost_.code != MU_OK ? lost_ : std::exchange(failure_, {}); }

Failure Queue::wait(mu_stream* which) {
  std::unique_lock lock(mutex_);
  std::vector<std::pair<mu_stream*, std::uint64_t>> until;
  for (mu_stream* s : streams_)
    if (!which || s == which) until.emplace_back(s, s->given);
  ++waiting_;
  wake_.notify_one();
  finished_.wait(lock, [&] { return std::all_of(until.begin(), until.end(), [](const auto& u) { return u.first->done >= u.second; }); });
  --waiting_;
  return take();
}

Failure Queue::wait(const std::shared_ptr<Turns>& e) {
  std::unique_lock lock(mutex_);
  const std::uint64_t turn = e->recorded;
  ++waiting_;
  wake_.notify_one();
  finished_.wait(lock, [&] { return e->reached >= turn; });
  --waiting_;
  return take();
}

bool Queue::reached(const std::shared_ptr<Turns>& e) {
  const std::lock_guard lock(mutex_);
  if (e->reached == e->recorded) return true;
  hurried_ = gathered_;
  wake_.notify_one();
  return false;
}

Failure Queue::lost() {
  const std::lock_guard lock(mutex_);
  return lost_;
}

}  // namespace fakegpu
