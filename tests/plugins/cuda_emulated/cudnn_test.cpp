// The plugin's own declarations of cuDNN's functions against its header, and its host functions against the library, where they are there.
#include <dlfcn.h>
#include <gtest/gtest.h>

#include <array>
#include <type_traits>
#include <vector>

#include "dnn.hpp"

#if __has_include(<cudnn.h>)
#include <cudnn.h>

namespace {

namespace dnn = mushin::cuda::dnn;

// What a parameter is for the caller: descriptors and handles are void*, enumerations int, proposals Choice*.
template <class T>
struct Seen {
  using type = std::conditional_t<std::is_enum_v<T>, int, T>;
};
template <class T>
struct Seen<T*> {
  using bare = std::remove_cv_t<T>;
  static constexpr bool is_choice = std::is_same_v<bare, cudnnConvolutionFwdAlgoPerf_t> ||
                                    std::is_same_v<bare, cudnnConvolutionBwdDataAlgoPerf_t> ||
                                    std::is_same_v<bare, cudnnConvolutionBwdFilterAlgoPerf_t>;
  static constexpr bool is_opaque = std::is_class_v<bare> && !is_choice && !std::is_same_v<T*, cudaStream_t>;
  using type = std::conditional_t<is_choice, dnn::Choice*, std::conditional_t<is_opaque, void*, T*>>;
};
template <class T>
struct Seen<T**> {
  using type = std::conditional_t<std::is_class_v<T>, void**, T**>;
};
template <class F>
struct Signature;
template <class R, class... A>
struct Signature<R (*)(A...)> {
  using type = typename Seen<R>::type (*)(typename Seen<A>::type...);
};
template <class Ours, class Theirs>
constexpr bool same = std::is_same_v<typename Signature<Theirs>::type, Ours>;

using L = dnn::Library;
using C = dnn::ConvFunctions;
#define MUSHIN_SAME(ours, name) static_assert(same<decltype(ours), decltype(&name)>, #name)
MUSHIN_SAME(L::version, cudnnGetVersion);
MUSHIN_SAME(L::status_text, cudnnGetErrorString);
MUSHIN_SAME(L::last_text, cudnnGetLastErrorString);
MUSHIN_SAME(L::create, cudnnCreate);
MUSHIN_SAME(L::destroy, cudnnDestroy);
MUSHIN_SAME(L::set_stream, cudnnSetStream);
MUSHIN_SAME(L::tensor_create, cudnnCreateTensorDescriptor);
MUSHIN_SAME(L::tensor_destroy, cudnnDestroyTensorDescriptor);
MUSHIN_SAME(L::tensor_set, cudnnSetTensorNdDescriptor);
MUSHIN_SAME(L::filter_create, cudnnCreateFilterDescriptor);
MUSHIN_SAME(L::filter_destroy, cudnnDestroyFilterDescriptor);
MUSHIN_SAME(L::filter_set, cudnnSetFilterNdDescriptor);
MUSHIN_SAME(L::conv_create, cudnnCreateConvolutionDescriptor);
MUSHIN_SAME(L::conv_destroy, cudnnDestroyConvolutionDescriptor);
MUSHIN_SAME(L::conv_set, cudnnSetConvolutionNdDescriptor);
MUSHIN_SAME(L::conv_set_math, cudnnSetConvolutionMathType);
MUSHIN_SAME(L::conv_set_groups, cudnnSetConvolutionGroupCount);
MUSHIN_SAME(L::conv_result, cudnnGetConvolutionNdForwardOutputDim);
MUSHIN_SAME(C::choose, cudnnGetConvolutionForwardAlgorithm_v7);
MUSHIN_SAME(C::choose, cudnnGetConvolutionBackwardDataAlgorithm_v7);
MUSHIN_SAME(C::choose, cudnnGetConvolutionBackwardFilterAlgorithm_v7);
MUSHIN_SAME(C::workspace, cudnnGetConvolutionForwardWorkspaceSize);
MUSHIN_SAME(C::workspace, cudnnGetConvolutionBackwardDataWorkspaceSize);
MUSHIN_SAME(C::workspace, cudnnGetConvolutionBackwardFilterWorkspaceSize);
MUSHIN_SAME(C::run, cudnnConvolutionForward);
MUSHIN_SAME(C::run, cudnnConvolutionBackwardData);
MUSHIN_SAME(C::run, cudnnConvolutionBackwardFilter);
#undef MUSHIN_SAME

template <class Theirs>
constexpr bool same_choice = sizeof(Theirs) == sizeof(dnn::Choice) && offsetof(Theirs, algo) == offsetof(dnn::Choice, algorithm) &&
                             offsetof(Theirs, status) == offsetof(dnn::Choice, status) &&
                             offsetof(Theirs, memory) == offsetof(dnn::Choice, memory) &&
                             offsetof(Theirs, determinism) == offsetof(dnn::Choice, deterministic) &&
                             offsetof(Theirs, mathType) == offsetof(dnn::Choice, math);
static_assert(same_choice<cudnnConvolutionFwdAlgoPerf_t> && same_choice<cudnnConvolutionBwdDataAlgoPerf_t> &&
              same_choice<cudnnConvolutionBwdFilterAlgoPerf_t>);
static_assert(CUDNN_DETERMINISTIC == 1 && CUDNN_MAJOR == dnn::Library::major);

static_assert(dnn::success == CUDNN_STATUS_SUCCESS && dnn::not_initialized == CUDNN_STATUS_NOT_INITIALIZED &&
              dnn::bad_param == CUDNN_STATUS_BAD_PARAM && dnn::not_supported == CUDNN_STATUS_NOT_SUPPORTED &&
              dnn::internal_error == CUDNN_STATUS_INTERNAL_ERROR && dnn::execution_failed == CUDNN_STATUS_EXECUTION_FAILED &&
              dnn::no_host_memory == CUDNN_STATUS_INTERNAL_ERROR_HOST_ALLOCATION_FAILED &&
              dnn::no_device_memory == CUDNN_STATUS_INTERNAL_ERROR_DEVICE_ALLOCATION_FAILED);
static_assert(dnn::type_float == CUDNN_DATA_FLOAT && dnn::type_double == CUDNN_DATA_DOUBLE && dnn::type_half == CUDNN_DATA_HALF &&
              dnn::type_bfloat16 == CUDNN_DATA_BFLOAT16);
static_assert(dnn::math_default == CUDNN_DEFAULT_MATH && dnn::math_tensor_op == CUDNN_TENSOR_OP_MATH &&
              dnn::math_conversion == CUDNN_TENSOR_OP_MATH_ALLOW_CONVERSION && dnn::math_fma == CUDNN_FMA_MATH);
static_assert(dnn::format_nchw == CUDNN_TENSOR_NCHW && dnn::cross_correlation == CUDNN_CROSS_CORRELATION);
// Those that sum the products themselves.
static_assert(CUDNN_CONVOLUTION_FWD_ALGO_IMPLICIT_GEMM == 0 && CUDNN_CONVOLUTION_FWD_ALGO_IMPLICIT_PRECOMP_GEMM == 1 &&
              CUDNN_CONVOLUTION_FWD_ALGO_GEMM == 2 && CUDNN_CONVOLUTION_FWD_ALGO_DIRECT == 3);
static_assert(CUDNN_CONVOLUTION_BWD_DATA_ALGO_0 == 0 && CUDNN_CONVOLUTION_BWD_DATA_ALGO_1 == 1);
static_assert(CUDNN_CONVOLUTION_BWD_FILTER_ALGO_0 == 0 && CUDNN_CONVOLUTION_BWD_FILTER_ALGO_1 == 1 &&
              CUDNN_CONVOLUTION_BWD_FILTER_ALGO_3 == 3);

}  // namespace
#endif

