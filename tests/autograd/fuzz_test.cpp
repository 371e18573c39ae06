// Random graphs: the gradients of first and second order against those of a tape of scalars.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <sstream>

#include "fuzz_ops.hpp"
#include "mushin/autograd/core/checkpoint.hpp"
#include "support/matchers.hpp"

namespace mushin::test {
namespace {

using core::Traced;

/// A program of steps over slots, of which the variables are the first, then constants, then what the steps make.
struct Program {
  std::vector<Ref> variables, directions, constants;
  std::vector<Step> steps;
  std::vector<std::size_t> outputs;
  std::vector<Ref> weights;  // of each output in the one number that is differentiated
  std::size_t slots = 0;
};

/// Those that random operands seldom fit are there more than once.
const std::vector<Op>& all_ops() {
  static const std::vector<Op> ops = [] {
    std::vector<Op> out;
    for (auto family : {pointwise_ops, folding_ops, moving_ops})
      for (Op& op : family())
        for (int often = op.name == "layer_norm" ? 12 : op.name == "matmul" ? 3 : 1; often > 0; --often) out.push_back(op);
    return out;
  }();
  return ops;
}
/// What computes its block again in the backward pass, and what records nothing of it. Their one operand is the block's first slot.
const Op checkpointed{"checkpoint", 1, {}, {}, {}}, unrecorded{"no_grad", 1, {}, {}, {}};

std::string listing(const std::vector<Step>& steps, const std::string& margin = "  ") {
  std::ostringstream out;
  for (const Step& s : steps) {
    out << margin << "%" << s.out << " = " << s.op->name << "(";
    for (std::size_t i = 0; i < s.in.size(); ++i) out << (i ? ", %" : "%") << s.in[i];
    out << ") [" << s.n[0] << " " << s.n[1] << " " << s.n[2] << "] " << text_of(s.to) << " table " << text_of(s.table.shape);
    for (double v : s.table.values) out << " " << v;
    out << "\n" << listing(s.block, margin + "  ");
  }
  return out.str();
}
std::string listing(const Program& p) {
  std::ostringstream out;
  for (std::size_t i = 0; i < p.variables.size() + p.constants.size(); ++i) {
    const bool variable = i < p.variables.size();
    const Ref& r = variable ? p.variables[i] : p.constants[i - p.variables.size()];
    out << "  %" << i << (variable ? " = variable " : " = constant ") << text_of(r.shape) << "\n";
  }
  out << listing(p.steps) << "  outputs";
  for (auto k : p.outputs) out << " %" << k;
  return out.str();
}

/// Makes a program from a seed, on the tape as it goes: values decide what ops can follow.
class Maker {
 public:
  explicit Maker(std::uint64_t seed) : random_(seed) {
    const auto variables = 1 + random_.below(3), constants = random_.below(3);
    for (std::int64_t i = 0; i < variables; ++i) {
      program_.variables.push_back(numbers(shape()));
      program_.directions.push_back(numbers(program_.variables.back().shape));
    }
    for (std::int64_t i = 0; i < constants; ++i) program_.constants.push_back(numbers(shape()));
    for (std::size_t i = 0; i < program_.variables.size(); ++i) grids_.push_back(variable(i));
    for (const Ref& c : program_.constants) grids_.push_back(constant(c));
    given_ = grids_.size();
    std::vector<std::size_t> visible(given_);
    for (std::size_t i = 0; i < given_; ++i) visible[i] = i;
    program_.steps = grow(visible, 4 + random_.below(14), true);
    program_.slots = grids_.size();
    choose_outputs(visible);
  }

  bool usable() const { return !program_.outputs.empty(); }
  const Program& program() const { return program_; }
  Ref output(std::size_t k) const { return values_of(tape_, grids_[program_.outputs[k]]); }

  struct Answer {
    std::vector<Ref> first, second;
  };
  /// Gradients of the weighted sum of the outputs, and of their product with the directions.
  Answer answer() {
    Tape::Id total = tape_.constant(0);
    for (std::size_t k = 0; k < program_.outputs.size(); ++k)
      for (std::size_t i = 0; i < program_.weights[k].values.size(); ++i) {
        const auto y = id_of(grids_[program_.outputs[k]].values[i]);
        total = tape_.add(total, tape_.mul(tape_.constant(program_.weights[k].values[i]), y));
      }
    const std::vector<Dual> g = tape_.gradients(total);
    Answer out;
    for (std::size_t i = 0; i < program_.variables.size(); ++i) {
      out.first.push_back(map(grids_[i], [&](double n) { return g[id_of(n)].value; }));
      out.second.push_back(map(grids_[i], [&](double n) { return g[id_of(n)].slope; }));
    }
    return out;
  }

