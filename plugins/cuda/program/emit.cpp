// Kernels as text: one thread's share of a pointwise program, or of a reduction.
#include <algorithm>

#include "sets.hpp"
#include "text.hpp"

namespace mushin::cuda::program {
namespace {

std::string str(int i) { return std::to_string(i); }

class Emitter {
 public:
  Emitter(const Op& op, const Form& form, const std::string& name)
      : op_(op), p_(op.program), f_(form), name_(name), index_(form.wide ? "u64" : "u32"), memory_(p_.n_in + op.n_out()) {}

  Source run() {
    arguments();
    if (op_.reduce)
      reduction();
    else
      pointwise();
    Source s;
    s.kernel = std::move(text_);
    s.entry = name_;
    if (f_.split) s.second = name_ + "_2";
    return s;
  }

 private:
  static std::size_t at(int i) { return static_cast<std::size_t>(i); }
  void line(const std::string& s) { text_.append(s).append("\n"); }
  Type type(int v) const { return p_.type[at(v)]; }
  Type out_type(int k) const { return op_.reduce ? op_.result : p_.out_type(k); }
  int operands() const { return op_.operands(); }
  std::string define(const std::string& name, const std::string& value) { return "const " + index_ + " " + name + " = " + value + ";"; }

  // The order is that of bind.cpp's Writer.
  void arguments() {
    const std::string div = f_.wide ? "Div64 " : "Div32 ";
    line("struct " + name_ + "_args {");
    for (int i = 0; i < p_.n_in; ++i) line(std::string("  const ") + stored_type(type(i)) + "* p" + str(i) + ";");
    for (int k = 0; k < op_.n_out(); ++k) line(std::string("  ") + stored_type(out_type(k)) + "* p" + str(p_.n_in + k) + ";");
    if (op_.reduce) line("  void* workspace;");
    line("  " + index_ + (op_.reduce ? " results, count, units, parts, each;" : " count, units;"));
    const auto axes = [&](const std::string& prefix, int rank) {
      for (int i = 1; i < rank; ++i) line("  " + div + prefix + "d" + str(i) + ";");
      for (int k = 0; k < operands() && rank > 0; ++k) line("  " + index_ + " " + prefix + "s" + str(k) + "[" + str(rank) + "];");
    };
    axes("", f_.rank);
    if (op_.reduce) axes("r", f_.reduced);
    line("};");
    if (f_.many) sets();
  }

  // As sets.hpp has it.
  void sets() {
    const std::string args = name_ + "_args", most = name_ + "_most";
    line("enum { " + most + " = " + std::to_string(most_args - sets_head) + " / (sizeof(" + args + ") + 4) };");
    line("struct " + name_ + "_sets {");
    line("  u32 n, begin[" + most + "];");
    line("  " + args + " set[" + most + "];");
    line("};");
  }

  // The position `number` along the axes: i0, i1, … The innermost is counted in elements, the number in vectors.
  void position(const std::string& prefix, int rank, const std::string& number, int vector) {
    std::string rest = number;
    for (int i = rank - 1; i > 0; --i) {
      const std::string q = prefix + "q" + str(i), d = "a." + prefix + "d" + str(i);
      line(define(q, "quotient(" + rest + ", " + d + ")"));
      const std::string index = rest + " - " + q + " * " + d + ".d";
      line(define(prefix + "i" + str(i), i == rank - 1 && vector > 1 ? "(" + index + ") * " + str(vector) : index));
      rest = q;
    }
    if (rank > 0) line(define(prefix + "i0", rank == 1 && vector > 1 ? rest + " * " + str(vector) : rest));
  }

  std::string offset(const std::string& prefix, int rank, int operand) const {
    std::string s;
    for (int i = 0; i < rank; ++i) {
      if (!op_.reduce && i == rank - 1 && f_.step[operand] != 2) {
        if (f_.step[operand] == 1) s += (s.empty() ? "" : " + ") + prefix + "i" + str(i);
        continue;
      }
      s += (s.empty() ? "" : " + ") + prefix + "i" + str(i) + " * a." + prefix + "s" + str(operand) + "[" + str(i) + "]";
    }
    return s.empty() ? "0" : s;
  }
  std::string inner_stride(int operand) const {
    const int rank = op_.reduce ? f_.reduced : f_.rank;
    return std::string("a.") + (op_.reduce ? "r" : "") + "s" + str(operand) + "[" + str(rank - 1) + "]";
  }

