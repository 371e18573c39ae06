// MATMUL: cuBLASLt for float types, a kernel for integers; views that neither takes are copied to a workspace, and what follows the product
// is a program over it, but for a bias that cuBLASLt adds.
#include <array>
#include <cstring>
#include <optional>

#include "indexing.hpp"
#include "plan.hpp"
#include "product.hpp"

namespace mushin::cuda {
namespace {

// Enough for the kernels of every architecture that split their sums.
constexpr std::uint64_t most_blas_workspace = std::uint64_t{32} << 20;

struct Types {
  cudaDataType_t operands, result, scale;
  cublasComputeType_t compute;
};

cudaDataType_t blas_type(mu_dtype t) {
  return t == MU_F16 ? CUDA_R_16F : t == MU_BF16 ? CUDA_R_16BF : t == MU_F64 ? CUDA_R_64F : CUDA_R_32F;
}

Types types_of(mu_dtype operands, mu_dtype result, std::uint32_t math) {
  Types t{blas_type(operands), blas_type(result), operands == MU_F64 ? CUDA_R_64F : CUDA_R_32F, CUBLAS_COMPUTE_32F};
  if (operands == MU_F64) t.compute = CUBLAS_COMPUTE_64F;
  if (operands == MU_F32 && math == MU_MATH_TF32) t.compute = CUBLAS_COMPUTE_32F_FAST_TF32;
  return t;
}

void blas(mu_device& d, cublasStatus_t s, const char* what) {
  mu_error error{};
  error.size = sizeof error;
  if (const mu_code code = d.check(s, what, &error); code != MU_OK) throw Failure{code, error.message};
}

// What is done with the matrices. By columns it is the transposes' product, in the other order.
class Operation {
 public:
  /// `bias`: a value to add for each column; null: none. Throws Failure.
  Operation(mu_device& d, const Types& t, bool turn_a, bool turn_b, const char* bias) : device_(d) {
    try {
      blas(d, d.blas->operation_create(&handle_, t.compute, t.scale), "a product can't be described");
      set(CUBLASLT_MATMUL_DESC_TRANSA, turn_b ? CUBLAS_OP_T : CUBLAS_OP_N);
      set(CUBLASLT_MATMUL_DESC_TRANSB, turn_a ? CUBLAS_OP_T : CUBLAS_OP_N);
      if (bias) set(CUBLASLT_MATMUL_DESC_EPILOGUE, CUBLASLT_EPILOGUE_BIAS), set(CUBLASLT_MATMUL_DESC_BIAS_POINTER, bias);
    } catch (...) {
      destroy();
      throw;
    }
  }
  Operation(const Operation&) = delete;
  Operation& operator=(const Operation&) = delete;
  ~Operation() { destroy(); }
  cublasLtMatmulDesc_t get() const { return handle_; }

 private:
  template <class T>
  void set(cublasLtMatmulDescAttributes_t key, const T& value) {
    blas(device_, device_.blas->operation_set(handle_, key, &value, sizeof value), "a product can't be described");
  }
  void destroy() {
    if (handle_) device_.blas->operation_destroy(handle_);
  }

  mu_device& device_;
  cublasLtMatmulDesc_t handle_ = nullptr;
};

// The descriptors of one product, and the algorithm that the heuristic chose for it.
class BlasProduct {
 public:
  BlasProduct(mu_device& d, const Types& t, const Layout& a, const Layout& b, const Layout& out, const Batch& batch)
      : device_(d), types_(t), turned_{a.transposed, b.transposed}, operation_(d, t, a.transposed, b.transposed, nullptr) {
    try {
      describe(a_, t.operands, a, batch.count, batch.step[0]);
      describe(b_, t.operands, b, batch.count, batch.step[1]);
      describe(out_, t.result, out, batch.count, batch.step[2]);
    } catch (...) {
      destroy();
      throw;
    }
  }
  BlasProduct(const BlasProduct&) = delete;
  BlasProduct& operator=(const BlasProduct&) = delete;
  ~BlasProduct() { destroy(); }

