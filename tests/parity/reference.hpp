#pragma once
// What PyTorch computes (generate.py), and comparisons with it: EXPECT_TRUE(as_torch(y, "gelu/y")).
#include "folder.hpp"
#include "mushin/nn.hpp"
#include "mushin/tensor/io/safetensors.hpp"
#include "support/matchers.hpp"

namespace mushin::test {

/// The committed files as one.
class TorchFiles {
 public:
  bool contains(const char* name) const { return any_of(name) != nullptr; }
  core::Array read(const char* name) const { return holding(name).read(name); }
  template <class T, extent... E>
  Tensor<T, E...> get(const char* name) const {
    return holding(name).get<T, E...>(name);
  }

 private:
  const Safetensors* any_of(const char* name) const {
    for (const Safetensors& file : files_)
      if (file.contains(name)) return &file;
    return nullptr;
  }
  /// Where none has it, the first one throws.
  const Safetensors& holding(const char* name) const {
    const Safetensors* file = any_of(name);
    return file ? *file : files_[0];
  }
  Safetensors files_[7] = {load_safetensors(committed("reference.safetensors")),    load_safetensors(committed("conv.safetensors")),
                           load_safetensors(committed("plain_layers.safetensors")), load_safetensors(committed("recurrent.safetensors")),
                           load_safetensors(committed("transformer.safetensors")),  load_safetensors(committed("sequences.safetensors")),
                           load_safetensors(committed("training.safetensors"))};
};
inline const TorchFiles& torch_file() {
  static const TorchFiles files;
  return files;
}
inline core::Array torch_value(const std::string& name) { return torch_file().read(name.c_str()); }
inline bool torch_has(const std::string& name) { return torch_file().contains(name.c_str()); }
inline Ref torch_says(const std::string& name) { return ref(torch_value(name)); }
template <extent... E>
Tensor<float, E...> given(const std::string& name) {
  return torch_file().get<float, E...>(name.c_str());
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

/// Ten steps of SGD with momentum along the gradients that `backward` makes.
template <class Backward>
void ten_steps(nn::Parameters parameters, double rate, Backward backward) {
  nn::SGD optimizer{std::move(parameters), {.lr = rate, .momentum = 0.9}};
  for (int t = 0; t < 10; ++t) {
    optimizer.zero_grad();
    backward();
    optimizer.step();
  }
}
/// What they make of the parameters and buffers of a layer, whose first pass is done.
template <nn::Module Layer, class Backward>
void ten_steps_as_torch(const std::string& name, const Layer& layer, Backward backward) {
  ten_steps(nn::parameters(layer), 0.05, backward);
  for (const auto& s : nn::state(layer)) EXPECT_TRUE(as_torch(s.leaf.traced().value(), name + "/ten_" + s.name, 1e-4, 2e-5));
}

}  // namespace mushin::test
