// Tensors on each device of this machine.
#include "mushin/tensor.hpp"
#include "support/matchers.hpp"

namespace mu = mushin;
using namespace mu::test;

TEST(Devices, OneThatIsNotThereIsNamed) {
  EXPECT_TRUE(throws<mu::DeviceError>([] { (void)mu::device("nothing"); },
                                      "[device] \"nothing\" isn't available; no plugin mushin-nothing.so was found; there are: builtin"));
  EXPECT_TRUE(throws<mu::DeviceError>([] { (void)mu::device("builtin:1"); }, "[device] \"builtin:1\" isn't available"));
}

TEST(Devices, ValuesMoveToEachAndBack) {
  const auto a = mu::arange<6>(), pending = a * 2 + 1;
  const auto view = mu::transpose(mu::reshape<2, 3>(a));
  const mu::Device home = a.device();
  for (mu::Device d : mu::devices()) {
    SCOPED_TRACE(d.name());
    EXPECT_EQ(a.to(d).device(), d);
    EXPECT_TRUE(equal(a.to(d), ref(a)));
    EXPECT_TRUE(equal(a.to(d) + 1, map(ref(a), [](double x) { return x + 1; })));
    EXPECT_EQ((a.to(d) + 1).device(), d);
    EXPECT_TRUE(equal(pending.to(d), ref(pending)));
    EXPECT_TRUE(equal(view.to(d), ref(view)));
    EXPECT_TRUE(equal(mu::to(view.to(d), home) - view, full({3, 2}, 0)));
    EXPECT_TRUE(equal(mu::fill<>(2.5f).to(d) * mu::ones<2>().to(d), full({2}, 2.5)));
    if (d == home) continue;
    EXPECT_TRUE(throws<mu::DeviceError>([&] { a + a.to(d); }, "operands are on different devices"));
  }
}
