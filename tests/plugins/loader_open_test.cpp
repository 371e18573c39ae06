// From a file that looks right to devices: the entry, its tables, the devices behind them.
#include <functional>

#include "devices/open.hpp"
#include "loader/library.hpp"
#include "loader/tables.hpp"
#include "loader_support.hpp"

namespace mushin::test {
namespace {

using core::Backend;

core::OpenedLibrary open_fake(const Folder& folder) {
  const Record r = only_record(folder);
  EXPECT_EQ(r.state, plugin_state::found) << r.reason;
  return core::open_library(r);
}

core::OpenedLibrary open_fake(const std::string& name) {
  const Folder folder;
  folder.add(name);
  return open_fake(folder);
}

#define EXPECT_CONTAINS(text, part) EXPECT_NE((text).find(part), std::string::npos) << (text)

TEST(LoaderOpen, OpensAGoodPlugin) {
  const auto opened = open_fake("good");
  EXPECT_EQ(opened.reason, "");
  ASSERT_NE(opened.entry, nullptr);
}

TEST(LoaderOpen, NamesAMissingEntry) { EXPECT_EQ(open_fake("noentry").reason, "undefined symbol: mushin_plugin_entry_v0"); }

TEST(LoaderOpen, NamesAnUndefinedSymbol) { EXPECT_CONTAINS(open_fake("undefined").reason, "undefined symbol: nobody_defines_this"); }

TEST(LoaderOpen, NamesALibraryThatIsNotThere) {
  const Folder folder;
  std::string bytes = read_file(fake("dependent"));
  const std::string needed = "libfakedependency.so";
  bytes.replace(bytes.find(needed), needed.size(), "libnobodyhasthisx.so");
  write_file(folder / "mushin-dependent.so", bytes);
  EXPECT_CONTAINS(open_fake(folder).reason, "libnobodyhasthisx.so: cannot open shared object file");
}

TEST(LoaderOpen, AnEntryOfADependencyIsNotThePluginsOwn) {
  const Folder folder;
  folder.add("dependent");
  write_file(folder / "libfakedependency.so", read_file(std::string(MUSHIN_FAKE_PLUGINS) + "/libfakedependency.so"));
  const auto opened = open_fake(folder);
  EXPECT_EQ(opened.entry, nullptr);
  EXPECT_CONTAINS(opened.reason, "no entry of its own");
  EXPECT_CONTAINS(opened.reason, "libfakedependency.so");
}

TEST(LoaderOpen, RefusesAFileThatWasReplacedAfterTheSearch) {
  const Folder folder;
  const auto file = folder.add("other");
  const Record r = only_record(folder);
  fs::rename(file, folder / "old");
  folder.add("other");
  EXPECT_CONTAINS(core::open_library(r).reason, "was replaced");
}

TEST(LoaderOpen, ReportsAFileThatIsGone) {
  const Folder folder;
  const auto file = folder.add("good");
  const Record r = only_record(folder);
  fs::remove(file);
  EXPECT_CONTAINS(core::open_library(r).reason, "cannot open shared object file");
}

// A plugin inside this program.
mu_code count_one(std::uint32_t* n, mu_error*) noexcept {
  *n = 1;
  return MU_OK;
}
mu_code open_it(std::uint32_t, mu_device**, mu_error*) noexcept { return MU_OK; }
mu_code describe_cpu(mu_device*, mu_device_info* to, mu_error*) noexcept {
  to->kind = MU_KIND_CPU;
  to->caps = MU_CAP_HOST_MEMORY;
  return MU_OK;
}
mu_code describe_own_memory(mu_device*, mu_device_info* to, mu_error*) noexcept {
  to->kind = MU_KIND_CPU;
  return MU_OK;
}
mu_code do_nothing(mu_device*, mu_error*) noexcept { return MU_OK; }
void close_it(mu_device*) noexcept {}

struct Tables {
  mu_device_table device{sizeof(mu_device_table), 0, describe_cpu, do_nothing, close_it, nullptr};
  mu_memory_table memory{
      sizeof(mu_memory_table),
      0,
      [](mu_device*, uint32_t, uint64_t, uint64_t, mu_buffer**, mu_error*) noexcept -> mu_code { return MU_OK; },
      [](mu_device*, mu_buffer*) noexcept {},
      [](mu_device*, mu_stream*, mu_buffer*, uint64_t, const void*, uint64_t, mu_error*) noexcept -> mu_code { return MU_OK; },
      [](mu_device*, mu_stream*, void*, mu_buffer*, uint64_t, uint64_t, mu_error*) noexcept -> mu_code { return MU_OK; },
      nullptr,
      nullptr};
  mu_compute_table compute{sizeof(mu_compute_table), 0,
                           [](mu_device*, const mu_op*, uint32_t, uint32_t, const mu_tensor*, uint32_t, const mu_tensor*, mu_plan**,
                              mu_plan_info*, mu_error*) noexcept -> mu_code { return MU_UNSUPPORTED; },
                           [](mu_plan*, mu_stream*, uint32_t, const mu_tensor*, uint32_t, const mu_tensor*, mu_buffer*, uint64_t,
                              mu_error*) noexcept -> mu_code { return MU_INVALID; },
                           [](mu_plan*) noexcept {}};
  mu_plugin plugin{sizeof(mu_plugin), MU_ABI_MINOR, "t", "1", "v", "MIT", count_one, open_it, nullptr, &device, &memory, nullptr, &compute};

