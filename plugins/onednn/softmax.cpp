// Softmax over contiguous rows by oneDNN's primitive, made for a chunk of rows and executed serially from the host's threads.
#include <algorithm>
#include <array>
#include <atomic>
#include <cstdio>
#include <cstring>
#include <iterator>

#include "dnnl_version.hpp"
#include "one_thread.hpp"
#include "plan.hpp"

namespace onednn {
namespace {

// Below, the primitive costs more to start than it saves.
constexpr std::int64_t small_softmax = 1 << 12;
// About 50 us.
constexpr std::int64_t chunk_elements = 1 << 16;

/// Longer rows are the builtin kernels' business: measured on AVX-512, rows of 1024 take oneDNN 1.3 to 1.9 times as long forward,
/// rows of 10 half as long; softmax's backward is level or ahead throughout.
struct Kind {
  std::uint32_t id;
  bool backward;
  dnnl::algorithm algorithm;
  std::int64_t longest;
};
constexpr Kind kinds[] = {
    {MU_SOFTMAX, false, dnnl::algorithm::softmax_accurate, 256},
    {MU_SOFTMAX_LOG, false, dnnl::algorithm::softmax_log, 256},
    {MU_SOFTMAX_BACKWARD, true, dnnl::algorithm::softmax_accurate, std::int64_t{1} << 40},
    {MU_SOFTMAX_LOG_BACKWARD, true, dnnl::algorithm::softmax_log, 256},
};

bool contiguous(const mu_tensor& v) {
  std::int64_t stride = 1;
  for (unsigned i = v.rank; i-- > 0; stride *= v.dim[i])
    if (v.dim[i] != 1 && v.stride[i] != stride) return false;
  return true;
}

/// The primitive for a number of rows.
struct Rows {
  dnnl::memory::desc desc;
  dnnl::primitive primitive;

  Rows() = default;
  Rows(const dnnl::engine& engine, const Kind& kind, std::int64_t rows, std::int64_t length)
      : desc({rows, length}, dnnl::memory::data_type::f32, dnnl::memory::format_tag::ab) {
    if (kind.backward)
      make<version::SoftmaxBackward>(version::softmax_backward(engine, kind.algorithm, desc, 1));
    else
      make<version::SoftmaxForward>(version::softmax(engine, kind.algorithm, desc, 1));
  }

 private:
  template <class Primitive>
  void make(const typename Primitive::primitive_desc& pd) {
    require(!std::strstr(pd.impl_info_str(), "ref"), "[onednn softmax] oneDNN has only its reference code for this");
    primitive = Primitive(pd);
  }
};

class Softmax final : public mu_plan {
 public:
  Softmax(const dnnl::engine& engine, const Kind& kind, std::int64_t rows, std::int64_t length)
      : engine_(engine),
        backward_(kind.backward),
        rows_(rows),
        length_(length),
        grain_(std::clamp(chunk_elements / length, std::int64_t{1}, rows)) {
    OneThread guard;  // primitives are made for the number of threads that they see
    chunk_ = Rows(engine, kind, grain_, length);
    if (rows % grain_) tail_ = Rows(engine, kind, rows % grain_, length);
  }

  mu_code run(const mu_tensor* in, const mu_tensor* out, char*, mu_error* e) const noexcept override {
    std::atomic<int> status{dnnl_success};
    auto chunk = [&](std::uint64_t begin, std::uint64_t end) {
      if (const int s = execute(in, out, static_cast<std::int64_t>(begin), static_cast<std::int64_t>(end)); s != dnnl_success) status = s;
    };
    parallel_for(static_cast<std::uint64_t>(rows_), static_cast<std::uint64_t>(grain_), chunk);
    if (status == dnnl_success) return MU_OK;
    std::array<char, 128> text;
    std::snprintf(text.data(), text.size(), "[onednn softmax] oneDNN failed on rows of %lld (dnnl status %d)",
                  static_cast<long long>(length_), status.load());
    return mu_fail(e, status == dnnl_out_of_memory ? MU_OUT_OF_MEMORY : MU_INTERNAL, status, text.data());
  }

 private:
  /// `[begin, end)` may be several chunks when the host runs them inline.
  int execute(const mu_tensor* in, const mu_tensor* out, std::int64_t begin, std::int64_t end) const noexcept {
    try {
      OneThread guard;
      dnnl::stream stream(engine_);
      for (std::int64_t row = begin; row < end; row += grain_) {
        const Rows& rows = end - row >= grain_ ? chunk_ : tail_;
        const auto at = [&](const mu_tensor& v) { return dnnl::memory(rows.desc, engine_, address(v) + row * length_); };
        if (backward_)
          rows.primitive.execute(stream, {{DNNL_ARG_DST, at(in[0])}, {DNNL_ARG_DIFF_DST, at(in[1])}, {DNNL_ARG_DIFF_SRC, at(out[0])}});
        else
          rows.primitive.execute(stream, {{DNNL_ARG_SRC, at(in[0])}, {DNNL_ARG_DST, at(out[0])}});
      }
      return dnnl_success;
    } catch (const dnnl::error& error) {
      return error.status;
    } catch (...) {
      return dnnl_out_of_memory;
    }
  }

  dnnl::engine engine_;
  bool backward_;
  std::int64_t rows_, length_, grain_;
  Rows chunk_, tail_;
};

}  // namespace

std::unique_ptr<mu_plan> make_softmax(const Request& r) {
  mu_op_softmax op;
  if (const mu_code code = mu_read_desc(&op, sizeof op, r.op, sizeof op); code != MU_OK)
    throw Refusal{code, "[onednn softmax] the descriptor isn't one of this version"};
  const auto* kind = std::find_if(std::begin(kinds), std::end(kinds), [&](const Kind& k) { return k.id == op.kind; });
  require(kind != std::end(kinds), "[onednn softmax] the kind is unknown");
  if (r.n_in != (kind->backward ? 2u : 1u) || r.n_out != 1) throw Refusal{MU_INVALID, "[onednn softmax] wrong number of operands"};
  const mu_tensor& y = r.out[0];
  if (op.axis >= y.rank || y.rank > MU_MAX_RANK) throw Refusal{MU_INVALID, "[onednn softmax] the axis is out of range"};
  for (unsigned i = 0; i < r.n_in + 1; ++i) {
    const mu_tensor& v = i < r.n_in ? r.in[i] : y;
    if (v.rank != y.rank || !std::equal(v.dim, v.dim + v.rank, y.dim))
      throw Refusal{MU_INVALID, "[onednn softmax] operands differ in extents"};
    require(v.dtype == MU_F32 && v.layout == MU_LAYOUT_STRIDED && contiguous(v), "[onednn softmax] operands are contiguous f32");
  }
  std::int64_t rows = 1, inner = 1;
  for (unsigned i = 0; i < y.rank; ++i) (i < op.axis ? rows : inner) *= i == op.axis ? 1 : y.dim[i];
  const std::int64_t length = y.dim[op.axis];
  require(inner == 1, "[onednn softmax] the axis isn't the innermost one");
  require(length <= kind->longest, "[onednn softmax] the builtin kernel is faster for rows this long");
  require(rows * length >= small_softmax, "[onednn softmax] the builtin kernel is faster for operands this small");
  return std::make_unique<Softmax>(*r.engine, *kind, rows, length);
}

}  // namespace onednn
