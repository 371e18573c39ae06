// SORT, by the plugin's own kernels where rows are short or few of each are asked for, else by radix sorts.
#include <algorithm>

#include "indexing.hpp"
#include "plan.hpp"
#include "sort_kernels.hpp"

namespace mushin::cuda {
namespace {

std::size_t room_for(mu_device& d, KeyType type, Index n, int bits) {
  std::size_t bytes = 0;
  mu_error error{};
  error.size = sizeof error;
  const mu_code code = d.check(radix_room(type, static_cast<std::uint32_t>(n), bits, bytes), "the room for a sort isn't known", &error);
  if (code != MU_OK) throw Failure{code, error.message};
  return bytes;
}

class Sort final : public mu_plan {
 public:
  // `values`, `indices`: views of what is asked for; either stands for the other where that isn't.
  Sort(const Request& r, const KeyRule& rule, const mu_tensor& values, const mu_tensor& indices, std::uint32_t flags, std::uint32_t axis)
      : mu_plan(r.device),
        flags_(flags),
        type_(rule.bytes == 8 ? KeyType::u64 : KeyType::u32),
        ordering_(ordering_of(r.in[0], values, indices, axis, rule)),
        tile_(tile_for(ordering_.length)) {
    specialized = MU_SPEC_SHAPE | MU_SPEC_STRIDE | MU_SPEC_RANK;
    if (is_empty() || !is_long()) return;
    if (ordering_.length > UINT32_MAX)
      unsupported("[sort] " + std::to_string(ordering_.length) + " elements are too many for a row: positions have 32 bits");
    if (is_of_few())
      make_room_for_passes();
    else
      make_room(r);
  }

  mu_code run(mu_stream& s, const mu_tensor* in, const mu_tensor* out, char* workspace, mu_error* e) override {
    if (is_empty()) return MU_OK;
    SortPlaces at{address(in[0]), nullptr, nullptr};
    if (flags_ & MU_SORT_VALUES) at.values = address(*out++);
    if (flags_ & MU_SORT_INDICES) at.indices = reinterpret_cast<std::int64_t*>(address(*out));
    if (!is_long())
      return device.check(ordering_.length <= most_counted ? launch_counting(type_, ordering_, at, s.handle)
                                                           : launch_tiles(type_, tile_, ordering_, at, {ordering_.length}, s.handle),
                          "a sort can't be launched", e);
    if (!workspace) return mu_fail(e, MU_INVALID, 0, "[sort] the plan's workspace is missing");
    if (is_of_few()) return device.check(first_few(at, workspace, s.handle), "a sort can't be launched", e);
    cudaError_t status = cudaSuccess;
    for (Index first = 0; first < ordering_.rows.walk.count && status == cudaSuccess; first += at_once_)
      status = sort_rows(at, first, std::min(at_once_, ordering_.rows.walk.count - first), workspace, s.handle);
    return device.check(status, "a sort can't be launched", e);
  }

 private:
  bool is_empty() const { return ordering_.rows.walk.count == 0 || ordering_.rows.n == 0; }
  bool is_long() const { return tile_ == tile_count; }
  bool is_of_few() const { return ordering_.rows.n <= most_first; }
  int key_bits() const { return 8 * ordering_.rule.bytes; }

  // The workspace: positions that a pass leaves, and those that the next one leaves.
  void make_room_for_passes() {
    Index left = ordering_.length;
    for (std::uint64_t* bytes : {&positions_bytes_, &more_positions_bytes_}) {
      if (left <= most_of_part) break;
      left = left_of(left, ordering_.rows.n);
      *bytes = aligned(static_cast<std::uint64_t>(ordering_.rows.walk.count * left) * sizeof(std::uint32_t));
    }
    workspace_bytes = positions_bytes_ + more_positions_bytes_;
  }

  cudaError_t first_few(const SortPlaces& at, char* workspace, cudaStream_t s) const {
    std::uint32_t* const room[] = {reinterpret_cast<std::uint32_t*>(workspace),
                                   reinterpret_cast<std::uint32_t*>(workspace + positions_bytes_)};
    Pass pass{ordering_.length};
    for (int i = 0; pass.length > most_of_part; ++i) {
      pass.parts = parts_of(pass.length), pass.next = room[i % 2];
      if (const cudaError_t status = launch_tiles(type_, tile_count - 1, ordering_, at, pass, s); status != cudaSuccess) return status;
      pass = {left_of(pass.length, ordering_.rows.n), 1, pass.next};
    }
    return launch_tiles(type_, tile_for(pass.length), ordering_, at, pass, s);
  }

