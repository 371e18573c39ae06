// Which formula a program is.
#include "formula.hpp"

#include <algorithm>

#include "common.hpp"

namespace mushin::builtin {
namespace {

class Comparison {
 public:
  Comparison(const Tape& tape, const mu_pw_program& program, const Type* types)
      : tape_(tape), program_(program), types_(types), first_(program.n_in + program.n_const) {
    std::fill_n(meant_, Tape::most, -1);
  }

  bool same() {
    if (program_.n_out != tape_.outputs) return false;
    for (int k = 0; k < tape_.outputs; ++k)
      if (!same(tape_.out[k], program_.out[k])) return false;
    return true;
  }

  /// The leaves' slots; without a loop where an input would have to be an array and one value too.
  Formula bound() const {
    Formula out;
    std::uint32_t arrays = 0;
    for (int k = 0; k < tape_.leaves; ++k) {
      const int slot = meant_[k];
      out.leaf[k] = static_cast<std::uint8_t>(slot);
      if (slot < program_.n_in)
        (k < tape_.arrays ? arrays : out.ones) |= 1u << slot;
      else if (k < tape_.arrays)
        return {};
    }
    out.loop = (arrays & out.ones) == 0 ? tape_.loop : nullptr;
    return out;
  }

 private:
  // Values of the tape may mean one value of the program: two single values that are one constant do.
  bool same(int value, int id) {
    int& meant = meant_[value];
    if (meant >= 0) return meant == id;
    meant = id;
    const Tape::Value& v = tape_.value[value];
    if (value < tape_.leaves) return id < first_ && types_[id] == Type::f32;
    if (id < first_) return false;
    const mu_pw_inst& i = program_.inst[id - first_];
    return i.op == v.op && same(v.a, i.a) && (v.op == MU_PW_SQRT || same(v.b, i.b));
  }

  const Tape& tape_;
  const mu_pw_program& program_;
  const Type* types_;
  int first_, meant_[Tape::most];
};

}  // namespace

Formula find_formula(const mu_pw_program& program, const Type* types) {
  int count;
  const Tape* tapes = formula_tapes(count);
  for (const Tape* t = tapes; t != tapes + count; ++t)
    if (Comparison one(*t, program, types); one.same()) return one.bound();
  return {};
}

}  // namespace mushin::builtin