  // Input k at offset o<k>, a vector of it or one value for all: the variable, and the statement that reads it. `at`: an index behind the
  // names, where there are several vectors.
  std::string input(int k, const std::string& count) const {
    return std::string(stored_type(type(k))) + " x" + str(k) + count + (f_.step[k] ? "[" + str(f_.vector) + "]" : "");
  }
  void load(int k, const std::string& at) {
    const std::string x = "x" + str(k) + at, from = "a.p" + str(k) + " + o" + str(k);
    if (f_.step[k] == 0) return line(x + " = *(" + from + ");");
    line("read<" + str(f_.vector) + ">(" + x + ", " + from + ", " + live() + (f_.step[k] == 2 ? ", " + inner_stride(k) : "") + ");");
  }
  // Elements of a vector that exist.
  std::string live() const { return f_.tail ? "live" : "(" + index_ + ")" + str(f_.vector); }

  // Values of element number k of a vector: v0, v1, … of inputs and instructions.
  void values(const std::string& vector) {
    for (int i = 0; i < p_.n_in; ++i) value(i, loaded(type(i), "x" + str(i) + vector + (f_.step[i] ? "[k]" : "")));
    for (int i = 0; i < static_cast<int>(p_.inst.size()); ++i)
      value(p_.first_inst() + i, instruction(p_.inst[at(i)], type(p_.first_inst() + i)));
  }
  void value(int v, const std::string& x) { line(std::string("const ") + value_type(type(v)) + " v" + str(v) + " = " + x + ";"); }
  void constants() {
    for (int i = 0; i < static_cast<int>(p_.constant.size()); ++i) value(p_.n_in + i, constant(type(p_.n_in + i), p_.constant[at(i)]));
  }

  std::string instruction(const mu_pw_inst& s, Type result) {
    if (s.op == MU_PW_IOTA) {
      const int operand = memory_ + static_cast<int>(std::find(p_.iota.begin(), p_.iota.end(), s.aux) - p_.iota.begin());
      const std::string o = "o" + str(operand);
      if (f_.step[operand] == 0) return "(i64)" + o;
      return "(i64)(" + o + " + k" + (f_.step[operand] == 2 ? " * " + inner_stride(operand) : "") + ")";
    }
    const std::uint16_t id[3] = {s.a, s.b, s.c};
    std::string args[3];
    for (int k = 0; k < arity_of(s); ++k) args[k] = "v" + str(id[k]);
    if (s.op == MU_PW_POW && is_two(s.b)) return square(result, args[0]);
    return expression(s, type(s.op == MU_PW_SELECT ? s.b : s.a), result, args);
  }
  bool is_two(int v) const {
    if (v < p_.n_in || v >= p_.first_inst() || !is_real(type(v))) return false;
    constexpr std::uint64_t two[] = {0x40000000, 0x4000000000000000, 0, 0, 0, 0, 0, 0x4000, 0x4000};
    return p_.constant[at(v - p_.n_in)] == two[static_cast<int>(type(v))];
  }

  // ---- pointwise

  void pointwise() {
    if (f_.many) {
      line("MU_KERNEL " + name_ + "(const " + name_ + "_sets m) {");
      line("u32 set = 0;");
      line("for (u32 by = 128; by; by /= 2) if (set + by < m.n && m.begin[set + by] <= blockIdx.x) set += by;");
      line("const " + name_ + "_args& a = m.set[set];");
      line(define("unit", "(" + index_ + ")(blockIdx.x - m.begin[set]) * 256 + threadIdx.x"));
    } else {
      line("MU_KERNEL " + name_ + "(const " + name_ + "_args a) {");
      line(define("unit", "(" + index_ + ")blockIdx.x * 256 + threadIdx.x"));
    }
    line("if (unit >= a.units) return;");
    position("", f_.rank, "unit", f_.vector);
    for (int k = 0; k < operands(); ++k) line(define("o" + str(k), offset("", f_.rank, k)));
    if (f_.tail) line(define("live", "a.count - i0"));
    for (int k = 0; k < p_.n_in; ++k) {
      line(input(k, "") + ";");
      load(k, "");
    }
    constants();
    for (int k = 0; k < op_.n_out(); ++k) line(std::string(stored_type(out_type(k))) + " y" + str(k) + "[" + str(f_.vector) + "];");
    line("MU_UNROLL");
    line("for (u32 k = 0; k < " + str(f_.vector) + "; ++k) {");
    values("");
    for (int k = 0; k < op_.n_out(); ++k) line("y" + str(k) + "[k] = " + to_store(out_type(k), "v" + str(p_.out[at(k)])) + ";");
    line("}");
    for (int k = 0; k < op_.n_out(); ++k) {
      const int o = p_.n_in + k;
      const std::string stride = f_.step[o] == 2 ? ", " + inner_stride(o) : "";
      line("write<" + str(f_.vector) + ">(a.p" + str(o) + " + o" + str(o) + ", y" + str(k) + ", " + live() + stride + ");");
    }
    line("}");
  }

