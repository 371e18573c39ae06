#include "epilogue.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <iterator>

#include "plan.hpp"

namespace onednn {
namespace {

template <float (*F)(float, float)>
void with_vector(float* x, std::size_t n, const float* y) {
  for (std::size_t i = 0; i < n; ++i) x[i] = F(x[i], y[i]);
}
template <float (*F)(float, float)>
void with_scalar(float* x, std::size_t n, const float* y) {
  const float s = *y;
  for (std::size_t i = 0; i < n; ++i) x[i] = F(x[i], s);
}

float add(float x, float y) { return x + y; }
float sub(float x, float y) { return x - y; }
float sub_from(float x, float y) { return y - x; }
float mul(float x, float y) { return x * y; }
float div(float x, float y) { return x / y; }
float div_into(float x, float y) { return y / x; }
float max(float x, float y) { return x > y || x != x ? x : y; }
float min(float x, float y) { return x < y || x != x ? x : y; }
float relu(float x, float) { return x < 0 ? 0 : x; }
float neg(float x, float) { return -x; }
float abs(float x, float) { return std::fabs(x); }
float keep_where_positive(float x, float y) { return y > 0 ? x : 0; }

/// `product` tells which operand the chain's value is.
struct Rule {
  std::uint16_t op;
  int operands, product;
  void (*vector)(float*, std::size_t, const float*);
  void (*scalar)(float*, std::size_t, const float*);
};
#define MUSHIN_RULE(op, operands, product, f) \
  Rule { op, operands, product, with_vector<f>, with_scalar<f> }
constexpr Rule rules[] = {
    MUSHIN_RULE(MU_PW_ADD, 2, 0, add),   MUSHIN_RULE(MU_PW_ADD, 2, 1, add),
    MUSHIN_RULE(MU_PW_SUB, 2, 0, sub),   MUSHIN_RULE(MU_PW_SUB, 2, 1, sub_from),
    MUSHIN_RULE(MU_PW_MUL, 2, 0, mul),   MUSHIN_RULE(MU_PW_MUL, 2, 1, mul),
    MUSHIN_RULE(MU_PW_DIV, 2, 0, div),   MUSHIN_RULE(MU_PW_DIV, 2, 1, div_into),
    MUSHIN_RULE(MU_PW_MAX, 2, 0, max),   MUSHIN_RULE(MU_PW_MAX, 2, 1, max),
    MUSHIN_RULE(MU_PW_MIN, 2, 0, min),   MUSHIN_RULE(MU_PW_MIN, 2, 1, min),
    MUSHIN_RULE(MU_PW_RELU, 1, 0, relu), MUSHIN_RULE(MU_PW_NEG, 1, 0, neg),
    MUSHIN_RULE(MU_PW_ABS, 1, 0, abs),   MUSHIN_RULE(MU_PW_STEP, 2, 1, keep_where_positive),
};
#undef MUSHIN_RULE

}  // namespace

Epilogue::Epilogue(const mu_pw_program& p, const mu_tensor* in, unsigned n_in, const mu_tensor& out) {
  const unsigned first = p.n_in + p.n_const;  // value id of instruction 0
  require(p.magic == MU_PW_MAGIC && p.version == 1, "[onednn] the epilogue is no program of a known version");
  require(p.n_out == 1 && p.n_in >= 1 && p.n_in - 1u + 2u == n_in, "[onednn] the epilogue's inputs don't match the op's");
  require(p.out[0] == (p.n_inst ? first + p.n_inst - 1u : 0u), "[onednn] the epilogue's output isn't the end of a chain");
  for (unsigned i = 0; i < p.n_in; ++i) require(p.in_type[i] == MU_F32, "[onednn] epilogues are of f32");
  for (unsigned i = 0; i < p.n_inst; ++i) steps_.push_back(step(p, i, in + 1, out.rank));
}

Epilogue::Step Epilogue::step(const mu_pw_program& p, unsigned index, const mu_tensor* in, unsigned rank) const {
  const mu_pw_inst& inst = p.inst[index];
  const unsigned chain = index == 0 ? 0u : p.n_in + p.n_const + index - 1u;
  const auto* rule = std::find_if(std::begin(rules), std::end(rules), [&](const Rule& r) {
    if (r.op != inst.op || (r.product == 0 ? inst.a : inst.b) != chain) return false;
    if (r.operands == 1) return true;
    const unsigned other = r.product == 0 ? inst.b : inst.a;
    return other != 0 && other < static_cast<unsigned>(p.n_in + p.n_const);
  });
  require(rule != std::end(rules) && inst.type == MU_F32, "[onednn] the epilogue is no chain of known opcodes");
  if (rule->operands == 1) return {rule->scalar, -1, false, 0};
  const unsigned other = rule->product == 0 ? inst.b : inst.a;
  if (other >= p.n_in) {
    require(p.const_type[other - p.n_in] == MU_F32, "[onednn] epilogues are of f32");
    float value;
    std::memcpy(&value, &p.const_bits[other - p.n_in], sizeof value);
    return {rule->scalar, -1, false, value};
  }
  const mu_tensor& view = in[other];
  const std::int64_t stride = view.dim[rank - 1] == 1 ? 0 : view.stride[rank - 1];
  require(view.rank == rank && view.dtype == MU_F32 && (stride == 0 || stride == 1), "[onednn] an epilogue input has gaps");
  return {stride == 1 ? rule->vector : rule->scalar, static_cast<int>(other), stride == 1, 0};
}

void Epilogue::apply(float* row, std::size_t n, const float* const* at, std::size_t column) const {
  for (const Step& s : steps_) {
    const float* y = s.input < 0 ? &s.constant : at[s.input] + (s.along_row ? column : 0);
    s.kernel(row, n, y);
  }
}

}  // namespace onednn
