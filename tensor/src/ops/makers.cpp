#include "mushin/tensor/core/makers.hpp"

#include <algorithm>
#include <vector>

#include "core/capture.hpp"
#include "core/fail.hpp"
#include "core/literal.hpp"
#include "core/plans.hpp"
#include "core/request.hpp"

namespace mushin::core {

Array eye(const Sizes& s, dtype type, Number value) {
  if (s.rank < 2) fail<ShapeError>("[eye] needs two axes: {}", text_of(s));
  const std::int64_t count = checked_count("eye", s);
  Device* d = default_device();
  Array made = filled("eye", d, type, s, count, 0, true);
  if (count == 0) return made;
  // The diagonal of each matrix is a view of its own.
  mu_tensor v;
  view_of(v, node_of(made));
  const unsigned r = s.rank - 2;
  v.rank = static_cast<std::uint16_t>(r + 1);
  v.dim[r] = std::min(s.at[r], s.at[r + 1]);
  v.stride[r] = s.at[r + 1] + 1;
  const std::uint64_t bits = bits_of(value, type);
  fill("eye", d, v, bits, is_well_known(bits, type));
  return made;
}

namespace {

// Whole numbers of more than 64 bits become the nearest of 64, as the nearest of an element type is taken of those.
Number at(Number first, Number step, std::int64_t i) {
  if (!first.is_whole || !step.is_whole) return first.real + static_cast<double>(i) * step.real;
  const __int128 sum = first.whole + static_cast<__int128>(i) * step.whole, least = INT64_MIN, greatest = INT64_MAX;
  return static_cast<std::int64_t>(std::clamp(sum, least, greatest));
}

template <class Value>
Array listed(const char* op, std::int64_t n, dtype type, Value value) {
  const Sizes s{n};
  checked_count(op, s);
  const NotRecorded quiet;  // replays find these values as they are now
  Array made = array_to_fill(default_device(), type, s, n, op);
  const std::size_t bytes = bytes_of(type);
  std::vector<std::byte> values(static_cast<std::size_t>(n) * bytes);
  for (std::int64_t i = 0; i < n; ++i) {
    const std::uint64_t bits = bits_of(value(i), type);
    std::copy_n(reinterpret_cast<const std::byte*>(&bits), bytes, values.data() + static_cast<std::size_t>(i) * bytes);
  }
  upload(op, node_of(made)->block, 0, values.data(), values.size());
  return made;
}

}  // namespace

Array ramp(std::int64_t n, dtype type, Number first, Number step) {
  return listed("arange", n, type, [&](std::int64_t i) { return at(first, step, i); });
}

Array spaced(std::int64_t n, dtype type, double first, double last) {
  const double step = n > 1 ? (last - first) / static_cast<double>(n - 1) : 0;
  return listed("linspace", n, type,
                [&](std::int64_t i) { return Number(i > 0 && i == n - 1 ? last : first + static_cast<double>(i) * step); });
}

Array counting(std::int64_t n, Device* device) {
  static constexpr mu_pw_inst iota = {MU_PW_IOTA, 0, MU_I64, MU_PW_NONE, MU_PW_NONE, MU_PW_NONE, 0};
  static constexpr mu_pw_program program = {
      sizeof(mu_pw_program), MU_PW_MAGIC, 1, 0, 1, 0, 1, 0, {0}, MU_PW_IOTA, nullptr, nullptr, nullptr, &iota};
  const Sizes s{n};
  Array made = fresh_array(device, dtype::i64, s, checked_count("arange", s));
  if (n == 0) return made;
  const mu_op_pointwise op{{sizeof op, MU_OP_POINTWISE}, &program};
  mu_tensor v;
  view_of(v, node_of(made));
  request("arange", device, &op.h, 0, {&v, 1});
  return made;
}

}  // namespace mushin::core
