// Radix sorts of whole arrays, by CUB.

// Else CUB announces its calls by NVTX, which reads the environment and loads the library that it names.
#define CCCL_DISABLE_NVTX
#define NVTX_DISABLE
#include <cub/device/device_radix_sort.cuh>

#include "sort_kernels.hpp"

namespace mushin::cuda {
namespace {

template <class Key>
cudaError_t sort_pairs(void* const keys[2], std::uint32_t* const with[2], std::uint32_t n, int bits, void* room, std::size_t& bytes,
                       int& which, cudaStream_t s) {
  cub::DoubleBuffer<Key> k(static_cast<Key*>(keys[0]), static_cast<Key*>(keys[1]));
  cub::DoubleBuffer<std::uint32_t> w(with[0], with[1]);
  const cudaError_t status = cub::DeviceRadixSort::SortPairs(room, bytes, k, w, n, 0, bits, s);
  which = w.selector;
  return status;
}

cudaError_t sort_pairs(KeyType t, void* const keys[2], std::uint32_t* const with[2], std::uint32_t n, int bits, void* room,
                       std::size_t& bytes, int& which, cudaStream_t s) {
  return t == KeyType::u64 ? sort_pairs<std::uint64_t>(keys, with, n, bits, room, bytes, which, s)
                           : sort_pairs<std::uint32_t>(keys, with, n, bits, room, bytes, which, s);
}

}  // namespace

cudaError_t radix_room(KeyType t, std::uint32_t n, int bits, std::size_t& bytes) {
  void* const none[2] = {};
  std::uint32_t* const neither[2] = {};
  int which = 0;
  bytes = 0;
  return sort_pairs(t, none, neither, n, bits, nullptr, bytes, which, nullptr);
}

cudaError_t radix_sort(KeyType t, void* const keys[2], std::uint32_t* const with[2], std::uint32_t n, int bits, void* room,
                       std::size_t bytes, int& which, cudaStream_t s) {
  return sort_pairs(t, keys, with, n, bits, room, bytes, which, s);
}

}  // namespace mushin::cuda
