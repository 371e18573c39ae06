// Layouts of the fake's own, as far from rows as may be. Only device 1 has them.
#pragma once
#include <cstddef>
#include <cstdint>

#include "mushin/plugin.h"

namespace fakegpu {

/// Tiles of 4 x 4 (wide: 2 x 8) elements of the last two axes, filled up with junk. Programs may run over them.
inline constexpr std::uint64_t tiles = 0x7115, wide = 0x71DE;
/// Behind a head of junk: 4 columns side by side, then the next 4, every bit turned. Programs may not.
inline constexpr std::uint64_t panels = 0x9A7E15;

const char* name_of_layout(std::uint64_t id);
/// Bytes of a view's elements in a layout; 0: there is no such layout.
std::uint64_t layout_bytes(std::uint64_t id, const mu_tensor&);
/// The elements of a view by rows: how many bytes, and its row-major strides.
std::uint64_t row_bytes(const mu_tensor&);
void set_rows(mu_tensor&);
/// From rows to the layout that the view tells, and back.
void pack(const mu_tensor&, const std::byte* rows, std::byte* to);
void unpack(const mu_tensor&, const std::byte* from, std::byte* rows);

}  // namespace fakegpu
