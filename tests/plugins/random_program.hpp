// Random programs of opcodes with exact results, over any element types, and memory for their views.
#pragma once
#include <algorithm>

#include "reference.hpp"

namespace backend_test {

inline const mu_dtype types[] = {MU_F32, MU_F64, MU_F16, MU_BF16, MU_I8, MU_U8, MU_I32, MU_I64, MU_BOOL};
inline bool is_whole(mu_dtype t) { return (t & 0xFFu) < 2; }

class Generator {
 public:
  explicit Generator(std::uint64_t seed) : random_{seed} {}

  ProgramText program() {
    ProgramText p;
    const std::int64_t n_in = random_.below(5), n_const = random_.below(3) + (n_in == 0), n_inst = random_.below(14);
    for (std::int64_t i = 0; i < n_in; ++i) p.input(type());
    for (std::int64_t i = 0; i < n_const; ++i) {
      const mu_dtype t = type();
      p.constant_bits(value(t), t);
    }
    for (std::int64_t i = 0; i < n_inst; ++i) instruction(p);
    const std::int64_t n_out = 1 + random_.below(3);
    for (std::int64_t k = 0; k < n_out; ++k)
      p.out.push_back(static_cast<std::uint16_t>(k == 0 ? static_cast<std::int64_t>(p.type.size()) - 1
                                                        : random_.below(static_cast<std::int64_t>(p.type.size()))));
    return p;
  }

  Sizes dims() {
    static const Sizes known[] = {{},       {1},       {7},        {300},      {5000}, {3, 5},    {4, 100},
                                  {100, 4}, {2, 3, 4}, {2, 70, 3}, {5, 1, 80}, {0},    {3, 0, 2}, {2, 1, 3, 2, 1, 2, 2, 3}};
    return known[random_.below(static_cast<std::int64_t>(std::size(known)))];
  }

  // Dense, with gaps, transposed, or broadcast along some axes.
  Sizes strides(const Sizes& dims, bool may_repeat) {
    Sizes s = dense_strides(dims);
    switch (random_.below(may_repeat ? 5 : 3)) {
      case 1:
        for (std::int64_t& x : s) x *= 2;
        break;
      case 2: {
        Sizes turned(dims.rbegin(), dims.rend());
        const Sizes t = dense_strides(turned);
        s.assign(t.rbegin(), t.rend());
        break;
      }
      case 3:
        for (std::int64_t& x : s) x = random_.below(2) ? 0 : x;
        break;
      case 4:
        for (std::int64_t& x : s) x = 0;
        break;
      default:
        break;
    }
    return s;
  }

  Bits value(mu_dtype t) {
    if (t == MU_BOOL) return static_cast<Bits>(random_.below(2));
    if (is_whole(t)) {
      const Bits b = random_.below(4) ? static_cast<Bits>(random_.below(9) - 4) : random_.next();
      return mu_dtype_bytes(t) == 8 ? b : b & ((Bits{1} << 8 * mu_dtype_bytes(t)) - 1);
    }
    static const double special[] = {0.0, -0.0, 1.0, 0.5, -2.0, 1e30, -1e-30, 1e-40};
    const std::int64_t kind = random_.below(12);
    const double x = kind == 0   ? std::numeric_limits<double>::quiet_NaN()
                     : kind == 1 ? std::numeric_limits<double>::infinity()
                     : kind < 4  ? special[random_.below(8)]
                                 : random_.real(-4, 4);
    return element_of(t, x);
  }
  Random& random() { return random_; }

 private:
  mu_dtype type() { return random_.below(3) ? types[random_.below(9)] : MU_F32; }
  int any_of(const std::vector<int>& v) { return v[static_cast<std::size_t>(random_.below(static_cast<std::int64_t>(v.size())))]; }

