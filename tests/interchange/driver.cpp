// What ops.py calls: every op of the core by its name, on arrays that Python holds by their handles. Each function that can fail returns
// null, or why it failed.
#include <algorithm>
#include <cstdint>
#include <cstring>
#include <deque>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "mushin/tensor.hpp"
#include "mushin/tensor/core/makers.hpp"

namespace mu = mushin;
using mu::core::Array;
using mu::core::Sizes;

namespace {

/// The operands of one op, and its numbers.
struct Call {
  std::span<const Array* const> in;
  std::span<const std::int64_t> whole;
  std::span<const double> real;

  const Array& operator[](std::size_t i) const { return *in[i]; }
  unsigned axis(std::size_t i = 0) const { return static_cast<unsigned>(whole[i]); }
  std::vector<Array> arrays() const {
    std::vector<Array> out;
    for (const Array* a : in) out.push_back(*a);
    return out;
  }
};
Sizes sizes_of(std::span<const std::int64_t> list) {
  Sizes out;
  for (std::int64_t n : list) out.push(n);
  return out;
}

using Results = std::vector<Array>;
using Unary = Array (*)(const Array&);
using Binary = Array (*)(const Array&, const Array&);
using Along = Array (*)(const Array&, unsigned axes, bool keep);
using Other = Results (*)(const Call&);

namespace core = mu::core;

const std::map<std::string_view, Unary> unary_ops = {
    {"neg", core::neg},
    {"abs", core::abs},
    {"relu", core::relu},
    {"exp", core::exp},
    {"log", core::log},
    {"tanh", core::tanh},
    {"erf", core::erf},
    {"sqrt", core::sqrt},
    {"sigmoid", core::sigmoid},
    {"log1p", core::log1p},
    {"expm1", core::expm1},
    {"rsqrt", core::rsqrt},
    {"sign", core::sign},
    {"sin", core::sin},
    {"cos", core::cos},
    {"tan", core::tan},
    {"asin", core::asin},
    {"acos", core::acos},
    {"atan", core::atan},
    {"sinh", core::sinh},
    {"cosh", core::cosh},
    {"floor", core::floor},
    {"ceil", core::ceil},
    {"round", core::round},
    {"isnan", core::isnan},
    {"isfinite", core::isfinite},
    {"logical_not", core::logical_not},
    {"transpose", core::transpose},
    {"trace", core::trace},
    {"inv", core::inv},
    {"det", core::det},
    {"cholesky", core::cholesky},
};
const std::map<std::string_view, Binary> binary_ops = {
    {"add", core::add},
    {"sub", core::sub},
    {"mul", core::mul},
    {"div", core::div},
    {"floor_divide", core::floor_divide},
    {"remainder", core::remainder},
    {"maximum", core::maximum},
    {"minimum", core::minimum},
    {"pow", core::pow},
    {"equal", core::equal},
    {"not_equal", core::not_equal},
    {"less", core::less},
    {"less_equal", core::less_equal},
    {"greater", core::greater},
    {"greater_equal", core::greater_equal},
    {"logical_and", core::logical_and},
    {"logical_or", core::logical_or},
    {"matmul", core::matmul},
    {"solve", core::solve},
    {"take", core::take},
};
const std::map<std::string_view, Along> along_ops = {
    {"sum", core::sum}, {"mean", core::mean},           {"prod", core::prod},     {"max", core::max},
    {"min", core::min}, {"argmax", core::argmax},       {"argmin", core::argmin}, {"any", core::any},
    {"all", core::all}, {"logsumexp", core::logsumexp}, {"norm", core::norm},
};
const std::map<std::string_view, Other> other_ops = {
    {"cast", [](const Call& c) { return Results{core::cast(c[0], static_cast<mu::dtype>(c.whole[0]))}; }},
    {"where", [](const Call& c) { return Results{core::where(c[0], c[1], c[2])}; }},
    {"clamp", [](const Call& c) { return Results{core::clamp(c[0], c[1], c[2])}; }},
    {"power", [](const Call& c) { return Results{core::pow(c[0], c.real[0])}; }},
    {"literal",
     [](const Call& c) {
       const auto type = static_cast<mu::dtype>(c.whole[0]);
       return Results{c.real.empty() ? core::literal(c.whole[1], type) : core::literal(c.real[0], type)};
     }},
    {"full",
     [](const Call& c) {
       const auto type = static_cast<mu::dtype>(c.whole[0]);
       const Sizes sizes = sizes_of(c.whole.subspan(2));
       return Results{c.real.empty() ? core::full(sizes, type, c.whole[1]) : core::full(sizes, type, c.real[0])};
     }},
    {"eye", [](const Call& c) { return Results{core::eye(sizes_of(c.whole.subspan(2)), static_cast<mu::dtype>(c.whole[0]), c.whole[1])}; }},
    {"ramp",
     [](const Call& c) {
       const auto type = static_cast<mu::dtype>(c.whole[0]);
       return Results{c.real.empty() ? core::ramp(c.whole[1], type, c.whole[2], c.whole[3])
                                     : core::ramp(c.whole[1], type, c.real[0], c.real[1])};
     }},
    {"reshape", [](const Call& c) { return Results{core::reshape(c[0], sizes_of(c.whole))}; }},
    {"broadcast_to", [](const Call& c) { return Results{core::broadcast_to(c[0], sizes_of(c.whole))}; }},
    {"permute",
     [](const Call& c) {
       unsigned order[core::max_rank]{};
       for (std::size_t i = 0; i < c.whole.size(); ++i) order[i] = c.axis(i);
       return Results{core::permute(c[0], order)};
     }},
    {"slice", [](const Call& c) { return Results{core::slice(c[0], c.axis(), c.whole[1], c.whole[2])}; }},
    {"at", [](const Call& c) { return Results{core::at(c[0], c.axis(), c.whole[1])}; }},
    {"concat", [](const Call& c) { return Results{core::concat(c.arrays().data(), static_cast<unsigned>(c.in.size()), c.axis())}; }},
    {"stack", [](const Call& c) { return Results{core::stack(c.arrays().data(), static_cast<unsigned>(c.in.size()), c.axis())}; }},
    {"flip", [](const Call& c) { return Results{core::flip(c[0], c.axis())}; }},
    {"pad",
     [](const Call& c) {
       const std::size_t rank = c.whole.size() / 2;
       return Results{core::pad(c[0], c.whole.data(), c.whole.data() + rank, c[1])};
     }},
    {"tile", [](const Call& c) { return Results{core::tile(c[0], sizes_of(c.whole))}; }},
    {"cumsum", [](const Call& c) { return Results{core::cumsum(c[0], c.axis(), false)}; }},
    {"cumprod", [](const Call& c) { return Results{core::cumprod(c[0], c.axis())}; }},
    {"sort", [](const Call& c) { return Results{core::sort(c[0], c.axis(), c.whole[1] != 0)}; }},
    {"argsort", [](const Call& c) { return Results{core::argsort(c[0], c.axis(), c.whole[1] != 0)}; }},
    {"topk",
     [](const Call& c) {
       auto top = core::topk(c[0], c.axis(), c.whole[1]);
       return Results{top.values, top.indices};
     }},
    {"var", [](const Call& c) { return Results{core::var(c[0], c.axis(), c.whole[1] != 0, c.real[0])}; }},
    {"std", [](const Call& c) { return Results{core::std(c[0], c.axis(), c.whole[1] != 0, c.real[0])}; }},
    {"softmax", [](const Call& c) { return Results{core::softmax(c[0], c.axis())}; }},
    {"log_softmax", [](const Call& c) { return Results{core::log_softmax(c[0], c.axis())}; }},
    {"gather", [](const Call& c) { return Results{core::gather(c[0], c.axis(), c[1])}; }},
    {"scatter_add", [](const Call& c) { return Results{core::scatter_add(c[0], c.axis(), c[1], c[2], c.whole[1] != 0)}; }},
    {"one_hot", [](const Call& c) { return Results{core::one_hot(c[0], c.whole[0], static_cast<mu::dtype>(c.whole[1]))}; }},
    {"tril", [](const Call& c) { return Results{core::tril(c[0], c.whole[0])}; }},
    {"triu", [](const Call& c) { return Results{core::triu(c[0], c.whole[0])}; }},
    {"diagonal", [](const Call& c) { return Results{core::diagonal(c[0], c.whole[0])}; }},
    {"einsum",  // the subscripts as characters
     [](const Call& c) {
       mu::text<65> written;
       std::memset(written.chars, ' ', 64);
       for (std::size_t i = 0; i < c.whole.size() && i < 64; ++i) written.chars[i] = static_cast<char>(c.whole[i]);
       return Results{core::einsum(c.arrays().data(), mu::rules::subscripts(written))};
     }},
    {"qr",
     [](const Call& c) {
       auto f = core::qr(c[0]);
       return Results{f.q, f.r};
     }},
    {"svd",
     [](const Call& c) {
       auto f = core::svd(c[0]);
       return Results{f.u, f.s, f.vt};
     }},
    {"eigh",
     [](const Call& c) {
       auto f = core::eigh(c[0]);
       return Results{f.values, f.vectors};
     }},
};

Results applied(std::string_view op, const Call& c) {
  if (const auto f = unary_ops.find(op); f != unary_ops.end()) return {f->second(c[0])};
  if (const auto f = binary_ops.find(op); f != binary_ops.end()) return {f->second(c[0], c[1])};
  if (const auto f = along_ops.find(op); f != along_ops.end()) return {f->second(c[0], c.axis(), c.whole[1] != 0)};
  return other_ops.at(op)(c);
}

template <class F>
const char* text_of_failure(F f) noexcept {
  thread_local std::string text;
  try {
    f();
    return nullptr;
  } catch (const std::exception& e) {
    text = e.what();
    return text.c_str();
  }
}

}  // namespace

