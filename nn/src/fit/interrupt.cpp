#include "fit/interrupt.hpp"

#include <signal.h>

#include <atomic>
#include <mutex>

namespace mushin::nn::detail {
namespace {

std::atomic<bool> noted{false};
static_assert(std::atomic<bool>::is_always_lock_free, "the handler may use nothing else");
struct sigaction before;  // written while our handler isn't installed
std::mutex mutex;
int alive = 0;

void note(int) {
  noted = true;
  ::sigaction(SIGINT, &before, nullptr);
}

}  // namespace

Interrupts::Interrupts(bool wanted) : wanted_(wanted) {
  if (!wanted_) return;
  const std::lock_guard lock(mutex);
  if (alive++ > 0) return;
  noted = false;
  ::sigaction(SIGINT, nullptr, &before);
  if (!(before.sa_flags & SA_SIGINFO) && before.sa_handler == SIG_IGN) return;
  struct sigaction ours {};
  ours.sa_handler = note;
  ours.sa_flags = SA_RESTART;
  ::sigemptyset(&ours.sa_mask);
  ::sigaction(SIGINT, &ours, nullptr);
}

Interrupts::~Interrupts() {
  if (!wanted_) return;
  const std::lock_guard lock(mutex);
  if (--alive > 0) return;
  struct sigaction now {};
  ::sigaction(SIGINT, nullptr, &now);
  // Somebody else's, installed meanwhile, stays.
  if (!(now.sa_flags & SA_SIGINFO) && now.sa_handler == note) ::sigaction(SIGINT, &before, nullptr);
}

bool Interrupts::asked() const { return wanted_ && noted; }

}  // namespace mushin::nn::detail
