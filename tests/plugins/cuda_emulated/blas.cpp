// cuBLASLt: products by plain loops, by columns as it has them, and no others than it has.
#include <cublasLt.h>

#include <cmath>
#include <cstring>
#include <map>
#include <vector>

#include "emulated.hpp"

namespace emulated {
namespace {

struct Operation {
  cublasComputeType_t compute;
  cudaDataType_t scale;
  cublasOperation_t transpose[2] = {CUBLAS_OP_N, CUBLAS_OP_N};
  cublasLtEpilogue_t epilogue = CUBLASLT_EPILOGUE_DEFAULT;
  const char* bias = nullptr;
  bool adds() const { return epilogue == CUBLASLT_EPILOGUE_BIAS; }
  /// Of the bias, which an algorithm is chosen for.
  std::uint32_t alignment() const {
    std::uint32_t n = 1;
    while (n < 16 && reinterpret_cast<std::uintptr_t>(bias) % (2 * n) == 0) n *= 2;
    return n;
  }
};
struct Matrix {
  cudaDataType_t type;
  std::int64_t rows, columns, leading;
  std::int32_t batch = 1;
  std::int64_t step = 0;
};
struct Preference {
  std::uint64_t workspace = 0;
  std::uint32_t alignment[4] = {256, 256, 256, 256};  // of A, B, C, D
};
struct Algorithm {
  std::uint64_t name, workspace;
  std::uint32_t alignment[4], of_bias;
};
constexpr std::uint64_t algorithm_name = 0x656D756C61746564;
static_assert(sizeof(Algorithm) <= sizeof(cublasLtMatmulAlgo_t));

template <class T>
T& of(void* p) {
  return *static_cast<T*>(p);
}
cublasStatus_t code(const char* call) { return static_cast<cublasStatus_t>(due(call)); }
constexpr cublasStatus_t bad = CUBLAS_STATUS_INVALID_VALUE;

template <class T>
cublasStatus_t put(T& to, const void* from, std::size_t bytes) {
  return bytes == sizeof to ? std::memcpy(&to, from, bytes), CUBLAS_STATUS_SUCCESS : bad;
}

double load(const char* p, cudaDataType_t t, std::int64_t i) {
  if (t == CUDA_R_64F) return reinterpret_cast<const double*>(p)[i];
  if (t == CUDA_R_32F) return reinterpret_cast<const float*>(p)[i];
  const std::uint16_t h = reinterpret_cast<const std::uint16_t*>(p)[i];
  if (t == CUDA_R_16BF) {
    const std::uint32_t b = std::uint32_t{h} << 16;
    float x;
    std::memcpy(&x, &b, sizeof x);
    return x;
  }
  const int e = h >> 10 & 31, m = h & 1023;
  const double x = e == 31 ? (m ? NAN : INFINITY) : std::ldexp(e ? m + 1024 : m, (e ? e : 1) - 25);
  return h >> 15 ? -x : x;
}

// To so many binary digits, ties to even, with exponents down to that of the least normal number.
double rounded(double x, int digits, int least, double beyond) {
  if (x == 0 || !std::isfinite(x)) return x;
  int e;
  std::frexp(x, &e);
  const int last = std::max(e, least) - digits;
  const double y = std::ldexp(std::nearbyint(std::ldexp(x, -last)), last);
  return std::fabs(y) >= beyond ? std::copysign(INFINITY, x) : y;
}

void store(char* p, cudaDataType_t t, std::int64_t i, double x) {
  if (t == CUDA_R_64F) {
    reinterpret_cast<double*>(p)[i] = x;
  } else if (t == CUDA_R_32F) {
    reinterpret_cast<float*>(p)[i] = static_cast<float>(x);
  } else if (t == CUDA_R_16BF) {
    const auto y = static_cast<float>(rounded(x, 8, -125, 0x1p128));
    std::uint32_t b;
    std::memcpy(&b, &y, sizeof b);
    reinterpret_cast<std::uint16_t*>(p)[i] = static_cast<std::uint16_t>(b >> 16 | (y != y ? 0x40 : 0));
  } else {
    const double y = rounded(x, 11, -13, 65520), size = std::fabs(y);
    int e = 0;
    std::frexp(size, &e);
    const int exponent = std::max(e, -13);
    std::uint16_t h = std::signbit(y) ? 0x8000 : 0;
    if (y != y)
      h = 0x7E00;
    else if (std::isinf(y))
      h |= 0x7C00;
    else if (size > 0)
      h = static_cast<std::uint16_t>(h | (((exponent + 13) << 10) + static_cast<int>(std::ldexp(size, 11 - exponent))));
    reinterpret_cast<std::uint16_t*>(p)[i] = h;
  }
}

// The combinations of cublasLtMatmul's table that have float scale factors, and that of doubles.
bool has(const Operation& op, cudaDataType_t a, cudaDataType_t b, cudaDataType_t d) {
  if (a != b || (op.adds() && (a != CUDA_R_32F || !op.bias))) return false;  // a bias: as far as the plugin asks
  if (op.compute == CUBLAS_COMPUTE_64F) return op.scale == CUDA_R_64F && a == CUDA_R_64F && d == CUDA_R_64F;
  if (op.scale != CUDA_R_32F) return false;
  if (op.compute == CUBLAS_COMPUTE_32F_FAST_TF32) return a == CUDA_R_32F && d == CUDA_R_32F;
  if (op.compute != CUBLAS_COMPUTE_32F) return false;
  return d == CUDA_R_32F ? a == CUDA_R_32F || a == CUDA_R_16F || a == CUDA_R_16BF : a == d && (a == CUDA_R_16F || a == CUDA_R_16BF);
}

struct Product {
  Operation op;
  Matrix a, b, d;
  bool fits() const {
    const auto dims = [&](const Matrix& m, int i) {
      return op.transpose[i] == CUBLAS_OP_T ? std::pair{m.columns, m.rows} : std::pair{m.rows, m.columns};
    };
    const auto [m, k] = dims(a, 0);
    const auto [k2, n] = dims(b, 1);
    bool good = m == d.rows && n == d.columns && k == k2 && m > 0 && n > 0 && k > 0 && a.batch == d.batch && b.batch == d.batch;
    for (const Matrix* x : {&a, &b, &d}) good = good && x->leading >= x->rows && x->batch > 0 && x->step >= 0;
    return good && (d.batch == 1 || d.step >= 1);
  }
  void run(const char* from_a, const char* from_b, char* to, double alpha) const {
    const auto* bias = op.adds() ? reinterpret_cast<const float*>(here(op.bias)) : nullptr;
    const bool turned[2] = {op.transpose[0] == CUBLAS_OP_T, op.transpose[1] == CUBLAS_OP_T};
    const std::int64_t m = d.rows, n = d.columns, k = turned[0] ? a.rows : a.columns;
    const bool short_floats = op.compute == CUBLAS_COMPUTE_32F_FAST_TF32;
    std::vector<double> left(static_cast<std::size_t>(m * k)), right(static_cast<std::size_t>(n * k));
    const auto gather = [&](std::vector<double>& values, const char* from, const Matrix& x, std::int64_t lines, bool along,
                            std::int64_t batch) {
      for (std::int64_t i = 0; i < lines; ++i)
        for (std::int64_t j = 0; j < k; ++j) {
          const double v = load(from, x.type, batch * x.step + (along ? i * x.leading + j : j * x.leading + i));
          values[static_cast<std::size_t>(i * k + j)] = short_floats ? rounded(v, 11, -125, 0x1p128) : v;
        }
    };
    for (std::int64_t batch = 0; batch < d.batch; ++batch) {
      gather(left, from_a, a, m, turned[0], batch), gather(right, from_b, b, n, !turned[1], batch);
      for (std::int64_t i = 0; i < m; ++i)
        for (std::int64_t j = 0; j < n; ++j) {
          double sum = 0;
          for (std::int64_t l = 0; l < k; ++l)
            sum += left[static_cast<std::size_t>(i * k + l)] * right[static_cast<std::size_t>(j * k + l)];
          if (bias) sum = static_cast<float>(alpha * sum) + bias[i];
          store(to, d.type, batch * d.step + j * d.leading + i, bias ? sum : alpha * sum);
        }
    }
  }
};

cublasStatus_t create(cublasLtHandle_t* to) {
  static char handle;
  *to = reinterpret_cast<cublasLtHandle_t>(&handle);
  return code("cublasLtCreate");
}
cublasStatus_t destroy(cublasLtHandle_t) { return CUBLAS_STATUS_SUCCESS; }
const char* text(cublasStatus_t s) {
  return s == CUBLAS_STATUS_NOT_SUPPORTED ? "CUBLAS_STATUS_NOT_SUPPORTED"
         : s == bad                       ? "CUBLAS_STATUS_INVALID_VALUE"
                                          : "CUBLAS_STATUS_EXECUTION_FAILED";
}
cublasStatus_t operation_create(cublasLtMatmulDesc_t* to, cublasComputeType_t compute, cudaDataType_t scale) {
  *to = reinterpret_cast<cublasLtMatmulDesc_t>(new Operation{compute, scale});
  return code("cublasLtMatmulDescCreate");
}
cublasStatus_t operation_destroy(cublasLtMatmulDesc_t p) { return delete &of<Operation>(p), CUBLAS_STATUS_SUCCESS; }
cublasStatus_t operation_set(cublasLtMatmulDesc_t p, cublasLtMatmulDescAttributes_t key, const void* from, std::size_t bytes) {
  auto& t = of<Operation>(p).transpose;
  if (key == CUBLASLT_MATMUL_DESC_EPILOGUE) return put(of<Operation>(p).epilogue, from, bytes);
  if (key == CUBLASLT_MATMUL_DESC_BIAS_POINTER) return put(of<Operation>(p).bias, from, bytes);
  if (key != CUBLASLT_MATMUL_DESC_TRANSA && key != CUBLASLT_MATMUL_DESC_TRANSB) return CUBLAS_STATUS_NOT_SUPPORTED;
  return put(t[key == CUBLASLT_MATMUL_DESC_TRANSB], from, bytes);
}
cublasStatus_t layout_create(cublasLtMatrixLayout_t* to, cudaDataType type, std::uint64_t rows, std::uint64_t columns,
                             std::int64_t leading) {
  *to = reinterpret_cast<cublasLtMatrixLayout_t>(
      new Matrix{type, static_cast<std::int64_t>(rows), static_cast<std::int64_t>(columns), leading});
  return code("cublasLtMatrixLayoutCreate");
}
cublasStatus_t layout_destroy(cublasLtMatrixLayout_t p) { return delete &of<Matrix>(p), CUBLAS_STATUS_SUCCESS; }
cublasStatus_t layout_set(cublasLtMatrixLayout_t p, cublasLtMatrixLayoutAttribute_t key, const void* from, std::size_t bytes) {
  if (key == CUBLASLT_MATRIX_LAYOUT_BATCH_COUNT) return put(of<Matrix>(p).batch, from, bytes);
  return key == CUBLASLT_MATRIX_LAYOUT_STRIDED_BATCH_OFFSET ? put(of<Matrix>(p).step, from, bytes) : CUBLAS_STATUS_NOT_SUPPORTED;
}
cublasStatus_t preference_create(cublasLtMatmulPreference_t* to) {
  *to = reinterpret_cast<cublasLtMatmulPreference_t>(new Preference);
  return code("cublasLtMatmulPreferenceCreate");
}
cublasStatus_t preference_destroy(cublasLtMatmulPreference_t p) { return delete &of<Preference>(p), CUBLAS_STATUS_SUCCESS; }
cublasStatus_t preference_set(cublasLtMatmulPreference_t p, cublasLtMatmulPreferenceAttributes_t key, const void* from, std::size_t bytes) {
  auto& x = of<Preference>(p);
  if (key == CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES) return put(x.workspace, from, bytes);
  constexpr cublasLtMatmulPreferenceAttributes_t keys[] = {
      CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES,
      CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES};
  for (int i = 0; i < 4; ++i)
    if (key == keys[i]) return put(x.alignment[i], from, bytes);
  return CUBLAS_STATUS_NOT_SUPPORTED;
}

// Long sums are split, with partial results in a workspace.
cublasStatus_t heuristic(cublasLtHandle_t, cublasLtMatmulDesc_t op, cublasLtMatrixLayout_t a, cublasLtMatrixLayout_t b,
                         cublasLtMatrixLayout_t c, cublasLtMatrixLayout_t d, cublasLtMatmulPreference_t preference, int,
                         cublasLtMatmulHeuristicResult_t* found, int* n) {
  *n = 0;
  if (const cublasStatus_t s = code("cublasLtMatmulAlgoGetHeuristic"); s != CUBLAS_STATUS_SUCCESS) return s;
  const Product p{of<Operation>(op), of<Matrix>(a), of<Matrix>(b), of<Matrix>(d)};
  if (!p.fits() || of<Matrix>(c).type != p.d.type) return bad;
  if (!has(p.op, p.a.type, p.b.type, p.d.type)) return CUBLAS_STATUS_NOT_SUPPORTED;
  const auto& wanted = of<Preference>(preference);
  Algorithm algorithm{algorithm_name, 0, {}, p.op.adds() ? p.op.alignment() : 0};
  std::memcpy(algorithm.alignment, wanted.alignment, sizeof wanted.alignment);
  if (std::max(p.a.rows, p.a.columns) >= 64) algorithm.workspace = std::min<std::uint64_t>(wanted.workspace, 4096);
  *found = {};
  std::memcpy(&found->algo, &algorithm, sizeof algorithm);
  found->workspaceSize = algorithm.workspace;
  *n = 1;
  return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t matmul(cublasLtHandle_t, cublasLtMatmulDesc_t op, const void* alpha, const void* a, cublasLtMatrixLayout_t a_layout,
                      const void* b, cublasLtMatrixLayout_t b_layout, const void* beta, const void* c, cublasLtMatrixLayout_t, void* d,
                      cublasLtMatrixLayout_t d_layout, const cublasLtMatmulAlgo_t* given, void* workspace, std::size_t bytes,
                      cudaStream_t stream) {
  if (const cublasStatus_t s = code("cublasLtMatmul"); s != CUBLAS_STATUS_SUCCESS) return s;
  if (begin("cublasLtMatmul.launch") != cudaSuccess) return CUBLAS_STATUS_EXECUTION_FAILED;
  const Product p{of<Operation>(op), of<Matrix>(a_layout), of<Matrix>(b_layout), of<Matrix>(d_layout)};
  Algorithm algorithm;
  std::memcpy(&algorithm, given, sizeof algorithm);
  const bool wide = p.op.scale == CUDA_R_64F;
  const auto scale = [wide](const void* x) { return wide ? *static_cast<const double*>(x) : *static_cast<const float*>(x); };
  const void* const places[] = {a, b, c, d};
  bool good = algorithm.name == algorithm_name && p.fits() && scale(beta) == 0 && c == d && bytes >= algorithm.workspace &&
              (algorithm.workspace == 0 || (workspace && reinterpret_cast<std::uintptr_t>(workspace) % 16 == 0));
  for (int i = 0; i < 4; ++i) good = good && reinterpret_cast<std::uintptr_t>(places[i]) % algorithm.alignment[i] == 0;
  if (algorithm.of_bias != 0 ? !p.op.adds() || p.op.alignment() < algorithm.of_bias : p.op.adds()) return bad;
  if (!good) return bad;
  const auto multiply = [=, by = scale(alpha)] {
    if (algorithm.workspace) std::memset(here(workspace), 0xFF, algorithm.workspace);
    p.run(static_cast<const char*>(here(a)), static_cast<const char*>(here(b)), static_cast<char*>(here(d)), by);
    return cudaSuccess;
  };
  const cudaError_t s = enqueue(stream, multiply, Kind::kernel);
  return s == cudaSuccess ? CUBLAS_STATUS_SUCCESS : CUBLAS_STATUS_EXECUTION_FAILED;
}

}  // namespace

void* blas_symbol(const std::string& name) {
  static const std::map<std::string, void*> symbols{
      {"cublasLtCreate", reinterpret_cast<void*>(create)},
      {"cublasLtDestroy", reinterpret_cast<void*>(destroy)},
      {"cublasLtGetStatusString", reinterpret_cast<void*>(text)},
      {"cublasLtMatmul", reinterpret_cast<void*>(matmul)},
      {"cublasLtMatmulAlgoGetHeuristic", reinterpret_cast<void*>(heuristic)},
      {"cublasLtMatmulDescCreate", reinterpret_cast<void*>(operation_create)},
      {"cublasLtMatmulDescDestroy", reinterpret_cast<void*>(operation_destroy)},
      {"cublasLtMatmulDescSetAttribute", reinterpret_cast<void*>(operation_set)},
      {"cublasLtMatrixLayoutCreate", reinterpret_cast<void*>(layout_create)},
      {"cublasLtMatrixLayoutDestroy", reinterpret_cast<void*>(layout_destroy)},
      {"cublasLtMatrixLayoutSetAttribute", reinterpret_cast<void*>(layout_set)},
      {"cublasLtMatmulPreferenceCreate", reinterpret_cast<void*>(preference_create)},
      {"cublasLtMatmulPreferenceDestroy", reinterpret_cast<void*>(preference_destroy)},
      {"cublasLtMatmulPreferenceSetAttribute", reinterpret_cast<void*>(preference_set)},
  };
  const auto it = symbols.find(name);
  return it == symbols.end() ? nullptr : it->second;
}

}  // namespace emulated
