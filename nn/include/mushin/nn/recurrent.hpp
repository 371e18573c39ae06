#pragma once
#include <tuple>

#include "mushin/nn/layers.hpp"

namespace mushin::nn {

// What a compile error shows below its sentence.
template <text Layer, text X>
inline constexpr bool takes_steps = false;
template <text Layer, text X, text... States>
inline constexpr bool state_fits = false;

namespace detail {

enum class Gating { rnn, gru, lstm };
/// How many rows the weights have for each element of the state.
constexpr std::int64_t gates(Gating g) { return g == Gating::rnn ? 1 : g == Gating::gru ? 3 : 4; }

/// Empty: zeros. `cell` is of an LSTM alone.
struct RecurrentState {
  core::Traced hidden{}, cell{};
};
struct RecurrentRun {
  core::Traced outputs;
  RecurrentState last;
};
/// parameters: weight_ih, weight_hh, bias_ih, bias_hh. x: (batch, features).
MUSHIN_API RecurrentState recurrent_step(Gating, const core::Traced& x, const core::Traced* parameters, const RecurrentState&);
/// The four of each layer in turn. x: (batch, time, features). ShapeError when there is no step.
MUSHIN_API RecurrentRun recurrent(Gating, const core::Traced& x, const core::Traced* parameters, unsigned layers, const RecurrentState&);

/// One step of a layer for one sample: two operations for each element of its weights, and the gates.
constexpr std::int64_t step_flops(Gating g, std::int64_t in, std::int64_t hidden) {
  const std::int64_t at_gates = g == Gating::rnn ? 1 : g == Gating::gru ? 8 : 9;
  return 2 * gates(g) * hidden * (in + hidden) + at_gates * hidden;
}

/// `e`, or 1 for what a layer refuses.
constexpr std::int64_t count_or_one(extent e) { return e.is_static() && e.size > 0 ? e.size : 1; }

/// Of the shape of `V`, uniform in ±1/sqrt(hidden).
template <class V>
V recurrent_variable(std::int64_t hidden) {
  core::Sizes sizes;
  for (unsigned i = 0; i < V::extents.rank; ++i) sizes.push(V::extents[i].size);
  return V{value_of<V>{uniform(sizes, V::dtype(), kaiming_bound(hidden))}};
}

/// "weight_ih_l0,weight_hh_l0,bias_ih_l0,bias_hh_l0,weight_ih_l1,…"
template <unsigned Layers>
struct RecurrentNames {
  char list[Layers * 52 + 1]{};
  constexpr RecurrentNames() {
    unsigned size = 0;
    for (unsigned layer = 0; layer < Layers; ++layer)
      for (const char* name : {"weight_ih_l", "weight_hh_l", "bias_ih_l", "bias_hh_l"}) {
        while (*name) list[size++] = *name++;
        if (layer >= 10) list[size++] = static_cast<char>('0' + layer / 10);
        list[size++] = static_cast<char>('0' + layer % 10);
        list[size++] = ',';
      }
    list[size - 1] = 0;
  }
};
template <unsigned Layers>
inline constexpr RecurrentNames<Layers> recurrent_names;

template <class T, std::int64_t Rows, std::int64_t In, std::int64_t Hidden, unsigned I>
struct recurrent_parameter {
  using type = Variable<T, Rows, I == 0 ? In : Hidden>;
};
template <class T, std::int64_t Rows, std::int64_t In, std::int64_t Hidden, unsigned I>
requires(I % 4 > 1) struct recurrent_parameter<T, Rows, In, Hidden, I> {
  using type = Variable<T, Rows>;
};

template <Gating G, class T, std::int64_t In, std::int64_t Hidden, unsigned I>
using variable_of = typename recurrent_parameter<T, gates(G) * Hidden, In, Hidden, I>::type;

/// Parameter `I` of the layers, of which it is a base.
template <Gating G, class T, std::int64_t In, std::int64_t Hidden, unsigned I>
struct RecurrentParameter {
  using variable = variable_of<G, T, In, Hidden, I>;
  variable value = recurrent_variable<variable>(Hidden);
};

/// Several layers, each of what the one before gives; their parameters are the module's own members.
template <Gating G, class T, std::int64_t In, std::int64_t Hidden, class Indices>
struct RecurrentLayers;
template <Gating G, class T, std::int64_t In, std::int64_t Hidden, unsigned... I>
struct RecurrentLayers<G, T, In, Hidden, std::integer_sequence<unsigned, I...>> : RecurrentParameter<G, T, In, Hidden, I>... {
 private:
  template <unsigned K>
  using parameter_at = RecurrentParameter<G, T, In, Hidden, K>;
  template <unsigned K>
  auto& parameter() {
    return static_cast<parameter_at<K>&>(*this).value;
  }
  template <unsigned K>
  const auto& parameter() const {
    return static_cast<const parameter_at<K>&>(*this).value;
  }

