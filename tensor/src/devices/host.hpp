// What plugins get from the host.
#pragma once
#include <string_view>
#include <vector>

#include "mushin/plugin.h"
#include "mushin/tensor/device.hpp"

namespace mushin::core {

/// Valid for the life of the process.
const mu_host* host_table();
/// Kept in a ring of the newest lines; longer text is cut.
void log(std::uint32_t level, std::string_view text) noexcept;
std::vector<PluginMessage> logged();

}  // namespace mushin::core
