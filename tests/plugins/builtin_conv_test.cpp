// Convolutions against plain loops in double: random shapes, strides and element types, blocks' edges, epilogues, threads.
#include <algorithm>
#include <cmath>

#include "builtin.h"
#include "elements.hpp"

namespace backend_test {
namespace {

struct Shape {
  Sizes x, w, y;
  mu_op_conv op{};
};

// The shape of a case, with all sizes along the axes given.
Shape shape_of(std::int64_t batch, std::int64_t groups, std::int64_t channels, std::int64_t outputs, const Sizes& sizes,
               const Sizes& kernel, std::uint32_t stride, std::uint32_t dilation, std::uint32_t before, std::int64_t after) {
  Shape s{{batch, groups * channels}, {groups * outputs, channels}, {batch, groups * outputs}, {}};
  s.op.groups = static_cast<std::uint32_t>(groups);
  for (std::size_t i = 0; i < sizes.size(); ++i) {
    s.x.push_back(sizes[i]), s.w.push_back(kernel[i]);
    const std::int64_t room = sizes[i] + before + after - (kernel[i] - 1) * dilation - 1;
    s.y.push_back(room < 0 ? 0 : room / stride + 1);
    s.op.stride[i] = stride, s.op.dilation[i] = dilation, s.op.before[i] = before;
  }
  return s;
}

std::string text_of(const Shape& s) {
  std::string t = "kind " + std::to_string(s.op.kind) + " groups " + std::to_string(s.op.groups);
  for (const Sizes* d : {&s.x, &s.w, &s.y}) {
    t += " (";
    for (std::int64_t n : *d) t += std::to_string(n) + " ";
    t += ")";
  }
  for (int i = 0; i < 3; ++i)
    t += " " + std::to_string(s.op.stride[i]) + "/" + std::to_string(s.op.dilation[i]) + "/" + std::to_string(s.op.before[i]);
  return t;
}

// f(x, w, y) with the place of the three factors of each product, in row-major order of their arrays.
template <class F>
void for_products(const Shape& s, const F& f) {
  const std::size_t axes = s.x.size() - 2;
  const Sizes positions(s.y.begin() + 2, s.y.end()), kernel(s.w.begin() + 2, s.w.end());
  const std::int64_t np = count(positions), nk = count(kernel), nx = count(Sizes(s.x.begin() + 2, s.x.end()));
  const std::int64_t outputs = s.w[0] / s.op.groups, channels = s.w[1];
  for (std::int64_t p = 0; p < np; ++p)
    for (std::int64_t k = 0; k < nk; ++k) {
      std::int64_t at = 0, step = 1, rest_p = p, rest_k = k;
      bool inside = true;
      for (std::size_t i = axes; i-- > 0;) {
        const std::int64_t q = rest_p % positions[i] * s.op.stride[i] + rest_k % kernel[i] * s.op.dilation[i] - s.op.before[i];
        rest_p /= positions[i], rest_k /= kernel[i];
        inside = inside && q >= 0 && q < s.x[i + 2];
        at += q * step, step *= s.x[i + 2];
      }
      if (!inside) continue;
      for (std::int64_t b = 0; b < s.x[0]; ++b)
        for (std::int64_t o = 0; o < s.w[0]; ++o)
          for (std::int64_t c = 0; c < channels; ++c)
            f(static_cast<std::size_t>((b * s.x[1] + o / outputs * channels + c) * nx + at),
              static_cast<std::size_t>((o * channels + c) * nk + k), static_cast<std::size_t>((b * s.y[1] + o) * np + p));
    }
}

class Conv : public testing::Test {
 protected:
  Backend backend{mushin_builtin_entry(test_host(), nullptr)};
  Random random{64};

  Elements numbers(mu_dtype t, const Sizes& dims, bool dense = true) {
    Elements e(t, dims, dense ? dense_strides(dims) : any_strides(random, dims));
    for (std::size_t i = 0; i < e.at.size(); ++i) e.set(i, random.real(-1, 1));
    return e;
  }
  Elements empty(mu_dtype t, const Sizes& dims, bool dense = true) {
    return {t, dims, dense ? dense_strides(dims) : any_strides(random, dims)};
  }

