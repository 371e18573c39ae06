// Which kernel serves which product, and how the work is cut for threads and caches. Cuts depend on sizes alone.
#include "gemm.hpp"

#include <atomic>
#include <new>

#include "strided.hpp"

namespace mushin::builtin {
namespace {

constexpr std::int64_t chunk_products = 600000;  // multiply-adds that are worth handing to a thread
constexpr std::int64_t block_rows = 96, block_columns = 4096, block_depth = 320;
constexpr std::int64_t tiny_products = 4096, tiny_elements = 256;  // of b, where its columns are no neighbours

std::int64_t round_up(std::int64_t n, std::int64_t to) { return (n + to - 1) / to * to; }

class Multiplication {
 public:
  Multiplication(int type, const Matrix& a, const Matrix& b, const Matrix& c, std::int64_t m, std::int64_t n, std::int64_t k,
                 const Finish* finish)
      : table_(gemm_table(type)),
        bytes_(type == 0 || type == 3 ? 4 : 8),
        a_(a),
        b_(b),
        c_(c),
        m_(m),
        n_(n),
        k_(k),
        finish_(finish),
        swapped_(false) {
    if (n_ == 1 ? c.row == 1 : c.column != 1) {  // the transposed product has neighbouring columns
      a_ = {b.data, b.column, b.row}, b_ = {a.data, a.column, a.row}, c_ = {c.data, c.column, c.row};
      m_ = n, n_ = m, swapped_ = true;
    }
  }

  void run() {
    const bool dense_b = b_.column == 1 || n_ == 1;
    if (!table_.multiply) return whole();
    if (m_ == 1 && b_.row == 1 && (n_ == 1 || !dense_b)) return vector_by_columns();
    if (dense_b && m_ <= 4 && k_ * n_ > 16384 && n_ > 64) return few_rows();
    if (dense_b && (k_ <= 16 || n_ <= table_.panel_columns || k_ * n_ <= 65536)) return direct();
    if (k_ * table_.panel_columns <= 4096 && m_ * n_ * k_ <= 100000) return by_panels();
    packed();
  }

 private:
  char* at(const Matrix& x, std::int64_t row, std::int64_t column) const { return x.data + (row * x.row + column * x.column) * bytes_; }
  Product product(std::int64_t row, std::int64_t rows, std::int64_t column, std::int64_t columns) const {
    return {at(c_, row, column), at(a_, row, 0), at(b_, 0, column), rows, columns, k_, c_.row, a_.row, a_.column, b_.row};
  }
  void done(std::int64_t row, std::int64_t rows, std::int64_t column, std::int64_t columns) const {
    if (!finish_) return;
    if (swapped_)
      finish_->part(finish_->arg, column, columns, row, rows);
    else
      finish_->part(finish_->arg, row, rows, column, columns);
  }

  // Rows in chunks, each straight from a and b.
  void direct() const {
    const std::int64_t panel = table_.panel_rows, each = round_up(most(1, chunk_products / most(1, n_ * most(k_, 8))), panel);
    parallel(m_, each, [&](std::int64_t r, std::int64_t e) {
      table_.small(product(r, e - r, 0, n_));
      done(r, e - r, 0, n_);
    });
  }

  void few_rows() const {
    parallel(n_, most(512, round_up(n_ / 8, 256)), [&](std::int64_t j, std::int64_t e) {
      table_.few_rows(product(0, m_, j, e - j));
      done(0, m_, j, e - j);
    });
  }

  void vector_by_columns() const {
    const char* x = a_.data;
    if (a_.column != 1) {
      char* dense = static_cast<char*>(scratch(scratch_b, static_cast<std::size_t>(k_ * bytes_)));
      take(dense, x, static_cast<std::size_t>(bytes_), {1, {k_}}, {{a_.column}}, 0, k_);
      x = dense;
    }
    parallel(n_, most(8, 65536 / most(1, k_)), [&](std::int64_t j, std::int64_t e) {
      table_.dots(at(c_, 0, j), at(b_, 0, j), x, e - j, k_, b_.column);
      done(0, 1, j, e - j);
    });
  }

  // b is brought panel by panel to a form that `small` reads.
  void by_panels() const {
    alignas(64) char panel[4096 * 8];
    const std::int64_t width = table_.panel_columns;
    for (std::int64_t j = 0; j < n_; j += width) {
      const std::int64_t columns = least(width, n_ - j);
      table_.pack_b(panel, at(b_, 0, j), k_, columns, b_.row, b_.column);
      Product p = product(0, m_, j, columns);
      p.b = panel, p.b_row = width;
      table_.small(p);
    }
    done(0, m_, 0, n_);
  }

