#pragma once
#include <string>
#include <vector>

#include "mushin/nn/module.hpp"
#include "mushin/tensor/io/safetensors.hpp"

namespace mushin::nn::detail {

/// Of metadata: the file is a checkpoint of nn::fit, where the module's names begin with `net_prefix`.
inline constexpr const char* checkpoint_mark = "mushin.fit";
inline constexpr const char* net_prefix = "net.";

/// "F32 (4, 3)".
std::string described(const core::Array&);

/// What of the file's entries under `prefix` is not as the module wants it, one clause each; empty when all is well. Names are told
/// without the prefix.
std::string differences(const Safetensors&, const Parameters&, const std::string& prefix);
/// The values of these parameters, on their devices.
std::vector<core::Array> read_values(const Safetensors&, const Parameters&, const std::string& prefix);

}  // namespace mushin::nn::detail
