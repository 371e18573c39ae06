#include "layout.hpp"

#include <cstring>

namespace fakegpu {
namespace {

constexpr std::uint64_t head = 64, panel = 4;
constexpr int junk = 0xEE;

std::uint64_t ceil_div(std::uint64_t n, std::uint64_t by) { return (n + by - 1) / by; }

struct Tile {
  std::uint64_t rows, columns;
};
Tile tile_of(std::uint64_t id) { return id == wide ? Tile{2, 8} : Tile{4, 4}; }

// The last two axes are a matrix, all before them a stack of these.
struct Matrices {
  std::uint64_t count = 1, rows = 1, columns = 1, element;

  explicit Matrices(const mu_tensor& v) : element(mu_dtype_bytes(v.dtype)) {
    for (int i = 0; i < v.rank; ++i) {
      const auto n = static_cast<std::uint64_t>(v.dim[i]);
      (i == v.rank - 1 ? columns : i == v.rank - 2 ? rows : count) *= n;
    }
  }
  // Places in one matrix, and where among them an element is.
  std::uint64_t places(std::uint64_t id) const {
    const auto [r, c] = tile_of(id);
    return id == panels ? ceil_div(columns, panel) * panel * rows : ceil_div(rows, r) * ceil_div(columns, c) * r * c;
  }
  std::uint64_t place(std::uint64_t id, std::uint64_t i, std::uint64_t j) const {
    const auto [r, c] = tile_of(id);
    if (id == panels) return (j / panel * rows + i) * panel + j % panel;
    return (i / r * ceil_div(columns, c) + j / c) * r * c + i % r * c + j % c;
  }
  // f(bytes from the first by rows, bytes from the first in the layout) of each element.
  template <class F>
  void each(std::uint64_t id, const F& f) const {
    const std::uint64_t step = places(id), first = id == panels ? head : 0;
    for (std::uint64_t m = 0; m < count; ++m)
      for (std::uint64_t i = 0; i < rows; ++i)
        for (std::uint64_t j = 0; j < columns; ++j)
          f(((m * rows + i) * columns + j) * element, first + (m * step + place(id, i, j)) * element);
  }
};

void copy(std::byte* to, const std::byte* from, std::uint64_t bytes, bool turned) {
  for (std::uint64_t k = 0; k < bytes; ++k) to[k] = turned ? ~from[k] : from[k];
}

}  // namespace

const char* name_of_layout(std::uint64_t id) {
  return id == tiles ? "tiles" : id == wide ? "wide tiles" : id == panels ? "panels" : "strided";
}

std::uint64_t layout_bytes(std::uint64_t id, const mu_tensor& v) {
  const Matrices m(v);
  if (id != tiles && id != wide && id != panels) return 0;
  return (id == panels ? head : 0) + m.count * m.places(id) * m.element;
}

std::uint64_t row_bytes(const mu_tensor& v) {
  const Matrices m(v);
  return m.count * m.rows * m.columns * m.element;
}

void set_rows(mu_tensor& v) {
  std::int64_t step = 1;
  for (int i = v.rank; i-- > 0; step *= v.dim[i]) v.stride[i] = step;
  v.layout = MU_LAYOUT_STRIDED;
  v.layout_id = 0;
  v.byte_offset = 0;
  v.bytes = row_bytes(v);
}

void pack(const mu_tensor& v, const std::byte* rows, std::byte* to) {
  const Matrices m(v);
  std::memset(to, junk, layout_bytes(v.layout_id, v));
  m.each(v.layout_id, [&](std::uint64_t row, std::uint64_t place) { copy(to + place, rows + row, m.element, v.layout_id == panels); });
}

void unpack(const mu_tensor& v, const std::byte* from, std::byte* rows) {
  const Matrices m(v);
  m.each(v.layout_id, [&](std::uint64_t row, std::uint64_t place) { copy(rows + row, from + place, m.element, v.layout_id == panels); });
}

}  // namespace fakegpu
