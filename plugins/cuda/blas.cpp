#include "blas.hpp"

#include <dlfcn.h>

#include <string>

#include "program.hpp"

namespace mushin::cuda {
namespace {

using program::Failure;

template <class F>
void get(void* library, const char* name, F& to) {
  to = reinterpret_cast<F>(dlsym(library, name));
  if (!to) throw Failure{MU_UNAVAILABLE, std::string("[cuda] cuBLASLt lacks ") + name};
}

// The major version that the header is of; MUSHIN_CUDA_LIBRARIES is where the toolkit of the build has it.
void* open() {
  const std::string name = "libcublasLt.so." + std::to_string(CUBLAS_VER_MAJOR);
  if (void* library = dlopen(name.c_str(), RTLD_NOW | RTLD_LOCAL)) return library;
  const char* text = dlerror();
  const std::string reason = text ? text : name;
  if (void* library = dlopen((MUSHIN_CUDA_LIBRARIES "/" + name).c_str(), RTLD_NOW | RTLD_LOCAL)) return library;
  throw Failure{MU_UNAVAILABLE, "[cuda] no cuBLASLt: " + reason};
}

Blas load() {
  void* l = open();
  Blas b{};
  get(l, "cublasLtCreate", b.create), get(l, "cublasLtDestroy", b.destroy), get(l, "cublasLtGetStatusString", b.status_text);
  get(l, "cublasLtMatmul", b.matmul), get(l, "cublasLtMatmulAlgoGetHeuristic", b.heuristic);
  get(l, "cublasLtMatmulDescDestroy", b.operation_destroy), get(l, "cublasLtMatmulDescSetAttribute", b.operation_set);
  get(l, "cublasLtMatmulDescCreate", b.operation_create), get(l, "cublasLtMatrixLayoutCreate", b.layout_create);
  get(l, "cublasLtMatrixLayoutDestroy", b.layout_destroy), get(l, "cublasLtMatrixLayoutSetAttribute", b.layout_set);
  get(l, "cublasLtMatmulPreferenceCreate", b.preference_create), get(l, "cublasLtMatmulPreferenceDestroy", b.preference_destroy);
  get(l, "cublasLtMatmulPreferenceSetAttribute", b.preference_set);
  return b;
}

}  // namespace

const Blas& blas_library() {
  static const Blas library = load();
  return library;
}

}  // namespace mushin::cuda
