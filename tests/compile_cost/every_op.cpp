// Every public op once on constants, and once recorded where it has a gradient: what run.py counts the template instantiations of.
#include "mushin/autograd.hpp"

namespace mu = mushin;

namespace {

// x: (2, 3); y: (3); square: (3, 3). On constants or on what is recorded.
void pointwise(const auto& x, const auto& y) {
  (void)(x + y), (void)(x - y), (void)(x * y), (void)(x / y), (void)-x, (void)(2.0f * x + 1.0f);
  (void)mu::pow(x, y), (void)mu::exp(x), (void)mu::log(x), (void)mu::log1p(x), (void)mu::expm1(x), (void)mu::sqrt(x), (void)mu::rsqrt(x);
  (void)mu::abs(x), (void)mu::sign(x), (void)mu::sin(x), (void)mu::cos(x), (void)mu::tan(x), (void)mu::asin(x), (void)mu::acos(x);
  (void)mu::atan(x), (void)mu::sinh(x), (void)mu::cosh(x), (void)mu::tanh(x), (void)mu::erf(x), (void)mu::sigmoid(x), (void)mu::relu(x);
  (void)mu::minimum(x, y), (void)mu::maximum(x, y), (void)mu::clamp(x, -1, 1), (void)mu::floor(x), (void)mu::ceil(x), (void)mu::round(x);
  (void)mu::where(x > y, x, y), (void)mu::to<double>(x);
}

void comparisons(const auto& x, const auto& y) {
  const auto a = x == y, b = x != y;
  (void)(x < y), (void)(x <= y), (void)(x > y), (void)(x >= y), (void)(a && b), (void)(a || b), (void)!a;
  (void)mu::isnan(x), (void)mu::isfinite(x), (void)mu::any<0>(a), (void)mu::all<0>(a);
}

void shapes(const auto& x, const auto& y) {
  (void)mu::reshape<3, 2>(x), (void)mu::flatten(x), (void)mu::transpose(x), (void)mu::permute<1, 0>(x), (void)mu::unsqueeze<1>(x);
  (void)mu::squeeze<0>(mu::unsqueeze<0>(y)), (void)mu::broadcast_to<4, 2, 3>(x), (void)mu::slice<0, 0, 1>(x), (void)mu::slice<1>(x, 0, 2);
  (void)mu::concat<0>(x, x), (void)mu::stack<0>(x, x), (void)mu::split<1, 3>(x), (void)mu::flip<0>(x), (void)mu::pad<1, 1, 0, 2>(x);
  (void)mu::tile<2, 1>(x), (void)mu::at<0>(x, 1);
}

void reductions(const auto& x) {
  (void)mu::sum(x), (void)mu::sum<1>(x), (void)mu::sum<1>(x, mu::keep), (void)mu::mean<0>(x), (void)mu::prod<1>(x), (void)mu::max<1>(x);
  (void)mu::min<1>(x), (void)mu::var<1>(x), (void)mu::std<1>(x, 1), (void)mu::logsumexp<1>(x), (void)mu::norm<1>(x);
  (void)mu::softmax<1>(x), (void)mu::log_softmax<1>(x), (void)mu::cumsum<1>(x), (void)mu::cumprod<1>(x), (void)mu::sort<1>(x);
  (void)mu::topk<1, 2>(x);
}

void products(const auto& x, const auto& y, const auto& square) {
  (void)mu::matmul(x, square), (void)mu::dot(y, y), (void)mu::outer(y, y), (void)mu::einsum<"ij,jk->ik">(x, square),
      (void)mu::trace(square);
  (void)mu::layer_norm(x, y, y), (void)mu::rms_norm(x, y), (void)mu::batch_norm(x, y, y);
  (void)mu::scaled_dot_product_attention(x, x, x, {.causal = true}), (void)mu::tril(square), (void)mu::triu(square),
      (void)mu::diagonal(square);
  (void)mu::solve(square, y), (void)mu::inv(square), (void)mu::det(square), (void)mu::cholesky(square), (void)mu::eigh(square);
}

void indices(const auto& x, const auto& i) {
  (void)mu::gather<1>(x, i), (void)mu::take(x, mu::flatten(i)), (void)mu::scatter_add<1>(x, i, x);
}

// images: (2, 4, 6, 6); kernels: (6, 2, 3, 3).
void windows(const auto& images, const auto& kernels, const auto& bias) {
  (void)mu::conv<1, 1, 1, 2>(images, kernels, bias), (void)mu::conv_transpose<2, 1>(images, mu::reshape<4, 3, 3, 3>(kernels));
  (void)mu::max_pool<2>(images), (void)mu::avg_pool<3, 2, 1>(images), (void)mu::adaptive_avg_pool<1>(images);
}

void all(const auto& x, const auto& y, const auto& square, const mu::Tensor<std::int64_t, 2, 3>& i) {
  pointwise(x, y), shapes(x, y), reductions(x), products(x, y, square), indices(x, i);
}

}  // namespace

void program() {
  const auto x = mu::ones<2, 3>();
  const auto y = mu::ones<3>();
  const auto square = mu::eye<3, 3>();
  const auto i = mu::zeros<std::int64_t, 2, 3>();
  all(x, y, square, i);
  all(mu::Traced{x}, mu::Traced{y}, mu::Traced{square}, i);
  const auto images = mu::ones<2, 4, 6, 6>();
  const auto kernels = mu::ones<6, 2, 3, 3>();
  const auto bias = mu::ones<6>();
  windows(images, kernels, bias);
  windows(mu::Traced{images}, mu::Traced{kernels}, mu::Traced{bias});
  comparisons(x, y);
  (void)mu::argmax<1>(x), (void)mu::argmin<1>(x), (void)mu::argsort<1>(x), (void)mu::one_hot<4>(i);
  (void)mu::floor_divide(i, i), (void)mu::remainder(i, i), (void)mu::qr(square), (void)mu::svd(square);
  (void)mu::randu<2>(), (void)mu::randn<2>(), (void)mu::randint<2>(0, 9), (void)mu::bernoulli<2>(0.5), (void)mu::permutation<4>();
}