  /// For operands aligned to so many bytes, with a bias or without. Throws Failure where there is no kernel.
  void choose(std::uint32_t alignment, bool bias, cublasLtMatmulAlgo_t& algorithm, std::uint64_t& workspace) {
    // Of the bias it looks at the pointer's alignment alone.
    const Operation operation(device_, types_, turned_[0], turned_[1],
                              bias ? reinterpret_cast<const char*>(std::uintptr_t{alignment}) : nullptr);
    cublasLtMatmulPreference_t preference = nullptr;
    blas(device_, lib().preference_create(&preference), "a product's preference can't be made");
    cublasStatus_t s = CUBLAS_STATUS_SUCCESS;
    const auto set = [&](cublasLtMatmulPreferenceAttributes_t key, const auto& value) {
      if (s == CUBLAS_STATUS_SUCCESS) s = lib().preference_set(preference, key, &value, sizeof value);
    };
    set(CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, most_blas_workspace);
    set(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES, alignment);
    set(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES, alignment);
    set(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES, alignment);
    set(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES, alignment);
    cublasLtMatmulHeuristicResult_t found{};
    int n = 0;
    if (s == CUBLAS_STATUS_SUCCESS)
      s = lib().heuristic(device_.blas_handle, operation.get(), b_, a_, out_, out_, preference, 1, &found, &n);
    lib().preference_destroy(preference);
    if (s == CUBLAS_STATUS_SUCCESS && n == 0) s = CUBLAS_STATUS_NOT_SUPPORTED;
    blas(device_, s, "[matmul] cuBLASLt has no kernel for a product");
    algorithm = found.algo, workspace = found.workspaceSize;
  }

  /// Throws Failure where there is a bias that can't be described.
  cublasStatus_t run(const cublasLtMatmulAlgo_t& algorithm, const char* a, const char* b, const char* bias, char* out, char* workspace,
                     std::uint64_t bytes, cudaStream_t s) const {
    if (!bias) return run(operation_, algorithm, a, b, out, workspace, bytes, s);
    const Operation with_bias(device_, types_, turned_[0], turned_[1], bias);
    return run(with_bias, algorithm, a, b, out, workspace, bytes, s);
  }

 private:
  cublasStatus_t run(const Operation& operation, const cublasLtMatmulAlgo_t& algorithm, const char* a, const char* b, char* out,
                     char* workspace, std::uint64_t bytes, cudaStream_t s) const {
    const bool f64 = types_.scale == CUDA_R_64F;
    const float one = 1, zero = 0;
    const double wide_one = 1, wide_zero = 0;
    const void* alpha = f64 ? static_cast<const void*>(&wide_one) : &one;
    const void* beta = f64 ? static_cast<const void*>(&wide_zero) : &zero;
    return lib().matmul(device_.blas_handle, operation.get(), alpha, b, b_, a, a_, beta, out, out_, out, out_, &algorithm, workspace, bytes,
                        s);
  }

  const Blas& lib() const { return *device_.blas; }
  void describe(cublasLtMatrixLayout_t& to, cudaDataType_t type, const Layout& l, std::int64_t count, std::int64_t step) {
    const auto n = static_cast<std::int32_t>(count);
    blas(device_, lib().layout_create(&to, type, static_cast<std::uint64_t>(l.rows), static_cast<std::uint64_t>(l.columns), l.leading),
         "an operand can't be described");
    blas(device_, lib().layout_set(to, CUBLASLT_MATRIX_LAYOUT_BATCH_COUNT, &n, sizeof n), "a batch can't be described");
    blas(device_, lib().layout_set(to, CUBLASLT_MATRIX_LAYOUT_STRIDED_BATCH_OFFSET, &step, sizeof step), "a batch can't be described");
  }
  void destroy() {
    for (cublasLtMatrixLayout_t l : {a_, b_, out_})
      if (l) lib().layout_destroy(l);
  }

