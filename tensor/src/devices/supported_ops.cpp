// Which ops a device computes by itself: asked with small examples.
#include <algorithm>
#include <array>

#include "core/fallback.hpp"
#include "core/layouts.hpp"
#include "devices/device_state.hpp"
#include "loader/tables.hpp"
#include "mushin/tensor/device.hpp"

namespace mushin {
namespace {

mu_tensor view(mu_dtype type, std::initializer_list<std::int64_t> dims) {
  mu_tensor t{};
  t.size = sizeof t;
  t.dtype = type;
  t.rank = static_cast<std::uint16_t>(dims.size());
  std::copy(dims.begin(), dims.end(), t.dim);
  std::int64_t stride = 1;
  for (std::size_t i = dims.size(); i-- > 0; stride *= t.dim[i]) t.stride[i] = stride;
  t.bytes = static_cast<std::uint64_t>(stride) * mu_dtype_bytes(type);
  return t;
}

// a + b, and a alone.
constexpr mu_dtype f32_inputs[] = {MU_F32, MU_F32};
constexpr mu_pw_inst addition[] = {{MU_PW_ADD, 0, MU_F32, 0, 1, MU_PW_NONE, 0}};
constexpr mu_pw_program add_program = {
    sizeof(mu_pw_program), MU_PW_MAGIC, 1, 2, 1, 0, 1, 0, {2}, 1, f32_inputs, nullptr, nullptr, addition};
constexpr mu_pw_program copy_program = {
    sizeof(mu_pw_program), MU_PW_MAGIC, 1, 1, 1, 0, 0, 0, {0}, 2, f32_inputs, nullptr, nullptr, nullptr};

constexpr mu_op_pointwise pointwise = {{sizeof(mu_op_pointwise), MU_OP_POINTWISE}, &add_program};
constexpr mu_op_map_reduce map_reduce = {{sizeof(mu_op_map_reduce), MU_OP_MAP_REDUCE}, &copy_program, MU_REDUCE_SUM, MU_F32};
constexpr mu_op_matmul matmul = {{sizeof(mu_op_matmul), MU_OP_MATMUL}, MU_F32, MU_MATH_EXACT, nullptr};
constexpr mu_op_copy copy = {{sizeof(mu_op_copy), MU_OP_COPY}};
constexpr mu_op_fill fill = {{sizeof(mu_op_fill), MU_OP_FILL}, 0};
constexpr mu_op_random random_uniform = {{sizeof(mu_op_random), MU_OP_RANDOM}, MU_RANDOM_UNIFORM, 0};
constexpr mu_op_gather gather = {{sizeof(mu_op_gather), MU_OP_GATHER}, 0, 0};
constexpr mu_op_scatter_add scatter_add = {{sizeof(mu_op_scatter_add), MU_OP_SCATTER_ADD}, 0, 1};
constexpr mu_op_reorder reorder = {{sizeof(mu_op_reorder), MU_OP_REORDER}};
constexpr mu_op_conv conv = {
    {sizeof(mu_op_conv), MU_OP_CONV}, MU_CONV_FORWARD, MU_F32, MU_MATH_EXACT, 1, {1, 1}, {1, 1}, {1, 1}, 0, nullptr};
constexpr mu_op_pool pool = {{sizeof(mu_op_pool), MU_OP_POOL}, MU_POOL_MAX, 0, {2, 2}, {2, 2}, {1, 1}, {}, {}, 0};
constexpr mu_op_softmax softmax = {{sizeof(mu_op_softmax), MU_OP_SOFTMAX}, MU_SOFTMAX, 1};
constexpr mu_op_normalize normalize = {{sizeof(mu_op_normalize), MU_OP_NORMALIZE}, MU_NORMALIZE_LAYER, 0, 1e-5};
constexpr mu_op_attention attention = {{sizeof(mu_op_attention), MU_OP_ATTENTION}, MU_ATTENTION, 0, 1, 0};
constexpr mu_op_rnn rnn = {{sizeof(mu_op_rnn), MU_OP_RNN}, MU_RNN_TANH, 0};
constexpr mu_op_ctc ctc = {{sizeof(mu_op_ctc), MU_OP_CTC}, MU_CTC_LOSS, 0, 0};
constexpr mu_op_sort sort = {{sizeof(mu_op_sort), MU_OP_SORT}, 1, MU_SORT_VALUES};
constexpr mu_op_scan scan = {{sizeof(mu_op_scan), MU_OP_SCAN}, MU_SCAN_SUM, 1, MU_F32, 0};

// Has a decomposition in the core.
bool is_optional(const mu_op& op) { return op.id > MU_OP_REORDER; }

struct Example {
  const char* op;
  const mu_op* descriptor;
  unsigned n_in;
  mu_tensor in[4];
  mu_tensor out;
};

Example convolution() {
  const mu_tensor images = view(MU_F32, {8, 64, 32, 32});
  return {"conv", &conv.h, 2, {images, view(MU_F32, {64, 64, 3, 3})}, images};
}

// Sizes that are worth a library's call: a backend may leave small ones to the builtin one.
std::array<Example, 18> examples() {
  const mu_tensor square = view(MU_F32, {256, 256}), index = view(MU_I64, {256, 256}), key = view(MU_I64, {2}), line = view(MU_F32, {256});
  const mu_tensor series = view(MU_F32, {2, 256, 256}), counts = view(MU_I64, {256});
  const mu_tensor images = view(MU_F32, {8, 64, 32, 32}), halved = view(MU_F32, {8, 64, 16, 16});
  mu_tensor column = square;
  column.dim[1] = 256;
  column.stride[0] = 1, column.stride[1] = 0;
  column.bytes = 256 * sizeof(float);
  return {{{"pointwise", &pointwise.h, 2, {square, square}, square},
           {"map_reduce", &map_reduce.h, 1, {square, {}}, column},
           {"matmul", &matmul.h, 2, {square, square}, square},
           {"copy", &copy.h, 1, {square, {}}, square},
           {"fill", &fill.h, 0, {}, square},
           {"random", &random_uniform.h, 1, {key, {}}, square},
           {"gather", &gather.h, 2, {square, index}, square},
           {"scatter_add", &scatter_add.h, 2, {index, square}, square},
           {"reorder", &reorder.h, 1, {square, {}}, square},
           convolution(),
           {"pool", &pool.h, 1, {images, {}}, halved},
           {"softmax", &softmax.h, 1, {square, {}}, square},
           {"normalize", &normalize.h, 3, {square, line, line}, square},
           {"attention", &attention.h, 3, {square, square, square}, square},
           {"rnn", &rnn.h, 3, {series, square, square}, series},
           {"ctc", &ctc.h, 4, {series, index, counts, counts}, line},
           {"sort", &sort.h, 1, {square, {}}, square},
           {"scan", &scan.h, 1, {square, {}}, square}}};
}

bool takes(const core::Device& d, const Example& e, mu_plan_info& info) {
  mu_error error = core::empty_error();
  info = {};
  info.size = sizeof info;
  mu_plan* plan = nullptr;
  const mu_code code = d.compute.plan_create(d.handle, e.descriptor, MU_PLAN_QUERY_ONLY, e.n_in, e.in, 1, &e.out, &plan, &info, &error);
  if (plan) d.compute.plan_destroy(plan);
  return code == MU_OK;
}

// In the layout that the device has chosen for view `k` of an op, if it has.
mu_tensor as_chosen(mu_tensor v, const mu_plan_info& op, unsigned k) {
  if (op.layout_id[k] == 0) return v;
  v.layout = MU_LAYOUT_OPAQUE;
  v.layout_id = op.layout_id[k], v.bytes = op.layout_bytes[k];
  std::fill(v.stride, v.stride + v.rank, 0);
  return v;
}

// Of what it lays out itself: the result of `op` becomes strided, and what is strided its view `operand`.
bool reorders(const core::Device& d, Example op, unsigned operand) {
  mu_plan_info chosen, info;
  mu_tensor& laid = operand < op.n_in ? op.in[operand] : op.out;
  Example in{"reorder", &reorder.h, 1, {laid}, laid}, out{"reorder", &reorder.h, 1, {op.out}, op.out};
  if (d.layouts) laid.layout = op.out.layout = MU_LAYOUT_ANY;
  if (!takes(d, op, chosen)) return takes(d, in, info);
  out.in[0] = as_chosen(out.in[0], chosen, op.n_in);
  in.out = as_chosen(in.out, chosen, operand);
  return takes(d, in, info) && takes(d, out, info);
}

bool computes(const core::Device& d, const Example& e) {
  mu_plan_info info;
  if (e.descriptor->id != MU_OP_REORDER) return takes(d, e, info);
  if (core::chooses_image_layouts(&d)) return reorders(d, convolution(), 2);
  return reorders(d, {"matmul", &matmul.h, 2, {e.out, e.out}, e.out}, 1);
}

// REORDER doesn't: the host knows no device's layouts.
bool may_fall_back(const mu_op& op, Device d) {
  return op.id != MU_OP_REORDER && !d.host_memory() && core::fallback_mode() != core::Fallback::error;
}

}  // namespace

std::vector<OpSupport> supported_ops(Device d) {
  std::vector<OpSupport> all;
  const core::Device* fallback = d.host_memory() ? core::builtin() : nullptr;
  for (const Example& e : examples()) {
    const bool native = computes(*d.raw(), e);
    const bool inherited = !native && fallback && fallback != d.raw() && computes(*fallback, e);
    const op_support otherwise = is_optional(*e.descriptor)        ? op_support::decomposed
                                 : may_fall_back(*e.descriptor, d) ? op_support::copied
                                                                   : op_support::absent;
    all.push_back({e.op, native ? op_support::native : inherited ? op_support::inherited : otherwise});
  }
  return all;
}

}  // namespace mushin
