#include "mushin/nn/progress.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <string>

namespace mushin::nn {
namespace {

double now() { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); }

std::string clock_text(double seconds) {
  const auto s = static_cast<std::int64_t>(seconds + 0.5);
  return s >= 3600 ? fmt::format("{}:{:02}:{:02}", s / 3600, s / 60 % 60, s % 60) : fmt::format("{}:{:02}", s / 60, s % 60);
}

}  // namespace

Progress::Progress(std::FILE* out, const char* title, std::int64_t total)
    : out_(out), title_(title), total_(std::max<std::int64_t>(total, 0)), start_(now()), terminal_(::isatty(::fileno(out)) == 1) {}

Progress::~Progress() {
  if (done_ > 0 && (terminal_ || total_ == 0)) draw(elapsed());
  if (open_) std::fputc('\n', out_);
  std::fflush(out_);
}

double Progress::elapsed() const { return now() - start_; }

void Progress::advance(std::int64_t items, double loss) {
  done_ += items;
  loss_ = loss;
  const double seconds = elapsed();
  const std::int64_t tenths = total_ ? done_ * 10 / total_ : 0;
  const bool due = terminal_ ? drawn_ < 0 || seconds - drawn_ >= 0.1 : tenths > tenths_;
  tenths_ = tenths;
  if (due) draw(seconds);
}

void Progress::draw(double seconds) {
  drawn_ = seconds;
  const double rate = static_cast<double>(done_) / std::max(seconds, 1e-9);
  std::string text = fmt::format("{}  {}{}  {:.0f}/s  loss {:.4f}", title_, done_, total_ ? fmt::format("/{}", total_) : "", rate, loss_);
  if (total_) {
    const double left = static_cast<double>(std::max<std::int64_t>(total_ - done_, 0)) / std::max(rate, 1e-9);
    text += fmt::format("  {} left", clock_text(left));
  }
  if (!terminal_) {
    std::fprintf(out_, "%s\n", text.c_str());
    return;
  }
  constexpr std::int64_t width = 24;
  std::string bar;
  if (total_) {
    const auto filled = static_cast<std::size_t>(std::min(done_, total_) * width / total_);
    bar = '[' + std::string(filled, '#') + std::string(width - filled, '.') + "] ";
  }
  // "\r" returns to the line's begin, "\x1b[K" clears what a longer text left behind.
  std::fprintf(out_, "\r%s%s\x1b[K", bar.c_str(), text.c_str());
  std::fflush(out_);
  open_ = true;
}

}  // namespace mushin::nn
