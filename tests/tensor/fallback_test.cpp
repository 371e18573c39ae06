// An op that a device with memory of its own refuses, under each MUSHIN_FALLBACK. Run with MUSHIN_FAKEGPU_REFUSE=8, which is scatter_add.
#include <string>
#include <vector>

#include "core/node.hpp"
#include "fakegpu.hpp"
#include "mushin/tensor/ops/index.hpp"

namespace mushin::core::test {
namespace {

std::string mode() {
  const char* set = std::getenv("MUSHIN_FALLBACK");
  return set && *set ? set : "error";
}

Array scattered() {
  const Array base = transpose(array({3, 2}, {1, 4, 2, 5, 3, 6})), at = array({2, 2}, {0, 2, 1, 1}, dtype::i64);
  return scatter_add(base, 1, at, array({2, 2}, {10, 20, 30, 40}));
}

op_support support_of(const char* name) {
  for (const OpSupport& s : supported_ops(device_of(fake(0))))
    if (std::string(s.op) == name) return s.by;
  return op_support::absent;
}

TEST(Fallback, IsRefusedCountedOrWarnedOf) {
  set_default_device(device_of(fake(0)));
  if (mode() == "perhaps") {
    EXPECT_EQ(error_of<Error>([] { scattered(); }), "[device] MUSHIN_FALLBACK must be error, warn or allow: \"perhaps\"");
    return;
  }
  EXPECT_EQ(support_of("softmax"), op_support::decomposed);
  EXPECT_EQ(support_of("gather"), op_support::native);
  if (mode() == "error") {
    EXPECT_EQ(error_of<DeviceError>([] { scattered(); }),
              "[scatter_add] device fakegpu:0 has no such op; MUSHIN_FALLBACK=allow computes it on the host, with copies");
    EXPECT_EQ(support_of("scatter_add"), op_support::absent);
    EXPECT_TRUE(fallback_counts(device_of(fake(0))).empty());
    return;
  }
  for (int i = 0; i < 3; ++i) EXPECT_EQ(values(add(scattered(), scattered())), (Values{22, 4, 46, 8, 150, 12}));
  EXPECT_EQ(support_of("scatter_add"), op_support::copied);
  const auto counts = fallback_counts(device_of(fake(0)));
  ASSERT_EQ(counts.size(), 1u);
  EXPECT_EQ(std::string(counts[0].op), "scatter_add");
  EXPECT_EQ(counts[0].runs, 6u);
  EXPECT_TRUE(fallback_counts(device_of(fake(1))).empty());
  int told = 0;
  for (const PluginMessage& m : plugin_messages())
    told += m.text == std::string("[scatter_add] device fakegpu:0 has no such op: computed on the host, with copies");
  EXPECT_EQ(told, mode() == "warn" ? 1 : 0);
}

TEST(Fallback, AWrongIndexIsStillAnError) {
  if (mode() != "allow") GTEST_SKIP();
  set_default_device(device_of(fake(0)));
  EXPECT_EQ(error_of<ShapeError>([] {
              scatter_add(array({3}, {1, 2, 3}), 0, array({1}, {3}, dtype::i64), array({1}, {1}));
            }),
            "[scatter_add] index out of range: 3 in an axis of extent 3");
}

TEST(Fallback, MemoryOfAResultIsFilledAnewAfterTheResult) {
  if (mode() != "allow") GTEST_SKIP();
  set_default_device(device_of(fake(0)));
  const auto memory_of = [](const Array& a) { return node_of(a)->block->buffer; };
  const mu_buffer* const memory = memory_of(scattered());
  std::vector<Array> later;
  bool reused = false;
  for (int i = 0; i < 20; ++i) {
    later.push_back(array({6}, Values(6, i)));
    reused = reused || memory_of(later.back()) == memory;
  }
  EXPECT_TRUE(reused);
  for (int i = 0; i < 20; ++i) EXPECT_EQ(values(later[static_cast<std::size_t>(i)]), Values(6, i));
}

}  // namespace
}  // namespace mushin::core::test
