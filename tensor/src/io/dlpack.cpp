#include "mushin/tensor/io/dlpack.hpp"

#include <cstring>
#include <iterator>
#include <memory>

#include "core/fail.hpp"
#include "core/node.hpp"
#include "io/borrowed.hpp"
#include "io/contents.hpp"
#include "io/incoming.hpp"
#include "io/types.hpp"
#include "mushin/tensor/io/dlpack_abi.hpp"

namespace mushin::core {
namespace {

constexpr std::uint64_t read_only = 1;

/// What another library gets: the struct, and what it points to. The value lives as long.
template <class Managed>
struct Given {
  Managed managed;
  Array value;
  std::int64_t sizes[max_rank], strides[max_rank];
};

template <class Managed>
Managed* give(const char* op, const Array& a) {
  if (!a.device()->host_memory) fail<DeviceError>("[{}] the value must lie in host memory: it is on {}", op, a.device()->name);
  auto given = std::make_unique<Given<Managed>>();
  given->value = buffer_of(a);
  const Node* const n = node_of(given->value);
  for (unsigned i = 0; i < n->sizes.rank; ++i) {
    given->sizes[i] = n->sizes.at[i];
    given->strides[i] = n->stride[i];
  }
  const auto type = static_cast<std::uint32_t>(n->type);
  DLTensor& t = given->managed.dl_tensor;
  t.data = n->count ? n->block->data + n->offset : nullptr;
  t.device = {kDLCPU, 0};
  t.ndim = static_cast<std::int32_t>(n->sizes.rank);
  t.dtype = {static_cast<std::uint8_t>(type), static_cast<std::uint8_t>(type >> 8), static_cast<std::uint16_t>(type >> 16)};
  t.shape = given->sizes;
  t.strides = given->strides;
  t.byte_offset = 0;
  given->managed.manager_ctx = given.get();
  given->managed.deleter = [](Managed* self) { delete static_cast<Given<Managed>*>(self->manager_ctx); };
  return &given.release()->managed;
}

/// What a foreign tensor says, checked.
struct Taken {
  dtype type;
  Sizes sizes;
  std::int64_t strides[max_rank];
  std::int64_t count;
  const std::byte* data;

