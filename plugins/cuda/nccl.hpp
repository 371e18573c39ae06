// What the plugin calls of NCCL, declared here, so that a build needs no nccl.h: as in 2.14, the first version with communicators that
// don't block; later ones take the same (a config says its size and version). The library is opened at run time.
#pragma once
#include <cuda_runtime_api.h>

#include <cstddef>
#include <cstdint>

namespace mushin::cuda::nccl {

inline constexpr int oldest = 21400;
struct Comm;  // ncclComm
struct Id {
  char internal[128];
};
struct Config {
  std::size_t size = sizeof(Config);
  unsigned magic = 0xcafebeef;
  unsigned version = oldest;
  int blocking = 0;
};
// ncclResult_t, ncclDataType_t and ncclRedOp_t.
inline constexpr int success = 0, in_progress = 7;
inline constexpr int i8 = 0, u8 = 1, i32 = 2, i64 = 4, f16 = 6, f32 = 7, f64 = 8, bf16 = 9;
inline constexpr int sum = 0, prod = 1, max = 2, min = 3;

struct Library {
  int (*version)(int*);
  int (*unique_id)(Id*);
  int (*init)(Comm**, int ranks, Id, int rank, Config*);
  int (*state)(Comm*, int*);  // ncclCommGetAsyncError
  int (*finalize)(Comm*);
  int (*destroy)(Comm*);
  int (*abort)(Comm*);
  const char* (*text)(int);
  const char* (*last_error)(Comm*);
  int (*all_reduce)(const void*, void*, std::size_t, int type, int reduction, Comm*, cudaStream_t);
  int (*broadcast)(const void*, void*, std::size_t, int type, int root, Comm*, cudaStream_t);
  int (*all_gather)(const void*, void*, std::size_t sent, int type, Comm*, cudaStream_t);
  int (*reduce_scatter)(const void*, void*, std::size_t received, int type, int reduction, Comm*, cudaStream_t);
};
/// Opened by the first call that finds it, and never closed. Throws Failure: MU_UNAVAILABLE with the loader's reason.
const Library& library();

}  // namespace mushin::cuda::nccl