 private:
  Index shape() {
    Index out(static_cast<std::size_t>(random_.below(4)));
    for (auto& n : out) n = 1 + random_.below(3);
    return out;
  }
  Ref numbers(const Index& shape) {
    return generate(shape, [&](const Index&) { return random_.between(-1.5, 1.5); });
  }
  Grid variable(std::size_t i) {
    Grid g{program_.variables[i].shape, {}};
    for (std::size_t k = 0; k < program_.variables[i].values.size(); ++k)
      g.values.push_back(static_cast<double>(tape_.variable(program_.variables[i].values[k], program_.directions[i].values[k])));
    return g;
  }
  Grid constant(const Ref& r) {
    return map(r, [&](double v) { return static_cast<double>(tape_.constant(v)); });
  }
  bool depends(const Grid& g) const {
    return std::any_of(g.values.begin(), g.values.end(), [&](double n) { return tape_.depends(id_of(n)); });
  }

  /// Newer slots are likelier, so that graphs get deep; any may come again and again.
  std::size_t pick(const std::vector<std::size_t>& visible) {
    const auto n = static_cast<std::int64_t>(visible.size());
    const std::int64_t back = random_.one_in(2) ? random_.below(std::min<std::int64_t>(n, 3)) : random_.below(n);
    return visible[static_cast<std::size_t>(n - 1 - back)];
  }

  std::vector<Step> grow(std::vector<std::size_t>& visible, std::int64_t length, bool outermost) {
    std::vector<Step> steps;
    for (std::int64_t tries = 0; static_cast<std::int64_t>(steps.size()) < length && tries < 40 * length; ++tries) {
      Step s;
      if (outermost && random_.one_in(25) ? !nested(visible, s) : !plain(visible, s)) continue;
      s.out = grids_.size() - 1;
      visible.push_back(s.out);
      steps.push_back(std::move(s));
    }
    return steps;
  }
  bool plain(const std::vector<std::size_t>& visible, Step& s) {
    const auto& ops = all_ops();
    s.op = &ops[static_cast<std::size_t>(random_.below(static_cast<std::int64_t>(ops.size())))];
    std::vector<Grid> in;
    std::vector<Ref> values;
    for (unsigned i = 0; i < s.op->operands; ++i) {
      s.in.push_back(pick(visible));
      in.push_back(grids_[s.in.back()]);
      values.push_back(values_of(tape_, in.back()));
    }
    if (!s.op->choose(random_, s, values)) return false;
    Grid made = s.op->plain(tape_, s, in);
    const auto tame = [](double v) { return std::abs(v) < 20; };
    if (made.shape.size() > 3 || count(made.shape) > 27 || !all_of(values_of(tape_, made), tame)) return false;
    grids_.push_back(std::move(made));
    return true;
  }
  /// A block that sees one slot, and what the program was given.
  bool nested(const std::vector<std::size_t>& visible, Step& s) {
    s.op = random_.one_in(2) ? &checkpointed : &unrecorded;
    s.in = {pick(visible)};
    std::vector<std::size_t> inside(visible.begin(), visible.begin() + static_cast<std::ptrdiff_t>(given_));
    inside.push_back(s.in[0]);
    s.block = grow(inside, 1 + random_.below(4), false);
    if (s.block.empty()) return false;
    const Grid& last = grids_[s.block.back().out];
    grids_.push_back(s.op == &unrecorded ? constant(values_of(tape_, last)) : last);
    return true;
  }
  void choose_outputs(const std::vector<std::size_t>& visible) {
    for (int tries = 0; tries < 3; ++tries) {
      const std::size_t k = tries == 0 ? visible.back() : pick(visible);
      const auto& had = program_.outputs;
      if (!depends(grids_[k]) || std::find(had.begin(), had.end(), k) != had.end()) continue;
      program_.outputs.push_back(k);
      program_.weights.push_back(numbers(grids_[k].shape));
    }
  }

