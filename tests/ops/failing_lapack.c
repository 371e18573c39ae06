/* A LAPACK whose routines fail, each in a way of its own: getrf and potrf refuse an argument, gesdd and syevd do not converge; for matrices
 * of 3 columns these two want more workspace than there are addresses. */
#define EXPORT __attribute__((visibility("default")))
EXPORT int openblas_get_num_threads(void) { return 4; }
#define FAILING(p, T)                                                                                                                     \
  EXPORT int LAPACKE_##p##getrf_work(void) { return -3; }                                                                                 \
  EXPORT int LAPACKE_##p##getrs_work(void) { return 0; }                                                                                  \
  EXPORT int LAPACKE_##p##getri_work(void) { return 0; }                                                                                  \
  EXPORT int LAPACKE_##p##potrf_work(void) { return -2; }                                                                                 \
  EXPORT int LAPACKE_##p##geqrf_work(void) { return 0; }                                                                                  \
  EXPORT int LAPACKE_##p##orgqr_work(void) { return 0; }                                                                                  \
  EXPORT int LAPACKE_##p##gesdd_work(int layout, char job, int m, int n, T* a, int lda, T* s, T* u, int ldu, T* vt, int ldvt, T* work,    \
                                     int size, int* iwork) {                                                                              \
    (void)layout, (void)job, (void)m, (void)a, (void)lda, (void)s, (void)u, (void)ldu, (void)vt, (void)ldvt, (void)iwork;                 \
    if (size != -1) return 2;                                                                                                             \
    *work = (T)(n == 3 ? 1e17 : 1);                                                                                                       \
    return 0;                                                                                                                             \
  }                                                                                                                                       \
  EXPORT int LAPACKE_##p##syevd_work(int layout, char job, char triangle, int n, T* a, int lda, T* values, T* work, int size, int* iwork, \
                                     int isize) {                                                                                         \
    (void)layout, (void)job, (void)triangle, (void)a, (void)lda, (void)values, (void)isize;                                               \
    if (size != -1) return 1;                                                                                                             \
    *work = (T)(n == 3 ? 1e17 : 1);                                                                                                       \
    *iwork = 1;                                                                                                                           \
    return 0;                                                                                                                             \
  }
FAILING(s, float)
FAILING(d, double)
