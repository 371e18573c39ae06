#pragma once
#include <iosfwd>
#include <optional>
#include <string>
#include <vector>

#include "mushin/nn/observe.hpp"
#include "mushin/nn/sequential.hpp"

namespace mushin::nn {

/// What one layer of a network did in a forward pass.
struct LayerSummary {
  std::string name;                     ///< "blocks.0.fc1"
  std::string type;                     ///< "Linear"
  std::int64_t calls = 0;               ///< for one input; 0 also when there was no input
  core::Sizes output{};                 ///< of the last call
  std::int64_t parameters = 0;          ///< elements of its own variables; once, however often it is called
  std::int64_t buffers = 0;             ///< and of its buffers
  bool trainable = true;                ///< false when it is frozen
  std::optional<std::int64_t> flops{};  ///< of all calls; none: not known
  std::int64_t activation_bytes = 0;    ///< of what its calls gave; of several results, of the first
};

/// What a module is made of: its layers in the order of declaration, and the sums. Formats itself: `std::cout << summary`, fmt, `text()`.
struct Summary {
  std::string type;  ///< of the network
  std::vector<LayerSummary> layers{};
  std::vector<core::Sizes> inputs{};                        ///< what was put in
  core::Sizes output{};                                     ///< what came out
  std::int64_t parameters = 0, trainable = 0, buffers = 0;  ///< elements of them
  std::optional<std::int64_t> flops{};                      ///< none where a layer's aren't known, or without inputs
  std::int64_t activation_bytes = 0;                        ///< of the results of layers, without those within a layer that tells its flops

  MUSHIN_API std::string text() const;
};
template <class Traits>
std::basic_ostream<char, Traits>& operator<<(std::basic_ostream<char, Traits>& out, const Summary& s) {
  const std::string text = s.text();
  out.write(text.data(), static_cast<std::ptrdiff_t>(text.size()));
  return out;
}

// What a compile error shows below its sentence.
template <class M>
inline constexpr bool is_known_to_the_compiler = false;

namespace detail {

/// A module's member that may be a layer, and what it has itself.
struct FoundLayer {
  std::string name, type;
  const void* at;
  int parent;  // the layer that it belongs to; -1: none
  bool frozen;
  std::int64_t parameters = 0, buffers = 0;
};

/// Gathers the layers of a module. Compiled once; the walk alone is a template.
class MUSHIN_API FindLayers : public MemberPath {
 public:
  void leave();
  template <class M>
  void operator()(const M& m) {
    if constexpr (std::is_class_v<M> && !is_list<M> && !is_optional<M>) found(&m, name_of_type<M>);
  }
  template <class T, extent... E>
  void operator()(const Variable<T, E...>& v) {
    own(v.size(), 0);
  }
  template <class T, extent... E>
  void operator()(const Buffer<T, E...>& b) {
    own(0, b.size());
  }
  bool enter_frozen() { return ++frozen_; }
  void leave_frozen() { --frozen_; }
  std::vector<FoundLayer> take() { return std::move(layers_); }

 private:
  void found(const void* at, const char* type);
  void own(std::int64_t parameters, std::int64_t buffers);
  std::vector<FoundLayer> layers_;
  struct Open {
    int layer;
    std::size_t depth;
  };
  std::vector<Open> open_;
  int frozen_ = 0;  // frozen modules that the walk is in
};

/// While one lives, calls of this thread's layers are noted, no graph is recorded, and what is drawn at random doesn't count.
class MUSHIN_API Observation {
 public:
  Observation();
  Observation(const Observation&) = delete;
  Observation& operator=(const Observation&) = delete;
  ~Observation();
  const std::vector<LayerCall>& calls() const { return calls_; }

