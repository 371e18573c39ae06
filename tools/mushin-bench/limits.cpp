#include "limits.hpp"

#include <fmt/format.h>
#include <pthread.h>
#include <sched.h>
#include <sys/mman.h>

#include <algorithm>
#include <atomic>
#include <barrier>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <memory>
#include <thread>
#include <vector>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

#include "results.hpp"

namespace bench {
namespace {

constexpr std::size_t smallest = std::size_t{8} << 20, largest = std::size_t{512} << 20,
                      huge_page = std::size_t{2} << 20;  // of all threads
constexpr int rounds = 12;
constexpr long multiply_adds = 20'000'000;  // a round's, each of one vector

std::atomic<double> nobody_reads;  // keeps results alive

struct Free {
  void operator()(double* p) const { std::free(p); }
};
using Block = std::unique_ptr<double[], Free>;

/// In huge pages, as mushin's own large blocks are.
Block make_block(std::size_t bytes) {
  Block block(static_cast<double*>(std::aligned_alloc(huge_page, bytes)));
  if (!block) throw std::bad_alloc();
  madvise(block.get(), bytes, MADV_HUGEPAGE);
  std::memset(block.get(), 0, bytes);
  return block;
}

double read_block(const double* block, std::size_t bytes) {
  double sum[16] = {};
  for (std::size_t i = 0; i + 16 <= bytes / sizeof(double); i += 16)
    for (std::size_t k = 0; k < 16; ++k) sum[k] += block[i + k];
  double all = 0;
  for (double s : sum) all += s;
  return all;
}

// Twelve independent chains hide the latency of a multiply-add on every processor so far. Returns the elements of a vector.
#if defined(__x86_64__)
__attribute__((target("avx512f"))) int chains_512() {
  __m512 x[12];
  for (auto& v : x) v = _mm512_set1_ps(0.5f);
  const __m512 a = _mm512_set1_ps(0.999f), b = _mm512_set1_ps(0.001f);
  for (long i = 0; i < multiply_adds / 12; ++i)
#pragma GCC unroll 12
    for (auto& v : x) v = _mm512_fmadd_ps(v, a, b);
  for (auto& v : x) nobody_reads.store(static_cast<double>(v[0]), std::memory_order_relaxed);
  return 16;
}
__attribute__((target("avx2,fma"))) int chains_256() {
  __m256 x[12];
  for (auto& v : x) v = _mm256_set1_ps(0.5f);
  const __m256 a = _mm256_set1_ps(0.999f), b = _mm256_set1_ps(0.001f);
  for (long i = 0; i < multiply_adds / 12; ++i)
#pragma GCC unroll 12
    for (auto& v : x) v = _mm256_fmadd_ps(v, a, b);
  for (auto& v : x) nobody_reads.store(static_cast<double>(v[0]), std::memory_order_relaxed);
  return 8;
}
#endif

using Vector = float __attribute__((vector_size(16)));
int chains_any() {
  Vector x[12];
  for (auto& v : x) v = Vector{0.5f, 0.5f, 0.5f, 0.5f};
  const Vector a{0.999f, 0.999f, 0.999f, 0.999f}, b{0.001f, 0.001f, 0.001f, 0.001f};
  for (long i = 0; i < multiply_adds / 12; ++i)
    for (auto& v : x) v = v * a + b;
  for (auto& v : x) nobody_reads.store(static_cast<double>(v[0]), std::memory_order_relaxed);
  return 4;
}

int chains() {
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx512f")) return chains_512();
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return chains_256();
#endif
  return chains_any();
}

/// To a processor of its own: the scheduler leaves threads that live for a millisecond where they began.
void pin(unsigned thread) {
  cpu_set_t allowed, one;
  if (sched_getaffinity(0, sizeof allowed, &allowed) != 0 || CPU_COUNT(&allowed) == 0) return;
  unsigned left = thread % static_cast<unsigned>(CPU_COUNT(&allowed));
  std::size_t cpu = 0;
  while (!CPU_ISSET(cpu, &allowed) || left-- > 0) ++cpu;
  CPU_ZERO(&one);
  CPU_SET(cpu, &one);
  pthread_setaffinity_np(pthread_self(), sizeof one, &one);
}

/// The shortest time in which all threads did their part at once.
double least_of_rounds(unsigned threads, const std::function<void(unsigned)>& part) {
  double least = 0;
  std::barrier together(threads);
  const auto run = [&](unsigned t) {
    pin(t);
    for (int round = 0; round < rounds; ++round) {
      together.arrive_and_wait();
      const auto start = std::chrono::steady_clock::now();
      part(t);
      together.arrive_and_wait();
      const double time = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
      if (t == 0) least = least == 0 ? time : std::min(least, time);
    }
  };
  std::vector<std::thread> team;
  for (unsigned t = 0; t < threads; ++t) team.emplace_back(run, t);
  for (auto& t : team) t.join();
  return least;
}

}  // namespace

Limits measure_limits() {
  const unsigned threads = thread_count();
  const auto share_of = [threads](std::size_t bytes) { return (bytes / threads + huge_page - 1) / huge_page * huge_page; };
  std::vector<Block> blocks;
  for (unsigned t = 0; t < threads; ++t) blocks.push_back(make_block(share_of(largest)));
  Limits limits;
  for (std::size_t all = smallest; all <= largest; all *= 2) {
    const std::size_t each = share_of(all), times = std::max<std::size_t>(1, (std::size_t{64} << 20) / all);
    const double moved = static_cast<double>(each) * static_cast<double>(threads) * static_cast<double>(times);
    const double reading = least_of_rounds(threads, [&](unsigned t) {
      for (std::size_t i = 0; i < times; ++i) nobody_reads = read_block(blocks[t].get(), each);
    });
    const double writing = least_of_rounds(threads, [&](unsigned t) {
      for (std::size_t i = 0; i < times; ++i) std::memset(blocks[t].get(), static_cast<int>(t), each);
    });
    limits.memory.push_back({static_cast<double>(all), moved / reading, moved / writing, 0});
  }
  std::atomic<int> width{0};
  const double time = least_of_rounds(threads, [&](unsigned) { width = chains(); });
  limits.peaks.push_back({"", 2.0 * width * multiply_adds * threads / time});
  return limits;
}

double Limits::least_time(double flop_count, mushin::dtype type, double bytes, double written) const {
  double flop = 0;
  for (const Peak& p : peaks)
    if (p.type.empty() || p.type == mushin::name_of(type)) flop = p.flop;
  if (memory.empty() || (flop_count > 0 && flop <= 0)) return 0;
  const Memory* of = &memory.front();
  for (const Memory& m : memory)
    if (m.bytes <= bytes) of = &m;
  // What moves bytes both ways at a rate shows that each way has it.
  const double read = std::max(of->read, of->both), write = std::max(of->write, of->both);
  return std::max(flop_count > 0 ? flop_count / flop : 0, (bytes - written) / read + written / write);
}

nlohmann::json Limits::json() const {
  if (!error.empty()) return {{"error", error}};
  nlohmann::json sizes = nlohmann::json::array();
  for (const Memory& m : memory) {
    sizes.push_back({{"mib", m.bytes / (1 << 20)}, {"read_gb_per_s", m.read * 1e-9}, {"write_gb_per_s", m.write * 1e-9}});
    if (m.both > 0) sizes.back()["both_gb_per_s"] = m.both * 1e-9;
  }
  if (device.empty()) return {{"memory", std::move(sizes)}, {"gflop_per_s", peaks.empty() ? 0 : peaks.front().flop * 1e-9}};
  nlohmann::json products = nlohmann::json::array();
  for (const Peak& p : peaks) {
    products.push_back({{"type", p.type}});
    if (p.flop > 0)
      products.back().update({{"gflop_per_s", p.flop * 1e-9},
                              {"side", p.side},
                              {"what", fmt::format("the best that {0} showed at a product of {1} x {1} by {1} x {1}", device, p.side)}});
    if (!p.error.empty()) products.back()["error"] = p.error;
  }
  const std::string what = fmt::format("the best that {} showed: read by sums, written by fills, both by -x and x + y", device);
  return {{"device", device}, {"what", what}, {"memory", std::move(sizes)}, {"products", std::move(products)}};
}

std::string Limits::text() const {
  if (!error.empty()) return fmt::format("limits of {} unknown: {}\n", device, error);
  if (memory.empty()) return {};
  const Memory& m = memory.back();
  std::string out = device.empty() ? "limits of the host, by plain loops" : fmt::format("limits of {}, the best that it showed", device);
  out += fmt::format(": {:.1f} GB/s read, {:.1f} written", m.read * 1e-9, m.write * 1e-9);
  if (m.both > 0) out += fmt::format(", {:.1f} both at once", m.both * 1e-9);
  out += fmt::format(" ({:.0f} MiB)", m.bytes / (1 << 20));
  for (const Peak& p : peaks)
    if (p.flop > 0)
      out += p.type.empty() ? fmt::format("; {:.0f} GFLOP/s multiply-adds in registers", p.flop * 1e-9)
                            : fmt::format("; {0} {1:.0f} GFLOP/s at {2} x {2} by {2} x {2}", p.type, p.flop * 1e-9, p.side);
    else if (!p.error.empty())
      out += fmt::format("; {} none: {}", p.type, p.error);
  return out + "\n";
}

Limits Limits::from(const nlohmann::json& j) {
  Limits limits;
  limits.error = j.value("error", "");
  limits.device = j.value("device", "");
  if (!limits.error.empty()) return limits;
  for (const auto& m : j["memory"])
    limits.memory.push_back({m["mib"].get<double>() * (1 << 20), m["read_gb_per_s"].get<double>() * 1e9,
                             m["write_gb_per_s"].get<double>() * 1e9, m.value("both_gb_per_s", 0.0) * 1e9});
  if (j.contains("gflop_per_s")) limits.peaks.push_back({"", j["gflop_per_s"].get<double>() * 1e9});
  for (const auto& p : j.value("products", nlohmann::json::array()))
    limits.peaks.push_back({p["type"], p.value("gflop_per_s", 0.0) * 1e9, p.value("side", std::int64_t{0}), p.value("error", "")});
  return limits;
}

}  // namespace bench
