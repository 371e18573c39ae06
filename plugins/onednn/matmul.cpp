// Products by dnnl_sgemm, called serially from the host's threads on parts of the output.
#include <oneapi/dnnl/dnnl.hpp>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdio>

#include "epilogue.hpp"
#include "one_thread.hpp"
#include "plan.hpp"

namespace onednn {
namespace {

// Up to here the builtin kernel, which packs nothing, is faster.
constexpr std::int64_t small_product = 48 * 48 * 48;
// A part is worth its hand-over from about 50 us on: at 100 GFLOP/s these are so many multiplications.
constexpr std::int64_t part_product = 2'500'000;
// sgemm may sum in another order for parts of another size, so these are then cut for this many threads, whatever there are.
constexpr std::int64_t ordered_threads = 16;
// Parts end where the register blocks of oneDNN's kernels do.
constexpr std::int64_t row_block = 8, column_block = 48;

constexpr std::int64_t round_up(std::int64_t n, std::int64_t block) { return (n + block - 1) / block * block; }
constexpr std::int64_t ceil_div(std::int64_t n, std::int64_t by) { return (n + by - 1) / by; }

/// How sgemm is told about an operand: rows contiguous ('N') or columns ('T').
struct Side {
  char transposed;
  dnnl_dim_t leading;
};

Side side(std::int64_t rows, std::int64_t columns, std::int64_t row_stride, std::int64_t column_stride) {
  if ((column_stride == 1 || columns == 1) && (rows == 1 || row_stride >= columns))
    return {'N', std::max(rows == 1 ? 0 : row_stride, columns)};
  if ((row_stride == 1 || rows == 1) && (columns == 1 || column_stride >= rows))
    return {'T', std::max(columns == 1 ? 0 : column_stride, rows)};
  throw Refusal{MU_UNSUPPORTED, "[onednn matmul] neither rows nor columns of an operand are contiguous"};
}

/// Index arithmetic of the batch axes, with the last two axes of each operand taken off.
struct Batch {
  unsigned rank = 0;
  std::array<std::int64_t, MU_MAX_RANK> dim{};

  std::int64_t count() const {
    std::int64_t n = 1;
    for (unsigned i = 0; i < rank; ++i) n *= dim[i];
    return n;
  }
  std::int64_t offset(std::int64_t item, const std::int64_t* stride) const {
    std::int64_t sum = 0;
    for (unsigned i = rank; i-- > 0; item /= dim[i]) sum += item % dim[i] * stride[i];
    return sum;
  }
};

void check(const Request& r, const mu_op_matmul& op) {
  require(op.acc == MU_F32 && r.n_in >= 2 && r.n_out == 1, "[onednn matmul] sums are in f32");
  const unsigned rank = r.out[0].rank;
  if (rank < 2 || rank > MU_MAX_RANK) throw Refusal{MU_INVALID, "[onednn matmul] operands need a rank from 2 to 8"};
  for (unsigned i = 0; i < r.n_in + 1; ++i) {
    const mu_tensor& v = i < r.n_in ? r.in[i] : r.out[0];
    require(v.dtype == MU_F32 && v.layout == MU_LAYOUT_STRIDED, "[onednn matmul] operands are strided f32");
    if (v.rank != rank) throw Refusal{MU_INVALID, "[onednn matmul] operands differ in rank"};
    for (unsigned k = 0; k < (i < 2 ? rank - 2 : rank); ++k)
      if (v.dim[k] != r.out[0].dim[k]) throw Refusal{MU_INVALID, "[onednn matmul] operands differ in a batch extent"};
  }
  const mu_tensor &a = r.in[0], &b = r.in[1], &c = r.out[0];
  if (a.dim[rank - 2] != c.dim[rank - 2] || b.dim[rank - 1] != c.dim[rank - 1] || a.dim[rank - 1] != b.dim[rank - 2])
    throw Refusal{MU_INVALID, "[onednn matmul] extents don't fit together"};
}

class Matmul final : public mu_plan {
 public:
  Matmul(const Request& r, const mu_op_matmul& op) : rank_(r.out[0].rank), n_extra_(r.n_in - 2) {
    const mu_tensor &a = r.in[0], &b = r.in[1], &c = r.out[0];
    const unsigned row = rank_ - 2, column = rank_ - 1;
    m_ = c.dim[row], n_ = c.dim[column], k_ = a.dim[column];
    require(m_ > 1 && n_ > 1 && m_ * n_ * k_ > small_product, "[onednn matmul] the builtin kernel is faster for products this small");
    batch_.rank = row;
    std::copy_n(c.dim, row, batch_.dim.begin());
    a_ = side(m_, k_, a.stride[row], a.stride[column]);
    b_ = side(k_, n_, b.stride[row], b.stride[column]);
    require(side(m_, n_, c.stride[row], c.stride[column]).transposed == 'N', "[onednn matmul] the output's rows aren't contiguous");
    if (op.epilogue) epilogue_ = Epilogue(*op.epilogue, r.in, r.n_in, c);
    require(n_extra_ <= max_extra, "[onednn matmul] the epilogue has too many inputs");
    deterministic = r.ordered;
    split(r.ordered ? ordered_threads : std::max<std::int64_t>(1, host->thread_count(host->ctx)));
  }

