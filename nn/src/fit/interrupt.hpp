#pragma once

namespace mushin::nn::detail {

/// While one lives, the first SIGINT is noted, and the next one does what it did before. Several at once, of several threads, share it.
/// Where SIGINT is ignored it stays so.
class Interrupts {
 public:
  explicit Interrupts(bool wanted);
  Interrupts(const Interrupts&) = delete;
  Interrupts& operator=(const Interrupts&) = delete;
  ~Interrupts();
  bool asked() const;

 private:
  bool wanted_;
};

}  // namespace mushin::nn::detail
