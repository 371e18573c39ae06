// From a verified program to steps over slots: a * b + c becomes one step, temporaries are reused, outputs are written in place.
#include <algorithm>

#include "program.hpp"

namespace mushin::builtin {
namespace {

constexpr int never = -1, for_ever = 1 << 20;

struct Line {  // an instruction, maybe merged with the product that it adds to
  int op, arity, id;
  int arg[3];
  int axis;
};

// Nanoseconds an element with AVX2, in cache.
double cost_of(int op, Type t) {
  const bool hard =
      (op >= MU_PW_EXP && op <= MU_PW_ERF) || (op >= MU_PW_ASIN && op <= MU_PW_ATAN) || (op >= MU_PW_SIGMOID && op <= MU_PW_LOG1P);
  if (op == MU_PW_POW || op == MU_PW_REM) return 12;
  if (hard) return t == Type::f32 ? 0.5 : 10;
  return bytes_of(t) < 8 ? 0.06 : 0.15;
}

class Compiler {
 public:
  Compiler(const mu_pw_program& p, std::vector<Type> types, bool kept)
      : p_(p), type_(std::move(types)), first_(p.n_in + p.n_const), kept_(kept) {}

  Program run() {
    out_.n_in = p_.n_in, out_.n_const = p_.n_const, out_.n_out = kept_ ? 0 : p_.n_out;
    out_.has_iota = false, out_.cost = 0.05 * (p_.n_in + p_.n_out);
    out_.constant.assign(p_.const_bits, p_.const_bits + p_.n_const);
    for (int i = 0; i < p_.n_in; ++i) out_.in_type[i] = type_[at(i)];
    for (int k = 0; k < p_.n_out; ++k) out_.out_type[k] = type_[p_.out[k]];
    merge();
    find_last_uses();
    assign_slots();
    place_outputs();
    size_tiles();
    find_clashes();
    find_constants();
    return std::move(out_);
  }

 private:
  static std::size_t at(int i) { return static_cast<std::size_t>(i); }
  const mu_pw_inst& inst(int value) const { return p_.inst[value - first_]; }
  bool is_output(int value) const { return std::find(p_.out, p_.out + p_.n_out, value) != p_.out + p_.n_out; }

  // A product that `value` (a sum) may take up: used once, and no output is made in between, which could overwrite its operands.
  bool may_merge(int product, int value, const std::vector<int>& uses) const {
    if (product < first_ || inst(product).op != MU_PW_MUL || uses[at(product)] != 1 || is_output(product)) return false;
    for (int v = product + 1; v < value; ++v)
      if (is_output(v)) return false;
    return true;
  }

  void merge() {
    std::vector<int> uses(type_.size(), 0);
    std::vector<bool> gone(type_.size(), false);
    for (int i = 0; i < p_.n_inst; ++i) {
      const mu_pw_inst& s = p_.inst[i];
      const std::uint16_t id[3] = {s.a, s.b, s.c};
      for (int k = 0; k < arity_of(s); ++k) ++uses[id[k]];
    }
    std::vector<Line> lines;
    for (int i = 0; i < p_.n_inst; ++i) {
      const mu_pw_inst& s = p_.inst[i];
      Line line{s.op, arity_of(s), first_ + i, {s.a, s.b, s.c}, s.aux};
      if (s.op == MU_PW_ADD) {
        const int product = may_merge(s.a, line.id, uses) ? s.a : may_merge(s.b, line.id, uses) ? s.b : never;
        if (product != never) {
          gone[at(product)] = true;
          line = {row_mul_add, 3, line.id, {inst(product).a, inst(product).b, product == s.a ? s.b : s.a}, 0};
        }
      }
      lines.push_back(line);
    }
    for (const Line& line : lines)
      if (!gone[at(line.id)]) line_.push_back(line);
    out_.n_step = static_cast<int>(line_.size());
  }

  void find_last_uses() {
    last_use_.assign(type_.size(), never);
    for (int i = 0; i < out_.n_step; ++i)
      for (int k = 0; k < line_[at(i)].arity; ++k) last_use_[at(line_[at(i)].arg[k])] = i;
    for (int i = 0; i < p_.n_in; ++i) out_.last_read[i] = last_use_[at(i)];
    for (int k = 0; k < p_.n_out; ++k) last_use_[p_.out[k]] = for_ever;
  }

  void assign_slots() {
    slot_.assign(type_.size(), never);
    for (int v = 0; v < first_; ++v) slot_[at(v)] = v;
    std::vector<int> free;
    int temps = 0;
    for (int i = 0; i < out_.n_step; ++i) {
      const Line& line = line_[at(i)];
      const std::size_t bytes = bytes_of(type_[at(line.id)]);
      // An operand's place can be the result's only where the elements have one size.
      std::vector<int> later;
      for (int k = 0; k < line.arity; ++k) {
        const int v = line.arg[k];
        if (v < first_ || last_use_[at(v)] != i || std::find(line.arg, line.arg + k, v) != line.arg + k) continue;
        (bytes_of(type_[at(v)]) == bytes ? free : later).push_back(slot_[at(v)]);
      }
      int d = never;
      if (!kept_ && is_output(line.id)) {
        d = output_of(line.id) - p_.n_out;  // negative: counted from the end, moved when the temporaries are known
      } else if (!free.empty()) {
        d = free.back(), free.pop_back();
      } else {
        d = first_ + temps++;
      }
      slot_[at(line.id)] = d;
      free.insert(free.end(), later.begin(), later.end());
    }
    out_.n_temp = temps, out_.first_temp = first_, out_.first_out = first_ + temps;
    if (out_.first_out + p_.n_out > Program::most_slots) unsupported("[program] too many values");
    for (int v = first_; v < static_cast<int>(type_.size()); ++v)
      if (slot_[at(v)] < 0 && is_output(v) && !kept_) slot_[at(v)] += out_.first_out + p_.n_out;
    for (const Line& line : line_) emit(line);
  }
  int output_of(int value) const { return static_cast<int>(std::find(p_.out, p_.out + p_.n_out, value) - p_.out); }

