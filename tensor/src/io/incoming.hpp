#pragma once
// Arrays that are being read from somewhere.
#include <cstddef>
#include <memory>

#include "mushin/tensor/core/array.hpp"

namespace mushin::io {

/// A new array on the default device that is filled byte by byte: in its own memory where the host can reach it, else in a place from
/// which `done` takes it to the device.
class Incoming {
 public:
  /// The sizes have been checked: their product is the number of elements.
  Incoming(const core::Sizes&, dtype);

  std::byte* data() const { return data_; }
  std::size_t bytes() const { return bytes_; }
  core::Array done();

 private:
  core::Array array_;
  std::unique_ptr<std::byte[]> staged_;
  std::byte* data_;
  std::size_t bytes_;
};

}  // namespace mushin::io
