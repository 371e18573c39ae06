#pragma once
// How the formats spell element types.
#include <iterator>

#include "mushin/tensor/dtype.hpp"

namespace mushin::io {

struct TypeNames {
  dtype type;
  const char* safetensors;
  const char* npy;  // null: NumPy has no such type
};
inline constexpr TypeNames type_names[] = {
    {dtype::f32, "F32", "<f4"},     {dtype::f64, "F64", "<f8"}, {dtype::f16, "F16", "<f2"},
    {dtype::bf16, "BF16", nullptr}, {dtype::i8, "I8", "|i1"},   {dtype::u8, "U8", "|u1"},
    {dtype::i32, "I32", "<i4"},     {dtype::i64, "I64", "<i8"}, {dtype::b8, "BOOL", "|b1"},
};
static_assert(std::size(type_names) == std::size(all_dtypes));

}  // namespace mushin::io
