// What kernels are written in. Where MU_HOST or MU_HOST_BLOCKS is defined, whoever compiles the source for a CPU has defined what that part
// defines.
#include "source.hpp"

namespace mushin::cuda::program {
namespace {

constexpr const char* types = R"(
typedef signed char i8;
typedef unsigned char u8;
typedef unsigned short u16;
typedef int i32;
typedef unsigned int u32;
typedef long long i64;
typedef unsigned long long u64;
typedef float f32;
typedef double f64;
template <class T> struct Best { T value; i64 index; };
)";

// Bits and conversions: by instructions.
constexpr const char* device = R"(
#ifndef MU_HOST
#define MU_FN static __device__ __forceinline__
#define MU_METHOD static __device__ __forceinline__
#define MU_KERNEL extern "C" __global__ void __launch_bounds__(256)
#define MU_UNROLL _Pragma("unroll")
MU_FN f32 f32_of(u32 b) { return __uint_as_float(b); }
MU_FN f64 f64_of(u64 b) { return __longlong_as_double((i64)b); }
MU_FN u32 bits_of(f32 x) { return __float_as_uint(x); }
MU_FN u32 high_product(u32 a, u32 b) { return __umulhi(a, b); }
MU_FN f32 toward_zero(f64 x) { return __double2float_rz(x); }
MU_FN f32 toward_zero(i64 x) { return __ll2float_rz(x); }
MU_FN f32 from_f16(u16 h) { f32 x; asm("cvt.f32.f16 %0, %1;" : "=f"(x) : "h"(h)); return x; }
MU_FN u16 to_f16(f32 x) { u16 h; asm("cvt.rn.f16.f32 %0, %1;" : "=h"(h) : "f"(x)); return h; }
#endif
)";

// Several elements at once, and threads of a block that know of each other.
constexpr const char* blocks = R"(
#ifndef MU_HOST_BLOCKS
struct __align__(2) Bytes2 { u16 a; };
struct __align__(4) Bytes4 { u32 a; };
struct __align__(8) Bytes8 { u32 a, b; };
struct __align__(16) Bytes16 { u32 a, b, c, d; };
template <int n> struct Bytes;
template <> struct Bytes<1> { typedef u8 type; };
template <> struct Bytes<2> { typedef Bytes2 type; };
template <> struct Bytes<4> { typedef Bytes4 type; };
template <> struct Bytes<8> { typedef Bytes8 type; };
template <> struct Bytes<16> { typedef Bytes16 type; };
template <int V, class T> MU_FN void read_all(T (&x)[V], const T* p) {
  constexpr int piece = V * sizeof(T) < 16 ? V * sizeof(T) : 16, each = piece / sizeof(T);
  typedef typename Bytes<piece>::type B;
  MU_UNROLL
  for (int i = 0; i < V / each; ++i) {
    union { B b; T x[each]; } u;
    u.b = ((const B*)p)[i];
    MU_UNROLL
    for (int k = 0; k < each; ++k) x[i * each + k] = u.x[k];
  }
}
template <int V, class T> MU_FN void write_all(T* p, const T (&x)[V]) {
  constexpr int piece = V * sizeof(T) < 16 ? V * sizeof(T) : 16, each = piece / sizeof(T);
  typedef typename Bytes<piece>::type B;
  MU_UNROLL
  for (int i = 0; i < V / each; ++i) {
    union { B b; T x[each]; } u;
    MU_UNROLL
    for (int k = 0; k < each; ++k) u.x[k] = x[i * each + k];
    ((B*)p)[i] = u.b;
  }
}
MU_FN f32 from_lane(f32 x, int by, int width) { return __shfl_down_sync(~0u, x, by, width); }
MU_FN f64 from_lane(f64 x, int by, int width) { return __shfl_down_sync(~0u, x, by, width); }
MU_FN i64 from_lane(i64 x, int by, int width) { return __shfl_down_sync(~0u, x, by, width); }
MU_FN i32 from_lane(i32 x, int by, int width) { return __shfl_down_sync(~0u, x, by, width); }
MU_FN i8 from_lane(i8 x, int by, int width) { return (i8)__shfl_down_sync(~0u, (i32)x, by, width); }
MU_FN u8 from_lane(u8 x, int by, int width) { return (u8)__shfl_down_sync(~0u, (i32)x, by, width); }
template <class T> MU_FN Best<T> from_lane(Best<T> x, int by, int width) {
  Best<T> r;
  r.value = from_lane(x.value, by, width), r.index = from_lane(x.index, by, width);
  return r;
}
// Threads that share a result join theirs pairwise, the lower half with the upper, within warps and then the warps'.
template <int W, class K, class A> MU_FN A join_lanes(A x) {
  MU_UNROLL
  for (int by = W / 2; by > 0; by /= 2) x = K::join(x, from_lane(x, by, W));
  return x;
}
template <int W, class Body, class Index, class Args> MU_FN void rows(const Args& a) {
  typedef typename Body::Acc A;
  typedef typename Body::Kind K;
  const Index result = (Index)blockIdx.x * (256 / W) + threadIdx.x / W;
  const u32 part = threadIdx.x % W;
  A x = result < a.results ? Body::fold(a, result, blockIdx.y, part) : Body::start();
  if constexpr (W <= 32) {
    x = join_lanes<W, K>(x);
  } else {
    __shared__ A warp[8];
    x = join_lanes<32, K>(x);
    if (threadIdx.x % 32 == 0) warp[threadIdx.x / 32] = x;
    __syncthreads();
    if (threadIdx.x < 32) x = join_lanes<8, K>(warp[threadIdx.x % 8]);
  }
  if (part == 0 && result < a.results) Body::store(a, result, blockIdx.y, x);
}
// 32 results by 8 parts of each.
template <class Body, class Index, class Args> MU_FN void columns(const Args& a) {
  typedef typename Body::Acc A;
  typedef typename Body::Kind K;
  __shared__ A share[8][32];
  const u32 column = threadIdx.x % 32, part = threadIdx.x / 32;
  const Index result = (Index)blockIdx.x * 32 + column;
  share[part][column] = result < a.results ? Body::fold(a, result, blockIdx.y, part) : Body::start();
  MU_UNROLL
  for (u32 by = 4; by > 0; by /= 2) {
    __syncthreads();
    if (part < by) share[part][column] = K::join(share[part][column], share[part + by][column]);
  }
  if (part == 0 && result < a.results) Body::store(a, result, blockIdx.y, share[0][column]);
}
#endif
)";