extern "C" {

/// The name of the device of that number, or null.
const char* name_of_device(std::size_t number) {
  static const std::vector<mu::Device> all = mu::devices();
  return number < all.size() ? all[number].name() : nullptr;
}

/// Arrays are made there from now on.
const char* use(const char* device) {
  return text_of_failure([&] { mu::set_default_device(device); });
}

const char* put(std::uint32_t type, std::uint32_t rank, const std::int64_t* sizes, const void* values, Array** made) {
  return text_of_failure([&] { *made = new Array(core::from_values(sizes_of({sizes, rank}), static_cast<mu::dtype>(type), values)); });
}

/// `made`: room for three.
const char* apply(const char* op, const Array* const* operands, std::uint32_t count, const std::int64_t* whole, std::uint32_t wholes,
                  const double* real, std::uint32_t reals, Array** made) {
  return text_of_failure([&] {
    for (const Array& a : applied(op, {{operands, count}, {whole, wholes}, {real, reals}})) *made++ = new Array(a);
  });
}

/// `sizes`: room for eight.
std::uint32_t describe(const Array* a, std::uint32_t* type, std::int64_t* sizes) {
  *type = static_cast<std::uint32_t>(a->type());
  std::copy_n(a->sizes().at, a->rank(), sizes);
  return a->rank();
}

const char* get(const Array* a, void* to) {
  return text_of_failure([&] { core::read_all(*a, to); });
}

void drop(Array* a) { delete a; }
}
