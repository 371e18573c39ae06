// What the search for plugins writes down.
#pragma once
#include <sys/types.h>

#include <string>
#include <string_view>

#include "mushin/plugin.h"
#include "mushin/tensor/device.hpp"

namespace mushin::core {

/// One candidate, as seen from outside.
struct Record {
  std::string path;
  std::string name;  // from the file's name; "" where there is none
  plugin_state state = plugin_state::skipped;
  mu_code code = MU_OK;
  std::string reason;
  mu_note note{};
  dev_t device = 0;
  ino_t inode = 0;
};

/// A copy that lives as long as the process.
const char* keep_text(std::string_view);

}  // namespace mushin::core
