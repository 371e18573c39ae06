// One workload an op family, so that a kernel that falls behind is seen. Values are compared between backends alone.
#include "../data.hpp"
#include "../workload.hpp"

namespace bench {
namespace {

// More than caches hold: 64 MiB of floats.
constexpr mu::extent many{1 << 24};
constexpr double elements = 1 << 24;

auto vector_of_values(std::uint64_t stream, double low = -1, double high = 1) { return uniform<many>(stream, low, high); }
auto matrix_of_values(std::uint64_t stream) { return uniform<4096, 4096>(stream); }

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
    {"op_add",
     "a + b, f32",
     false,
     0,
     12 * elements,
     {},
     [] { return binary<float>([](auto& x, auto& y) { return x + y; }); },
     4 * elements},
    {"op_add_f64",
     "a + b, f64",
     false,
     0,
     24 * elements,
     {},
     [] { return binary<double>([](auto& x, auto& y) { return x + y; }); },
     8 * elements},
    {"op_add_bf16",
     "a + b, bf16",
     false,
     0,
     6 * elements,
     {},
     [] { return binary<mu::bf16>([](auto& x, auto& y) { return x + y; }); },
     2 * elements},
    {"op_mul_i32",
     "a b, int32",
     false,
     0,
     12 * elements,
     {},
     [] { return binary<std::int32_t>([](auto& x, auto& y) { return x * y; }); },
     4 * elements},
    {"op_cast_f32_f16",
     "conversion of f32 to f16",
     false,
     0,
     6 * elements,
     {},
     [] { return unary<float>([](auto& x) { return x.template to<mu::f16>(); }); },
     2 * elements},
    {"op_exp", "exp, f32", false, 0, 8 * elements, {}, [] { return unary<float>([](auto& x) { return mu::exp(x); }); }, 4 * elements},
    {"op_tanh", "tanh, f32", false, 0, 8 * elements, {}, [] { return unary<float>([](auto& x) { return mu::tanh(x); }); }, 4 * elements},
    {"op_pow",
     "pow of two tensors, f32",
     false,
     0,
     12 * elements,
     {},
     [] { return binary<float>([](auto& x, auto& y) { return mu::pow(x, y); }); },
     4 * elements},
    {"op_where",
     "where(a < b, a, b), f32",
     false,
     0,
     12 * elements,
     {},
     [] { return binary<float>([](auto& x, auto& y) { return mu::where(x < y, x, y); }); },
     4 * elements},
};
constexpr Workload shape[] = {
    {"op_transpose",
     "a copy of a transpose, 4096 x 4096",
     false,
     0,
     8 * elements,
     {},
     [] { return of_matrix([](auto& x) { return mu::transpose(x) + 0.0f; }); },
     4 * elements},
    {"op_concat",
     "two of 4096 x 4096 joined along the last axis",
     false,
     0,
     16 * elements,
     {},
     [] { return of_matrix([](auto& x) { return mu::concat<1>(x, x); }); },
     8 * elements},
    {"op_flip",
     "4096 x 4096, last axis",
     false,
     0,
     8 * elements,
     {},
     [] { return of_matrix([](auto& x) { return mu::flip<1>(x); }); },
     4 * elements},
    {"op_pad",
     "4096 x 4096 by one on each side",
     false,
     0,
     8 * elements,
     {},
     [] { return of_matrix([](auto& x) { return mu::pad<1, 1, 1, 1>(x); }); },
     4 * elements},
    {"op_stack",
     "two of 4096 x 4096 along a new last axis",
     false,
     0,
     16 * elements,
     {},
     [] { return of_matrix([](auto& x) { return mu::stack<-1>(x, x); }); },
     8 * elements},
    {"op_tile",
     "4096 x 1024, four times along the last axis",
     false,
     0,
     5 * elements,
     {},
     [] { return expression([x = uniform<4096, 1024>(719)] { return mu::tile<4>(x); }); },
     4 * elements},
    {"op_split",
     "4096 x 4096 into four along the last axis, and their sum",
     false,
     0,
     5 * elements,
     {},
     [] {
       return of_matrix([](auto& x) {
         const auto part = mu::split<1, 4>(x);
         return part[0] + part[1] + part[2] + part[3];
       });
     },
     elements},
};
constexpr Workload reductions[] = {
    {"op_sum", "of all of 16 Mi", false, 0, 4 * elements, {}, [] { return unary<float>([](auto& x) { return mu::sum(x); }); }},
    {"op_max_rows",
     "greatest of each row, 4096 x 4096",
     false,
     0,
     4 * elements,
     {},
     [] { return of_matrix([](auto& x) { return mu::max<1>(x); }); }},
    {"op_argmax_rows",
     "index of the greatest of each row, 4096 x 4096",
     false,
     0,
     4 * elements,
     {},
     [] { return of_matrix([](auto& x) { return mu::argmax<1>(x).template to<float>(); }); }},
    {"op_var_cols",
     "variance of each column, 4096 x 4096",
     false,
     0,
     4 * elements,
     {},
     [] { return of_matrix([](auto& x) { return mu::var<0>(x); }); }},
    {"op_logsumexp_rows",
     "of each row, 4096 x 4096",
     false,
     0,
     4 * elements,
     {},
     [] { return of_matrix([](auto& x) { return mu::logsumexp<1>(x); }); }},
    {"op_cumsum_rows",
     "running sums of each row, 4096 x 4096",
     false,
     0,
     8 * elements,
     {},
     [] { return of_matrix([](auto& x) { return mu::cumsum<1>(x); }); },
     4 * elements},
    {"op_softmax_rows",
     "of each row, 4096 x 4096",
     false,
     0,
     8 * elements,
     {},
     [] { return of_matrix([](auto& x) { return mu::softmax<1>(x); }); },
     4 * elements},
    {"op_layer_norm",
     "of each row, 4096 x 4096",
     false,
     0,
     8 * elements,
     {},
     [] { return of_matrix([one = mu::ones<4096>() + 0.5f](auto& x) { return mu::layer_norm(x, one, one); }); },
     4 * elements},
};
constexpr Workload indexing[] = {
    {"op_sort_rows",
     "each row of 4096 x 4096, ascending",
     false,
     0,
     8 * elements,
     {},
     [] { return of_matrix([](auto& x) { return mu::sort<1>(x); }); },
     4 * elements},
    {"op_topk_rows",
     "the 8 greatest of each row, 4096 x 4096",
     false,
     0,
     4 * elements,
     {},
     [] { return of_matrix([](auto& x) { return mu::topk<1, 8>(x).values; }); }},
    {"op_take",
     "4096 rows of 4096, in random order",
     false,
     0,
     8 * elements,
     {},
     [] { return expression([x = matrix_of_values(704), i = integers<4096>(705, 4096)] { return mu::take(x, i); }); },
     4 * elements},
    {"op_scatter_add",
     "16 Mi values added into 4096",
     false,
     0,
     12 * elements,
     {},
     [] {
       return expression(
           [x = uniform<4096>(712), i = integers<many>(713, 4096), y = vector_of_values(714)] { return mu::scatter_add<0>(x, i, y); });
     }},
    {"op_one_hot",
     "4096 indices of 4096 classes",
     false,
     0,
     4 * elements,
     {},
     [] { return expression([i = integers<4096>(706, 4096)] { return mu::one_hot<4096>(i); }); },
     4 * elements},
    {"op_randn",
     "16 Mi normal numbers",
     false,
     0,
     4 * elements,
     {},
     [] {
       return expression([] {
         mu::manual_seed(7);
         return mu::randn<many>();
       });
     },
     4 * elements},
};
}  // namespace

std::vector<Workload> op_workloads() {
  std::vector<Workload> all;
  for (const std::span<const Workload> group :
       {std::span<const Workload>(pointwise), std::span<const Workload>(shape), std::span<const Workload>(reductions),
        std::span<const Workload>(indexing), op_product_workloads(), op_network_workloads()})
    all.insert(all.end(), group.begin(), group.end());
  return all;
}

}  // namespace bench