constexpr const char* numbers = R"(
template <class T> struct Unsigned { typedef u32 type; };
template <> struct Unsigned<i64> { typedef u64 type; };
#define MU_WRAP(name, expression) \
  template <class T> MU_FN T name(T x, T y) { typedef typename Unsigned<T>::type U; const U a = (U)x, b = (U)y; return (T)(expression); }
MU_WRAP(whole_add, a + b)
MU_WRAP(whole_sub, a - b)
MU_WRAP(whole_mul, a * b)
template <class T> MU_FN T whole_neg(T x) { return whole_sub((T)0, x); }
template <class T> MU_FN T whole_abs(T x) { return x < 0 ? whole_neg(x) : x; }
template <class T> MU_FN T whole_div(T a, T b) { return b == 0 ? (T)0 : (T)-1 < (T)0 && b == (T)-1 ? whole_neg(a) : (T)(a / b); }
template <class T> MU_FN T whole_rem(T a, T b) { return b == 0 || ((T)-1 < (T)0 && b == (T)-1) ? (T)0 : (T)(a % b); }
template <class T> MU_FN T whole_pow(T a, T e) {
  if (e < 0) return a == 1 ? (T)1 : a == (T)-1 ? (T)(e & 1 ? -1 : 1) : (T)0;
  T r = 1;
  for (; e; e = (T)(e >> 1), a = whole_mul(a, a))
    if (e & 1) r = whole_mul(r, a);
  return r;
}
template <class T> MU_FN bool is_shift(T n) { return n >= 0 && n < (T)(8 * sizeof(T)); }
template <class T> MU_FN T whole_shl(T a, T n) { typedef typename Unsigned<T>::type U; return is_shift(n) ? (T)((U)a << (int)n) : (T)0; }
template <class T> MU_FN T whole_shr(T a, T n) { return is_shift(n) ? (T)(a >> (int)n) : (T)(a < 0 ? -1 : 0); }
// Of floats NaN wins; whole numbers are never NaN.
template <class T> MU_FN T least(T a, T b) { return a < b || a != a ? a : b; }
template <class T> MU_FN T most(T a, T b) { return a > b || a != a ? a : b; }
MU_FN f32 sigmoid(f32 x) { const f32 e = expf(-fabsf(x)); return (x < 0 ? e : 1.0f) / (1.0f + e); }
MU_FN f64 sigmoid(f64 x) { const f64 e = exp(-fabs(x)); return (x < 0 ? e : 1.0) / (1.0 + e); }
MU_FN f32 from_bf16(u16 h) { return f32_of((u32)h << 16); }
MU_FN u16 to_bf16(f32 x) {
  const u32 u = bits_of(x);
  return (u16)((x != x ? u | 0x400000u : u + 0x7FFFu + (u >> 16 & 1u)) >> 16);
}
MU_FN f32 round_f16(f32 x) { return from_f16(to_f16(x)); }
MU_FN f32 round_bf16(f32 x) { return from_bf16(to_bf16(x)); }
// What is rounded to odd here and to a 16-bit float next is rounded but once.
MU_FN f32 odd(f64 x) {
  const f32 near = toward_zero(x);
  return x != x || (f64)near == x ? near : f32_of(bits_of(near) | 1u);
}
MU_FN f32 odd(i64 x) {
  const f32 near = toward_zero(x);
  return near == -9223372036854775808.0f || (i64)near == x ? near : f32_of(bits_of(near) | 1u);
}
// The nearest whole number of the type, cut; NaN gives 0.
template <class T, class R> MU_FN T saturate(R x) {
  constexpr bool is_signed = (T)-1 < (T)0;
  constexpr int digits = 8 * (int)sizeof(T) - is_signed;
  constexpr R beyond = (R)2 * (R)((u64)1 << (digits - 1)), below = is_signed ? -beyond : (R)0;
  constexpr T greatest = (T)(((u64)1 << (digits - 1)) - 1 + ((u64)1 << (digits - 1)));
  if (x != x) return (T)0;
  return x >= beyond ? greatest : x <= below ? (T)below : (T)x;
}
// Division by a number that launches hand over: 32-bit by a product, for what is below 2^31.
struct Div32 { u32 d, factor, shift; };
struct Div64 { u64 d; };
MU_FN u32 quotient(u32 n, const Div32& v) { return (high_product(n, v.factor) + n) >> v.shift; }
MU_FN u64 quotient(u64 n, const Div64& v) { return n / v.d; }
)";

