// Several pointwise launches as one.
#include "sets.hpp"

namespace mushin::cuda::program {
namespace {

constexpr std::uint64_t most_blocks = 0x7FFFFFFF;

std::uint32_t word(const Launch& l, std::size_t i) {
  std::uint32_t v;
  std::memcpy(&v, l.args + 4 * i, sizeof v);
  return v;
}
void set_word(Launch& l, std::size_t i, std::uint32_t v) { std::memcpy(l.args + 4 * i, &v, sizeof v); }

// All sets have what the largest tail needs: without one, all elements of a vector exist.
bool same_kernel(Form a, Form b) {
  a.tail = b.tail = 0;
  return a == b;
}

}  // namespace

bool add_set(Launch& many, const Launch& one) noexcept {
  const std::size_t bytes = one.args_bytes;
  Form form = one.form;
  form.many = 1;
  if (many.args_bytes == 0) {
    many.form = form, many.grid[0] = {0, 1}, many.grid[1] = {}, many.block = one.block, many.set_bytes = bytes;
    many.args_bytes = first_set(bytes) + most_sets(bytes) * bytes;
    std::memset(many.args, 0, first_set(bytes));
  }
  const std::uint32_t n = word(many, 0);
  if (!same_kernel(many.form, form) || n == most_sets(bytes) || std::uint64_t{many.grid[0].x} + one.grid[0].x > most_blocks) return false;
  many.form.tail |= form.tail;
  set_word(many, 0, n + 1), set_word(many, 1 + n, many.grid[0].x);
  std::memcpy(many.args + first_set(bytes) + n * bytes, one.args, bytes);
  many.grid[0].x += one.grid[0].x;
  return true;
}

void simplify(Launch& many) noexcept {
  if (word(many, 0) != 1) return;
  const std::size_t bytes = many.set_bytes;
  std::memmove(many.args, many.args + first_set(bytes), bytes);
  many.args_bytes = bytes, many.form.many = 0;
}

}  // namespace mushin::cuda::program