  mu_device& device_;
  Types types_;
  bool turned_[2];
  Operation operation_;
  cublasLtMatrixLayout_t a_ = nullptr, b_ = nullptr, out_ = nullptr;
};

std::optional<Layout> layout_of_view(const mu_tensor& v) {
  const int row = v.rank - 2, column = v.rank - 1;
  return layout_of(v.dim[row], v.dim[column], v.stride[row], v.stride[column]);
}

// Whether the epilogue adds one value to each column in f32 and does nothing else, which is the same in cuBLASLt.
bool adds_bias(const Request& r, const mu_op_matmul& op) {
  if (!op.epilogue || r.n_in != 3 || r.in[0].dtype != MU_F32) return false;
  const mu_pw_program& p = *op.epilogue;
  if (p.magic != MU_PW_MAGIC || p.version != 1 || p.n_in != 2 || p.n_const != 0 || p.n_inst != 1 || p.n_out != 1 || p.out[0] != 2)
    return false;
  const mu_pw_inst& add = p.inst[0];
  const bool both = (add.a == 0 && add.b == 1) || (add.a == 1 && add.b == 0);
  if (add.op != MU_PW_ADD || !both || add.type != MU_F32 || p.in_type[0] != MU_F32 || p.in_type[1] != MU_F32) return false;
  const mu_tensor &bias = r.in[2], &out = r.out[0];
  bool fits = bias.dtype == MU_F32 && out.dtype == MU_F32 && bias.rank == out.rank && bias.layout == MU_LAYOUT_STRIDED;
  for (int i = 0; fits && i < out.rank; ++i)
    fits = bias.dim[i] == out.dim[i] && (out.dim[i] == 1 || bias.stride[i] == (i + 1 == out.rank ? 1 : 0));
  return fits;
}

// Where an operand is when it isn't where the host put it.
struct Copied {
  mu_tensor view{};
  std::uint64_t place = 0;
  PlanPtr plan;  // null: the operand is taken as it lies
};

class Matmul final : public mu_plan {
 public:
  Matmul(const Request& r, const mu_op_matmul& op) : mu_plan(r.device) {
    specialized = MU_SPEC_SHAPE | MU_SPEC_STRIDE | MU_SPEC_RANK;
    const bool integers = op.acc == MU_I32 || op.acc == MU_I64;
    for (int i = 0; i < 2; ++i) operand(i, r.in[i], !integers, r.query);
    size_ = count_of(r.out[0]);
    k_ = r.in[0].dim[r.in[0].rank - 1];
    integers_ = integers;
    if (has_bias_kernel(r, op)) return;
    result_ = finish(r, op, integers);
    batch_ = batch_of(views_[0], views_[1], result_);
    if (!integers && size_ != 0 && k_ != 0) choose(r.in[0].dtype, op.math);
  }

  void prepare(const mu_tensor* in, const mu_tensor* out, char* workspace) override {
    if (size_ == 0) return;
    mu_buffer room{workspace, MU_MEMORY_DEVICE};
    for (int i = 0; i < 2; ++i) {
      if (!copied_[i].plan || k_ == 0) continue;
      const mu_tensor to = copy_of(i, room);
      copied_[i].plan->prepare(in + i, &to, nullptr);
    }
    if (finish_) finish_->prepare(finish_inputs(in, room).data(), out, nullptr);
  }

  mu_code run(mu_stream& s, const mu_tensor* in, const mu_tensor* out, char* workspace, mu_error* e) override {
    if (size_ == 0) return MU_OK;
    if (workspace_bytes && !workspace) return mu_fail(e, MU_INVALID, 0, "[matmul] the plan's workspace is missing");
    mu_buffer room{workspace, MU_MEMORY_DEVICE};
    const char* from[2];
    for (int i = 0; i < 2; ++i) {
      from[i] = copied_[i].plan ? workspace + copied_[i].place : address(in[i]);
      if (!copied_[i].plan || k_ == 0) continue;
      const mu_tensor to = copy_of(i, room);
      if (const mu_code code = copied_[i].plan->run(s, in + i, &to, nullptr, e); code != MU_OK) return code;
    }
    char* to = finish_ ? workspace + product_place_ : address(out[0]);
    if (const mu_code code = multiply(s, in, from, to, workspace, e); code != MU_OK || !finish_) return code;
    return finish_->run(s, finish_inputs(in, room).data(), out, nullptr, e);
  }

 private:
  static constexpr std::uint32_t full_alignment = 16;
  static constexpr std::size_t most_inputs = program::Program::most_inputs;