  void packed() const {
    const std::int64_t depth_blocks = most(1, (k_ + block_depth - 1) / block_depth), depth = (k_ + depth_blocks - 1) / depth_blocks;
    const std::int64_t width = table_.panel_columns, columns = least(round_up(n_, width), block_columns);
    char* b = static_cast<char*>(scratch(scratch_b, static_cast<std::size_t>(columns * depth * bytes_)));
    for (std::int64_t j = 0; j < n_; j += columns)
      for (std::int64_t l = 0; l < k_; l += depth) {
        const std::int64_t n = least(columns, n_ - j), d = least(depth, k_ - l);
        parallel((n + width - 1) / width, most(1, 32768 / (width * d)), [&](std::int64_t first, std::int64_t last) {
          table_.pack_b(b + first * width * d * bytes_, at(b_, l, j + first * width), d, least(n, last * width) - first * width, b_.row,
                        b_.column);
        });
        block(b, j, n, l, d);
      }
  }

  // c's columns [j, j + n) take up the steps [l, l + d) of the inner axis. b: packed. Blocks of rows are alike, and an even number of them,
  // so that threads have equal shares.
  void block(const char* b, std::int64_t j, std::int64_t n, std::int64_t l, std::int64_t d) const {
    const std::int64_t width = table_.panel_columns, height = table_.panel_rows, panels = (m_ + height - 1) / height;
    const std::int64_t row_blocks = m_ > block_rows ? round_up((panels * height + block_rows - 1) / block_rows, 2) : 1;
    const std::int64_t wanted = most(1, 8 / row_blocks), columns = least(n, most(4 * width, round_up((n + wanted - 1) / wanted, width)));
    const std::int64_t column_blocks = (n + columns - 1) / columns;
    const std::int64_t work = m_ / row_blocks * columns * d;
    std::atomic<bool> no_memory{false};
    parallel(row_blocks * column_blocks, most(1, chunk_products / most(1, work)), [&](std::int64_t t, std::int64_t e) {
      try {
        char* a = static_cast<char*>(scratch(scratch_a, static_cast<std::size_t>(block_rows * d * bytes_)));
        for (; t < e; ++t) {
          const std::int64_t r = t / column_blocks, i = panels * r / row_blocks * height, from = t % column_blocks * columns;
          const std::int64_t rows = least(m_, panels * (r + 1) / row_blocks * height) - i, count = least(columns, n - from);
          table_.pack_a(a, at(a_, i, l), rows, d, a_.row, a_.column);
          table_.multiply({at(c_, i, j + from), a, b + from * d * bytes_, rows, count, d, c_.row, l > 0});
          if (l + d == k_) done(i, rows, j + from, count);
        }
      } catch (const std::bad_alloc&) {
        no_memory = true;
      }
    });
    if (no_memory) throw std::bad_alloc();
  }

  // Whole numbers: plain, b made dense when it is not.
  void whole() const {
    Product p = product(0, m_, 0, n_);
    if (b_.column != 1 && n_ > 1 && k_ > 0) {
      void* dense = scratch(scratch_b, static_cast<std::size_t>(k_ * n_ * bytes_));
      take(dense, b_.data, static_cast<std::size_t>(bytes_), {2, {k_, n_}}, {{b_.row, b_.column}}, 0, k_ * n_);
      p.b = dense, p.b_row = n_;
    }
    parallel(m_, most(1, chunk_products / 4 / most(1, n_ * k_)), [&](std::int64_t r, std::int64_t e) {
      Product part = p;
      part.c = at(c_, r, 0), part.a = at(a_, r, 0), part.m = e - r;
      table_.small(part);
      done(r, e - r, 0, n_);
    });
  }

  const GemmTable& table_;
  std::int64_t bytes_;
  Matrix a_, b_, c_;
  std::int64_t m_, n_, k_;
  const Finish* finish_;
  bool swapped_;
};

template <class T>
void gather(void* to, const Matrix& b, std::int64_t k, std::int64_t n) {
  T* d = static_cast<T*>(to);
  for (std::int64_t i = 0; i < k; ++i)
    for (std::int64_t j = 0; j < n; ++j) *d++ = reinterpret_cast<const T*>(b.data)[i * b.row + j * b.column];
}

// What costs no more than getting to the kernel, which is the one that it would come to. False, with nothing done, for all else.
bool multiply_tiny(int type, const Matrix& a, const Matrix& b, const Matrix& c, std::int64_t m, std::int64_t n, std::int64_t k,
                   const Finish* finish) {
  if (c.column != 1 || m < 2 || n < 2 || m * n * k > tiny_products) return false;
  const bool turned = b.column != 1;
  if (turned && k * n > tiny_elements) return false;
  alignas(64) char dense[tiny_elements * 8];
  const bool four = type == 0 || type == 3;
  if (turned) four ? gather<std::uint32_t>(dense, b, k, n) : gather<std::uint64_t>(dense, b, k, n);
  gemm_table(type).small({c.data, a.data, turned ? dense : b.data, m, n, k, c.row, a.row, a.column, turned ? n : b.row});
  if (finish) finish->part(finish->arg, 0, m, 0, n);
  return true;
}

}  // namespace

void multiply(int type, const Matrix& a, const Matrix& b, const Matrix& c, std::int64_t m, std::int64_t n, std::int64_t k,
              const Finish* finish) {
  if (!multiply_tiny(type, a, b, c, m, n, k, finish)) Multiplication(type, a, b, c, m, n, k, finish).run();
}

}  // namespace mushin::builtin
