// Radix sorts as the plugin asks for them, for this CPU: a pass for each byte of the keys, between the two places.
#include <cstring>

#include "emulated.hpp"
#include "sort_kernels.hpp"

namespace mushin::cuda {
namespace {

int passes_for(int bits) { return (bits + 7) / 8; }
std::size_t room_for(std::uint32_t n, int bits) { return static_cast<std::size_t>(1024 * passes_for(bits)) + n / 8; }

template <class Key>
void pass(const Key* keys, const std::uint32_t* with, Key* to_keys, std::uint32_t* to_with, std::uint32_t n, int shift, int bits) {
  const auto digit = [=](Key k) { return static_cast<std::size_t>(k >> shift & ((Key{1} << bits) - 1)); };
  std::uint32_t start[257] = {};
  for (std::uint32_t i = 0; i < n; ++i) ++start[digit(keys[i]) + 1];
  for (int d = 0; d < 256; ++d) start[d + 1] += start[d];
  for (std::uint32_t i = 0; i < n; ++i) {
    const std::uint32_t place = start[digit(keys[i])]++;
    to_keys[place] = keys[i], to_with[place] = with[i];
  }
}

template <class Key>
emulated::Work sort_of(void* const keys[2], std::uint32_t* const with[2], std::uint32_t n, int bits, void* room, std::size_t bytes) {
  return [=, k0 = static_cast<Key*>(keys[0]), k1 = static_cast<Key*>(keys[1]), w0 = with[0], w1 = with[1]] {
    Key* k[] = {emulated::here(k0), emulated::here(k1)};
    std::uint32_t* w[] = {emulated::here(w0), emulated::here(w1)};
    std::memset(emulated::here(room), 0x5A, bytes);
    for (int p = 0; p < passes_for(bits); ++p) {
      const int left = bits - 8 * p;
      pass(k[p % 2], w[p % 2], k[1 - p % 2], w[1 - p % 2], n, 8 * p, left < 8 ? left : 8);
    }
    return cudaSuccess;
  };
}

}  // namespace

cudaError_t radix_room(KeyType, std::uint32_t n, int bits, std::size_t& bytes) {
  bytes = room_for(n, bits);
  return emulated::begin("cudaFuncGetAttributes");
}

cudaError_t radix_sort(KeyType t, void* const keys[2], std::uint32_t* const with[2], std::uint32_t n, int bits, void* room,
                       std::size_t bytes, int& which, cudaStream_t s) {
  which = passes_for(bits) % 2;
  if (const cudaError_t status = emulated::begin("cudaLaunchKernel"); status != cudaSuccess) return status;
  if (bytes < room_for(n, bits)) return emulated::answer(cudaErrorInvalidValue);
  return emulated::enqueue(s,
                           t == KeyType::u64 ? sort_of<std::uint64_t>(keys, with, n, bits, room, bytes)
                                             : sort_of<std::uint32_t>(keys, with, n, bits, room, bytes),
                           emulated::Kind::kernel);
}

}  // namespace mushin::cuda
