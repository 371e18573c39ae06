// Matrix products and linear algebra, for the suite of ops.
#include "../data.hpp"
#include "../workload.hpp"

namespace bench {
namespace {

/// Symmetric and positive definite.
template <mu::extent N>
auto definite(std::uint64_t stream) {
  const auto a = uniform<N, N>(stream);
  return mu::Tensor<float, N, N>(mu::matmul(a, mu::transpose(a)) + mu::eye<N, N>(static_cast<float>(N.size)));
}

// Columns: name, what, training, flop, bytes, expected, make, written, type.
constexpr Workload products[] = {
    {"op_matmul_512_f64",
     "matrix product, 512^3, f64",
     false,
     2.0 * 512 * 512 * 512,
     0,
     {},
     [] { return expression([a = uniform<512, 512>(707).to<double>()] { return mu::matmul(a, a); }); },
     0,
     mu::dtype::f64},
    {"op_matmul_512_bf16",
     "matrix product, 512^3, bf16",
     false,
     2.0 * 512 * 512 * 512,
     0,
     {},
     [] { return expression([a = uniform<512, 512>(707).to<mu::bf16>()] { return mu::matmul(a, a); }); },
     0,
     mu::dtype::bf16},
    {"op_matmul_batched",
     "64 products of 64^3",
     false,
     2.0 * 64 * 64 * 64 * 64,
     0,
     {},
     [] { return expression([a = uniform<64, 64, 64>(708)] { return mu::matmul(a, a); }); }},
    {"op_einsum",
     "bij,bkj->bik, 64 x 64^3",
     false,
     2.0 * 64 * 64 * 64 * 64,
     0,
     {},
     [] { return expression([a = uniform<64, 64, 64>(708)] { return mu::einsum<"bij,bkj->bik">(a, a); }); }},
    {"op_solve",
     "256 equations, 16 right sides",
     false,
     2.0 / 3 * 256 * 256 * 256,
     0,
     {},
     [] { return expression([a = definite<256>(709), b = uniform<256, 16>(710)] { return mu::solve(a, b); }); }},
    {"op_cholesky",
     "256 x 256",
     false,
     1.0 / 3 * 256 * 256 * 256,
     0,
     {},
     [] { return expression([a = definite<256>(709)] { return mu::cholesky(a); }); }},
    {"op_eigh",
     "eigenvalues of 128 x 128",
     false,
     9.0 * 128 * 128 * 128,
     0,
     {},
     [] { return expression([a = definite<128>(711)] { return mu::eigh(a).values; }); }},
    {"op_inv",
     "256 x 256",
     false,
     2.0 * 256 * 256 * 256,
     0,
     {},
     [] { return expression([a = definite<256>(709)] { return mu::inv(a); }); }},
    {"op_det",
     "64 of 32 x 32",
     false,
     2.0 / 3 * 64 * 32 * 32 * 32,
     0,
     {},
     [] { return expression([a = uniform<64, 32, 32>(720)] { return mu::det(a); }); }},
    {"op_qr",
     "256 x 128, both factors",
     false,
     4.0 * 128 * 128 * (256 - 128 / 3.0),
     0,
     {},
     [] { return expression([a = uniform<256, 128>(721)] { return mu::qr(a).r; }); }},
    {"op_svd",
     "128 x 128, all three factors",
     false,
     22.0 * 128 * 128 * 128,
     0,
     {},
     [] { return expression([a = uniform<128, 128>(722)] { return mu::svd(a).s; }); }},
};

}  // namespace

std::span<const Workload> op_product_workloads() { return products; }

}  // namespace bench
