// Products with a bias, which cuBLASLt adds where that is all that follows; everything else is a program over the product.
#include <functional>

#include "emulated_device.hpp"

namespace {

using namespace emulated_test;

constexpr std::int64_t batch = 2, rows = 2, columns = 4, inner = 3;

class CudaEmulatedBias : public CudaEmulatedDevice {
 protected:
  void SetUp() override {
    CudaEmulatedDevice::SetUp();
    for (int i = 0; i < batch * rows * inner; ++i) a_.push_back(static_cast<float>(i - 4));
    for (int i = 0; i < inner * columns; ++i) b_.push_back(static_cast<float>(i % 5 - 2));
    for (int i = 0; i < 12; ++i) added_.push_back(static_cast<float>(100 * i + 7));
    a = on_device(a_, {batch, rows, inner});
    b = on_device(b_, {batch, inner, columns});
    b.stride[0] = 0;
    out = on_device(std::vector<float>(batch * rows * columns), {batch, rows, columns});
    bias = on_device(added_, {batch, rows, columns});
    bias.stride[0] = bias.stride[1] = 0;
  }
  static ProgramText sum(bool bias_first = false) {
    ProgramText text;
    const int product = text.input(MU_F32), other = text.input(MU_F32);
    text.out.push_back(text.add(MU_PW_ADD, MU_F32, bias_first ? other : product, bias_first ? product : other));
    return text;
  }
  mu_code multiply(const ProgramText& after) {
    const mu_pw_program p = after.descriptor();
    mu_op_matmul op{};
    op.acc = MU_F32, op.epilogue = &p;
    return run_op(op, MU_OP_MATMUL, {a, b, bias}, out);
  }
  // With what follows a value of the product and one of the other input.
  std::vector<float> expected(const std::function<float(float, float)>& after) const {
    std::vector<float> values(batch * rows * columns);
    const auto offset = static_cast<std::int64_t>(bias.byte_offset / sizeof(float));
    for (std::int64_t n = 0; n < batch; ++n)
      for (std::int64_t i = 0; i < rows; ++i)
        for (std::int64_t j = 0; j < columns; ++j) {
          float product = 0;
          for (std::int64_t k = 0; k < inner; ++k)
            product += a_[static_cast<std::size_t>((n * rows + i) * inner + k)] * b_[static_cast<std::size_t>(k * columns + j)];
          const std::int64_t at = offset + n * bias.stride[0] + i * bias.stride[1] + j * bias.stride[2];
          values[static_cast<std::size_t>((n * rows + i) * columns + j)] = after(product, added_[static_cast<std::size_t>(at)]);
        }
    return values;
  }

  std::vector<float> a_, b_, added_;
  mu_tensor a{}, b{}, bias{}, out{};
};

float added(float product, float bias) { return product + bias; }

TEST_F(CudaEmulatedBias, IsAddedWithoutAProgram) {
  for (const bool first : {false, true})
    for (const std::uint64_t offset : {0u, 4u, 16u, 20u}) {
      bias.byte_offset = offset;
      emulated = "fail=cudaLaunchKernel:1:701 " + std::to_string(offset) + (first ? " first" : "");
      EXPECT_EQ(multiply(sum(first)), MU_OK) << error_.message;
      EXPECT_EQ(read<float>(out), expected(added)) << offset;
    }
}

TEST_F(CudaEmulatedBias, OfAnotherFormIsAddedByAProgram) {
  const mu_tensor vector = bias;
  const auto by_program = [&](const char* what, const ProgramText& text, const std::function<float(float, float)>& after) {
    emulated = std::string("fail=cudaLaunchKernel:1:701 ") + what;
    expect(multiply(text), MU_INTERNAL, "[cuda] a program can't be launched");
    EXPECT_EQ(multiply(text), MU_OK) << error_.message;
    EXPECT_EQ(read<float>(out), expected(after)) << what;
    bias = vector;
  };
  bias.stride[2] = 2;
  by_program("gaps", sum(), added);
  bias.stride[1] = 1, bias.stride[2] = 0;
  by_program("rows", sum(), added);
  bias.stride[0] = columns;
  by_program("batch", sum(), added);
  ProgramText difference = sum();
  difference.inst[0].op = MU_PW_SUB;
  by_program("difference", difference, [](float x, float y) { return x - y; });
  ProgramText twice = sum();
  twice.inst[0].a = twice.inst[0].b = 1;
  by_program("twice", twice, [](float, float y) { return y + y; });
  ProgramText kept = sum();
  kept.out[0] = 1;
  by_program("kept", kept, [](float, float y) { return y; });
  ProgramText positive = sum();
  positive.out[0] = positive.add(MU_PW_RELU, MU_F32, positive.out[0]);
  by_program("positive", positive, [](float x, float y) { return x + y > 0 ? x + y : 0; });
}

TEST_F(CudaEmulatedBias, IsAddedByAProgramWhereCublasLtHasNoKernel) {
  for (const char* call : {"cublasLtMatmulAlgoGetHeuristic:1:15", "cublasLtMatmulAlgoGetHeuristic:2:15"}) {
    emulated = std::string("fail=") + call;
    EXPECT_EQ(multiply(sum()), MU_OK) << error_.message;
    EXPECT_EQ(read<float>(out), expected(added)) << call;
  }
  emulated = "fail=cublasLtMatmulAlgoGetHeuristic:1:3";
  expect(multiply(sum()), MU_OUT_OF_MEMORY, "[matmul] cuBLASLt has no kernel for a product");
}

TEST_F(CudaEmulatedBias, ThatCannotBeDescribedIsAFailureOfTheRun) {
  Planned p;
  const ProgramText text = sum();
  const mu_pw_program program = text.descriptor();
  mu_op_matmul op{};
  op.h = {sizeof op, MU_OP_MATMUL}, op.acc = MU_F32, op.epilogue = &program;
  ASSERT_EQ(plan(p, &op.h, {a, b, bias}, out), MU_OK) << error_.message;
  emulated = "fail=cublasLtMatmulDescCreate:1:3";
  expect(run(p, {a, b, bias}, out), MU_OUT_OF_MEMORY, "a product can't be described");
  EXPECT_EQ(run(p, {a, b, bias}, out), MU_OK) << error_.message;
  EXPECT_EQ(read<float>(out), expected(added));
  plugin_->compute->plan_destroy(p.plan);
}

}  // namespace
