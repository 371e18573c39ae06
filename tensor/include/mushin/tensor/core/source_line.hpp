#pragma once
// Which line of the program a call came from, for errors.
#include <string>

#include "mushin/tensor/export.hpp"

namespace mushin::core {

/// Where a call came from: return addresses, innermost first. Cheap to take (a few microseconds), slow to put into words.
struct CallStack {
  static constexpr unsigned most = 64;
  void* at[most];
  unsigned count = 0;
};
MUSHIN_API void take_call_stack(CallStack&) noexcept;

/// `model.cpp:12`: the innermost line outside of mushin's libraries and headers. Without debug information the function of
/// the program, or the file's offset: `model_step+0x1c`, `program+0x11d2`; empty where nothing is known.
MUSHIN_API std::string source_line(const CallStack&);

/// Whether errors of this thread name the line of the call that met them. Gives what was before.
MUSHIN_API bool keep_lines(bool) noexcept;
/// ` (called at model.cpp:12)` while this thread keeps lines, else empty.
MUSHIN_API std::string called_at();

}  // namespace mushin::core