 public:
  static constexpr unsigned layers = sizeof...(I) / 4;
  static constexpr std::int64_t flops(Shape x) {
    return x[0].size * x[1].size * (step_flops(G, In, Hidden) + (layers - 1) * step_flops(G, Hidden, Hidden));
  }

  RecurrentLayers() = default;
  explicit RecurrentLayers(typename parameter_at<I>::variable... values) : parameter_at<I>{std::move(values)}... {}

  /// The parameters of layer `L`: `lstm.weight_ih<0>()` is weight_ih_l0 of the state.
  template <unsigned L = 0>
  auto& weight_ih() {
    return parameter<4 * L>();
  }
  template <unsigned L = 0>
  const auto& weight_ih() const {
    return parameter<4 * L>();
  }
  template <unsigned L = 0>
  auto& weight_hh() {
    return parameter<4 * L + 1>();
  }
  template <unsigned L = 0>
  const auto& weight_hh() const {
    return parameter<4 * L + 1>();
  }
  template <unsigned L = 0>
  auto& bias_ih() {
    return parameter<4 * L + 2>();
  }
  template <unsigned L = 0>
  const auto& bias_ih() const {
    return parameter<4 * L + 2>();
  }
  template <unsigned L = 0>
  auto& bias_hh() {
    return parameter<4 * L + 3>();
  }
  template <unsigned L = 0>
  const auto& bias_hh() const {
    return parameter<4 * L + 3>();
  }

  static constexpr MemberNames<sizeof...(I)> mushin_member_names{recurrent_names<layers>.list};
  static constexpr void mushin_check_members() {}
  template <class Use>
  decltype(auto) mushin_members(Use&& use) {
    return use(parameter<I>()...);
  }
  template <class Use>
  decltype(auto) mushin_members(Use&& use) const {
    return use(parameter<I>()...);
  }

