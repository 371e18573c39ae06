#include "mushin/tensor/core/source_line.hpp"

#include <cxxabi.h>
#include <dlfcn.h>
#include <fmt/format.h>
#include <unwind.h>

#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string_view>
#include <utility>

#include "mushin_tensor_config.h"
#if MUSHIN_HAVE_LIBBACKTRACE
#if __has_include(<backtrace.h>)
#include <backtrace.h>
#else  // it is in GCC's own folder, which other compilers don't look into
extern "C" {
struct backtrace_state;
using backtrace_error_callback = void (*)(void* data, const char* message, int error);
using backtrace_full_callback = int (*)(void* data, std::uintptr_t, const char* file, int line, const char* function);
using backtrace_syminfo_callback = void (*)(void* data, std::uintptr_t, const char* symbol, std::uintptr_t begin, std::uintptr_t size);
backtrace_state* backtrace_create_state(const char* program, int threaded, backtrace_error_callback, void* data);
int backtrace_pcinfo(backtrace_state*, std::uintptr_t, backtrace_full_callback, backtrace_error_callback, void* data);
int backtrace_syminfo(backtrace_state*, std::uintptr_t, backtrace_syminfo_callback, backtrace_error_callback, void* data);
}
#endif
#endif

namespace mushin::core {
namespace {

[[gnu::tls_model("initial-exec")]] thread_local constinit bool lines_kept = false;

bool is_ours(std::string_view file) { return file.find("/include/mushin/") != file.npos; }
bool is_standard(std::string_view file) { return file.find("/include/c++/") != file.npos; }
/// Compiled parts, where they are linked into the program.
bool is_ours_by_name(std::string_view symbol) { return symbol.starts_with("_ZN6mushin4core") || symbol.starts_with("_ZNK6mushin4core"); }

/// What debug information and symbols tell of one return address.
struct Found {
  std::string line;      // of the program's
  bool ours = false;     // one of mushin's or the standard library's headers
  std::string function;  // mangled
  std::uintptr_t begin = 0;
};

#if MUSHIN_HAVE_LIBBACKTRACE
void ignore(void*, const char*, int) {}
/// Calls that were inlined come innermost first; 1 ends the search.
int take_line(void* to, std::uintptr_t, const char* file, int number, const char* function) {
  auto& found = *static_cast<Found*>(to);
  if (!file) return 0;
  found.ours = is_ours(file) || is_standard(file) || (function && is_ours_by_name(function));
  if (!found.ours) found.line = fmt::format("{}:{}", file, number);
  return !found.ours;
}
void take_symbol(void* to, std::uintptr_t, const char* name, std::uintptr_t begin, std::uintptr_t) {
  auto& found = *static_cast<Found*>(to);
  if (name) found.function = name, found.begin = begin;
}
Found look_up(void* address) {
  // Read once, kept until the end: it maps the program's debug information.
  static backtrace_state* const state = backtrace_create_state(nullptr, 1, ignore, nullptr);
  Found found;
  if (!state) return found;
  // The address is that of the instruction after the call, which may be of another line.
  const std::uintptr_t call = reinterpret_cast<std::uintptr_t>(address) - 1;
  backtrace_pcinfo(state, call, take_line, ignore, &found);
  if (found.line.empty() && !found.ours) backtrace_syminfo(state, call, take_symbol, ignore, &found);
  return found;
}
#else
Found look_up(void*) { return {}; }
#endif

std::string_view name_in(const char* path) {
  const char* slash = std::strrchr(path, '/');
  return slash ? slash + 1 : path;
}

/// The function, where its name is known, and how far into it; else how far into the file.
std::string place_of(void* address, const Dl_info& in, const Found& found) {
  const auto at = reinterpret_cast<std::uintptr_t>(address);
  if (found.function.empty()) return fmt::format("{}+{:#x}", name_in(in.dli_fname), at - reinterpret_cast<std::uintptr_t>(in.dli_fbase));
  int status = 0;
  const std::unique_ptr<char, void (*)(void*)> plain(abi::__cxa_demangle(found.function.c_str(), nullptr, nullptr, &status), std::free);
  return fmt::format("{}+{:#x}", status == 0 && plain ? plain.get() : found.function.c_str(), at - found.begin);
}

bool in_library(const Dl_info& in) { return in.dli_fname && name_in(in.dli_fname).starts_with("libmushin-"); }

}  // namespace

void take_call_stack(CallStack& to) noexcept {
  to.count = 0;
  // Not backtrace(): sanitizers put a function of their own before it.
  const auto add = [](_Unwind_Context* frame, void* data) {
    auto& calls = *static_cast<CallStack*>(data);
    calls.at[calls.count++] = reinterpret_cast<void*>(_Unwind_GetIP(frame));
    return calls.count < CallStack::most ? _URC_NO_REASON : _URC_END_OF_STACK;
  };
  _Unwind_Backtrace(add, &to);
}

std::string source_line(const CallStack& calls) {
  std::string place;
  for (unsigned i = 0; i < calls.count; ++i) {
    Dl_info in{};
    if (!dladdr(calls.at[i], &in) || in_library(in)) continue;
    Found found = look_up(calls.at[i]);
    if (!found.line.empty()) return std::move(found.line);
    if (found.ours) continue;
    if (found.function.empty() && in.dli_sname) {
      found.function = in.dli_sname;
      found.begin = reinterpret_cast<std::uintptr_t>(in.dli_saddr);
    }
    // What called a function without debug information isn't the line that is looked for; but ops in headers may be such ones.
    place = place_of(calls.at[i], in, found);
    if (!found.function.starts_with("_ZN6mushin") && !found.function.starts_with("_ZNK6mushin")) return place;
  }
  return place;
}

bool keep_lines(bool keep) noexcept { return std::exchange(lines_kept, keep); }

std::string called_at() {
  if (!lines_kept) return {};
  CallStack calls;
  take_call_stack(calls);
  const std::string line = source_line(calls);
  return line.empty() ? line : fmt::format(" (called at {})", line);
}

}  // namespace mushin::core
