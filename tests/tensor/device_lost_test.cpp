// A device that is lost stays lost, and takes nothing else with it.
#include "fakegpu.hpp"
#include "mushin/tensor/ops/matmul.hpp"
#include "mushin/tensor/ops/reduce.hpp"
#include "mushin/tensor/ops/transfer.hpp"

namespace mushin::core::test {
namespace {

#define EXPECT_LOST(op, ...) \
  EXPECT_EQ(error_of<DeviceError>([&] { __VA_ARGS__; }), std::string("[") + op + "] device fakegpu:1 is lost: it fell off the bus")

TEST(DeviceLost, EveryLaterUseSaysWhy) {
  core::Device *lost = fake(1), *fine = fake(0);
  const Fault fault("LOST", 1, 3);
  set_default_device(device_of(lost));
  const Array x = array({3}, {1, 2, 3}), before = add(x, x);
  EXPECT_EQ(values(before), (Values{2, 4, 6}));
  const Array later = mul(x, x), much_later = mul(later, x);
  evaluate(later);
  evaluate(much_later);  // the one that loses it; nobody knows yet
  EXPECT_LOST("read", values(later));
  EXPECT_LOST("read", values(before));
  EXPECT_LOST("sub", evaluate(sub(x, x)));
  EXPECT_LOST("matmul", evaluate(matmul(reshape(x, {1, 3}), reshape(x, {3, 1}))));
  EXPECT_LOST("sum", sum(x, 1, false));
  EXPECT_LOST("from_values", array({3}, {1, 2, 3}));
  EXPECT_LOST("to", to_device(x, fine));
  EXPECT_LOST("synchronize", synchronize(device_of(lost)));
  EXPECT_LOST("synchronize", synchronize(device_of(lost)));
  set_default_device(device_of(fine));
  EXPECT_EQ(values(add(array({2}, {1, 2}), array({2}, {3, 4}))), (Values{4, 6}));
  synchronize(device_of(fine));
}

}  // namespace
}  // namespace mushin::core::test
