// Attention by tiles of 64 queries by 64 keys, whose scores are the only ones that there are at a time: the softmax is corrected as keys
// come (https://arxiv.org/abs/2205.14135), and gradients make the scores again. No sums are shared between blocks, so they have one order.
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
#ifdef __CUDACC__
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
#ifdef __CUDACC__
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

// ---- scores ----

/// The scores of a tile's queries and keys, counted from its first ones.
template <class T>
struct Scores {
  const T* bias;  // or null
  Index query_step, key_step;
  int queries, keys, ahead;
  float scale;

  MUSHIN_TEAM bool sees(int query, int key) const { return query < queries && key < keys && key <= query + ahead; }
  MUSHIN_TEAM float of(float product, int query, int key) const {
    const float x = product * scale;
    return bias ? x + wide(bias[query * query_step + key * key_step]) : x;
  }
  /// What a key weighs in a query's result, and the score's gradient. A hidden key has no part, whatever its values are.
  MUSHIN_TEAM float weight(float product, int query, int key, float lse) const {
    return sees(query, key) ? expf(of(product, query, key) - lse) : 0.f;
  }
  MUSHIN_TEAM float slope(float weight, float dw, float along) const { return weight == 0 ? 0.f : weight * (dw - along) * scale; }
};
template <class T>
MUSHIN_TEAM Scores<T> scores_of(const Job& t, const Matrix<const T>& bias, Index query, Index key) {
  const Index ahead = t.causal ? query + t.ahead - key : tile;
  return {t.biased ? bias.first + query * bias.row_step + key * bias.column_step : nullptr,
          bias.row_step,
          bias.column_step,
          at_most(tile, t.queries - query),
          at_most(tile, t.keys - key),
          ahead < -tile ? -tile : at_most(tile, ahead),
          t.scale};
}

/// Keys before this are all that queries of a tile see.
MUSHIN_TEAM Index keys_seen(const Job& t, Index first_query) {
  const Index end = first_query + tile < t.queries ? first_query + tile : t.queries, seen = end + t.ahead;
  return t.causal && seen < t.keys ? seen : t.keys;
}
/// The first tile of queries of which some see a key from this on.
MUSHIN_TEAM Index queries_that_see(const Job& t, Index first_key) {
  return t.causal && first_key > t.ahead ? (first_key - t.ahead) / tile * tile : 0;
}
/// Turns scores [key][query] into e^(score - top), and brings top, sum and kept of each query up to date.
MUSHIN_TEAM void weigh(Room& room) {
  constexpr int some = tile / parts;  // keys of a lane
  Lanes::step([&](int lane) {
    const int row = lane % tile, part = lane / tile;
    float top = -INFINITY;
    for (int key = part * some; key < (part + 1) * some; ++key) top = Max::join(top, room.scores[key][row]);
    room.part_top[part][row] = top;
  });
  const auto new_top = [&room](int row) {
    float top = room.top[row];
    for (int part = 0; part < parts; ++part) top = Max::join(top, room.part_top[part][row]);
    return top;
  };
  const auto base = [](float top) { return top == -INFINITY ? 0.f : top; };  // all hidden so far
  Lanes::step([&](int lane) {
    const int row = lane % tile, part = lane / tile;
    const float shift = base(new_top(row));
    float sum = 0;
    for (int key = part * some; key < (part + 1) * some; ++key) sum += room.scores[key][row] = expf(room.scores[key][row] - shift);
    room.part_sum[part][row] = sum;
  });
  Lanes::step([&](int lane) {
    if (lane >= tile) return;
    const float top = new_top(lane), kept = expf(room.top[lane] - base(top));
    float sum = room.sum[lane] * kept;
    for (int part = 0; part < parts; ++part) sum += room.part_sum[part][lane];
    room.top[lane] = top, room.sum[lane] = sum, room.kept[lane] = kept;
  });
}

