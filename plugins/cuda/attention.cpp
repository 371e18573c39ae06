// ATTENTION, by the plugin's own kernels.
#include <algorithm>

#include "attention_kernels.hpp"
#include "attention_views.hpp"
#include "plan.hpp"

namespace mushin::cuda {
namespace {

using attention::Job;
using attention::Kind;
using attention::Places;

// The core writes out what is refused, as two products of floats (it widens 16-bit operands before) and a softmax: on the same arithmetic
// units as here, with a matrix of scores that is written and read several times. So long sequences are no reason to refuse, of any type.
// But a block goes through all keys alone, with work for a tile of queries however few there are; cuBLAS shares out keys too. That counts
// where keys are many, and queries are few or tiles too few for the GPU, as long as the scores are small. These sizes are not measured.
bool is_better_written_out(const Job& t, int processors) {
  constexpr Index many_keys = 1024, few_queries = attention::tile / 4, small_scores = Index{1} << 24;
  if (t.keys < many_keys) return false;
  const Index tiles = t.items * attention::tiles(t.queries, attention::tile);
  return t.queries < few_queries || (tiles < processors / 4 && tiles * attention::tile * t.keys <= small_scores);
}

class AttentionPlan final : public mu_plan {
 public:
  AttentionPlan(const Request& r, AttentionType type, const Job& job, bool backward)
      : mu_plan(r.device), type_(type), job_(job), backward_(backward), order_(attention::order_of(backward, job.biased)) {
    specialized = MU_SPEC_SHAPE | MU_SPEC_STRIDE | MU_SPEC_RANK;
    if (backward) workspace_bytes = aligned(static_cast<std::uint64_t>(job.items * job.queries) * 2 * sizeof(float));
  }

  mu_code run(mu_stream& s, const mu_tensor* in, const mu_tensor* out, char* workspace, mu_error* e) override {
    if (workspace_bytes && !workspace) return mu_fail(e, MU_INVALID, 0, "[attention] the plan's workspace is missing");
    Places places{};
    places.known = reinterpret_cast<float*>(workspace);
    const int ins = static_cast<int>(n_in), all = ins + static_cast<int>(n_out);
    for (int view = 0; view < attention::views; ++view)
      if (const int n = order_.at[view]; n >= 0 && n < all) places.at[view] = address(n < ins ? in[n] : out[n - ins]);
    const auto launch = [&](Kind kind, const char* what) {
      return device.check(launch_attention(kind, type_, job_, places, s.handle), what, e);
    };
    if (!backward_) return launch(Kind::forward, "attention can't be computed");
    mu_code code = launch(Kind::known, "what gradients need of queries can't be computed");
    if (code == MU_OK) code = launch(Kind::to_queries, "gradients of queries can't be computed");
    return code == MU_OK ? launch(Kind::to_keys, "gradients of keys can't be computed") : code;
  }

 private:
  AttentionType type_;
  Job job_;
  bool backward_;
  attention::Order order_;
};

AttentionType type_of(const mu_tensor& q) {
  switch (q.dtype) {
    case MU_F32:
      return AttentionType::f32;
    case MU_F16:
      return AttentionType::f16;
    case MU_BF16:
      return AttentionType::bf16;
    default:
      unsupported("[attention] is for float32, float16 and bfloat16");
  }
}

// Batch axes as those of q, then these.
void require_matrix(const mu_tensor& v, const mu_tensor& q, std::int64_t rows, std::int64_t columns, const char* what) {
  const std::string name = std::string("[attention] ") + what;
  if (v.dtype != q.dtype) invalid(name + " has another element type than q");
  const int batch = q.rank - 2;
  if (v.rank != q.rank || !std::equal(q.dim, q.dim + batch, v.dim) || v.dim[batch] != rows || v.dim[batch + 1] != columns)
    invalid(name + " doesn't fit q: " + dims_text(v) + " and " + dims_text(q));
}

void require_matrices(const Request& r, bool backward) {
  const mu_tensor &q = r.in[0], &k = r.in[1], &v = r.in[2];
  for (const mu_tensor* each : {&q, &k, &v})
    if (each->rank < 2) invalid("[attention] all views have one rank, 2 to 8: " + dims_text(*each));
  const std::int64_t queries = q.dim[q.rank - 2], width = q.dim[q.rank - 1], keys = k.dim[k.rank - 2], values = v.dim[v.rank - 1];
  require_matrix(k, q, keys, width, "k"), require_matrix(v, q, keys, values, "v");
  const std::uint32_t plain = backward ? 6 : 3;
  if (r.n_in > plain) require_matrix(r.in[plain], q, queries, keys, "the bias");
  if (!backward) {
    require_matrix(r.out[0], q, queries, values, "y");
    if (r.n_out == 2) require_matrix(r.out[1], q, queries, 1, "lse");
    return;
  }
  require_matrix(r.in[3], q, queries, values, "y"), require_matrix(r.in[4], q, queries, 1, "lse");
  require_matrix(r.in[5], q, queries, values, "dy"), require_matrix(r.out[0], q, queries, width, "dq");
  require_matrix(r.out[1], q, keys, width, "dk"), require_matrix(r.out[2], q, keys, values, "dv");
}

}  // namespace

PlanPtr make_attention(const Request& r) {
  const auto op = descriptor<mu_op_attention>(r, "attention");
  if (op.kind > MU_ATTENTION_BACKWARD || op.flags > MU_ATTENTION_CAUSAL)
    unsupported("[attention] kind " + std::to_string(op.kind) + " with flags " + std::to_string(op.flags) + " is not known here");
  const bool backward = op.kind == MU_ATTENTION_BACKWARD;
  const std::uint32_t plain = backward ? 6 : 3;
  require_views(r, r.n_in == plain + 1 ? plain + 1 : plain, backward ? 3 : r.n_out == 2 ? 2 : 1, "attention");
  const AttentionType type = type_of(r.in[0]);
  require_matrices(r, backward);
  const Job job = attention::job_of(op, r.n_in, r.in, r.n_out, r.out);
  if (is_better_written_out(job, r.device.properties.multiProcessorCount))
    unsupported("[attention] of " + std::to_string(job.queries) + " queries and " + std::to_string(job.keys) + " keys in " +
                std::to_string(job.items) + " items is faster as products");
  return std::make_unique<AttentionPlan>(r, type, job, backward);
}

}  // namespace mushin::cuda
