// What a block works with: tasks, tiles of an item's matrices, and products of these.
#pragma once
#include "half.hpp"
#include "team.hpp"

namespace mushin::cuda::attention {

/// A view's last two axes, and the steps of the axes before them.
struct Planes {
  static constexpr int most_batch = 6;
  Index batch[most_batch] = {};
  Index rows = 0, columns = 0, row_step = 0, column_step = 0;
};
enum View : int { of_q, of_k, of_v, of_y, of_lse, of_dy, of_bias, of_dq, of_dk, of_dv, views };
struct Job {
  Planes view[views];
  int rank = 0;  // of the batch
  Index dim[Planes::most_batch] = {};
  Index items = 1, queries = 0, keys = 0, width = 0, values = 0;
  float scale = 1;
  bool biased = false, keeps_lse = false, causal = false;
  Index ahead = 0;
};
struct Places {
  void* at[views];
  float* known;  // of each query, where gradients are made: lse, and y dy
};

/// Before gradients are made, what is known of each query is written down.
enum class Kind : int { forward, known, to_queries, to_keys };
inline constexpr int kinds = 4;

inline constexpr int tile = 64, deep = 32;                                       // edges of a tile, and how far products go at once
inline constexpr int side = 4, across = tile / side;                             // a lane's part of a tile is side by side
inline constexpr int block_lanes = across * across, parts = block_lanes / tile;  // lanes that share a row
inline constexpr int pitch = tile + side;  // rows stay aligned, and fewer of a column's elements share a bank
inline constexpr int most_pieces = 2;      // tiles of results side by side, by one block

/// What a block does: a tile of an item's rows, and of the results' columns those of its pieces.
struct Task {
  Index item, row, column;
};
MUSHIN_BOTH Index tiles(Index n, int edge) { return (n + edge - 1) / edge; }
MUSHIN_BOTH Index task_rows(const Job& t, Kind kind) { return kind == Kind::to_keys ? t.keys : t.queries; }
MUSHIN_BOTH Index task_columns(const Job& t, Kind kind) {
  if (kind == Kind::known) return 1;
  if (kind == Kind::to_keys && t.values > t.width) return t.values;
  return kind == Kind::forward ? t.values : t.width;
}
MUSHIN_BOTH int pieces_for(const Job& t, Kind kind) { return task_columns(t, kind) > tile ? most_pieces : 1; }
MUSHIN_BOTH Index column_tasks(const Job& t, Kind kind) {
  const Index n = tiles(task_columns(t, kind), pieces_for(t, kind) * tile);
  return n > 1 ? n : 1;
}
MUSHIN_BOTH Index tasks(const Job& t, Kind kind) { return t.items * tiles(task_rows(t, kind), tile) * column_tasks(t, kind); }
MUSHIN_BOTH Task task_of(const Job& t, Kind kind, Index i) {
  const Index columns = column_tasks(t, kind), rows = tiles(task_rows(t, kind), tile), row = i / columns % rows;
  // Causal queries see more keys the later they are, and long work begins first.
  return {i / columns / rows, (kind == Kind::to_keys ? row : rows - 1 - row) * tile, i % columns * pieces_for(t, kind) * tile};
}

/// A block's threads. On the host one thread is all of them, one after the other.
struct Lanes {
#ifdef MUSHIN_LANES_ARE_THREADS
  static constexpr int here = 1;
#else
  static constexpr int here = block_lanes;
  static inline thread_local bool from_last = false;  // for tests: within a step, lanes know nothing of each other
#endif
  /// A value of each lane.
  template <class A>
  struct Own {
    A of[here];
    MUSHIN_TEAM A& operator[](int lane) { return of[lane % here]; }
  };
  /// f(lane) by all; what one has done, all see afterwards.
  template <class F>
  MUSHIN_TEAM static void step(const F& f) {
#ifdef MUSHIN_LANES_ARE_THREADS
    f(static_cast<int>(threadIdx.x));
    __syncthreads();
#else
    for (int lane = 0; lane < block_lanes; ++lane) f(from_last ? block_lanes - 1 - lane : lane);
#endif
  }
};

/// What a block's threads share.
struct alignas(16) Room {
  float left[deep][pitch], right[deep][pitch];  // [depth][row], [depth][column] of what is multiplied
  float scores[tile][pitch];                    // [column][row], or what became of them
  float part_top[parts][tile], part_sum[parts][tile];
  float top[tile], sum[tile],
      kept[tile];                // of rows so far: the greatest score, the sum of e^(score - top), what a new top left of older sums
  float lse[tile], along[tile];  // of queries: the logarithm of their sum of e^score, and y dy
};

/// An item's matrix in memory.
template <class T>
struct Matrix {
  T* first;
  Index rows, columns, row_step, column_step;