 protected:
  template <class X, class... S>
  auto run(const X& x, const S&... state) const {
    const core::Traced parameters[] = {parameter<I>().raw()...};
    RecurrentRun r = recurrent(G, x.raw(), parameters, layers, {core::Traced(state.raw())...});
    using Outputs = Traced<T, X::extents[0], X::extents[1], Hidden>;
    using State = Traced<T, layers, X::extents[0], Hidden>;
    if constexpr (G == Gating::lstm)
      return std::tuple{Outputs{std::move(r.outputs)}, State{std::move(r.last.hidden)}, State{std::move(r.last.cell)}};
    else
      return std::tuple{Outputs{std::move(r.outputs)}, State{std::move(r.last.hidden)}};
  }
};

template <Gating G, class T, extent In, extent Hidden, std::int64_t Layers>
using recurrent_layers = RecurrentLayers<G, T, count_or_one(In), count_or_one(Hidden),
                                         std::make_integer_sequence<unsigned, 4 * (Layers > 0 && Layers < 100 ? unsigned{Layers} : 1u)>>;

template <class X, class... S>
inline constexpr bool plain_operands = (std::convertible_to<mushin::detail::raw_of<X>, core::Traced> && ... &&
                                        std::convertible_to<mushin::detail::raw_of<S>, core::Traced>);
/// Extents of one shape, as far as the compiler knows.
constexpr bool fits(Shape a, Shape b) {
  bool same = a.rank == b.rank;
  for (unsigned i = 0; same && i < a.rank; ++i) same = may_equal(a[i], b[i]);
  return same;
}

}  // namespace detail

#define MUSHIN_NN_RULE_RECURRENT(op) \
  static_assert(In.is_static() && In.size > 0 && Hidden.is_static() && Hidden.size > 0, "[" op "] In and Hidden must be numbers above 0")
#define MUSHIN_NN_RULE_LAYERS(op) static_assert(Layers > 0 && Layers < 100, "[" op "] from 1 to 99 layers")

#define MUSHIN_NN_RULE_OPERANDS(op)                                                                         \
  static_assert(detail::plain_operands<X, S...>, "[" op "] vmap does not map it: give it the whole batch"); \
  static_assert(std::same_as<typename X::element, T> && (std::same_as<typename S::element, T> && ...),      \
                "[" op "] x and states must have the layer's element type: cast with .to<T>()")
#define MUSHIN_NN_RULE_STATE(op, shape, ...)                                                   \
  if constexpr (!(detail::fits(S::extents, Shape{__VA_ARGS__}) && ...))                        \
  static_assert(state_fits<spell(Shape{In, Hidden}), spell(X::extents), spell(S::extents)...>, \
                "[" op "] a state must be " shape ", of the layer and the batch of x")

#define MUSHIN_NN_RULE_SEQUENCE(op)                                                                                             \
  MUSHIN_NN_RULE_OPERANDS(op);                                                                                                  \
  if constexpr (X::extents.rank != 3 || !may_equal(X::extents.from_end(0), In))                                                 \
    static_assert(takes_steps<spell(Shape{In, Hidden}), spell(X::extents)>,                                                     \
                  "[" op "] x must be (batch, time, features) with the layer's In");                                            \
  else if constexpr (X::extents[1] == extent{0})                                                                                \
    static_assert(takes_steps<spell(Shape{In, Hidden}), spell(X::extents)>, "[" op "] a sequence must have one step at least"); \
  else                                                                                                                          \
    MUSHIN_NN_RULE_STATE(op, "(layers, batch, hidden)", Layers, X::extents[0], Hidden)

#define MUSHIN_NN_RULE_STEP(op)                                                                                                          \
  MUSHIN_NN_RULE_OPERANDS(op);                                                                                                           \
  if constexpr (X::extents.rank != 2 || !may_equal(X::extents.from_end(0), In))                                                          \
    static_assert(takes_steps<spell(Shape{In, Hidden}), spell(X::extents)>, "[" op "] x must be (batch, features) with the layer's In"); \
  else                                                                                                                                   \
    MUSHIN_NN_RULE_STATE(op, "(batch, hidden)", X::extents[0], Hidden)

/// h = tanh(x W_ih^T + b_ih + h W_hh^T + b_hh), step after step, from h = 0 or a given state. x: (batch, time, In), the time a number,
/// named or dyn; result: `auto [y, h] = rnn(x)` or rnn(x, h): the states of the last layer, (batch, time, Hidden), and the last state of
/// each layer, (Layers, batch, Hidden). Each further layer is of the states of the one before. Parameters have the names and layouts of
/// PyTorch (weight_ih_l0: (Hidden, In)) and begin uniform in ±1/sqrt(Hidden). ShapeError when there is no step, or sizes that only the
/// run knows differ. Not under vmap: give it the whole batch.
template <extent In, extent Hidden, std::int64_t Layers = 1, class T = float>
struct RNN : detail::recurrent_layers<detail::Gating::rnn, T, In, Hidden, Layers> {
  MUSHIN_NN_RULE_RECURRENT("RNN");
  MUSHIN_NN_RULE_LAYERS("RNN");
  using detail::recurrent_layers<detail::Gating::rnn, T, In, Hidden, Layers>::recurrent_layers;

