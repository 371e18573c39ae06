#include "transfer.hpp"

#include <algorithm>
#include <utility>
#include <vector>

#include "conv_primitive.hpp"

namespace onednn {

using dnnl::memory;

bool lies_as(const memory::dims& strides, const memory::desc& layout) {
  const auto sizes = version::sizes_of(layout), there = version::strides_of(layout);
  if (there.empty()) return false;
  for (std::size_t i = 0; i < sizes.size(); ++i)
    if (sizes[i] != 1 && strides[i] != there[i]) return false;
  return true;
}

// Each axis has to step over all that those with smaller strides reach.
bool overlaps(const memory::dims& sizes, const memory::dims& strides) {
  std::vector<std::pair<std::int64_t, std::int64_t>> axes;
  for (std::size_t i = 0; i < sizes.size(); ++i)
    if (sizes[i] > 1) axes.emplace_back(strides[i], sizes[i]);
  std::sort(axes.begin(), axes.end());
  std::int64_t reach = 1;
  for (const auto& [stride, size] : axes) {
    if (stride < reach) return true;
    reach = stride * size;
  }
  return false;
}

namespace {

// An extent of 1 has whatever stride overlaps nothing.
memory::desc strided(const memory::desc& like, memory::dims strides, memory::data_type type) {
  const auto sizes = version::sizes_of(like);
  std::int64_t reach = 1;
  for (std::size_t i = 0; i < sizes.size(); ++i)
    if (sizes[i] != 1) reach = std::max(reach, sizes[i] * strides[i]);
  for (std::size_t i = 0; i < sizes.size(); ++i)
    if (sizes[i] == 1) strides[i] = reach;
  return {sizes, type, strides};
}

// Axis by axis, the last of both innermost.
template <class T>
void copy_repeated(const T* from, const std::int64_t* from_stride, T* to, const std::int64_t* to_stride, const std::int64_t* size,
                   std::size_t axes) {
  if (axes == 0) {
    *to = *from;
    return;
  }
  for (std::int64_t i = 0; i < *size; ++i)
    copy_repeated(from + i * *from_stride, from_stride + 1, to + i * *to_stride, to_stride + 1, size + 1, axes - 1);
}

}  // namespace

Transfer::Transfer(const dnnl::engine& engine, const memory::desc& from, const memory::desc& to) : nothing_(false), from_(from), to_(to) {
  const dnnl::reorder::primitive_desc pd(engine, from, engine, to, with_scratchpad());
  scratchpad_ = pd.scratchpad_desc();
  reorder_ = dnnl::reorder(pd);
}

Transfer Transfer::into(const dnnl::engine& engine, const memory::dims& strides, const memory::desc& wanted) {
  if (lies_as(strides, wanted)) return {};
  if (!overlaps(version::sizes_of(wanted), strides)) return {engine, strided(wanted, strides, version::type_of(wanted)), wanted};
  const auto places = version::strides_of(wanted);
  require(!places.empty(), "[onednn] an operand that repeats isn't moved into blocks");
  Transfer made;
  made.nothing_ = false, made.to_ = wanted, made.repeated_ = strides;
  return made;
}

Transfer Transfer::out_of(const dnnl::engine& engine, const memory::desc& wanted, const memory::dims& strides, memory::data_type type) {
  if (lies_as(strides, wanted) && type == version::type_of(wanted)) return {};
  require(!overlaps(version::sizes_of(wanted), strides), "[onednn] elements of a result share memory");
  return {engine, wanted, strided(wanted, strides, type)};
}

Transfer Transfer::between(const dnnl::engine& engine, const memory::desc& from, const memory::desc& to) {
  return from == to ? Transfer() : Transfer(engine, from, to);
}

void Transfer::run(const dnnl::engine& engine, const dnnl::stream& stream, char* from, char* to, char* scratch) const {
  if (nothing_) return;
  if (reorder_) {
    reorder_.execute(stream, {{DNNL_ARG_FROM, memory(from_, engine, from)},
                              {DNNL_ARG_TO, memory(to_, engine, to)},
                              {DNNL_ARG_SCRATCHPAD, memory(scratchpad_, engine, scratch)}});
    return;
  }
  const auto sizes = version::sizes_of(to_), strides = version::strides_of(to_);
  const auto copy = [&](auto* source, auto* target) {
    copy_repeated(source, repeated_.data(), target, strides.data(), sizes.data(), sizes.size());
  };
  if (version::type_of(to_) == memory::data_type::f32)
    copy(reinterpret_cast<const float*>(from), reinterpret_cast<float*>(to));
  else
    copy(reinterpret_cast<const std::uint16_t*>(from), reinterpret_cast<std::uint16_t*>(to));
}

}  // namespace onednn