/// f(first key) of each tile of keys that queries from `first` on see, with the room's weights of it.
template <class T, class F>
MUSHIN_TEAM void over_keys(const Job& t, const Places& places, Room& room, Index item, Index first, const F& f) {
  const auto q = matrix<const T>(t, places, of_q, item), k = matrix<const T>(t, places, of_k, item),
             bias = matrix<const T>(t, places, of_bias, item);
  Lanes::step([&](int lane) {
    if (lane < tile) room.top[lane] = -INFINITY, room.sum[lane] = 0;
  });
  for (Index j = 0; j < keys_seen(t, first); j += tile) {
    const Scores<T> scores = scores_of(t, bias, first, j);
    Fragments products = product(room, q, first, k, j);
    Lanes::step([&](int lane) {
      each(lane, [&](const Spot& s) {
        room.scores[s.column][s.row] = scores.sees(s.row, s.column) ? scores.of(products[lane][s], s.row, s.column) : -INFINITY;
      });
    });
    weigh(room);
    f(j);
  }
}
/// The logarithm of what a row's e^score add up to; 0 where it sees no key.
MUSHIN_TEAM float lse_of(const Room& room, int row) { return room.sum[row] == 0 ? 0.f : room.top[row] + logf(room.sum[row]); }

// ---- forward ----

template <int pieces, class T>
MUSHIN_TEAM void attend(const Job& t, const Places& places, Room& room, const Task& task) {
  const auto v = matrix<const T>(t, places, of_v, task.item);
  Fragments sums[pieces]{};
  over_keys<T>(t, places, room, task.item, task.row, [&](Index j) {
    each_of_pieces(sums, [&](int row, int, float& x) { x *= room.kept[row]; });
    add_product(sums, room, v, j, task.column);
  });
  const auto y = matrix<T>(t, places, of_y, task.item);
  each_of_pieces(sums, [&](int row, int column, float x) {
    const float sum = room.sum[row];
    y.write(task.row + row, task.column + column, sum == 0 ? 0.f : x / sum);
  });
  if (!t.keeps_lse || task.column > 0) return;
  const auto lse = matrix<T>(t, places, of_lse, task.item);
  Lanes::step([&](int lane) {
    if (lane < tile) lse.write(task.row + lane, 0, lse_of(room, lane));
  });
}

// ---- backward ----

/// Writes down lse and y dy of a tile of queries. A 16-bit lse has too few digits to be a power, so of such types it is made again.
template <class T>
MUSHIN_TEAM void know_queries(const Job& t, const Places& places, Room& room, const Task& task) {
  constexpr bool again = sizeof(T) < sizeof(float);
  if constexpr (again) over_keys<T>(t, places, room, task.item, task.row, [](Index) {});
  const auto at = [&](View which) { return matrix<const T>(t, places, which, task.item); };
  const auto y = at(of_y), dy = at(of_dy), lse = at(of_lse);
  Lanes::step([&](int lane) { room.part_sum[lane / tile][lane % tile] = 0; });
  for (Index d = 0; d < t.values; d += deep) {
    Lanes::step([&](int lane) {
      load(room.left, y.turned(), d, task.row, lane);
      load(room.right, dy.turned(), d, task.row, lane);
    });
    Lanes::step([&](int lane) {
      const int row = lane % tile, part = lane / tile;
      for (int i = part; i < deep; i += parts) room.part_sum[part][row] += room.left[i][row] * room.right[i][row];
    });
  }
  Lanes::step([&](int lane) {
    const Index query = task.row + lane;
    if (lane >= tile || query >= t.queries) return;
    float along = 0;
    for (int part = 0; part < parts; ++part) along += room.part_sum[part][lane];
    float* const to = places.known + (task.item * t.queries + query) * 2;
    to[0] = again ? lse_of(room, lane) : wide(lse.first[query * lse.row_step]);
    to[1] = along;
  });
}
/// What is known of queries from `first` on, to the room.
MUSHIN_TEAM void recall(const Job& t, const Places& places, Room& room, Index item, Index first) {
  Lanes::step([&](int lane) {
    if (lane >= tile || first + lane >= t.queries) return;
    const float* const from = places.known + (item * t.queries + first + lane) * 2;
    room.lse[lane] = from[0], room.along[lane] = from[1];
  });
}

