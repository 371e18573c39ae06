#include "sort_kernels.hpp"
#ifdef __CUDACC__
#include <cub/block/block_radix_sort.cuh>
#else
#include <algorithm>
#endif

namespace mushin::cuda {
namespace {

__device__ Index thread_position() { return static_cast<Index>(blockIdx.x) * blockDim.x + threadIdx.x; }
__device__ Index all_threads() { return static_cast<Index>(gridDim.x) * blockDim.x; }

template <class Key>
__global__ void counting_kernel(Ordering o, const char* from, char* values, std::int64_t* indices) {
  const Index n = o.rows.walk.count * o.length;
  for (Index i = thread_position(); i < n; i += all_threads()) place_by_counting<Key>(o, from, values, indices, i);
}

/// What a thread holds of a row: of a block's threads before it is sorted elements that lie side by side, then every so manieth of the
/// order. On the host a thread holds all.
template <class Key, int threads, int items>
struct Held {
#ifdef __CUDACC__
  static constexpr int slots = items;
  __device__ static Index given(int slot) { return static_cast<Index>(threadIdx.x) * items + slot; }
  __device__ static Index sorted(int slot) { return threadIdx.x + static_cast<Index>(slot) * threads; }
  __device__ void sort(int bits) {
    using Sorter = cub::BlockRadixSort<Key, threads, items, std::uint32_t>;
    __shared__ typename Sorter::TempStorage room;
    Sorter(room).SortBlockedToStriped(key, index, 0, bits);
    __syncthreads();  // the room is the next row's
  }
#else
  static constexpr int slots = threads * items;
  static Index given(int slot) { return slot; }
  static Index sorted(int slot) { return slot; }
  void sort(int bits) {
    const Key low = static_cast<Key>(static_cast<Key>(~Key{0}) >> (8 * static_cast<int>(sizeof(Key)) - bits));
    std::pair<Key, std::uint32_t> all[slots];
    for (int s = 0; s < slots; ++s) all[s] = {key[s], index[s]};
    std::stable_sort(all, all + slots, [=](const auto& a, const auto& b) { return (a.first & low) < (b.first & low); });
    for (int s = 0; s < slots; ++s) key[s] = all[s].first, index[s] = all[s].second;
  }
#endif
  Key key[slots];
  std::uint32_t index[slots];
};

template <class Key, int threads, int items>
__global__ void __launch_bounds__(threads) tile_kernel(Ordering o, const char* from, char* values, std::int64_t* indices, Pass pass) {
#ifndef __CUDACC__
  if (threadIdx.x != 0) return;
#endif
  using H = Held<Key, threads, items>;
  H held;
  for (Index b = blockIdx.x; b < o.rows.walk.count * pass.parts; b += gridDim.x) {
    const Index row = b / pass.parts, part = b % pass.parts, begin = part * (Index{threads} * items);
    const Offsets at = offsets(o.rows.walk, row);
    MUSHIN_UNROLL
    for (int s = 0; s < H::slots; ++s) {
      const Index i = begin + H::given(s);
      const bool inside = i < pass.length;
      held.index[s] = inside && pass.positions ? pass.positions[row * pass.length + i] : static_cast<std::uint32_t>(i);
      // What is behind the row stays behind it: none is greater, and equals keep their order.
      held.key[s] = inside ? load_key<Key>(o.rule, from, at.of[0] + held.index[s] * o.rows.step[0]) : static_cast<Key>(~Key{0});
    }
    held.sort(8 * o.rule.bytes);
    MUSHIN_UNROLL
    for (int s = 0; s < H::slots; ++s) {
      const Index place = H::sorted(s);
      if (place >= o.rows.n || begin + place >= pass.length) continue;
      if (pass.next)
        pass.next[row * left_of(pass.length, o.rows.n) + part * o.rows.n + place] = held.index[s];
      else
        put(o, from, values, indices, at, place, held.index[s]);
    }
  }
}

template <class Key>
__global__ void keys_kernel(Ordering o, const char* from, Key* keys, std::uint32_t* order, Index first, Index n) {
  for (Index p = thread_position(); p < n; p += all_threads())
    keys[p] = key_at<Key>(o, from, first, p), order[p] = static_cast<std::uint32_t>(p);
}

__global__ void row_numbers_kernel(std::uint32_t length, const std::uint32_t* order, std::uint32_t* rows, Index n) {
  for (Index p = thread_position(); p < n; p += all_threads()) rows[p] = order[p] / length;
}

__global__ void take_kernel(Ordering o, const char* from, char* values, std::int64_t* indices, const std::uint32_t* order, Index first,
                            Index n) {
  for (Index q = thread_position(); q < n; q += all_threads()) take(o, from, values, indices, order, first, q);
}

struct SortKernels {
  void (*counting)(Ordering, const char*, char*, std::int64_t*);
  void (*tile[tile_count])(Ordering, const char*, char*, std::int64_t*, Pass);
};
template <class Key>
constexpr SortKernels sort_kernels_of() {
  static_assert(tile_count == 3);
  return {counting_kernel<Key>,
          {tile_kernel<Key, tiles[0].threads, tiles[0].items>, tile_kernel<Key, tiles[1].threads, tiles[1].items>,
           tile_kernel<Key, tiles[2].threads, tiles[2].items>}};
}
// By KeyType.
const SortKernels sort_kernels[] = {sort_kernels_of<std::uint32_t>(), sort_kernels_of<std::uint64_t>()};

template <class... Parameters>
cudaError_t launch_blocks(void (*kernel)(Parameters...), Index blocks, int threads, cudaStream_t stream,
                          std::type_identity_t<Parameters>... exact) {
  if (blocks <= 0) return cudaSuccess;
  void* arguments[] = {&exact...};
  const dim3 grid(static_cast<unsigned>(blocks < most_blocks ? blocks : most_blocks));
  return cudaLaunchKernel(reinterpret_cast<const void*>(kernel), grid, dim3(static_cast<unsigned>(threads)), arguments, 0, stream);
}
constexpr int sort_block = 256;
constexpr Index blocks_for(Index positions) { return (positions + sort_block - 1) / sort_block; }

}  // namespace

cudaError_t launch_counting(KeyType t, const Ordering& o, const SortPlaces& at, cudaStream_t s) {
  return launch_blocks(sort_kernels[static_cast<int>(t)].counting, blocks_for(o.rows.walk.count * o.length), sort_block, s, o, at.from,
                       at.values, at.indices);
}

cudaError_t launch_tiles(KeyType t, int tile, const Ordering& o, const SortPlaces& at, const Pass& pass, cudaStream_t s) {
  return launch_blocks(sort_kernels[static_cast<int>(t)].tile[tile], o.rows.walk.count * pass.parts, tiles[tile].threads, s, o, at.from,
                       at.values, at.indices, pass);
}

cudaError_t launch_keys(KeyType t, const Ordering& o, const char* from, void* keys, std::uint32_t* order, Index first, Index rows,
                        cudaStream_t s) {
  const Index n = rows * o.length;
  if (t == KeyType::u64)
    return launch_blocks(keys_kernel<std::uint64_t>, blocks_for(n), sort_block, s, o, from, static_cast<std::uint64_t*>(keys), order, first,
                         n);
  return launch_blocks(keys_kernel<std::uint32_t>, blocks_for(n), sort_block, s, o, from, static_cast<std::uint32_t*>(keys), order, first,
                       n);
}

cudaError_t launch_row_numbers(Index length, const std::uint32_t* order, std::uint32_t* rows, Index n, cudaStream_t s) {
  return launch_blocks(row_numbers_kernel, blocks_for(n), sort_block, s, static_cast<std::uint32_t>(length), order, rows, n);
}

cudaError_t launch_take(const Ordering& o, const SortPlaces& at, const std::uint32_t* order, Index first, Index rows, cudaStream_t s) {
  const Index n = rows * o.rows.n;
  return launch_blocks(take_kernel, blocks_for(n), sort_block, s, o, at.from, at.values, at.indices, order, first, n);
}

}  // namespace mushin::cuda
