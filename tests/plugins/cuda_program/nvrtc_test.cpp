// What is emitted, by NVRTC, which needs no GPU.
#include "case.hpp"
#include "compile.hpp"

namespace cuda_program_test {
namespace {

class NvrtcTest : public testing::Test {
 protected:
  program::Compiler compiler{std::string()};
  void SetUp() override {
    try {
      compiler.compile("extern \"C\" __global__ void nothing() {}", 90);
    } catch (const program::Failure& f) {
      if (f.code == MU_UNAVAILABLE) GTEST_SKIP() << f.text;
      FAIL() << f.text;
    }
  }
};

// Many kernels to a compilation, so that the prelude is read once for all of them.
TEST_F(NvrtcTest, CompilesThousandsOfRandomPrograms) {
  constexpr std::uint64_t programs = 2000, each = 100;
  for (std::uint64_t first = 1; first <= programs; first += each) {
    std::string text = program::prelude();
    std::size_t kernels = 0;
    for (std::uint64_t seed = first; seed < first + each; ++seed) {
      const std::unique_ptr<Case> c = seed % 3 ? random_pointwise(seed) : random_reduce(seed);
      c->emit("k" + std::to_string(seed));
      text += c->source.kernel;
      kernels += 1 + !c->source.second.empty();
    }
    try {
      const auto image = compiler.compile(text, first % 400 == 1 ? 75 : 76);
      EXPECT_EQ(image->is_ptx, first % 400 != 1);
      for (std::uint64_t seed = first; seed < first + each; ++seed) {
        const std::string name = "k" + std::to_string(seed);
        EXPECT_NE(std::search(image->bytes.begin(), image->bytes.end(), name.begin(), name.end()), image->bytes.end()) << name;
      }
    } catch (const program::Failure& f) {
      FAIL() << "programs from " << first << ": " << f.text.substr(0, 4000);
    }
  }
}

}  // namespace
}  // namespace cuda_program_test
