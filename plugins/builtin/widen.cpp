// Programs over 16-bit floats, written anew over f32: operands are widened where they are read, results rounded to what the type has.
// So a fused program gives what its instructions give one at a time.
#include "program.hpp"

namespace mushin::builtin {
namespace {

constexpr int none = -1;

// Results that the type has whenever the operands are of it.
bool is_exact(int op) {
  constexpr int exact[] = {MU_PW_MIN,   MU_PW_MAX,  MU_PW_NEG,    MU_PW_ABS,  MU_PW_FLOOR, MU_PW_CEIL,
                           MU_PW_TRUNC, MU_PW_RINT, MU_PW_SELECT, MU_PW_RELU, MU_PW_STEP};
  for (int e : exact)
    if (e == op) return true;
  return false;
}

class Widening {
 public:
  Widening(const mu_pw_program& p, const std::vector<Type>& types, bool kept) : p_(p), types_(types), kept_(kept) {}

  Widened run() {
    const auto n = types_.size();
    stored_.assign(n, none), wide_.assign(n, none);
    const int constants = p_.n_in + p_.n_const;
    for (int v = 0; v < constants; ++v) {
      w_.types.push_back(types_[at(v)]);
      stored_[at(v)] = v;
      if (v >= p_.n_in) w_.constant.push_back(p_.const_bits[v - p_.n_in]);
    }
    for (int v = p_.n_in; v < constants; ++v)
      if (is_half(types_[at(v)])) widen_constant(v);
    for (int i = 0; i < p_.n_inst; ++i) instruction(i);
    for (int k = 0; k < p_.n_out; ++k) w_.out.push_back(static_cast<std::uint16_t>(kept_ ? computed_value(p_.out[k]) : stored(p_.out[k])));
    return std::move(w_);
  }

 private:
  static std::size_t at(int i) { return static_cast<std::size_t>(i); }

  int add(int op, Type result, int a = MU_PW_NONE, int b = MU_PW_NONE, int c = MU_PW_NONE, int aux = 0) {
    w_.inst.push_back({static_cast<std::uint16_t>(op), 0, dtype_of(result), static_cast<std::uint16_t>(a), static_cast<std::uint16_t>(b),
                       static_cast<std::uint16_t>(c), static_cast<std::uint16_t>(aux)});
    w_.types.push_back(result);
    return static_cast<int>(w_.types.size()) - 1;
  }

  int round(int a, Type to) { return add(to == Type::f16 ? op_round_f16 : op_round_bf16, Type::f32, a); }

  void widen_constant(int v) {
    const std::uint64_t bits = p_.const_bits[v - p_.n_in];
    std::uint64_t wide = 0;
    cast_table().cast[static_cast<int>(types_[at(v)])][0](&wide, &bits, nullptr, nullptr, 1);
    w_.constant.push_back(wide), w_.types.push_back(Type::f32);
    wide_[at(v)] = static_cast<int>(w_.types.size()) - 1;
  }

  // The new value that old value `v` is computed with.
  int computed_value(int v) {
    if (!is_half(types_[at(v)])) return stored_[at(v)];
    if (wide_[at(v)] == none) wide_[at(v)] = add(MU_PW_CAST, Type::f32, stored_[at(v)]);
    return wide_[at(v)];
  }
  // And the one that is written.
  int stored(int v) {
    if (stored_[at(v)] == none) stored_[at(v)] = add(MU_PW_CAST, types_[at(v)], wide_[at(v)]);
    return stored_[at(v)];
  }
  bool is_output(int v) const {
    for (int k = 0; k < p_.n_out; ++k)
      if (p_.out[k] == v) return true;
    return false;
  }

  void instruction(int i) {
    const mu_pw_inst& s = p_.inst[i];
    const int v = p_.n_in + p_.n_const + i;
    const Type result = types_[at(v)];
    if (s.op == MU_PW_CAST && is_half(result)) {
      wide_[at(v)] = cast(s.a, result);
    } else {
      const std::uint16_t id[3] = {s.a, s.b, s.c};
      int operand[3] = {MU_PW_NONE, MU_PW_NONE, MU_PW_NONE};
      for (int k = 0; k < arity_of(s); ++k) operand[k] = computed_value(id[k]);
      const int made = add(s.op, computed(result), operand[0], operand[1], operand[2], s.aux);
      if (!is_half(result)) {
        stored_[at(v)] = made;
        return;
      }
      wide_[at(v)] = is_exact(s.op) ? made : round(made, result);
    }
    // At once: a later instruction may not read what the output overwrites.
    if (!kept_ && is_output(v)) stored(v);
  }

  int cast(int from, Type to) {
    const Type t = types_[at(from)];
    const int a = computed_value(from);
    if (t == to) return a;
    if (t == Type::b8 || t == Type::i8 || t == Type::u8) return add(MU_PW_CAST, Type::f32, a);  // both types have them all
    return round(computed(t) == Type::f32 ? a : add(op_odd, Type::f32, a), to);
  }

  const mu_pw_program& p_;
  const std::vector<Type>& types_;
  bool kept_;
  std::vector<int> stored_, wide_;  // by old value; none: not made
  Widened w_;
};

}  // namespace

bool needs_widening(const mu_pw_program& p, const std::vector<Type>& types, bool kept) {
  if (p.n_inst == 0 && !kept) return false;
  for (Type t : types)
    if (is_half(t)) return true;
  return false;
}

Widened widen(const mu_pw_program& p, const std::vector<Type>& types, bool kept) { return Widening(p, types, kept).run(); }

}  // namespace mushin::builtin
