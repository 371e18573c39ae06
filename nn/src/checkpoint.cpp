#include "mushin/nn/checkpoint.hpp"

#include <fmt/format.h>

#include "checkpoint.hpp"
#include "mushin/tensor/error.hpp"
#include "mushin/tensor/ops/transfer.hpp"

namespace mushin::nn::detail {
namespace {

std::string describe(const char* type, const core::Sizes& sizes) {
  std::string out = fmt::format("{} (", type);
  for (unsigned i = 0; i < sizes.rank; ++i) out += (i ? ", " : "") + std::to_string(sizes[i]);
  return out + ")";
}

}  // namespace

std::string described(const core::Array& a) { return describe(safetensors_name(a.type()), a.sizes()); }

std::string differences(const Safetensors& file, const Parameters& parameters, const std::string& prefix) {
  std::string out;
  const auto say = [&out](const std::string& clause) { out += (out.empty() ? "" : "; ") + clause; };
  for (const auto& p : parameters)
    if (!file.contains((prefix + p.name).c_str())) say(fmt::format("missing {} {}", p.name, described(p.leaf.traced().value())));
  for (std::size_t i = 0; i < file.size(); ++i) {
    const auto entry = file[i];
    std::string name = entry.name;
    if (name.rfind(prefix, 0) != 0) continue;
    name.erase(0, prefix.size());
    const std::string held = describe(entry.dtype, entry.sizes);
    const Parameter* wanted = nullptr;
    for (const auto& p : parameters)
      if (p.name == name) wanted = &p;
    if (!wanted)
      say(fmt::format("extra {} {}", name, held));
    else if (const auto asked = described(wanted->leaf.traced().value()); asked != held)
      say(fmt::format("{} is {}, wanted {}", name, held, asked));
  }
  return out;
}

std::vector<core::Array> read_values(const Safetensors& file, const Parameters& parameters, const std::string& prefix) {
  std::vector<core::Array> values;
  for (const auto& p : parameters) values.push_back(core::to_device(file.read((prefix + p.name).c_str()), p.leaf.traced().device()));
  return values;
}

void save(const Parameters& parameters, FileName path) {
  std::vector<NamedTensor> tensors;
  for (const auto& p : parameters) tensors.emplace_back(p.name.c_str(), p.leaf.traced().value());
  save_safetensors(path, tensors);
}

void load(Parameters parameters, FileName path) {
  const Safetensors file(path);
  const char* prefix = file.metadata(checkpoint_mark) ? net_prefix : "";
  if (const auto wrong = differences(file, parameters, prefix); !wrong.empty())
    throw FileError(fmt::format("[load] the file must hold exactly the module's parameters: {}: {}", path.text, wrong).c_str());
  std::vector<core::Array> values = read_values(file, parameters, prefix);
  for (std::size_t i = 0; i < values.size(); ++i) parameters[i].leaf.value() = std::move(values[i]);
}

}  // namespace mushin::nn::detail