namespace {

// What needs no GPU: versions, texts, descriptors, the sizes of results.
class CudnnLibrary : public testing::Test {
 protected:
  void SetUp() override {
    library_ = dlopen("libcudnn.so.9", RTLD_NOW | RTLD_LOCAL);
    if (!library_) library_ = dlopen(MUSHIN_CUDA_LIBRARIES "/libcudnn.so.9", RTLD_NOW | RTLD_LOCAL);
    if (!library_) GTEST_SKIP() << dlerror();
  }
  template <class F>
  F* get(F*, const char* name) {
    return reinterpret_cast<F*>(dlsym(library_, name));
  }
  template <class... A>
  int call(const char* name, A... arguments) {
    const auto f = reinterpret_cast<int (*)(A...)>(dlsym(library_, name));
    return f ? f(arguments...) : -1;
  }
  void* make(const char* name) {
    void* p = nullptr;
    EXPECT_EQ(call(name, &p), 0) << name;
    return p;
  }
  using Dims = std::vector<int>;
  void set_tensor(void* t, const Dims& dim) {
    Dims stride(dim.size(), 1);
    for (std::size_t i = dim.size() - 1; i > 0; --i) stride[i - 1] = stride[i] * dim[i];
    EXPECT_EQ(call("cudnnSetTensorNdDescriptor", t, 0, static_cast<int>(dim.size()), dim.data(), stride.data()), 0);
  }

  void* library_ = nullptr;
};

TEST_F(CudnnLibrary, MakesResultsOfTheSizesThatTheEmulationHas) {
  void *x = make("cudnnCreateTensorDescriptor"), *w = make("cudnnCreateFilterDescriptor"), *c = make("cudnnCreateConvolutionDescriptor");
  const auto convolve = [&](const Dims& of_x, const Dims& of_w, const Dims& padding, const Dims& stride, const Dims& dilation, int groups) {
    const int n = static_cast<int>(of_x.size());
    set_tensor(x, of_x);
    EXPECT_EQ(call("cudnnSetFilterNdDescriptor", w, 0, 0, n, of_w.data()), 0);
    EXPECT_EQ(call("cudnnSetConvolutionNdDescriptor", c, n - 2, padding.data(), stride.data(), dilation.data(), 1, 0), 0);
    EXPECT_EQ(call("cudnnSetConvolutionMathType", c, 3), 0);
    EXPECT_EQ(call("cudnnSetConvolutionGroupCount", c, groups), 0);
    Dims y(of_x.size());
    EXPECT_EQ(call("cudnnGetConvolutionNdForwardOutputDim", c, x, w, n, y.data()), 0);
    return y;
  };
  EXPECT_EQ(convolve({2, 4, 1, 9}, {6, 2, 1, 3}, {0, 1}, {1, 3}, {1, 2}, 2), (Dims{2, 6, 1, 3}));
  EXPECT_EQ(convolve({2, 3, 6, 5}, {4, 3, 3, 2}, {1, 1}, {2, 1}, {1, 1}, 1), (Dims{2, 4, 3, 6}));
  EXPECT_EQ(convolve({1, 4, 5, 4, 6}, {2, 2, 3, 2, 3}, {1, 1, 1}, {2, 2, 3}, {1, 2, 1}, 2), (Dims{1, 2, 3, 2, 2}));
  call("cudnnDestroyConvolutionDescriptor", c), call("cudnnDestroyFilterDescriptor", w), call("cudnnDestroyTensorDescriptor", x);
}

}  // namespace
