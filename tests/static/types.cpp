// The types that ops give, and what a type alone tells.
#include "mushin/tensor.hpp"

namespace mu = mushin;
inline constexpr mu::Dim<"batch"> batch;
template <class A, class B>
inline constexpr bool same = std::same_as<A, B>;
template <class T, mu::extent... E>
const mu::Tensor<T, E...>& a();
using std::int64_t;

static_assert(same<mu::Tensor<float, 2, 3>, mu::Tensor<float, 2u, std::size_t{3}>>);
static_assert(!same<mu::Tensor<float, batch>, mu::Tensor<float, mu::dyn>>);
static_assert(mu::TensorLike<mu::Tensor<float>> && mu::Constant<mu::Tensor<float>> && !mu::Differentiable<mu::Tensor<float>> &&
              !mu::TensorLike<int>);
static_assert(mu::Tensor<float, 2, batch>::rank() == 2 && mu::Tensor<double>::dtype() == mu::dtype::f64);
static_assert(!std::is_default_constructible_v<mu::Tensor<float, 2>> && !std::is_convertible_v<mu::core::Array, mu::Tensor<float, 2>>);
static_assert(sizeof(mu::Tensor<float, 2, 3>) == sizeof(void*));

// Makers.
static_assert(same<decltype(mu::zeros<2, 3>()), mu::Tensor<float, 2, 3>> && same<decltype(mu::ones<double>()), mu::Tensor<double>>);
static_assert(same<decltype(mu::fill<batch, 3>(0.5f, batch = 2)), mu::Tensor<float, batch, 3>>);
static_assert(same<decltype(mu::fill<int64_t, 2>(1)), mu::Tensor<int64_t, 2>> &&
              same<decltype(mu::eye<2, 3>(3.0f)), mu::Tensor<float, 2, 3>>);
static_assert(same<decltype(mu::arange<5>()), mu::Tensor<float, 5>> &&
              same<decltype(mu::arange<int64_t, 5>(1, 2)), mu::Tensor<int64_t, 5>>);
static_assert(same<decltype(mu::linspace<double, 5>(0, 1)), mu::Tensor<double, 5>>);
static_assert(same<decltype(mu::randint<2>(0, 3)), mu::Tensor<int64_t, 2>> && same<decltype(mu::permutation<9>()), mu::Tensor<int64_t, 9>>);
static_assert(same<decltype(mu::bernoulli<2>(0.5)), mu::Tensor<float, 2>> && same<decltype(mu::randn<double, 2>()), mu::Tensor<double, 2>>);
static_assert(same<decltype(mu::tensor<bool, 2>({true, false})), mu::Tensor<bool, 2>>);
static_assert(same<decltype(mu::from<2>(std::vector<double>{})), mu::Tensor<double, 2>> &&
              same<decltype(mu::from<2>(std::vector<bool>{})), mu::Tensor<bool, 2>>);

// Elementwise: broadcasting, scalars, bool.
static_assert(same<decltype(a<float, batch, 3>() + a<float, 3>()), mu::Tensor<float, batch, 3>>);
static_assert(same<decltype(2 * a<float, 3>() + 1.0), mu::Tensor<float, 3>> && same<decltype(a<int64_t, 3>() * 2), mu::Tensor<int64_t, 3>>);
static_assert(same<decltype(-a<double>()), mu::Tensor<double>> && same<decltype(mu::maximum(a<float, 2>(), 0)), mu::Tensor<float, 2>>);
static_assert(same<decltype(a<float, 2, 1>() < a<float, 3>()), mu::Tensor<bool, 2, 3>> &&
              same<decltype(1 == a<int64_t, 3>()), mu::Tensor<bool, 3>>);
static_assert(same<decltype(!(a<bool, 2>() && a<bool, 2>())), mu::Tensor<bool, 2>>);
static_assert(same<decltype(mu::where(a<bool, 2, 1>(), a<float, 3>(), 0)), mu::Tensor<float, 2, 3>>);
static_assert(same<decltype(mu::where(a<bool, 2, 1>(), 1, a<double>())), mu::Tensor<double, 2, 1>>);
static_assert(same<decltype(a<float, 2>().to<int64_t>()), mu::Tensor<int64_t, 2>> &&
              same<decltype(mu::to<bool>(a<float, 2>())), mu::Tensor<bool, 2>>);
