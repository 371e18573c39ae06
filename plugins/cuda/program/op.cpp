// Ops against their views.
#include "source.hpp"

namespace mushin::cuda::program {
namespace {

[[noreturn]] void invalid(const std::string& text) { throw Failure{MU_INVALID, text}; }

std::string dims_text(const mu_tensor& v) {
  std::string s = "(";
  for (int i = 0; i < v.rank; ++i) s += (i ? ", " : "") + std::to_string(v.dim[i]);
  return s + ")";
}

void require_view(const mu_tensor& v, Type t, const mu_tensor& space, const std::string& what) {
  if (v.layout != MU_LAYOUT_STRIDED) throw Failure{MU_UNSUPPORTED, what + " is not strided"};
  if (v.rank > MU_MAX_RANK) invalid(what + " has rank " + std::to_string(v.rank) + "; 8 is the most");
  if (type_of(v.dtype) != t) invalid(what + " is of type " + name_of(type_of(v.dtype)) + ", the program's is " + name_of(t));
  bool same = v.rank == space.rank;
  for (int i = 0; same && i < v.rank; ++i) same = v.dim[i] == space.dim[i];
  if (!same) invalid(what + " has dims " + dims_text(v) + ", the op " + dims_text(space));
}

void require_inputs(const Program& p, std::uint32_t n_in, const mu_tensor* in, const mu_tensor& space, const char* op) {
  if (static_cast<int>(n_in) != p.n_in)
    invalid(std::string(op) + " the program has " + std::to_string(p.n_in) + " inputs, the op " + std::to_string(n_in));
  for (int i = 0; i < p.n_in; ++i)
    require_view(in[i], p.type[static_cast<std::size_t>(i)], space, std::string(op) + " input " + std::to_string(i));
}

}  // namespace

Op pointwise_op(const mu_op_pointwise& d, std::uint32_t n_in, const mu_tensor* in, std::uint32_t n_out, const mu_tensor* out) {
  if (!d.program) invalid("[pointwise] there is no program");
  Op op;
  op.program = verify(*d.program);
  if (op.n_out() != static_cast<int>(n_out))
    invalid("[pointwise] the program has " + std::to_string(op.n_out()) + " outputs, the op " + std::to_string(n_out));
  for (int k = 0; k < op.n_out(); ++k) require_view(out[k], op.program.out_type(k), out[0], "[pointwise] output " + std::to_string(k));
  require_inputs(op.program, n_in, in, out[0], "[pointwise]");
  return op;
}

Op map_reduce_op(const mu_op_map_reduce& d, std::uint32_t n_in, const mu_tensor* in, std::uint32_t n_out, const mu_tensor* out) {
  if (!d.program) invalid("[map_reduce] there is no program");
  if (d.kind < MU_REDUCE_SUM || d.kind > MU_REDUCE_ARGMIN)
    throw Failure{MU_UNSUPPORTED, "[map_reduce] kind " + std::to_string(d.kind) + " is not known here"};
  Op op;
  op.program = verify(*d.program);
  op.reduce = d.kind;
  if (op.program.out.size() != 1 || n_out != 1)
    invalid("[map_reduce] the program has " + std::to_string(op.program.out.size()) + " outputs, the op " + std::to_string(n_out) +
            "; both have one");
  const Type acc = type_of(d.acc);
  op.result = type_of(out[0].dtype);
  if (acc == Type::none || op.result == Type::none) throw Failure{MU_UNSUPPORTED, "[map_reduce] an element type is not supported"};
  if (op.is_arg() && op.result != Type::i64)
    invalid(std::string("[map_reduce] the result of an index is int64, not ") + name_of(op.result));
  op.acc = op.is_arg() ? computed(op.program.out_type(0)) : computed(acc);
  require_view(out[0], op.result, out[0], "[map_reduce] output");
  require_inputs(op.program, n_in, in, out[0], "[map_reduce]");
  return op;
}

}  // namespace mushin::cuda::program
