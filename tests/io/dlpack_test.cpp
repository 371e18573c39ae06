// Tensors from and to other libraries by DLPack: who owns the memory when, and every way in which a foreign tensor can be wrong.
#include <gtest/gtest.h>

#include <algorithm>

#include "mushin/tensor.hpp"
#include "mushin/tensor/io/dlpack_abi.hpp"
#include "sample.hpp"
#include "support/files.hpp"

namespace mu = mushin;
using mushin::test::has;
using mushin::test::text_of_error;

namespace {

/// Another library's tensor: says when it is let go.
struct Foreign {
  DLManagedTensor managed{};
  std::vector<std::int64_t> shape, strides;
  int let_go = 0;

  Foreign(void* data, DLDataType type, std::vector<std::int64_t> sizes, std::vector<std::int64_t> steps = {})
      : shape(std::move(sizes)), strides(std::move(steps)) {
    managed.dl_tensor = {
        data, {kDLCPU, 0}, static_cast<std::int32_t>(shape.size()), type, shape.data(), strides.empty() ? nullptr : strides.data(), 0};
    managed.manager_ctx = this;
    managed.deleter = [](DLManagedTensor* self) { ++static_cast<Foreign*>(self->manager_ctx)->let_go; };
  }
  Foreign(const Foreign&) = delete;
  DLManagedTensor* get() { return &managed; }
};
constexpr DLDataType f32{kDLFloat, 32, 1}, f64{kDLFloat, 64, 1}, i64{kDLInt, 64, 1}, b8{kDLBool, 8, 1};

template <class E>
std::string refused(Foreign& from) {
  const auto text = text_of_error<E>([&] { (void)mu::core::from_dlpack(from.get()); });
  EXPECT_TRUE(has(text, {"[from_dlpack] "}));
  EXPECT_EQ(from.let_go, 0) << "what was refused stays the caller's";
  return text;
}

inline constexpr mu::Dim<"batch"> batch;

}  // namespace

TEST(FromDlpack, SharesMemoryAndLetsGoOnce) {
  float values[] = {1, 2, 3, 4, 5, 6};
  Foreign from(values, f32, {2, 3});
  {
    auto view = mu::slice<1, 1, 3>(mu::from_dlpack<2, 3>(from.get()));
    EXPECT_EQ(view.to_vector(), (std::vector<float>{2, 3, 5, 6}));
    values[1] = 20;
    EXPECT_EQ(view(0, 0), 20.0f) << "not a copy";
    EXPECT_EQ(from.let_go, 0);
  }
  EXPECT_EQ(from.let_go, 1);
}

TEST(FromDlpack, NeverWritesIntoForeignMemory) {
  std::vector<float> values(1000, 1.0f);
  Foreign from(values.data(), f32, {1000});
  auto x = mu::from_dlpack<mu::dyn>(from.get());
  for (int i = 0; i < 3; ++i) {
    x = x * 2.0f;  // the last owner of the foreign memory is the op
    mu::core::evaluate(x.raw());
  }
  EXPECT_EQ(x(7), 8.0f);
  EXPECT_EQ(values, std::vector<float>(1000, 1.0f));
  EXPECT_EQ(from.let_go, 1);
}

TEST(FromDlpack, StridesAndOffsetsAreViews) {
  double values[] = {0, 1, 2, 3, 4, 5};
  Foreign transposed(values, f64, {3, 2}, {1, 3});
  EXPECT_EQ((mu::from_dlpack<double, 3, 2>(transposed.get()).to_vector()), (std::vector<double>{0, 3, 1, 4, 2, 5}));
  Foreign repeated(values, f64, {2, 3}, {0, 1});
  repeated.managed.dl_tensor.byte_offset = 8;
  EXPECT_EQ((mu::from_dlpack<double, 2, 3>(repeated.get()).to_vector()), (std::vector<double>{1, 2, 3, 1, 2, 3}));
  EXPECT_EQ(transposed.let_go + repeated.let_go, 2);
}

TEST(FromDlpack, WhatNoViewCanBeIsCopied) {
  float values[] = {0, 1, 2, 3, 4, 5};
  Foreign backwards(values + 5, f32, {2, 3}, {-3, -1});
  auto a = mu::from_dlpack<2, 3>(backwards.get());
  EXPECT_EQ(backwards.let_go, 1);
  EXPECT_EQ(a.to_vector(), (std::vector<float>{5, 4, 3, 2, 1, 0}));
  alignas(8) char bytes[9]{};
  const float one = 1;
  std::copy_n(reinterpret_cast<const char*>(&one), 4, bytes + 1);
  Foreign odd(bytes + 1, f32, {2});
  EXPECT_EQ(mu::from_dlpack<2>(odd.get()).to_vector(), (std::vector<float>{1, 0}));
  EXPECT_EQ(odd.let_go, 1);
}

