// Breaks the law: an exception crosses the boundary.
#include <mushin/plugin.h>

#include <stdexcept>

MUSHIN_PLUGIN_NOTE("throwing", "1.2.3", 1u << MU_KIND_CPU);

extern "C" MUSHIN_PLUGIN_EXPORT const mu_plugin* mushin_plugin_entry_v0(const mu_host*, mu_error*) {
  throw std::runtime_error("from a plugin");
}