  MUSHIN_TEAM Matrix turned() const { return {first, columns, rows, column_step, row_step}; }
  MUSHIN_TEAM void write(Index row, Index column, float x) const {
    if (row < rows && column < columns) store(first[row * row_step + column * column_step], x);
  }
};
template <class T>
MUSHIN_TEAM Matrix<T> matrix(const Job& t, const Places& places, View which, Index item) {
  const Planes& p = t.view[which];
  T* first = static_cast<T*>(places.at[which]);
  MUSHIN_ROLLED  // divisions are long
      for (int i = t.rank - 1; i >= 0; --i) {
    first += item % t.dim[i] * p.batch[i];
    item /= t.dim[i];
  }
  return {first, p.rows, p.columns, p.row_step, p.column_step};
}

// ---- products ----

MUSHIN_TEAM float multiply_add(float a, float b, float c) {
#ifdef __CUDACC__
  return fmaf(a, b, c);  // rounded once: the compiler is told to contract nothing
#else
  return a * b + c;
#endif
}

/// An element of a tile, and where its lane has it.
struct Spot {
  int row, column, i, j;
};
/// A lane's part of a tile.
struct Fragment {
  float at[side][side];
  MUSHIN_TEAM float& operator[](const Spot& s) { return at[s.i][s.j]; }
};
using Fragments = Lanes::Own<Fragment>;

/// f(spot) of a lane's part of a tile.
template <class F>
MUSHIN_TEAM void each(int lane, const F& f) {
  MUSHIN_UNROLL
  for (int j = 0; j < side; ++j) {
    MUSHIN_UNROLL
    for (int i = 0; i < side; ++i) f(Spot{lane / across * side + i, lane % across * side + j, i, j});
  }
}

MUSHIN_BOTH int at_most(int most, Index n) { return n < most ? static_cast<int>(n) : most; }

/// `deep` rows of `m`, and a tile's columns; beyond its ends it is 0. Neighbouring lanes read what is near in memory.
template <class T>
MUSHIN_TEAM void load(float (*to)[pitch], const Matrix<T>& m, Index row, Index column, int lane) {
  const bool along_row = m.column_step <= m.row_step;
  const int down = along_row ? block_lanes / tile : 0, right = along_row ? 0 : block_lanes / deep;
  const int rows = at_most(deep, m.rows - row), columns = at_most(tile, m.columns - column);
  int r = along_row ? lane / tile : lane % deep, c = along_row ? lane % tile : lane / deep;
  Index from = (row + r) * m.row_step + (column + c) * m.column_step;
  const Index step = down * m.row_step + right * m.column_step;
  MUSHIN_UNROLL
  for (int n = 0; n < deep * tile / block_lanes; ++n, r += down, c += right, from += step)
    to[r][c] = r < rows && c < columns ? wide(m.first[from]) : 0.f;
}

/// part += left^T right, over n rows of both.
MUSHIN_TEAM void multiply(Fragment& part, const float (*left)[pitch], const float (*right)[pitch], int n, int lane) {
  const int row = lane / across * side, column = lane % across * side;
  for (int d = 0; d < n; ++d) {
    MUSHIN_UNROLL
    for (int i = 0; i < side; ++i) {
      MUSHIN_UNROLL
      for (int j = 0; j < side; ++j) part.at[i][j] = multiply_add(left[d][row + i], right[d][column + j], part.at[i][j]);
    }
  }
}

/// A tile of a b^T: rows of `a` from `row` on, rows of `b` from `column` on.
template <class T>
MUSHIN_TEAM Fragments product(Room& room, const Matrix<T>& a, Index row, const Matrix<T>& b, Index column) {
  Fragments sums{};
  for (Index d = 0; d < a.columns; d += deep) {
    Lanes::step([&](int lane) {
      load(room.left, a.turned(), d, row, lane);
      load(room.right, b.turned(), d, column, lane);
    });
    Lanes::step([&](int lane) { multiply(sums[lane], room.left, room.right, at_most(deep, a.columns - d), lane); });
  }
  return sums;
}
/// sums += room.scores m, of the rows of `m` from `row` on that there are, and columns from `column` on, in pieces.
template <int pieces, class T>
MUSHIN_TEAM void add_product(Fragments (&sums)[pieces], Room& room, const Matrix<T>& m, Index row, Index column) {
  MUSHIN_UNROLL
  for (int piece = 0; piece < pieces; ++piece) {
    if (column + piece * tile >= m.columns) continue;
    for (int d = 0; d < tile && row + d < m.rows; d += deep) {
      Lanes::step([&](int lane) { load(room.right, m, row + d, column + piece * tile, lane); });
      Lanes::step([&](int lane) { multiply(sums[piece][lane], room.scores + d, room.right, at_most(deep, m.rows - row - d), lane); });
    }
  }
}
/// f(row, column, element) of all pieces.
template <int pieces, class F>
MUSHIN_TEAM void each_of_pieces(Fragments (&sums)[pieces], const F& f) {
  Lanes::step([&](int lane) {
    MUSHIN_UNROLL
    for (int piece = 0; piece < pieces; ++piece)
      each(lane, [&](const Spot& s) { f(s.row, piece * tile + s.column, sums[piece][lane][s]); });
  });
}

}  // namespace mushin::cuda::attention
