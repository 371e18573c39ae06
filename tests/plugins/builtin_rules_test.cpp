// Every rule of the builtin backend, broken once: the code, and the sentence.
#include <algorithm>

#include "backend.hpp"
#include "builtin.h"
#include "mushin/plugin_collectives.h"

namespace backend_test {
namespace {

class Rules : public testing::Test {
 protected:
  // No view here has more elements than this; all share them.
  std::vector<double> memory = std::vector<double>(4096);
  mu_tensor f32(const Sizes& dims) { return of(MU_F32, dims); }
  mu_tensor f64(const Sizes& dims) { return of(MU_F64, dims); }
  mu_tensor i64(const Sizes& dims) { return of(MU_I64, dims); }
  mu_tensor of(mu_dtype t, const Sizes& dims) { return view(memory.data(), t, dims, dense_strides(dims)); }
  mu_tensor turned(const Sizes& dims) { return view(memory.data(), MU_F32, dims, Sizes(dims.size(), 1)); }

  using Views = std::vector<mu_tensor>;
  template <class Op>
  void invalid(std::uint32_t id, const Op& op, const Views& in, const Views& out, const std::string& sentence) {
    EXPECT_EQ(backend.run(op, id, in, out), MU_INVALID) << sentence;
    EXPECT_EQ(backend.message(), sentence);
  }
  template <class Op>
  void unsupported(std::uint32_t id, const Op& op, const Views& in, const Views& out, const std::string& sentence) {
    EXPECT_EQ(backend.run(op, id, in, out), MU_UNSUPPORTED) << sentence;
    EXPECT_EQ(backend.message(), sentence);
  }

