// cuDNN: descriptors, what it refuses, and what its heuristic proposes; the loops are in dnn_loops.cpp.
#include <algorithm>
#include <atomic>
#include <cstring>
#include <map>
#include <string>
#include <thread>

#include "dnn.hpp"
#include "emulated.hpp"
#include "emulated_dnn.hpp"

namespace emulated {
namespace {

using namespace dnn;
using namespace mushin::cuda::dnn;

struct Context {
  int device = 0;
  cudaStream_t stream = nullptr;
  std::atomic<bool> used{false};
};

thread_local std::string words;  // of the last failure

Status fail(Status s, const char* why) {
  words = why;
  return s;
}
Status asked(const char* call) {
  const Status s = due(call);
  return s == success ? s : fail(s, "it was asked to");
}

// One thread at a time; slow enough for another one to be seen.
class Use {
 public:
  explicit Use(void* handle) : c_(static_cast<Context*>(handle)), alone_(c_ && !c_->used.exchange(true)) {
    for (int i = 0; alone_ && i < 20; ++i) std::this_thread::yield();
  }
  Use(const Use&) = delete;
  Use& operator=(const Use&) = delete;
  ~Use() {
    if (alone_) c_->used = false;
  }
  bool alone() const { return alone_; }
  Status fits() const {
    if (!alone_) return fail(internal_error, "two threads use a handle");
    return device_of(c_->stream) == c_->device ? success : fail(bad_param, "the handle's stream is gone");
  }
  Context& operator*() const { return *c_; }

