// What mushin-info shows, as text and as JSON.
#pragma once
#include <mushin/tensor/device.hpp>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace info {

struct Report {
  std::vector<mushin::PluginDirectory> directories;
  std::vector<mushin::PluginInfo> plugins;
  std::vector<mushin::Device> devices;  // empty when nothing was to be opened
  std::vector<mushin::PluginMessage> messages;
};

/// Opens every plugin unless `open` is false.
Report look(bool open);
std::string as_text(const Report&);
nlohmann::json as_json(const Report&);

/// Who computes what on one device.
std::string ops_as_text(mushin::Device);
nlohmann::json ops_as_json(mushin::Device);

}  // namespace info
