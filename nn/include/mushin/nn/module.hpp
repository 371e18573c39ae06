#pragma once
#include <array>
#include <initializer_list>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "mushin/autograd.hpp"
#include "mushin/nn/member_names.hpp"

/// Makes a struct a module: `MUSHIN_MODULE(Net, fc1, drop, fc2)` after the last member names all data members in the order of
/// declaration. It adds functions only, so the struct stays an aggregate: no base class, no constructor. A member left out, named twice
/// or out of order does not compile. Members: modules, variables, std::array, std::vector and std::optional of them, plain values; no C
/// arrays. At namespace scope only. A struct template names itself without arguments, and is checked where it is first used.
#define MUSHIN_MODULE(Name, ...)                                                                                                           \
  static constexpr ::mushin::nn::detail::MemberNames<::mushin::nn::detail::count_names(#__VA_ARGS__)> mushin_member_names{#__VA_ARGS__};   \
  template <class Use>                                                                                                                     \
  constexpr decltype(auto) mushin_members(Use&& use) {                                                                                     \
    return use(__VA_ARGS__);                                                                                                               \
  }                                                                                                                                        \
  template <class Use>                                                                                                                     \
  constexpr decltype(auto) mushin_members(Use&& use) const {                                                                               \
    return use(__VA_ARGS__);                                                                                                               \
  }                                                                                                                                        \
  static constexpr void mushin_check_members() {                                                                                           \
    static_assert(::mushin::nn::is_aggregate<Name>, "[MUSHIN_MODULE] the struct must be an aggregate: no constructor, no private member"); \
    static_assert(::mushin::nn::has_no_c_array<Name>, "[MUSHIN_MODULE] a C array cannot be a member of a module: use std::array");         \
    static_assert(mushin_member_names.distinct(), "[MUSHIN_MODULE] a member is listed twice");                                             \
    static_assert(::mushin::nn::lists_every_member<Name>, "[MUSHIN_MODULE] list every data member, in the order of declaration");          \
    static_assert(::mushin::nn::finds_every_parameter<Name>,                                                                               \
                  "[MUSHIN_MODULE] a member that is no module must be a plain value, to be copied: a struct of layers needs a "            \
                  "MUSHIN_MODULE of its own, and pointers, tuples and maps do not hold modules");                                          \
  }

namespace mushin::nn {

/// A struct with MUSHIN_MODULE, or a layer that is one.
template <class M>
concept Module = requires {
  std::remove_cvref_t<M>::mushin_member_names;
};

template <class T, extent... E>
class Buffer;
template <class M>
class Frozen;

namespace detail {

/// Initialises a member of exactly this type.
template <class M>
struct Exactly {
  operator M() const;
};
template <class M, std::size_t N>
struct Exactly<M[N]> {};
/// Initialises a member of any type.
struct Anything {
  template <class M>
  operator M() const;
};

/// Brace-initialising `M` takes the listed members and not one more. (Counting members with Anything alone is ambiguous for std::optional
/// and its like; starting from the listed types isn't.)
template <class M, class... Listed>
inline constexpr bool takes_just = requires {
  M{std::declval<Exactly<Listed>>()...};
}
&&!requires { M{std::declval<Exactly<Listed>>()..., {}}; }
&&!requires { M{std::declval<Exactly<Listed>>()..., std::declval<Anything>()}; };

template <class M>
struct TakesJust {
  template <class... Listed>
  constexpr std::bool_constant<takes_just<M, Listed...>> operator()(const Listed&...) const {
    return {};
  }
};

struct NoArrays {
  template <class... Listed>
  constexpr std::bool_constant<!(std::is_array_v<Listed> || ...)> operator()(const Listed&...) const {
    return {};
  }
};

template <class M>
inline constexpr bool is_list = false;
template <class M>
inline constexpr bool is_list<std::vector<M>> = true;
template <class M, std::size_t N>
inline constexpr bool is_list<std::array<M, N>> = true;
template <class M>
inline constexpr bool is_optional = false;
template <class M>
inline constexpr bool is_optional<std::optional<M>> = true;
/// A module with constant parameters, a variable or a buffer: what a walk knows beside modules, lists and optionals.
template <class M>
inline constexpr bool is_walked = false;
template <class M>
inline constexpr bool is_walked<Frozen<M>> = true;
template <class T, extent... E>
inline constexpr bool is_walked<Variable<T, E...>> = true;
template <class T, extent... E>
inline constexpr bool is_walked<Buffer<T, E...>> = true;

/// Whether a walk finds the parameters in a member, as far as a type tells: what holds a variable moves but isn't copied.
template <class M>
constexpr bool walk_finds_all() {
  if constexpr (Module<M> || is_walked<M>)
    return true;
  else if constexpr (is_list<M> || is_optional<M>)
    return walk_finds_all<typename M::value_type>();
  else if constexpr (requires { typename M::element_type; })  // a smart pointer
    return !Module<typename M::element_type> && !is_walked<typename M::element_type> && walk_finds_all<typename M::element_type>();
  else if constexpr (requires { typename M::mapped_type; })
    return !Module<typename M::mapped_type> && walk_finds_all<typename M::mapped_type>();
  else
    return !std::is_class_v<M> || std::is_copy_constructible_v<M> || !std::is_move_constructible_v<M>;
}
struct FindsAll {
  template <class... Listed>
  constexpr std::bool_constant<(walk_finds_all<std::remove_const_t<Listed>>() && ...)> operator()(const Listed&...) const {
    return {};
  }
};

}  // namespace detail

// What a compile error shows below its sentence.
/// A rule of modules: no constructors.
template <class M>
inline constexpr bool is_aggregate = std::is_aggregate_v<M>;
/// A rule of modules: std::array instead of C arrays.
template <class M>
inline constexpr bool has_no_c_array = decltype(std::declval<M&>().mushin_members(detail::NoArrays{}))::value;
/// A rule of modules: MUSHIN_MODULE lists every member.
template <class M>
inline constexpr bool lists_every_member = decltype(std::declval<M&>().mushin_members(detail::TakesJust<M>{}))::value;
/// A rule of modules: no parameters where nn::parameters does not look.
template <class M>
inline constexpr bool finds_every_parameter = decltype(std::declval<M&>().mushin_members(detail::FindsAll{}))::value;

/// A value of a module that is saved, loaded and moved to devices with its parameters, but not trained: a running mean. Its layer may
/// replace it in a const call, as `running.set(next)`.
template <class T, extent... E>
class Buffer : public Shaped<core::Leaf, T, E...> {
  using Base = Shaped<core::Leaf, T, E...>;

 public:
  explicit Buffer(const Tensor<T, E...>& value) : Base(core::Leaf{value.raw()}) {}
  const core::Array& raw() const { return this->raw_.traced().value(); }
  /// The untyped handle to the place that the value is in.
  const core::Leaf& leaf() const { return this->raw_; }
  Tensor<T, E...> value() const { return Tensor<T, E...>{raw()}; }
  void set(const Tensor<T, E...>& value) const { this->raw_.alias().set(value.raw()); }
  /// Another buffer with the same value.
  Buffer clone() const { return Buffer{value()}; }
};

/// A variable of a module: where it is (`name`: "fc1.weight", "blocks.0.bias"), and a second handle to it (`leaf`).
struct Parameter {
  std::string name;
  core::Leaf leaf;
};
/// Of a network, in the order of its members: what optimisers take.
using Parameters = std::vector<Parameter>;

namespace detail {

/// Error unless the addresses increase: of members of one type in another order, their types tell nothing.
MUSHIN_API void check_order(std::initializer_list<const void*> members);

template <class M>
inline constexpr bool is_frozen = false;
template <class M>
inline constexpr bool is_frozen<Frozen<M>> = true;

/// Shows `visitor` a member and all that it is made of, depth first in the order of declaration, with the way there. One that has
/// `enter_frozen` says whether it wants to see a frozen module, whose members have the names that they would have without.
template <class Visitor, class M>
void walk(Visitor& visitor, M& m) {
  using Plain = std::remove_const_t<M>;
  visitor(m);
  if constexpr (Module<Plain>) {
    Plain::mushin_check_members();
    m.mushin_members([&visitor](auto&... members) {
      check_order({&members...});
      unsigned i = 0;
      ((visitor.enter(Plain::mushin_member_names.at[i++]), walk(visitor, members), visitor.leave()), ...);
    });
  } else if constexpr (is_list<Plain>) {
    std::size_t i = 0;
    for (auto& element : m) visitor.enter(i++), walk(visitor, element), visitor.leave();
  } else if constexpr (is_optional<Plain>) {
    if (m) walk(visitor, *m);
  } else if constexpr (is_frozen<Plain>) {
    if constexpr (requires { visitor.enter_frozen(); }) {
      if (visitor.enter_frozen()) walk(visitor, m.module()), visitor.leave_frozen();
    } else {
      walk(visitor, m.module());
    }
  }
}

/// The way to a member: "blocks.0.bias".
class MUSHIN_API MemberPath {
 public:
  void enter(MemberName);
  void enter(std::size_t index);
  void leave();

 protected:
  const std::string& path() const { return name_; }
  std::size_t depth() const { return lengths_.size(); }

 private:
  std::string name_;
  std::vector<std::size_t> lengths_;
};

/// Gathers the variables, and the buffers if they are asked for, under their dotted names. Compiled once; the walk alone is a template.
class MUSHIN_API FindParameters : public MemberPath {
 public:
  explicit FindParameters(bool buffers) : buffers_(buffers) {}
  template <class M>
  void operator()(const M&) {}
  template <class T, extent... E>
  void operator()(const Variable<T, E...>& v) {
    found(v.leaf());
  }
  template <class T, extent... E>
  void operator()(const Buffer<T, E...>& b) {
    if (buffers_) found(b.leaf());
  }
  /// A frozen module has a state, but nothing to train.
  bool enter_frozen() const { return buffers_; }
  void leave_frozen() const {}
  Parameters take() { return std::move(parameters_); }

 private:
  void found(const core::Leaf&);
  bool buffers_;
  Parameters parameters_;
};

/// Tells every layer that wants to know (a bool `training`) whether this is training.
struct SetTraining {
  bool training;
  void enter(MemberName) {}
  void enter(std::size_t) {}
  void leave() {}
  template <class M>
  void operator()(M& m) const {
    if constexpr (requires { m.training = training; }) m.training = training;
  }
};

}  // namespace detail

/// Every variable of a module with its dotted name, depth first in the order of declaration, but for those of frozen modules in it. The
/// handles stay good when the module moves.
template <Module M>
Parameters parameters(const M& net) {
  M::mushin_check_members();
  detail::FindParameters find{false};
  detail::walk(find, net);
  return find.take();
}

/// The parameters, also those of frozen modules, and the buffers, alike: what nn::save writes.
template <Module M>
Parameters state(const M& net) {
  M::mushin_check_members();
  detail::FindParameters find{true};
  detail::walk(find, net);
  return find.take();
}

/// Says that this is training, or isn't: layers that behave differently (Dropout) do.
template <Module M>
void train(M& net) {
  detail::SetTraining set{true};
  detail::walk(set, net);
}
/// Switches dropout off and has normalisations use their running statistics; nn::train switches back.
template <Module M>
void eval(M& net) {
  detail::SetTraining set{false};
  detail::walk(set, net);
}

namespace detail {
MUSHIN_API void to(Parameters, Device);
}  // namespace detail

/// Moves the parameters and buffers to another device, before an optimiser is made of them; their gradients are zero then. DeviceError when
/// a copy fails.
template <Module M>
void to(M& net, Device device) {
  detail::to(state(net), device);
}

/// An independent copy: variables and buffers are cloned (without gradients), other members copied.
template <class M>
M clone(const M& m) {
  return m;
}
template <class T, extent... E>
Variable<T, E...> clone(const Variable<T, E...>& v) {
  return v.clone();
}
template <class T, extent... E>
Buffer<T, E...> clone(const Buffer<T, E...>& b) {
  return b.clone();
}
template <class M>
std::vector<M> clone(const std::vector<M>& list);
template <class M>
std::optional<M> clone(const std::optional<M>& m);
template <class M, std::size_t N>
std::array<M, N> clone(const std::array<M, N>& list);
template <class M>
Frozen<M> clone(const Frozen<M>& m);
template <Module M>
M clone(const M& m) {
  M::mushin_check_members();
  return m.mushin_members([](const auto&... members) {
    detail::check_order({&members...});
    return M{clone(members)...};
  });
}
template <class M>
std::vector<M> clone(const std::vector<M>& list) {
  std::vector<M> out;
  for (const auto& m : list) out.push_back(clone(m));
  return out;
}
template <class M>
std::optional<M> clone(const std::optional<M>& m) {
  if (!m) return std::nullopt;
  return clone(*m);
}
template <class M, std::size_t N>
std::array<M, N> clone(const std::array<M, N>& list) {
  return [&list]<std::size_t... I>(std::index_sequence<I...>) { return std::array<M, N>{clone(list[I])...}; }
  (std::make_index_sequence<N>{});
}

/// A module whose parameters are constants: calling it records nothing, and its results are tensors, by type. As a member of another
/// module (`nn::Frozen<Backbone> backbone;`) it is saved, loaded, moved and switched by nn::train and nn::eval with it, under the names
/// that its members would have without, and not trained.
template <class M>
class Frozen {
 public:
  Frozen() requires std::default_initializable<M> : net_() {}
  explicit Frozen(M&& net) : net_(std::forward<M>(net)) {}
  template <class... X>
  auto operator()(const X&... x) const {
    return no_grad([&] { return net_(x...); });
  }
  const std::remove_reference_t<M>& module() const { return net_; }
  std::remove_reference_t<M>& module() { return net_; }

 private:
  M net_;
};
/// Parameters as constants: `nn::freeze(net)(x)` is a Tensor. An lvalue is referred to (and must outlive the result), an rvalue is kept.
template <class M>
Frozen<M> freeze(M&& net) {
  return Frozen<M>{std::forward<M>(net)};
}
template <class M>
Frozen<M> clone(const Frozen<M>& m) {
  if constexpr (std::is_reference_v<M>)
    return m;
  else
    return Frozen<M>{clone(m.module())};
}

}  // namespace mushin::nn
