// Which of the compiled instruction sets the kernels use.
#pragma once

namespace mushin::builtin {

/// `most`: "baseline", "v3" or "v4", or NULL for whatever the CPU has. Other texts count as NULL. Before the first kernel runs.
void choose_isa(const char* most) noexcept;
const char* isa_name() noexcept;

}  // namespace mushin::builtin
