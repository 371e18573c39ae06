#pragma once
#include <exception>

#include "mushin/tensor/export.hpp"

namespace mushin {

/// What the library throws. The text is `[op] rule: the actual values`. Copies share the text.
class MUSHIN_API Error : public std::exception {
 public:
  /// `text` is copied.
  explicit Error(const char* text);
  Error(const Error&) noexcept;
  Error& operator=(const Error&) noexcept;
  ~Error() override;
  /// The text.
  const char* what() const noexcept override;

 private:
  struct Text;
  Text* text_;
};

/// Sizes that only the run knows break an op's rule.
class MUSHIN_API ShapeError : public Error {
 public:
  using Error::Error;
};
/// A device is missing, lost, or not the one its operands are on.
class MUSHIN_API DeviceError : public Error {
 public:
  using Error::Error;
};
/// A backend broke the plugin boundary's law, or reported an internal error.
class MUSHIN_API PluginError : public Error {
 public:
  using Error::Error;
};
/// No memory was left on a device, after its caches were drained.
class MUSHIN_API OutOfMemory : public Error {
 public:
  using Error::Error;
};
/// A file is missing, damaged, or holds something else than was asked for.
class MUSHIN_API FileError : public Error {
 public:
  using Error::Error;
};
/// A graph was freed, changed, or asked for what it does not hold.
class MUSHIN_API GraphError : public Error {
 public:
  using Error::Error;
};

}  // namespace mushin
