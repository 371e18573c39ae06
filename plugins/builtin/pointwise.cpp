// POINTWISE: a program over its outputs' elements.
#include "interpreter.hpp"

namespace mushin::builtin {
namespace {

constexpr double chunk_ns = 16000;

struct Pointwise final : mu_plan {
  explicit Pointwise(Program p) : program(std::move(p)) {
    const auto tiles = static_cast<std::int64_t>(chunk_ns / (program.cost * static_cast<double>(program.tile)));
    grain = most(tiles, 1) * program.tile;
  }

  mu_code run(const mu_tensor* in, const mu_tensor* out, mu_error*) noexcept override {
    if (run_small(program, in, out)) return MU_OK;
    return run_any(in, out);
  }

  // Apart from `run`, which has little on its stack.
  [[gnu::noinline]] mu_code run_any(const mu_tensor* in, const mu_tensor* out) const {
    const Run bound(program, out[0], in, out);
    if (bound.size() <= grain) {
      Room room;
      bound.range(0, bound.size(), room);
    } else {
      parallel(bound.size(), bound.chunk(grain), [&](std::int64_t b, std::int64_t e) {
        Room room;
        bound.range(b, e, room);
      });
    }
    return MU_OK;
  }

  Program program;
  std::int64_t grain;
};

}  // namespace

PlanPtr plan_program(const mu_pw_program& program) { return std::make_unique<Pointwise>(compile(program, Outputs::stored)); }

PlanPtr plan_pointwise(const mu_op_pointwise& op, const Views& v) {
  if (!op.program) invalid("[pointwise] there is no program");
  Program p = compile(*op.program, Outputs::stored);
  require_types(p, v, 0, "[pointwise]");
  if (p.n_out != static_cast<int>(v.n_out)) invalid("[pointwise] the program has another number of outputs than the op");
  for (int k = 0; k < p.n_out; ++k) {
    if (checked_type(v.out[k], "[pointwise] output") != p.out_type[k]) invalid("[pointwise] an output is not of the program's type");
    require_equal_dims(v.out[k], v.out[0], "[pointwise] outputs");
  }
  for (std::uint32_t i = 0; i < v.n_in; ++i) require_equal_dims(v.in[i], v.out[0], "[pointwise] input and output");
  return std::make_unique<Pointwise>(std::move(p));
}

}  // namespace mushin::builtin
