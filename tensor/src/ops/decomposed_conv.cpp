#include "mushin/tensor/ops/matmul.hpp"
#include "mushin/tensor/ops/pointwise.hpp"
#include "mushin/tensor/ops/shape.hpp"
#include "ops/decomposed.hpp"
#include "ops/decomposed_windows.hpp"

namespace mushin::core {
namespace {

// The sizes of all three; K and P are a kernel's elements and places.
struct Triple {
  const Sizes &w, &y;
  std::int64_t groups, K, P;
  Frame frame;

  Triple(const Sizes& x, const Sizes& of_w, const Sizes& of_y, const ConvWindow& window, std::int64_t n)
      : w(of_w), y(of_y), groups(n), frame{{x.rank - 2, {}, {}, {}, {}}, x, {}} {
    Windows& over = frame.over;
    for (unsigned i = 0; i < over.axes; ++i) {
      over.size[i] = w[2 + i], over.places[i] = y[2 + i];
      over.stride[i] = window.stride[i], over.dilation[i] = window.dilation[i], frame.before[i] = window.before[i];
    }
    K = over.elements(), P = over.windows();
  }
};

// What lies under the kernel at each place: (batch, channels, kernel…, places…).
Array seen(const Array& x, const Triple& t) { return windows(reached(x, t.frame, literal(0, x.type())), t.frame.over); }

Array forward(const Array& x, const Array& w, const Triple& t) {
  const std::int64_t inner = t.w[1] * t.K;
  const Array kernel = reshape(w, {t.groups, t.w[0] / t.groups, inner});
  return reshape(matmul(kernel, reshape(seen(x, t), {t.y[0], t.groups, inner, t.P})), t.y);
}

Array data(const Array& dy, const Array& w, const Triple& t) {
  const std::int64_t outputs = t.w[0] / t.groups;
  const Array kernel = transpose(reshape(w, {t.groups, outputs, t.w[1] * t.K}));
  return spread_back(matmul(kernel, reshape(dy, {t.y[0], t.groups, outputs, t.P})), t.frame);
}

// One product for each group, with the places of the whole batch side by side.
Array weights(const Array& x, const Array& dy, const Triple& t) {
  const std::int64_t all = t.y[0] * t.P;
  const Array under = seen(x, t);
  const unsigned kernel = t.frame.over.axes;
  unsigned order[max_rank], turned[] = {1, 0, 2};
  for (unsigned i = 0; i < under.rank(); ++i) order[i] = i <= kernel ? i + 1 : i == kernel + 1 ? 0 : i;
  const Array columns = reshape(permute(under, order), {t.groups, t.w[1] * t.K, all});
  const Array outputs = reshape(permute(reshape(dy, {t.y[0], t.y[1], t.P}), turned), {t.groups, t.w[0] / t.groups, all});
  return reshape(matmul(outputs, transpose(columns)), t.w);
}

}  // namespace

Array decomposed_conv(ConvKind kind, const Array& a, const Array& b, const Sizes& to, const ConvWindow& window, std::int64_t groups) {
  if (kind == ConvKind::forward) return forward(a, b, {a.sizes(), b.sizes(), to, window, groups});
  if (kind == ConvKind::weights) return weights(a, b, {a.sizes(), to, b.sizes(), window, groups});
  return data(a, b, {to, b.sizes(), a.sizes(), window, groups});
}

}  // namespace mushin::core