  template <TensorLike X, TensorLike... S>
  auto operator()(const X& x, const S&... state) const {
    static_assert(sizeof...(S) < 2, "[RNN] give it one state, or none for zeros");
    MUSHIN_NN_RULE_SEQUENCE("RNN");
    return observed(*this, this->run(x, state...), x);
  }
};

/// As RNN, with gates that keep: r, z = sigmoid(x W_ih^T + b_ih + h W_hh^T + b_hh), n = tanh(x W_in^T + b_in + r (h W_hn^T + b_hn)), h = (1
/// - z) n + z h. Rows of the weights: r, z, n. https://arxiv.org/abs/1406.1078
template <extent In, extent Hidden, std::int64_t Layers = 1, class T = float>
struct GRU : detail::recurrent_layers<detail::Gating::gru, T, In, Hidden, Layers> {
  MUSHIN_NN_RULE_RECURRENT("GRU");
  MUSHIN_NN_RULE_LAYERS("GRU");
  using detail::recurrent_layers<detail::Gating::gru, T, In, Hidden, Layers>::recurrent_layers;

  template <TensorLike X, TensorLike... S>
  auto operator()(const X& x, const S&... state) const {
    static_assert(sizeof...(S) < 2, "[GRU] give it one state, or none for zeros");
    MUSHIN_NN_RULE_SEQUENCE("GRU");
    return observed(*this, this->run(x, state...), x);
  }
};

/// As RNN, with a second state, the cell c: i, f, o = sigmoid(…), g = tanh(…), each of x W_ih^T + b_ih + h W_hh^T + b_hh; c = f c + i g,
/// h = o tanh(c). Rows of the weights: i, f, g, o. `auto [y, h, c] = lstm(x)` or lstm(x, h, c). https://doi.org/10.1162/neco.1997.9.8.1735
template <extent In, extent Hidden, std::int64_t Layers = 1, class T = float>
struct LSTM : detail::recurrent_layers<detail::Gating::lstm, T, In, Hidden, Layers> {
  MUSHIN_NN_RULE_RECURRENT("LSTM");
  MUSHIN_NN_RULE_LAYERS("LSTM");
  using detail::recurrent_layers<detail::Gating::lstm, T, In, Hidden, Layers>::recurrent_layers;

  template <TensorLike X, TensorLike... S>
  auto operator()(const X& x, const S&... state) const {
    static_assert(sizeof...(S) == 0 || sizeof...(S) == 2, "[LSTM] give it both states, h and c, or none for zeros");
    MUSHIN_NN_RULE_SEQUENCE("LSTM");
    return observed(*this, this->run(x, state...), x);
  }
};

namespace detail {
template <Gating G, class T, extent In, extent Hidden, unsigned I>
using cell_parameter = variable_of<G, T, count_or_one(In), count_or_one(Hidden), I>;

template <Gating G, extent Hidden, class Cell, class X, class... S>
auto step(const Cell& cell, const X& x, const S&... state) {
  const core::Traced parameters[] = {cell.weight_ih.raw(), cell.weight_hh.raw(), cell.bias_ih.raw(), cell.bias_hh.raw()};
  RecurrentState next = recurrent_step(G, x.raw(), parameters, {core::Traced(state.raw())...});
  using State = Traced<typename X::element, X::extents[0], Hidden>;
  if constexpr (G == Gating::lstm)
    return std::tuple{State{std::move(next.hidden)}, State{std::move(next.cell)}};
  else
    return State{std::move(next.hidden)};
}
}  // namespace detail

#define MUSHIN_NN_CELL_PARAMETER(kind, name, i) \
  detail::cell_parameter<detail::Gating::kind, T, In, Hidden, i> name = detail::recurrent_variable<decltype(name)>(Hidden.size)
#define MUSHIN_NN_CELL(kind)                    \
  MUSHIN_NN_CELL_PARAMETER(kind, weight_ih, 0); \
  MUSHIN_NN_CELL_PARAMETER(kind, weight_hh, 1); \
  MUSHIN_NN_CELL_PARAMETER(kind, bias_ih, 2);   \
  MUSHIN_NN_CELL_PARAMETER(kind, bias_hh, 3)

/// One step of RNN: `h = cell(x, h)`, or cell(x) from zeros. x: (batch, In), h: (batch, Hidden). Parameters have PyTorch's names:
/// weight_ih, weight_hh, bias_ih, bias_hh.
template <extent In, extent Hidden, class T = float>
struct RNNCell {
  MUSHIN_NN_RULE_RECURRENT("RNNCell");
  MUSHIN_NN_CELL(rnn);