  // The workspace: two arrays of keys, two of positions, and what a radix sort needs.
  void make_room(const Request& r) {
    at_once_ = rows_at_once(ordering_.length, ordering_.rows.walk.count);
    const Index n = at_once_ * ordering_.length;
    keys_bytes_ = aligned(static_cast<std::uint64_t>(n) * (type_ == KeyType::u64 ? 8 : 4));
    positions_bytes_ = aligned(static_cast<std::uint64_t>(n) * sizeof(std::uint32_t));
    room_bytes_ = room_for(r.device, type_, n, key_bits());
    if (at_once_ > 1) room_bytes_ = std::max(room_bytes_, room_for(r.device, KeyType::u32, n, bits_below(at_once_)));
    workspace_bytes = 2 * keys_bytes_ + 2 * positions_bytes_ + room_bytes_;
  }

  cudaError_t sort_rows(const SortPlaces& at, Index first, Index rows, char* workspace, cudaStream_t s) const {
    const Index n = rows * ordering_.length;
    void* const keys[] = {workspace, workspace + keys_bytes_};
    char* const behind = workspace + 2 * keys_bytes_;
    std::uint32_t* order[] = {reinterpret_cast<std::uint32_t*>(behind), reinterpret_cast<std::uint32_t*>(behind + positions_bytes_)};
    char* const room = behind + 2 * positions_bytes_;
    const auto sort = [&](KeyType type, int bits) {
      int which = 0;
      const cudaError_t status = radix_sort(type, keys, order, static_cast<std::uint32_t>(n), bits, room, room_bytes_, which, s);
      if (which) std::swap(order[0], order[1]);
      return status;
    };
    cudaError_t status = launch_keys(type_, ordering_, at.from, keys[0], order[0], first, rows, s);
    if (status == cudaSuccess) status = sort(type_, key_bits());
    if (status == cudaSuccess && rows > 1) {
      status = launch_row_numbers(ordering_.length, order[0], static_cast<std::uint32_t*>(keys[0]), n, s);
      if (status == cudaSuccess) status = sort(KeyType::u32, bits_below(rows));
    }
    return status == cudaSuccess ? launch_take(ordering_, at, order[0], first, rows, s) : status;
  }

  std::uint32_t flags_;
  KeyType type_;
  Ordering ordering_;
  int tile_;
  // Of long rows.
  Index at_once_ = 0;
  std::uint64_t keys_bytes_ = 0, positions_bytes_ = 0, more_positions_bytes_ = 0;
  std::size_t room_bytes_ = 0;
};

void check_output(const mu_tensor& in, const mu_tensor& out, std::uint32_t axis, mu_dtype type) {
  if (out.dtype != type) invalid("[sort] an output has another element type");
  bool fits = out.rank == in.rank;
  for (std::uint32_t i = 0; fits && i < in.rank; ++i) fits = i == axis ? out.dim[i] <= in.dim[i] : out.dim[i] == in.dim[i];
  if (!fits) invalid("[sort] dims don't fit: " + dims_text(out) + " of " + dims_text(in) + " along axis " + std::to_string(axis));
}

}  // namespace

PlanPtr make_sort(const Request& r) {
  const auto op = descriptor<mu_op_sort>(r, "sort");
  if (op.flags > (MU_SORT_DESCENDING | MU_SORT_VALUES | MU_SORT_INDICES))
    unsupported("[sort] flags " + std::to_string(op.flags) + " are not known here");
  const std::uint32_t values = op.flags & MU_SORT_VALUES ? 1 : 0, indices = op.flags & MU_SORT_INDICES ? 1 : 0;
  if (values + indices == 0) invalid("[sort] asks for neither values nor indices");
  require_views(r, 1, values + indices, "sort");
  const mu_tensor& in = r.in[0];
  if (op.axis >= in.rank) invalid("[sort] axis " + std::to_string(op.axis) + " is outside of " + dims_text(in));
  if (values) check_output(in, r.out[0], op.axis, in.dtype);
  if (indices) check_output(in, r.out[values], op.axis, MU_I64);
  if (values && indices && r.out[0].dim[op.axis] != r.out[1].dim[op.axis])
    invalid("[sort] has as many values as indices: " + dims_text(r.out[0]) + " and " + dims_text(r.out[1]));
  return std::make_unique<Sort>(r, key_rule_of(in.dtype, (op.flags & MU_SORT_DESCENDING) != 0), r.out[0], r.out[values + indices - 1],
                                op.flags, op.axis);
}

}  // namespace mushin::cuda