static_assert(same<decltype(mu::pow(a<float, 2, 1>(), a<float, 3>())), mu::Tensor<float, 2, 3>> &&
              same<decltype(mu::pow(a<int64_t, batch>(), 2)), mu::Tensor<int64_t, batch>>);
static_assert(same<decltype(mu::clamp(mu::sinh(a<double, batch>()), 0, 1)), mu::Tensor<double, batch>> &&
              same<decltype(mu::sign(a<int64_t, 2>())), mu::Tensor<int64_t, 2>>);
static_assert(same<decltype(mu::isnan(a<float, batch, 2>())), mu::Tensor<bool, batch, 2>> &&
              same<decltype(mu::isfinite(a<double>())), mu::Tensor<bool>>);

// Element types.
static_assert(same<decltype(a<mu::f16, 2>() * 2.5 + 1), mu::Tensor<mu::f16, 2>> &&
              same<decltype(mu::bf16(2) * mu::exp(a<mu::bf16, 2>())), mu::Tensor<mu::bf16, 2>>);
static_assert(same<decltype(a<std::int8_t, 2>() + a<std::int8_t, 3, 1>()), mu::Tensor<std::int8_t, 3, 2>>);
static_assert(same<decltype(a<std::uint8_t, 2>() / 3), mu::Tensor<double, 2>> &&
              same<decltype(mu::floor_divide(7, a<std::int32_t, 2>())), mu::Tensor<std::int32_t, 2>>);
static_assert(same<decltype(mu::sum(a<std::int8_t, 2>())), mu::Tensor<int64_t>> &&
              same<decltype(mu::max(a<std::int8_t, 2>())), mu::Tensor<std::int8_t>> &&
              same<decltype(mu::sum<0>(a<mu::f16, 2, 3>())), mu::Tensor<mu::f16, 3>>);
static_assert(same<decltype(mu::matmul(a<std::int8_t, 2, 3>(), a<std::int8_t, 3>())), mu::Tensor<std::int8_t, 2>>);
static_assert(same<decltype(mu::argmax(a<mu::bf16, 3>())), mu::Tensor<int64_t>> &&
              same<decltype(mu::one_hot<3, mu::f16>(a<int64_t>())), mu::Tensor<mu::f16, 3>>);
static_assert(same<decltype(mu::tensor<mu::f16, 2>({1, 2.5})), mu::Tensor<mu::f16, 2>> &&
              same<decltype(mu::randu<mu::bf16, 3>()), mu::Tensor<mu::bf16, 3>> &&
              same<decltype(mu::fill<mu::f16, 3>(0.5)), mu::Tensor<mu::f16, 3>>);
static_assert(mu::Tensor<mu::f16, 2>::dtype() == mu::dtype::f16 && mu::is_element_type<std::int32_t> && !mu::is_element_type<char> &&
              !mu::is_element_type<std::int16_t> && mu::bytes_of(mu::dtype::bf16) == 2 && mu::bytes_of(mu::dtype::u8) == 1);

// Reductions.
static_assert(same<decltype(mu::sum(a<float, batch, 3>())), mu::Tensor<float>> &&
              same<decltype(mu::mean<-1>(a<float, batch, 3>())), mu::Tensor<float, batch>>);
static_assert(same<decltype(mu::max<0, 2>(a<float, 2, 3, 4>(), mu::keep)), mu::Tensor<float, 1, 3, 1>>);
static_assert(same<decltype(mu::argmax<1>(a<float, batch, 10>())), mu::Tensor<int64_t, batch>> &&
              same<decltype(mu::argmax(a<float, 3, 3>())), mu::Tensor<int64_t>>);
static_assert(same<decltype(mu::prod<0>(a<int64_t, batch, 3>(), mu::keep)), mu::Tensor<int64_t, 1, 3>> &&
              same<decltype(mu::argmin<-1>(a<float, batch, 3>())), mu::Tensor<int64_t, batch>>);
static_assert(same<decltype(mu::any(a<bool, batch, 3>())), mu::Tensor<bool>> &&
              same<decltype(mu::all<0>(a<bool, batch, 3>(), mu::keep)), mu::Tensor<bool, 1, 3>>);
