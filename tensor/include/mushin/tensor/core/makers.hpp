#pragma once
#include "mushin/tensor/core/array.hpp"

namespace mushin::core {
/// `value` where the last two indices are equal, else 0 (rank 2 or more).
MUSHIN_API Array eye(const Sizes&, dtype, Number value);
/// first, first + step, … (n of them), each computed as first + i * step: in integers where both are whole, else in double.
MUSHIN_API Array ramp(std::int64_t n, dtype, Number first, Number step);
/// `n` values at equal distances from first to last, both of which are there exactly (only the first, if n is 1). In double.
MUSHIN_API Array spaced(std::int64_t n, dtype, double first, double last);
/// 0, 1, … on that device, i64.
MUSHIN_API Array counting(std::int64_t n, Device*);
}  // namespace mushin::core
