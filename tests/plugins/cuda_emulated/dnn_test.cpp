// Convolutions by the tables, on the emulated cuDNN: values, and what is chosen.
#include "dnn_support.hpp"

namespace emulated_test {
namespace {

constexpr std::uint32_t kinds[] = {MU_CONV_FORWARD, MU_CONV_BACKWARD_DATA, MU_CONV_BACKWARD_WEIGHTS};
constexpr std::uint32_t maths[] = {MU_MATH_EXACT, MU_MATH_TF32, MU_MATH_BF16X3};
constexpr mu_dtype types[] = {MU_F32, MU_F64, MU_F16, MU_BF16};
double tolerance_of(mu_dtype t) { return t == MU_F64 ? 1e-13 : t == MU_F32 ? 1e-5 : t == MU_F16 ? 4e-3 : 4e-2; }

TEST_F(CudaEmulatedDnn, ConvolutionsGiveTheBuiltinBackendsValues) {
  for (const ConvCase& c : convolutions)
    for (const std::uint32_t kind : kinds)
      for (const mu_dtype type : types)
        for (const bool dense : {true, false}) {
          SCOPED_TRACE("rank " + std::to_string(c.x.size()) + " kind " + std::to_string(kind) + " type " + std::to_string(type));
          expect_builtin(conv_op(c, kind, type), type, operands_of(c, kind), dense, tolerance_of(type));
        }
}

TEST_F(CudaEmulatedDnn, AnEpilogueFollowsInPlaceOrFromTheWorkspace) {
  ProgramText text;
  const int sum = text.input(MU_F32), bias = text.input(MU_F32), other = text.input(MU_F32);
  text.out.push_back(text.add(MU_PW_FMA, MU_F32, sum, other, bias));
  const mu_pw_program p = text.descriptor();
  for (const std::uint32_t kind : {kinds[0], kinds[1]})
    for (const bool dense : {true, false})
      for (const ConvCase& c : convolutions) {
        mu_op_conv op = conv_op(c, kind);
        op.epilogue = &p;
        auto dims = operands_of(c, kind);
        dims.insert(dims.end() - 1, {dims.back(), dims.back()});
        expect_builtin(op, MU_F32, dims, dense, 1e-5);
      }
}

TEST_F(CudaEmulatedDnn, SumsOverNothingAreZero) {
  ProgramText text;
  text.out.push_back(text.add(MU_PW_ADD, MU_F32, text.input(MU_F32), text.input(MU_F32)));
  const mu_pw_program p = text.descriptor();
  mu_op_conv op = conv_op({{}, {}, {}, {1}, {1}, {0}, 1}, MU_CONV_FORWARD);
  expect_builtin(op, MU_F32, {{2, 0, 5}, {3, 0, 2}, {2, 3, 4}}, true, 0);
  expect_builtin(op, MU_F32, {{0, 2, 5}, {3, 2, 2}, {0, 3, 4}}, true, 0);
  op.epilogue = &p;
  for (const bool dense : {true, false}) expect_builtin(op, MU_F32, {{2, 0, 5}, {3, 0, 2}, {2, 3, 4}, {2, 3, 4}}, dense, 0);
  op.epilogue = nullptr, op.kind = MU_CONV_BACKWARD_WEIGHTS;
  expect_builtin(op, MU_F32, {{0, 2, 5}, {0, 3, 4}, {3, 2, 2}}, false, 0);
}

// Of 1 + 2^-9 + 2^-12 TF32 has the first two, a 16-bit float may have less.
TEST_F(CudaEmulatedDnn, ProductsAreRoundedOnlyWhereThatIsAllowed) {
  const float in_tf32 = 1 + 0x1p-9f, x = in_tf32 + 0x1p-12f;
  const mu_tensor a = on_device(std::vector<float>{x}, {1, 1, 1}), b = on_device(std::vector<float>{1}, {1, 1, 1}),
                  y = on_device(std::vector<float>(1), {1, 1, 1});
  for (const std::uint32_t kind : kinds)
    for (const std::uint32_t math : maths) {
      mu_op_conv op = conv_op({{}, {}, {}, {1}, {1}, {0}, 1}, kind);
      op.math = math;
      ASSERT_EQ(run_op(op, MU_OP_CONV, {a, b}, y), MU_OK) << error_.message;
      EXPECT_NEAR(read<float>(y)[0], math == MU_MATH_TF32 ? in_tf32 : x, 0x1p-22) << kind;
    }
}

TEST_F(CudaEmulatedDnn, TheFirstAlgorithmThatMayBeTakenIs) {
  const auto planned = [&](std::uint32_t kind, std::uint32_t flags, mu_plan_info& info) {
    std::vector<mu_tensor> v;
    for (const Sizes& d : operands_of(convolutions[1], kind)) v.push_back(view(nullptr, MU_F32, d, dense_strides(d)));
    const mu_op_conv op = conv_op(convolutions[1], kind);
    return plan_with(flags, op.h, v, info);
  };
  mu_plan_info info;
  constexpr std::uint32_t both = MU_PLAN_CAPTURE_SAFE | MU_PLAN_DETERMINISTIC;
  for (const std::uint32_t kind : kinds) {
    emulated = "dnn_workspace=70000";
    const bool forward = kind == MU_CONV_FORWARD;
    ASSERT_EQ(planned(kind, 0, info), MU_OK) << error_.message;
    EXPECT_EQ(info.flags, forward ? both : MU_PLAN_CAPTURE_SAFE);
    EXPECT_EQ(info.workspace_bytes, forward ? 70144u : 0u);
    ASSERT_EQ(planned(kind, MU_PLAN_ORDERED, info), MU_OK) << error_.message;
    EXPECT_EQ(info.flags, both);
    EXPECT_EQ(info.workspace_bytes, 70144u);
    // More than a sixteenth of the device's memory.
    emulated = "dnn_workspace=268435457";
    EXPECT_EQ(planned(kind, 0, info), MU_OK) << error_.message;
    EXPECT_EQ(info.workspace_bytes, 0u);
    const mu_code code = planned(kind, MU_PLAN_ORDERED, info);
    if (forward)
      EXPECT_EQ(code, MU_OK);
    else
      expect(code, MU_UNSUPPORTED,
             "[conv] cuDNN has no algorithm of those that may be taken: (2, 3, 6, 5) with (4, 3, 3, 2) to (2, 4, 3, 6)");
  }
}

TEST_F(CudaEmulatedDnn, QueriesLeaveNothingBehind) {
  mu_plan_info info;
  std::vector<mu_tensor> v;
  for (const Sizes& d : operands_of(convolutions[0], MU_CONV_FORWARD)) v.push_back(view(nullptr, MU_F32, d, dense_strides(d)));
  EXPECT_EQ(plan_with(MU_PLAN_QUERY_ONLY, conv_op(convolutions[0], MU_CONV_FORWARD).h, v, info), MU_OK) << error_.message;
}

TEST_F(CudaEmulatedDnn, NothingIsCompiledWithoutTheLibrary) {
  TearDown();
  device_ = nullptr;
  plugin_ = fresh_module();
  open("dnn=none fail=cudaLibraryLoadData:1:209");
  std::vector<mu_tensor> v;
  for (const Sizes& d : operands_of(convolutions[0], MU_CONV_FORWARD)) v.push_back(view(nullptr, MU_F32, d, any_strides(random_, d)));
  mu_plan_info info;
  expect(plan_with(0, conv_op(convolutions[0], MU_CONV_FORWARD).h, v, info), MU_UNSUPPORTED, "[cuda] no cuDNN");
}

}  // namespace
}  // namespace emulated_test