  std::uint64_t take(std::uint64_t bytes) {
    const std::uint64_t place = workspace_bytes;
    workspace_bytes += aligned(bytes);
    return place;
  }

  mu_tensor copy_of(int i, mu_buffer& room) const {
    mu_tensor to = copied_[i].view;
    to.buffer = &room, to.byte_offset = copied_[i].place;
    return to;
  }

  std::array<mu_tensor, most_inputs> finish_inputs(const mu_tensor* in, mu_buffer& room) const {
    std::array<mu_tensor, most_inputs> inputs;
    inputs[0] = result_;
    inputs[0].buffer = &room, inputs[0].byte_offset = product_place_;
    for (std::uint32_t i = 2; i < n_in; ++i) inputs[i - 1] = in[i];
    return inputs;
  }

  // The product goes to result_, with a bias or without.
  void choose(mu_dtype operands, std::uint32_t math) {
    blas_.emplace(device, types_of(operands, result_.dtype, math), *layout_of_view(views_[0]), *layout_of_view(views_[1]),
                  *layout_of_view(result_), batch_);
    std::uint64_t bytes[2] = {0, 0};
    blas_->choose(full_alignment, bias_, algorithm_[0], bytes[0]);
    blas_->choose(mu_dtype_bytes(operands), bias_, algorithm_[1], bytes[1]);
    blas_bytes_ = std::max(bytes[0], bytes[1]);
    blas_place_ = take(blas_bytes_);
  }

  bool has_bias_kernel(const Request& r, const mu_op_matmul& op) {
    const auto layout = layout_of_view(r.out[0]);
    if (size_ == 0 || k_ == 0 || !layout || layout->transposed || !adds_bias(r, op)) return false;
    result_ = r.out[0];
    batch_ = batch_of(views_[0], views_[1], result_);
    bias_ = true;
    try {
      choose(MU_F32, op.math);
    } catch (const Failure& f) {
      if (f.code != MU_INTERNAL) throw;
      bias_ = false;  // there is none: a program follows the product
    }
    return bias_;
  }

  void operand(int i, const mu_tensor& v, bool needs_layout, bool query) {
    views_[i] = v;
    if (!needs_layout || layout_of_view(v)) return;
    Copied& c = copied_[i];
    views_[i] = c.view = dense_like(v, v.dtype);
    c.place = take(c.view.bytes);
    c.plan = make_copy_of(device, v, c.view, query);
  }

  // Where the product goes: to the result where that can take it, else to the workspace, which a program reads.
  mu_tensor finish(const Request& r, const mu_op_matmul& op, bool integers) {
    const mu_tensor& out = r.out[0];
    const bool zero = r.in[0].dim[r.in[0].rank - 1] == 0;
    const bool type = out.dtype == op.acc || (!integers && out.dtype == r.in[0].dtype);
    const auto layout = layout_of_view(out);
    if (!op.epilogue && type && !zero && (integers || (layout && !layout->transposed))) return out;
    const mu_tensor product = dense_like(out, op.acc);
    product_place_ = take(product.bytes);
    if (!op.epilogue) {
      finish_ = make_copy_of(device, product, out, r.query);
      return product;
    }
    if (r.n_in - 1 > most_inputs) unsupported("[matmul] the epilogue has too many inputs: " + std::to_string(r.n_in - 1));
    std::array<mu_tensor, most_inputs> inputs;
    inputs[0] = product;
    for (std::uint32_t i = 2; i < r.n_in; ++i) inputs[i - 1] = r.in[i];
    const mu_op_pointwise after{{sizeof after, MU_OP_POINTWISE}, op.epilogue};
    finish_ = make_pointwise({device, &after.h, r.n_in - 1, inputs.data(), 1, r.out, r.query, r.ordered});
    return product;
  }