  // ---- reductions

  std::string acc_type() const { return op_.is_arg() ? std::string("Best<") + value_type(op_.acc) + ">" : value_type(op_.acc); }

  std::string kind() const {
    constexpr const char* names[] = {"", "Sum", "Prod", "Max", "Min", "ArgMax", "ArgMin"};
    constexpr const char* of_truth[] = {"", "Or", "And", "Or", "And", "ArgMax", "ArgMin"};
    return (op_.acc == Type::b8 ? of_truth : names)[op_.reduce];
  }

  // What is combined with nothing.
  std::string start() const {
    const Type t = op_.acc;
    const std::uint32_t r = op_.is_arg() ? op_.reduce - MU_REDUCE_ARGMAX + MU_REDUCE_MAX : op_.reduce;
    std::string x = r == MU_REDUCE_SUM ? "0" : "1";
    if (r >= MU_REDUCE_MAX) {
      const bool greatest = r == MU_REDUCE_MIN;
      if (t == Type::f32) x = greatest ? "f32_of(0x7F800000u)" : "f32_of(0xFF800000u)";
      if (t == Type::f64) x = greatest ? "f64_of(0x7FF0000000000000ull)" : "f64_of(0xFFF0000000000000ull)";
      if (t == Type::b8) x = greatest ? "1" : "0";
      if (t == Type::u8) x = greatest ? "255" : "0";
      if (t == Type::i8) x = greatest ? "127" : "-128";
      if (t == Type::i32) x = greatest ? "0x7FFFFFFF" : "-0x7FFFFFFF - 1";
      if (t == Type::i64) x = greatest ? "0x7FFFFFFFFFFFFFFFll" : "-0x7FFFFFFFFFFFFFFFll - 1";
    }
    x = std::string("(") + value_type(t) + ")(" + x + ")";
    return op_.is_arg() ? "best_of<" + std::string(value_type(t)) + ">(" + x + ", MU_NOWHERE)" : x;
  }

  void reduction() {
    body(false);
    kernel(name_, f_.columns ? "columns<" : "rows<" + str(f_.width) + ", ", name_ + "_body");
    if (!f_.split) return;
    body(true);
    kernel(name_ + "_2", "rows<32, ", name_ + "_body_2");
  }
  void kernel(const std::string& name, const std::string& function, const std::string& body) {
    line("MU_KERNEL " + name + "(const " + name_ + "_args a) { " + function + body + ", " + index_ + ">(a); }");
  }

  // `second`: joins what the parts have left in the workspace.
  void body(bool second) {
    const std::string args = name_ + "_args";
    line("struct " + name_ + (second ? "_body_2 {" : "_body {"));
    line("typedef " + acc_type() + " Acc;");
    line("typedef " + kind() + " Kind;");
    line("MU_METHOD Acc start() { return " + start() + "; }");
    line("MU_METHOD Acc fold(const " + args + "& a, " + index_ + " result, u32 row, u32 part) {");
    if (second)
      fold_partial();
    else
      fold();
    line("}");
    line("MU_METHOD void store(const " + args + "& a, " + index_ + " result, u32 row, Acc x) {");
    if (f_.split && !second)
      store_partial();
    else
      store();
    line("}");
    line("};");
  }

  // Vectors that are read before the first of them is folded, so that memory has enough to do.
  int vectors_at_once() const { return p_.n_in <= 2 ? 4 : p_.n_in <= 4 ? 2 : 1; }

