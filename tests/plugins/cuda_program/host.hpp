// Emitted kernels, compiled for this CPU: blocks one after the other.
#pragma once
#include <map>
#include <string>
#include <vector>

#include "host_prelude.hpp"
#include "source.hpp"

namespace cuda_program_test {

/// Sources gathered, compiled together by the system's compiler, and opened as a library.
class HostKernels {
 public:
  explicit HostKernels(Blocks = Blocks::whole);
  HostKernels(const HostKernels&) = delete;
  HostKernels& operator=(const HostKernels&) = delete;
  ~HostKernels();
  /// What a machine that only runs tests lacks of this; empty: nothing.
  std::string missing() const;
  void add(const mushin::cuda::program::Source&, bool reduces);
  /// Adds a test failure, with the compiler's words, where it doesn't compile.
  void compile();
  /// Both passes. The arguments hold addresses of this process.
  void run(const mushin::cuda::program::Source&, const mushin::cuda::program::Launch&) const;

 private:
  Blocks blocks_;
  std::string folder_, text_;
  void* library_ = nullptr;
};

}  // namespace cuda_program_test