  mu_code multiply(mu_stream& s, const mu_tensor* in, const char* const* from, char* to, char* workspace, mu_error* e) const {
    if (k_ == 0)  // a sum over nothing; the product is in the workspace then
      return device.check(cudaMemsetAsync(to, 0, result_.bytes, s.handle), "[matmul] zeros can't be written", e);
    if (integers_) {
      const mu_dtype t = in[0].dtype;
      const IntegerType type = t == MU_I8    ? IntegerType::i8
                               : t == MU_U8  ? IntegerType::u8
                               : t == MU_I32 ? IntegerType::i32
                                             : IntegerType::i64;
      return device.check(
          launch_integer_product(product_of(views_[0], views_[1], result_, type, result_.dtype == MU_I64), from[0], from[1], to, s.handle),
          "[matmul] a product can't be launched", e);
    }
    const char* bias = bias_ ? address(in[2]) : nullptr;
    const std::int64_t element = mu_dtype_bytes(in[0].dtype), result_element = mu_dtype_bytes(result_.dtype);
    for (std::int64_t call = 0; call < batch_.calls(); ++call) {
      const char* a = from[0] + batch_.offset(0, call) * element;
      const char* b = from[1] + batch_.offset(1, call) * element;
      char* c = to + batch_.offset(2, call) * result_element;
      const auto places = reinterpret_cast<std::uintptr_t>(a) | reinterpret_cast<std::uintptr_t>(b) | reinterpret_cast<std::uintptr_t>(c) |
                          reinterpret_cast<std::uintptr_t>(bias);
      const cublasLtMatmulAlgo_t& algorithm = algorithm_[places % full_alignment ? 1 : 0];
      const cublasStatus_t status =
          blas_->run(algorithm, a, b, bias, c, workspace ? workspace + blas_place_ : nullptr, blas_bytes_, s.handle);
      if (status != CUBLAS_STATUS_SUCCESS) return device.check(status, "[matmul] cuBLASLt refused a product", e);
    }
    return MU_OK;
  }

  mu_tensor views_[2], result_;
  Copied copied_[2];
  Batch batch_;
  PlanPtr finish_;  // null: the product is the result
  std::uint64_t product_place_ = 0, blas_place_ = 0, blas_bytes_ = 0;
  std::int64_t size_ = 0, k_ = 0;
  bool integers_ = false;
  bool bias_ = false;  // cuBLASLt adds in[2]
  std::optional<BlasProduct> blas_;
  cublasLtMatmulAlgo_t algorithm_[2];
};

mu_dtype sums_of(mu_dtype t) { return t == MU_F16 || t == MU_BF16 ? MU_F32 : t == MU_I8 || t == MU_U8 ? MU_I32 : t; }

void check_dims(const Request& r) {
  const mu_tensor &a = r.in[0], &b = r.in[1], &out = r.out[0];
  const int n = out.rank;
  const std::string dims = dims_text(a) + " times " + dims_text(b) + " to " + dims_text(out);
  if (n < 2 || a.rank != n || b.rank != n) invalid("[matmul] all views have one rank, 2 to 8: " + dims);
  bool fits = a.dim[n - 2] == out.dim[n - 2] && b.dim[n - 1] == out.dim[n - 1] && a.dim[n - 1] == b.dim[n - 2];
  for (int i = 0; i < n - 2; ++i) fits = fits && a.dim[i] == out.dim[i] && b.dim[i] == out.dim[i];
  if (!fits) invalid("[matmul] dims don't fit: " + dims);
}

}  // namespace

PlanPtr make_matmul(const Request& r) {
  const auto op = descriptor<mu_op_matmul>(r, "matmul");
  require_views(r, r.n_in < 2 ? 2 : r.n_in, 1, "matmul");
  check_dims(r);
  const mu_dtype a = r.in[0].dtype, b = r.in[1].dtype;
  const auto name = [](mu_dtype t) { return std::string(program::name_of(program::type_of(t))); };
  if (a != b) invalid("[matmul] element types differ: " + name(a) + " and " + name(b));
  if (a == MU_BOOL) unsupported("[matmul] bool is not supported");
  if (op.acc != sums_of(a)) unsupported("[matmul] sums of " + name(a) + " are made in " + name(sums_of(a)) + ", in no other type");
  if (!op.epilogue && r.n_in != 2) invalid("[matmul] has inputs for an epilogue, but none");
  return std::make_unique<Matmul>(r, op);
}

}  // namespace mushin::cuda
