// For one kind of CPU: MUSHIN_CPU is its namespace, MUSHIN_TARGET what its functions are compiled for. No include guard.
namespace onednn::MUSHIN_CPU {

template <class R>
MUSHIN_TARGET void greatest_of_window(const GreatestWindows& g, const Window& w, const float* x, float* y) {
  using V = typename R::Row;
  V most = row<R>(x + w.place(g, 0, 0, 0) * R::width).v;
  for (std::int64_t i = 0; i < w.axis[0].count; ++i)
    for (std::int64_t j = 0; j < w.axis[1].count; ++j)
      for (std::int64_t k = 0; k < w.axis[2].count; ++k) {
        const V v = row<R>(x + w.place(g, i, j, k) * R::width).v;
        most = ((v > most) | (v != v)) ? v : most;
      }
  row<R>(y).v = most;
}

template <class R>
MUSHIN_TARGET void greatest_forward(const GreatestWindows& g, const float* x, float* y) {
  for (std::int64_t a = 0; a < g.y[0]; ++a)
    for (std::int64_t b = 0; b < g.y[1]; ++b)
      for (std::int64_t c = 0; c < g.y[2]; ++c, y += R::width) greatest_of_window<R>(g, window_at(g, a, b, c), x, y);
}

template <class R>
MUSHIN_TARGET void give_to_greatest(const GreatestWindows& g, const Window& w, const float* x, const float* dy, float* dx) {
  using V = typename R::Row;
  using Index = decltype(V{} > V{});
  V most = row<R>(x + w.place(g, 0, 0, 0) * R::width).v;
  Index where = {};
  int tap = 0;
  for (std::int64_t i = 0; i < w.axis[0].count; ++i)
    for (std::int64_t j = 0; j < w.axis[1].count; ++j)
      for (std::int64_t k = 0; k < w.axis[2].count; ++k, ++tap) {
        const V v = row<R>(x + w.place(g, i, j, k) * R::width).v;
        const Index more = (v > most) | ((v != v) & (most == most));
        most = more ? v : most;
        where = more ? Index{} + tap : where;
      }
  const V given = row<R>(dy).v;
  tap = 0;
  for (std::int64_t i = 0; i < w.axis[0].count; ++i)
    for (std::int64_t j = 0; j < w.axis[1].count; ++j)
      for (std::int64_t k = 0; k < w.axis[2].count; ++k, ++tap)
        row<R>(dx + w.place(g, i, j, k) * R::width).v += where == Index{} + tap ? given : V{};
}

template <class R>
MUSHIN_TARGET void greatest_backward(const GreatestWindows& g, const float* x, const float* dy, float* dx) {
  std::fill(dx, dx + g.x[0] * g.x[1] * g.x[2] * R::width, 0.f);
  for (std::int64_t a = 0; a < g.y[0]; ++a)
    for (std::int64_t b = 0; b < g.y[1]; ++b)
      for (std::int64_t c = 0; c < g.y[2]; ++c, dy += R::width) give_to_greatest<R>(g, window_at(g, a, b, c), x, dy, dx);
}

template <class R>
constexpr GreatestKernels greatest_table{greatest_forward<R>, greatest_backward<R>};

}  // namespace onednn::MUSHIN_CPU