  Random random_;
  Program program_;
  Tape tape_;
  std::vector<Grid> grids_;
  std::size_t given_ = 0;
};

void run(const std::vector<Step>& steps, std::vector<Traced>& slots);

/// A checkpointed block: sees its operand and what the program was given.
class Block final : public core::Recomputed {
 public:
  Block(const Step& s, const std::vector<Traced>& slots, std::size_t given) : step_(s), slots_(slots.size()) {
    for (std::size_t i = 0; i < given; ++i) slots_[i] = slots[i];
  }
  Traced run(const Traced* x) override {
    std::vector<Traced> slots = slots_;
    slots[step_.in[0]] = x[0];
    test::run(step_.block, slots);
    return slots[step_.block.back().out];
  }

 private:
  const Step& step_;
  std::vector<Traced> slots_;
};

std::size_t given_slots = 0;  // of the program that runs

void run(const std::vector<Step>& steps, std::vector<Traced>& slots) {
  for (const Step& s : steps) {
    if (s.op == &checkpointed)
      slots[s.out] = core::checkpoint(new Block(s, slots, given_slots), &slots[s.in[0]], 1);
    else if (s.op == &unrecorded) {
      const core::NoRecording silence;
      std::vector<Traced> inside = slots;
      run(s.block, inside);
      slots[s.out] = inside[s.block.back().out].value();
    } else {
      std::vector<Traced> in;
      for (std::size_t i : s.in) in.push_back(slots[i]);
      slots[s.out] = s.op->library(s, in);
    }
  }
}

/// The same program as a graph.
class Graph {
 public:
  explicit Graph(const Program& p) : program_(p), slots_(p.slots) {
    for (const Ref& r : p.variables) leaves_.emplace_back(array_from(r));
    for (std::size_t i = 0; i < leaves_.size(); ++i) slots_[i] = leaves_[i].traced();
    for (std::size_t i = 0; i < p.constants.size(); ++i) slots_[leaves_.size() + i] = array_from(p.constants[i]);
    given_slots = leaves_.size() + p.constants.size();
    run(p.steps, slots_);
  }
  const Traced& output(std::size_t k) const { return slots_[program_.outputs[k]]; }

  std::vector<Traced> first(bool create_graph) const {
    Traced total;
    for (std::size_t k = 0; k < program_.outputs.size(); ++k) total = plus(total, output(k), program_.weights[k]);
    return gradients(total, 0, leaves_.size(), create_graph);
  }
  std::vector<Traced> second(const std::vector<Traced>& first) const {
    Traced total;
    for (std::size_t i = 0; i < first.size(); ++i) total = plus(total, first[i], program_.directions[i]);
    return gradients(total, 0, leaves_.size(), false);
  }
  /// With respect to one variable.
  Traced alone(std::size_t variable) const { return gradients(plus({}, output(0), program_.weights[0]), variable, variable + 1, false)[0]; }
  /// One pass for each output; the last one frees the graph.
  std::vector<Traced> accumulated() {
    for (std::size_t k = 0; k < program_.outputs.size(); ++k)
      core::backward(output(k), array_from(program_.weights[k]), k + 1 < program_.outputs.size());
    std::vector<Traced> out;
    for (core::Leaf& leaf : leaves_) out.emplace_back(leaf.grad());
    return out;
  }

 private:
  static Traced plus(const Traced& total, const Traced& y, const Ref& weights) {
    const Traced part = core::sum(core::mul(y, array_from(weights)), (1u << y.rank()) - 1, false);
    return total ? core::add(total, part) : part;
  }
  std::vector<Traced> gradients(const Traced& z, std::size_t begin, std::size_t end, bool create_graph) const {
    std::vector<Traced> with, out(end - begin);
    for (std::size_t i = begin; i < end; ++i) with.push_back(leaves_[i].traced());
    core::gradients(z, with.data(), out.data(), static_cast<unsigned>(with.size()), create_graph);
    return out;
  }