 private:
  Context* c_;
  bool alone_;
};

template <class T>
Status make(void** to) {
  if (const Status s = asked("cudnnCreateDescriptor"); s != success) return s;
  *to = new T;
  return success;
}
template <class T>
Status destroy(void* p) {
  delete static_cast<T*>(p);
  return success;
}

Status create(void** to) {
  if (const Status s = asked("cudnnCreate"); s != success) return s;
  int device = 0;
  cudaGetDevice(&device);
  if (prohibited("cudnnCreate") != cudaSuccess || prohibited_of(device) != cudaSuccess) return fail(execution_failed, "a capture goes on");
  auto* c = new Context;
  c->device = device;
  *to = c;
  return success;
}
Status set_stream(void* handle, cudaStream_t stream) {
  const Use c(handle);
  if (!c.alone()) return fail(internal_error, "two threads use a handle");
  if (device_of(stream) != (*c).device) return fail(bad_param, "the stream is another device's");
  (*c).stream = stream;
  return asked("cudnnSetStream");
}

bool are_positive(int n, const int* a) {
  return std::all_of(a, a + n, [](int each) { return each > 0; });
}
bool are_not_negative(int n, const int* a) {
  return std::all_of(a, a + n, [](int each) { return each >= 0; });
}
bool is_float(int type) { return type == type_float || type == type_double || type == type_half || type == type_bfloat16; }

Status set(Tensor& t, int type, int n, const int* dim, const int* stride) {
  if (n < 4 || n > 8 || !are_positive(n, dim) || !are_positive(n, stride) || !is_float(type)) return fail(bad_param, "no such tensor");
  t.type = type, t.n = n;
  std::copy_n(dim, n, t.dim), std::copy_n(stride, n, t.stride);
  return t.count() > INT32_MAX ? fail(not_supported, "a tensor has more elements than 32 bits count") : success;
}
Status tensor_set(void* p, int type, int n, const int* dim, const int* stride) {
  return set(*static_cast<Tensor*>(p), type, n, dim, stride);
}
Status filter_set(void* p, int type, int format, int n, const int* dim) {
  if (format != format_nchw || n < 4 || n > 8) return fail(bad_param, "no such filter");
  int stride[8];
  for (int i = n - 1, step = 1; i >= 0; step *= dim[i--]) stride[i] = step;
  return set(*static_cast<Tensor*>(p), type, n, dim, stride);
}
Status conv_set(void* p, int n, const int* padding, const int* stride, const int* dilation, int mode, int type) {
  if (n < 2 || n > 3 || !are_not_negative(n, padding) || !are_positive(n, stride) || !are_positive(n, dilation) || !is_float(type))
    return fail(bad_param, "no such convolution");
  auto& c = *static_cast<Convolution*>(p);
  c.n = n, c.mode = mode, c.type = type, c.math = math_default;
  std::copy_n(padding, n, c.padding), std::copy_n(stride, n, c.stride), std::copy_n(dilation, n, c.dilation);
  return success;
}
Status conv_set_math(void* p, int math) {
  static_cast<Convolution*>(p)->math = math;
  return success;
}
Status conv_set_groups(void* p, int groups) {
  static_cast<Convolution*>(p)->groups = groups;
  return groups > 0 ? success : fail(bad_param, "no such groups");
}

Status conv_result(void* conv, void* of_x, void* of_w, int n, int* dim) {
  const auto& c = *static_cast<Convolution*>(conv);
  const auto &x = *static_cast<Tensor*>(of_x), &w = *static_cast<Tensor*>(of_w);
  if (n != x.n || n != w.n || n != c.n + 2 || x.dim[1] != w.dim[1] * c.groups) return fail(bad_param, "dims don't fit");
  dim[0] = x.dim[0], dim[1] = w.dim[0];
  for (int i = 0; i < c.n; ++i) dim[2 + i] = (x.dim[2 + i] + 2 * c.padding[i] - (w.dim[2 + i] - 1) * c.dilation[i] - 1) / c.stride[i] + 1;
  return are_positive(n, dim) ? success : fail(bad_param, "nothing is left");
}

// ---- convolutions

struct Triple {
  Tensor x, w, y;
};
// As the functions of a kind take them.
Triple triple_of(int kind, void* a, void* b, void* to) {
  const auto &p = *static_cast<Tensor*>(a), &q = *static_cast<Tensor*>(b), &r = *static_cast<Tensor*>(to);
  return kind == 0 ? Triple{p, q, r} : kind == 1 ? Triple{r, p, q} : Triple{p, r, q};
}

Status fits(const Triple& t, const Convolution& c) {
  const int type = t.x.type;
  if (t.w.type != type || t.y.type != type || c.type != (type == type_double ? type_double : type_float) || c.mode != cross_correlation)
    return fail(not_supported, "no kernel is for these types");
  int dim[8];
  Triple own = t;
  Convolution same = c;
  if (const Status s = conv_result(&same, &own.x, &own.w, t.x.n, dim); s != success) return s;
  return t.y.n == t.x.n && t.w.dim[0] % c.groups == 0 && std::equal(dim, dim + t.y.n, t.y.dim) ? success
                                                                                               : fail(bad_param, "dims don't fit");
}

struct Algorithm {
  int number;
  bool deterministic, transforms, has_workspace;
};
// By kind, as the heuristic ranks them.
constexpr Algorithm algorithms[3][4] = {{{6, true, true, true}, {1, true, false, true}, {0, true, false, false}, {2, true, false, true}},
                                        {{4, true, true, true}, {0, false, false, false}, {1, true, false, true}, {3, true, true, true}},
                                        {{2, true, true, true}, {0, false, false, false}, {3, false, false, true}, {1, true, false, true}}};

std::size_t workspace_of(const Algorithm& a) { return a.has_workspace ? static_cast<std::size_t>(number("dnn_workspace", 4096)) : 0; }
const Algorithm* find(int kind, int algorithm) {
  for (const Algorithm& a : algorithms[kind])
    if (a.number == algorithm) return &a;
  return nullptr;
}
constexpr const char* names[] = {"Forward", "BackwardData", "BackwardFilter"};
std::string name_of(int kind, const char* before, const char* behind) { return std::string(before) + names[kind] + behind; }

template <int kind>
Status choose(void* handle, void* a, void* b, void* conv, void* to, int room, int* n, Choice* found) {
  const Use c(handle);
  if (const Status s = c.fits(); s != success) return s;
  *n = 0;
  if (const Status s = asked(name_of(kind, "cudnnGetConvolution", "Algorithm_v7").c_str()); s != success) return s;
  const auto& convolution = *static_cast<Convolution*>(conv);
  if (const Status s = fits(triple_of(kind, a, b, to), convolution); s != success) return s;
  const auto propose = [&](const Algorithm& each, Status s, int math) {
    if (*n < room) found[(*n)++] = {each.number, s, -1, workspace_of(each), each.deterministic, math, {}};
  };
  // One that would convert operands, then all; each kind of math that is asked for, and last what can't be done.
  if (convolution.math != math_fma) propose(algorithms[kind][1], success, math_conversion);
  for (const Algorithm& each : algorithms[kind]) propose(each, success, convolution.math);
  propose(algorithms[kind][1], not_supported, math_default);
  std::rotate(found, found + *n - 1, found + *n);
  return success;
}

template <int kind>
Status workspace(void* handle, void* a, void* b, void* conv, void* to, int algorithm, std::size_t* bytes) {
  const Use c(handle);
  if (const Status s = c.fits(); s != success) return s;
  if (const Status s = asked(name_of(kind, "cudnnGetConvolution", "WorkspaceSize").c_str()); s != success) return s;
  const Algorithm* known = find(kind, algorithm);
  if (!known) return fail(not_supported, "no such algorithm");
  *bytes = workspace_of(*known);
  return fits(triple_of(kind, a, b, to), *static_cast<Convolution*>(conv));
}

bool is_aligned(const void* p, int type) { return p && reinterpret_cast<std::uintptr_t>(p) % static_cast<unsigned>(bytes_of(type)) == 0; }
bool is(const void* factor, int type, double wanted) {
  return wanted == (type == type_double ? *static_cast<const double*>(factor) : *static_cast<const float*>(factor));
}

Status give(Context& c, const char* call, Work work) {
  if (const Status s = asked(call); s != success) return s;
  if (begin("cudnn.launch") != cudaSuccess) return fail(execution_failed, "a launch failed");
  return enqueue(c.stream, std::move(work), Kind::kernel) == cudaSuccess ? success : fail(execution_failed, "a launch failed");
}

std::atomic<unsigned> runs{0};

template <int kind>
Status run(void* handle, const void* alpha, void* a, const void* from_a, void* b, const void* from_b, void* conv, int algorithm, void* room,
           std::size_t bytes, const void* beta, void* to_desc, void* to) {
  const Use c(handle);
  if (const Status s = c.fits(); s != success) return s;
  const Convolution convolution = *static_cast<Convolution*>(conv);
  const Triple t = triple_of(kind, a, b, to_desc);
  if (const Status s = fits(t, convolution); s != success) return s;
  const Algorithm* known = find(kind, algorithm);
  if (!known) return fail(not_supported, "no such algorithm");
  const int type = t.x.type;
  if (!is(alpha, type, 1) || !is(beta, type, 0)) return fail(bad_param, "factors aren't 1 and 0");
  for (const void* p : {from_a, from_b, static_cast<const void*>(to)})
    if (!is_aligned(p, type) || (p == to && (p == from_a || p == from_b)))
      return fail(bad_param, "a pointer is null, misaligned or twice there");
  const std::size_t needed = workspace_of(*known);
  if (bytes < needed || (needed && !room)) return fail(bad_param, "the workspace is too small");
  Habits habits{known->transforms, !known->deterministic && ++runs % 2 == 0, 0};
  if (type == type_float && convolution.math != math_fma) habits.digits = convolution.math == math_conversion ? 8 : 11;
  const auto work = [=] {
    if (needed) std::memset(here(room), 0xFF, needed);
    const auto at = [](const void* p) { return static_cast<char*>(const_cast<void*>(here(p))); };
    char *const p = at(from_a), *const q = at(from_b), *const r = at(to);
    convolve(kind, t.x, t.w, t.y, convolution, habits, kind == 1 ? r : p, kind == 0 ? q : kind == 1 ? p : r, kind == 0 ? r : q);
    return cudaSuccess;
  };
  return give(*c, name_of(kind, "cudnnConvolution", "").c_str(), work);
}

std::size_t version() { return static_cast<std::size_t>(number("dnn_version", 91900)); }
const char* text(Status s) {
  return s == not_supported      ? "CUDNN_STATUS_NOT_SUPPORTED"
         : s == bad_param        ? "CUDNN_STATUS_BAD_PARAM"
         : s == no_device_memory ? "CUDNN_STATUS_INTERNAL_ERROR_DEVICE_ALLOCATION_FAILED"
         : s == not_initialized  ? "CUDNN_STATUS_NOT_INITIALIZED"
                                 : "CUDNN_STATUS_EXECUTION_FAILED";
}
void last_text(char* to, std::size_t room) {
  std::strncpy(to, words.c_str(), room);
  to[room - 1] = 0;
}

// Of the type that the plugin calls it by.
template <class F>
void* symbol(F f) {
  return reinterpret_cast<void*>(f);
}
using L = Library;
using C = ConvFunctions;

}  // namespace

void* dnn_symbol(const std::string& name) {
  if (name == setting("dnn_lacks", "")) return nullptr;
  static const std::map<std::string, void*> symbols{
      {"cudnnGetVersion", symbol<decltype(L::version)>(version)},
      {"cudnnGetErrorString", symbol<decltype(L::status_text)>(text)},
      {"cudnnGetLastErrorString", symbol<decltype(L::last_text)>(last_text)},
      {"cudnnCreate", symbol<decltype(L::create)>(create)},
      {"cudnnDestroy", symbol<decltype(L::destroy)>(destroy<Context>)},
      {"cudnnSetStream", symbol<decltype(L::set_stream)>(set_stream)},
      {"cudnnCreateTensorDescriptor", symbol<decltype(L::tensor_create)>(make<Tensor>)},
      {"cudnnDestroyTensorDescriptor", symbol<decltype(L::tensor_destroy)>(destroy<Tensor>)},
      {"cudnnSetTensorNdDescriptor", symbol<decltype(L::tensor_set)>(tensor_set)},
      {"cudnnCreateFilterDescriptor", symbol<decltype(L::filter_create)>(make<Tensor>)},
      {"cudnnDestroyFilterDescriptor", symbol<decltype(L::filter_destroy)>(destroy<Tensor>)},
      {"cudnnSetFilterNdDescriptor", symbol<decltype(L::filter_set)>(filter_set)},
      {"cudnnCreateConvolutionDescriptor", symbol<decltype(L::conv_create)>(make<Convolution>)},
      {"cudnnDestroyConvolutionDescriptor", symbol<decltype(L::conv_destroy)>(destroy<Convolution>)},
      {"cudnnSetConvolutionNdDescriptor", symbol<decltype(L::conv_set)>(conv_set)},
      {"cudnnSetConvolutionMathType", symbol<decltype(L::conv_set_math)>(conv_set_math)},
      {"cudnnSetConvolutionGroupCount", symbol<decltype(L::conv_set_groups)>(conv_set_groups)},
      {"cudnnGetConvolutionNdForwardOutputDim", symbol<decltype(L::conv_result)>(conv_result)},
      {"cudnnGetConvolutionForwardAlgorithm_v7", symbol<decltype(C::choose)>(choose<0>)},
      {"cudnnGetConvolutionBackwardDataAlgorithm_v7", symbol<decltype(C::choose)>(choose<1>)},
      {"cudnnGetConvolutionBackwardFilterAlgorithm_v7", symbol<decltype(C::choose)>(choose<2>)},
      {"cudnnGetConvolutionForwardWorkspaceSize", symbol<decltype(C::workspace)>(workspace<0>)},
      {"cudnnGetConvolutionBackwardDataWorkspaceSize", symbol<decltype(C::workspace)>(workspace<1>)},
      {"cudnnGetConvolutionBackwardFilterWorkspaceSize", symbol<decltype(C::workspace)>(workspace<2>)},
      {"cudnnConvolutionForward", symbol<decltype(C::run)>(run<0>)},
      {"cudnnConvolutionBackwardData", symbol<decltype(C::run)>(run<1>)},
      {"cudnnConvolutionBackwardFilter", symbol<decltype(C::run)>(run<2>)},
  };
  const auto it = symbols.find(name);
  return it == symbols.end() ? nullptr : it->second;
}

}  // namespace emulated
