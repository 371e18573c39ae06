#pragma once
// The recording overloads of the core ops, one header for each family.
#include "mushin/autograd/ops/arrange.hpp"
#include "mushin/autograd/ops/elementary.hpp"
#include "mushin/autograd/ops/index.hpp"
#include "mushin/autograd/ops/linalg.hpp"
#include "mushin/autograd/ops/matmul.hpp"
#include "mushin/autograd/ops/pointwise.hpp"
#include "mushin/autograd/ops/reduce.hpp"
#include "mushin/autograd/ops/scan.hpp"
#include "mushin/autograd/ops/shape.hpp"
#include "mushin/autograd/ops/softmax.hpp"
#include "mushin/autograd/ops/sort.hpp"
#include "mushin/autograd/ops/statistics.hpp"
