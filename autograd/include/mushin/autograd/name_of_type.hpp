#pragma once
#include <cstddef>

namespace mushin {

namespace detail {
/// `Cube` of `(anonymous namespace)::Cube<float>`, as the compiler spells it; "function" for a type without a name.
template <class F>
struct NameOfType {
  char chars[64]{};

  constexpr NameOfType() {
    const char* all = __PRETTY_FUNCTION__;  // ends with: F = a::Cube<float>]
    while (!(all[0] == 'F' && all[1] == ' ' && all[2] == '=')) ++all;
    const char* name = all += 4;
    for (; *all && *all != '<' && *all != ']' && *all != ';'; ++all)
      if (all[0] == ':' && all[1] == ':') name = all + 2;
    std::size_t n = 0;
    while (name + n != all && n + 1 < sizeof chars) ++n;
    constexpr char unnamed[] = "function";
    if (n == 0 || *name == '(' || *name == '{') name = unnamed, n = sizeof unnamed - 1;
    for (std::size_t i = 0; i < n; ++i) chars[i] = name[i];
  }
};
template <class F>
inline constexpr NameOfType<F> name_storage{};
}  // namespace detail

/// The name of a class, without namespaces and template arguments, at most 63 characters of it.
template <class F>
inline constexpr const char* name_of_type = detail::name_storage<F>.chars;

}  // namespace mushin
