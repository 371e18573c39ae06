// What is emitted, by NVRTC, which needs no GPU.
#include <thread>

#include "case.hpp"
#include "compile.hpp"

namespace cuda_program_test {
namespace {

class NvrtcTest : public testing::Test {
 protected:
  // Programs of seeds [first, end), each with the name of its seed. Every fourth batch becomes machine code, the others PTX.
  void compile(std::uint64_t first, std::uint64_t end) {
    std::string text = program::prelude();
    std::vector<std::string> names;
    for (std::uint64_t seed = first; seed < end; ++seed) {
      const std::unique_ptr<Case> c = seed % 3 ? random_pointwise(seed) : random_reduce(seed);
      c->emit("k" + std::to_string(seed));
      text += c->source.kernel;
      for (const std::string& name : {c->source.entry, c->source.second})
        if (!name.empty()) names.push_back(name);
    }
    const bool to_machine_code = first % 400 == 1;
    try {
      const auto image = compiler.compile(text, to_machine_code ? 75 : 76);
      EXPECT_EQ(image->is_ptx, !to_machine_code);
      for (const std::string& name : names)
        EXPECT_NE(std::search(image->bytes.begin(), image->bytes.end(), name.begin(), name.end()), image->bytes.end()) << name;
    } catch (const program::Failure& f) {
      ADD_FAILURE() << "programs from " << first << ": " << f.text.substr(0, 4000);
    }
  }

  program::Compiler compiler{std::string()};
  void SetUp() override {
    try {
      compiler.compile("extern \"C\" __global__ void nothing() {}", 90);
    } catch (const program::Failure& f) {
      if (f.code == MU_UNAVAILABLE) GTEST_SKIP() << "skipped: " << f.text;
      FAIL() << f.text;
    }
  }
};

// Many kernels to a compilation, so that the prelude is read once for all of them; two compilations at once.
TEST_F(NvrtcTest, CompilesThousandsOfRandomPrograms) {
  constexpr std::uint64_t programs = 2000, each = 100;
  const auto compile_every_second = [this](std::uint64_t begin) {
    for (std::uint64_t first = begin; first <= programs && !HasFailure(); first += 2 * each) compile(first, first + each);
  };
  std::thread other(compile_every_second, 1 + each);
  compile_every_second(1);
  other.join();
}

}  // namespace
}  // namespace cuda_program_test
