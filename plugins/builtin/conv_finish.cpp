// From blocks of sums to elements of the result, through the epilogue while they are in cache.
#include <cstring>

#include "conv.hpp"

namespace mushin::builtin {

ConvFinish::ConvFinish(const Program& epilogue, bool plain, const mu_tensor& out, const mu_tensor* inputs, int n_inputs, mu_dtype sums)
    : epilogue_(epilogue), plain_(plain), sums_(sums), n_views_(1 + n_inputs), count_(1) {
  mu_tensor sizes[Program::most_inputs];
  const mu_tensor* views[Program::most_inputs];
  for (int k = 0; k < n_views_; ++k) {
    views_[k] = k == 0 ? &out : inputs + k - 1;
    sizes[k].rank = static_cast<std::uint16_t>(out.rank - 2);
    for (int i = 2; i < out.rank; ++i) sizes[k].dim[i - 2] = out.dim[i], sizes[k].stride[i - 2] = views_[k]->stride[i];
    views[k] = &sizes[k];
  }
  collapse(sizes[0], n_views_, views, axes_, strides_);
  if (axes_.rank == 0) {
    axes_.rank = 1, axes_.dim[0] = 1;
    for (int k = 0; k < n_views_; ++k) strides_[k].of[0] = 0;
  }
  for (int i = 0; i < axes_.rank; ++i) count_ *= axes_.dim[i];
}

void ConvFinish::store(const char* sums, std::int64_t pitch, std::int64_t row, std::int64_t rows, std::int64_t begin,
                       std::int64_t n) const {
  const std::int64_t last = axes_.dim[axes_.rank - 1];
  while (n > 0) {
    const std::int64_t at = begin % count_, count = least(n, last - at % last);
    part(sums, pitch, row, rows, begin / count_, at, count);
    begin += count, n -= count, sums += count * static_cast<std::int64_t>(mu_dtype_bytes(sums_));
  }
}

// `n` neighbours along the last axis of the positions, of `rows` channels.
mu_tensor ConvFinish::view(int which, std::int64_t image, std::int64_t row, std::int64_t rows, std::int64_t index, std::int64_t n) const {
  const mu_tensor& v = *views_[which];
  const Strides& s = strides_[which];
  std::int64_t at = image * v.stride[0] + row * v.stride[1];
  for (int i = axes_.rank - 1; i >= 0; --i) at += index % axes_.dim[i] * s.of[i], index /= axes_.dim[i];
  mu_tensor t;
  t.size = sizeof t, t.dtype = v.dtype, t.rank = 2, t.layout = MU_LAYOUT_STRIDED, t.flags = 0, t.byte_offset = 0;
  t.buffer = reinterpret_cast<mu_buffer*>(address(v) + at * static_cast<std::int64_t>(mu_dtype_bytes(v.dtype)));
  t.dim[0] = rows, t.dim[1] = n, t.stride[0] = v.stride[1], t.stride[1] = s.of[axes_.rank - 1];
  return t;
}

namespace {
template <class T>
void copy_rows(const mu_tensor& to, const char* from, std::int64_t pitch) {
  T* t = reinterpret_cast<T*>(address(to));
  const T* f = reinterpret_cast<const T*>(from);
  for (std::int64_t r = 0; r < to.dim[0]; ++r, t += to.stride[0], f += pitch) {
    if (to.stride[1] == 1)
      std::memcpy(t, f, static_cast<std::size_t>(to.dim[1]) * sizeof(T));
    else
      for (std::int64_t j = 0; j < to.dim[1]; ++j) t[j * to.stride[1]] = f[j];
  }
}
}  // namespace

void ConvFinish::part(const char* sums, std::int64_t pitch, std::int64_t row, std::int64_t rows, std::int64_t image, std::int64_t at,
                      std::int64_t n) const {
  const mu_tensor target = view(0, image, row, rows, at, n);
  if (plain_) return mu_dtype_bytes(sums_) == 4 ? copy_rows<float>(target, sums, pitch) : copy_rows<double>(target, sums, pitch);
  mu_tensor inputs[Program::most_inputs];
  inputs[0] = target;
  inputs[0].dtype = sums_, inputs[0].buffer = reinterpret_cast<mu_buffer*>(const_cast<char*>(sums));
  inputs[0].stride[0] = pitch, inputs[0].stride[1] = 1;
  for (int k = 1; k < n_views_; ++k) inputs[k] = view(k, image, row, rows, at, n);
  if (run_small(epilogue_, inputs, &target)) return;
  const Run bound(epilogue_, target, inputs, &target);
  Room room;
  bound.range(0, bound.size(), room);
}

}  // namespace mushin::builtin
