// The instruction sets that kernels are compiled for: AVX-512, AVX2, and portable code for all else.
// Before any Highway header. Files that include it use no std templates and no shared inline functions: their code is compiled
// for CPUs that may not be there, and the linker keeps one copy of such a function.
#pragma once
#define HWY_DISABLED_TARGETS (HWY_SSSE3 | HWY_SSE4 | HWY_AVX3_DL)
