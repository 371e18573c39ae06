#include "report.hpp"

namespace mushin::cuda {
namespace {

constexpr unsigned block = 256;

__device__ Index first_position() { return static_cast<Index>(blockIdx.x) * blockDim.x + threadIdx.x; }
__device__ Index step() { return static_cast<Index>(gridDim.x) * blockDim.x; }

struct BadIndex {
  Report report;
  Index extent;
  __device__ void operator()(Index index) const { report({FindingOf::index, index, extent, 0, 0}); }
};

__global__ void random_kernel(RandomKind kind, const std::int64_t* seed, Index seed_stride, void* out, Index n, Index blocks) {
  for (Index b = first_position(); b < blocks; b += step()) random_block(kind, seed, seed_stride, out, n, b);
}

__global__ void gather_kernel(Lines l, const char* data, const std::int64_t* indices, char* out, int bytes, BadIndex bad) {
  for (Index i = first_position(); i < l.count(); i += step()) gather_element(l, data, indices, out, bytes, i, bad);
}

template <class T>
__global__ void scatter_lines_kernel(Lines l, T* to, const std::int64_t* indices, const T* updates, BadIndex bad) {
  for (Index i = first_position(); i < l.walk.count; i += step()) scatter_line(l, to, indices, updates, i, bad);
}

__device__ void add_atomically(float* to, float x) { atomicAdd(to, x); }
__device__ void add_atomically(double* to, double x) { atomicAdd(to, x); }
__device__ void add_atomically(std::int32_t* to, std::int32_t x) { atomicAdd(to, x); }
__device__ void add_atomically(std::int64_t* to, std::int64_t x) {
  atomicAdd(reinterpret_cast<unsigned long long*>(to), static_cast<unsigned long long>(x));
}

template <class T>
__global__ void scatter_atomic_kernel(Lines l, T* to, const std::int64_t* indices, const T* updates, BadIndex bad) {
  for (Index i = first_position(); i < l.count(); i += step()) {
    const Place p = place_of(l, i);
    const Offsets o = offsets(l.walk, p.line);
    const Index index = indices[o.of[1] + p.at * l.index_step];
    if (!inside(l, index))
      bad(index);
    else
      add_atomically(to + o.of[0] + index * l.axis_step, updates[o.of[2] + p.at * l.value_step]);
  }
}

__global__ void integer_product_kernel(IntegerProduct p, const char* a, const char* b, char* out) {
  for (Index i = first_position(); i < p.count(); i += step()) product_element(p, a, b, out, i);
}

__global__ void pass_on_kernel(Fault* from, FaultPlace place) {
  if (first_position() != 0) return;
  if (from->taken) Report{place}(from->found);
  from->taken = 0;
}

template <class... Parameters, class... Arguments>
cudaError_t launch(void (*kernel)(Parameters...), Index positions, cudaStream_t stream, Arguments... given) {
  if (positions <= 0) return cudaSuccess;
  const Index blocks = (positions + block - 1) / block;
  const dim3 grid(static_cast<unsigned>(blocks < most_blocks ? blocks : most_blocks));
  return [&](Parameters... exact) {
    void* arguments[] = {&exact...};
    return cudaLaunchKernel(reinterpret_cast<const void*>(kernel), grid, dim3(block), arguments, 0, stream);
  }(given...);
}

template <class T>
cudaError_t scatter_in_lines(const Lines& l, void* to, const std::int64_t* indices, const void* updates, const BadIndex& bad,
                             cudaStream_t s) {
  return launch(scatter_lines_kernel<T>, l.length ? l.walk.count : 0, s, l, static_cast<T*>(to), indices, static_cast<const T*>(updates),
                bad);
}
template <class T>
cudaError_t scatter(const Lines& l, void* to, const std::int64_t* indices, const void* updates, bool ordered, const BadIndex& bad,
                    cudaStream_t s) {
  if (ordered) return scatter_in_lines<T>(l, to, indices, updates, bad, s);
  return launch(scatter_atomic_kernel<T>, l.count(), s, l, static_cast<T*>(to), indices, static_cast<const T*>(updates), bad);
}

}  // namespace

cudaError_t launch_random(RandomKind kind, const std::int64_t* seed, Index seed_stride, void* out, Index n, cudaStream_t s) {
  const Index per_block = elements_per_block(kind), blocks = (n + per_block - 1) / per_block;
  return launch(random_kernel, blocks, s, kind, seed, seed_stride, out, n, blocks);
}

cudaError_t launch_gather(const Lines& l, const char* data, const std::int64_t* indices, char* out, int bytes, FaultPlace place,
                          cudaStream_t s) {
  return launch(gather_kernel, l.count(), s, l, data, indices, out, bytes, BadIndex{{place}, l.extent});
}

cudaError_t launch_scatter_add(const Lines& l, SumType t, void* to, const std::int64_t* indices, const void* updates, bool ordered,
                               FaultPlace place, cudaStream_t s) {
  const BadIndex bad{{place}, l.extent};
  switch (t) {
    case SumType::f32:
      return scatter<float>(l, to, indices, updates, ordered, bad, s);
    case SumType::f64:
      return scatter<double>(l, to, indices, updates, ordered, bad, s);
    case SumType::i64:
      return scatter<std::int64_t>(l, to, indices, updates, ordered, bad, s);
    case SumType::i32:
      return scatter<std::int32_t>(l, to, indices, updates, ordered, bad, s);
    case SumType::i8:
      return scatter_in_lines<std::int8_t>(l, to, indices, updates, bad, s);
    case SumType::u8:
      return scatter_in_lines<std::uint8_t>(l, to, indices, updates, bad, s);
    case SumType::b8:
      return scatter_in_lines<bool>(l, to, indices, updates, bad, s);
  }
  return cudaErrorInvalidValue;
}

cudaError_t launch_integer_product(const IntegerProduct& p, const char* a, const char* b, char* out, cudaStream_t s) {
  return launch(integer_product_kernel, p.count(), s, p, a, b, out);
}

cudaError_t launch_pass_on(Fault* from, FaultPlace place, cudaStream_t s) { return launch(pass_on_kernel, 1, s, from, place); }

cudaError_t kernels_fit_device() {
  cudaFuncAttributes attributes;
  return cudaFuncGetAttributes(&attributes, reinterpret_cast<const void*>(random_kernel));
}

}  // namespace mushin::cuda
