#pragma once
// What PyTorch computes (generate.py), and comparisons with it: EXPECT_TRUE(as_torch(y, "gelu/y")).
#include "mushin/nn.hpp"
#include "mushin/tensor/io/safetensors.hpp"
#include "support/matchers.hpp"

namespace mushin::test {

inline const Safetensors& torch_file() {
  static const Safetensors file = load_safetensors(MUSHIN_PARITY_FOLDER "/reference.safetensors");
  return file;
}
inline Ref torch_says(const std::string& name) { return ref(torch_file().read(name.c_str())); }
template <extent... E>
Tensor<float, E...> given(const std::string& name) {
  return torch_file().get<E...>(name.c_str());
}
template <extent... E>
Tensor<std::int64_t, E...> given_labels(const std::string& name) {
  return torch_file().get<std::int64_t, E...>(name.c_str());
}

/// Within what two orders of rounding may differ in float.
::testing::AssertionResult as_torch(const auto& got, const std::string& name, double relative = 2e-5, double absolute = 1e-6) {
  auto result = close(ref(got), torch_says(name), relative, absolute);
  if (!result) result << name;
  return result;
}

}  // namespace mushin::test
