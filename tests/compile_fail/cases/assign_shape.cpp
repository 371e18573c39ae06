// expect-gcc: conversion from
// expect-clang: no viable conversion
#include "mushin/tensor.hpp"

namespace mu = mushin;

void program() {
  const auto a = mu::ones<2, 3>();
#ifdef FIXED
  mu::Tensor<float, 3, 2> b = mu::transpose(a);
  (void)b;
#else
  mu::Tensor<float, 3, 2> b = a;
  (void)b;
#endif
}
