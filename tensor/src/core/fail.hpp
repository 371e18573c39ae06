// Throwing, and the words that error texts share.
#pragma once
#include <fmt/format.h>

#include <string>

#include "devices/device_state.hpp"
#include "mushin/tensor/core/array.hpp"
#include "mushin/tensor/core/source_line.hpp"
#include "mushin/tensor/error.hpp"

namespace mushin::core {

/// `(2, 3)`
std::string text_of(const Sizes&);

/// The text, and behind it the line of the program's call, while this thread keeps lines.
template <class E, class... A>
[[noreturn]] void fail(fmt::format_string<A...> text, A&&... a) {
  throw E((fmt::format(text, std::forward<A>(a)...) + called_at()).c_str());
}

/// Throws what a backend's code stands for. `op` is the name in the brackets.
[[noreturn]] void fail_with_code(const char* op, const Device*, mu_code, const mu_error&);

/// The number of elements. ShapeError when a size is negative or there are more elements than memory could ever hold.
std::int64_t checked_count(const char* op, const Sizes&);

}  // namespace mushin::core
