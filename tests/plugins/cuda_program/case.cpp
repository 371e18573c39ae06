#include "case.hpp"

namespace cuda_program_test {

std::vector<mu_tensor> Case::views(const std::vector<std::unique_ptr<Operand>>& operands) const {
  std::vector<mu_tensor> v;
  for (const auto& o : operands) v.push_back(o->v);
  return v;
}

void Case::emit(const std::string& name) {
  const mu_pw_program p = text.descriptor();
  const std::vector<mu_tensor> from = views(in), to = views(out);
  const auto n_in = static_cast<std::uint32_t>(from.size()), n_out = static_cast<std::uint32_t>(to.size());
  if (reduce) {
    mu_op_map_reduce d{};
    d.program = &p, d.kind = reduce, d.acc = acc;
    op = program::map_reduce_op(d, n_in, from.data(), n_out, to.data());
  } else {
    mu_op_pointwise d{};
    d.program = &p;
    op = program::pointwise_op(d, n_in, from.data(), n_out, to.data());
  }
  std::vector<std::uint64_t> address;
  for (const auto* all : {&from, &to})
    for (const mu_tensor& v : *all) address.push_back(reinterpret_cast<std::uint64_t>(v.buffer) + v.byte_offset);
  program::bind(op, from.data(), to.data(), address.data(), 0, launch);
  ASSERT_LE(launch.workspace_bytes, program::most_workspace);
  ASSERT_LE(launch.args_bytes, program::most_args);
  workspace.resize(launch.workspace_bytes / 8);
  program::bind(op, from.data(), to.data(), address.data(), reinterpret_cast<std::uint64_t>(workspace.data()), launch);
  source = program::emit(op, launch.form, name);
}

mu_code Case::run_builtin(Backend& backend) {
  if (!reduce) return backend.pointwise(text, views(in), views(expected));
  const mu_pw_program p = text.descriptor();
  mu_op_map_reduce d{};
  d.program = &p, d.kind = reduce, d.acc = acc;
  return backend.run(d, MU_OP_MAP_REDUCE, views(in), views(expected));
}

std::string Case::where(std::size_t output, std::size_t element) const {
  std::string s =
      "seed " + std::to_string(seed) + ", element " + std::to_string(element) + " of output " + std::to_string(output) + ", dims (";
  for (std::int64_t d : dims) s += std::to_string(d) + " ";
  return s + "), kind " + std::to_string(reduce) + ": " + text_of(text) + "\n" + source.kernel;
}

namespace {

// 16-byte aligned, or one element further, so that both kinds of access occur.
void add_operand(std::vector<std::unique_ptr<Operand>>& to, Generator& g, mu_dtype t, const Sizes& dims, const Sizes& strides) {
  to.push_back(std::make_unique<Operand>(g, t, dims, strides));
}

}  // namespace

std::unique_ptr<Case> random_pointwise(std::uint64_t seed) {
  Generator g(seed);
  auto c = std::make_unique<Case>();
  c->seed = seed, c->text = g.program(), c->dims = g.dims();
  for (mu_dtype t : c->text.in) add_operand(c->in, g, t, c->dims, g.strides(c->dims, true));
  for (std::uint16_t o : c->text.out) {
    const Sizes strides = g.strides(c->dims, false);
    add_operand(c->out, g, c->text.type[o], c->dims, strides);
    add_operand(c->expected, g, c->text.type[o], c->dims, strides);
  }
  return c;
}

std::unique_ptr<Case> random_reduce(std::uint64_t seed) {
  Generator g(seed ^ 0x5EED00000000u);
  Random& r = g.random();
  auto c = std::make_unique<Case>();
  c->seed = seed, c->text = g.program(), c->dims = g.dims();
  c->text.out.resize(1);
  c->reduce = MU_REDUCE_SUM + static_cast<std::uint32_t>(r.below(6));
  const mu_dtype value = c->text.type[c->text.out[0]];
  const bool real = value != MU_BOOL && !is_whole(value), arg = c->reduce >= MU_REDUCE_ARGMAX;
  c->acc = real ? (value == MU_F64 || r.below(3) == 0 ? MU_F64 : MU_F32) : c->reduce <= MU_REDUCE_PROD ? MU_I64 : value;
  const mu_dtype result = arg ? MU_I64 : r.below(3) ? c->acc : value;
  for (mu_dtype t : c->text.in) add_operand(c->in, g, t, c->dims, g.strides(c->dims, true));
  Sizes strides(c->dims.size());
  std::int64_t step = 1;
  for (std::size_t i = c->dims.size(); i-- > 0;) {
    const bool reduced = r.below(2) == 0;
    strides[i] = reduced ? 0 : step;
    if (!reduced) step *= std::max<std::int64_t>(c->dims[i], 1);
  }
  add_operand(c->out, g, result, c->dims, strides);
  add_operand(c->expected, g, result, c->dims, strides);
  return c;
}

}  // namespace cuda_program_test