  void emit(const Line& line) {
    Step s{};
    s.d = static_cast<std::uint8_t>(slot_[at(line.id)]);
    s.arity = static_cast<std::uint8_t>(line.arity);
    for (int k = 0; k < line.arity; ++k) s.arg[k] = static_cast<std::uint8_t>(slot_[at(line.arg[k])]);
    const Type result = type_[at(line.id)];
    if (line.op == MU_PW_IOTA) {
      out_.has_iota = true;
      s.axis = static_cast<std::uint8_t>(line.axis);
    } else {
      s.kernel = find_kernel(line.op, type_[at(line.arg[line.op == MU_PW_SELECT ? 1 : 0])], result);
    }
    out_.cost += cost_of(line.op, result);
    out_.step.push_back(s);
  }

  void place_outputs() {
    out_.result = slot_[p_.out[0]];
    for (int k = 0; k < p_.n_out; ++k) {
      const int v = p_.out[k];
      out_.made[k] = out_.n_step;
      if (v >= first_ && output_of(v) == k) {
        for (int i = 0; i < out_.n_step; ++i)
          if (line_[at(i)].id == v) out_.made[k] = i;
      } else if (!kept_) {
        out_.copy.push_back({static_cast<std::uint8_t>(slot_[at(v)]), static_cast<std::uint8_t>(k)});
      }
    }
  }

  void find_clashes() {
    out_.may_clash = out_.copy.size() > 1;
    for (int k = 0; k < out_.n_out; ++k)
      for (int i = 0; i < out_.n_in; ++i) out_.may_clash = out_.may_clash || out_.last_read[i] > out_.made[k];
  }

  void find_constants() {
    out_.fills = out_.n_in == 0 && out_.n_step == 0 && out_.n_out == 1 && out_.copy.size() == 1;
    out_.plain = out_.n_step > 0 && out_.copy.empty() && !out_.has_iota && !kept_;
    for (const Step& s : out_.step) {
      int mask = 0;
      for (int k = 0; k < s.arity; ++k) mask |= (s.arg[k] >= out_.n_in && s.arg[k] < first_) << k;
      if (mask == (1 << s.arity) - 1) out_.plain = false;
      out_.scalars.push_back(static_cast<std::uint8_t>(mask));
    }
  }

  // Tiles that fit the first-level cache, and the room in any case.
  void size_tiles() {
    std::int64_t bytes = 1;
    for (Type t : type_) bytes = most(bytes, static_cast<std::int64_t>(bytes_of(t)));
    const std::int64_t live = out_.n_temp + out_.n_in + out_.n_out + 1;
    out_.tile = live <= 4 ? 2048 : live <= 8 ? 1024 : 512;
    while (out_.tile > 32 && live * out_.tile * bytes > room_bytes) out_.tile /= 2;
    if (live * out_.tile * bytes > room_bytes) unsupported("[program] too many live values");
    out_.slot_bytes = out_.tile * bytes;
  }

  const mu_pw_program& p_;
  std::vector<Type> type_;
  int first_;
  bool kept_;
  std::vector<Line> line_;
  std::vector<int> last_use_, slot_;
  Program out_{};
};

}  // namespace

int arity_of(const mu_pw_inst& s) {
  if (s.op == MU_PW_IOTA) return 0;
  if (s.op == MU_PW_FMA || s.op == MU_PW_SELECT) return 3;
  const bool two = s.op <= MU_PW_MAX || s.op == MU_PW_POW || (s.op >= MU_PW_EQ && s.op <= MU_PW_XOR) || s.op == MU_PW_SHL ||
                   s.op == MU_PW_SHR || s.op == MU_PW_STEP;
  return two ? 2 : 1;
}

Program compile(const mu_pw_program& p, Outputs outputs) {
  const bool kept = outputs == Outputs::kept;
  std::vector<Type> types = verify(p);
  if (!needs_widening(p, types, kept)) {
    const Formula formula = kept ? Formula{} : find_formula(p, types.data());
    Program out = Compiler(p, std::move(types), kept).run();
    out.formula = formula;
    return out;
  }
  Widened w = widen(p, types, kept);
  mu_pw_program wide = p;
  wide.n_const = static_cast<std::uint16_t>(w.constant.size()), wide.n_inst = static_cast<std::uint16_t>(w.inst.size());
  wide.const_bits = w.constant.data(), wide.const_type = nullptr, wide.inst = w.inst.data();
  std::copy(w.out.begin(), w.out.end(), wide.out);
  return Compiler(wide, std::move(w.types), kept).run();
}

void require_types(const Program& p, const Views& v, int first_input, const char* what) {
  if (static_cast<int>(v.n_in) + first_input != p.n_in)
    invalid(std::string(what) + " the program has " + std::to_string(p.n_in) + " inputs, the op " + std::to_string(v.n_in));
  for (int i = first_input; i < p.n_in; ++i)
    if (checked_type(v.in[i - first_input], what) != p.in_type[i])
      invalid(std::string(what) + " input " + std::to_string(i - first_input) + " is not of the program's type, " + name_of(p.in_type[i]));
}

}  // namespace mushin::builtin
