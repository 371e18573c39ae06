// Tensors of another library, whose every number may lie. What is refused stays its own; what is taken is let go of once.
#include <algorithm>
#include <cstring>
#include <memory>

#include "core/node.hpp"
#include "io/types.hpp"
#include "mushin/tensor/error.hpp"
#include "mushin/tensor/io/dlpack.hpp"
#include "mushin/tensor/io/dlpack_abi.hpp"

// What only giving needs.
mushin::core::Array mushin::core::buffer_of(const Array& a, Device*) { return a; }

namespace {

using mushin::core::from_dlpack;
using Wide = __int128;

/// Numbers out of the fuzzer's bytes; zeros when they are at an end.
struct Numbers {
  const std::uint8_t* at;
  std::size_t left;

  template <class T>
  T next() {
    T value{};
    const std::size_t n = left < sizeof value ? left : sizeof value;
    std::memcpy(&value, at, n);
    at += n, left -= n;
    return value;
  }
  /// A small number mostly, any at times.
  std::int64_t size() {
    const auto how = next<std::uint8_t>();
    return how < 224 ? how % 9 - (how >= 200 ? 4 : 0) : next<std::int64_t>();
  }
};

int let_go = 0;
template <class Managed>
void count(Managed*) {
  ++let_go;
}

/// Where the elements lie, from the first one, in bytes. Axes without a second element don't count.
struct Reach {
  Wide low = 0, high = 0, count = 1;  // count: at most what 64 bits hold
};
Reach reach_of(const DLTensor& t, std::size_t bytes) {
  Reach r;
  for (int i = 0; i < t.ndim; ++i)
    if (t.shape[i] <= 0) return {0, 0, 0};
  for (int i = t.ndim; i-- > 0;) {
    const Wide n = t.shape[i], far = Wide{1} << 100;  // beyond all memory, and many of it can be added
    const Wide way = std::clamp((n - 1) * (t.strides ? t.strides[i] : r.count), -far, far);
    if (n > 1) (way < 0 ? r.low : r.high) += way;
    r.count = r.count * n > UINT64_MAX ? Wide{UINT64_MAX} : r.count * n;
  }
  r.low *= static_cast<Wide>(bytes), r.high = (r.high + 1) * static_cast<Wide>(bytes);
  return r;
}

/// Takes it; false: refused.
template <class Managed>
bool take(const DLTensor& t, Numbers& numbers) {
  Managed m{};
  m.dl_tensor = t;
  if constexpr (requires { m.version; }) m.version = {numbers.next<std::uint8_t>() % 4u, 0}, m.flags = numbers.next<std::uint64_t>();
  m.deleter = numbers.next<std::uint8_t>() % 8 ? count<Managed> : nullptr;
  const mushin::core::Wanted wanted{mushin::dtype::f32, {2, 3}, "(2, 3)"};
  let_go = 0;
  bool taken = true;
  try {
    if (numbers.next<std::uint8_t>() % 8)
      (void)from_dlpack(&m);
    else
      (void)from_dlpack(&m, wanted);
  } catch (const mushin::Error&) {
    taken = false;
  }
  if (let_go != (taken && m.deleter)) __builtin_trap();
  return taken;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Numbers numbers{data, size};
  const auto how = numbers.next<std::uint8_t>();
  const auto& type = mushin::io::type_names[numbers.next<std::uint8_t>() % std::size(mushin::io::type_names)];
  const auto known = static_cast<std::uint32_t>(type.type);
  DLTensor t{};
  t.dtype = {static_cast<std::uint8_t>(known), static_cast<std::uint8_t>(known >> 8), static_cast<std::uint16_t>(known >> 16)};
  if (how % 8 == 0) t.dtype = {numbers.next<std::uint8_t>(), numbers.next<std::uint8_t>(), numbers.next<std::uint16_t>()};
  t.device = {kDLCPU, 0};
  if (how % 8 == 1) t.device = {static_cast<DLDeviceType>(numbers.next<std::int32_t>()), numbers.next<std::int32_t>()};
  t.ndim = static_cast<std::int32_t>(numbers.size());
  std::int64_t shape[16], strides[16];
  for (std::int64_t& n : shape) n = numbers.size();
  for (std::int64_t& n : strides) n = numbers.size();
  t.shape = how % 8 == 2 ? nullptr : shape;
  t.strides = how & 16 ? strides : nullptr;
  t.byte_offset = static_cast<std::uint64_t>(numbers.size());

  // As much memory as the elements reach over; none where no memory could do, or where nobody would look.
  std::unique_ptr<std::byte[]> memory;
  bool impossible = false;
  const std::size_t bytes = mushin::bytes_of(type.type);
  if (t.ndim >= 0 && t.ndim <= 8 && t.shape && how % 8 > 1) {
    const Reach r = reach_of(t, bytes);
    const Wide span = r.high - r.low;
    if (r.count > 0 && r.count <= 1 << 12 && span <= 1 << 16 && t.byte_offset < 1 << 16) {
      const auto front = static_cast<std::size_t>(-r.low > static_cast<Wide>(t.byte_offset) ? -r.low : static_cast<Wide>(t.byte_offset));
      memory = std::make_unique<std::byte[]>(front + static_cast<std::size_t>(r.high));
      t.data = memory.get() + front - t.byte_offset;
    } else if (r.count > 0) {
      const Wide first = static_cast<Wide>(reinterpret_cast<std::uintptr_t>(shape)) + static_cast<Wide>(t.byte_offset);
      impossible = span > INT64_MAX || first + r.low < 0 || first + r.high > Wide{UINT64_MAX};
      if (!impossible) return 0;  // larger than what there is here, and not to be told from what is there
      t.data = shape;
    }
  }
  if (how % 8 == 3) t.data = nullptr;
  const bool taken = how & 32 ? take<DLManagedTensorVersioned>(t, numbers) : take<DLManagedTensor>(t, numbers);
  if (taken && impossible) __builtin_trap();
  return 0;
}
