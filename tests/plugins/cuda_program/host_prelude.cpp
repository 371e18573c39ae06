#include "host_prelude.hpp"

namespace cuda_program_test {

namespace {

constexpr const char* numbers = R"(
#include <cmath>
#include <cstring>
#define MU_HOST
#define MU_FN static inline
#define MU_METHOD static inline
#define MU_KERNEL static void
#define MU_UNROLL
struct Place { unsigned x, y; };
static thread_local Place blockIdx, threadIdx;
template <class To, class From> static inline To same_bits(From x) { To y; std::memcpy(&y, &x, sizeof y); return y; }
MU_FN float f32_of(unsigned b) { return same_bits<float>(b); }
MU_FN double f64_of(unsigned long long b) { return same_bits<double>(b); }
MU_FN unsigned bits_of(float x) { return same_bits<unsigned>(x); }
MU_FN unsigned high_product(unsigned a, unsigned b) { return (unsigned)((unsigned long long)a * b >> 32); }
template <class T> static inline float cut(T x) {
  const float y = (float)x;
  return std::fabs((long double)y) > std::fabs((long double)x) ? std::nextafterf(y, 0.0f) : y;
}
MU_FN float toward_zero(double x) { return cut(x); }
MU_FN float toward_zero(long long x) { return cut(x); }
MU_FN float from_f16(unsigned short h) {
  const int e = h >> 10 & 31, m = h & 1023;
  const float x = e == 31 ? (m ? NAN : INFINITY) : std::ldexp((float)(e ? m + 1024 : m), (e ? e : 1) - 25);
  return h >> 15 ? -x : x;
}
MU_FN unsigned short to_f16(float x) {
  const unsigned sign = bits_of(x) >> 16 & 0x8000u;
  const float size = std::fabs(x);
  if (x != x) return (unsigned short)(sign | 0x7E00u);
  if (size == 0) return (unsigned short)sign;
  if (size >= 65520.0f) return (unsigned short)(sign | 0x7C00u);
  int e = 0;
  std::frexp(size, &e);
  e = e < -13 ? -13 : e;
  // Steps of 2^(e - 11), ties to even; each exponent begins where the one below ends.
  return (unsigned short)(sign | (((unsigned)(e + 13) << 10) + (unsigned)std::nearbyint(std::ldexp(size, 11 - e))));
}
MU_FN float rsqrtf(float x) { return 1.0f / std::sqrt(x); }
MU_FN double rsqrt(double x) { return 1.0 / std::sqrt(x); }
)";

// A block in one call: threads that share a result are folded one after the other and joined in the device's order.
constexpr const char* whole_blocks = R"(
#define MU_HOST_BLOCKS
template <int V, class T> static inline void check_place(const T* p) {
  if ((unsigned long long)p % (V * sizeof(T) < 16 ? V * sizeof(T) : 16) != 0) __builtin_trap();
}
template <int V, class T> static inline void read_all(T (&x)[V], const T* p) { check_place<V>(p); std::memcpy(x, p, sizeof x); }
template <int V, class T> static inline void write_all(T* p, const T (&x)[V]) { check_place<V>(p); std::memcpy(p, x, sizeof x); }
template <class Kind, class A> static inline A tree(A* x, int stride, int n) {
  for (int by = n / 2; by > 0; by /= 2)
    for (int i = 0; i < by; ++i) x[i * stride] = Kind::join(x[i * stride], x[(i + by) * stride]);
  return x[0];
}
template <int W, class Body, class Index, class Args> static void rows(const Args& a) {
  for (int row = 0; row < 256 / W; ++row) {
    const Index result = (Index)blockIdx.x * (256 / W) + row;
    if (result >= a.results) return;
    typename Body::Acc x[W];
    for (int part = 0; part < W; ++part) x[part] = Body::fold(a, result, blockIdx.y, part);
    for (int warp = 0; warp < W; warp += 32) tree<typename Body::Kind>(x + warp, 1, W < 32 ? W : 32);
    if (W > 32) tree<typename Body::Kind>(x, 32, W / 32);
    Body::store(a, result, blockIdx.y, x[0]);
  }
}
template <class Body, class Index, class Args> static void columns(const Args& a) {
  for (int column = 0; column < 32; ++column) {
    const Index result = (Index)blockIdx.x * 32 + column;
    if (result >= a.results) return;
    typename Body::Acc x[8];
    for (int part = 0; part < 8; ++part) x[part] = Body::fold(a, result, blockIdx.y, part);
    Body::store(a, result, blockIdx.y, tree<typename Body::Kind>(x, 1, 8));
  }
}
template <class Args> static bool run_grid(void (*kernel)(Args), const void* args, unsigned x, unsigned y, bool reduces) {
  Args a;
  std::memcpy(&a, args, sizeof a);
  for (unsigned by = 0; by < y; ++by)
    for (unsigned bx = 0; bx < x; ++bx)
      for (unsigned t = 0; t < (reduces ? 1 : 256); ++t) blockIdx = {bx, by}, threadIdx = {t, 0}, kernel(a);
  return true;
}
)";

// The device's own code of a block, by threads that wait for each other.
constexpr const char* blocks_of_threads = R"(
#include ")" MUSHIN_THREADS_SOURCE R"("
#define __align__(n) __attribute__((aligned(n)))
#define __shared__ static thread_local
static inline void __syncthreads() { emulated::meet_block(); }
template <class T> static inline T __shfl_down_sync(unsigned, T x, int by, int width) {
  const unsigned lane = emulated::lane(), w = (unsigned)width;
  return emulated::shuffle(x, lane % w + (unsigned)by < w ? lane + (unsigned)by : lane);
}
template <class Args> static bool run_grid(void (*kernel)(Args), const void* args, unsigned x, unsigned y, bool) {
  Args a;
  std::memcpy(&a, args, sizeof a);
  bool good = true;
  for (unsigned by = y; by-- > 0;)
    for (unsigned bx = x; bx-- > 0;) {
      blockIdx = {bx, by};
      good = emulated::run_block(256, [&] { kernel(a); }, [](unsigned t) { threadIdx = {t, 0}; }) && good;
    }
  return good;
}
)";

}  // namespace

std::string host_prelude(Blocks b) { return std::string(numbers) + (b == Blocks::whole ? whole_blocks : blocks_of_threads); }

std::string runner(const std::string& name, const std::string& args, bool reduces) {
  return "extern \"C\" unsigned long run_" + name + "(const void* a, unsigned x, unsigned y) { return run_grid<" + args + ">(" + name +
         ", a, x, y, " + (reduces ? "true" : "false") + ") ? sizeof(" + args + ") : 0; }\n";
}

std::string host_compile(const std::string& arguments, const std::string& log) {
  return std::string(MUSHIN_TEST_COMPILER) + " -std=c++17 -O1 -w -ffp-contract=off -fno-math-errno -fwrapv -msse2 -fPIC " + arguments +
         " > " + log + " 2>&1";
}

}  // namespace cuda_program_test