  mu_code run(Shape s, const std::vector<mu_tensor>& in, Elements& out, mu_dtype acc) {
    s.op.acc = acc;
    return backend.run(s.op, MU_OP_CONV, in, {out.v});
  }

  static double unit(mu_dtype t) { return t == MU_F64 ? 0x1p-53 : t == MU_F32 ? 0x1p-24 : t == MU_F16 ? 0x1p-11 : 0x1p-8; }

  void expect_equal(const Elements& got, const std::vector<double>& exact, const std::vector<double>& size, const std::string& what) {
    const mu_dtype t = got.v.dtype;
    for (std::size_t i = 0; i < got.at.size(); ++i) {
      // Of the sums, which grow as a root of their number, and of what is stored.
      const double limit = 8 * unit(t == MU_F64 ? MU_F64 : MU_F32) * size[i] + unit(t) * std::abs(exact[i]) + (t == MU_F16 ? 0x1p-24 : 0);
      ASSERT_NEAR(got[i], exact[i], limit) << what << " element " << i;
    }
    ASSERT_TRUE(got.rest_untouched()) << what << ": wrote outside of its view";
  }

  // All three kinds of a shape, with one and with two threads.
  void check(Shape s, mu_dtype t, bool dense) {
    const mu_dtype acc = t == MU_F64 ? MU_F64 : MU_F32;
    const Elements x = numbers(t, s.x, dense), w = numbers(t, s.w, dense), y = numbers(t, s.y, dense);
    const std::vector<double> vx = x.all(), vw = w.all(), vy = y.all();
    const Elements* const operand[3][2] = {{&x, &w}, {&y, &w}, {&x, &y}};
    const Sizes* const dims[3] = {&s.y, &s.x, &s.w};
    for (std::uint32_t kind = 0; kind < 3; ++kind) {
      s.op.kind = kind;
      const std::vector<mu_tensor> in{operand[kind][0]->v, operand[kind][1]->v};
      Elements one = empty(t, *dims[kind], dense), two = one;
      set_host_threads(1);
      ASSERT_EQ(run(s, in, one, acc), MU_OK) << backend.message() << text_of(s);
      set_host_threads(2);
      ASSERT_EQ(run(s, in, two, acc), MU_OK) << backend.message() << text_of(s);
      set_host_threads(1);
      ASSERT_EQ(one.memory, two.memory) << text_of(s);
      std::vector<double> exact(one.at.size()), size(one.at.size());
      for_products(s, [&](std::size_t ix, std::size_t iw, std::size_t iy) {
        const double product = kind == 0 ? vx[ix] * vw[iw] : kind == 1 ? vy[iy] * vw[iw] : vx[ix] * vy[iy];
        const std::size_t to = kind == 0 ? iy : kind == 1 ? ix : iw;
        exact[to] += product, size[to] += std::abs(product);
      });
      expect_equal(one, exact, size, text_of(s));
      if (HasFatalFailure()) return;
    }
  }