  template <TensorLike X, TensorLike... S>
  auto operator()(const X& x, const S&... state) const {
    static_assert(sizeof...(S) < 2, "[RNNCell] give it one state, or none for zeros");
    MUSHIN_NN_RULE_STEP("RNNCell");
    return observed(*this, detail::step<detail::Gating::rnn, Hidden>(*this, x, state...), x);
  }
  static constexpr std::int64_t flops(Shape x) { return x[0].size * detail::step_flops(detail::Gating::rnn, In.size, Hidden.size); }
  MUSHIN_MODULE(RNNCell, weight_ih, weight_hh, bias_ih, bias_hh)
};

/// One step of GRU, as RNNCell.
template <extent In, extent Hidden, class T = float>
struct GRUCell {
  MUSHIN_NN_RULE_RECURRENT("GRUCell");
  MUSHIN_NN_CELL(gru);

  template <TensorLike X, TensorLike... S>
  auto operator()(const X& x, const S&... state) const {
    static_assert(sizeof...(S) < 2, "[GRUCell] give it one state, or none for zeros");
    MUSHIN_NN_RULE_STEP("GRUCell");
    return observed(*this, detail::step<detail::Gating::gru, Hidden>(*this, x, state...), x);
  }
  static constexpr std::int64_t flops(Shape x) { return x[0].size * detail::step_flops(detail::Gating::gru, In.size, Hidden.size); }
  MUSHIN_MODULE(GRUCell, weight_ih, weight_hh, bias_ih, bias_hh)
};

/// One step of LSTM, as RNNCell: `std::tie(h, c) = cell(x, h, c)`.
template <extent In, extent Hidden, class T = float>
struct LSTMCell {
  MUSHIN_NN_RULE_RECURRENT("LSTMCell");
  MUSHIN_NN_CELL(lstm);

  template <TensorLike X, TensorLike... S>
  auto operator()(const X& x, const S&... state) const {
    static_assert(sizeof...(S) == 0 || sizeof...(S) == 2, "[LSTMCell] give it both states, h and c, or none for zeros");
    MUSHIN_NN_RULE_STEP("LSTMCell");
    return observed(*this, detail::step<detail::Gating::lstm, Hidden>(*this, x, state...), x);
  }
  static constexpr std::int64_t flops(Shape x) { return x[0].size * detail::step_flops(detail::Gating::lstm, In.size, Hidden.size); }
  MUSHIN_MODULE(LSTMCell, weight_ih, weight_hh, bias_ih, bias_hh)
};

#undef MUSHIN_NN_CELL
#undef MUSHIN_NN_CELL_PARAMETER
#undef MUSHIN_NN_RULE_STEP
#undef MUSHIN_NN_RULE_SEQUENCE
#undef MUSHIN_NN_RULE_STATE
#undef MUSHIN_NN_RULE_OPERANDS
#undef MUSHIN_NN_RULE_LAYERS
#undef MUSHIN_NN_RULE_RECURRENT

}  // namespace mushin::nn
