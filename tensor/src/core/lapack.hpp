// LAPACK, opened when linear algebra is first asked for: linked, it and its BLAS would cost every program milliseconds at its start, and
// some BLAS start threads as they are loaded.
#pragma once

namespace mushin::core {

// What is used of LAPACKE, for one element type: 32-bit integers, no tests for NaN, workspace from the caller.
template <class T>
struct LapackOf {
  int (*getrf)(int layout, int m, int n, T* a, int lda, int* pivots);
  int (*getrs)(int layout, char trans, int n, int columns, const T* a, int lda, const int* pivots, T* b, int ldb);
  int (*getri)(int layout, int n, T* a, int lda, const int* pivots, T* work, int size);
  int (*potrf)(int layout, char triangle, int n, T* a, int lda);
  int (*geqrf)(int layout, int m, int n, T* a, int lda, T* tau, T* work, int size);
  int (*orgqr)(int layout, int m, int n, int k, T* a, int lda, const T* tau, T* work, int size);
  int (*gesdd)(int layout, char job, int m, int n, T* a, int lda, T* s, T* u, int ldu, T* vt, int ldvt, T* work, int size, int* iwork);
  int (*syevd)(int layout, char job, char triangle, int n, T* a, int lda, T* values, T* work, int size, int* iwork, int isize);
};

/// Of the library that MUSHIN_LAPACK names, else liblapacke.so.3. Error, where it cannot be opened or lacks a function, with the reason.
template <class T>
const LapackOf<T>& lapack(const char* op);
template <>
const LapackOf<float>& lapack<float>(const char* op);
template <>
const LapackOf<double>& lapack<double>(const char* op);

}  // namespace mushin::core
