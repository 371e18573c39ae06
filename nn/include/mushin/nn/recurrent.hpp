#pragma once
#include <cstdint>
#include <tuple>

#include "mushin/nn/layers.hpp"

namespace mushin::nn {

// What a compile error shows below its sentence.
template <text Layer, text X>
inline constexpr bool takes_steps = false;
template <text Layer, text X, text... States>
inline constexpr bool state_fits = false;
template <text X, text Lengths>
inline constexpr bool one_length_for_each_sequence = false;

/// `forward`: from the first step to the last. `both`: also a second layer with parameters of its own, from the last step to the first;
/// each step's state is both, one behind the other.
enum class direction : std::uint8_t { forward, both };
/// Says that a recurrent layer goes through the steps in both directions.
inline constexpr direction bidirectional = direction::both;

/// What an RNN makes of a step's sum: its `tanh` or its `relu`.
enum class nonlinearity : std::uint8_t { tanh, relu };

namespace detail {

enum class Gating { rnn, relu, gru, lstm };
constexpr Gating plain_gating(nonlinearity n) { return n == nonlinearity::tanh ? Gating::rnn : Gating::relu; }
/// How many rows the weights have for each element of the state.
constexpr std::int64_t gates(Gating g) { return g == Gating::lstm ? 4 : g == Gating::gru ? 3 : 1; }

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
struct RecurrentKind {
  Gating gating;
  unsigned layers;
  bool both;
  double dropout;  // between layers
};
/// The four of each layer and direction in turn. x: (batch, time, features); lengths: (batch), or empty. ShapeError when there is no step,
/// or no such length.
MUSHIN_API RecurrentRun recurrent(const RecurrentKind&, const core::Traced& x, const core::Traced* parameters, const RecurrentState&,
                                  const core::Array& lengths);

/// One step of a layer for one sample: two operations for each element of its weights, and the gates.
constexpr std::int64_t step_flops(Gating g, std::int64_t in, std::int64_t hidden) {
  const std::int64_t at_gates = g == Gating::lstm ? 9 : g == Gating::gru ? 8 : 1;
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

/// "weight_ih_l0,weight_hh_l0,bias_ih_l0,bias_hh_l0,weight_ih_l0_reverse,…,weight_ih_l1,…,dropout,training"
template <unsigned Layers, bool Both>
struct RecurrentNames {
  char list[Layers * (Both ? 136 : 52) + 17]{};
  unsigned size = 0;
  constexpr void append(const char* text) {
    while (*text) list[size++] = *text++;
  }
  constexpr RecurrentNames() {
    for (unsigned layer = 0; layer < Layers; ++layer)
      for (unsigned way = 0; way <= Both; ++way)
        for (const char* name : {"weight_ih_l", "weight_hh_l", "bias_ih_l", "bias_hh_l"}) {
          append(name);
          if (layer >= 10) list[size++] = static_cast<char>('0' + layer / 10);
          list[size++] = static_cast<char>('0' + layer % 10);
          append(way ? "_reverse," : ",");
        }
    append("dropout,training");
  }
};
template <unsigned Layers, bool Both>
inline constexpr RecurrentNames<Layers, Both> recurrent_names;

template <class T, std::int64_t Rows, std::int64_t In, std::int64_t Hidden, unsigned I>
struct recurrent_parameter {
  using type = Variable<T, Rows, I % 4 == 0 ? In : Hidden>;
};
template <class T, std::int64_t Rows, std::int64_t In, std::int64_t Hidden, unsigned I>
requires(I % 4 > 1) struct recurrent_parameter<T, Rows, In, Hidden, I> {
  using type = Variable<T, Rows>;
};

template <Gating G, class T, std::int64_t In, std::int64_t Hidden, unsigned I>
using variable_of = typename recurrent_parameter<T, gates(G) * Hidden, In, Hidden, I>::type;

/// The parameters of a recurrent layer, and of what it computes.
template <Gating G, class T, std::int64_t In, std::int64_t Hidden, unsigned Layers, bool Both>
struct RecurrentShape {
  static constexpr Gating gating = G;
  using element = T;
  static constexpr std::int64_t inputs = In, hidden = Hidden;
  static constexpr unsigned layers = Layers, ways = Both ? 2 : 1;
  template <unsigned I>
  using variable = variable_of<G, T, (I < 4 * ways ? In : Hidden * ways), Hidden, I>;
};

/// Parameter `I` of the layers, of which it is a base.
template <class S, unsigned I>
struct RecurrentParameter {
  using variable = typename S::template variable<I>;
  variable value = recurrent_variable<variable>(S::hidden);
};

/// Several layers, each of what the one before gives; their parameters are the module's own members.
template <class S, class Indices>
struct RecurrentLayers;
template <class S, unsigned... I>
struct RecurrentLayers<S, std::integer_sequence<unsigned, I...>> : RecurrentParameter<S, I>... {
 private:
  template <unsigned K>
  auto& parameter() {
    return static_cast<RecurrentParameter<S, K>&>(*this).value;
  }
  template <unsigned K>
  const auto& parameter() const {
    return static_cast<const RecurrentParameter<S, K>&>(*this).value;
  }
  template <unsigned L, bool Reverse>
  static constexpr unsigned first_of = 4 * (S::ways * L + Reverse);

 public:
  static constexpr unsigned layers = S::layers;
  static constexpr std::int64_t flops(Shape x) {
    constexpr std::int64_t first = step_flops(S::gating, S::inputs, S::hidden);
    constexpr std::int64_t further = step_flops(S::gating, S::ways * S::hidden, S::hidden);
    return x[0].size * x[1].size * S::ways * (first + (layers - 1) * further);
  }

  /// While training, each element that a layer hands to the next one is 0 with this probability, and else x / (1 - dropout).
  float dropout = 0;
  bool training = true;

  RecurrentLayers() = default;
  explicit RecurrentLayers(typename RecurrentParameter<S, I>::variable... values, float p = 0, bool trains = true)
      : RecurrentParameter<S, I>{std::move(values)}..., dropout(p), training(trains) {}

  /// The parameters of layer `L`: `lstm.weight_ih<0>()` is weight_ih_l0 of the state, `lstm.weight_ih<0, true>()` weight_ih_l0_reverse.
#define MUSHIN_NN_ACCESS(name, i)                 \
  template <unsigned L = 0, bool Reverse = false> \
  auto& name() {                                  \
    return parameter<first_of<L, Reverse> + i>(); \
  }                                               \
  template <unsigned L = 0, bool Reverse = false> \
  const auto& name() const {                      \
    return parameter<first_of<L, Reverse> + i>(); \
  }
  MUSHIN_NN_ACCESS(weight_ih, 0)
  MUSHIN_NN_ACCESS(weight_hh, 1)
  MUSHIN_NN_ACCESS(bias_ih, 2)
  MUSHIN_NN_ACCESS(bias_hh, 3)
#undef MUSHIN_NN_ACCESS

  static constexpr MemberNames<sizeof...(I) + 2> mushin_member_names{recurrent_names<layers, S::ways == 2>.list};
  static constexpr void mushin_check_members() {}
  template <class Use>
  decltype(auto) mushin_members(Use&& use) {
    return use(parameter<I>()..., dropout, training);
  }
  template <class Use>
  decltype(auto) mushin_members(Use&& use) const {
    return use(parameter<I>()..., dropout, training);
  }

 protected:
  template <class X, class... States>
  auto run(const core::Array& lengths, const X& x, const States&... state) const {
    const core::Traced parameters[] = {parameter<I>().raw()...};
    const RecurrentKind kind{S::gating, layers, S::ways == 2, training ? static_cast<double>(dropout) : 0.0};
    RecurrentRun r = recurrent(kind, x.raw(), parameters, {core::Traced(state.raw())...}, lengths);
    using T = typename S::element;
    using Outputs = Traced<T, X::extents[0], X::extents[1], S::hidden * S::ways>;
    using State = Traced<T, layers * S::ways, X::extents[0], S::hidden>;
    if constexpr (S::gating == Gating::lstm)
      return std::tuple{Outputs{std::move(r.outputs)}, State{std::move(r.last.hidden)}, State{std::move(r.last.cell)}};
    else
      return std::tuple{Outputs{std::move(r.outputs)}, State{std::move(r.last.hidden)}};
  }
};

constexpr unsigned layers_or_one(std::int64_t layers) { return layers > 0 && layers < 100 ? static_cast<unsigned>(layers) : 1u; }
template <Gating G, class T, extent In, extent Hidden, std::int64_t Layers, direction D>
using recurrent_layers =
    RecurrentLayers<RecurrentShape<G, T, count_or_one(In), count_or_one(Hidden), layers_or_one(Layers), D == direction::both>,
                    std::make_integer_sequence<unsigned, (D == direction::both ? 8 : 4) * layers_or_one(Layers)>>;

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
    MUSHIN_NN_RULE_STATE(op, "(layers, batch, hidden)", Layers*(D == direction::both ? 2 : 1), X::extents[0], Hidden)

#define MUSHIN_NN_RULE_LENGTHS(op)                                                                                                      \
  static_assert(std::convertible_to<mushin::detail::raw_of<N>, core::Array>, "[" op "] vmap does not map it: give it the whole batch"); \
  if constexpr (N::extents.rank != 1 || !may_equal(N::extents[0], X::extents[0]))                                                       \
  static_assert(one_length_for_each_sequence<spell(X::extents), spell(N::extents)>, "[" op "] lengths must be (batch), of the batch of x")

// The calls of a layer: of all steps, and of sequences with lengths of their own.
#define MUSHIN_NN_SEQUENCE(op, states_fit, rule)                             \
  template <TensorLike X, TensorLike... S>                                   \
  auto operator()(const X& x, const S&... state) const {                     \
    static_assert(states_fit, "[" op "] " rule);                             \
    MUSHIN_NN_RULE_SEQUENCE(op);                                             \
    return observed(*this, this->run(core::Array(), x, state...), x);        \
  }                                                                          \
  template <TensorLike X, TensorLike N, TensorLike... S>                     \
  requires index_elements<N>                                                 \
  auto operator()(const X& x, const N& lengths, const S&... state) const {   \
    static_assert(states_fit, "[" op "] " rule);                             \
    MUSHIN_NN_RULE_SEQUENCE(op);                                             \
    MUSHIN_NN_RULE_LENGTHS(op);                                              \
    return observed(*this, this->run(lengths.raw(), x, state...), x);        \
  }

#define MUSHIN_NN_RULE_STEP(op)                                                                                                          \
  MUSHIN_NN_RULE_OPERANDS(op);                                                                                                           \
  if constexpr (X::extents.rank != 2 || !may_equal(X::extents.from_end(0), In))                                                          \
    static_assert(takes_steps<spell(Shape{In, Hidden}), spell(X::extents)>, "[" op "] x must be (batch, features) with the layer's In"); \
  else                                                                                                                                   \
    MUSHIN_NN_RULE_STATE(op, "(batch, hidden)", X::extents[0], Hidden)

/// h = tanh(x W_ih^T + b_ih + h W_hh^T + b_hh), step after step, from h = 0 or a given state; `nonlinearity::relu` instead of tanh. x: (batch, time, In), the time a number,
/// named or dyn; result: `auto [y, h] = rnn(x)` or rnn(x, h): the states of the last layer, (batch, time, Hidden), and the last state of
/// each layer, (Layers, batch, Hidden). Each further layer is of the states of the one before, of which `dropout` leaves some out.
/// `RNN<In, Hidden, 2, float, nn::bidirectional>` goes both ways: y is (batch, time, 2 Hidden), the states are (2 Layers, batch, Hidden),
/// each layer's forward one first. Parameters have the names and layouts of PyTorch (weight_ih_l0: (Hidden, In), weight_ih_l0_reverse) and
/// begin uniform in ±1/sqrt(Hidden). ShapeError when there is no step, or sizes that only the run knows differ. Not under vmap: give it the
/// whole batch.
///
/// Sequences of different lengths, padded at their ends: `rnn(x, lengths)` or rnn(x, lengths, h), lengths: (batch), int64, from 1 to the
/// steps of x, else a ShapeError (the call waits for them). Each sequence then counts to its length, as PyTorch's packed ones do: y is 0
/// behind it, the last state is that at its last step, the way back begins there, and what x has behind it, NaN too, has no influence and
/// gets no gradient.
template <extent In, extent Hidden, std::int64_t Layers = 1, class T = float, direction D = direction::forward,
          nonlinearity F = nonlinearity::tanh>
struct RNN : detail::recurrent_layers<detail::plain_gating(F), T, In, Hidden, Layers, D> {
  MUSHIN_NN_RULE_RECURRENT("RNN");
  MUSHIN_NN_RULE_LAYERS("RNN");
  using detail::recurrent_layers<detail::plain_gating(F), T, In, Hidden, Layers, D>::recurrent_layers;
  MUSHIN_NN_SEQUENCE("RNN", sizeof...(S) < 2, "give it one state, or none for zeros")
};

/// As RNN, with gates that keep: r, z = sigmoid(x W_ih^T + b_ih + h W_hh^T + b_hh), n = tanh(x W_in^T + b_in + r (h W_hn^T + b_hn)), h = (1
/// - z) n + z h. Rows of the weights: r, z, n. https://arxiv.org/abs/1406.1078
template <extent In, extent Hidden, std::int64_t Layers = 1, class T = float, direction D = direction::forward>
struct GRU : detail::recurrent_layers<detail::Gating::gru, T, In, Hidden, Layers, D> {
  MUSHIN_NN_RULE_RECURRENT("GRU");
  MUSHIN_NN_RULE_LAYERS("GRU");
  using detail::recurrent_layers<detail::Gating::gru, T, In, Hidden, Layers, D>::recurrent_layers;
  MUSHIN_NN_SEQUENCE("GRU", sizeof...(S) < 2, "give it one state, or none for zeros")
};

/// As RNN, with a second state, the cell c: i, f, o = sigmoid(…), g = tanh(…), each of x W_ih^T + b_ih + h W_hh^T + b_hh; c = f c + i g,
/// h = o tanh(c). Rows of the weights: i, f, g, o. `auto [y, h, c] = lstm(x)`, lstm(x, h, c) or
/// lstm(x, lengths, h, c). https://doi.org/10.1162/neco.1997.9.8.1735
template <extent In, extent Hidden, std::int64_t Layers = 1, class T = float, direction D = direction::forward>
struct LSTM : detail::recurrent_layers<detail::Gating::lstm, T, In, Hidden, Layers, D> {
  MUSHIN_NN_RULE_RECURRENT("LSTM");
  MUSHIN_NN_RULE_LAYERS("LSTM");
  using detail::recurrent_layers<detail::Gating::lstm, T, In, Hidden, Layers, D>::recurrent_layers;
  MUSHIN_NN_SEQUENCE("LSTM", sizeof...(S) == 0 || sizeof...(S) == 2, "give it both states, h and c, or none for zeros")
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
template <extent In, extent Hidden, class T = float, nonlinearity F = nonlinearity::tanh>
struct RNNCell {
  MUSHIN_NN_RULE_RECURRENT("RNNCell");
  MUSHIN_NN_CELL(rnn);

  template <TensorLike X, TensorLike... S>
  auto operator()(const X& x, const S&... state) const {
    static_assert(sizeof...(S) < 2, "[RNNCell] give it one state, or none for zeros");
    MUSHIN_NN_RULE_STEP("RNNCell");
    return observed(*this, detail::step<detail::plain_gating(F), Hidden>(*this, x, state...), x);
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
#undef MUSHIN_NN_SEQUENCE
#undef MUSHIN_NN_RULE_LENGTHS
#undef MUSHIN_NN_RULE_SEQUENCE
#undef MUSHIN_NN_RULE_STATE
#undef MUSHIN_NN_RULE_OPERANDS
#undef MUSHIN_NN_RULE_LAYERS
#undef MUSHIN_NN_RULE_RECURRENT

}  // namespace mushin::nn