TEST(FromDlpack, EmptyAndScalarTensors) {
  std::int64_t value = 42;
  Foreign scalar(&value, i64, {});
  EXPECT_EQ(mu::from_dlpack<std::int64_t>(scalar.get()).item(), 42);
  Foreign empty(nullptr, f32, {0, 4}, {4, 1});
  EXPECT_EQ((mu::from_dlpack<batch, 4>(empty.get()).size(batch)), 0);
  Foreign endless(&value, i64, {1});
  endless.managed.deleter = nullptr;
  EXPECT_EQ((mu::from_dlpack<std::int64_t, 1>(endless.get())(0)), 42);
  EXPECT_EQ(scalar.let_go + empty.let_go, 2);
}

TEST(FromDlpack, StridesThatSayNothingMayBeAnything) {
  float values[] = {1, 2};
  Foreign one(values, f32, {1, 2, 1}, {INT64_MIN, 1, INT64_MAX});
  const auto x = mu::from_dlpack<1, 2, 1>(one.get());
  EXPECT_EQ((x + mu::transpose(mu::transpose(x))).to_vector(), (std::vector<float>{2, 4}));
  Foreign empty(values, f32, {0, 2}, {INT64_MAX, INT64_MAX});
  empty.managed.dl_tensor.byte_offset = UINT64_MAX;
  EXPECT_EQ((mu::from_dlpack<batch, 2>(empty.get()).size(batch)), 0);
  char truth = 1;
  Foreign repeated(&truth, b8, {1LL << 50}, {0});
  EXPECT_EQ((mu::from_dlpack<bool, mu::dyn>(repeated.get()).shape()[0]), 1LL << 50);
}

TEST(FromDlpack, TypedTakingNamesBothSides) {
  float values[6] = {};
  Foreign from(values, f32, {2, 3});
  const auto text = [&](auto take) { return text_of_error<mu::ShapeError>(take); };
  EXPECT_TRUE(has(text([&] { (void)mu::from_dlpack<3, 2>(from.get()); }), {"[from_dlpack]", "it is float (2, 3), asked was float (3, 2)"}));
  EXPECT_TRUE(has(text([&] { (void)mu::from_dlpack<double, 2, 3>(from.get()); }), {"asked was double (2, 3)"}));
  EXPECT_TRUE(has(text([&] { (void)mu::from_dlpack<batch, batch>(from.get()); }), {"asked was float (batch, batch)"}));
  EXPECT_EQ(from.let_go, 0);
}

TEST(FromDlpack, WhatCannotBeATensor) {
  float value = 0;
  Foreign type(&value, {kDLFloat, 24, 1}, {1}), lanes(&value, {kDLFloat, 32, 4}, {1});
  EXPECT_TRUE(has(refused<mu::ShapeError>(type), {"no such element type", "code 2, 24 bits, 1 lanes"}));
  EXPECT_TRUE(has(refused<mu::ShapeError>(lanes), {"no such element type", "4 lanes"}));
  Foreign deep(&value, f32, std::vector<std::int64_t>(9, 1)), negative(&value, f32, {-1}), huge(&value, f32, {INT64_MAX, 2});
  EXPECT_TRUE(has(refused<mu::ShapeError>(deep), {"at most 8 axes", "has 9"}));
  EXPECT_TRUE(has(refused<mu::ShapeError>(negative), {"negative", "(-1)"}));
  EXPECT_TRUE(has(refused<mu::ShapeError>(huge), {"too many elements"}));
  Foreign nowhere(nullptr, f32, {2}), shapeless(&value, f32, {1}), gpu(&value, f32, {1}), bools(&value, b8, {1});
  EXPECT_TRUE(has(refused<mu::ShapeError>(nowhere), {"there must be memory", "2 elements at null"}));
  shapeless.managed.dl_tensor.shape = nullptr;
  EXPECT_TRUE(has(refused<mu::ShapeError>(shapeless), {"there must be a shape"}));
  gpu.managed.dl_tensor.device = {kDLCUDA, 0};
  EXPECT_TRUE(has(refused<mu::DeviceError>(gpu), {"must be the host's", "device type 2"}));
  Foreign far(&value, f32, {3}, {INT64_MAX}), behind(&value, f32, {2}, {INT64_MIN}), beyond(&value, f32, {1});
  Foreign wide(&value, f32, {2, 2}, {INT64_MAX / 8, -(INT64_MAX / 8)}), ahead(&value, f32, {2}, {-(INT64_MAX / 8)});
  beyond.managed.dl_tensor.byte_offset = UINT64_MAX - 2;
  EXPECT_TRUE(
      has(refused<mu::ShapeError>(far), {"strides and byte_offset must stay within memory: (3) with strides (9223372036854775807)"}));
  for (Foreign* f : {&behind, &beyond, &wide, &ahead}) EXPECT_TRUE(has(refused<mu::ShapeError>(*f), {"must stay within memory"}));
  *reinterpret_cast<char*>(&value) = 2;
  EXPECT_TRUE(has(refused<mu::ShapeError>(bools), {"0 or 1", "one is 2"}));
  EXPECT_TRUE(has(text_of_error<mu::ShapeError>([] { (void)mu::from_dlpack<1>(static_cast<DLManagedTensor*>(nullptr)); }), {"got null"}));
  DLManagedTensorVersioned later{};
  later.version = {2, 0};
  EXPECT_TRUE(has(text_of_error<mu::ShapeError>([&] { (void)mu::from_dlpack<1>(&later); }), {"version 1", "it is 2.0"}));
}

