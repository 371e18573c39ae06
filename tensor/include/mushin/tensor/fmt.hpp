#pragma once
// Tensors as arguments of fmt::format and fmt::print. tensor.hpp includes this by itself where fmt was included before it.
#include <fmt/format.h>

#include "mushin/tensor/print.hpp"

/// As operator<<; takes the format specifications of a string (width, alignment).
template <mushin::TensorLike A>
struct fmt::formatter<A> : fmt::formatter<fmt::string_view> {
  template <class Context>
  auto format(const A& a, Context& to) const {
    const mushin::core::Text text = mushin::core::spell_values(mushin::detail::constant(a.raw()));
    return fmt::formatter<fmt::string_view>::format(fmt::string_view(text.data(), text.size()), to);
  }
};
