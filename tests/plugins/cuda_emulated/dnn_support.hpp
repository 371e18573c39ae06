// What the tests of convolutions on the emulated cuDNN share.
#pragma once
#include <array>

#include "beside_builtin.hpp"

namespace emulated_test {

using Three = std::array<std::uint32_t, 3>;

struct ConvCase {
  Sizes x, w, y;
  Three stride, dilation, before;
  std::uint32_t groups;
};
inline const ConvCase convolutions[] = {
    {{2, 4, 9}, {6, 2, 3}, {2, 6, 3}, {3}, {2}, {1}, 2},
    {{2, 3, 6, 5}, {4, 3, 3, 2}, {2, 4, 3, 6}, {2, 1}, {1, 1}, {1, 1}, 1},
    {{3, 4, 7, 8}, {4, 1, 3, 3}, {3, 4, 4, 4}, {2, 2}, {1, 1}, {1, 1}, 4},
    {{1, 4, 5, 4, 6}, {2, 2, 3, 2, 3}, {1, 2, 3, 2, 2}, {2, 2, 3}, {1, 2, 1}, {1, 1, 1}, 2},
};

inline mu_op_conv conv_op(const ConvCase& c, std::uint32_t kind, mu_dtype type = MU_F32) {
  mu_op_conv op{};
  op.h = {sizeof op, MU_OP_CONV};
  op.kind = kind, op.acc = type == MU_F64 ? MU_F64 : MU_F32, op.groups = c.groups;
  std::copy_n(c.stride.data(), 3, op.stride), std::copy_n(c.dilation.data(), 3, op.dilation), std::copy_n(c.before.data(), 3, op.before);
  return op;
}
inline std::vector<Sizes> operands_of(const ConvCase& c, std::uint32_t kind) {
  if (kind == MU_CONV_FORWARD) return {c.x, c.w, c.y};
  return kind == MU_CONV_BACKWARD_DATA ? std::vector{c.y, c.w, c.x} : std::vector{c.x, c.y, c.w};
}

class CudaEmulatedDnn : public CudaEmulatedBesideBuiltin {
 protected:
  // Of ones.
  mu_code small(std::uint32_t kind = MU_CONV_FORWARD) {
    const ConvCase& c = convolutions[1];
    const auto dims = operands_of(c, kind);
    std::vector<mu_tensor> v;
    for (const Sizes& d : dims) v.push_back(on_device(std::vector<float>(static_cast<std::size_t>(count(d)), 1.f), d));
    return run_op(conv_op(c, kind), MU_OP_CONV, {v[0], v[1]}, v[2]);
  }
};

}  // namespace emulated_test