TEST(ToDlpack, GivesViewsThatOutliveTheTensor) {
  DLManagedTensor* given = mu::to_dlpack(mu::transpose(mu::tensor<2, 3>({1, 2, 3, 4, 5, 6})));
  const DLTensor& t = given->dl_tensor;
  EXPECT_EQ(t.device.device_type, kDLCPU);
  EXPECT_EQ(t.ndim, 2);
  EXPECT_TRUE(t.dtype.code == kDLFloat && t.dtype.bits == 32 && t.dtype.lanes == 1);
  EXPECT_TRUE(t.shape[0] == 3 && t.shape[1] == 2 && t.strides[0] == 1 && t.strides[1] == 3);
  EXPECT_EQ(static_cast<const float*>(t.data)[5], 6.0f);
  given->deleter(given);
}

TEST(ToDlpack, ComesBackAsTheSameMemory) {
  const auto x = mu::tensor<bool, 3>({true, false, true}) || mu::tensor<bool, 3>({false, false, true});
  DLManagedTensorVersioned* given = mu::to_dlpack_versioned(x);
  EXPECT_EQ(given->version.major, 1u);
  EXPECT_EQ(given->flags, 1u) << "read-only";
  const void* data = given->dl_tensor.data;
  const auto back = mu::from_dlpack<bool, 3>(given);
  EXPECT_EQ(back.to_vector(), x.to_vector());
  DLManagedTensor* again = mu::to_dlpack(back);
  EXPECT_EQ(again->dl_tensor.data, data);
  again->deleter(again);
}

TEST(ToDlpack, EveryElementTypeComesBack) {
  mushin::test::for_each_element_type([&]<class T>() {
    const auto x = mushin::test::sample<T>();
    EXPECT_EQ(mushin::test::bits((mu::from_dlpack<T, 4>(mu::to_dlpack(x))).raw()), mushin::test::bits(x.raw()))
        << mu::name_of(mu::dtype_of<T>);
  });
  DLManagedTensor* half = mu::to_dlpack(mushin::test::sample<mu::bf16>());
  EXPECT_TRUE(half->dl_tensor.dtype.code == kDLBfloat && half->dl_tensor.dtype.bits == 16);
  half->deleter(half);
}

TEST(ToDlpack, ScalarsAndEmptyTensors) {
  DLManagedTensor* scalar = mu::to_dlpack(mu::fill(2.5f) * 2.0f);
  EXPECT_EQ(scalar->dl_tensor.ndim, 0);
  EXPECT_EQ(*static_cast<const float*>(scalar->dl_tensor.data), 5.0f);
  scalar->deleter(scalar);
  DLManagedTensor* empty = mu::to_dlpack(mu::zeros<0, 2>());
  EXPECT_EQ(empty->dl_tensor.shape[0], 0);
  empty->deleter(empty);
}

namespace {
/// Makers and readers use that device as long as this lives.
struct DefaultDevice {
  mu::Device before = mu::default_device();
  explicit DefaultDevice(const char* name) { mu::set_default_device(name); }
  DefaultDevice(const DefaultDevice&) = delete;
  ~DefaultDevice() { mu::set_default_device(before); }
};
}  // namespace

TEST(DeviceMemory, IsNotGivenAwayAndTakesCopies) {
  const DefaultDevice on("fakegpu:0");
  const auto x = mu::ones<2>();
  EXPECT_TRUE(has(text_of_error<mu::DeviceError>([&] { (void)mu::to_dlpack(x); }), {"[to_dlpack]", "host memory", "fakegpu:0"}));
  float values[] = {1, 2, 3, 4};
  Foreign from(values, f32, {2, 2}, {1, 2});
  const auto y = mu::from_dlpack<2, 2>(from.get());
  EXPECT_EQ(from.let_go, 1);
  EXPECT_STREQ(y.device().name(), "fakegpu:0");
  EXPECT_EQ(y.to_vector(), (std::vector<float>{1, 3, 2, 4}));
}