  // In runs of 64 vectors, so that long sums keep their digits.
  void fold() {
    const int some = vectors_at_once();
    position("", f_.rank, "result", 1);
    for (int k = 0; k < operands(); ++k)
      if (k != p_.n_in) line(define("b" + str(k), offset("", f_.rank, k)));
    line(define("first", "row * a.each"));
    line(define("last", "a.units - first < a.each ? a.units : first + a.each"));
    constants();
    line("Acc all = start();");
    line("for (" + index_ + " at = first + part; at < last;) {");
    line("Acc some = start();");
    line("for (u32 n = 0; n < " + str(64 / some) + " && at < last; ++n, at += " + str(some * f_.width) + ") {");
    for (int k = 0; k < p_.n_in; ++k) line(input(k, "[" + str(some) + "]") + ";");
    for (int k = p_.n_in + 1; k < operands(); ++k) line(index_ + " o" + str(k) + "s[" + str(some) + "];");
    each_vector(some);
    position("r", f_.reduced, "unit", f_.vector);
    if (f_.tail) line(define("live", "a.count - ri0"));
    for (int k = 0; k < operands(); ++k)
      if (k != p_.n_in) line(define("o" + str(k), "b" + str(k) + " + " + offset("r", f_.reduced, k)));
    for (int k = 0; k < p_.n_in; ++k) load(k, "[u]");
    for (int k = p_.n_in + 1; k < operands(); ++k) line("o" + str(k) + "s[u] = o" + str(k) + ";");
    line("}}");
    each_vector(some);
    if (f_.tail) line(define("live", "a.count - unit * " + str(f_.vector)));
    for (int k = p_.n_in + 1; k < operands(); ++k) line(define("o" + str(k), "o" + str(k) + "s[u]"));
    line("MU_UNROLL");
    line("for (u32 k = 0; k < " + str(f_.vector) + "; ++k) {");
    values("[u]");
    const std::string x = cast(computed(type(p_.out[0])), op_.acc, "v" + str(p_.out[0])),
                      index = "(i64)(unit * " + str(f_.vector) + " + k)";
    const std::string item = op_.is_arg() ? "best_of<" + std::string(value_type(op_.acc)) + ">(" + x + ", " + index + ")" : x;
    line(std::string(f_.tail ? "if (k < live) " : "") + "some = Kind::join(some, (Acc)" + item + ");");
    line("}");
    line("}}");
    line("}");
    line("all = Kind::join(all, some);");
    line("}");
    line("return all;");
  }
  void each_vector(int some) {
    line("MU_UNROLL");
    line("for (u32 u = 0; u < " + str(some) + "; ++u) {");
    line(define("unit", "at + u * " + str(f_.width)));
    line("if (unit < last) {");
  }

  std::string partial_values() const {
    const std::string t = value_type(op_.acc);
    return "((" + t + "*)((i64*)a.workspace" + (op_.is_arg() ? " + a.parts * a.results" : "") + "))";
  }
  void store_partial() {
    line(define("slot", "row * a.results + result"));
    line(partial_values() + "[slot] = x" + (op_.is_arg() ? ".value;" : ";"));
    if (op_.is_arg()) line("((i64*)a.workspace)[slot] = x.index;");
  }
  void fold_partial() {
    line("Acc all = start();");
    line("for (" + index_ + " at = part; at < a.parts; at += 32) {");
    line(define("slot", "at * a.results + result"));
    const std::string x = partial_values() + "[slot]";
    line("all = Kind::join(all, " +
         (op_.is_arg() ? "best_of<" + std::string(value_type(op_.acc)) + ">(" + x + ", ((const i64*)a.workspace)[slot])" : x) + ");");
    line("}");
    line("return all;");
  }

  void store() {
    position("", f_.rank, "result", 1);
    const std::string to = "a.p" + str(p_.n_in) + "[" + offset("", f_.rank, p_.n_in) + "]";
    if (op_.is_arg())
      line(to + " = x.index == MU_NOWHERE ? 0 : x.index;");
    else
      line(to + " = " + to_store(op_.result, cast(op_.acc, op_.result, "x")) + ";");
  }

  const Op& op_;
  const Program& p_;
  const Form& f_;
  std::string name_, index_;
  int memory_;
  std::string text_;
};

}  // namespace

Source emit(const Op& op, const Form& form, const std::string& name) { return Emitter(op, form, name).run(); }

}  // namespace mushin::cuda::program