constexpr const char* memory = R"(
// V elements at once; of them, the last ones of a row may be missing.
template <int V, class T, class N> MU_FN void read(T (&x)[V], const T* p, N live) {
  if (V == 1 || live >= (N)V) return read_all<V>(x, p);
  MU_UNROLL
  for (int k = 0; k < V; ++k) x[k] = k < live ? p[k] : (T)0;
}
template <int V, class T, class N> MU_FN void read(T (&x)[V], const T* p, N live, N stride) {
  MU_UNROLL
  for (int k = 0; k < V; ++k) x[k] = k < live ? p[k * stride] : (T)0;
}
template <int V, class T, class N> MU_FN void write(T* p, const T (&x)[V], N live) {
  if (V == 1 || live >= (N)V) return write_all<V>(p, x);
  MU_UNROLL
  for (int k = 0; k < V; ++k)
    if (k < live) p[k] = x[k];
}
template <int V, class T, class N> MU_FN void write(T* p, const T (&x)[V], N live, N stride) {
  MU_UNROLL
  for (int k = 0; k < V; ++k)
    if (k < live) p[k * stride] = x[k];
}
)";

constexpr const char* kinds = R"(
MU_FN f32 sum(f32 a, f32 b) { return a + b; }
MU_FN f64 sum(f64 a, f64 b) { return a + b; }
template <class T> MU_FN T sum(T a, T b) { return whole_add(a, b); }
MU_FN f32 product(f32 a, f32 b) { return a * b; }
MU_FN f64 product(f64 a, f64 b) { return a * b; }
template <class T> MU_FN T product(T a, T b) { return whole_mul(a, b); }
struct Sum { template <class T> MU_METHOD T join(T a, T b) { return sum(a, b); } };
struct Prod { template <class T> MU_METHOD T join(T a, T b) { return product(a, b); } };
struct Max { template <class T> MU_METHOD T join(T a, T b) { return most(a, b); } };
struct Min { template <class T> MU_METHOD T join(T a, T b) { return least(a, b); } };
struct Or { template <class T> MU_METHOD T join(T a, T b) { return (T)(a | b); } };
struct And { template <class T> MU_METHOD T join(T a, T b) { return (T)(a & b); } };
// The better value; of equal ones, that of the lower index. NaN is better than all but NaN.
template <class T> MU_FN Best<T> better(Best<T> a, Best<T> b, bool b_wins) {
  const bool a_nan = a.value != a.value, b_nan = b.value != b.value, same = a.value == b.value || (a_nan && b_nan);
  return same ? (b.index < a.index ? b : a) : b_nan || (!a_nan && b_wins) ? b : a;
}
struct ArgMax { template <class T> MU_METHOD Best<T> join(Best<T> a, Best<T> b) { return better(a, b, b.value > a.value); } };
struct ArgMin { template <class T> MU_METHOD Best<T> join(Best<T> a, Best<T> b) { return better(a, b, b.value < a.value); } };
template <class T> MU_FN Best<T> best_of(T value, i64 index) { Best<T> b; b.value = value, b.index = index; return b; }
#define MU_NOWHERE 0x7FFFFFFFFFFFFFFFll
)";

}  // namespace

const char* prelude() {
  static const std::string text = std::string(types) + device + blocks + numbers + memory + kinds;
  return text.c_str();
}
std::string Source::text() const { return prelude() + kernel; }

}  // namespace mushin::cuda::program
