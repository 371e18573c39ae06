// The kernels that sort, launched; as those of kernels.hpp.
#pragma once
#include "kernels.hpp"
#include "order.hpp"

namespace mushin::cuda {

/// Where elements are and where they go, in order. Null: not asked for.
struct SortPlaces {
  const char* from;
  char* values;
  std::int64_t* indices;
};

/// Rows of up to most_counted elements.
cudaError_t launch_counting(KeyType, const Ordering&, const SortPlaces&, cudaStream_t);
/// Of parts that the tile has room for.
cudaError_t launch_tiles(KeyType, int tile, const Ordering&, const SortPlaces&, const Pass&, cudaStream_t);

// Longer rows: `rows` of them from `first` on, with positions of less than 2^32.
cudaError_t launch_keys(KeyType, const Ordering&, const char* from, void* keys, std::uint32_t* order, Index first, Index rows,
                        cudaStream_t);
/// rows[p] = order[p] / length
cudaError_t launch_row_numbers(Index length, const std::uint32_t* order, std::uint32_t* rows, Index n, cudaStream_t);
cudaError_t launch_take(const Ordering&, const SortPlaces&, const std::uint32_t* order, Index first, Index rows, cudaStream_t);

/// The bytes of `room` that a radix_sort needs. Calls the runtime, and gives nothing to the device.
cudaError_t radix_room(KeyType, std::uint32_t n, int bits, std::size_t& bytes);
/// Orders `n` pairs by the low `bits` of their keys, in keys[0] and with[0]; equals stay in order. All arrays are overwritten; `which`
/// of with[] has the result.
cudaError_t radix_sort(KeyType, void* const keys[2], std::uint32_t* const with[2], std::uint32_t n, int bits, void* room, std::size_t bytes,
                       int& which, cudaStream_t);

}  // namespace mushin::cuda
