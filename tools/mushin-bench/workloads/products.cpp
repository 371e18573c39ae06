#include "../data.hpp"
#include "../workload.hpp"

namespace bench {
namespace {

template <mu::extent M, mu::extent N, mu::extent K>
struct Product {
  mu::Tensor<float, M, K> a = uniform<M, K>(100);
  mu::Tensor<float, K, N> b = uniform<K, N>(101);
  auto compute() { return mu::matmul(a, b); }
};

template <mu::extent M, mu::extent N, mu::extent K>
constexpr Workload product(const char* name, const char* what, double expected) {
  return {name, what, false, 2.0 * static_cast<double>(M.size * N.size * K.size), 0, {expected}, work<Expression<Product<M, N, K>>>};
}

constexpr Workload list[] = {
    product<256, 256, 256>("gemm_256", "matrix product, 256 x 256 x 256", 4.26683),
    product<1024, 1024, 1024>("gemm_1024", "matrix product, 1024 x 1024 x 1024", 8.51308),
    product<4096, 64, 1024>("gemm_4096x64x1024", "matrix product, (4096, 1024) by (1024, 64)", 8.508),
};

}  // namespace

std::span<const Workload> product_workloads() { return list; }

}  // namespace bench
