// Attention by tiles of 64 queries by 64 keys, whose scores are the only ones that there are at a time: the softmax is corrected as keys
// come (https://arxiv.org/abs/2205.14135), and gradients make the scores again. No sums are shared between blocks, so they have one order.
#pragma once
#include "attention_tiles.hpp"

namespace mushin::cuda::attention {

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
