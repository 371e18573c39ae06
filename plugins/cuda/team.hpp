// Threads that compute one row together. On the host one thread is all lanes, one after the other, and joins what they hold in the device's
// order, so that a row comes out the same.
#pragma once
#include "arithmetic.hpp"

// Defined where a lane is a thread: on the device, and in a test that runs blocks of threads as it does.
#if defined(__CUDACC__) && !defined(MUSHIN_LANES_ARE_THREADS)
#define MUSHIN_LANES_ARE_THREADS
#endif
#ifdef __CUDACC__
#define MUSHIN_TEAM __device__ __forceinline__
#define MUSHIN_UNROLL _Pragma("unroll")
#else
#define MUSHIN_TEAM inline
#define MUSHIN_UNROLL
#endif

namespace mushin::cuda {

/// An element of a row, and the slot in which its lane keeps what it knows of it.
struct Element {
  Index i;
  int slot;
};

struct Sum {
  template <class A>
  MUSHIN_TEAM static A join(A a, A b) {
    return a + b;
  }
};
struct Prod {
  template <class A>
  MUSHIN_TEAM static A join(A a, A b) {
    return a * b;
  }
};
struct Max {
  template <class A>
  MUSHIN_TEAM static A join(A a, A b) {
    return a > b || a != a ? a : b;  // NaN wins
  }
};

/// `lane_count`: 1, 32, or a block's 256 or 512. `slots`: elements of a row that each lane keeps; 0: none, for rows of any length. All
/// lanes of a team call each of these together.
template <int lane_count, int slots>
class Team {
 public:
  static constexpr int lanes = lane_count, threads = lanes < 256 ? 256 : lanes, per_block = threads / lanes;
  static_assert(lanes == 1 || lanes == 32 || lanes >= 256);  // what is shared is a block's
  static constexpr bool keeps = slots > 0;
  static constexpr Index longest = Index{lanes} * slots;  // row that it keeps

#ifdef MUSHIN_LANES_ARE_THREADS
  static constexpr int here = 1;  // lanes that a thread is
#else
  static constexpr int here = lanes;
  /// Another thread does its work.
  static bool sits_out(unsigned thread) { return thread % static_cast<unsigned>(lanes) != 0; }
#endif

  /// A value of each element that a lane keeps.
  template <class A>
  struct Kept {
    A value[keeps ? slots * here : 1];
    MUSHIN_TEAM A& operator[](const Element& e) { return value[e.slot]; }
    MUSHIN_TEAM const A& operator[](const Element& e) const { return value[e.slot]; }
  };

#ifdef MUSHIN_LANES_ARE_THREADS
  /// f(element) of every element, always by the same lane.
  template <class F>
  MUSHIN_TEAM static void each(Index n, const F& f) {
    each_of(lane(), n, f);
  }
  /// f(element) of all elements, joined; for all lanes.
  template <class J, class A, class F>
  MUSHIN_TEAM static A fold(Index n, A start, const F& f) {
    return joined<J>(fold_of<J>(lane(), n, start, f));
  }
  /// on(lane, what comes before): `start` joined with all(lane) of the lanes before it. Gives `start` joined with those of all lanes.
  template <class J, class A, class All, class On>
  MUSHIN_TEAM static A scan(A start, const All& all, const On& on) {
    const A mine = all(lane());
    if constexpr (lanes == 1) {
      on(0, start);
      return J::join(start, mine);
    } else {
      const A upto = joined_upto<J>(mine), others = __shfl_up_sync(~0u, upto, 1);
      A before = start, end = J::join(start, __shfl_sync(~0u, upto, 31));
      if constexpr (lanes > 32) {
        __shared__ A of_warp[lanes / 32];
        if (lane() % 32 == 31) of_warp[lane() / 32] = upto;
        __syncthreads();
        end = start;
        for (int warp = 0; warp < lanes / 32; ++warp) {
          if (warp == lane() / 32) before = end;
          end = J::join(end, of_warp[warp]);
        }
        __syncthreads();  // all have read
      }
      on(lane(), lane() % 32 ? J::join(before, others) : before);
      return end;
    }
  }
  /// By one lane.
  template <class F>
  MUSHIN_TEAM static void once(const F& f) {
    if (lane() == 0) f();
  }
  /// What a lane has written before, all of them read after.
  MUSHIN_TEAM static void barrier() {
    if constexpr (lanes == 32) __syncwarp();
    if constexpr (lanes > 32) __syncthreads();
  }
#else
  template <class F>
  static void each(Index n, const F& f) {
    for (int l = 0; l < lanes; ++l) each_of(l, n, f);
  }
  template <class J, class A, class F>
  static A fold(Index n, A start, const F& f) {
    A x[lanes];
    for (int l = 0; l < lanes; ++l) x[l] = fold_of<J>(l, n, start, f);
    for (int warp = 0; warp < lanes; warp += 32) tree<J>(x + warp, 1, lanes < 32 ? lanes : 32);
    tree<J>(x, 32, lanes / 32);
    return x[0];
  }
  template <class J, class A, class All, class On>
  static A scan(A start, const All& all, const On& on) {
    constexpr int width = lanes < 32 ? lanes : 32;
    A x[lanes], before = start;
    for (int l = 0; l < lanes; ++l) x[l] = all(l);
    for (int warp = 0; warp < lanes; warp += 32) {
      for (int by = 1; by < width; by *= 2)
        for (int l = width; l-- > by;) x[warp + l] = J::join(x[warp + l - by], x[warp + l]);
      for (int l = 0; l < width; ++l) on(warp + l, l ? J::join(before, x[warp + l - 1]) : before);
      before = J::join(before, x[warp + width - 1]);
    }
    return before;
  }
  template <class F>
  static void once(const F& f) {
    f();
  }
  static void barrier() {}
#endif

