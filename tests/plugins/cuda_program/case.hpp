// One op on views of this process: its kernel, and the builtin backend's results.
#pragma once
#include <memory>

#include "../random_program.hpp"
#include "host.hpp"

namespace cuda_program_test {

using namespace backend_test;
namespace program = mushin::cuda::program;

struct Case {
  std::uint64_t seed = 0;
  ProgramText text;
  Sizes dims;
  std::uint32_t reduce = 0;
  mu_dtype acc = 0;
  std::vector<std::unique_ptr<Operand>> in, out, expected;
  program::Op op;
  program::Launch launch;
  program::Source source;
  std::vector<std::uint64_t> workspace;

  std::vector<mu_tensor> views(const std::vector<std::unique_ptr<Operand>>& operands) const;
  /// Verifies, binds to the operands' addresses, emits. Throws Failure.
  void emit(const std::string& name);
  /// Results of the builtin backend, to `expected`.
  mu_code run_builtin(Backend&);
  std::string where(std::size_t output, std::size_t element) const;
};

std::unique_ptr<Case> random_pointwise(std::uint64_t seed);
/// Of exact programs; any kind, any axes, any accumulator that the boundary allows.
std::unique_ptr<Case> random_reduce(std::uint64_t seed);

}  // namespace cuda_program_test
