// From a linearised program to the boundary's text, and to a plan.
#include <algorithm>
#include <array>
#include <cstring>
#include <vector>

#include "core/fail.hpp"
#include "core/literal.hpp"
#include "core/plans.hpp"
#include "core/product.hpp"

namespace mushin::core {
namespace {

// A program whose ids are still provisional, with room beyond the key's limits.
struct Text {
  static constexpr std::uint16_t constants = 0x1000, instructions = 0x2000;
  std::vector<mu_dtype> in_type, constant_type;
  std::vector<std::uint64_t> constant;
  std::vector<mu_pw_inst> inst;
  std::vector<std::uint16_t> out;

  std::uint16_t add(std::uint16_t op, mu_dtype type, std::uint16_t a, std::uint16_t b = MU_PW_NONE, std::uint16_t c = MU_PW_NONE) {
    inst.push_back({op, 0, type, a, b, c, 0});
    return static_cast<std::uint16_t>(instructions + inst.size() - 1);
  }
  std::uint16_t number(double v, mu_dtype type) {
    const std::uint64_t bits = bits_of(v, static_cast<dtype>(type));
    for (std::size_t i = 0; i < constant.size(); ++i)
      if (constant[i] == bits && constant_type[i] == type) return static_cast<std::uint16_t>(constants + i);
    constant.push_back(bits);
    constant_type.push_back(type);
    return static_cast<std::uint16_t>(constants + constant.size() - 1);
  }
};

Text text_of(const Program& p) {
  Text t;
  auto id = [](std::uint64_t word, unsigned shift) -> std::uint16_t {
    const auto v = static_cast<std::uint16_t>(word >> shift);
    if (v < Program::constant_base || v == MU_PW_NONE) return v;
    return static_cast<std::uint16_t>(v < Program::inst_base ? v - Program::constant_base + Text::constants
                                                             : v - Program::inst_base + Text::instructions);
  };
  for (unsigned i = 0; i < p.n_in; ++i) t.in_type.push_back(abi(p.in[i]->type));
  for (unsigned i = 0; i < p.n_const; ++i) {
    t.constant.push_back(p.constant[i]);
    t.constant_type.push_back(abi(p.constant_type[i]));
  }
  for (unsigned i = 0; i < p.n_inst; ++i) {
    const std::uint64_t* w = p.key + Program::head_words + 2 * i;
    t.add(static_cast<std::uint16_t>(w[0]), static_cast<mu_dtype>(w[0] >> 32), id(w[1], 0), id(w[1], 16), id(w[1], 32));
  }
  for (unsigned k = 0; k < p.n_out; ++k) t.out.push_back(id(p.out[k], 0));
  return t;
}

// Both after Kahan: e^x and 1 + x lose the last digits of a small x, but what they rounded to is known, and corrected by.
std::uint16_t expm1(Text& to, mu_dtype t, std::uint16_t x) {
  const std::uint16_t one = to.number(1, t), u = to.add(MU_PW_EXP, t, x), plain = to.add(MU_PW_SUB, t, u, one);
  const std::uint16_t exact = to.add(MU_PW_MUL, t, plain, to.add(MU_PW_DIV, t, x, to.add(MU_PW_LOG, t, u)));
  const std::uint16_t near = to.add(MU_PW_SELECT, t, to.add(MU_PW_EQ, MU_BOOL, u, one), x, exact);
  const std::uint16_t small = to.add(MU_PW_LT, MU_BOOL, to.add(MU_PW_ABS, t, x), one);
  return to.add(MU_PW_SELECT, t, small, near, plain);
}
std::uint16_t log1p(Text& to, mu_dtype t, std::uint16_t x) {
  const std::uint16_t one = to.number(1, t), u = to.add(MU_PW_ADD, t, x, one), back = to.add(MU_PW_SUB, t, u, one);
  const std::uint16_t plain = to.add(MU_PW_LOG, t, u), exact = to.add(MU_PW_MUL, t, plain, to.add(MU_PW_DIV, t, x, back));
  const std::uint16_t far = to.add(MU_PW_SELECT, t, to.add(MU_PW_EQ, MU_BOOL, back, x), plain, exact);
  return to.add(MU_PW_SELECT, t, to.add(MU_PW_EQ, MU_BOOL, u, one), x, far);
}

// By e^-|x|, which does not overflow.
std::uint16_t sigmoid(Text& to, mu_dtype t, std::uint16_t x) {
  const std::uint16_t one = to.number(1, t), e = to.add(MU_PW_EXP, t, to.add(MU_PW_NEG, t, to.add(MU_PW_ABS, t, x)));
  const std::uint16_t above = to.add(MU_PW_SELECT, t, to.add(MU_PW_LT, MU_BOOL, x, to.number(0, t)), e, one);
  return to.add(MU_PW_DIV, t, above, to.add(MU_PW_ADD, t, one, e));
}

// The optional opcodes in core ones; those of several roundings in float for 16-bit floats. False: there were none.
bool write_out(const Text& from, Text& to) {
  bool changed = false;
  to = {from.in_type, from.constant_type, from.constant, {}, {}};
  std::vector<std::uint16_t> made;
  auto id = [&](std::uint16_t v) -> std::uint16_t { return v >= Text::instructions && v != MU_PW_NONE ? made[v - Text::instructions] : v; };
  for (const mu_pw_inst& i : from.inst) {
    const std::uint16_t b = id(i.b), c = id(i.c);
    std::uint16_t a = id(i.a), r;
    const bool wide = is_half(static_cast<dtype>(i.type)) && (i.op == MU_PW_SIGMOID || i.op == MU_PW_EXPM1 || i.op == MU_PW_LOG1P);
    const mu_dtype t = wide ? MU_F32 : i.type;
    if (wide) a = to.add(MU_PW_CAST, t, a);
    changed = changed || i.op >= MU_PW_SIGMOID;
    switch (i.op) {
      case MU_PW_SIGMOID:
        r = sigmoid(to, t, a);
        break;
      case MU_PW_EXPM1:
        r = expm1(to, t, a);
        break;
      case MU_PW_LOG1P:
        r = log1p(to, t, a);
        break;
      case MU_PW_RELU:
        r = to.add(MU_PW_MAX, t, a, to.number(0, t));
        break;
      case MU_PW_STEP:
        r = to.add(MU_PW_SELECT, t, to.add(MU_PW_GT, MU_BOOL, a, to.number(0, t)), b, to.number(0, t));
        break;
      default:
        r = to.add(i.op, t, a, b, c);
        to.inst.back().aux = i.aux;
    }
    made.push_back(wide ? to.add(MU_PW_CAST, i.type, r) : r);
  }
  for (std::uint16_t v : from.out) to.out.push_back(id(v));
  return changed;
}

std::array<std::uint8_t, 256> measure_optional() {
  std::array<std::uint8_t, 256> length{};
  for (std::uint16_t op = MU_PW_SIGMOID; op < MU_PW_OPTIONAL_END; ++op) {
    Text one{{MU_F16, MU_F16, MU_F16}, {}, {}, {}, {}}, plain;
    one.add(op, MU_F16, 0, 1, 2);
    write_out(one, plain);
    length[op] = static_cast<std::uint8_t>(plain.inst.size());
  }
  return length;
}

// Ids become the boundary's: inputs, constants, instructions in one numbering. Borrows `t`.
mu_pw_program finish(Text& t, std::uint32_t hash) {
  auto id = [&](std::uint16_t v) -> std::uint16_t {
    if (v == MU_PW_NONE || v < Text::constants) return v;
    const std::size_t n = t.in_type.size();
    return static_cast<std::uint16_t>(v < Text::instructions ? v - Text::constants + n : v - Text::instructions + n + t.constant.size());
  };
  for (mu_pw_inst& i : t.inst) i.a = id(i.a), i.b = id(i.b), i.c = id(i.c);
  mu_pw_program p{};
  p.size = sizeof p;
  p.magic = MU_PW_MAGIC;
  p.version = 1;
  p.n_in = static_cast<std::uint16_t>(t.in_type.size());
  p.n_out = static_cast<std::uint16_t>(t.out.size());
  p.n_const = static_cast<std::uint16_t>(t.constant.size());
  p.n_inst = static_cast<std::uint16_t>(t.inst.size());
  for (std::size_t k = 0; k < t.out.size(); ++k) p.out[k] = id(t.out[k]);
  p.hash = hash;
  p.in_type = t.in_type.data();
  p.const_bits = t.constant.data();
  p.const_type = t.constant_type.data();
  p.inst = t.inst.data();
  return p;
}

struct Description {
  std::uint32_t request, kind;
  dtype acc;
};

Plan create(const Description& what, Device* d, Text text, std::uint32_t hash, std::span<const mu_tensor> in,
            std::span<const mu_tensor> out, std::uint32_t& spec) {
  const mu_pw_program program = finish(text, hash);
  if (what.request == MU_OP_POINTWISE) {
    const mu_op_pointwise op{{sizeof op, what.request}, &program};
    return create_plan("pointwise", d, &op.h, in, out, spec);
  }
  const mu_op_map_reduce op{{sizeof op, what.request}, &program, what.kind, abi(what.acc)};
  return create_plan("reduce", d, &op.h, in, out, spec);
}

}  // namespace

unsigned written_out_length(std::uint16_t op) {
  static const std::array<std::uint8_t, 256> length = measure_optional();
  return length[op];
}

const Plan* new_program_plan(Program& p, Device* d, std::uint32_t request, std::uint32_t kind, dtype acc, const mu_tensor* views) {
  const std::uint32_t extra = program_extra(kind, acc, views[p.n_in]);
  const std::span all(views, std::size_t{p.n_in} + p.n_out);
  const std::uint32_t told = known_spec(d, request);
  std::size_t words = p.finish_key(d, request, extra, told, all);
  const std::uint64_t hash = hash_of(p.key, words);
  const std::span in(views, p.n_in), out(views + p.n_in, p.n_out);
  const Description what{request, kind, acc};
  const Text text = text_of(p);
  std::uint32_t spec = 0;
  Text plain;
  Plan made{};
  made = create(what, d, text, static_cast<std::uint32_t>(hash), in, out, spec);
  if (!made.plan && write_out(text, plain)) made = create(what, d, plain, static_cast<std::uint32_t>(hash), in, out, spec);
  if (!made.plan && d->host_memory)
    fail<DeviceError>("[{}] device {} refuses a program of {} instructions", request == MU_OP_POINTWISE ? "pointwise" : "reduce", d->name,
                      p.n_inst);
  learn_spec(d, request, spec);
  if (spec & ~told) words = p.finish_key(d, request, extra, known_spec(d, request), all);
  return keep_plan(made, p.key, words);
}

namespace {

// The product becomes input 0, as the boundary wants it.
void move_to_front(Text& t, unsigned product) {
  std::rotate(t.in_type.begin(), t.in_type.begin() + product, t.in_type.begin() + product + 1);
  auto id = [&](std::uint16_t v) -> std::uint16_t {
    if (v > product) return v;
    return static_cast<std::uint16_t>(v == product ? 0 : v + 1);
  };
  for (mu_pw_inst& i : t.inst) i.a = id(i.a), i.b = id(i.b), i.c = id(i.c);
}

// The product, input 0, comes in the type of its sums and is rounded to its own first: the bits of two passes.
void round_product(Text& t, mu_dtype sums) {
  auto id = [](std::uint16_t v) -> std::uint16_t {
    if (v == MU_PW_NONE || v < Text::instructions) return v == 0 ? Text::instructions : v;
    return static_cast<std::uint16_t>(v + 1);
  };
  for (mu_pw_inst& i : t.inst) i.a = id(i.a), i.b = id(i.b), i.c = id(i.c);
  for (std::uint16_t& v : t.out) v = id(v);
  t.inst.insert(t.inst.begin(), {MU_PW_CAST, 0, t.in_type[0], 0, MU_PW_NONE, MU_PW_NONE, 0});
  t.in_type[0] = sums;
}

mu_dtype sums_of(const mu_tensor& operand) { return abi(product_type(static_cast<dtype>(operand.dtype))); }

Plan create_product(Device* d, const Text& from, std::uint32_t hash, std::span<const mu_tensor> views, bool elsewhere,
                    std::uint32_t& spec) {
  Text text = from;
  const mu_pw_program program = finish(text, hash);
  const mu_op_matmul op{{sizeof op, MU_OP_MATMUL}, sums_of(views[0]), product_math(), &program};
  return create_plan("matmul", d, &op.h, views.first(views.size() - 1), views.last(1), spec, elsewhere);
}

}  // namespace

const Plan* epilogue_plan(Program& p, Device* d, unsigned product, std::span<const mu_tensor> views) {
  const std::uint32_t extra = product | std::uint32_t{views[0].rank} << 4;
  const std::uint32_t told = known_spec(d, MU_OP_MATMUL);
  auto finish_key = [&](std::uint32_t spec) {
    const std::size_t words = p.finish_key(d, MU_OP_MATMUL, extra, spec, views);
    return d->layouts ? static_cast<std::size_t>(append_layouts(p.key + words, views) - p.key) : words;
  };
  std::size_t words = finish_key(told);
  const std::uint64_t hash = hash_of(p.key, words);
  if (const Plan* plan = find_plan(hash, p.key, words)) return plan;
  Text text = text_of(p), plain;
  move_to_front(text, product);
  if (sums_of(views[0]) != views[0].dtype) round_product(text, sums_of(views[0]));
  std::uint32_t spec = 0;
  Plan made = create_product(d, text, static_cast<std::uint32_t>(hash), views, false, spec);
  if (!made.plan && write_out(text, plain)) made = create_product(d, plain, static_cast<std::uint32_t>(hash), views, false, spec);
  // A plugin that takes the bare product computes it, and the program is a plan of its own; builtin's products are for sizes that it
  // declines, and strided.
  const bool opaque = views[0].layout == MU_LAYOUT_OPAQUE || views[1].layout == MU_LAYOUT_OPAQUE;
  if (!made.plan && d->host_memory && d != builtin() && !opaque) {
    const mu_op_matmul bare{{sizeof bare, MU_OP_MATMUL}, sums_of(views[0]), product_math(), nullptr};
    std::uint32_t unused = 0;
    const Plan own = create_plan("matmul", d, &bare.h, views.first(2), views.last(1), unused, false);
    delete own.answers;
    if (own.plan)
      d->compute.plan_destroy(own.plan);
    else
      made = create_product(builtin(), text, static_cast<std::uint32_t>(hash), views, false, spec);
  }
  learn_spec(d, MU_OP_MATMUL, spec);
  if (spec & ~told) words = finish_key(known_spec(d, MU_OP_MATMUL));
  return keep_plan(made, p.key, words);
}

}  // namespace mushin::core