  /// Whether a view can have these strides.
  bool forward() const {
    for (unsigned i = 0; i < sizes.rank; ++i)
      if (strides[i] < 0) return false;
    return true;
  }
  /// The bytes from the first element to the last; of forward strides.
  std::size_t span() const {
    std::int64_t last = 0;
    for (unsigned i = 0; i < sizes.rank; ++i) last += (sizes[i] - 1) * strides[i];
    return static_cast<std::size_t>(last + 1) * bytes_of(type);
  }
  /// Calls `f(address)` for each element, row-major.
  template <class F>
  void each(F f) const {
    std::int64_t index[max_rank]{}, at = 0;
    for (std::int64_t k = 0; k < count; ++k) {
      f(data + at * static_cast<std::int64_t>(bytes_of(type)));
      for (unsigned i = sizes.rank; i-- > 0;) {
        at += strides[i];
        if (++index[i] < sizes[i]) break;
        at -= sizes[i] * strides[i];
        index[i] = 0;
      }
    }
  }
};

constexpr const char* take_op = "from_dlpack";

dtype type_of(const DLDataType& t) {
  const std::uint32_t code = std::uint32_t{t.code} | std::uint32_t{t.bits} << 8 | std::uint32_t{t.lanes} << 16;
  for (const auto& known : io::type_names)
    if (static_cast<std::uint32_t>(known.type) == code) return known.type;
  fail<ShapeError>("[{}] mushin has no such element type: code {}, {} bits, {} lanes", take_op, t.code, t.bits, t.lanes);
}

/// Whether all elements lie at addresses that there are. What another library holds is its own to know.
bool is_in_memory(const Taken& t, std::uint64_t offset) {
  std::int64_t low = 0, high = 0, span;  // from the first element, in elements; then all, in bytes
  for (unsigned i = 0; i < t.sizes.rank; ++i) {
    std::int64_t way, &side = t.strides[i] < 0 ? low : high;
    if (__builtin_mul_overflow(t.sizes[i] - 1, t.strides[i], &way) || __builtin_add_overflow(side, way, &side)) return false;
  }
  const auto bytes = static_cast<std::int64_t>(bytes_of(t.type));
  if (__builtin_sub_overflow(high, low, &span) || __builtin_add_overflow(span, 1, &span) || __builtin_mul_overflow(span, bytes, &span))
    return false;
  std::uintptr_t first, end;
  if (__builtin_add_overflow(reinterpret_cast<std::uintptr_t>(t.data), offset, &first)) return false;
  return first >= static_cast<std::uintptr_t>(-low * bytes) &&
         !__builtin_add_overflow(first, static_cast<std::uintptr_t>((high + 1) * bytes), &end);
}

Taken look_at(const DLTensor& t) {
  if (t.device.device_type != kDLCPU && t.device.device_type != kDLCUDAHost && t.device.device_type != kDLROCMHost)
    fail<DeviceError>("[{}] the memory must be the host's: DLPack device type {}", take_op, static_cast<int>(t.device.device_type));
  if (t.ndim < 0 || t.ndim > static_cast<std::int32_t>(max_rank))
    fail<ShapeError>("[{}] a tensor has at most {} axes: it has {}", take_op, max_rank, t.ndim);
  if (t.ndim > 0 && !t.shape) fail<ShapeError>("[{}] there must be a shape: it has {} axes and none", take_op, t.ndim);
  Taken out{type_of(t.dtype), {}, {}, 0, static_cast<const std::byte*>(t.data)};
  for (std::int32_t i = 0; i < t.ndim; ++i) out.sizes.push(t.shape[i]);
  out.count = checked_count(take_op, out.sizes);
  if (out.count > 0 && !t.data) fail<ShapeError>("[{}] there must be memory: {} elements at null", take_op, out.count);
  // The stride of an axis without a second element says nothing, and may be anything.
  std::int64_t row_major = 1;
  for (unsigned i = out.sizes.rank; i-- > 0; row_major *= out.sizes[i])
    out.strides[i] = t.strides && out.count > 0 && out.sizes[i] > 1 ? t.strides[i] : row_major;
  if (out.count == 0) return out;
  if (!is_in_memory(out, t.byte_offset)) {
    Sizes strides;
    for (unsigned i = 0; i < out.sizes.rank; ++i) strides.push(out.strides[i]);
    fail<ShapeError>("[{}] strides and byte_offset must stay within memory: {} with strides {} from byte {} on", take_op,
                     text_of(out.sizes), text_of(strides), t.byte_offset);
  }
  out.data += t.byte_offset;
  return out;
}

void check_bools(const Taken& t) {
  if (t.count == 0) return;
  Taken once = t;
  for (unsigned i = 0; i < t.sizes.rank; ++i)
    if (t.strides[i] == 0) once.count /= once.sizes[i], once.sizes.at[i] = 1;  // a repeated one is looked at once
  once.each([](const std::byte* at) {
    if (*at > std::byte{1}) fail<ShapeError>("[{}] a bool must be 0 or 1: one is {}", take_op, static_cast<int>(*at));
  });
}

Array copy_of(const Taken& t) {
  io::Incoming in(t.sizes, t.type);
  std::byte* to = in.data();
  const std::size_t bytes = bytes_of(t.type);
  t.each([&](const std::byte* at) {
    std::memcpy(to, at, bytes);
    to += bytes;
  });
  return in.done();
}

template <class Managed>
void let_go(void* owner) {
  auto* const managed = static_cast<Managed*>(owner);
  if (managed->deleter) managed->deleter(managed);
}

template <class Managed>
Array take(Managed* from, const Wanted* wanted) {
  const Taken t = look_at(from->dl_tensor);
  if (wanted && (t.type != wanted->type || !io::has_sizes(t.sizes, *wanted)))
    fail<ShapeError>("[{}] element type and shape must be those asked for: it is {} {}, asked was {} {}", take_op, name_of(t.type),
                     text_of(t.sizes), name_of(wanted->type), wanted->shape);
  if (t.type == dtype::b8) check_bools(t);
  if (t.count > 0 && t.forward() && io::can_borrow(t.data, t.type))
    return io::borrow(t.data, t.span(), t.sizes, t.strides, t.type, let_go<Managed>, from);
  Array copy = copy_of(t);
  let_go<Managed>(from);
  return copy;
}

Array take_any(DLManagedTensor* from, const Wanted* wanted) {
  if (!from) fail<ShapeError>("[{}] there must be a tensor: got null", take_op);
  return take(from, wanted);
}
Array take_any(DLManagedTensorVersioned* from, const Wanted* wanted) {
  if (!from) fail<ShapeError>("[{}] there must be a tensor: got null", take_op);
  if (from->version.major != 1)
    fail<ShapeError>("[{}] the ABI must be DLPack's version 1: it is {}.{}", take_op, from->version.major, from->version.minor);
  return take(from, wanted);
}

}  // namespace

DLManagedTensor* to_dlpack(const Array& a) { return give<DLManagedTensor>("to_dlpack", a); }
DLManagedTensorVersioned* to_dlpack_versioned(const Array& a) {
  auto* const out = give<DLManagedTensorVersioned>("to_dlpack_versioned", a);
  out->version = {1, 0};
  out->flags = read_only;
  return out;
}

Array from_dlpack(DLManagedTensor* from) { return take_any(from, nullptr); }
Array from_dlpack(DLManagedTensorVersioned* from) { return take_any(from, nullptr); }
Array from_dlpack(DLManagedTensor* from, const Wanted& wanted) { return take_any(from, &wanted); }
Array from_dlpack(DLManagedTensorVersioned* from, const Wanted& wanted) { return take_any(from, &wanted); }

}  // namespace mushin::core
