#include "core/lapack.hpp"

#include <dlfcn.h>

#include <cstdlib>
#include <cstring>
#include <string>
#include <tuple>

#include "core/fail.hpp"
#include "core/plans.hpp"
#if __has_include(<lapacke.h>)
#include <lapacke.h>
#endif

namespace mushin::core {
namespace {

struct Functions {
  LapackOf<float> f32{};
  LapackOf<double> f64{};
  std::string wrong;           // empty: all are there
  int (*threads)() = nullptr;  // null: it has none that it tells of
};

const char* library_name() {
  const char* set = secure_getenv("MUSHIN_LAPACK");
  return set && *set ? set : "liblapacke.so.3";
}

template <class T>
std::string fill(void* library, LapackOf<T>& to, char prefix) {
  const struct {
    const char* name;
    void* field;
  } rows[] = {{"getrf", &to.getrf}, {"getrs", &to.getrs}, {"getri", &to.getri}, {"potrf", &to.potrf},
              {"geqrf", &to.geqrf}, {"orgqr", &to.orgqr}, {"gesdd", &to.gesdd}, {"syevd", &to.syevd}};
  for (const auto& row : rows) {
    const std::string name = fmt::format("LAPACKE_{}{}_work", prefix, row.name);
    void* const found = dlsym(library, name.c_str());
    if (!found) return fmt::format("{} has no {}", library_name(), name);
    std::memcpy(row.field, &found, sizeof found);
  }
  return {};
}

Functions open() {
  Functions out;
  // Never closed: a BLAS may have threads of its own.
  void* const library = dlopen(library_name(), RTLD_NOW | RTLD_LOCAL);
  if (!library) {
    const char* why = dlerror();
    out.wrong = why ? why : library_name();
    return out;
  }
  out.wrong = fill(library, out.f32, 's');
  if (out.wrong.empty()) out.wrong = fill(library, out.f64, 'd');
  for (const char* name : {"openblas_get_num_threads", "MKL_Get_Max_Threads", "bli_thread_get_num_threads"})
    if (void* const found = dlsym(library, name)) std::memcpy(&out.threads, &found, sizeof found);
  return out;
}

// Where LAPACKE's header is at hand, the compiler holds the table to it.
#if __has_include(<lapacke.h>)
template <class T, auto... routines>
constexpr bool declared_alike = std::is_same_v<
    std::tuple<decltype(routines)...>,
    std::tuple<decltype(LapackOf<T>::getrf), decltype(LapackOf<T>::getrs), decltype(LapackOf<T>::getri), decltype(LapackOf<T>::potrf),
               decltype(LapackOf<T>::geqrf), decltype(LapackOf<T>::orgqr), decltype(LapackOf<T>::gesdd), decltype(LapackOf<T>::syevd)>>;
static_assert(declared_alike<float, LAPACKE_sgetrf_work, LAPACKE_sgetrs_work, LAPACKE_sgetri_work, LAPACKE_spotrf_work, LAPACKE_sgeqrf_work,
                             LAPACKE_sorgqr_work, LAPACKE_sgesdd_work, LAPACKE_ssyevd_work>);
static_assert(declared_alike<double, LAPACKE_dgetrf_work, LAPACKE_dgetrs_work, LAPACKE_dgetri_work, LAPACKE_dpotrf_work,
                             LAPACKE_dgeqrf_work, LAPACKE_dorgqr_work, LAPACKE_dgesdd_work, LAPACKE_dsyevd_work>);
#endif

const Functions& functions(const char* op) {
  static const Functions* const it = new Functions(open());
  if (!it->wrong.empty()) fail<Error>("[{}] needs LAPACK, which cannot be opened: {}", op, it->wrong);
  if (const int threads = it->threads && deterministic() ? it->threads() : 1; threads > 1)
    fail<Error>("[{}] deterministic algorithms need LAPACK to compute with one thread, its sums hang on how many there are: it has {}", op,
                threads);
  return *it;
}

}  // namespace

template <>
const LapackOf<float>& lapack<float>(const char* op) {
  return functions(op).f32;
}
template <>
const LapackOf<double>& lapack<double>(const char* op) {
  return functions(op).f64;
}

}  // namespace mushin::core