static_assert(same<decltype(mu::var<1>(a<float, batch, 3>())), mu::Tensor<float, batch>> &&
              same<decltype(mu::var(a<float, batch, 3>(), 1)), mu::Tensor<float>>);
static_assert(same<decltype(mu::std<-1>(a<double, 2, 3>(), 1, mu::keep)), mu::Tensor<double, 2, 1>> &&
              same<decltype(mu::std<0>(a<double, 2, 3>(), mu::keep)), mu::Tensor<double, 1, 3>>);
static_assert(same<decltype(mu::logsumexp<1>(a<float, batch, 3>())), mu::Tensor<float, batch>> &&
              same<decltype(mu::norm<0, 1>(a<float, batch, 3>())), mu::Tensor<float>>);

// Shapes.
static_assert(same<decltype(mu::reshape<batch, 28, 28>(a<float, batch, 784>())), mu::Tensor<float, batch, 28, 28>>);
static_assert(same<decltype(mu::reshape<mu::dyn>(a<float, batch, 784>())), mu::Tensor<float, mu::dyn>>);
static_assert(same<decltype(mu::flatten(a<float, batch, 28, 28>())), mu::Tensor<float, batch, 784>>);
static_assert(same<decltype(mu::transpose(a<float, 2, 3>())), mu::Tensor<float, 3, 2>> &&
              same<decltype(mu::permute<2, 0, 1>(a<float, 2, 3, 4>())), mu::Tensor<float, 4, 2, 3>>);
static_assert(same<decltype(mu::squeeze<1>(a<float, 2, 1>())), mu::Tensor<float, 2>> &&
              same<decltype(mu::unsqueeze<0>(a<float, 2>())), mu::Tensor<float, 1, 2>>);
static_assert(same<decltype(mu::broadcast_to<batch, 3>(a<float, 3>(), batch = 4)), mu::Tensor<float, batch, 3>>);
static_assert(same<decltype(mu::slice<0, 1, 3>(a<float, 5, 2>())), mu::Tensor<float, 2, 2>> &&
              same<decltype(mu::slice<-1>(a<float, 5, 2>(), 0, 1)), mu::Tensor<float, 5, mu::dyn>>);

// Products and indices.
static_assert(same<decltype(mu::matmul(a<float, batch, 784>(), a<float, 784, 10>())), mu::Tensor<float, batch, 10>>);
static_assert(same<decltype(mu::dot(a<float, 3>(), a<float, 3>())), mu::Tensor<float>>);
static_assert(same<decltype(mu::gather<1>(a<float, batch, 10>(), a<int64_t, batch, 1>())), mu::Tensor<float, batch, 1>>);
static_assert(same<decltype(mu::take(a<float, 10, 3>(), a<int64_t, batch>())), mu::Tensor<float, batch, 3>>);
static_assert(same<decltype(mu::one_hot<10>(a<int64_t, batch>())), mu::Tensor<float, batch, 10>> &&
              same<decltype(mu::one_hot<3, bool>(a<int64_t>())), mu::Tensor<bool, 3>>);
static_assert(same<decltype(mu::softmax<-1>(a<float, batch, 10>())), mu::Tensor<float, batch, 10>>);

// Nothing gives write access to a value, so nobody writes through a view: elements are copies, the handle is const and its memory isn't
// handed out.
static_assert(same<decltype(a<float, 2>()(0)), float> && same<decltype(a<float>().item()), float>);
static_assert(same<decltype(std::declval<mu::Tensor<float, 2>&>()(0)), float> &&
              same<decltype(std::declval<mu::Tensor<float>&>().item()), float>);
static_assert(same<decltype(a<float, 2>().raw()), const mu::core::Array&> &&
              same<decltype(std::declval<mu::Tensor<float, 2>&>().raw()), const mu::core::Array&>);
template <class A>
inline constexpr bool hands_out_memory = requires(A& x) {
  x.data();
}
|| requires(A& x) { x[0]; }
|| requires(A& x) { x.begin(); }
|| requires(A& x) { x += 1; };
static_assert(!hands_out_memory<mu::Tensor<float, 2>> && hands_out_memory<std::vector<float>>);

// Every member can be instantiated at once.
template class mu::Tensor<float, 2, 3>;
template class mu::Tensor<bool, batch>;
