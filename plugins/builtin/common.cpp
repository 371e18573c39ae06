#include "common.hpp"

#include <cstdlib>
#include <new>
#include <utility>

namespace mushin::builtin {

const mu_host* host = nullptr;

namespace {
struct Row {
  mu_dtype dtype;
  const char* name;
};
constexpr Row rows[type_count] = {{MU_F32, "float32"}, {MU_F64, "float64"}, {MU_I64, "int64"},   {MU_I32, "int32"},    {MU_I8, "int8"},
                                  {MU_U8, "uint8"},    {MU_BOOL, "bool"},   {MU_F16, "float16"}, {MU_BF16, "bfloat16"}};

struct Buffer {
  void* data = nullptr;
  std::size_t bytes = 0;
  ~Buffer() { std::free(data); }
};
}  // namespace

Type type_of(mu_dtype t) noexcept {
  for (int i = 0; i < type_count; ++i)
    if (rows[i].dtype == t) return static_cast<Type>(i);
  return Type::none;
}
mu_dtype dtype_of(Type t) noexcept { return rows[static_cast<int>(t)].dtype; }
const char* name_of(Type t) noexcept { return t == Type::none ? "an unknown type" : rows[static_cast<int>(t)].name; }

void invalid(std::string text) { throw Failure{MU_INVALID, std::move(text)}; }
void unsupported(std::string text) { throw Failure{MU_UNSUPPORTED, std::move(text)}; }

Type checked_type(const mu_tensor& view, const char* what) {
  if (view.rank > MU_MAX_RANK) invalid(std::string(what) + ": rank " + std::to_string(view.rank) + " is beyond 8");
  if (view.layout != MU_LAYOUT_STRIDED) unsupported(std::string(what) + ": only strided layouts");
  const Type t = type_of(view.dtype);
  if (t == Type::none) unsupported(std::string(what) + ": element type " + std::to_string(view.dtype) + " is not supported");
  return t;
}

std::string dims_text(const mu_tensor& v) {
  std::string s = "(";
  for (int i = 0; i < v.rank; ++i) s += (i ? ", " : "") + std::to_string(v.dim[i]);
  return s + ")";
}

void require_equal_dims(const mu_tensor& a, const mu_tensor& b, const char* what) {
  bool same = a.rank == b.rank;
  for (int i = 0; same && i < a.rank; ++i) same = a.dim[i] == b.dim[i];
  if (!same) invalid(std::string(what) + ": dims differ: " + dims_text(a) + " and " + dims_text(b));
}

bool is_contiguous(const mu_tensor& v) noexcept {
  std::int64_t expect = 1;
  for (int i = v.rank - 1; i >= 0; --i) {
    if (v.dim[i] != 1 && v.stride[i] != expect) return false;
    expect *= v.dim[i];
  }
  return true;
}

bool is_scalar(const mu_tensor& v) noexcept {
  for (int i = 0; i < v.rank; ++i)
    if (v.stride[i] != 0 && v.dim[i] != 1) return false;
  return true;
}

void* scratch(int which, std::size_t bytes) {
  thread_local Buffer buffers[scratch_count];
  Buffer& b = buffers[which];
  if (b.bytes < bytes) {
    const std::size_t size = (bytes + 4095) / 4096 * 4096;
    std::free(b.data);
    b.data = std::aligned_alloc(4096, size);
    b.bytes = b.data ? size : 0;
    if (!b.data) throw std::bad_alloc();
  }
  return b.data;
}

}  // namespace mushin::builtin
