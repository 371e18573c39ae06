// Kernels that run one program on several sets of views, on this CPU, against the builtin backend set by set.
#include "sets.hpp"
#include "builtin.h"
#include "case.hpp"

namespace cuda_program_test {
namespace {

using Cases = std::vector<std::unique_ptr<Case>>;

class Sets : public testing::Test {
 protected:
  void SetUp() override {
    if (const std::string missing = kernels.missing(); !missing.empty()) GTEST_SKIP() << "skipped: " << missing;
  }
  Backend backend{mushin_builtin_entry(test_host(), nullptr)};
  HostKernels kernels;
};

// One program, views of any dims and strides, aligned or not: bound, though not launched.
Cases sets_of_one_program(std::uint64_t seed, int n) {
  Cases sets;
  Generator g(seed);
  const ProgramText text = g.program();
  for (int i = 0; i < n; ++i) {
    auto c = std::make_unique<Case>();
    c->seed = seed, c->text = text, c->dims = g.dims();
    for (const mu_dtype t : text.in) c->in.push_back(std::make_unique<Operand>(g, t, c->dims, g.strides(c->dims, true)));
    for (const std::uint16_t o : text.out) {
      const Sizes strides = g.strides(c->dims, false);
      c->out.push_back(std::make_unique<Operand>(g, text.type[o], c->dims, strides));
      c->expected.push_back(std::make_unique<Operand>(g, text.type[o], c->dims, strides));
    }
    c->emit("alone");
    sets.push_back(std::move(c));
  }
  return sets;
}

// As the plugin does it.
std::vector<program::Launch> together(const Cases& sets) {
  std::vector<program::Launch> all;
  for (const auto& c : sets) {
    if (!c->launch.grid[0].x) continue;
    bool taken = false;
    for (auto l = all.begin(); !taken && l != all.end(); ++l) taken = program::add_set(*l, c->launch);
    if (!taken) program::add_set(all.emplace_back(), c->launch);
  }
  for (program::Launch& l : all) program::simplify(l);
  return all;
}

TEST_F(Sets, RandomPrograms) {
  struct Kernel {
    program::Launch launch;
    program::Source source;
  };
  std::vector<Cases> all;
  std::vector<Kernel> launches;
  std::size_t several = 0;
  for (std::uint64_t seed = 1; seed <= 25; ++seed) {
    all.push_back(sets_of_one_program(seed, 12));
    for (const program::Launch& l : together(all.back())) {
      const program::Source source = program::emit(all.back()[0]->op, l.form, "s" + std::to_string(launches.size()));
      launches.push_back({l, source});
      kernels.add(source, false);
      several += l.form.many;
    }
  }
  ASSERT_GT(several, 25u);
  kernels.compile();
  for (Cases& sets : all)
    for (auto& c : sets) {
      for (std::size_t k = 0; k < c->out.size(); ++k) c->expected[k]->memory = c->out[k]->memory;
      ASSERT_EQ(c->run_builtin(backend), MU_OK) << backend.message();
    }
  for (const Kernel& k : launches) kernels.run(k.source, k.launch);
  for (const Cases& sets : all)
    for (const auto& c : sets)
      for (std::size_t k = 0; k < c->out.size(); ++k) {
        const mu_tensor &got = c->out[k]->v, &expected = c->expected[k]->v;
        for (const std::int64_t at : offsets(got)) {
          ASSERT_TRUE(same(got.dtype, read_element(got, at), read_element(expected, at))) << c->where(k, 0);
          write_element(got, at, read_element(expected, at));
        }
        ASSERT_EQ(c->out[k]->memory, c->expected[k]->memory) << "elsewhere, " << c->where(k, 0);
      }
}

// A launch of `units` vectors, whose arguments begin with a number by which tests know it.
program::Launch launch_of(std::uint64_t number, std::uint32_t blocks, std::size_t bytes = 48) {
  program::Launch l{};
  std::memset(&l.form, 0, sizeof l.form);
  l.form.rank = 1, l.form.vector = 4, l.grid[0] = {blocks, 1}, l.block = 256, l.args_bytes = bytes;
  std::memcpy(l.args, &number, sizeof number);
  return l;
}
std::uint32_t word(const program::Launch& l, std::size_t i) {
  std::uint32_t v;
  std::memcpy(&v, l.args + 4 * i, sizeof v);
  return v;
}

TEST_F(Sets, AreAsManyAsTheArgumentHasRoomFor) {
  for (std::size_t bytes = 16; bytes <= 1600; bytes += 8) {
    program::Launch many;
    std::size_t n = 0;
    while (program::add_set(many, launch_of(n, 3, bytes))) ++n;
    EXPECT_EQ(n, program::most_sets(bytes));
    EXPECT_LE(many.args_bytes, program::most_args);
    EXPECT_GT(many.args_bytes + bytes + 4 + 8, program::most_args) << "there is room for another";
    EXPECT_LE(n, 256u) << "what the kernel's search reaches";
    EXPECT_EQ(word(many, 0), n);
    EXPECT_EQ(many.grid[0].x, 3 * n);
    for (std::size_t i = 0; i < n; ++i) {
      EXPECT_EQ(word(many, 1 + i), 3 * i);
      EXPECT_EQ(word(many, (program::first_set(bytes) + i * bytes) / 4), i);
    }
  }
}

TEST_F(Sets, OfOneFormOnlyButForTheTail) {
  program::Launch many, tail = launch_of(2, 1), scalar = launch_of(3, 1), far = launch_of(4, 0x7FFFFFFF);
  tail.form.tail = 1, scalar.form.vector = 1;
  EXPECT_TRUE(program::add_set(many, launch_of(1, 1)));
  EXPECT_EQ(many.form.tail, 0);
  EXPECT_TRUE(program::add_set(many, tail));
  EXPECT_TRUE(program::add_set(many, launch_of(1, 1)));
  EXPECT_EQ(many.form.tail, 1) << "for all of them";
  EXPECT_FALSE(program::add_set(many, scalar));
  EXPECT_FALSE(program::add_set(many, far)) << "more blocks than a grid has";
  EXPECT_EQ(word(many, 0), 3u);
}

TEST_F(Sets, OneAloneIsAnOrdinaryLaunch) {
  const program::Launch one = launch_of(7, 5);
  program::Launch many;
  program::add_set(many, one);
  program::simplify(many);
  EXPECT_EQ(many.args_bytes, one.args_bytes);
  EXPECT_EQ(std::memcmp(many.args, one.args, one.args_bytes), 0);
  EXPECT_TRUE(many.form == one.form);
  EXPECT_EQ(many.grid[0].x, 5u);
}

}  // namespace
}  // namespace cuda_program_test