  Backend backend{mushin_builtin_entry(test_host(), nullptr)};
};

TEST_F(Rules, OfViews) {
  const mu_op_copy op{};
  mu_tensor deep = f32({2}), laid_out = f32({2});
  deep.rank = 9, laid_out.layout = MU_LAYOUT_OPAQUE;
  invalid(MU_OP_COPY, op, {deep}, {f32({2})}, "[copy] input: rank 9 is beyond 8");
  unsupported(MU_OP_COPY, op, {f32({2})}, {laid_out}, "[copy] output: only strided layouts");
  unsupported(MU_OP_COPY, op, {of(MU_U64, {2})}, {f32({2})}, "[copy] input: element type 81921 is not supported");
  invalid(MU_OP_COPY, op, {f32({2})}, {f32({3})}, "[copy] input and output: dims differ: (2) and (3)");
  unsupported(MU_OP_FILL, mu_op_fill{}, {}, {laid_out}, "[fill] output: only strided layouts");
}

TEST_F(Rules, OfTables) {
  const mu_tensor v = f32({2});
  const mu_compute_table& c = *backend.plugin().compute;
  mu_error e{};
  e.size = sizeof e;
  mu_op_fill op{{sizeof op, MU_OP_FILL}, 0};
  EXPECT_EQ(c.plan_create(backend.device(), nullptr, 0, 0, nullptr, 1, &v, nullptr, nullptr, &e), MU_INVALID);
  EXPECT_STREQ(e.message, "a pointer is missing");
  e.message[0] = 0;
  EXPECT_EQ(c.plan_create(backend.device(), &op.h, 0, 0, nullptr, 1, &v, nullptr, nullptr, &e), MU_INVALID);
  EXPECT_STREQ(e.message, "a pointer is missing");
  mu_plan* plan = nullptr;
  ASSERT_EQ(c.plan_create(backend.device(), &op.h, 0, 0, nullptr, 1, &v, &plan, nullptr, &e), MU_OK);
  EXPECT_EQ(c.plan_run(plan, nullptr, 1, &v, 1, &v, nullptr, 0, &e), MU_INVALID);
  EXPECT_STREQ(e.message, "the plan was made for another number of views");
  c.plan_destroy(plan);
  mu_device* none = nullptr;
  EXPECT_EQ(backend.plugin().device_open(1, &none, &e), MU_INVALID);
  EXPECT_STREQ(e.message, "the builtin backend has one device, number 0");
  mu_op short_one{sizeof(mu_op), MU_OP_FILL}, unknown{sizeof(mu_op), MU_OP_VENDOR};
  EXPECT_EQ(backend.run_op(&short_one, {}, {v}), MU_INVALID);
  EXPECT_EQ(backend.message(), "descriptor of op 5 is too short: 8 bytes");
  struct Longer {
    mu_op_fill op;
    std::uint64_t more;
  } longer{{{sizeof(Longer), MU_OP_FILL}, 0}, 1};
  EXPECT_EQ(backend.run_op(&longer.op.h, {}, {v}), MU_UNSUPPORTED);
  EXPECT_EQ(backend.message(), "descriptor of op 5 has fields that are not known here");
  EXPECT_EQ(backend.run_op(&unknown, {v}, {v}), MU_UNSUPPORTED);
  EXPECT_EQ(backend.message(), "op 32768 is not known here");
  invalid(MU_OP_COPY, mu_op_copy{}, {v, v}, {v}, "op 4 does not take 2 inputs and 1 outputs");
}

mu_op_attention attention(std::uint32_t kind) {
  mu_op_attention op{};
  op.kind = kind, op.scale = 1;
  return op;
}

TEST_F(Rules, OfAttention) {
  const mu_tensor q = f32({2, 3, 4}), k = f32({2, 5, 4}), v = f32({2, 5, 6}), y = f32({2, 3, 6}), lse = f32({2, 3, 1});
  const std::uint32_t id = MU_OP_ATTENTION;
  const mu_op_attention op = attention(MU_ATTENTION), back = attention(MU_ATTENTION_BACKWARD);
  EXPECT_EQ(backend.run(op, id, {q, k, v}, {y, lse}), MU_OK) << backend.message();
  EXPECT_EQ(backend.run(back, id, {q, k, v, y, lse, y}, {q, k, v}), MU_OK) << backend.message();
  unsupported(id, attention(2), {q, k, v}, {y}, "[attention] kind 2 with flags 0 is not known here");
  mu_op_attention flags = op;
  flags.flags = 2;
  unsupported(id, flags, {q, k, v}, {y}, "[attention] kind 0 with flags 2 is not known here");
  invalid(id, op, {f32({4}), k, v}, {y}, "[attention] all views have one rank, 2 to 8: (4)");
  invalid(id, op, {q, f32({5, 4}), v}, {y}, "[attention] all views have one rank, 2 to 8: (2, 3, 4)");
  invalid(id, back, {q, k, v}, {q, k, v}, "[attention] takes q, k, v, and a bias; backward y, lse and dy too");
  invalid(id, op, {q, k, v, f32({2, 3, 5}), q}, {y}, "[attention] takes q, k, v, and a bias; backward y, lse and dy too");
  invalid(id, back, {q, k, v, y, lse, y}, {q, k}, "[attention] gives y, and lse; backward three gradients");
  invalid(id, op, {q, k, v}, {y, lse, y}, "[attention] gives y, and lse; backward three gradients");
  invalid(id, op, {q, f64({2, 5, 4}), v}, {y}, "[attention] element types differ");
  invalid(id, op, {q, f32({2, 5, 3}), v}, {y}, "[attention] k does not fit q: (2, 5, 3) and (2, 3, 4)");
  invalid(id, op, {q, k, f32({1, 5, 6})}, {y}, "[attention] v does not fit q: (1, 5, 6) and (2, 3, 4)");
  invalid(id, op, {q, k, v, f32({2, 5, 3})}, {y}, "[attention] bias does not fit q: (2, 5, 3) and (2, 3, 4)");
  invalid(id, op, {q, k, v}, {q}, "[attention] y does not fit q: (2, 3, 4) and (2, 3, 4)");
  invalid(id, op, {q, k, v}, {y, y}, "[attention] lse does not fit q: (2, 3, 6) and (2, 3, 4)");
  invalid(id, back, {q, k, v, y, lse, q}, {q, k, v}, "[attention] dy does not fit q: (2, 3, 4) and (2, 3, 4)");
  invalid(id, back, {q, k, v, y, lse, y}, {k, k, v}, "[attention] dq does not fit q: (2, 5, 4) and (2, 3, 4)");
  invalid(id, back, {q, k, v, y, lse, y}, {q, v, v}, "[attention] dk does not fit q: (2, 5, 6) and (2, 3, 4)");
  invalid(id, back, {q, k, v, y, lse, y}, {q, k, k}, "[attention] dv does not fit q: (2, 5, 4) and (2, 3, 4)");
  const mu_tensor narrow = of(MU_F16, {2, 3});
  unsupported(id, op, {narrow, narrow, narrow}, {narrow}, "[attention] float32 and float64 only");
}

TEST_F(Rules, OfNormalization) {
  const auto kind = [](std::uint32_t k) {
    mu_op_normalize op{};
    op.kind = k, op.eps = 1e-3;
    return op;
  };
  const std::uint32_t id = MU_OP_NORMALIZE;
  const mu_tensor x = f32({4, 3}), g = f32({3}), half = of(MU_F16, {4, 3}), half_line = of(MU_F16, {3});
  const auto layer = kind(MU_NORMALIZE_LAYER), back = kind(MU_NORMALIZE_LAYER_BACKWARD), rms = kind(MU_NORMALIZE_RMS);
  unsupported(id, kind(6), {x, g, g}, {x}, "[normalize] kind 6 is not known here");
  invalid(id, layer, {x, g, g}, {x, g}, "[normalize] gives one output, backward one more for each parameter");
  invalid(id, back, {x, g, x}, {x, g}, "[normalize] gives one output, backward one more for each parameter");
  invalid(id, rms, {x, g, g}, {x}, "[normalize] takes x and the parameters, backward x, gain and dy");
  invalid(id, layer, {f32({4, 3, 1}), g, g}, {x}, "[normalize] x has two axes: (4, 3, 1)");
  invalid(id, layer, {x, f64({3}), g}, {x}, "[normalize] element types differ");
  invalid(id, layer, {x, g, g}, {f32({3, 4})}, "[normalize] operand and x: dims differ: (3, 4) and (4, 3)");
  invalid(id, rms, {x, f32({4})}, {x}, "[normalize] a parameter is not along the last axis: (4)");
  unsupported(id, rms, {half, half_line}, {half}, "[normalize] float32 and float64 only");
  const auto batch = kind(MU_NORMALIZE_BATCH);
  const mu_tensor images = f32({2, 3, 4}), halves = of(MU_F16, {2, 3, 4});
  invalid(id, batch, {images, g}, {images, g, g}, "[normalize] of channels takes three operands, backward five, and gives three");
  invalid(id, batch, {x, g, g}, {x, g, g}, "[normalize] x has three axes where channels are normalised: (4, 3)");
  invalid(id, batch, {images, f64({3}), g}, {images, g, g}, "[normalize] element types differ");
  invalid(id, batch, {images, g, g}, {f32({2, 3, 5}), g, g}, "[normalize] operand and x: dims differ: (2, 3, 5) and (2, 3, 4)");
  invalid(id, batch, {images, f32({4}), g}, {images, g, g}, "[normalize] a parameter is not along the channels: (4)");
  unsupported(id, batch, {halves, half_line, half_line}, {halves, half_line, half_line}, "[normalize] float32 and float64 only");
}

TEST_F(Rules, OfSoftmax) {
  const auto along = [](std::uint32_t kind, std::uint32_t axis) {
    mu_op_softmax op{};
    op.kind = kind, op.axis = axis;
    return op;
  };
  const mu_tensor x = f32({2, 3});
  const std::uint32_t id = MU_OP_SOFTMAX;
  unsupported(id, along(4, 0), {x}, {x}, "[softmax] kind 4 is not known here");
  invalid(id, along(MU_SOFTMAX_BACKWARD, 0), {x}, {x}, "[softmax] takes one input, backward two");
  invalid(id, along(MU_SOFTMAX, 2), {x}, {x}, "[softmax] axis 2 is outside of (2, 3)");
  invalid(id, along(MU_SOFTMAX, 1), {f64({2, 3})}, {x}, "[softmax] element types differ");
  invalid(id, along(MU_SOFTMAX, 1), {f32({3, 2})}, {x}, "[softmax] input and output: dims differ: (3, 2) and (2, 3)");
  unsupported(id, along(MU_SOFTMAX, 1), {i64({2, 3})}, {i64({2, 3})}, "[softmax] float types only");
}

TEST_F(Rules, OfConvolution) {
  mu_op_conv op{};
  op.kind = MU_CONV_FORWARD, op.acc = MU_F32, op.groups = 1, op.stride[0] = op.dilation[0] = 1;
  const auto with = [&op](auto change) {
    mu_op_conv other = op;
    change(other);
    return other;
  };
  const std::uint32_t id = MU_OP_CONV;
  const mu_tensor x = f32({2, 3, 6}), w = f32({4, 3, 3}), y = f32({2, 4, 4});
  const std::string dims = "(2, 3, 6) with (4, 3, 3) to (2, 4, 4)";
  EXPECT_EQ(backend.run(op, id, {x, w}, {y}), MU_OK) << backend.message();
  unsupported(id, with([](mu_op_conv& o) { o.kind = 3; }), {x, w}, {y}, "[conv] kind 3 is not known here");
  invalid(id, op, {f32({3, 6}), w}, {y}, "[conv] all views have one rank, 3 to 5: (3, 6) with (4, 3, 3) to (2, 4, 4)");
  invalid(id, with([](mu_op_conv& o) { o.groups = 0; }), {x, w}, {y}, "[conv] there is at least one group");
  invalid(id, with([](mu_op_conv& o) { o.stride[0] = 0; }), {x, w}, {y}, "[conv] stride and dilation are at least 1: axis 0 has 0 and 1");
  invalid(id, with([](mu_op_conv& o) { o.before[2] = 1; }), {x, w}, {y}, "[conv] numbers for axis 2 of 1");
  invalid(id, op, {x, w}, {f32({1, 4, 4})}, "[conv] batches differ: (2, 3, 6) with (4, 3, 3) to (1, 4, 4)");
  invalid(id, op, {x, w}, {f32({2, 5, 4})}, "[conv] the outputs are the weights': (2, 3, 6) with (4, 3, 3) to (2, 5, 4)");
  invalid(id, with([](mu_op_conv& o) { o.groups = 2; }), {x, w}, {y}, "[conv] channels do not fit 2 groups: " + dims);
  invalid(id, op, {x, f64({4, 3, 3})}, {y}, "[conv] element types differ: float32, float64 and float32");
  const mu_tensor whole[] = {of(MU_I32, {2, 3, 6}), of(MU_I32, {4, 3, 3}), of(MU_I32, {2, 4, 4})};
  unsupported(id, op, {whole[0], whole[1]}, {whole[2]}, "[conv] float types only, not int32");
  unsupported(id, with([](mu_op_conv& o) { o.acc = MU_F64; }), {x, w}, {y}, "[conv] sums of float32 are made in float32, in no other type");
  ProgramText copy;
  copy.out = {copy.input(MU_F32)};
  const mu_pw_program program = copy.descriptor();
  const auto gradient = with([&](mu_op_conv& o) { o.kind = MU_CONV_BACKWARD_WEIGHTS, o.epilogue = &program; });
  invalid(id, gradient, {x, y}, {w}, "[conv] the weights' gradient takes no epilogue");
  invalid(id, op, {x, w, y}, {y}, "[conv] further inputs need an epilogue");
}

TEST_F(Rules, OfPooling) {
  mu_op_pool op{};
  op.kind = MU_POOL_MAX, op.window[0] = 2, op.stride[0] = op.dilation[0] = 1;
  const auto with = [&op](auto change) {
    mu_op_pool other = op;
    change(other);
    return other;
  };
  const std::uint32_t id = MU_OP_POOL;
  const mu_tensor x = f32({2, 3, 6}), y = f32({2, 3, 5});
  EXPECT_EQ(backend.run(op, id, {x}, {y}), MU_OK) << backend.message();
  unsupported(id, with([](mu_op_pool& o) { o.kind = 4; }), {x}, {y}, "[pool] kind 4 is not known here");
  unsupported(id, with([](mu_op_pool& o) { o.flags = 2; }), {x}, {y}, "[pool] flags 2 are not known here");
  invalid(id, op, {x, y}, {y}, "[pool] takes one input, the gradient of the greatest two");
  invalid(id, op, {f64({2, 3, 6})}, {y}, "[pool] element types differ");
  invalid(id, op, {f32({3, 6})}, {y}, "[pool] all views have one rank, 3 to 5: (3, 6) to (2, 3, 5)");
  invalid(id, with([](mu_op_pool& o) { o.after[1] = 1; }), {x}, {y}, "[pool] numbers for axis 1 of 1");
  invalid(id, with([](mu_op_pool& o) { o.window[0] = 0; }), {x}, {y},
          "[pool] window, stride and dilation are at least 1: axis 0 has 0, 1 and 1");
  invalid(id, with([](mu_op_pool& o) { o.kind = MU_POOL_MEAN, o.dilation[0] = 2; }), {x}, {y},
          "[pool] means have dilation 1: axis 0 has 2");
  invalid(id, op, {f32({2, 1, 6})}, {y}, "[pool] batch and channels differ: (2, 1, 6) to (2, 3, 5)");
  invalid(id, op, {x}, {f32({2, 3, 7})}, "[pool] window 6 of 7 has nothing inside of x: (2, 3, 6) to (2, 3, 7)");
  const auto back = with([](mu_op_pool& o) { o.kind = MU_POOL_MAX_BACKWARD; });
  invalid(id, back, {f32({2, 3, 5}), y}, {x}, "[pool] x and its gradient: dims differ: (2, 3, 5) and (2, 3, 6)");
  const auto large = with([](mu_op_pool& o) { o.kind = MU_POOL_MAX_BACKWARD, o.window[0] = (1u << 24) + 1; });
  unsupported(id, large, {x, y}, {x}, "[pool] a window of 16777217.000000 elements is too large");
  unsupported(id, op, {i64({2, 3, 6})}, {i64({2, 3, 5})}, "[pool] float types only, not int64");
}

TEST_F(Rules, OfMatmul) {
  mu_op_matmul op{};
  op.acc = MU_F32;
  const std::uint32_t id = MU_OP_MATMUL;
  const mu_tensor a = f32({2, 3}), b = f32({3, 4}), c = f32({2, 4});
  invalid(id, op, {f32({3}), b}, {c}, "[matmul] all views have one rank, 2 to 8: (3) times (3, 4) to (2, 4)");
  invalid(id, op, {a, f32({2, 4})}, {c}, "[matmul] dims do not fit: (2, 3) times (2, 4) to (2, 4)");
  invalid(id, op, {a, f64({3, 4})}, {c}, "[matmul] element types differ: float32 and float64");
  const mu_tensor bits[] = {of(MU_BOOL, {2, 3}), of(MU_BOOL, {3, 4}), of(MU_BOOL, {2, 4})};
  unsupported(id, op, {bits[0], bits[1]}, {bits[2]}, "[matmul] bool is not supported");
  mu_op_matmul wide = op;
  wide.acc = MU_F64;
  unsupported(id, wide, {a, b}, {c}, "[matmul] sums of float32 are made in float32, in no other type");
  invalid(id, op, {a, b, c}, {c}, "[matmul] further inputs need an epilogue");
  invalid(id, op, {a, b, a}, {c}, "[matmul] epilogue input and output: dims differ: (2, 3) and (2, 4)");
  const auto after = [&](const ProgramText& text, const Views& in, const char* sentence) {
    const mu_pw_program program = text.descriptor();
    mu_op_matmul with = op;
    with.epilogue = &program;
    invalid(id, with, in, {c}, sentence);
  };
  ProgramText nothing, two, narrow, more;
  nothing.out = {nothing.constant(1.0f)};
  two.out = {two.input(MU_F32), 0};
  narrow.out = {narrow.input(MU_F64)};
  const auto product = more.input(MU_F32), other = more.input(MU_F32);
  more.out = {more.add(MU_PW_ADD, MU_F32, product, other)};
  after(nothing, {a, b}, "[matmul] an epilogue has the product as input 0 and one output");
  after(two, {a, b}, "[matmul] an epilogue has the product as input 0 and one output");
  after(narrow, {a, b}, "[matmul] the epilogue's types are not those of the product and output");
  after(more, {a, b}, "[matmul] epilogue: the program has 2 inputs, the op 0");
  after(more, {a, b, f64({2, 4})}, "[matmul] epilogue: input 0 is not of the program's type, float32");
}

TEST_F(Rules, OfPrograms) {
  const mu_tensor v = f32({4});
  const std::uint32_t id = MU_OP_POINTWISE;
  ProgramText twice;
  const auto x = twice.input(MU_F32);
  twice.out = {twice.add(MU_PW_ADD, MU_F32, x, x)};
  const mu_pw_program good = twice.descriptor();
  const auto with = [&good](auto change) {
    mu_pw_program other = good;
    change(other);
    return other;
  };
  const auto check = [&](mu_code code, const mu_pw_program* p, const Views& in, const Views& out, const std::string& sentence) {
    mu_op_pointwise op{};
    op.program = p;
    EXPECT_EQ(backend.run(op, id, in, out), code) << sentence;
    EXPECT_EQ(backend.message(), sentence);
  };
  const auto wrong = [&](auto change, const std::string& sentence) {
    const mu_pw_program p = with(change);
    check(MU_INVALID, &p, {v}, {v}, sentence);
  };
  const auto beyond = [&](auto change, const std::string& sentence) {
    const mu_pw_program p = with(change);
    check(MU_UNSUPPORTED, &p, {v}, {v}, sentence);
  };
  check(MU_INVALID, nullptr, {v}, {v}, "[pointwise] there is no program");
  check(MU_INVALID, &good, {v}, {v, v}, "[pointwise] the program has another number of outputs than the op");
  check(MU_INVALID, &good, {v}, {f64({4})}, "[pointwise] an output is not of the program's type");
  check(MU_INVALID, &good, {f64({4})}, {v}, "[pointwise] input 0 is not of the program's type, float32");
  check(MU_INVALID, &good, {v, v}, {v}, "[pointwise] the program has 1 inputs, the op 2");
  check(MU_INVALID, &good, {f32({3})}, {v}, "[pointwise] input and output: dims differ: (3) and (4)");
  wrong([](mu_pw_program& p) { p.magic = 0; }, "[program] this is no program: wrong magic or size");
  beyond([](mu_pw_program& p) { p.version = 2; }, "[program] version 2 is not known here");
  wrong([](mu_pw_program& p) { p.n_out = 17; }, "[program] 17 outputs; there are 1 to 16");
  wrong([](mu_pw_program& p) { p.inst = nullptr; }, "[program] a pointer is missing");
  beyond([](mu_pw_program& p) { p.n_inst = 200; }, "[program] too long: 1 inputs, 0 constants, 200 instructions");
  wrong([](mu_pw_program& p) { p.out[0] = 2; }, "[program] output 0: there is no value 2");
  const mu_dtype unknown = MU_U64;
  beyond([&](mu_pw_program& p) { p.in_type = &unknown; }, "[program] input 0: element type 81921 is not supported");
  mu_pw_inst inst = twice.inst[0];
  const auto instruction = [&](auto change) {
    inst = twice.inst[0];
    change(inst);
    return [&inst](mu_pw_program& p) { p.inst = &inst; };
  };
  wrong(instruction([](mu_pw_inst& i) { i.op = MU_PW_CORE_END; }), "[program] instruction 0 (opcode 43) does not exist");
  beyond(instruction([](mu_pw_inst& i) { i.op = MU_PW_OPTIONAL_END; }), "[program] instruction 0 (opcode 133) is not known here");
  beyond(instruction([](mu_pw_inst& i) { i.flags = 1; }), "[program] instruction 0 (opcode 1): flags are not known here");
  wrong(instruction([](mu_pw_inst& i) { i.b = 1; }), "[program] instruction 0 (opcode 1): operand 1 is not computed before it");
  beyond(instruction([](mu_pw_inst& i) { i.type = MU_U64; }), "[program] instruction 0 (opcode 1): element type 81921 is not supported");
  wrong(instruction([](mu_pw_inst& i) { i.type = MU_F64; }), "[program] instruction 0 (opcode 1): operands and result must have one type");
  wrong(instruction([](mu_pw_inst& i) { i.op = MU_PW_EQ; }),
        "[program] instruction 0 (opcode 24): operands must have one type, the result is bool");
  wrong(instruction([](mu_pw_inst& i) { i.op = MU_PW_ISNAN; }), "[program] instruction 0 (opcode 38): the result is bool");
  wrong(instruction([](mu_pw_inst& i) { i.op = MU_PW_IOTA; }),
        "[program] instruction 0 (opcode 39): the result is int64, the axis at most 8");
  wrong(instruction([](mu_pw_inst& i) { i.op = MU_PW_SHL; }), "[program] instruction 0 (opcode 34): operands of this type are not allowed");
  ProgramText choice;
  const auto c = choice.input(MU_BOOL), a = choice.input(MU_F32), b = choice.input(MU_F64);
  choice.out = {choice.add(MU_PW_SELECT, MU_F32, c, a, b)};
  EXPECT_EQ(backend.pointwise(choice, {of(MU_BOOL, {4}), v, f64({4})}, {v}), MU_INVALID);
  EXPECT_EQ(backend.message(), "[program] instruction 0 (opcode 36): both choices and the result must have one type");
}

TEST_F(Rules, OfReductions) {
  ProgramText copy, two;
  copy.out = {copy.input(MU_F32)};
  two.out = {two.input(MU_F32), 0};
  const mu_pw_program one = copy.descriptor(), both = two.descriptor();
  mu_op_map_reduce op{};
  op.program = &one, op.kind = MU_REDUCE_SUM, op.acc = MU_F32;
  const auto with = [&op](auto change) {
    mu_op_map_reduce other = op;
    change(other);
    return other;
  };
  const std::uint32_t id = MU_OP_MAP_REDUCE;
  const mu_tensor x = f32({2, 3}), y = view(memory.data(), MU_F32, {2, 3}, {1, 0}), at = view(memory.data(), MU_I64, {2, 3}, {1, 0});
  EXPECT_EQ(backend.run(op, id, {x}, {y}), MU_OK) << backend.message();
  invalid(id, with([](mu_op_map_reduce& o) { o.program = nullptr; }), {x}, {y}, "[map_reduce] there is no program");
  invalid(id, with([&](mu_op_map_reduce& o) { o.program = &both; }), {x}, {y}, "[map_reduce] the program must have one output");
  unsupported(id, with([](mu_op_map_reduce& o) { o.kind = 7; }), {x}, {y}, "[map_reduce] kind 7 is not known here");
  unsupported(id, with([](mu_op_map_reduce& o) { o.acc = MU_U64; }), {x}, {y}, "[map_reduce] accumulation in this type is not supported");
  invalid(id, with([](mu_op_map_reduce& o) { o.kind = MU_REDUCE_ARGMAX; }), {x}, {y}, "[map_reduce] an index is int64");
  const mu_tensor narrow = view(memory.data(), MU_F16, {2, 3}, {1, 0});
  unsupported(id, with([](mu_op_map_reduce& o) { o.acc = MU_F64; }), {x}, {narrow}, "[map_reduce] float64 to float16 is not supported");
  EXPECT_EQ(backend.run(with([](mu_op_map_reduce& o) { o.kind = MU_REDUCE_ARGMAX; }), id, {x}, {at}), MU_OK) << backend.message();
  invalid(id, op, {f64({2, 3})}, {y}, "[map_reduce] input 0 is not of the program's type, float32");
  invalid(id, op, {f32({3, 2})}, {y}, "[map_reduce] input and output: dims differ: (3, 2) and (2, 3)");
}

TEST_F(Rules, OfIndices) {
  const mu_tensor data = f32({4, 3}), at = i64({2, 3}), to = f32({2, 3});
  const auto gather = [](std::uint32_t axis) {
    mu_op_gather op{};
    op.axis = axis;
    return op;
  };
  const std::uint32_t id = MU_OP_GATHER;
  std::fill(memory.begin(), memory.end(), 0);
  invalid(id, gather(0), {data, to}, {to}, "[gather] indices must be int64");
  invalid(id, gather(0), {data, at}, {f64({2, 3})}, "[gather] element types differ");
  invalid(id, gather(0), {data, at}, {f32({3, 3})}, "[gather]: dims differ: (2, 3) and (3, 3)");
  invalid(id, gather(2), {data, at}, {to}, "[gather] ranks differ or the axis is outside: (4, 3), (2, 3), axis 2");
  invalid(id, gather(1), {data, at}, {to}, "[gather] dims differ: (4, 3) and (2, 3)");
  mu_op_scatter_add add{};
  const mu_tensor narrow = of(MU_F16, {4, 3}), updates = of(MU_F16, {2, 3});
  unsupported(MU_OP_SCATTER_ADD, add, {at, updates}, {narrow}, "[scatter_add] sums of 16-bit floats are made in float32");
  const std::vector<std::int64_t> outside{0, 4};
  invalid(id, gather(0), {data, view(outside, {2, 3}, {1, 0})}, {to}, "[gather] index out of range: 4 in an axis of extent 4");
  invalid(MU_OP_SCATTER_ADD, add, {view(outside, {2, 3}, {1, 0}), to}, {data},
          "[scatter_add] index out of range: 4 in an axis of extent 4");
}

TEST_F(Rules, OfRandomNumbers) {
  mu_op_random op{};
  op.kind = MU_RANDOM_UNIFORM;
  const mu_tensor seed = i64({2}), out = f32({4});
  const std::uint32_t id = MU_OP_RANDOM;
  invalid(id, op, {f32({2})}, {out}, "[random] the seed must be two int64: key and counter");
  invalid(id, op, {i64({3})}, {out}, "[random] the seed must be two int64: key and counter");
  invalid(id, op, {seed}, {turned({2, 2})}, "[random] the output must be contiguous");
  unsupported(id, op, {seed}, {i64({4})}, "[random] kind 1 is not supported for int64");
  // A plan runs for views of any strides.
  op.h = {sizeof op, id};
  mu_plan* plan = nullptr;
  mu_error e{};
  e.size = sizeof e;
  const mu_compute_table& c = *backend.plugin().compute;
  ASSERT_EQ(c.plan_create(backend.device(), &op.h, 0, 1, &seed, 1, &out, &plan, nullptr, &e), MU_OK);
  const mu_tensor strided = turned({2, 2});
  EXPECT_EQ(c.plan_run(plan, nullptr, 1, &seed, 1, &strided, nullptr, 0, &e), MU_INVALID);
  EXPECT_STREQ(e.message, "[random] the output must be contiguous");
  c.plan_destroy(plan);
}

TEST_F(Rules, OfRecurrentLayers) {
  const auto way = [](std::uint32_t kind, std::uint32_t flags) {
    mu_op_rnn op{};
    op.kind = kind, op.flags = flags;
    return op;
  };
  const std::uint32_t id = MU_OP_RNN;
  const mu_tensor x = f32({3, 2, 4}), w = f32({4, 4}), h = f32({2, 4}), y = f32({3, 2, 4});
  EXPECT_EQ(backend.run(way(MU_RNN_TANH, 0), id, {x, w, h}, {y}), MU_OK) << backend.message();
  unsupported(id, way(4, 0), {x, w, h}, {y}, "[rnn] kind 4 is not known here");
  unsupported(id, way(MU_RNN_TANH, 4), {x, w, h}, {y}, "[rnn] flags 4 are not known here");
  invalid(id, way(MU_RNN_GRU, 0), {x, w, h}, {y}, "[rnn] does not take 3 inputs and 1 outputs");
  invalid(id, way(MU_RNN_TANH, 0), {x, w, h}, {f32({0, 2, 4})}, "[rnn] y is not (time, batch, hidden) of a step at least: (0, 2, 4)");
  invalid(id, way(MU_RNN_TANH, 0), {f32({3, 2, 5}), w, h}, {y}, "[rnn] a view does not have its sizes, row-major: (3, 2, 5)");
  unsupported(id, way(MU_RNN_TANH, 0), {f64({3, 2, 4}), w, h}, {y}, "[rnn] float32 only");
}

TEST_F(Rules, OfCollectives) {
  const auto& table = *static_cast<const mu_collectives_table*>(backend.plugin().extension(MU_EXT_COLLECTIVES, MU_EXT_COLLECTIVES_VERSION));
  std::uint8_t rank_id[MU_UNIQUE_ID_BYTES];
  mu_error e{};
  e.size = sizeof e;
  constexpr std::uint64_t number = 4711;
  ASSERT_EQ(table.unique_id(backend.device(), rank_id, &e), MU_OK) << e.message;
  ASSERT_EQ(table.join(backend.device(), rank_id, 0, 1, number, 0, &e), MU_OK) << e.message;
  const std::uint32_t id = MU_OP_COLLECTIVE;
  const auto op = [](std::uint32_t kind, std::uint32_t reduction, std::uint32_t root = 0) {
    return mu_op_collective{{}, kind, reduction, root, 0, number};
  };
  const mu_op_collective sum = op(MU_COLLECTIVE_ALL_REDUCE, MU_REDUCE_SUM);
  unsupported(id, op(4, 0), {f32({2})}, {f32({2})}, "[collective] kind 4 is not known here");
  unsupported(id, op(MU_COLLECTIVE_ALL_REDUCE, 99), {f32({2})}, {f32({2})}, "[collective] reduction 99 is not known here");
  unsupported(id, op(MU_COLLECTIVE_BROADCAST, MU_REDUCE_SUM), {f32({2})}, {f32({2})}, "[collective] reduction 1 is not known here");
  invalid(id, op(MU_COLLECTIVE_BROADCAST, 0, 1), {f32({2})}, {f32({2})}, "[collective] the root is no rank: 1 of 1");
  invalid(id, sum, {f32({2})}, {f64({2})}, "[collective] element types differ");
  invalid(id, sum, {f32({2})}, {f32({3})}, "[collective] dims don't fit 1 ranks: (2) and (3)");
  invalid(id, sum, {f32({2, 3})}, {turned({2, 3})}, "[collective] views are dense and row-major");
  table.leave(backend.device(), number);
  invalid(id, sum, {f32({2})}, {f32({2})}, "[collective] there is no communicator 4711");
}

TEST_F(Rules, OfScans) {
  const auto scan = [](std::uint32_t kind, std::uint32_t axis, mu_dtype acc, std::uint32_t flags) {
    mu_op_scan op{};
    op.kind = kind, op.axis = axis, op.acc = acc, op.flags = flags;
    return op;
  };
  const std::uint32_t id = MU_OP_SCAN;
  const mu_tensor x = f32({2, 3});
  unsupported(id, scan(3, 0, MU_F32, 0), {x}, {x}, "[scan] kind 3 is not known here");
  unsupported(id, scan(MU_SCAN_SUM, 0, MU_F32, 2), {x}, {x}, "[scan] flags 2 are not known here");
  invalid(id, scan(MU_SCAN_SUM, 2, MU_F32, 0), {x}, {x}, "[scan] axis 2 is outside of (2, 3)");
  invalid(id, scan(MU_SCAN_SUM, 0, MU_F32, 0), {f32({3, 2})}, {x}, "[scan] input and output: dims differ: (3, 2) and (2, 3)");
  invalid(id, scan(MU_SCAN_SUM, 0, MU_F32, 0), {x}, {i64({2, 3})},
          "[scan] the output is neither of the input's element type nor of the accumulator's");
  unsupported(id, scan(MU_SCAN_SUM, 0, MU_F64, 0), {x}, {f64({2, 3})}, "[scan] no sums of float32 in float64");
}

TEST_F(Rules, OfSorting) {
  const auto sort = [](std::uint32_t axis, std::uint32_t flags) {
    mu_op_sort op{};
    op.axis = axis, op.flags = flags;
    return op;
  };
  const std::uint32_t id = MU_OP_SORT;
  const mu_tensor x = f32({2, 3});
  unsupported(id, sort(0, 8), {x}, {x}, "[sort] flags 8 are not known here");
  invalid(id, sort(2, MU_SORT_VALUES), {x}, {x}, "[sort] axis 2 is outside of (2, 3)");
  invalid(id, sort(1, MU_SORT_VALUES), {x}, {x, i64({2, 3})},
          "[sort] has an output for the values and one for the indices, where asked for");
  invalid(id, sort(1, MU_SORT_INDICES), {x}, {x}, "[sort] an output has another element type");
  invalid(id, sort(1, MU_SORT_VALUES), {x}, {f32({3, 2})}, "[sort] input and output: dims differ: (2, 2) and (3, 2)");
}

TEST_F(Rules, OfCtc) {
  mu_op_ctc op{};
  op.kind = MU_CTC_LOSS;
  const auto with = [&op](auto change) {
    mu_op_ctc other = op;
    change(other);
    return other;
  };
  const std::uint32_t id = MU_OP_CTC;
  std::vector<std::int64_t> labels{1, 2, 2, 1}, steps{3, 2}, lengths{2, 1};
  const mu_tensor p = f32({3, 2, 4}), loss = f32({2}), l = view(labels, {2, 2}), s = view(steps, {2}), n = view(lengths, {2});
  EXPECT_EQ(backend.run(op, id, {p, l, s, n}, {loss}), MU_OK) << backend.message();
  unsupported(id, with([](mu_op_ctc& o) { o.kind = 2; }), {p, l, s, n}, {loss}, "[ctc] kind 2 is not known here");
  unsupported(id, op, {of(MU_F16, {3, 2, 4}), l, s, n}, {loss}, "[ctc] float32 and float64 only");
  invalid(id, op, {f32({3, 2}), l, s, n}, {loss}, "[ctc] log-probabilities are (time, batch, classes): (3, 2)");
  invalid(id, with([](mu_op_ctc& o) { o.blank = 4; }), {p, l, s, n}, {loss}, "[ctc] the blank is no class: 4");
  invalid(id, op, {p, l, f32({2}), n}, {loss}, "[ctc] labels (batch, most) and numbers (batch) are I64: (2)");
  invalid(id, op, {p, i64({3, 2}), s, n}, {loss}, "[ctc] labels (batch, most) and numbers (batch) are I64: (3, 2)");
  invalid(id, op, {p, l, s, n}, {f64({2})}, "[ctc] element types differ");
  invalid(id, op, {p, l, s, n}, {f32({3})}, "[ctc] losses and numbers of steps: dims differ: (3) and (2)");
  invalid(id, with([](mu_op_ctc& o) { o.kind = MU_CTC_GRADIENT; }), {p, l, s, n}, {loss},
          "[ctc] gradient and log-probabilities: dims differ: (2) and (3, 2, 4)");
  invalid(id, op, {turned({3, 2, 4}), l, s, n}, {loss}, "[ctc] views are dense and row-major");
  steps[1] = 4;
  invalid(id, op, {p, l, s, n}, {loss}, "[ctc] there are not so many steps: 4 of 3 in row 1");
  steps[1] = 2, lengths[0] = -1;
  invalid(id, op, {p, l, s, n}, {loss}, "[ctc] there are not so many labels: -1 of 2 in row 0");
  lengths[0] = 2, labels[1] = 0;
  invalid(id, op, {p, l, s, n}, {loss}, "[ctc] a label must be a class and not the blank: 0 in row 0, 4 classes, blank 0");
}

}  // namespace
}  // namespace backend_test
