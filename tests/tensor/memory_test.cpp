// The caching allocator over a device in host memory and over one with memory of its own that can run out.
#include "core/memory.hpp"
#include "core/block_cache.hpp"
#include "core/capture.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <new>
#include <random>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "core/fail.hpp"
#include "mushin/tensor/error.hpp"

namespace mushin::core {

// Nothing is captured here.
bool capture_state = false;
namespace capture {
Block* take(Device*, std::size_t) noexcept { return nullptr; }
void made(Block*) {}
bool returned(Block*) noexcept { return false; }
}  // namespace capture

namespace {

// Devices live as long as the process.
Device& host_device() {
  static Device d{};
  std::strcpy(d.name, "host");
  d.host_memory = true;
  return d;
}

// Gives `left` allocations, then says it has no more.
struct Scarce {
  static inline int left = 0, live = 0, waits = 0, asked = 0;
  static mu_code synchronize(mu_device*, mu_error*) noexcept { return ++waits, MU_OK; }
  static mu_code alloc(mu_device*, std::uint32_t, std::uint64_t bytes, std::uint64_t, mu_buffer** out, mu_error* e) noexcept {
    ++asked;
    if (left == 0) return mu_fail(e, MU_OUT_OF_MEMORY, 0, "none left");
    --left;
    ++live;
    *out = static_cast<mu_buffer*>(::operator new(bytes));
    return MU_OK;
  }
  static void free(mu_device*, mu_buffer* b) noexcept {
    --live;
    ++left;
    ::operator delete(static_cast<void*>(b));
  }
};
Device& scarce_device(std::uint32_t index) {
  static Device devices[16]{};
  Device& d = devices[index];
  std::strcpy(d.name, "scarce");
  d.device.synchronize = Scarce::synchronize;
  d.memory.alloc = Scarce::alloc;
  d.memory.free = Scarce::free;
  d.index = index;
  return d;
}

TEST(Adopt, TheLastReferenceLetsGoOnceAndNothingIsCached) {
  Device& d = host_device();
  const MemoryStats before = memory_stats(&d);
  int let_go = 0;
  const float values[4] = {1, 2, 3, 4};
  Block* b = adopt(
      &d, values, sizeof values, [](void* owner) { ++*static_cast<int*>(owner); }, &let_go);
  EXPECT_TRUE(is_foreign(b));
  EXPECT_EQ(b->refs, 1u);
  EXPECT_EQ(b->bytes, sizeof values);
  EXPECT_EQ(static_cast<const void*>(b->data), values);
  EXPECT_EQ(let_go, 0);
  release(b);
  EXPECT_EQ(let_go, 1);
  EXPECT_EQ(memory_stats(&d).cached, before.cached);
  EXPECT_EQ(memory_stats(&d).in_use, before.in_use);
  Block* own = allocate(&d, sizeof values);
  EXPECT_FALSE(is_foreign(own));
  release(own);
}

TEST(Allocate, BlocksAreAlignedDistinctAndLargeEnough) {
  Device& d = host_device();
  std::vector<Block*> blocks;
  std::set<std::byte*> addresses;
  for (std::size_t bytes : {0u, 1u, 64u, 65u, 1024u, 1025u, 5000u, 100'000u, 3'000'000u}) {
    Block* b = allocate(&d, bytes);
    EXPECT_GE(b->bytes, bytes);
    EXPECT_LE(b->bytes, bytes + bytes / 4 + 64) << "a size class wastes a quarter at most";
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(b->data) % 64, 0u);
    EXPECT_EQ(static_cast<void*>(b->buffer), static_cast<void*>(b->data));
    std::memset(b->data, 7, b->bytes);
    addresses.insert(b->data);
    blocks.push_back(b);
  }
  EXPECT_EQ(addresses.size(), blocks.size());
  for (Block* b : blocks) release(b);
}

TEST(Allocate, AFreedBlockIsUsedAgain) {
  Device& d = host_device();
  for (std::size_t bytes : {100u, 200'000u, 5'000'000u}) {
    Block* b = allocate(&d, bytes);
    std::byte* const where = b->data;
    release(b);
    b = allocate(&d, bytes);
    EXPECT_EQ(b->data, where);
    release(b);
  }
}

TEST(Allocate, MemoryFreedByAnotherThreadComesAround) {
  Device& d = host_device();
  const std::size_t before = memory_stats(&d).in_use + memory_stats(&d).cached;
  for (int round = 0; round < 200; ++round) {
    std::vector<Block*> made;
    std::thread([&] {
      for (int i = 0; i < 64; ++i) made.push_back(allocate(&d, 1000));
    }).join();
    for (Block* b : made) release(b);
  }
  const std::size_t after = memory_stats(&d).in_use + memory_stats(&d).cached;
  EXPECT_LE(after - before, 1u << 20) << "64 blocks of 1 KiB are alive at a time";
}

TEST(Allocate, AFullDeviceIsDrainedAndAskedOnceMore) {
  Device& d = scarce_device(3);
  Scarce::left = 2;
  Block* a = allocate(&d, 1000);
  Block* b = allocate(&d, 100'000);
  release(a);  // cached, in another class than what is asked for next
  const int waits = Scarce::waits;
  Block* c = allocate(&d, 3'000'000);  // only the drained cache makes room
  EXPECT_EQ(Scarce::live, 2);
  EXPECT_EQ(Scarce::waits, waits + 1) << "queued work may use what is freed";
  release(b);
  release(c);
  drain_cache(&d);
  EXPECT_EQ(Scarce::live, 0);
}

TEST(Allocate, OutOfMemorySaysWhatWasAskedForAndWhatIsInUse) {
  Device& d = scarce_device(4);
  Scarce::left = 1;
  Block* a = allocate(&d, 1000);
  const int asked = Scarce::asked;
  try {
    allocate(&d, 5000);
    FAIL() << "there was no memory left";
  } catch (const OutOfMemory& e) {
    const std::string text = e.what();
    EXPECT_NE(text.find("[allocate] no memory left on scarce: asked for 5000 bytes, 1024 in use, 0 cached"), std::string::npos) << text;
    EXPECT_EQ(Scarce::asked, asked + 2) << "once more, and no oftener";
  }
  release(a);
  drain_cache(&d);
}

TEST(Allocate, OutOfMemoryNamesTheOpAndTheLargestOwners) {
  Device& d = scarce_device(5);
  Scarce::left = 5;
  std::vector<Block*> held;
  for (const char* op : {"relu", "matmul", "relu"}) held.push_back(allocate(&d, 2000, op));
  held.push_back(allocate(&d, 5000, "sum"));
  release(allocate(&d, 100, "mul"));  // in the cache: nobody's
  try {
    allocate(&d, 9000, "softmax");
    allocate(&d, 9000, "softmax");
    FAIL() << "there was no memory left";
  } catch (const OutOfMemory& e) {
    const std::string text = e.what();
    EXPECT_EQ(text.find("[softmax] no memory left on scarce: asked for 9000 bytes"), 0u) << text;
    EXPECT_NE(text.find("; largest owners: softmax 10240 bytes in 1, sum 5120 bytes in 1, relu 4096 bytes in 2, matmul 2048 bytes in 1"),
              std::string::npos)
        << text;
  }
}

TEST(Allocate, WhatIsBeyondTheLimitDoesNotEnter) {
  BlockCache cache;
  Block a{}, b{};
  a.bytes = b.bytes = 1024;
  EXPECT_FALSE(cache.enter(&a, 1023));
  EXPECT_TRUE(cache.enter(&a, 1500));
  EXPECT_FALSE(cache.enter(&b, 1500)) << "both are more";
  EXPECT_TRUE(cache.enter(&b, 2048));
  cache.forget(&a), cache.forget(&b);
}

TEST(Allocate, StatisticsTellWhatIsInUseCachedAndTheMostThatWas) {
  Device& d = scarce_device(6);
  Scarce::left = 10;
  Block *a = allocate(&d, 1024), *b = allocate(&d, 4096);
  release(a);
  EXPECT_EQ(memory_stats(&d).in_use, 4096u);
  EXPECT_EQ(memory_stats(&d).cached, 1024u);
  EXPECT_EQ(memory_stats(&d).peak, 5120u);
  release(b);
  a = allocate(&d, 4096);
  EXPECT_EQ(memory_stats(&d).peak, 5120u);
  EXPECT_EQ(memory_stats(&d).cached, 1024u);
  release(a);
  drain_cache(&d);
  EXPECT_EQ(memory_stats(&d).in_use + memory_stats(&d).cached, 0u);
}

constexpr std::size_t kib = 1024;

// Each in a scarce device of its own that has given one piece of memory, all free.
struct OnePiece {
  Device& d;
  explicit OnePiece(std::uint32_t index, std::size_t bytes) : d(scarce_device(index)) {
    Scarce::left = 1;
    release(allocate(&d, bytes));
  }
  ~OnePiece() {
    drain_cache(&d);
    EXPECT_EQ(memory_stats(&d).in_use + memory_stats(&d).cached, 0u);
    EXPECT_EQ(Scarce::left, 1);
  }
};

TEST(Split, ALargeFreeBlockServesSmallerOnesAndIsWholeAgain) {
  OnePiece one(8, 1024 * kib);
  Block *a = allocate(&one.d, 256 * kib), *b = allocate(&one.d, 256 * kib), *c = allocate(&one.d, 512 * kib);
  EXPECT_EQ(a->buffer, b->buffer);
  EXPECT_EQ(a->buffer, c->buffer);
  EXPECT_EQ((std::set<std::uint64_t>{a->begin, b->begin, c->begin}), (std::set<std::uint64_t>{0, 256 * kib, 512 * kib}));
  EXPECT_EQ(memory_stats(&one.d).in_use, 1024 * kib);
  for (Block* each : {b, a, c}) release(each);  // neighbours to the right, to the left
  EXPECT_EQ(memory_stats(&one.d).largest_free, 1024 * kib);
  EXPECT_EQ(memory_stats(&one.d).fragmented, 0u);
  Block* all = allocate(&one.d, 1024 * kib);
  EXPECT_EQ(all->begin, 0u);
  release(all);
}

TEST(Split, TheSmallestBlockThatFitsIsCut) {
  Device& d = scarce_device(9);
  Scarce::left = 3;
  Block* held[3];
  for (int i = 0; i < 3; ++i) held[i] = allocate(&d, (i == 1 ? 256u : 512u) * kib);
  mu_buffer* const smallest = held[1]->buffer;
  for (Block* b : held) release(b);
  Block* b = allocate(&d, 64 * kib);
  EXPECT_EQ(b->buffer, smallest);
  release(b);
  drain_cache(&d);
  EXPECT_EQ(Scarce::left, 3);
}

TEST(Split, WhatIsMuchSmallerGetsMemoryOfItsOwn) {
  OnePiece one(10, 1024 * kib);
  Scarce::left = 2;
  Block* small = allocate(&one.d, 16 * kib);  // never cut from a larger one while there is memory
  EXPECT_EQ(memory_stats(&one.d).largest_free, 1024 * kib);
  Block* much_smaller = allocate(&one.d, 20 * kib);
  EXPECT_EQ(memory_stats(&one.d).largest_free, 1024 * kib);
  release(small);
  release(much_smaller);
  drain_cache(&one.d);
  EXPECT_EQ(Scarce::left, 3);
  Scarce::left = 1;
}

TEST(Split, ARestThatNothingFitsInIsNotCutOff) {
  OnePiece one(7, 24 * kib);
  Block* b = allocate(&one.d, 20 * kib);
  EXPECT_EQ(b->bytes, 24 * kib);
  release(b);
}

TEST(Split, UnderPressureAnyFreeBlockServes) {
  OnePiece one(11, 1024 * kib);
  Block *small = allocate(&one.d, 100), *large = allocate(&one.d, 768 * kib);
  EXPECT_EQ(small->buffer, large->buffer);
  EXPECT_THROW(allocate(&one.d, 512 * kib), OutOfMemory);
  release(small);
  release(large);
}

TEST(Split, WhatIsBesideMemoryInUseStaysWhenTheCacheIsDrained) {
  OnePiece one(12, 1024 * kib);
  Block *a = allocate(&one.d, 512 * kib), *b = allocate(&one.d, 256 * kib);
  release(a);
  EXPECT_EQ(memory_stats(&one.d).fragmented, 768 * kib);
  EXPECT_EQ(memory_stats(&one.d).largest_free, std::max(a->bytes, 512 * kib));
  drain_cache(&one.d);
  EXPECT_EQ(memory_stats(&one.d).cached, 768 * kib);
  EXPECT_EQ(Scarce::left, 0);
  release(b);
  EXPECT_EQ(memory_stats(&one.d).fragmented, 0u);
}

TEST(Split, AMergedBlockWasUsedWhenTheLaterOfBothWas) {
  OnePiece one(13, 1024 * kib);
  Block *a = allocate(&one.d, 512 * kib), *b = allocate(&one.d, 512 * kib);
  one.d.given = 7;
  release(a);
  one.d.given = 9;
  release(b);
  Block* all = allocate(&one.d, 1024 * kib);
  EXPECT_EQ(all->last_use, 9u);
  one.d.given = 0;
  release(all);
}

TEST(Split, AnUploadGetsABlockThatIsDone) {
  BlockCache cache;
  Device& d = scarce_device(14);
  const SizeClass wanted = SizeClass::above(64 * kib);
  Block* made[3];
  for (std::uint64_t i = 0; i < 3; ++i) {
    made[i] = new Block{1, wanted.index, nullptr, nullptr, wanted.bytes, &d, nullptr, "test", 0};
    ASSERT_TRUE(cache.enter(made[i], SIZE_MAX));
    made[i]->last_use = 10 * i;
    cache.put(made[i]);
  }
  EXPECT_EQ(cache.take(wanted, 10, false), made[1]);
  EXPECT_EQ(cache.take(wanted, UINT64_MAX, false), made[2]) << "else the one that was let go of last";
  EXPECT_EQ(cache.take(wanted, 10, false), made[0]);
  EXPECT_EQ(cache.take(wanted, UINT64_MAX, false), nullptr);
  for (Block* b : made) {
    cache.forget(b);
    delete b;
  }
}

// What is allocated and freed at random, against what must be true: nothing overlaps, and the sums are right.
void churn(Device& d, unsigned seed, int turns, std::vector<Block*>& held) {
  std::minstd_rand random(seed);
  for (int i = 0; i < turns; ++i) {
    if (held.size() < 40 && random() % 5 < 3) {
      const std::size_t bytes = random() % (std::size_t{1} << (8 + random() % 14)) + 1;
      Block* b = allocate(&d, bytes);
      ASSERT_GE(b->bytes, bytes);
      if (b->data) std::memset(b->data, i, bytes);
      held.push_back(b);
    } else if (!held.empty()) {
      std::swap(held[random() % held.size()], held.back());
      release(held.back());
      held.pop_back();
    }
  }
}

void expect_apart(std::vector<Block*> held) {
  const auto start = [](const Block* b) { return reinterpret_cast<std::uintptr_t>(b->buffer) + b->begin; };
  std::sort(held.begin(), held.end(), [&](const Block* a, const Block* b) { return start(a) < start(b); });
  for (std::size_t i = 0; i < held.size(); ++i) {
    EXPECT_EQ(held[i]->begin % 64, 0u);
    if (i > 0) {
      EXPECT_LE(start(held[i - 1]) + held[i - 1]->bytes, start(held[i]));
    }
  }
}

TEST(Stress, BlocksNeverOverlapAndTheSumsAreRight) {
  Device& d = scarce_device(15);
  Scarce::left = 1000;
  std::vector<Block*> held;
  for (unsigned round = 0; round < 60; ++round) {
    churn(d, round, 200, held);
    expect_apart(held);
    std::size_t in_use = 0;
    for (const Block* b : held) in_use += b->bytes;
    EXPECT_EQ(memory_stats(&d).in_use, in_use);
    EXPECT_LE(memory_stats(&d).fragmented, memory_stats(&d).cached);
    if (round % 10 == 9) drain_cache(&d);
  }
  for (Block* b : held) release(b);
  EXPECT_EQ(memory_stats(&d).fragmented, 0u) << "all that was cut is whole again";
  drain_cache(&d);
  EXPECT_EQ(Scarce::left, 1000);
  EXPECT_EQ(memory_stats(&d).in_use + memory_stats(&d).cached, 0u);
}

TEST(Stress, ThreadsCutAndMergeInOneMemory) {
  Device& d = host_device();
  std::vector<std::vector<Block*>> held(4);
  std::vector<std::thread> team;
  for (unsigned t = 0; t < 4; ++t) team.emplace_back([&, t] { churn(d, t + 1, 2000, held[t]); });
  for (std::thread& t : team) t.join();
  std::vector<Block*> all;
  for (const auto& each : held) all.insert(all.end(), each.begin(), each.end());
  for (const Block* b : all) EXPECT_EQ(reinterpret_cast<std::uintptr_t>(b->data) % 64, 0u);
  std::sort(all.begin(), all.end(), [](const Block* a, const Block* b) { return a->data < b->data; });
  for (std::size_t i = 1; i < all.size(); ++i) EXPECT_LE(all[i - 1]->data + all[i - 1]->bytes, all[i]->data);
  for (Block* b : all) release(b);
}

TEST(ParseBytes, TakesPowersOf1024) {
  EXPECT_EQ(parse_bytes("V", "512"), 512u);
  EXPECT_EQ(parse_bytes("V", "64K"), 65536u);
  EXPECT_EQ(parse_bytes("V", "1.5M"), 1572864u);
  EXPECT_EQ(parse_bytes("V", "2G"), std::size_t{2} << 30);
  EXPECT_EQ(parse_bytes("V", "1T"), std::size_t{1} << 40);
  for (const char* wrong : {"", "K", "0", "-1", "1X", "1KB", "1 K", "nan", "inf", "1e30", "0.2"}) {
    try {
      parse_bytes("MUSHIN_MEMORY_LIMIT", wrong);
      FAIL() << wrong;
    } catch (const Error& e) {
      EXPECT_EQ(std::string(e.what()),
                "[memory] MUSHIN_MEMORY_LIMIT is a number of bytes, as 512, 64M or 1.5G: \"" + std::string(wrong) + "\"");
    }
  }
}

// What a backend's code stands for, and that its own [op] gives way to the core's.
TEST(FailWithCode, SaysDeviceAndReason) {
  const auto said = [](mu_code code, const char* text) -> std::string {
    mu_error e{};
    e.size = sizeof e;
    mu_fail(&e, code, 0, text);
    try {
      fail_with_code("matmul", &host_device(), code, e);
    } catch (const ShapeError& error) {
      return std::string("shape ") + error.what();
    } catch (const OutOfMemory& error) {
      return std::string("memory ") + error.what();
    } catch (const DeviceError& error) {
      return std::string("device ") + error.what();
    } catch (const PluginError& error) {
      return std::string("plugin ") + error.what();
    }
  };
  EXPECT_EQ(said(MU_INVALID, "[kernel] no such thing"), "shape [matmul] no such thing");
  EXPECT_EQ(said(MU_OUT_OF_MEMORY, "none"), "memory [matmul] no memory left on host: none");
  EXPECT_EQ(said(MU_DEVICE_LOST, "gone"), "device [matmul] device host is lost: gone");
  EXPECT_EQ(said(MU_UNSUPPORTED, "no"), "device [matmul] device host cannot do this: no");
  EXPECT_EQ(said(MU_INTERNAL, "odd"), "plugin [matmul] host reported error " + std::to_string(MU_INTERNAL) + ": odd");
}

TEST(Allocate, AnImpossibleSizeIsRefused) {
  Device& d = host_device();
  EXPECT_THROW(allocate(&d, std::size_t{1} << 60), OutOfMemory);
}

}  // namespace
}  // namespace mushin::core