 private:
  // Values that a lane joins before it adds them to the others: errors of sums grow slower.
  static constexpr int chunk = 256;

  MUSHIN_TEAM static Element kept_element(int lane, int k) { return {Index{k} * lanes + lane, k * here + lane % here}; }
  template <class F>
  MUSHIN_TEAM static void each_of(int lane, Index n, const F& f) {
    if constexpr (keeps) {
      MUSHIN_UNROLL
      for (int k = 0; k < slots; ++k)
        if (const Element e = kept_element(lane, k); e.i < n) f(e);
    } else {
      for (Index i = lane; i < n; i += lanes) f(Element{i, 0});
    }
  }
  template <class J, class A, class F>
  MUSHIN_TEAM static A fold_of(int lane, Index n, A start, const F& f) {
    A all = start;
    if constexpr (keeps) {
      MUSHIN_UNROLL
      for (int k = 0; k < slots; ++k)
        if (const Element e = kept_element(lane, k); e.i < n) all = J::join(all, f(e));
    } else {
      for (Index i = lane; i < n;) {
        A part = start;
        for (int k = 0; k < chunk && i < n; ++k, i += lanes) part = J::join(part, f(Element{i, 0}));
        all = J::join(all, part);
      }
    }
    return all;
  }

#ifdef MUSHIN_LANES_ARE_THREADS
  MUSHIN_TEAM static int lane() { return static_cast<int>(threadIdx.x) % lanes; }
  // Those of the lanes of a warp up to each.
  template <class J, class A>
  MUSHIN_TEAM static A joined_upto(A x) {
    MUSHIN_UNROLL
    for (int by = 1; by < 32; by *= 2) {
      const A other = __shfl_up_sync(~0u, x, by);
      if (lane() % 32 >= by) x = J::join(other, x);
    }
    return x;
  }
  template <class J, class A>
  MUSHIN_TEAM static A joined(A x) {
    if constexpr (lanes > 1) {
      MUSHIN_UNROLL
      for (int by = 16; by > 0; by /= 2) x = J::join(x, __shfl_xor_sync(~0u, x, by));
    }
    if constexpr (lanes > 32) {
      constexpr int warps = lanes / 32;
      __shared__ A of_warp[warps];
      if (threadIdx.x % 32 == 0) of_warp[threadIdx.x / 32] = x;
      __syncthreads();
      x = of_warp[threadIdx.x % warps];
      MUSHIN_UNROLL
      for (int by = warps / 2; by > 0; by /= 2) x = J::join(x, __shfl_xor_sync(~0u, x, by));
      __syncthreads();  // all have read
    }
    return x;
  }
#else
  template <class J, class A>
  static void tree(A* x, int stride, int n) {
    for (int by = n / 2; by > 0; by /= 2)
      for (int i = 0; i < by; ++i) x[i * stride] = J::join(x[i * stride], x[(i + by) * stride]);
  }
#endif
};

/// The teams that kernels are made for; which one computes rows of `n`. The first has one lane: for rows whose neighbours lie side by side.
struct TeamSize {
  int lanes, slots;
};
inline constexpr TeamSize team_sizes[] = {{1, 0}, {32, 8}, {256, 8}, {512, 0}};
inline constexpr int team_count = static_cast<int>(sizeof team_sizes / sizeof *team_sizes);
template <int which>
using TeamOf = Team<team_sizes[which].lanes, team_sizes[which].slots>;
constexpr int team_for(Index n) {
  for (int t = 1; t < team_count; ++t)
    if (Index{team_sizes[t].lanes} * team_sizes[t].slots >= n) return t;
  return team_count - 1;
}

}  // namespace mushin::cuda
