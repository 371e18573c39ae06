// Opening a plugin's file as a library: the only place that does.
#pragma once
#include "loader/record.hpp"

namespace mushin::core {

struct OpenedLibrary {
  mu_entry_fn entry = nullptr;
  std::string reason;  // when there is no entry
};

/// Maps the file of a record in state `found`, with all symbols resolved and none of them shown to other libraries. It stays
/// mapped for the life of the process. Throws only for want of memory.
OpenedLibrary open_library(const Record&);

}  // namespace mushin::core
