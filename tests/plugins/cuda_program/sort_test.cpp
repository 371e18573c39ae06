// Keys of every type, and what short rows become by counting, on the host, against the builtin backend.
#include "order.hpp"

#include <algorithm>
#include <numeric>

#include "builtin.h"
#include "elements.hpp"
#include "indexing.hpp"
#include "special_bits.hpp"

namespace mushin::cuda {
namespace {

using namespace backend_test;

struct CudaSort : testing::Test {
  // Of one row, by the keys' order alone.
  std::vector<std::int64_t> by_keys(const Elements& x, bool descending) {
    const KeyRule rule = key_rule_of(x.v.dtype, descending);
    std::vector<std::int64_t> order(x.at.size());
    std::iota(order.begin(), order.end(), 0);
    const char* const from = reinterpret_cast<const char*>(x.memory.data());
    const auto before = [&](auto key, std::int64_t a, std::int64_t b) {
      return load_key<decltype(key)>(rule, from, a) < load_key<decltype(key)>(rule, from, b);
    };
    std::stable_sort(order.begin(), order.end(), [&](std::int64_t a, std::int64_t b) {
      return rule.bytes == 8 ? before(std::uint64_t{}, a, b) : before(std::uint32_t{}, a, b);
    });
    return order;
  }
  void expect_order(const Elements& x) {
    for (const bool descending : {false, true}) {
      std::vector<std::int64_t> want(x.at.size());
      const mu_op_sort op{{}, 0, MU_SORT_INDICES | (descending ? MU_SORT_DESCENDING : 0u)};
      ASSERT_EQ(backend.run(op, MU_OP_SORT, {x.v}, {view(want, x.dims())}), MU_OK) << backend.message();
      ASSERT_EQ(by_keys(x, descending), want) << "type " << x.v.dtype << (descending ? " descending" : "");
    }
  }
  Backend backend{mushin_builtin_entry(test_host(), nullptr)};
  Random random{17};
};

TEST_F(CudaSort, KeysOrderAllValuesOfNarrowTypes) {
  for (const mu_dtype type : {MU_F16, MU_BF16, MU_I8, MU_U8}) {
    const std::int64_t values = std::int64_t{1} << 8 * mu_dtype_bytes(type), n = 2 * values;
    Elements x(type, {n}, {1});
    for (std::int64_t i = 0; i < n; ++i) write_element(x.v, i, static_cast<std::uint64_t>(i * 40503 % values));
    expect_order(x);
  }
}

TEST_F(CudaSort, KeysOrderSpecialAndOtherValues) {
  for (const mu_dtype type : all_types) {
    Elements x(type, {20000}, {1});
    for (std::int64_t i = 0; i < 20000; ++i) write_element(x.v, i, some_bits(type, random));
    expect_order(x);
  }
}

TEST_F(CudaSort, KeysStayWithinTheTypesBits) {
  for (const mu_dtype type : all_types)
    for (const bool descending : {false, true})
      for (int i = 0; i < 1000; ++i) {
        const KeyRule rule = key_rule_of(type, descending);
        if (rule.bytes >= 4) continue;
        const std::uint64_t key = key_of(rule, static_cast<std::uint32_t>(some_bits(type, random)));
        ASSERT_EQ(key >> 8 * rule.bytes, 0u) << "type " << type;
      }
}

TEST_F(CudaSort, ShortRowsAreCounted) {
  for (int round = 0; round < 600; ++round) {
    const mu_dtype type = all_types[static_cast<std::size_t>(random.below(9))];
    const std::int64_t n = 1 + random.below(40), k = 1 + random.below(n);
    const Sizes dims{1 + random.below(3), n, 1 + random.below(4)}, first{dims[0], k, dims[2]};
    Elements x(type, dims, any_strides(random, dims)), values(type, first, any_strides(random, first)), want_values = values;
    Elements indices(MU_I64, first, any_strides(random, first)), want_indices = indices;
    for (const std::int64_t i : x.at) write_element(x.v, i, some_bits(type, random));
    const bool descending = random.below(2) != 0;
    const mu_op_sort op{{}, 1, MU_SORT_VALUES | MU_SORT_INDICES | (descending ? MU_SORT_DESCENDING : 0u)};
    ASSERT_EQ(backend.run(op, MU_OP_SORT, {x.v}, {want_values.v, want_indices.v}), MU_OK) << backend.message();
    Ordering o = ordering_of(x.v, values.v, indices.v, 1, key_rule_of(type, descending));
    o.along = random.below(2) != 0;
    for (std::int64_t i = count(dims); i-- > 0;) {
      const auto place = o.rule.bytes == 8 ? place_by_counting<std::uint64_t> : place_by_counting<std::uint32_t>;
      place(o, reinterpret_cast<const char*>(x.memory.data()), reinterpret_cast<char*>(values.memory.data()),
            reinterpret_cast<std::int64_t*>(indices.memory.data()), i);
    }
    ASSERT_EQ(values.memory, want_values.memory) << "type " << type;
    ASSERT_EQ(indices.memory, want_indices.memory) << "type " << type;
  }
}

TEST_F(CudaSort, RowsAtOnceAndTiles) {
  EXPECT_EQ(tile_for(1), 0);
  EXPECT_EQ(tile_for(256), 0);
  EXPECT_EQ(tile_for(257), 1);
  EXPECT_EQ(tile_for(4096), 2);
  EXPECT_EQ(tile_for(4097), tile_count);
  EXPECT_EQ(parts_of(4096), 1);
  EXPECT_EQ(parts_of(4097), 2);
  EXPECT_EQ(left_of(4097, 5), 6);
  EXPECT_EQ(left_of(8192, 5), 10);
  EXPECT_EQ(left_of(300000, 512), 73 * 512 + 512);
  EXPECT_EQ(rows_at_once(5000, 3), 3);
  EXPECT_EQ(rows_at_once(1 << 20, 100), 8);
  EXPECT_EQ(rows_at_once(UINT32_MAX, 100), 1);
  EXPECT_EQ(bits_below(1), 0);
  EXPECT_EQ(bits_below(2), 1);
  EXPECT_EQ(bits_below(256), 8);
  EXPECT_EQ(bits_below(257), 9);
}

}  // namespace
}  // namespace mushin::cuda
