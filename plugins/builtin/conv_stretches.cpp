// Which stretches of memory a block of positions reads, by tap.
#include "conv.hpp"

namespace mushin::builtin {

ConvStretches::ConvStretches(const ConvReader& reader, std::int64_t width) : reader_(reader), width_(width) {
  const auto taps = static_cast<std::int64_t>(reader.taps.size());
  // A row of positions that begins or ends within the block is cut there.
  const std::int64_t most_segments = least(width, width / most(1, reader.positions[2]) + 2);
  const auto bytes = [](std::int64_t n, std::size_t each) { return (static_cast<std::size_t>(n) * each + 63) / 64 * 64; };
  const std::size_t segments = bytes(most_segments, sizeof(Segment)), stretches = bytes(most_segments * taps, sizeof(ConvStretch));
  char* room = static_cast<char*>(scratch(scratch_line, segments + stretches + bytes(taps, sizeof(ConvTapStretches))));
  segments_ = reinterpret_cast<Segment*>(room);
  stretches_ = reinterpret_cast<ConvStretch*>(room + segments);
  taps_ = reinterpret_cast<ConvTapStretches*>(room + segments + stretches);
}

// Neighbours along the last axis, in one row of the source.
void ConvStretches::find_segments(std::int64_t begin, std::int64_t n) {
  const ConvReader& r = reader_;
  std::int64_t p[3] = {0, 0, begin % r.positions[2]}, rest = begin / r.positions[2];
  for (int i = 1; i >= 0; --i) p[i] = rest % r.positions[i], rest /= r.positions[i];
  std::int64_t image = rest;
  n_segments_ = 0;
  for (std::int64_t to = 0; to < n;) {
    const std::int64_t count = least(n - to, r.positions[2] - p[2]);
    Segment& s = segments_[n_segments_++];
    s = {image * r.source.batch, {p[0] * r.step[0], p[1] * r.step[1], p[2] * r.step[2]}, to, count};
    to += count, p[2] = 0;
    if (++p[1] < r.positions[1]) continue;
    p[1] = 0;
    if (++p[0] < r.positions[0]) continue;
    p[0] = 0, ++image;
  }
}

// The part of a segment that is inside of the source. The number of stretches afterwards.
std::int64_t ConvStretches::add(const ConvTap& tap, const Segment& s, std::int64_t first, std::int64_t count) {
  const ConvArray& x = reader_.source;
  std::int64_t from = s.from;
  for (int i = 0; i < 2; ++i) {
    const std::int64_t at = s.at[i] + tap.at[i];
    if (at < 0 || at >= x.size[i]) return count;
    from += at * x.stride[i];
  }
  const std::int64_t at = s.at[2] + tap.at[2], step = reader_.step[2];
  std::int64_t low = 0, high = s.count;
  if (at < 0) low = step == 1 ? -at : (step - 1 - at) / step;
  if (at + (s.count - 1) * step >= x.size[2]) high = at >= x.size[2] ? 0 : step == 1 ? x.size[2] - at : (x.size[2] - at + step - 1) / step;
  if (low >= high) return count;
  const ConvStretch next{from + (at + low * step) * x.stride[2], s.to + low, high - low};
  if (count > first) {
    ConvStretch& last = stretches_[count - 1];
    if (last.to + last.count == next.to && last.from + last.count * step * x.stride[2] == next.from) {
      last.count += next.count;
      return count;
    }
  }
  stretches_[count] = next;
  return count + 1;
}

void ConvStretches::find(std::int64_t begin, std::int64_t n) {
  find_segments(begin, n);
  std::int64_t count = 0;
  ConvTapStretches* to = taps_;
  for (const ConvTap& tap : reader_.taps) {
    const std::int64_t first = count;
    for (std::int64_t s = 0; s < n_segments_; ++s) count = add(tap, segments_[s], first, count);
    std::int64_t covered = 0;
    for (std::int64_t s = first; s < count; ++s) covered += stretches_[s].count;
    *to++ = {first, count - first, covered == width_};
  }
}

ConvUnfolding ConvStretches::unfolding(std::int64_t pitch) const {
  return {nullptr,
          reader_.source.channel,
          reader_.step[2] * reader_.source.stride[2],
          stretches_,
          taps_,
          static_cast<std::int64_t>(reader_.taps.size()),
          width_,
          pitch};
}

}  // namespace mushin::builtin
