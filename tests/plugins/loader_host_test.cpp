// What the host lends to plugins.
#include <gtest/gtest.h>

#include <atomic>
#include <cstdlib>
#include <string>

#include "devices/host.hpp"

namespace mushin::test {
namespace {

const mu_host& host() { return *core::host_table(); }

TEST(LoaderHost, ReadsThePluginsOwnPartOfTheEnvironment) {
  setenv("MUSHIN_ACME_NPU_CACHE_DIR", "/somewhere", 1);
  EXPECT_STREQ(host().config(host().ctx, "acme-npu", "cache_dir"), "/somewhere");
  EXPECT_EQ(host().config(host().ctx, "acme", "absent"), nullptr);
  EXPECT_EQ(host().config(host().ctx, nullptr, "x"), nullptr);
  EXPECT_EQ(host().config(host().ctx, "x", nullptr), nullptr);
}

TEST(LoaderHost, KeepsTheNewestLines) {
  for (int i = 0; i < 100; ++i) {
    const std::string line = "line " + std::to_string(i);
    host().log(host().ctx, MU_LOG_INFO, line.data(), line.size());
  }
  const auto lines = core::logged();
  ASSERT_EQ(lines.size(), 64u);
  EXPECT_STREQ(lines.front().text, "line 36");
  EXPECT_STREQ(lines.back().text, "line 99");
  EXPECT_EQ(lines.back().level, MU_LOG_INFO);
}

TEST(LoaderHost, CutsLongLines) {
  const std::string line(1000, 'x');
  host().log(host().ctx, MU_LOG_WARNING, line.data(), line.size());
  EXPECT_EQ(core::logged().back().text, std::string(sizeof(PluginMessage::text) - 1, 'x'));
  host().log(host().ctx, MU_LOG_WARNING, nullptr, 5);
  EXPECT_EQ(core::logged().back().text[0], 'x');
}

TEST(LoaderHost, LendsItsThreads) {
  std::atomic<std::uint64_t> sum{0};
  const auto add = [](void* to, std::uint64_t begin, std::uint64_t end) {
    for (; begin < end; ++begin) static_cast<std::atomic<std::uint64_t>*>(to)->fetch_add(begin);
  };
  host().parallel_for(host().ctx, 1000, 7, add, &sum);
  EXPECT_EQ(sum, 499500u);
  EXPECT_GE(host().thread_count(host().ctx), 1u);
}

}  // namespace
}  // namespace mushin::test
