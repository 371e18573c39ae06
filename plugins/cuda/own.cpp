// RANDOM, GATHER and SCATTER_ADD, by the plugin's own kernels.
#include "indexing.hpp"
#include "plan.hpp"

namespace mushin::cuda {

bool is_contiguous(const mu_tensor& v) noexcept {
  std::int64_t expect = 1;
  for (int i = v.rank - 1; i >= 0; --i) {
    if (v.dim[i] != 1 && v.stride[i] != expect) return false;
    expect *= v.dim[i];
  }
  return true;
}

std::string dims_text(const mu_tensor& v) {
  std::string s = "(";
  for (int i = 0; i < v.rank; ++i) s += (i ? ", " : "") + std::to_string(v.dim[i]);
  return s + ")";
}

void require_views(const Request& r, std::uint32_t n_in, std::uint32_t n_out, const char* op) {
  const std::string name = std::string("[") + op + "] ";
  if (r.n_in != n_in || r.n_out != n_out)
    invalid(name + "takes " + std::to_string(n_in) + " inputs and gives " + std::to_string(n_out) + " results: " + std::to_string(r.n_in) +
            " and " + std::to_string(r.n_out));
  for (std::uint32_t i = 0; i < n_in + n_out; ++i) {
    const mu_tensor& v = i < n_in ? r.in[i] : r.out[i - n_in];
    if (v.rank > MU_MAX_RANK) invalid(name + "rank " + std::to_string(v.rank) + " is beyond 8");
    if (v.layout != MU_LAYOUT_STRIDED) unsupported(name + "takes strided views only");
    if (program::type_of(v.dtype) == program::Type::none)
      unsupported(name + "element type " + std::to_string(v.dtype) + " is not supported");
  }
}

namespace {

class Random final : public mu_plan {
 public:
  Random(mu_device& d, RandomKind k) : mu_plan(d), kind_(k) {}
  mu_code run(mu_stream& s, const mu_tensor* in, const mu_tensor* out, char*, mu_error* e) override {
    if (!is_contiguous(out[0])) return mu_fail(e, MU_INVALID, 0, "[random] the output must be contiguous");
    return device.check(launch_random(kind_, reinterpret_cast<const std::int64_t*>(address(in[0])), in[0].stride[0], address(out[0]),
                                      count_of(out[0]), s.handle),
                        "random numbers can't be made", e);
  }

 private:
  RandomKind kind_;
};

class Gather final : public mu_plan {
 public:
  Gather(mu_device& d, std::uint32_t axis, int bytes) : mu_plan(d), axis_(axis), bytes_(bytes) {
    specialized = MU_SPEC_RANK;
    tells = true;
  }
  mu_code run(mu_stream& s, const mu_tensor* in, const mu_tensor* out, char*, mu_error* e) override {
    return device.check(
        launch_gather(lines_of(in[0], in[1], out[0], axis_), address(in[0]), reinterpret_cast<const std::int64_t*>(address(in[1])),
                      address(out[0]), bytes_, device.next_run(s), s.handle),
        "a gather can't be launched", e);
  }

 private:
  std::uint32_t axis_;
  int bytes_;
};

class ScatterAdd final : public mu_plan {
 public:
  ScatterAdd(mu_device& d, std::uint32_t axis, SumType type, bool ordered) : mu_plan(d), axis_(axis), type_(type), ordered_(ordered) {
    specialized = MU_SPEC_RANK;
    tells = true;
    // Sums of integers come out the same in any order.
    deterministic = ordered || (type != SumType::f32 && type != SumType::f64);
  }
  mu_code run(mu_stream& s, const mu_tensor* in, const mu_tensor* out, char*, mu_error* e) override {
    return device.check(
        launch_scatter_add(lines_of(out[0], in[0], in[1], axis_), type_, address(out[0]),
                           reinterpret_cast<const std::int64_t*>(address(in[0])), address(in[1]), ordered_, device.next_run(s), s.handle),
        "a scatter_add can't be launched", e);
  }

 private:
  std::uint32_t axis_;
  SumType type_;
  bool ordered_;
};

void check_indexed(const char* op, std::uint32_t axis, const mu_tensor& indexed, const mu_tensor& indices, const mu_tensor& values) {
  const std::string name = std::string("[") + op + "] ";
  if (indices.dtype != MU_I64) invalid(name + "indices must be int64");
  if (indexed.dtype != values.dtype) invalid(name + "element types differ");
  bool fits = indexed.rank == values.rank && indices.rank == values.rank && axis < values.rank;
  for (std::uint32_t i = 0; fits && i < values.rank; ++i)
    fits = indices.dim[i] == values.dim[i] && (i == axis || indexed.dim[i] == values.dim[i]);
  if (!fits)
    invalid(name + "dims don't fit: " + dims_text(indexed) + " by indices " + dims_text(indices) + " and " + dims_text(values) +
            " along axis " + std::to_string(axis));
}

SumType sum_type(mu_dtype t) {
  switch (t) {
    case MU_F32:
      return SumType::f32;
    case MU_F64:
      return SumType::f64;
    case MU_I64:
      return SumType::i64;
    case MU_I32:
      return SumType::i32;
    case MU_I8:
      return SumType::i8;
    case MU_U8:
      return SumType::u8;
    case MU_BOOL:
      return SumType::b8;
    default:
      unsupported("[scatter_add] sums of 16-bit floats are made in float32");
  }
}

}  // namespace

PlanPtr make_random(const Request& r) {
  const auto op = descriptor<mu_op_random>(r, "random");
  require_views(r, 1, 1, "random");
  const mu_tensor &seed = r.in[0], &out = r.out[0];
  if (seed.dtype != MU_I64 || seed.rank != 1 || seed.dim[0] != 2) invalid("[random] the seed must be two int64: key and counter");
  if (!is_contiguous(out)) invalid("[random] the output must be contiguous");
  if (op.kind == MU_RANDOM_UNIFORM && out.dtype == MU_F32) return std::make_unique<Random>(r.device, RandomKind::uniform_f32);
  if (op.kind == MU_RANDOM_UNIFORM && out.dtype == MU_F64) return std::make_unique<Random>(r.device, RandomKind::uniform_f64);
  if (op.kind == MU_RANDOM_BITS && out.dtype == MU_I64) return std::make_unique<Random>(r.device, RandomKind::bits_i64);
  unsupported("[random] kind " + std::to_string(op.kind) + " is not supported for " + program::name_of(program::type_of(out.dtype)));
}

PlanPtr make_gather(const Request& r) {
  const auto op = descriptor<mu_op_gather>(r, "gather");
  require_views(r, 2, 1, "gather");
  check_indexed("gather", op.axis, r.in[0], r.in[1], r.out[0]);
  return std::make_unique<Gather>(r.device, op.axis, static_cast<int>(mu_dtype_bytes(r.out[0].dtype)));
}

PlanPtr make_scatter_add(const Request& r) {
  const auto op = descriptor<mu_op_scatter_add>(r, "scatter_add");
  require_views(r, 2, 1, "scatter_add");
  check_indexed("scatter_add", op.axis, r.out[0], r.in[0], r.in[1]);
  return std::make_unique<ScatterAdd>(r.device, op.axis, sum_type(r.out[0].dtype), op.deterministic != 0 || r.ordered);
}

}  // namespace mushin::cuda