 private:
  friend void note_call(const LayerCall&);
  std::vector<LayerCall> calls_;
  Observation* before_;
  core::NoRecording quiet_;
  std::uint64_t random_[2];
};

/// Zeros, one of what has no number, where the module is.
MUSHIN_API core::Array input_for(const Parameters&, Shape, dtype);
MUSHIN_API Summary summarize(std::vector<FoundLayer>, const std::vector<LayerCall>&, bool trainable);

template <class M>
std::vector<FoundLayer> layers_of(const M& net) {
  M::mushin_check_members();
  FindLayers find;
  walk(find, net);
  return find.take();
}

template <class... X, class M>
Summary summary_of(const M& net, bool trainable) {
  if constexpr (sizeof...(X) == 0) {
    return summarize(layers_of(net), {}, trainable);
  } else {
    M copy = clone(net);
    eval(copy);
    const Observation seen;
    const Parameters all = state(copy);
    const std::tuple<value_of<X>...> inputs{value_of<X>{input_for(all, X::extents, X::dtype())}...};
    const auto y = std::apply(copy, inputs);
    Summary out = summarize(layers_of(copy), seen.calls(), trainable);
    std::apply([&out](const auto&... x) { (out.inputs.push_back(x.shape()), ...); }, inputs);
    out.output = first_result(y).shape();
    return out;
  }
}

}  // namespace detail

// What computes the constants below, and is named in their compile errors.
template <class M>
struct ParameterCount;
/// Adds up what a module's members have.
struct CountParameters {
  template <class... M>
  constexpr std::integral_constant<std::int64_t, (ParameterCount<M>::value() + ... + 0)> operator()(const M&...) const {
    return {};
  }
};
/// How many elements the parameters of `M` have, known to the compiler.
template <class M>
struct ParameterCount {
  static constexpr std::int64_t value() {
    if constexpr (Module<M>)
      return decltype(std::declval<const M&>().mushin_members(CountParameters{}))::value;
    else if constexpr (detail::is_list<M> || detail::is_optional<M>)
      static_assert(
          is_known_to_the_compiler<M>,
          "[parameter_count] only the run knows how many modules a std::vector or a std::optional has: nn::summary(net).parameters");
    return 0;
  }
};
template <class T, extent... E>
struct ParameterCount<Variable<T, E...>> {
  static constexpr std::int64_t value() { return detail::elements(Shape{E...}); }
};
template <class M>
struct ParameterCount<Frozen<M>> : ParameterCount<std::remove_reference_t<M>> {};
template <class M, std::size_t N>
struct ParameterCount<std::array<M, N>> {
  static constexpr std::int64_t value() { return static_cast<std::int64_t>(N) * ParameterCount<M>::value(); }
};

/// What a layer's `flops` says for these inputs.
template <class M, class... X>
struct LayerFlops {
  static constexpr std::int64_t value() {
    if constexpr (!detail::counts_flops<M, X...>) {
      static_assert(is_known_to_the_compiler<M>,
                    "[flops] the compiler knows layers that tell their flops, and nn::Sequential of them: nn::summary<X>(net).flops");
      return 0;
    } else {
      static_assert((X::extents.is_static() && ...), "[flops] all extents of the input must be numbers");
      return M::flops(X::extents...);
    }
  }
};
/// The value on its way through a chain, as a type, and the operations so far.
template <class X>
struct FlopsFlow {
  std::int64_t flops = 0;
};
template <class X, class M>
constexpr auto operator|(FlopsFlow<X> flow, std::type_identity<M>) {
  using Y = std::remove_cvref_t<decltype(std::declval<const M&>()(std::declval<const X&>()))>;
  return FlopsFlow<Y>{flow.flops + LayerFlops<M, X>::value()};
}
template <class... M, class X>
struct LayerFlops<Sequential<M...>, X> {
  static constexpr std::int64_t value() { return (FlopsFlow<X>{} | ... | std::type_identity<M>{}).flops; }
};

/// How many elements the variables of a module have, those of frozen modules in it included: `static_assert(nn::parameter_count<Net> ==
/// 535818)`.
template <Module M>
inline constexpr std::int64_t parameter_count = ParameterCount<M>::value();

/// The operations of a call of a layer, or of an nn::Sequential of layers, with inputs of these types, whose extents are numbers: as
/// nn::summary counts them.
template <class M, TensorLike... X>
inline constexpr std::int64_t flops = LayerFlops<M, X...>::value();

/// What a module gives for inputs of these types: `nn::output_of<Net, mu::Tensor<float, 32, 784>>::extents`.
template <class M, TensorLike... X>
using output_of = std::remove_cvref_t<decltype(std::declval<const M&>()(std::declval<const X&>()...))>;

/// The layers of a module, without shapes; or, with the types of its inputs, with what each gives for them: `nn::summary<mu::Tensor<float,
/// 32, 784>>(net)`. Extents that aren't numbers are taken as 1. For that a copy of the module, after nn::eval, is run once on zeros; layers
/// tell what they are called with (`observed`). Operations that a module does itself, beside its layers, are not counted.
template <TensorLike... X, Module M>
Summary summary(const M& net) {
  return detail::summary_of<X...>(net, true);
}
/// Of a frozen module nothing is trainable.
template <TensorLike... X, class M>
Summary summary(const Frozen<M>& net) {
  return detail::summary_of<X...>(net.module(), false);
}

}  // namespace mushin::nn

#ifdef FMT_VERSION
/// Takes the format specifications of a string.
template <>
struct fmt::formatter<mushin::nn::Summary> : fmt::formatter<fmt::string_view> {
  template <class Context>
  auto format(const mushin::nn::Summary& s, Context& to) const {
    return fmt::formatter<fmt::string_view>::format(s.text(), to);
  }
};
#endif
