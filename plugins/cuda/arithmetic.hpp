// What the kernels compute, one position at a time: functions for the device and, so that tests can hold them without one, for the host.
#pragma once
#include <cstdint>

#ifdef __CUDACC__
#define MUSHIN_BOTH __host__ __device__ inline
#else
#define MUSHIN_BOTH inline
#endif
#ifdef __CUDA_ARCH__
#define MUSHIN_ROLLED _Pragma("unroll 1")
#else
#define MUSHIN_ROLLED
#endif

namespace mushin::cuda {

using Index = std::int64_t;

// ---- divisions ----

/// Divides numbers below 2^31 by a product: quotients of the device's are long.
struct Divisor {
  std::uint32_t by = 1, factor = 1, shift = 0;
};
/// `by` from 1 to 2^31.
inline Divisor divisor_of(std::uint32_t by) {
  Divisor d{by, 1, 0};
  while ((std::uint64_t{1} << d.shift) < by) ++d.shift;
  d.factor = static_cast<std::uint32_t>((((std::uint64_t{1} << d.shift) - by) << 32) / by + 1);
  return d;
}
MUSHIN_BOTH std::uint32_t quotient(std::uint32_t n, const Divisor& d) {
  return (static_cast<std::uint32_t>(std::uint64_t{n} * d.factor >> 32) + n) >> d.shift;
}

// ---- positions ----

/// The positions of up to three views of equal dims, in row-major order; strides in elements.
struct Walk {
  static constexpr int most_views = 3, most_rank = 8;
  int rank = 0;
  Index count = 1;
  Index dim[most_rank] = {};
  Index stride[most_views][most_rank] = {};
};
struct Offsets {
  Index of[Walk::most_views];
};
MUSHIN_BOTH Offsets offsets(const Walk& w, Index position) {
  Offsets o{{0, 0, 0}};
  MUSHIN_ROLLED  // divisions are long
      for (int i = w.rank - 1; i >= 0; --i) {
    const Index k = i ? position % w.dim[i] : position;
    if (i) position /= w.dim[i];
    for (int v = 0; v < Walk::most_views; ++v) o.of[v] += k * w.stride[v][i];
  }
  return o;
}

// ---- random numbers ----

struct Words {
  std::uint32_t word[4];
};
/// Philox-4x32-10 of a block number in the two low counter words.
MUSHIN_BOTH Words philox(std::uint64_t key, std::uint64_t block) {
  std::uint32_t c0 = static_cast<std::uint32_t>(block), c1 = static_cast<std::uint32_t>(block >> 32), c2 = 0, c3 = 0;
  std::uint32_t k0 = static_cast<std::uint32_t>(key), k1 = static_cast<std::uint32_t>(key >> 32);
  for (int round = 0; round < 10; ++round) {
    const std::uint64_t p = std::uint64_t{0xD2511F53u} * c0, q = std::uint64_t{0xCD9E8D57u} * c2;
    c0 = static_cast<std::uint32_t>(q >> 32) ^ c1 ^ k0, c1 = static_cast<std::uint32_t>(q);
    c2 = static_cast<std::uint32_t>(p >> 32) ^ c3 ^ k1, c3 = static_cast<std::uint32_t>(p);
    k0 += 0x9E3779B9u, k1 += 0xBB67AE85u;
  }
  return {{c0, c1, c2, c3}};
}

enum class RandomKind : int { uniform_f32, uniform_f64, bits_i64 };
constexpr Index elements_per_block(RandomKind k) { return k == RandomKind::uniform_f32 ? 4 : 2; }

/// The elements of block `b` of an output of `n`. `seed`: key and counter, `seed_stride` apart.
MUSHIN_BOTH void random_block(RandomKind kind, const std::int64_t* seed, Index seed_stride, void* out, Index n, Index b) {
  const Words w =
      philox(static_cast<std::uint64_t>(seed[0]), static_cast<std::uint64_t>(seed[seed_stride]) + static_cast<std::uint64_t>(b));
  const Index per_block = kind == RandomKind::uniform_f32 ? 4 : 2, first = b * per_block;
  for (int i = 0; i < per_block && first + i < n; ++i) {
    if (kind == RandomKind::uniform_f32) {
      static_cast<float*>(out)[first + i] = static_cast<float>(w.word[i] >> 8) * 0x1p-24f;
      continue;
    }
    const std::uint64_t word = w.word[2 * i] | std::uint64_t{w.word[2 * i + 1]} << 32;
    if (kind == RandomKind::uniform_f64)
      static_cast<double*>(out)[first + i] = static_cast<double>(word >> 11) * 0x1p-53;
    else
      static_cast<std::uint64_t*>(out)[first + i] = word;
  }
}

// ---- gather and scatter_add ----

/// Lines along the indexed axis. Views of `walk` (all axes but that one): 0 what is indexed, 1 the indices, 2 values as many as indices.
struct Lines {
  Walk walk;
  Index length = 0;                      // indices in a line
  Index index_step = 0, value_step = 0;  // from one to the next of a line
  Index axis_step = 0, extent = 0;       // of what is indexed
  bool along = false;                    // threads take neighbours of a line, rather than neighbouring lines
  MUSHIN_BOTH Index count() const { return walk.count * length; }
};
struct Place {
  Index line, at;
};
MUSHIN_BOTH Place place_of(const Lines& l, Index element) {
  if (l.along) return {element / l.length, element % l.length};
  return {element % l.walk.count, element / l.walk.count};
}
MUSHIN_BOTH bool inside(const Lines& l, Index index) { return index >= 0 && index < l.extent; }

/// Copies one element of `bytes` 1, 2, 4 or 8.
MUSHIN_BOTH void move_element(const char* from, Index i, char* to, Index k, int bytes) {
  if (bytes == 8)
    reinterpret_cast<std::uint64_t*>(to)[k] = reinterpret_cast<const std::uint64_t*>(from)[i];
  else if (bytes == 4)
    reinterpret_cast<std::uint32_t*>(to)[k] = reinterpret_cast<const std::uint32_t*>(from)[i];
  else if (bytes == 2)
    reinterpret_cast<std::uint16_t*>(to)[k] = reinterpret_cast<const std::uint16_t*>(from)[i];
  else
    to[k] = from[i];
}

/// One element of a gather; bad(index) for an index outside of the axis.
template <class Bad>
MUSHIN_BOTH void gather_element(const Lines& l, const char* data, const std::int64_t* indices, char* out, int bytes, Index element,
                                const Bad& bad) {
  const Place p = place_of(l, element);
  const Offsets o = offsets(l.walk, p.line);
  const Index index = indices[o.of[1] + p.at * l.index_step];
  if (!inside(l, index)) return bad(index);
  move_element(data, o.of[0] + index * l.axis_step, out, o.of[2] + p.at * l.value_step, bytes);
}

/// Integers wrap; of truth values either.
template <class T>
MUSHIN_BOTH T sum(T a, T b) {
  return a + b;
}
template <>
MUSHIN_BOTH std::int64_t sum(std::int64_t a, std::int64_t b) {
  return static_cast<std::int64_t>(static_cast<std::uint64_t>(a) + static_cast<std::uint64_t>(b));
}
template <>
MUSHIN_BOTH std::int32_t sum(std::int32_t a, std::int32_t b) {
  return static_cast<std::int32_t>(static_cast<std::uint32_t>(a) + static_cast<std::uint32_t>(b));
}
template <>
MUSHIN_BOTH std::int8_t sum(std::int8_t a, std::int8_t b) {
  return static_cast<std::int8_t>(static_cast<std::uint8_t>(a) + static_cast<std::uint8_t>(b));
}
template <>
MUSHIN_BOTH std::uint8_t sum(std::uint8_t a, std::uint8_t b) {
  return static_cast<std::uint8_t>(static_cast<unsigned>(a) + static_cast<unsigned>(b));
}
template <>
MUSHIN_BOTH bool sum(bool a, bool b) {
  return a || b;
}

/// One line of a scatter_add, in order. Two updates reach one element only if they are of one line, so lines need no order among each
/// other.
template <class T, class Bad>
MUSHIN_BOTH void scatter_line(const Lines& l, T* to, const std::int64_t* indices, const T* updates, Index line, const Bad& bad) {
  const Offsets o = offsets(l.walk, line);
  for (Index i = 0; i < l.length; ++i) {
    const Index index = indices[o.of[1] + i * l.index_step];
    if (!inside(l, index)) return bad(index);
    T& element = to[o.of[0] + index * l.axis_step];
    element = sum<T>(element, updates[o.of[2] + i * l.value_step]);
  }
}

// ---- products of integers ----

enum class IntegerType : int { i8, u8, i32, i64 };
MUSHIN_BOTH std::uint64_t load_integer(IntegerType t, const char* from, Index i) {
  if (t == IntegerType::i8) return static_cast<std::uint64_t>(static_cast<std::int64_t>(reinterpret_cast<const std::int8_t*>(from)[i]));
  if (t == IntegerType::u8) return reinterpret_cast<const std::uint8_t*>(from)[i];
  if (t == IntegerType::i32) return static_cast<std::uint64_t>(static_cast<std::int64_t>(reinterpret_cast<const std::int32_t*>(from)[i]));
  return reinterpret_cast<const std::uint64_t*>(from)[i];
}
/// Any strides. `batch`: offsets of a, b and the result of each product. The result is I64 or I32, whose sums wrap alike.
struct IntegerProduct {
  Walk batch;
  IntegerType type;
  bool wide;  // the result is I64
  Index m, n, k;
  Index a_row, a_column, b_row, b_column, out_row, out_column;
  MUSHIN_BOTH Index count() const { return batch.count * m * n; }
};
MUSHIN_BOTH void product_element(const IntegerProduct& p, const char* a, const char* b, char* out, Index element) {
  const Index column = element % p.n, row = element / p.n % p.m;
  const Offsets o = offsets(p.batch, element / p.n / p.m);
  std::uint64_t total = 0;
  for (Index i = 0; i < p.k; ++i)
    total += load_integer(p.type, a, o.of[0] + row * p.a_row + i * p.a_column) *
             load_integer(p.type, b, o.of[1] + i * p.b_row + column * p.b_column);
  const Index to = o.of[2] + row * p.out_row + column * p.out_column;
  if (p.wide)
    reinterpret_cast<std::uint64_t*>(out)[to] = total;
  else
    reinterpret_cast<std::uint32_t*>(out)[to] = static_cast<std::uint32_t>(total);
}

// ---- what goes wrong on the device ----

enum class FindingOf : int { index, ctc_steps, ctc_length, ctc_label };
/// A number that can't be there, and what it is outside of: an axis' extent, steps, labels or classes. Of CTC its row, and the blank.
struct Finding {
  FindingOf of;
  std::int64_t value, limit, row, blank;
};
/// In pinned memory that the device writes: the first that a stream met.
struct Fault {
  unsigned taken;
  Finding found;
  std::uint64_t run;  // written last; which of the stream's runs it was
};
inline constexpr std::uint64_t no_run = UINT64_MAX;

}  // namespace mushin::cuda