template <int pieces, class T>
MUSHIN_TEAM void attend_to_queries(const Job& t, const Places& places, Room& room, const Task& task) {
  const auto at = [&](View which) { return matrix<const T>(t, places, which, task.item); };
  const auto q = at(of_q), k = at(of_k), v = at(of_v), dy = at(of_dy), bias = at(of_bias);
  recall(t, places, room, task.item, task.row);
  Fragments sums[pieces]{};
  for (Index j = 0; j < keys_seen(t, task.row); j += tile) {
    const Scores<T> scores = scores_of(t, bias, task.row, j);
    Fragments products = product(room, q, task.row, k, j), dw = product(room, dy, task.row, v, j);
    Lanes::step([&](int lane) {
      each(lane, [&](const Spot& s) {
        const float w = scores.weight(products[lane][s], s.row, s.column, room.lse[s.row]);
        room.scores[s.column][s.row] = scores.slope(w, dw[lane][s], room.along[s.row]);
      });
    });
    add_product(sums, room, k, j, task.column);
  }
  const auto dq = matrix<T>(t, places, of_dq, task.item);
  each_of_pieces(sums, [&](int row, int column, float x) { dq.write(task.row + row, task.column + column, x); });
}

/// Tiles lie across: rows are keys, columns are queries.
template <int pieces, class T>
MUSHIN_TEAM void attend_to_keys(const Job& t, const Places& places, Room& room, const Task& task) {
  const auto at = [&](View which) { return matrix<const T>(t, places, which, task.item); };
  const auto q = at(of_q), k = at(of_k), v = at(of_v), dy = at(of_dy), bias = at(of_bias);
  Fragments to_k[pieces]{}, to_v[pieces]{};
  for (Index i = queries_that_see(t, task.row); i < t.queries; i += tile) {
    recall(t, places, room, task.item, i);
    const Scores<T> scores = scores_of(t, bias, i, task.row);
    Fragments products = product(room, k, task.row, q, i), dw = product(room, v, task.row, dy, i);
    Lanes::step([&](int lane) {
      each(lane, [&](const Spot& s) {
        const float w = scores.weight(products[lane][s], s.column, s.row, room.lse[s.column]);
        room.scores[s.column][s.row] = w;
        dw[lane][s] = scores.slope(w, dw[lane][s], room.along[s.column]);
      });
    });
    add_product(to_v, room, dy, i, task.column);
    Lanes::step([&](int lane) { each(lane, [&](const Spot& s) { room.scores[s.column][s.row] = dw[lane][s]; }); });
    add_product(to_k, room, q, i, task.column);
  }
  const auto dk = matrix<T>(t, places, of_dk, task.item), dv = matrix<T>(t, places, of_dv, task.item);
  each_of_pieces(to_k, [&](int row, int column, float x) { dk.write(task.row + row, task.column + column, x); });
  each_of_pieces(to_v, [&](int row, int column, float x) { dv.write(task.row + row, task.column + column, x); });
}

/// `pieces`: those of the kind.
template <Kind kind, int pieces, class T>
MUSHIN_TEAM void compute_task(const Job& t, const Places& places, Room& room, Index i) {
  const Task task = task_of(t, kind, i);
  if constexpr (kind == Kind::forward)
    attend<pieces, T>(t, places, room, task);
  else if constexpr (kind == Kind::known)
    know_queries<T>(t, places, room, task);
  else if constexpr (kind == Kind::to_queries)
    attend_to_queries<pieces, T>(t, places, room, task);
  else
    attend_to_keys<pieces, T>(t, places, room, task);
}

}  // namespace mushin::cuda::attention
