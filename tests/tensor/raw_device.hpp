// A device's plugin without the core: reorders bytes through its tables.
#pragma once
#include <algorithm>
#include <vector>

#include "devices/device_state.hpp"
#include "fakegpu.hpp"

namespace mushin::core::test {

class Raw {
 public:
  explicit Raw(core::Device* d) : d_(d) { error_.size = sizeof error_; }
  ~Raw() {
    synchronize(device_of(d_));
    for (mu_buffer* b : buffers_) d_->memory.free(d_->handle, b);
  }
  mu_buffer* memory(std::uint64_t bytes) {
    mu_buffer* b = nullptr;
    EXPECT_EQ(d_->memory.alloc(d_->handle, MU_MEMORY_DEVICE, bytes, 64, &b, &error_), MU_OK);
    buffers_.push_back(b);
    return b;
  }
  mu_tensor rows(const Sizes& s, mu_dtype t) {
    mu_tensor v{};
    v.size = sizeof v, v.dtype = t, v.rank = static_cast<std::uint16_t>(s.rank);
    std::int64_t step = 1;
    for (unsigned i = s.rank; i-- > 0; step *= s[i]) v.dim[i] = s[i], v.stride[i] = step;
    v.bytes = static_cast<std::uint64_t>(step) * mu_dtype_bytes(t);
    v.buffer = memory(v.bytes);
    return v;
  }
  // As the device lays out operand 1 or result 2 of a product.
  mu_tensor chosen(mu_tensor v, unsigned which) {
    mu_tensor ask[3] = {v, v, v};
    for (mu_tensor& a : ask) {
      a.buffer = nullptr;
      if (a.dtype == MU_BOOL) a.dtype = MU_U8;  // bool has no products, and lies as other bytes do
    }
    ask[which].layout = MU_LAYOUT_ANY;
    const mu_dtype t = ask[0].dtype, sums = t == MU_I8 || t == MU_U8 ? MU_I32 : t == MU_F16 || t == MU_BF16 ? MU_F32 : t;
    const mu_op_matmul op{{sizeof op, MU_OP_MATMUL}, sums, MU_MATH_EXACT, nullptr};
    mu_plan_info info{};
    info.size = sizeof info;
    mu_plan* none = nullptr;
    EXPECT_EQ(d_->compute.plan_create(d_->handle, &op.h, MU_PLAN_QUERY_ONLY, 2, ask, 1, ask + 2, &none, &info, &error_), MU_OK);
    EXPECT_EQ(info.elementwise >> which & 1u, which == 2 && mu_dtype_bytes(v.dtype) != 8);
    v.layout = MU_LAYOUT_OPAQUE;
    v.layout_id = info.layout_id[which], v.bytes = info.layout_bytes[which];
    std::fill(v.stride, v.stride + v.rank, 0);
    v.buffer = memory(v.bytes);
    return v;
  }
  mu_code reorder(mu_tensor from, mu_tensor to) {
    const mu_op_reorder op{{sizeof op, MU_OP_REORDER}};
    mu_plan_info info{};
    info.size = sizeof info;
    mu_plan* plan = nullptr;
    const mu_tensor views[] = {from, to};
    from.buffer = to.buffer = nullptr;
    const mu_code code = d_->compute.plan_create(d_->handle, &op.h, 0, 1, &from, 1, &to, &plan, &info, &error_);
    if (code != MU_OK) return code;
    EXPECT_EQ(d_->compute.plan_run(plan, nullptr, 1, views, 1, views + 1, memory(info.workspace_bytes), 0, &error_), MU_OK);
    d_->compute.plan_destroy(plan);
    return code;
  }
  void write(const mu_tensor& v, const std::vector<std::byte>& from) {
    EXPECT_EQ(d_->memory.upload(d_->handle, nullptr, v.buffer, 0, from.data(), from.size(), &error_), MU_OK);
  }
  std::vector<std::byte> read(const mu_tensor& v) {
    std::vector<std::byte> to(v.bytes);
    EXPECT_EQ(d_->memory.download(d_->handle, nullptr, to.data(), v.buffer, 0, v.bytes, &error_), MU_OK);
    synchronize(device_of(d_));
    return to;
  }

 private:
  core::Device* d_;
  mu_error error_{};
  std::vector<mu_buffer*> buffers_;
};

}  // namespace mushin::core::test
