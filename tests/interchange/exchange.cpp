// What the interchange tests call from Python. Each function returns null, or why it failed.
#include <fmt/format.h>

#include <deque>
#include <string>
#include <string_view>

#include "mushin/tensor.hpp"
#include "mushin/tensor/io/dlpack_abi.hpp"

namespace mu = mushin;

namespace {

struct Tensors {
  std::deque<std::string> names;
  std::vector<mu::NamedTensor> list;

  void add(const char* name, mu::core::Array value) { list.emplace_back(names.emplace_back(name).c_str(), std::move(value)); }
};

/// All that a file holds; of an npy file under the name `x`.
Tensors load(std::string_view path, mu::reading how) {
  Tensors out;
  const auto read_all_of = [&out](const auto& file) {
    for (std::size_t i = 0; i < file.size(); ++i) out.add(file[i].name, file.read(file[i].name));
  };
  if (path.ends_with(".npy"))
    out.add("x", mu::core::load_npy(path.data()));
  else if (path.ends_with(".npz"))
    read_all_of(mu::load_npz(path.data()));
  else
    read_all_of(mu::load_safetensors(path.data(), how));
  return out;
}

void save(std::string_view path, const Tensors& tensors, mu::packing how) {
  if (path.ends_with(".npy"))
    mu::core::save_npy(path.data(), tensors.list.at(0).value);
  else if (path.ends_with(".npz"))
    mu::save_npz(path.data(), tensors.list, how);
  else
    mu::save_safetensors(path.data(), tensors.list);
}

template <class F>
const char* text_of_failure(F f) noexcept {
  thread_local std::string text;
  try {
    f();
    return nullptr;
  } catch (const std::exception& e) {
    text = e.what();
    return text.c_str();
  }
}

}  // namespace

extern "C" {

/// Reads one file and writes what it held as another; formats by suffix.
const char* convert(const char* from, const char* to, int mapped, int deflated) {
  return text_of_failure([&] {
    save(to, load(from, mapped ? mu::reading::mapped : mu::reading::copied), deflated ? mu::packing::deflated : mu::packing::stored);
  });
}

/// An npy file's tensor for another library. `transposed`: its last two axes are swapped.
const char* give(const char* from, int transposed, DLManagedTensor** to) {
  return text_of_failure([&] {
    const auto a = mu::core::load_npy(from);
    *to = mu::core::to_dlpack(transposed ? mu::core::transpose(a) : a);
  });
}
const char* give_versioned(const char* from, int transposed, DLManagedTensorVersioned** to) {
  return text_of_failure([&] {
    const auto a = mu::core::load_npy(from);
    *to = mu::core::to_dlpack_versioned(transposed ? mu::core::transpose(a) : a);
  });
}

/// Another library's tensor, written as an npy file.
const char* take(DLManagedTensor* from, const char* to) {
  return text_of_failure([&] { mu::core::save_npy(to, mu::core::from_dlpack(from)); });
}
const char* take_versioned(DLManagedTensorVersioned* from, const char* to) {
  return text_of_failure([&] { mu::core::save_npy(to, mu::core::from_dlpack(from)); });
}
}
