#include "mushin/autograd/ops/conv.hpp"

#include "graph/pullback.hpp"
#include "graph/record.hpp"
#include "mushin/autograd/ops/reduce.hpp"
#include "mushin/tensor/ops/einsum.hpp"

namespace mushin::core {
namespace {

// Of the convolution that a node was made by.
struct Recorded {
  const ConvWindow* window;
  std::int64_t groups;

  explicit Recorded(const Pullback& p) : window(reinterpret_cast<const ConvWindow*>(p.parameter(0))), groups(p.parameter(1)) {}
  Traced operator()(ConvKind kind, const Traced& a, const Traced& b, const Sizes& to) const {
    return conv(kind, a, b, Traced(), to, window, groups);
  }
};

void pull_bias(Pullback& p) {
  const unsigned all = (1u << p.cotangent().rank()) - 1;
  if (p.wants(2)) p.give(2, sum(p.cotangent(), all & ~2u, false));
}
void pull_forward(Pullback& p) {
  const Recorded made(p);
  const Traced& dy = p.cotangent();
  if (p.wants(0)) p.give(0, made(ConvKind::data, dy, p.operand(1), p.sizes(0)));
  if (p.wants(1)) p.give(1, made(ConvKind::weights, p.operand(0), dy, p.sizes(1)));
  pull_bias(p);
}
void pull_data(Pullback& p) {
  const Recorded made(p);
  const Traced& g = p.cotangent();  // beside x
  if (p.wants(0)) p.give(0, made(ConvKind::forward, g, p.operand(1), p.sizes(0)));
  if (p.wants(1)) p.give(1, made(ConvKind::weights, g, p.operand(0), p.sizes(1)));
  pull_bias(p);
}
void pull_weights(Pullback& p) {
  const Recorded made(p);
  const Traced& g = p.cotangent();  // beside w
  if (p.wants(0)) p.give(0, made(ConvKind::data, p.operand(1), g, p.sizes(0)));
  if (p.wants(1)) p.give(1, made(ConvKind::forward, p.operand(0), g, p.sizes(1)));
}

}  // namespace

Traced conv(ConvKind kind, const Traced& a, const Traced& b, const Traced& bias, const Sizes& to, const ConvWindow* window,
            std::int64_t groups) {
  static constexpr Rule rules[] = {
      {"conv", {{2, 1}}, pull_forward}, {"conv_transpose", {{2, 1}}, pull_data}, {"conv_weights", {{2, 1}}, pull_weights}};
  const Rule& rule = rules[static_cast<std::uint32_t>(kind)];
  Array made = conv(kind, a.value(), b.value(), bias.value(), to, window, groups);
  const Parameters how{reinterpret_cast<std::int64_t>(window), groups};
  return bias ? record(rule, std::move(made), a, b, bias, how) : record(rule, std::move(made), a, b, how);
}

namespace {

std::int64_t count_of_first(const Sizes& s, unsigned axes) {
  std::int64_t n = 1;
  for (unsigned i = 0; i < axes; ++i) n *= s[i];
  return n;
}

// Sizes `of` from axis `from` on, behind `first`.
Sizes behind_first(Sizes first, const Sizes& of, unsigned from) {
  for (unsigned i = from; i < of.rank; ++i) first.push(of[i]);
  return first;
}

Sizes mapped_sizes(const Sizes& whole, unsigned maps, const Sizes& own) {
  check_rank("vmap", maps + own.rank);
  Sizes out;
  for (unsigned i = 0; i < maps; ++i) out.push(whole[i]);
  return behind_first(out, own, 0);
}

template <class H>
H merged_rows(ConvKind kind, const H& a, const H& b, const H& bias, const Sizes& to, const ConvWindow* window, std::int64_t groups) {
  const unsigned maps = a.rank() - to.rank;
  const std::int64_t rows = count_of_first(a.sizes(), maps) * to[0];
  const Sizes result = mapped_sizes(a.sizes(), maps, to);
  const H all = reshape(a, behind_first({rows}, a.sizes(), maps + 1));
  return reshape(conv(kind, all, b, bias, behind_first({rows}, to, 1), window, groups), result);
}

// (many, n, …) and (n, many, …).
template <class H>
H turned(const H& a) {
  unsigned order[max_rank];
  for (unsigned i = 0; i < a.rank(); ++i) order[i] = i < 2 ? 1 - i : i;
  return permute(a, order);
}

// (…, batch, channels, …) as (batch, … channels, …).
template <class H>
H as_channels(const H& a, unsigned maps, std::int64_t many) {
  const Sizes& s = a.sizes();
  return reshape(turned(reshape(a, behind_first({many}, s, maps))), behind_first({s[maps], many * s[maps + 1]}, s, maps + 2));
}

template <class H>
H merged_groups(ConvKind kind, const H& a, const H& b, const Sizes& to, const ConvWindow* window, std::int64_t groups) {
  const unsigned maps = b.rank() - to.rank;
  const std::int64_t many = count_of_first(b.sizes(), maps);
  const Sizes result = mapped_sizes(b.sizes(), maps, to);
  const H w = reshape(b, behind_first({many * b.sizes()[maps]}, b.sizes(), maps + 1));
  const Sizes all = behind_first({to[0], many * to[1]}, to, 2);
  const bool one = a.rank() == to.rank;  // `a` is the same for all
  const H shared = one && (kind != ConvKind::forward || groups != 1) ? H(broadcast_to(a, behind_first({many}, a.sizes(), 0))) : a;
  const H y = one && kind == ConvKind::forward && groups == 1
                  ? conv(kind, a, w, H(), all, window, 1)
                  : conv(kind, as_channels(shared, shared.rank() - to.rank, many), w, H(), all, window, many * groups);
  return reshape(turned(reshape(y, behind_first({to[0], many}, to, 1))), result);
}

template <class H>
H with_ones(const H& a, unsigned axes) {
  Sizes to = a.sizes();
  check_rank("vmap", to.rank + axes);
  for (unsigned i = 0; i < axes; ++i) to.push(1);
  return reshape(a, to);
}

}  // namespace

namespace mapped {

Array conv_rows(ConvKind kind, const Array& a, const Array& b, const Array& bias, const Sizes& to, const ConvWindow* window,
                std::int64_t n) {
  return merged_rows(kind, a, b, bias, to, window, n);
}
Traced conv_rows(ConvKind kind, const Traced& a, const Traced& b, const Traced& bias, const Sizes& to, const ConvWindow* window,
                 std::int64_t n) {
  return merged_rows(kind, a, b, bias, to, window, n);
}
Array conv_each(ConvKind kind, const Array& a, const Array& b, const Sizes& to, const ConvWindow* window, std::int64_t groups) {
  return merged_groups(kind, a, b, to, window, groups);
}
Traced conv_each(ConvKind kind, const Traced& a, const Traced& b, const Sizes& to, const ConvWindow* window, std::int64_t groups) {
  return merged_groups(kind, a, b, to, window, groups);
}
Array ahead_of(const Array& a, unsigned axes) { return with_ones(a, axes); }
Traced ahead_of(const Traced& a, unsigned axes) { return with_ones(a, axes); }

}  // namespace mapped

}  // namespace mushin::core