  int operand(const ProgramText& p, mu_dtype t) {
    std::vector<int> fitting;
    for (std::size_t i = 0; i < p.type.size(); ++i)
      if (p.type[i] == t) fitting.push_back(static_cast<int>(i));
    if (fitting.empty()) return -1;
    return random_.below(2) ? fitting.back() : any_of(fitting);
  }

  void instruction(ProgramText& p) {
    static const std::vector<int> real = {MU_PW_ADD,   MU_PW_ADD,  MU_PW_ADD,   MU_PW_SUB,  MU_PW_MUL,  MU_PW_MUL,  MU_PW_MUL,
                                          MU_PW_DIV,   MU_PW_MIN,  MU_PW_MAX,   MU_PW_FMA,  MU_PW_NEG,  MU_PW_ABS,  MU_PW_SQRT,
                                          MU_PW_FLOOR, MU_PW_CEIL, MU_PW_TRUNC, MU_PW_RINT, MU_PW_RELU, MU_PW_STEP, MU_PW_REM};
    static const std::vector<int> whole = {MU_PW_ADD, MU_PW_SUB, MU_PW_MUL, MU_PW_DIV, MU_PW_REM, MU_PW_MIN, MU_PW_MAX, MU_PW_NEG,
                                           MU_PW_ABS, MU_PW_POW, MU_PW_AND, MU_PW_OR,  MU_PW_XOR, MU_PW_NOT, MU_PW_SHL, MU_PW_SHR};
    static const std::vector<int> truth = {MU_PW_ADD, MU_PW_MUL, MU_PW_MIN, MU_PW_MAX, MU_PW_AND, MU_PW_OR, MU_PW_XOR, MU_PW_NOT};
    const mu_dtype from = p.type[static_cast<std::size_t>(random_.below(static_cast<std::int64_t>(p.type.size())))];
    const int a = operand(p, from), b = operand(p, from), c = operand(p, from), condition = operand(p, MU_BOOL);
    switch (random_.below(10)) {
      case 0:
        p.add(MU_PW_EQ + static_cast<int>(random_.below(6)), MU_BOOL, a, b);
        return;
      case 1:
        p.add(MU_PW_CAST, type(), a);
        return;
      case 2:
        if (condition >= 0) p.add(MU_PW_SELECT, from, condition, b, c);
        return;
      case 3:
        if (random_.below(3) == 0) p.add(MU_PW_IOTA, MU_I64, MU_PW_NONE, MU_PW_NONE, MU_PW_NONE, 0);
        return;
      case 4:
        if (from != MU_BOOL && !is_whole(from)) p.add(MU_PW_ISNAN, MU_BOOL, a);
        return;
      default:
        p.add(any_of(from == MU_BOOL ? truth : is_whole(from) ? whole : real), from, a, b, c);
    }
  }

  Random random_;
};

// Memory for a view of these dims and strides, filled with values.
struct Operand {
  std::vector<std::uint64_t> memory;
  mu_tensor v;
  Operand(Generator& g, mu_dtype t, const Sizes& dims, const Sizes& strides) {
    std::int64_t last = 0;
    for (std::size_t i = 0; i < dims.size(); ++i) last += std::max<std::int64_t>(dims[i] - 1, 0) * strides[i];
    memory.resize(static_cast<std::size_t>(last + 1));
    v = view(memory.data(), t, dims, strides);
    for (std::int64_t o = 0; o <= last; ++o) write_element(v, o, g.value(t));
  }
};

inline std::string text_of(const ProgramText& p) {
  std::string s = std::to_string(p.in.size()) + " inputs, " + std::to_string(p.bits.size()) + " constants;";
  for (const mu_pw_inst& i : p.inst)
    s.append(" ")
        .append(std::to_string(i.op))
        .append("(")
        .append(std::to_string(i.a))
        .append(",")
        .append(std::to_string(i.b))
        .append(",")
        .append(std::to_string(i.c))
        .append(")");
  for (std::uint16_t o : p.out) s += " out " + std::to_string(o);
  return s;
}

}  // namespace backend_test
