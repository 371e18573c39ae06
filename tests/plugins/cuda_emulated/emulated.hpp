// A CUDA runtime, driver, NVRTC, cuBLASLt, cuDNN and NCCL for tests, as far as the plugin calls them: devices of this process, whose memory
// the host can't reach, whose streams work as late as they may, and whose failures are asked for.
//
// The host's setting of the plugin "cuda" with the key EMULATED says what is there: words of the form key=value.
//   driver=none            no libcuda.so.1; or a version, as CUDA counts them (13000)
//   devices=N              2 unless given          memory=BYTES      of each, 4 GiB unless given
//   capability=N           90 unless given; the kernels are compiled for 75 and newer
//   pools=0                no stream-ordered memory
//   nvrtc=none, blas=none, dnn=none  no such library; nccl=none too, or nccl=VERSION (22800)
//   dnn_version=N          of cuDNN, as it counts them (91900)     dnn_workspace=BYTES  that its algorithms want
//   dnn_lacks=NAME         a function that it doesn't have
//   programs=builtin       programs aren't compiled, the builtin backend runs them: fast enough for whole suites
//   graphs=TEXT            where "fixed", no executable graph can be updated
//   calls=told             what a wait for the device is behind is told as a message: how many calls there were since the last
//   fail=CALL:N:CODE       the N-th call of an entry point, from when the text last changed, gives this code; several words may.
//                          CALL "work": the N-th piece of work on any stream; cublasLt…: a cublasStatus_t; cudnn…: a cudnnStatus_t; NCCL's: its.
#pragma once
#include <cuda_runtime_api.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

namespace emulated {

/// A setting's value, or `otherwise`.
std::string setting(const std::string& key, const std::string& otherwise);
long number(const std::string& key, long otherwise);
/// The code that a call of this entry point is to give: 0 where no failure was asked for.
int due(const char* call);
/// To the host, where the setting asks for it.
void tell_calls();

/// Keeps what failed for cudaGetLastError, and gives it.
cudaError_t answer(cudaError_t);
/// What an entry point begins with: the failure that was asked for, or the one that the device doesn't recover from.
cudaError_t begin(const char* call);
/// Whether a device can't be used from then on.
bool is_fatal(cudaError_t);

/// Addresses of the device as this process has them: of live memory; null stays null, what is in no live memory can't be touched.
void* here(const void* device_address);
template <class T>
T* here(T* device_address) {
  return static_cast<T*>(here(static_cast<const void*>(device_address)));
}

/// Work at the end of a stream, which is captured on one that captures. It may be done several times.
enum class Kind { kernel, memset, other };
using Work = std::function<cudaError_t()>;
cudaError_t enqueue(cudaStream_t, Work, Kind);
/// The end of a stream as it is now, which another one can wait for.
struct Point {
  std::shared_ptr<CUstream_st> stream;  // null: long done
  std::uint64_t count = 0;
};
Point end_of(cudaStream_t);
cudaError_t wait_behind(cudaStream_t, Point);
/// The host waits for it.
void wait_for(const Point&);

/// Takes the work if the stream captures, and says whether it does.
bool captured(cudaStream_t, const Work&, Kind, cudaError_t&);
/// What a call gives that is prohibited now: by a capture of this thread, or of any other that is global. It has invalidated that.
cudaError_t prohibited(const char* call);
/// Likewise, of whatever waits for a stream, or for all of a device.
cudaError_t prohibited(cudaStream_t);
cudaError_t prohibited_of(int device);
/// Of a stream; -1: there is none.
int device_of(cudaStream_t);
/// The streams of a device: all that was given to them is done.
void finish_all();
/// Of the current device: cudaSuccess unless it is lost.
cudaError_t lost();

/// The plugin's own kernels: work that runs one over a grid, with a copy of the arguments. Empty: it is none of them.
Work own_kernel(const void* function, dim3 grid, dim3 block, void** arguments);
/// A kernel of a loaded program, likewise.
Work loaded_kernel(const void* kernel, dim3 grid, dim3 block, void** arguments);
/// What the last call of the emitter's `bind` in this thread was for, or the one before it that gave these arguments; and what those were for
/// that gave the arguments of each set.
Work bound_program(const void* arguments);
Work bound_sets(const void* arguments);

/// What dlsym finds in the libraries that are emulated; null: nothing of this name.
void* blas_symbol(const std::string& name);
void* dnn_symbol(const std::string& name);
void* nvrtc_symbol(const std::string& name);
void* nccl_symbol(const std::string& name);

}  // namespace emulated
