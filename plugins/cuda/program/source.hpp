// From a program and the views it runs on to a kernel: what its source depends on, the source, and what a launch passes to it.
//
//   const Op op = pointwise_op(descriptor, n_in, in, n_out, out);     // plan_create: throws Failure
//   Launch l;
//   bind(op, in, out, address, workspace, l);                         // plan_run: a microsecond, throws nothing
//   kernel = cache.find(l.form), else compile(emit(op, l.form, "k"), …)
//   launch(kernel, {l.grid[0].x, l.grid[0].y}, l.block, l.args, l.args_bytes), and the second pass where there is one
#pragma once
#include <cstddef>
#include <cstring>

#include "program.hpp"

namespace mushin::cuda::program {

/// A POINTWISE or MAP_REDUCE op, checked against its views' element types and dims.
struct Op {
  Program program;
  std::uint32_t reduce = 0;  // MU_REDUCE_…, or 0
  Type acc = Type::none, result = Type::none;
  int n_out() const { return reduce ? 1 : static_cast<int>(program.out.size()); }
  int operands() const { return program.n_in + n_out() + static_cast<int>(program.iota.size()); }
  bool is_arg() const { return reduce >= MU_REDUCE_ARGMAX; }
};
Op pointwise_op(const mu_op_pointwise&, std::uint32_t n_in, const mu_tensor* in, std::uint32_t n_out, const mu_tensor* out);
Op map_reduce_op(const mu_op_map_reduce&, std::uint32_t n_in, const mu_tensor* in, std::uint32_t n_out, const mu_tensor* out);

/// Inputs, then outputs, then indices of MU_PW_IOTA, which are operands whose value is their offset.
inline constexpr int most_operands = Program::most_inputs + Program::most_outputs + MU_MAX_RANK + 1;

/// What a source depends on beside its op: how the views lie, but not their sizes. Of one op, equal forms have one source.
struct Form {
  std::uint8_t rank;                 // of the collapsed iteration space; map-reduce: of its kept axes
  std::uint8_t reduced;              // reduced axes
  std::uint8_t vector;               // elements that one thread takes at once, along the innermost axis
  std::uint8_t tail;                 // 1: the last vector of a single axis is not whole
  std::uint8_t wide;                 // 1: 64-bit indices
  std::uint8_t columns;              // map-reduce: 1: a warp's lanes take 32 results, 0: `width` threads share one
  std::uint8_t split;                // map-reduce: 1: partial results go to the workspace, a second pass joins them
  std::uint8_t many;                 // pointwise: 1: one launch for several sets of views
  std::uint16_t width;               // map-reduce: threads that share a result: 1, 8, 32, 256; of columns 8
  std::uint8_t step[most_operands];  // along the innermost axis: 0 one value, 1 dense (by vectors), 2 any stride
  bool operator==(const Form& o) const { return std::memcmp(this, &o, sizeof o) == 0; }
};

/// The kernels' only argument is a struct by value, of these bytes.
inline constexpr std::size_t most_args = 4096;
struct Grid {
  std::uint32_t x = 0, y = 0;
};
/// Everything a launch needs. Grid x 0: there is nothing to do. The second kernel runs behind the first, with the same arguments.
struct Launch {
  Form form;
  Grid grid[2];                       // of the entries; [1].x is 0 where there is no second pass
  std::uint32_t block = 256;          // threads; shared memory is static, so 0 bytes of the dynamic kind
  std::uint64_t workspace_bytes = 0;  // that the kernels use; at most `most_workspace`
  std::size_t args_bytes = 0;
  std::size_t set_bytes = 0;  // of several sets: those of each
  alignas(16) unsigned char args[most_args];
};
/// What plan_create asks for, for a map-reduce op: enough for views of any dims.
inline constexpr std::uint64_t most_workspace = std::uint64_t{1} << 19;

/// Fills in a launch for views of the op's element types. `address` of every input, then of every output, on the device, byte offsets
/// included; null: taken as aligned to 16, to learn form and sizes alone. The result depends on dims, strides and alignment, and on
/// nothing else, so equal operands give equal bits. Throws nothing, allocates nothing.
void bind(const Op&, const mu_tensor* in, const mu_tensor* out, const std::uint64_t* address, std::uint64_t workspace, Launch&) noexcept;

/// Adds what `one`, a pointwise launch, does to what `many` does, where it is of the same form and there is room: else false. An empty one has no
/// args_bytes. Such a kernel's argument is how many sets there are, the first block of each, and what bind() gives for each.
bool add_set(Launch& many, const Launch& one) noexcept;
/// A launch of one set is that of the set alone.
void simplify(Launch& many) noexcept;

struct Source {
  std::string kernel;         // needs prelude() before it, once however many kernels there are
  std::string entry, second;  // names of the kernels (extern "C"); `second` is empty where there is one pass
  std::string text() const;   // prelude and kernel
};
/// CUDA C++ for any sizes of this form. `name` becomes the entry's: of letters, digits and _.
Source emit(const Op&, const Form&, const std::string& name);
/// Types and functions that kernels are written in.
const char* prelude();

}  // namespace mushin::cuda::program
