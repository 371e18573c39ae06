#pragma once
#include <tuple>
#include <utility>

#include "mushin/tensor/core/capture.hpp"
#include "mushin/tensor/tensor.hpp"

namespace mushin {

namespace detail {

template <class... A>
core::Array* append(core::Array* to, const std::tuple<A...>& t);
/// The untyped values of a result, which may be a tensor or a tuple, one after the other.
template <TensorLike A>
core::Array* append(core::Array* to, const A& a) {
  *to = constant(a.raw());
  return to + 1;
}
template <class... A>
core::Array* append(core::Array* to, const std::tuple<A...>& t) {
  std::apply([&to](const auto&... a) { ((to = append(to, a)), ...); }, t);
  return to;
}

template <class R>
inline constexpr bool can_be_captured = TensorLike<R>;
template <>
inline constexpr bool can_be_captured<void> = true;
template <class... A>
inline constexpr bool can_be_captured<std::tuple<A...>> = (can_be_captured<A> && ...);

/// What a captured function gives: its results as constants.
template <class R>
struct CapturedResult {
  using type = value_of<R>;
  static constexpr unsigned count = 1;
  static type from(const core::Array* a) { return type{*a}; }
};
template <>
struct CapturedResult<void> {
  using type = void;
  static constexpr unsigned count = 0;
  static void from(const core::Array*) {}
};
template <class... A>
struct CapturedResult<std::tuple<A...>> {
  using type = std::tuple<typename CapturedResult<A>::type...>;
  static constexpr unsigned count = sizeof...(A);
  static type from(const core::Array* a) {
    return [a]<std::size_t... I>(std::index_sequence<I...>) { return type{CapturedResult<A>::from(a + I)...}; }
    (std::index_sequence_for<A...>{});
  }
};

}  // namespace detail

/// A function that ran once and is run again by giving its devices the same work: no graph, no dispatch, no memory. See capture().
template <class F, TensorLike... X>
class Captured {
  using Made = detail::CapturedResult<std::remove_cvref_t<decltype(std::declval<F&>()(std::declval<const X&>()...))>>;

 public:
  using Results = typename Made::type;  ///< what the function returns: a tensor, or a tuple of them

  Captured(F f, const X&... x) : f_(new F(std::move(f))) {
    try {
      record(x...);
    } catch (...) {
      delete f_;
      throw;
    }
  }
  Captured(Captured&& o) noexcept
      : f_(std::exchange(o.f_, nullptr)), recording_(std::move(o.recording_)), results_(std::move(o.results_)) {}
  Captured& operator=(Captured&& o) noexcept {
    std::swap(f_, o.f_);
    std::swap(recording_, o.recording_);
    std::swap(results_, o.results_);
    return *this;
  }
  ~Captured() { delete f_; }

  /// Runs it again, with these inputs. They have the types of the first ones; ShapeError unless they have their sizes.
  Results operator()(const X&... x) {
    const core::Array inputs[sizeof...(X) + 1] = {x.raw()...};
    recording_.replay(inputs, results_.value);
    return results();
  }
  /// What the last run gave.
  Results results() const { return Made::from(results_.value); }

 private:
  struct Values {
    core::Array value[Made::count + 1];
  };

  void record(const X&... x) {
    core::Array inputs[sizeof...(X) + 1] = {x.raw()...};
    recording_.begin(inputs, sizeof...(X));
    try {
      [&]<std::size_t... I>(std::index_sequence<I...>) { run(X{inputs[I]}...); }
      (std::index_sequence_for<X...>{});
    } catch (...) {
      results_ = Values{};
      recording_.abandon();
      throw;
    }
    recording_.end(results_.value, Made::count);
  }
  void run(const X&... x) {
    if constexpr (Made::count == 0)
      (*f_)(x...);
    else
      detail::append(results_.value, (*f_)(x...));
  }

  F* f_;  // what it refers to may be in it, and stays where it is
  core::Recording recording_;
  Values results_;
};

/// `auto step = capture(f, x...)`: runs `f(x...)` once; `step(x...)` then does the same to other inputs (constants), without running `f`:
/// what `f` gave to its devices is given to them again, in the same memory. Results: tensors or a tuple of them, as constants.
/// Variables, their gradients and the state of optimisers go on from run to run, and are looked for where they are then; random numbers
/// are drawn anew. All other values that `f` refers to are those of the first run, as are numbers and decisions made in C++.
/// A result belongs to who holds it: the next run writes elsewhere.
/// GraphError where running `f` again could come out differently: it reads a value, takes values from the host, makes in its first run
/// what it finds in later ones (so run it once before), or lets values of its own be held outside other than as results. What `f` refers to
/// must outlive `step`. Where a device refuses a replay midway (OutOfMemory, say), what the function changes may be half changed: later
/// replays are a GraphError then, unless it changes nothing. Not to be called by two threads at once.
template <class F, TensorLike... X>
auto capture(F f, const X&... x) {
  static_assert((Constant<X> && ...), "[capture] inputs are constants: give the value, x.value()");
  constexpr bool good = detail::can_be_captured<std::remove_cvref_t<decltype(f(x...))>>;
  static_assert(good, "[capture] the function returns nothing, a tensor, or a tuple of tensors");
  if constexpr (good) return Captured<F, X...>(std::move(f), x...);
}

}  // namespace mushin