  const Program& program_;
  std::vector<core::Leaf> leaves_;
  std::vector<Traced> slots_;
};

/// Rounding is relative to the largest number.
testing::AssertionResult agree(const char* what, const std::vector<Traced>& got, const std::vector<Ref>& want, double tolerance) {
  double scale = 1;
  for (const Ref& r : want)
    for (double v : r.values) scale = std::max(scale, std::abs(v));
  for (std::size_t i = 0; i < want.size(); ++i)
    if (const auto result = close(got[i].value(), want[i], 0, tolerance * scale); !result)
      return testing::AssertionFailure() << what << " of variable " << i << ": " << result.message();
  return testing::AssertionSuccess();
}

testing::AssertionResult check(Maker& maker) {
  const Maker::Answer want = maker.answer();
  const Program& p = maker.program();
  Graph graph(p);
  for (std::size_t k = 0; k < p.outputs.size(); ++k)
    if (auto r = close(graph.output(k).value(), maker.output(k), 1e-10, 1e-10); !r) return r << "in output " << k;
  {
    const auto first = graph.first(true);
    if (auto r = agree("gradient", first, want.first, 1e-10); !r) return r;
    if (auto r = agree("second gradient", graph.second(first), want.second, 1e-8); !r) return r;
  }
  if (auto r = agree("gradient without a graph", graph.first(false), want.first, 1e-10); !r) return r;
  if (p.outputs.size() == 1)
    for (std::size_t i = 0; i < p.variables.size(); ++i)
      if (auto r = agree("gradient alone", {graph.alone(i)}, {want.first[i]}, 1e-10); !r) return r << " variable " << i;
  return agree("accumulated gradient", graph.accumulated(), want.first, 1e-10);
}

/// How many: MUSHIN_FUZZ_GRAPHS, as sanitizers and slow devices set it. MUSHIN_FUZZ_SEED: the first one.
std::uint64_t number_from(const char* variable, std::uint64_t otherwise) {
  const char* set = std::getenv(variable);
  return set ? std::strtoull(set, nullptr, 10) : otherwise;
}

TEST(Fuzz, GraphsHaveTheGradientsOfATape) {
  const std::uint64_t graphs = number_from("MUSHIN_FUZZ_GRAPHS", 10'000), begin = number_from("MUSHIN_FUZZ_SEED", 1);
  std::uint64_t checked = 0, failed = 0;
  for (std::uint64_t seed = begin; checked < graphs && failed < 3; ++seed) {
    Maker maker(seed);
    if (!maker.usable()) continue;
    ++checked;
    const auto result = check(maker);
    EXPECT_TRUE(result) << "MUSHIN_FUZZ_SEED=" << seed << " MUSHIN_FUZZ_GRAPHS=1\n" << listing(maker.program());
    failed += !result;
  }
  EXPECT_EQ(core::graph_node_count(), 0);
}

/// The tape itself against central differences: by moving the variables along their directions.
TEST(Fuzz, TheTapeHasTheGradientsOfDifferences) {
  Tape t;
  const auto f = [](Tape& tape, const std::vector<Tape::Id>& x) {
    const auto a = tape.mul(tape.exp(x[0]), tape.sin(x[1])), b = tape.div(tape.sqrt(x[2]), tape.add(x[0], tape.cos(x[1])));
    return tape.sub(tape.mul(a, b), tape.log(tape.mul(x[2], tape.add(x[2], tape.constant(0.5)))));
  };
  const std::vector<double> at{0.7, 0.4, 1.3}, direction{0.3, -1.1, 0.8};
  const auto gradients = [&](double along) {
    Tape tape;
    std::vector<Tape::Id> x;
    for (std::size_t i = 0; i < 3; ++i) x.push_back(tape.variable(at[i] + along * direction[i], direction[i]));
    const auto all = tape.gradients(f(tape, x));
    return std::vector<Dual>{all[x[0]], all[x[1]], all[x[2]]};
  };
  const auto value = [&](std::size_t moved, double by) {
    Tape tape;
    std::vector<Tape::Id> x;
    for (std::size_t i = 0; i < 3; ++i) x.push_back(tape.constant(at[i] + (i == moved ? by : 0)));
    return tape.value(f(tape, x));
  };
  constexpr double h = 1e-5;
  const auto here = gradients(0), above = gradients(h), below = gradients(-h);
  for (std::size_t i = 0; i < 3; ++i) {
    EXPECT_NEAR(here[i].value, (value(i, h) - value(i, -h)) / (2 * h), 1e-8);
    EXPECT_NEAR(here[i].slope, (above[i].value - below[i].value) / (2 * h), 1e-8);
  }
}

}  // namespace
}  // namespace mushin::test
