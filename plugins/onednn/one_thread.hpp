// oneDNN's own threads are kept out: beside a busy neighbour a forked OpenMP region costs a hundred times its quiet time.
#pragma once

// Weak: whatever OpenMP runtime oneDNN itself brought in, and none where it was built without.
extern "C" {
__attribute__((weak)) void omp_set_num_threads(int) noexcept;
__attribute__((weak)) int omp_get_max_threads() noexcept;
}

namespace onednn {

/// While it lives, oneDNN calls of this thread stay on this thread. The caller's own OpenMP setting comes back afterwards.
class OneThread {
 public:
  OneThread() noexcept {
    if (!omp_set_num_threads || !omp_get_max_threads) return;
    before_ = omp_get_max_threads();
    if (before_ != 1) omp_set_num_threads(1);
  }
  ~OneThread() {
    if (before_ > 1) omp_set_num_threads(before_);
  }
  OneThread(const OneThread&) = delete;
  OneThread& operator=(const OneThread&) = delete;

 private:
  int before_ = 0;
};

}  // namespace onednn
