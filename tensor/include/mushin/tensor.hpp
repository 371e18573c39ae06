#pragma once
// The tensor layer: typed tensors (constants), their makers and ops.
#include "mushin/tensor/device.hpp"
#include "mushin/tensor/error.hpp"
#include "mushin/tensor/io/dlpack.hpp"
#include "mushin/tensor/io/npy.hpp"
#include "mushin/tensor/io/npz.hpp"
#include "mushin/tensor/io/safetensors.hpp"
#include "mushin/tensor/makers.hpp"
#include "mushin/tensor/ops/arrange.hpp"
#include "mushin/tensor/ops/elementary.hpp"
#include "mushin/tensor/ops/index.hpp"
#include "mushin/tensor/ops/matmul.hpp"
#include "mushin/tensor/ops/pointwise.hpp"
#include "mushin/tensor/ops/random.hpp"
#include "mushin/tensor/ops/reduce.hpp"
#include "mushin/tensor/ops/shape.hpp"
#include "mushin/tensor/ops/softmax.hpp"
#include "mushin/tensor/ops/transfer.hpp"
#include "mushin/tensor/print.hpp"
#include "mushin/tensor/tensor.hpp"
#ifdef FMT_VERSION
#include "mushin/tensor/fmt.hpp"
#endif
