// The instruction sets that kernels are compiled for: AVX-512, AVX2, and portable code for all else.
// Before any Highway header. Files that include it use no std templates and no shared inline functions: their code is compiled
// for CPUs that may not be there, and the linker keeps one copy of such a function.
#pragma once
#ifdef __x86_64__  // whatever else a Highway knows: later ones have SSE2, and more than one AVX-512
#define HWY_DISABLED_TARGETS (~(HWY_AVX3 | HWY_AVX2 | HWY_EMU128 | HWY_SCALAR))
#endif
// One element at a time where no instruction set fits: in a vector of emulated lanes a masked load reads what the mask leaves out.
#define HWY_BROKEN_EMU128 1