  std::string wrong() const {
    Backend b;
    return core::read_tables(&plugin, "t", b);
  }
};

TEST(LoaderTables, AcceptsWholeTables) {
  const Tables t;
  EXPECT_EQ(t.wrong(), "");
  Backend b;
  core::read_tables(&t.plugin, "t", b);
  EXPECT_EQ(b.compute.plan_run, t.compute.plan_run);
  EXPECT_EQ(b.stream.create, nullptr);
}

// The graph extension's table is judged as the others are; `update` may be missing, and so may all of it.
mu_graph_table graph_table;
const void* give_graphs(const char* name, std::uint32_t least) noexcept {
  return std::strcmp(name, "mushin.graph") == 0 && least == 1 ? &graph_table : nullptr;
}
TEST(LoaderTables, TakesTheGraphExtensionWhole) {
  const mu_graph_table whole{sizeof(mu_graph_table),
                             0,
                             [](mu_device*, mu_stream*, mu_error*) noexcept -> mu_code { return MU_OK; },
                             [](mu_device*, mu_stream*, mu_graph**, mu_error*) noexcept -> mu_code { return MU_OK; },
                             [](mu_graph*, mu_stream*, mu_error*) noexcept -> mu_code { return MU_OK; },
                             nullptr,
                             [](mu_graph*) noexcept {}};
  Tables t;
  Backend b;
  EXPECT_EQ(core::read_tables(&t.plugin, "t", b), "");
  EXPECT_EQ(b.graph.launch, nullptr);
  t.plugin.extension = give_graphs;
  graph_table = whole;
  EXPECT_EQ(core::read_tables(&t.plugin, "t", b), "");
  EXPECT_EQ(b.graph.launch, whole.launch);
  graph_table.launch = nullptr;
  EXPECT_EQ(t.wrong(), "mushin.graph.launch is missing");
  graph_table = whole;
  graph_table.size = offsetof(mu_graph_table, destroy);
  EXPECT_CONTAINS(t.wrong(), "mushin.graph ends before destroy");
}

// So is that of many sets.
mu_many_table many_table;
TEST(LoaderTables, TakesTheExtensionForManySets) {
  Tables t;
  Backend b;
  EXPECT_EQ(core::read_tables(&t.plugin, "t", b), "");
  EXPECT_EQ(b.many.run, nullptr);
  t.plugin.extension = [](const char* name, std::uint32_t least) noexcept -> const void* {
    return std::strcmp(name, "mushin.many") == 0 && least == 1 ? &many_table : nullptr;
  };
  many_table = {sizeof many_table, 0, nullptr};
  EXPECT_EQ(t.wrong(), "mushin.many.run is missing");
  many_table.run = [](mu_plan*, mu_stream*, std::uint32_t, std::uint32_t, std::uint32_t, const mu_tensor*, mu_buffer*, std::uint64_t,
                      mu_error*) noexcept -> mu_code { return MU_OK; };
  EXPECT_EQ(core::read_tables(&t.plugin, "t", b), "");
  EXPECT_EQ(b.many.run, many_table.run);
  many_table.size = 8;
  EXPECT_CONTAINS(t.wrong(), "mushin.many ends before run");
}

template <class Table>
std::string without(Table Tables::*table, std::size_t offset) {
  Tables t;
  std::memset(reinterpret_cast<char*>(&(t.*table)) + offset, 0, sizeof(void*));
  return t.wrong();
}

TEST(LoaderTables, NamesEachMissingPointer) {
#define EXPECT_MISSING(table, type, field) EXPECT_EQ(without(&Tables::table, offsetof(type, field)), #table "." #field " is missing")
  EXPECT_MISSING(plugin, mu_plugin, name);
  EXPECT_MISSING(plugin, mu_plugin, version);
  EXPECT_MISSING(plugin, mu_plugin, vendor);
  EXPECT_MISSING(plugin, mu_plugin, license);
  EXPECT_MISSING(plugin, mu_plugin, device_count);
  EXPECT_MISSING(plugin, mu_plugin, device_open);
  EXPECT_MISSING(plugin, mu_plugin, device);
  EXPECT_MISSING(plugin, mu_plugin, compute);
  EXPECT_MISSING(device, mu_device_table, info);
  EXPECT_MISSING(device, mu_device_table, synchronize);
  EXPECT_MISSING(device, mu_device_table, close);
  EXPECT_MISSING(compute, mu_compute_table, plan_create);
  EXPECT_MISSING(compute, mu_compute_table, plan_run);
  EXPECT_MISSING(compute, mu_compute_table, plan_destroy);
#undef EXPECT_MISSING
}

TEST(LoaderTables, WhatMayBeMissingMay) {
  EXPECT_EQ(without(&Tables::plugin, offsetof(mu_plugin, memory)), "");
  EXPECT_EQ(without(&Tables::plugin, offsetof(mu_plugin, stream)), "");
  EXPECT_EQ(without(&Tables::plugin, offsetof(mu_plugin, extension)), "");
  EXPECT_EQ(without(&Tables::device, offsetof(mu_device_table, mem_info)), "");
}

TEST(LoaderTables, JudgesSizes) {
  const auto sized = [](std::uint32_t n) {
    Tables t;
    t.compute.size = n;
    return t.wrong();
  };
  EXPECT_EQ(sized(0), "compute ends before plan_create: 0 bytes of 32");
  EXPECT_EQ(sized(24), "compute ends before plan_destroy: 24 bytes of 32");
  EXPECT_EQ(sized(40), "");  // of a later minor version: the tail isn't read
  EXPECT_CONTAINS(sized(0xFFFFFFFFu), "which no table has");
  Tables t;
  t.device.size -= 8;
  EXPECT_CONTAINS(t.wrong(), "device is too short");
}

TEST(LoaderTables, JudgesTexts) {
  Tables t;
  t.plugin.name = "u";
  EXPECT_EQ(t.wrong(), "calls itself \"u\", its note says \"t\"");
  t.plugin.name = "t";
  const std::string long_text(256, 'x');
  t.plugin.vendor = long_text.c_str();
  EXPECT_EQ(t.wrong(), "plugin.vendor is longer than 255 bytes");
  for (const char* bad : {"\xff", "a\xc3", "\xc0\x80", "\xe2\x82"}) {
    t.plugin.vendor = bad;
    EXPECT_EQ(t.wrong(), "plugin.vendor isn't UTF-8");
  }
  t.plugin.vendor = "J\xc3\xbcrgen \xe2\x82\xac";
  EXPECT_EQ(t.wrong(), "");
  t.plugin.abi_minor = 7;
  EXPECT_CONTAINS(t.wrong(), "plugin ABI 0.7");
}

// Devices are never destroyed; the loader keeps them, and so does this.
core::OpenedDevices open_tables(const Tables& t, std::uint32_t kinds = 1u << MU_KIND_CPU) {
  static auto* const kept = new std::vector<core::Device*>;
  Backend b;
  EXPECT_EQ(core::read_tables(&t.plugin, "t", b), "");
  auto opened = core::open_devices(b, kinds);
  kept->insert(kept->end(), opened.devices.begin(), opened.devices.end());
  return opened;
}

TEST(LoaderDevices, OpensThemAndNamesThem) {
  Tables t;
  const auto one = open_tables(t);
  ASSERT_EQ(one.devices.size(), 1u);
  EXPECT_STREQ(one.devices[0]->name, "t");
  EXPECT_TRUE(one.devices[0]->host_memory);
  EXPECT_GE(one.devices[0]->info.pw_max_inst, 64u);

  t.plugin.device_count = [](std::uint32_t* n, mu_error*) noexcept -> mu_code { return *n = 2, MU_OK; };
  const auto two = open_tables(t);
  ASSERT_EQ(two.devices.size(), 2u);
  EXPECT_STREQ(two.devices[1]->name, "t:1");
  EXPECT_NE(two.devices[0]->index, two.devices[1]->index);
}

TEST(LoaderDevices, MemoryOfItsOwnNeedsTheMemoryTable) {
  Tables t;
  t.device.info = describe_own_memory;
  EXPECT_EQ(open_tables(t).devices.size(), 1u);
  for (const auto& [offset, name] : {std::pair{offsetof(mu_memory_table, alloc), "alloc"},
                                     {offsetof(mu_memory_table, free), "free"},
                                     {offsetof(mu_memory_table, upload), "upload"},
                                     {offsetof(mu_memory_table, download), "download"}}) {
    Tables broken = t;
    broken.plugin.device = &broken.device, broken.plugin.memory = &broken.memory, broken.plugin.compute = &broken.compute;
    std::memset(reinterpret_cast<char*>(&broken.memory) + offset, 0, sizeof(void*));
    const auto opened = open_tables(broken);
    EXPECT_TRUE(opened.devices.empty());
    EXPECT_CONTAINS(opened.reason, std::string("memory.") + name + " is missing");
  }
  t.plugin.memory = nullptr;
  EXPECT_CONTAINS(open_tables(t).reason, "memory.alloc is missing");
}

// A plugin with streams, of which the second cannot be made where `second_fails`.
struct StreamTables : Tables {
  static inline int made = 0, destroyed = 0;
  static inline bool second_fails = false;
  mu_stream_table stream{sizeof(mu_stream_table),
                         0,
                         [](mu_device*, uint32_t, mu_stream** s, mu_error* e) noexcept -> mu_code {
                           if (made++ == 1 && second_fails) return mu_fail(e, MU_OUT_OF_MEMORY, 2, "no more streams");
                           *s = reinterpret_cast<mu_stream*>(&made);
                           return MU_OK;
                         },
                         [](mu_stream*) noexcept { ++destroyed; },
                         [](mu_stream*, mu_error*) noexcept -> mu_code { return MU_OK; },
                         [](mu_device*, uint32_t, mu_event**, mu_error*) noexcept -> mu_code { return MU_OK; },
                         [](mu_event*) noexcept {},
                         [](mu_event*, mu_stream*, mu_error*) noexcept -> mu_code { return MU_OK; },
                         [](mu_event*, mu_error*) noexcept -> mu_code { return MU_OK; },
                         [](mu_event*, uint64_t, mu_error*) noexcept -> mu_code { return MU_OK; },
                         [](mu_stream*, mu_event*, mu_error*) noexcept -> mu_code { return MU_OK; }};
  StreamTables() {
    device.info = describe_own_memory;
    plugin.stream = &stream;
    made = destroyed = 0;
    second_fails = false;
  }
};

TEST(LoaderDevices, StreamsAreMadeWhereTheTableIsWhole) {
  StreamTables t;
  EXPECT_NE(open_tables(t).devices.at(0)->streams, nullptr);
  EXPECT_EQ(StreamTables::made, 2);
  for (std::size_t at = offsetof(mu_stream_table, create); at < sizeof(mu_stream_table); at += sizeof(void*)) {
    StreamTables broken;
    std::memset(reinterpret_cast<char*>(&broken.stream) + at, 0, sizeof(void*));
    EXPECT_EQ(open_tables(broken).devices.at(0)->streams, nullptr) << at;
    EXPECT_EQ(StreamTables::made, 0);
  }
  StreamTables host;
  host.device.info = describe_cpu;
  EXPECT_EQ(open_tables(host).devices.at(0)->streams, nullptr);
  EXPECT_EQ(StreamTables::made, 0);
}

TEST(LoaderDevices, ADeviceWithoutItsStreamsIsNotOpened) {
  StreamTables t;
  StreamTables::second_fails = true;
  const auto opened = open_tables(t);
  EXPECT_TRUE(opened.devices.empty());
  EXPECT_EQ(opened.code, MU_OUT_OF_MEMORY);
  EXPECT_EQ(opened.reason, "device 0 stream.create: MU_OUT_OF_MEMORY: no more streams (native code 2)");
  EXPECT_EQ(StreamTables::destroyed, 1);
}

TEST(LoaderDevices, KindsMustBeThoseOfTheNote) { EXPECT_CONTAINS(open_tables(Tables(), 1u << MU_KIND_CUDA).reason, "is of kind 1"); }

TEST(LoaderDevices, TellsWhyThereAreNone) {
  Tables t;
  t.plugin.device_count = [](std::uint32_t* n, mu_error*) noexcept -> mu_code { return *n = 0, MU_OK; };
  auto opened = open_tables(t);
  EXPECT_EQ(opened.code, MU_UNAVAILABLE);
  EXPECT_EQ(opened.reason, "has no device here");
  t.plugin.device_count = [](std::uint32_t*, mu_error* e) noexcept { return mu_fail(e, MU_UNAVAILABLE, 35, "no driver"); };
  EXPECT_EQ(open_tables(t).reason, "MU_UNAVAILABLE: no driver (native code 35)");
  t.plugin.device_count = [](std::uint32_t* n, mu_error*) noexcept -> mu_code { return *n = 1u << 30, MU_OK; };
  EXPECT_EQ(open_tables(t).reason, "counts 1073741824 devices");
}

TEST(LoaderDevices, OneBrokenDeviceLeavesTheOthers) {
  Tables t;
  t.plugin.device_count = [](std::uint32_t* n, mu_error*) noexcept -> mu_code { return *n = 2, MU_OK; };
  t.plugin.device_open = [](std::uint32_t i, mu_device**, mu_error* e) noexcept -> mu_code {
    return i == 0 ? mu_fail(e, MU_INTERNAL, 0, "broken") : MU_OK;
  };
  const auto opened = open_tables(t);
  ASSERT_EQ(opened.devices.size(), 1u);
  EXPECT_STREQ(opened.devices[0]->name, "t:1");
  EXPECT_EQ(opened.reason, "device 0 device_open: MU_INTERNAL: broken");
}

}  // namespace
}  // namespace mushin::test
