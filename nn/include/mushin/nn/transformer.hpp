#pragma once
#include <tuple>

#include "mushin/nn/activations.hpp"
#include "mushin/nn/attention.hpp"
#include "mushin/nn/layers.hpp"

namespace mushin::nn {

/// What hides keys of the memory from a decoder layer's queries: `layer(x, memory, nn::causal, nn::of_memory(nn::key_padding(mask)))`.
template <class Hiding>
struct OfMemory {
  Hiding hiding;  ///< nn::causal, a KeyPadding or an AttentionMask
};
/// `hiding` as what hides keys of the memory.
template <class Hiding>
OfMemory<Hiding> of_memory(const Hiding& hiding) {
  static_assert(detail::hides<Hiding>, "[of_memory] takes nn::causal, nn::key_padding(mask) or nn::attention_mask(mask)");
  return {hiding};
}

namespace detail {
inline constexpr float transformer_dropout = 0.1f;  // as PyTorch begins

template <extent Width, std::int64_t Heads>
MultiheadAttention<Width, Heads> dropping_attention() {
  MultiheadAttention<Width, Heads> made;
  made.dropout.p = transformer_dropout;
  return made;
}
template <bool Memory, class Hiding>
auto chosen(const Hiding& hiding) {
  if constexpr (Memory)
    return std::tuple<>();
  else
    return std::tuple<Hiding>(hiding);
}
template <bool Memory, class Hiding>
auto chosen(const OfMemory<Hiding>& of) {
  if constexpr (Memory)
    return std::tuple<Hiding>(of.hiding);
  else
    return std::tuple<>();
}
}  // namespace detail

#define MUSHIN_NN_RULE_WIDTH(op, X, what)                                          \
  if constexpr (X::extents.rank != 3 || !may_equal(X::extents.from_end(0), Width)) \
  static_assert(takes_sequences<spell(Shape{Width}), spell(X::extents)>,           \
                "[" op "] " what " must be (batch, time, width) with the layer's Width")

/// Self-attention and two linear layers with an activation in between, each with dropout, added to what goes in, and normalised: behind the
/// sum, or with `norm_first` before. x: (batch, time, Width); result: shape of x. Behind x may stand what hides keys, as for
/// MultiheadAttention. Dropout is 0.1 everywhere; nn::set_dropout changes it. Names and layouts of states are those of PyTorch's layer.
/// `self_attn` with `dropout1`, `norm1`; then `linear1`, `activation`, `dropout`, `linear2`, `dropout2`, with `norm2`.
template <extent Width, std::int64_t Heads, extent Inner = extent{2048}, class Activation = Relu>
struct TransformerEncoderLayer {
  MultiheadAttention<Width, Heads> self_attn = detail::dropping_attention<Width, Heads>();
  Linear<Width, Inner> linear1;
  Linear<Inner, Width> linear2;
  LayerNorm<Width> norm1, norm2;
  Dropout dropout{.p = detail::transformer_dropout}, dropout1{.p = detail::transformer_dropout}, dropout2{.p = detail::transformer_dropout};
  bool norm_first = false;
  Activation activation{};

  template <TensorLike X, class... Hiding>
  auto operator()(const X& x, const Hiding&... hiding) const {
    MUSHIN_NN_RULE_WIDTH("TransformerEncoderLayer", X, "x");
    return around(x, [&](const auto& y) { return self_attn(y, y, y, hiding...); });
  }
  /// Causal, for x that goes on where the cache ends (AttentionCache): the same rows as of one call with nn::causal on the whole sequence.
  template <TensorLike X>
  auto operator()(const X& x, AttentionCache& cache) const {
    MUSHIN_NN_RULE_WIDTH("TransformerEncoderLayer", X, "x");
    return around(x, [&](const auto& y) { return self_attn(y, cache); });
  }
  MUSHIN_MODULE(TransformerEncoderLayer, self_attn, linear1, linear2, norm1, norm2, dropout, dropout1, dropout2, norm_first, activation)

 private:
  auto around(const auto& x, const auto& attention) const {
    const auto mixed = [&](const auto& y) { return dropout1(attention(y)); };
    const auto fed = [&](const auto& y) { return dropout2(linear2(dropout(activation(linear1(y))))); };
    if (norm_first) {
      const auto y = x + mixed(norm1(x));
      return y + fed(norm2(y));
    }
    const auto y = norm1(x + mixed(x));
    return norm2(y + fed(y));
  }
};

/// The same with a second attention in between, of the sums so far to `memory`: (batch, keys, Width), an encoder's result. x: (batch, time,
/// Width); result: shape of x. What hides keys stands behind, that of the memory's keys in nn::of_memory(…).
/// `self_attn` with `dropout1`, `norm1`; `multihead_attn` with `dropout2`, `norm2`; then `linear1`, `activation`, `dropout`, `linear2`,
/// `dropout3`, with `norm3`. `norm_first`: each of these before its part, not behind the sum.
template <extent Width, std::int64_t Heads, extent Inner = extent{2048}, class Activation = Relu>
struct TransformerDecoderLayer {
  MultiheadAttention<Width, Heads> self_attn = detail::dropping_attention<Width, Heads>(),
                                   multihead_attn = detail::dropping_attention<Width, Heads>();
  Linear<Width, Inner> linear1;
  Linear<Inner, Width> linear2;
  LayerNorm<Width> norm1, norm2, norm3;
  Dropout dropout{.p = detail::transformer_dropout}, dropout1{.p = detail::transformer_dropout}, dropout2{.p = detail::transformer_dropout},
      dropout3{.p = detail::transformer_dropout};
  bool norm_first = false;
  Activation activation{};

  template <TensorLike X, TensorLike Memory, class... Hiding>
  auto operator()(const X& x, const Memory& memory, const Hiding&... hiding) const {
    MUSHIN_NN_RULE_WIDTH("TransformerDecoderLayer", X, "x");
    MUSHIN_NN_RULE_WIDTH("TransformerDecoderLayer", Memory, "the memory");
    const auto of_own = std::tuple_cat(detail::chosen<false>(hiding)...);
    const auto of_other = std::tuple_cat(detail::chosen<true>(hiding)...);
    const auto mixed = [&](const auto& y) {
      return dropout1(std::apply([&](const auto&... h) { return self_attn(y, y, y, h...); }, of_own));
    };
    const auto remembered = [&](const auto& y) {
      return dropout2(std::apply([&](const auto&... h) { return multihead_attn(y, memory, memory, h...); }, of_other));
    };
    const auto fed = [&](const auto& y) { return dropout3(linear2(dropout(activation(linear1(y))))); };
    if (norm_first) {
      const auto y = x + mixed(norm1(x));
      const auto z = y + remembered(norm2(y));
      return z + fed(norm3(z));
    }
    const auto y = norm1(x + mixed(x));
    const auto z = norm2(y + remembered(y));
    return norm3(z + fed(z));
  }
  MUSHIN_MODULE(TransformerDecoderLayer, self_attn, multihead_attn, linear1, linear2, norm1, norm2, norm3, dropout, dropout1, dropout2,
                dropout3, norm_first, activation)
};

#undef MUSHIN_NN_RULE_WIDTH

}  // namespace mushin::nn
