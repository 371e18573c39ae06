#include "loader/library.hpp"

// Boost 1.74 needs these two before its own headers.
#include <string>
#include <vector>

#include <boost/dll/shared_library.hpp>

#include <dlfcn.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include <exception>
#include <new>

namespace mushin::core {
namespace {

using Library = boost::dll::shared_library;

// Keeps the handles reachable; they are never closed.
void keep(Library* library) {
  static auto* const kept = new std::vector<Library*>;
  kept->push_back(library);
}

// Boost's text holds the linker's between these two marks; the linker's begins with the path where the file itself is at fault.
std::string linker_text(const std::string& what, const std::string& path) {
  constexpr std::string_view begin = "dlerror system message: ";
  const std::size_t from = what.find(begin), to = what.rfind("): ");
  if (from == std::string::npos || to == std::string::npos || to < from) return what;
  std::string text = what.substr(from + begin.size(), to - from - begin.size());
  if (text.compare(0, path.size() + 2, path + ": ") == 0) text.erase(0, path.size() + 2);
  return text;
}

// The entry must be the file's own, and the file the one that was judged.
std::string check_origin(mu_entry_fn entry, const Record& r) {
  Dl_info info;
  struct stat s;
  if (!dladdr(reinterpret_cast<const void*>(entry), &info) || !info.dli_fname) return "has an entry that lies in no file";
  if (stat(info.dli_fname, &s) == 0 && s.st_dev == r.device && s.st_ino == r.inode) return {};
  if (r.path == info.dli_fname) return "was replaced while it was being opened";
  return fmt::format("has no entry of its own: {} is in {}", MU_ENTRY_SYMBOL, info.dli_fname);
}

}  // namespace

OpenedLibrary open_library(const Record& r) {
  OpenedLibrary opened;
  try {
    using boost::dll::load_mode::type;
    auto* library = new Library(boost::dll::fs::path(r.path), type::rtld_now | type::rtld_local | static_cast<type>(RTLD_NODELETE));
    keep(library);
    opened.entry = library->get<std::remove_pointer_t<mu_entry_fn>>(MU_ENTRY_SYMBOL);
    opened.reason = check_origin(opened.entry, r);
  } catch (const std::bad_alloc&) {
    throw;
  } catch (const std::exception& e) {
    opened.reason = linker_text(e.what(), r.path);
  }
  if (!opened.reason.empty()) opened.entry = nullptr;
  return opened;
}

}  // namespace mushin::core
