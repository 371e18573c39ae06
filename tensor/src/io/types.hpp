#pragma once
// How the formats spell element types.
#include "mushin/tensor/dtype.hpp"

namespace mushin::io {

struct TypeNames {
  dtype type;
  const char* safetensors;
  const char* npy;  // null: NumPy has no such type
};
inline constexpr TypeNames type_names[] = {
    {dtype::f32, "F32", "<f4"},
    {dtype::f64, "F64", "<f8"},
    {dtype::i64, "I64", "<i8"},
    {dtype::b8, "BOOL", "|b1"},
};

}  // namespace mushin::io
