// Batch normalization: each channel in parts that teams compute. First their sums, then what these come to, then the elements.
#pragma once
#include "rows.hpp"

namespace mushin::cuda {

/// The passes over elements. Forward: spread, normalize; backward: sums, slopes. Between them channels are finished.
enum class ChannelPass : int { spread, normalize, sums, slopes };
inline constexpr int channel_passes = 4;
enum class ChannelType : int { f32, f64 };

/// Lanes side by side have channels side by side (across), or neighbours in one channel.
template <bool across>
using ChannelTeam = Team<across ? 1 : 256, 8>;

/// Views: 0 x, 1 dy, 2 the result. A channel's elements are numbered along (batch, rest).
struct Channels {
  static constexpr int views = Walk::most_views, values = 5;
  Index count = 0;            // of channels
  Index batch = 0, rest = 0;  // batch is 1 where both lie as one axis in all views
  Index channel_step[views] = {}, batch_step[views] = {}, rest_step[views] = {};
  Index value_step[values] = {};  // from one channel to the next of what finish_channel takes and gives
  double eps = 0;
  bool across = false;  // a part has every parts-th element of the channel, else as many that follow one another
  Index parts = 0, in_part = 1;

  MUSHIN_BOTH Index size() const { return batch * rest; }
  MUSHIN_BOTH Index pieces() const { return count * parts; }
  MUSHIN_BOTH Index size_of(Index part) const {
    if (across) return (size() - part + parts - 1) / parts;
    const Index left = size() - part * in_part;
    return left < in_part ? left : in_part;
  }
  /// In the kernels' common memory: two sums of each part of each channel, and then four values that elements are made with.
  MUSHIN_BOTH Index sum_at(Index which, Index part, Index channel) const { return (part * 2 + which) * count + channel; }
  MUSHIN_BOTH Index factor_at(Index which, Index channel) const { return (parts * 2 + which) * count + channel; }
  MUSHIN_BOTH Index memory() const { return (parts * 2 + 4) * count; }
};

/// Elements of a part, as many as a team keeps: from its element `begin` on.
template <class Team>
struct Chunk {
  Index count, first, by;
  typename Team::template Kept<Index> batch;  // where each is along it
  MUSHIN_TEAM Chunk(const Channels& j, Index part, Index begin, Index n)
      : count(n - begin < Team::longest ? n - begin : Team::longest),
        first(j.across ? part + begin * j.parts : part * j.in_part + begin),
        by(j.across ? j.parts : 1) {
    Team::each(count, [&](const Element& e) { batch[e] = j.batch == 1 ? 0 : (first + e.i * by) / j.rest; });
  }
};
/// Where they lie in a view, from the channel's first.
template <class Team>
struct ChunkPlaces {
  const Chunk<Team>& chunk;
  Index step, jump;  // to the next element; besides, to the next of the batch
  MUSHIN_TEAM ChunkPlaces(const Channels& j, const Chunk<Team>& c, int view)
      : chunk(c), step(j.rest_step[view]), jump(j.batch_step[view] - j.rest * j.rest_step[view]) {}
  MUSHIN_TEAM Index operator()(const Element& e) const { return (chunk.first + e.i * chunk.by) * step + chunk.batch[e] * jump; }
};

/// `mean`: of backward's sums alone. `memory`: as Channels has it.
template <class Team, ChannelPass pass, class T>
MUSHIN_TEAM void compute_part(const Channels& j, const T* x0, const T* dy0, const T* mean, T* to, Wide<T>* memory, Index piece) {
  using A = Wide<T>;
  const Index part = piece / j.count, c = piece % j.count, n = j.size_of(part);
  [[maybe_unused]] const auto factor = [&](int which) { return memory[j.factor_at(which, c)]; };
  [[maybe_unused]] A total = 0, second = 0;  // of spread and sums
  for (Index begin = 0; begin < n; begin += Team::longest) {
    const Chunk<Team> chunk(j, part, begin, n);
    const Index count = chunk.count;
    using Places = ChunkPlaces<Team>;
    const Row<Team, T, Places> x(x0 + c * j.channel_step[0], {j, chunk, 0}, count);
    [[maybe_unused]] const Places there(j, chunk, 2);
    if constexpr (pass == ChannelPass::spread) {
      const A sum = Team::template fold<Sum>(count, A{0}, x), middle = sum / static_cast<A>(count);
      second += Team::template fold<Sum>(count, A{0}, [&](const Element& e) {
        const A d = x(e) - middle;
        return d * d;
      });
      if (begin > 0) {  // Chan, Golub, LeVeque 1979
        const A before = static_cast<A>(begin), apart = middle - total / before;
        second += apart * apart * (before * (static_cast<A>(count) / static_cast<A>(begin + count)));
      }
      total += sum;
    } else if constexpr (pass == ChannelPass::normalize) {
      const A middle = factor(0), scale = factor(1), shift = factor(2);
      Team::each(count, [&](const Element& e) { store(to[c * j.channel_step[2] + there(e)], (x(e) - middle) * scale + shift); });
    } else {
      const Row<Team, T, Places> dy(dy0 + c * j.channel_step[1], {j, chunk, 1}, count);
      if constexpr (pass == ChannelPass::sums) {
        const A middle = wide(mean[c * j.value_step[1]]);
        total += Team::template fold<Sum>(count, A{0}, dy);
        second += Team::template fold<Sum>(count, A{0}, [&](const Element& e) { return dy(e) * (x(e) - middle); });
      } else {
        const A middle = factor(0), constant = factor(1), slope = factor(2), scale = factor(3);
        Team::each(count, [&](const Element& e) {
          store(to[c * j.channel_step[2] + there(e)], (dy(e) - constant - (x(e) - middle) * slope) * scale);
        });
      }
    }
  }
  if constexpr (pass == ChannelPass::spread || pass == ChannelPass::sums)
    Team::once([&] { memory[j.sum_at(0, part, c)] = total, memory[j.sum_at(1, part, c)] = second; });
}

/// Channel c's parts, joined in double. Forward: gain, a bias; gives the mean and the variance. Backward: gain, the mean, the variance;
/// gives dgain and dbias.
template <class Team, bool backward, class T>
MUSHIN_TEAM void finish_channel(const Channels& j, Wide<T>* memory, const T* gain, const T* a, const T* b, T* first, T* second, Index c) {
  using A = Wide<T>;
  const double n = static_cast<double>(j.size());
  const auto sum = [&](int which, Index part) { return static_cast<double>(memory[j.sum_at(which, part, c)]); };
  const auto all = [&](const auto& f) { return Team::template fold<Sum>(j.parts, 0.0, [&](const Element& e) { return f(e.i); }); };
  const auto at = [&](int which) { return c * j.value_step[which]; };
  const auto factor = [&](int which, double x) { memory[j.factor_at(which, c)] = static_cast<A>(x); };
  const double total = all([&](Index part) { return sum(0, part); });
  const double factor_of_gain = static_cast<double>(wide(gain[at(0)]));
  if constexpr (backward) {
    const double along = all([&](Index part) { return sum(1, part); });
    const double scale = 1 / sqrt(static_cast<double>(wide(b[at(2)])) + j.eps);
    Team::once([&] {
      store(first[at(3)], static_cast<A>(along * scale)), store(second[at(4)], static_cast<A>(total));
      factor(0, static_cast<double>(wide(a[at(1)])));
      factor(1, total / n), factor(2, along * scale * scale / n), factor(3, scale * factor_of_gain);
    });
  } else {
    const double mean = total / n;
    const double variance = all([&](Index part) {
                              const double m = static_cast<double>(j.size_of(part)), apart = sum(0, part) / m - mean;
                              return sum(1, part) + m * (apart * apart);
                            }) /
                            n;
    Team::once([&] {
      store(first[at(3)], static_cast<A>(mean)), store(second[at(4)], static_cast<A>(variance));
      factor(0, mean), factor(1, factor_of_gain / sqrt(variance + j.eps)), factor(2, static_cast<double>(wide(a[at(1)])));
    });
  }
}

}  // namespace mushin::cuda
