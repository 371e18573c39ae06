#include "io/contents.hpp"

#include <algorithm>

#include "core/fail.hpp"
#include "io/refuse.hpp"

namespace mushin::io {

void push_extent(const Origin& origin, core::Sizes& sizes, std::uint64_t n) {
  constexpr std::uint64_t most = std::uint64_t{1} << 56;
  if (sizes.rank == core::max_rank) refuse("[{}] a tensor has at most {} axes: {} has more", origin.op, core::max_rank, origin.where);
  std::uint64_t count = std::max<std::uint64_t>(n, 1);
  for (unsigned i = 0; i < sizes.rank && count < most; ++i)
    if (__builtin_mul_overflow(count, static_cast<std::uint64_t>(std::max<std::int64_t>(sizes[i], 1)), &count)) count = most;
  if (count >= most) {
    std::string before;
    for (unsigned i = 0; i < sizes.rank; ++i) before += fmt::format("{}, ", sizes[i]);
    refuse("[{}] a shape must fit the memory: {} has the extents {}{}", origin.op, origin.where, before, n);
  }
  sizes.push(static_cast<std::int64_t>(n));
}

bool has_sizes(const core::Sizes& sizes, const core::Wanted& wanted) {
  bool same = sizes.rank == wanted.sizes.rank;
  for (unsigned i = 0; same && i < sizes.rank; ++i) {
    const std::int64_t size = wanted.sizes[i];
    same = size == -1 || sizes[i] == (size < -1 ? sizes[static_cast<unsigned>(-2 - size)] : size);
  }
  return same;
}

void check_wanted(const Origin& origin, const std::string& type, const core::Sizes& sizes, const char* asked, const core::Wanted& wanted) {
  if (type != asked || !has_sizes(sizes, wanted))
    refuse("[{}] element type and shape must be those asked for: {} is {} {}, asked was {} {}", origin.op, origin.where, type,
           core::text_of(sizes), asked, wanted.shape);
}

void check_bools(const Origin& origin, const std::byte* values, std::size_t count) {
  if (std::any_of(values, values + count, [](std::byte b) { return b > std::byte{1}; }))
    refuse("[{}] a bool must be stored as 0 or 1: {}", origin.op, origin.where);
}

}  // namespace mushin::io
