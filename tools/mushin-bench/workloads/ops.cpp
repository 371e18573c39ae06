// One workload an op family, so that a kernel that falls behind is seen. Values are compared between backends alone.
#include "../data.hpp"
#include "../workload.hpp"

namespace bench {
namespace {

constexpr mu::extent million{1 << 20};
constexpr double mega = 1 << 20;

auto vector_of_values(std::uint64_t stream, double low = -1, double high = 1) { return uniform<million>(stream, low, high); }
auto matrix_of_values(std::uint64_t stream) { return uniform<1024, 1024>(stream); }

/// Symmetric and positive definite.
template <mu::extent N>
auto definite(std::uint64_t stream) {
  const auto a = uniform<N, N>(stream);
  return mu::Tensor<float, N, N>(mu::matmul(a, mu::transpose(a)) + mu::eye<N, N>(static_cast<float>(N.size)));
}

template <class T, class F>
Work unary(F f) {
  return expression([x = vector_of_values(700, 0.1, 2).to<T>(), f] { return f(x); });
}
template <class T, class F>
Work binary(F f) {
  return expression([x = vector_of_values(701, 1, 9).to<T>(), y = vector_of_values(702, 1, 9).to<T>(), f] { return f(x, y); });
}
template <class F>
Work of_matrix(F f) {
  return expression([x = matrix_of_values(703), f] { return f(x); });
}

// Columns: name, what, training, flop, bytes, expected, make, written.
constexpr Workload pointwise[] = {
    {"op_add", "a + b, f32", false, 0, 12 * mega, {}, [] { return binary<float>([](auto& x, auto& y) { return x + y; }); }, 4 * mega},
    {"op_add_f64", "a + b, f64", false, 0, 24 * mega, {}, [] { return binary<double>([](auto& x, auto& y) { return x + y; }); }, 8 * mega},
    {"op_add_bf16",
     "a + b, bf16",
     false,
     0,
     6 * mega,
     {},
     [] { return binary<mu::bf16>([](auto& x, auto& y) { return x + y; }); },
     2 * mega},
    {"op_mul_i32",
     "a b, int32",
     false,
     0,
     12 * mega,
     {},
     [] { return binary<std::int32_t>([](auto& x, auto& y) { return x * y; }); },
     4 * mega},
    {"op_cast_f32_f16",
     "conversion of f32 to f16",
     false,
     0,
     6 * mega,
     {},
     [] { return unary<float>([](auto& x) { return x.template to<mu::f16>(); }); },
     2 * mega},
    {"op_exp", "exp, f32", false, 0, 8 * mega, {}, [] { return unary<float>([](auto& x) { return mu::exp(x); }); }, 4 * mega},
    {"op_tanh", "tanh, f32", false, 0, 8 * mega, {}, [] { return unary<float>([](auto& x) { return mu::tanh(x); }); }, 4 * mega},
    {"op_pow",
     "pow of two tensors, f32",
     false,
     0,
     12 * mega,
     {},
     [] { return binary<float>([](auto& x, auto& y) { return mu::pow(x, y); }); },
     4 * mega},
    {"op_where",
     "where(a < b, a, b), f32",
     false,
     0,
     12 * mega,
     {},
     [] { return binary<float>([](auto& x, auto& y) { return mu::where(x < y, x, y); }); },
     4 * mega},
};
constexpr Workload shape[] = {
    {"op_transpose",
     "a copy of a transpose, 1024 x 1024",
     false,
     0,
     8 * mega,
     {},
     [] { return of_matrix([](auto& x) { return mu::transpose(x) + 0.0f; }); },
     4 * mega},
    {"op_concat",
     "two of 1024 x 1024 joined along the last axis",
     false,
     0,
     16 * mega,
     {},
     [] { return of_matrix([](auto& x) { return mu::concat<1>(x, x); }); },
     8 * mega},
    {"op_flip",
     "1024 x 1024, last axis",
     false,
     0,
     8 * mega,
     {},
     [] { return of_matrix([](auto& x) { return mu::flip<1>(x); }); },
     4 * mega},
    {"op_pad",
     "1024 x 1024 by one on each side",
     false,
     0,
     8 * mega,
     {},
     [] { return of_matrix([](auto& x) { return mu::pad<1, 1, 1, 1>(x); }); },
     4 * mega},
};
constexpr Workload reductions[] = {
    {"op_sum", "of all of a million", false, 0, 4 * mega, {}, [] { return unary<float>([](auto& x) { return mu::sum(x); }); }},
    {"op_max_rows",
     "greatest of each row, 1024 x 1024",
     false,
     0,
     4 * mega,
     {},
     [] { return of_matrix([](auto& x) { return mu::max<1>(x); }); }},
    {"op_argmax_rows",
     "index of the greatest of each row, 1024 x 1024",
     false,
     0,
     4 * mega,
     {},
     [] { return of_matrix([](auto& x) { return mu::argmax<1>(x).template to<float>(); }); }},
    {"op_var_cols",
     "variance of each column, 1024 x 1024",
     false,
     0,
     4 * mega,
     {},
     [] { return of_matrix([](auto& x) { return mu::var<0>(x); }); }},
    {"op_logsumexp_rows",
     "of each row, 1024 x 1024",
     false,
     0,
     4 * mega,
     {},
     [] { return of_matrix([](auto& x) { return mu::logsumexp<1>(x); }); }},
    {"op_cumsum_rows",
     "running sums of each row, 1024 x 1024",
     false,
     0,
     8 * mega,
     {},
     [] { return of_matrix([](auto& x) { return mu::cumsum<1>(x); }); },
     4 * mega},
    {"op_softmax_rows",
     "of each row, 1024 x 1024",
     false,
     0,
     8 * mega,
     {},
     [] { return of_matrix([](auto& x) { return mu::softmax<1>(x); }); },
     4 * mega},
};
constexpr Workload indexing[] = {
    {"op_sort_rows",
     "each row of 1024 x 1024, ascending",
     false,
     0,
     8 * mega,
     {},
     [] { return of_matrix([](auto& x) { return mu::sort<1>(x); }); },
     4 * mega},
    {"op_topk_rows",
     "the 8 greatest of each row, 1024 x 1024",
     false,
     0,
     4 * mega,
     {},
     [] { return of_matrix([](auto& x) { return mu::topk<1, 8>(x).values; }); }},
    {"op_take",
     "1024 rows of 1024, in random order",
     false,
     0,
     8 * mega,
     {},
     [] { return expression([x = matrix_of_values(704), i = integers<1024>(705, 1024)] { return mu::take(x, i); }); },
     4 * mega},
    {"op_one_hot",
     "1024 indices of 1024 classes",
     false,
     0,
     4 * mega,
     {},
     [] { return expression([i = integers<1024>(706, 1024)] { return mu::one_hot<1024>(i); }); },
     4 * mega},
    {"op_randn",
     "a million normal numbers",
     false,
     0,
     4 * mega,
     {},
     [] {
       return expression([] {
         mu::manual_seed(7);
         return mu::randn<million>();
       });
     },
     4 * mega},
};
constexpr Workload products[] = {
    {"op_matmul_512_f64",
     "matrix product, 512^3, f64",
     false,
     2.0 * 512 * 512 * 512,
     0,
     {},
     [] { return expression([a = uniform<512, 512>(707).to<double>()] { return mu::matmul(a, a); }); }},
    {"op_matmul_512_bf16",
     "matrix product, 512^3, bf16",
     false,
     2.0 * 512 * 512 * 512,
     0,
     {},
     [] { return expression([a = uniform<512, 512>(707).to<mu::bf16>()] { return mu::matmul(a, a); }); }},
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
};

}  // namespace

std::vector<Workload> op_workloads() {
  std::vector<Workload> all;
  for (const std::span<const Workload> group :
       {std::span<const Workload>(pointwise), std::span<const Workload>(shape), std::span<const Workload>(reductions),
        std::span<const Workload>(indexing), std::span<const Workload>(products)})
    all.insert(all.end(), group.begin(), group.end());
  return all;
}

}  // namespace bench