  Shape any_shape() {
    const auto size = [&](std::int64_t small, std::int64_t large) { return 1 + random.below(random.below(5) == 0 ? large : small); };
    const std::size_t axes = 1 + static_cast<std::size_t>(random.below(3));
    const std::int64_t groups = random.below(2) ? 1 : size(3, 9);
    const bool depthwise = groups > 1 && random.below(2);
    Sizes sizes, kernel;
    for (std::size_t i = 0; i < axes; ++i) {
      sizes.push_back(size(axes == 1 ? 40 : 9, axes == 1 ? 300 : 20));
      kernel.push_back(1 + random.below(4));
    }
    Shape s = shape_of(random.below(30) ? size(3, 6) : 0, groups, depthwise ? 1 : size(6, 40), depthwise ? 1 : size(9, 40), sizes, kernel,
                       1, 1, 0, 0);
    for (std::size_t i = 0; i < axes; ++i) {  // each axis with numbers of its own
      const Shape one = shape_of(1, 1, 1, 1, {sizes[i]}, {kernel[i]}, static_cast<std::uint32_t>(size(1, 4)),
                                 static_cast<std::uint32_t>(size(1, 3)), static_cast<std::uint32_t>(random.below(4)), random.below(3));
      s.y[i + 2] = one.y[2] + (random.below(10) == 0);
      s.op.stride[i] = one.op.stride[0], s.op.dilation[i] = one.op.dilation[0], s.op.before[i] = one.op.before[0];
    }
    return s;
  }
};

TEST_F(Conv, RandomShapes) {
  const mu_dtype types[] = {MU_F32, MU_F64, MU_F32, MU_F16, MU_F32, MU_BF16};
  int done = 0;
  while (done < 300) {
    const Shape s = any_shape();
    if (count(s.y) * count(s.w) / std::max<std::int64_t>(s.w[0], 1) > 40000) continue;
    check(s, types[done % 6], random.below(3) > 0);
    if (HasFatalFailure()) return;
    ++done;
  }
}

TEST_F(Conv, SizesBeyondOneBlock) {
  const Shape shapes[] = {shape_of(2, 1, 40, 30, {20, 19}, {3, 3}, 1, 1, 1, 1),
                          shape_of(1, 1, 3, 800, {4, 4}, {3, 3}, 1, 1, 1, 1),
                          shape_of(1, 1, 9, 4, {1500}, {5}, 1, 2, 3, 5),
                          shape_of(3, 2, 20, 26, {9, 17}, {4, 5}, 2, 1, 1, 3),
                          shape_of(5, 1, 1, 6, {28, 28}, {5, 5}, 1, 1, 2, 2),
                          shape_of(2, 40, 1, 1, {17, 33}, {3, 3}, 1, 1, 1, 1),
                          shape_of(2, 3, 2, 4, {17, 3, 11}, {3, 3, 3}, 2, 1, 1, 1),
                          shape_of(1, 1, 700, 13, {2, 2}, {1, 1}, 1, 1, 0, 0)};
  for (const Shape& s : shapes) {
    check(s, MU_F32, true);
    if (HasFatalFailure()) return;
  }
}

TEST_F(Conv, EmptyExtents) {
  const Shape shapes[] = {shape_of(0, 1, 2, 3, {4}, {3}, 1, 1, 0, 0),       shape_of(2, 1, 0, 3, {4}, {3}, 1, 1, 1, 1),
                          shape_of(2, 1, 2, 0, {4}, {3}, 1, 1, 1, 1),       shape_of(2, 1, 2, 3, {0, 4}, {3, 3}, 1, 1, 1, 1),
                          shape_of(2, 1, 2, 3, {2, 2}, {3, 3}, 1, 1, 0, 0), shape_of(2, 1, 2, 3, {5}, {0}, 1, 1, 1, 1),
                          shape_of(1, 1, 2, 3, {7, 6}, {1, 1}, 3, 1, 0, 0)};
  for (const Shape& s : shapes)
    for (bool dense : {true, false}) {
      check(s, MU_F32, dense);
      if (HasFatalFailure()) return;
    }
}

// What the program makes of stored sums is what it makes of them on their way.
TEST_F(Conv, EpilogueGivesTheBitsOfSeparateSteps) {
  const Shape shapes[] = {shape_of(2, 1, 8, 20, {9, 10}, {3, 3}, 1, 1, 1, 1), shape_of(2, 2, 3, 4, {9, 10}, {3, 2}, 2, 1, 1, 1),
                          shape_of(3, 6, 1, 1, {40}, {5}, 1, 1, 2, 2), shape_of(2, 1, 1, 6, {12, 12}, {5, 5}, 1, 1, 0, 0)};
  for (Shape s : shapes)
    for (mu_dtype t : {MU_F32, MU_F64, MU_F16})
      for (const std::uint32_t kind : {std::uint32_t{MU_CONV_FORWARD}, std::uint32_t{MU_CONV_BACKWARD_DATA}}) {
        const mu_dtype acc = t == MU_F64 ? MU_F64 : MU_F32;
        s.op.kind = kind;
        const Sizes& dims = kind == MU_CONV_FORWARD ? s.y : s.x;
        const Elements a = numbers(t, kind == MU_CONV_FORWARD ? s.x : s.y), w = numbers(t, s.w), bias = numbers(acc, {dims[1]}),
                       residual = numbers(acc, dims, false);
        Sizes along(dims.size(), 0);
        along[1] = 1;
        ProgramText p;
        const int sum = p.input(acc), p1 = p.input(acc), p2 = p.input(acc);
        const int kept = p.add(MU_PW_RELU, acc, p.add(MU_PW_ADD, acc, sum, p1));
        p.out = {p.add(MU_PW_ADD, acc, kept, p2)};
        const mu_pw_program program = p.descriptor();
        Elements fused = empty(acc, dims), eager = fused, sums = empty(t, dims);
        const std::vector<mu_tensor> further{view(bias.memory.data(), acc, dims, along), residual.v};
        Shape with_program = s;
        with_program.op.epilogue = &program;
        ASSERT_EQ(run(with_program, {a.v, w.v, further[0], further[1]}, fused, acc), MU_OK) << backend.message();
        if (t == MU_F16) {  // sums are of type `acc` for the program, not rounded to the operands' type: compare with wider operands
          Elements wide_a = numbers(acc, a.dims()), wide_w = numbers(acc, s.w);
          for (std::size_t i = 0; i < a.at.size(); ++i) wide_a.set(i, a[i]);
          for (std::size_t i = 0; i < w.at.size(); ++i) wide_w.set(i, w[i]);
          sums = empty(acc, dims);
          ASSERT_EQ(run(s, {wide_a.v, wide_w.v}, sums, acc), MU_OK);
        } else {
          ASSERT_EQ(run(s, {a.v, w.v}, sums, acc), MU_OK) << backend.message();
        }
        ASSERT_EQ(backend.pointwise(p, {sums.v, further[0], further[1]}, {eager.v}), MU_OK);
        ASSERT_EQ(fused.memory, eager.memory) << text_of(s) << " type " << t;
      }
}

TEST_F(Conv, RefusesWhatDoesNotFit) {
  const auto refused = [&](const Shape& s, const std::string& sentence, mu_code code = MU_INVALID) {
    Elements x = numbers(MU_F32, s.x), w = numbers(MU_F32, s.w), y = numbers(MU_F32, s.y);
    EXPECT_EQ(run(s, {x.v, w.v}, y, MU_F32), code) << sentence;
    EXPECT_NE(backend.message().find(sentence), std::string::npos) << backend.message() << ", not " << sentence;
  };
  const Shape good = shape_of(2, 1, 4, 6, {5, 5}, {3, 3}, 1, 1, 1, 1);
  Shape s = good;
  s.y[1] = 5, refused(s, "the outputs are the weights': (2, 4, 5, 5) with (6, 4, 3, 3) to (2, 5, 5, 5)");
  s = good, s.y[0] = 3, refused(s, "batches differ");
  s = good, s.op.groups = 2, refused(s, "channels do not fit 2 groups");
  s = good, s.op.groups = 0, refused(s, "at least one group");
  s = good, s.op.stride[1] = 0, refused(s, "axis 1 has 0 and 1");
  s = good, s.op.before[2] = 1, refused(s, "numbers for axis 2 of 2");
  s = good, s.op.kind = 3, refused(s, "kind 3 is not known", MU_UNSUPPORTED);
  refused(shape_of(2, 1, 4, 6, {}, {}, 1, 1, 1, 1), "one rank, 3 to 5");
  Elements x = numbers(MU_F32, good.x), w = numbers(MU_F64, good.w), y = numbers(MU_F32, good.y);
  EXPECT_EQ(run(good, {x.v, w.v}, y, MU_F32), MU_INVALID);
  EXPECT_NE(backend.message().find("element types differ: float32, float64"), std::string::npos) << backend.message();
  Elements w32 = numbers(MU_F32, good.w);
  EXPECT_EQ(run(good, {x.v, w32.v}, y, MU_F64), MU_UNSUPPORTED);
  EXPECT_EQ(run(good, {x.v, w32.v, y.v}, y, MU_F32), MU_INVALID) << "further inputs without an epilogue";
}

}  // namespace
}  // namespace backend_test
