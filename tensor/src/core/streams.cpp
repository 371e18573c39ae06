#include "core/streams.hpp"

#include <algorithm>
#include <new>
#include <utility>

namespace mushin::core {
namespace {

bool is_whole(const mu_stream_table& t) {
  return t.create && t.destroy && t.synchronize && t.event_create && t.event_destroy && t.event_record && t.event_query && t.event_wait &&
         t.stream_wait_event;
}

bool overlap(const Extent& a, const Extent& b) { return a.buffer == b.buffer && a.begin < b.end && b.begin < a.end; }

Extent extent_of(const mu_tensor& v) { return {v.buffer, v.byte_offset, v.byte_offset + v.bytes}; }

}  // namespace

mu_code Streams::open(Device& d, mu_error& error) {
  if (d.host_memory || !is_whole(d.stream)) return MU_OK;
  auto* s = new Streams(d);  // for the life of the process, as its device
  for (mu_stream** each : {&s->up, &s->down})
    if (const mu_code code = d.stream.create(d.handle, 0, each, &error); code != MU_OK) {
      if (s->up) d.stream.destroy(s->up);
      delete s;
      return code;
    }
  d.streams = s;
  return MU_OK;
}

mu_code Streams::order(mu_stream* s, const Event* e, mu_error& error) { return device_.stream.stream_wait_event(s, e->handle, &error); }

mu_code Streams::record(mu_stream* s, Event*& e, mu_error& error) {
  if (!spare_) {
    auto* made = new (std::nothrow) Event{};
    if (!made) return mu_fail(&error, MU_OUT_OF_MEMORY, 0, "no memory for an event");
    if (const mu_code code = device_.stream.event_create(device_.handle, 0, &made->handle, &error); code != MU_OK) {
      delete made;
      return code;
    }
    spare_ = made;
  }
  if (const mu_code code = device_.stream.event_record(spare_->handle, s, &error); code != MU_OK) return code;
  e = std::exchange(spare_, spare_->next);
  return MU_OK;
}

void Streams::put_back(Event* e) noexcept {
  e->next = spare_;
  spare_ = e;
}

// The newest upload into any of these bytes: whoever comes after it comes after those before it.
Streams::Upload* Streams::last_into(const Extent& bytes) noexcept {
  for (unsigned i = n_uploads_; i-- > 0;)
    if (overlap(uploads_[i].bytes, bytes)) return &uploads_[i];
  return nullptr;
}

void Streams::forget_uploads(unsigned n) noexcept {
  for (unsigned i = 0; i < n; ++i) put_back(uploads_[i].event);
  std::copy(uploads_.begin() + n, uploads_.begin() + n_uploads_, uploads_.begin());
  n_uploads_ -= n;
}

mu_code Streams::before_use(const Extent& bytes, mu_error& error) {
  const Upload* u = last_into(bytes);
  if (!u) return MU_OK;
  if (const mu_code code = order(nullptr, u->event, error); code != MU_OK) return code;
  forget_uploads(static_cast<unsigned>(u - uploads_.data()) + 1);
  return MU_OK;
}

mu_code Streams::before_run(std::span<const mu_tensor> in, std::span<const mu_tensor> out, const Extent& workspace, mu_error& error) {
  if (n_uploads_ == 0) return MU_OK;
  for (const auto& views : {in, out})
    for (const mu_tensor& v : views)
      if (const mu_code code = before_use(extent_of(v), error); code != MU_OK) return code;
  return before_use(workspace, error);
}

// Events for themselves cost as much as a small op, so there is one now and then; without one an upload that needs it makes its own, and
// waits for a little more than it must.
void Streams::gave() {
  const std::uint64_t given = device_.given.load(std::memory_order_relaxed) + 1;
  device_.given.store(given, std::memory_order_relaxed);
  if (given - (n_marks_ ? marks_[n_marks_ - 1].count : done_) < mark_every) return;
  mu_error ignored{};
  ignored.size = sizeof ignored;
  static_cast<void>(mark(ignored));
}

// Lets the newest mark stand for all that was given.
mu_code Streams::mark(mu_error& error) {
  const std::uint64_t given = device_.given.load(std::memory_order_relaxed);
  if (n_marks_ && marks_[n_marks_ - 1].count == given) return MU_OK;
  if (n_marks_ == marks_.size()) poll();
  Event* e = nullptr;
  if (const mu_code code = record(nullptr, e, error); code != MU_OK) return code;
  if (n_marks_ == marks_.size()) put_back(marks_[--n_marks_].event);
  marks_[n_marks_++] = {given, e};
  return MU_OK;
}

// The first mark behind `count` things, which have been given.
mu_code Streams::mark_behind(std::uint64_t count, Mark& found, mu_error& error) {
  const auto reaches = [count](const Mark& m) { return m.count >= count; };
  if (!std::any_of(marks_.begin(), marks_.begin() + n_marks_, reaches))
    if (const mu_code code = mark(error); code != MU_OK) return code;
  found = *std::find_if(marks_.begin(), marks_.begin() + n_marks_, reaches);
  return MU_OK;
}

void Streams::poll() noexcept {
  unsigned n = 0;
  while (n < n_marks_ && device_.stream.event_query(marks_[n].event->handle, nullptr) == MU_OK) ++n;
  if (n) known({marks_[n - 1].count, 0});
}

mu_code Streams::before_upload(std::uint64_t last_use, mu_error& error) {
  if (last_use <= std::max(done_, up_after_)) return MU_OK;
  poll();
  if (last_use <= done_) return MU_OK;
  Mark m;
  if (const mu_code code = mark_behind(last_use, m, error); code != MU_OK) return code;
  if (const mu_code code = order(up, m.event, error); code != MU_OK) return code;
  up_after_ = m.count;
  return MU_OK;
}

mu_code Streams::uploaded(const Extent& bytes, mu_error& error) {
  if (n_uploads_ == uploads_.size()) {  // nobody has needed them for long
    constexpr unsigned half = 32;
    if (const mu_code code = order(nullptr, uploads_[half - 1].event, error); code != MU_OK) return code;
    forget_uploads(half);
    gave();  // who reads one of them comes after what is computed
  }
  Event* e = nullptr;
  if (const mu_code code = record(up, e, error); code != MU_OK) return code;
  uploads_[n_uploads_++] = {bytes, ++uploads_given_, e};
  return MU_OK;
}

mu_code Streams::before_download(const Extent& bytes, std::uint64_t& computed, mu_error& error) {
  computed = 0;
  if (const Upload* u = last_into(bytes)) {
    if (const mu_code code = order(down, u->event, error); code != MU_OK) return code;
    if (u->bytes.begin <= bytes.begin && bytes.end <= u->bytes.end) return MU_OK;  // nothing was computed into these bytes since
  }
  const std::uint64_t given = device_.given.load(std::memory_order_relaxed);
  if (given == done_) return MU_OK;
  Mark m;
  if (const mu_code code = mark_behind(given, m, error); code != MU_OK) return code;
  computed = given;
  return order(down, m.event, error);
}

std::uint64_t Streams::done() noexcept {
  poll();
  return done_;
}

Streams::Point Streams::now() const noexcept { return {device_.given.load(std::memory_order_relaxed), uploads_given_}; }

void Streams::known(const Point& p) noexcept {
  done_ = std::max(done_, p.computing);
  unsigned n = 0;
  while (n < n_marks_ && marks_[n].count <= done_) put_back(marks_[n++].event);
  std::copy(marks_.begin() + n, marks_.begin() + n_marks_, marks_.begin());
  n_marks_ -= n;
  n = 0;
  while (n < n_uploads_ && uploads_[n].number <= p.uploads) ++n;
  forget_uploads(n);
}

}  // namespace mushin::core
