#pragma once
#include "mushin/tensor/export.hpp"

namespace mushin {

/// Whether matrix products and convolutions of float, and their gradients, may round their operands to TF32 (10 bits of fraction) where that
/// is faster: on NVIDIA GPUs from Ampere on. Sums stay float. Off at first. Other element types and backends don't know it. For all threads of
/// the process; a captured function stays as it was captured.
MUSHIN_API bool allow_tf32() noexcept;
MUSHIN_API void allow_tf32(bool on) noexcept;

}  // namespace mushin
