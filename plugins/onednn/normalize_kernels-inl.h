// For one kind of CPU: MUSHIN_CPU is its namespace, MUSHIN_TARGET what its functions are compiled for. No include guard.
namespace onednn::MUSHIN_CPU {

template <class R>
MUSHIN_TARGET void sum_rows(const float* x, std::int64_t rows, float* sum) {
  using V = typename R::Row;
  while (rows > 0) {
    const std::int64_t n = std::min(rows, block);
    V part[lanes] = {};
    std::int64_t i = 0;
    for (; i + lanes <= n; i += lanes)
      for (std::int64_t k = 0; k < lanes; ++k) part[k] += row<R>(x + (i + k) * R::width).v;
    for (; i < n; ++i) part[0] += row<R>(x + i * R::width).v;
    row<R>(sum).v += (part[0] + part[1]) + (part[2] + part[3]);
    x += n * R::width, rows -= n;
  }
}

template <class R>
MUSHIN_TARGET void square_rows(const float* x, std::int64_t rows, const float* middle, float* sum) {
  using V = typename R::Row;
  const V m = row<R>(middle).v;
  while (rows > 0) {
    const std::int64_t n = std::min(rows, block);
    V part[lanes] = {};
    std::int64_t i = 0;
    for (; i + lanes <= n; i += lanes)
      for (std::int64_t k = 0; k < lanes; ++k) {
        const V d = row<R>(x + (i + k) * R::width).v - m;
        part[k] += d * d;
      }
    for (; i < n; ++i) {
      const V d = row<R>(x + i * R::width).v - m;
      part[0] += d * d;
    }
    row<R>(sum).v += (part[0] + part[1]) + (part[2] + part[3]);
    x += n * R::width, rows -= n;
  }
}

template <class R>
MUSHIN_TARGET void normalize_rows(const float* x, float* y, std::int64_t rows, const float* middle, const float* scale,
                                  const float* shift) {
  using V = typename R::Row;
  const V m = row<R>(middle).v, s = row<R>(scale).v, b = row<R>(shift).v;
  for (std::int64_t i = 0; i < rows; ++i) row<R>(y + i * R::width).v = (row<R>(x + i * R::width).v - m) * s + b;
}

template <class R>
MUSHIN_TARGET void sums_of_rows(const float* x, const float* dy, std::int64_t rows, const float* middle, float* total, float* along) {
  using V = typename R::Row;
  const V m = row<R>(middle).v;
  while (rows > 0) {
    const std::int64_t n = std::min(rows, block);
    V sum[2] = {}, product[2] = {};
    std::int64_t i = 0;
    for (; i + 2 <= n; i += 2)
      for (std::int64_t k = 0; k < 2; ++k) {
        const V g = row<R>(dy + (i + k) * R::width).v;
        sum[k] += g;
        product[k] += g * (row<R>(x + (i + k) * R::width).v - m);
      }
    for (; i < n; ++i) {
      const V g = row<R>(dy + i * R::width).v;
      sum[0] += g;
      product[0] += g * (row<R>(x + i * R::width).v - m);
    }
    row<R>(total).v += sum[0] + sum[1];
    row<R>(along).v += product[0] + product[1];
    x += n * R::width, dy += n * R::width, rows -= n;
  }
}

template <class R>
MUSHIN_TARGET void slope_rows(const float* x, const float* dy, float* dx, std::int64_t rows, const float* middle, const float* constant,
                              const float* slope, const float* scale) {
  using V = typename R::Row;
  const V m = row<R>(middle).v, c = row<R>(constant).v, a = row<R>(slope).v, s = row<R>(scale).v;
  for (std::int64_t i = 0; i < rows; ++i)
    row<R>(dx + i * R::width).v = (row<R>(dy + i * R::width).v - c - (row<R>(x + i * R::width).v - m) * a) * s;
}

template <class R>
constexpr NormalizeKernels normalize_table{sum_rows<R>, square_rows<R>, normalize_rows<R>, sums_of_rows<R>, slope_rows<R>};

}  // namespace onednn::MUSHIN_CPU
