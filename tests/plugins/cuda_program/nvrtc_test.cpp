// What is emitted, by NVRTC, which needs no GPU.
#include <regex>
#include <thread>

#include "../../support/sanitized.hpp"
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
  // A sanitizer looks at the emitter's memory; NVRTC sees the same sources elsewhere.
  constexpr std::uint64_t programs = mushin::test::address_sanitized ? 200 : 2000, each = 100;
  const auto compile_every_second = [this](std::uint64_t begin) {
    for (std::uint64_t first = begin; first <= programs && !HasFailure(); first += 2 * each) compile(first, first + each);
  };
  std::thread other(compile_every_second, 1 + each);
  compile_every_second(1);
  other.join();
}

// What is dense and aligned is read and written by 16 bytes, and nothing goes through local memory.
TEST_F(NvrtcTest, DenseOperandsAreReadByVectors) {
  Generator g(3);
  const Sizes dims{64, 64};
  for (mu_dtype t : {MU_F32, MU_F64, MU_F16, MU_BF16, MU_I8, MU_I64})
    for (bool reduces : {false, true}) {
      Case c;
      c.dims = dims;
      c.text.out = {c.text.add(MU_PW_ADD, t, c.text.input(t), c.text.input(t))};
      for (int i = 0; i < 2; ++i) c.in.push_back(std::make_unique<Operand>(g, t, dims, Sizes{64, 1}));
      if (reduces) c.reduce = MU_REDUCE_MAX, c.acc = t;
      c.out.push_back(std::make_unique<Operand>(g, t, dims, Sizes{reduces ? 1 : 64, reduces ? 0 : 1}));
      c.emit("k");
      EXPECT_EQ(c.launch.form.vector * mu_dtype_bytes(t), 16u);
      const auto image = compiler.compile(c.source.text(), 76);
      const std::string ptx(image->bytes.data());
      const auto count = [&ptx](const std::string& pattern) {
        const std::regex words(pattern);
        return std::distance(std::sregex_iterator(ptx.begin(), ptx.end(), words), std::sregex_iterator());
      };
      const std::string by_16_bytes = R"(\.global\.(v4\.[fub]32|v2\.[fub]64))";
      EXPECT_GE(count("ld" + by_16_bytes), 2) << ptx;
      EXPECT_EQ(count("st" + by_16_bytes), reduces ? 0 : 1) << ptx;
      EXPECT_EQ(count("[.]local"), 0) << ptx;
    }
}

// A product and a sum round twice; subnormals, quotients and roots are as IEEE has them.
TEST_F(NvrtcTest, ArithmeticIsWhatIsWritten) {
  Generator g(7);
  const Sizes dims{8};
  Case c;
  c.dims = dims;
  const int x = c.text.input(MU_F32), y = c.text.input(MU_F32), sum = c.text.add(MU_PW_ADD, MU_F32, c.text.add(MU_PW_MUL, MU_F32, x, y), x);
  c.text.out = {c.text.add(MU_PW_SQRT, MU_F32, c.text.add(MU_PW_DIV, MU_F32, sum, y))};
  for (int i = 0; i < 2; ++i) c.in.push_back(std::make_unique<Operand>(g, MU_F32, dims, Sizes{1}));
  c.out.push_back(std::make_unique<Operand>(g, MU_F32, dims, Sizes{1}));
  c.emit("k");
  const auto image = compiler.compile(c.source.text(), 76);
  const std::string ptx(image->bytes.data());
  for (const char* word : {"fma.", ".ftz", ".approx"}) EXPECT_EQ(ptx.find(word), std::string::npos) << word << "\n" << ptx;
  for (const char* word : {"div.rn.f32", "sqrt.rn.f32"}) EXPECT_NE(ptx.find(word), std::string::npos) << word << "\n" << ptx;
}

}  // namespace
}  // namespace cuda_program_test