  mu_code run(const mu_tensor* in, const mu_tensor* out, char*, mu_error* e) const noexcept override {
    std::atomic<int> status{dnnl_success};
    auto units = [&](std::uint64_t begin, std::uint64_t end) {
      OneThread guard;
      for (auto u = static_cast<std::int64_t>(begin); u < static_cast<std::int64_t>(end); ++u)
        if (const int s = part(in, out, u / parts_, u % parts_); s != dnnl_success) status = s;
    };
    const auto n = static_cast<std::uint64_t>(batch_.count() * parts_);
    if (n <= grain_)
      units(0, n);
    else
      parallel_for(n, grain_, units);
    if (status == dnnl_success) return MU_OK;
    std::array<char, 160> text;
    std::snprintf(text.data(), text.size(), "[onednn matmul] dnnl_sgemm refused %lld x %lld x %lld (dnnl status %d)",
                  static_cast<long long>(m_), static_cast<long long>(n_), static_cast<long long>(k_), status.load());
    return mu_fail(e, MU_INTERNAL, status, text.data());
  }

 private:
  static constexpr unsigned max_extra = 14;

  /// Units of work are parts of one product of the batch; consecutive ones make a chunk of the host's parallel_for.
  void split(std::int64_t threads) {
    const std::int64_t product = m_ * n_ * k_;
    const std::int64_t all = product * batch_.count();
    const std::int64_t wanted = std::clamp(all / part_product, std::int64_t{1}, all > threads * 16 * part_product ? threads * 4 : threads);
    by_rows_ = m_ >= n_ / 2;
    const std::int64_t length = by_rows_ ? m_ : n_, block = by_rows_ ? row_block : column_block;
    const std::int64_t parts = batch_.count() >= wanted ? 1 : ceil_div(wanted, batch_.count());
    part_length_ = round_up(ceil_div(length, parts), block);
    parts_ = ceil_div(length, part_length_);
    grain_ = static_cast<std::uint64_t>(ceil_div(batch_.count() * parts_, wanted));
  }

  int part(const mu_tensor* in, const mu_tensor* out, std::int64_t item, std::int64_t number) const noexcept {
    const unsigned row = rank_ - 2, column = rank_ - 1;
    const std::int64_t begin = number * part_length_, end = std::min(begin + part_length_, by_rows_ ? m_ : n_);
    const std::int64_t r0 = by_rows_ ? begin : 0, r1 = by_rows_ ? end : m_, c0 = by_rows_ ? 0 : begin, c1 = by_rows_ ? n_ : end;
    const float* a = address(in[0]) + batch_.offset(item, in[0].stride) + r0 * in[0].stride[row];
    const float* b = address(in[1]) + batch_.offset(item, in[1].stride) + c0 * in[1].stride[column];
    float* c = address(out[0]) + batch_.offset(item, out[0].stride) + r0 * out[0].stride[row] + c0;
    const dnnl_status_t s =
        dnnl_sgemm(a_.transposed, b_.transposed, r1 - r0, c1 - c0, k_, 1, a, a_.leading, b, b_.leading, 0, c, out[0].stride[row]);
    if (s != dnnl_success || epilogue_.empty()) return s;
    for (std::int64_t r = r0; r < r1; ++r, c += out[0].stride[row]) finish_row(in + 2, item, r, c, c0, c1);
    return s;
  }

  void finish_row(const mu_tensor* extra, std::int64_t item, std::int64_t r, float* c, std::int64_t c0, std::int64_t c1) const noexcept {
    std::array<const float*, max_extra + 1> at{};  // input 0 is the product
    for (unsigned i = 0; i < n_extra_; ++i)
      at[i + 1] = address(extra[i]) + batch_.offset(item, extra[i].stride) + r * extra[i].stride[rank_ - 2];
    epilogue_.apply(c, static_cast<std::size_t>(c1 - c0), at.data(), static_cast<std::size_t>(c0));
  }

  unsigned rank_, n_extra_;
  std::int64_t m_, n_, k_;
  Batch batch_;
  Side a_, b_;
  Epilogue epilogue_;
  bool by_rows_ = true;
  std::int64_t part_length_ = 0, parts_ = 1;
  std::uint64_t grain_ = 1;
};

}  // namespace

std::unique_ptr<mu_plan> make_matmul(const Request& r) {
  mu_op_matmul op;
  if (const mu_code code = mu_read_desc(&op, sizeof op, r.op, sizeof op); code != MU_OK)
    throw Refusal{code, "[onednn matmul] the descriptor isn't one of this version"};
  check(r, op);
  return std::make_unique<Matmul>(r, op);
}

}  // namespace onednn
