#pragma once
#include <concepts>
#include <cstdint>
#include <iterator>
#include <tuple>
#include <type_traits>
#include <utility>

// What nn::fit borrows for its call, whatever its type: functions, and ranges of batches.
namespace mushin::nn::detail {

template <class Signature>
class Borrowed;
/// A function or function object, which must live as long as it is called. Empty: none.
template <class R, class... A>
class Borrowed<R(A...)> {
 public:
  Borrowed() = default;
  template <class F>
  requires(!std::same_as<std::remove_cvref_t<F>, Borrowed> && std::is_invocable_r_v<R, F&, A...>) Borrowed(F&& f) {
    using Plain = std::remove_reference_t<F>;
    if constexpr (std::is_function_v<Plain>) {
      target_.function = reinterpret_cast<void (*)()>(&f);
      call_ = [](Target t, A... a) -> R { return reinterpret_cast<Plain*>(t.function)(a...); };
    } else {
      target_.object = &f;
      call_ = [](Target t, A... a) -> R { return (*static_cast<Plain*>(const_cast<void*>(t.object)))(a...); };
    }
  }
  explicit operator bool() const { return call_ != nullptr; }
  R operator()(A... a) const { return call_(target_, a...); }

 private:
  union Target {
    const void* object = nullptr;
    void (*function)();
  };
  Target target_;
  R (*call_)(Target, A...) = nullptr;
};

template <class Range>
using batch_in = std::remove_cvref_t<decltype(*std::begin(std::declval<Range&>()))>;

/// Batches of one type, from any range that can be gone through again and again. Empty: none.
template <class Batch>
class BatchesOf {
 public:
  BatchesOf() = default;
  template <class Range>
  requires std::convertible_to<batch_in<Range>, Batch> BatchesOf(Range&& range)
      : range_(&range), each_(pass<std::remove_reference_t<Range>>) {}
  explicit operator bool() const { return each_ != nullptr; }
  void each(Borrowed<void(const Batch&)> use) const { each_(range_, use); }

 private:
  template <class Range>
  static void pass(const void* range, Borrowed<void(const Batch&)> use) {
    auto& r = *static_cast<Range*>(const_cast<void*>(range));
    for (auto&& batch : r) use(batch);
  }
  const void* range_ = nullptr;
  void (*each_)(const void*, Borrowed<void(const Batch&)>) = nullptr;
};

}  // namespace mushin::nn::detail
