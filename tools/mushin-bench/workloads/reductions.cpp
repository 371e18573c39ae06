#include "../data.hpp"
#include "../workload.hpp"

namespace bench {
namespace {

struct Softmax {
  mu::Tensor<float, 4096, 1024> x = uniform<4096, 1024>(300, -4, 4);
  auto compute() { return mu::softmax<1>(x); }
};

template <int Axis>
struct Sum {
  mu::Tensor<float, 4096, 4096> x = uniform<4096, 4096>(320);
  auto compute() { return mu::sum<Axis>(x); }
};

constexpr double softmax_bytes = 2 * 4.0 * 4096 * 1024, sum_bytes = 4.0 * 4096 * 4096;
constexpr Workload list[] = {
    {"softmax_4096x1024",
     "softmax of 4096 rows of 1024",
     false,
     0,
     softmax_bytes,
     {0.000976563},
     work<Expression<Softmax>>,
     softmax_bytes / 2},
    {"reduce_sum_rows_4096", "sums of the rows of 4096 x 4096", false, 0, sum_bytes, {29.259}, work<Expression<Sum<1>>>},
    {"reduce_sum_cols_4096", "sums of the columns of 4096 x 4096", false, 0, sum_bytes, {29.073}, work<Expression<Sum<0>>>},
};

}  // namespace

std::span<const Workload> reduction_workloads() { return list; }

}  // namespace bench
