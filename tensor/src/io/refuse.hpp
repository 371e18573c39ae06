#pragma once
#include <fmt/format.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "mushin/tensor/error.hpp"

namespace mushin::io {

/// Throws FileError with the formatted text.
template <class... A>
[[noreturn]] void refuse(fmt::format_string<A...> form, A&&... values) {
  throw FileError(fmt::format(form, std::forward<A>(values)...).c_str());
}

/// `what` the operating system refused to do with `path`, and its reason.
[[noreturn]] inline void refuse_errno(const char* op, const char* what, const char* path) {
  refuse("[{}] cannot {}: {}: {}", op, what, path, std::strerror(errno));
}

}  // namespace mushin::io
