#pragma once
// Variables and gradients, over the tensor layer.
#include "mushin/autograd/anomaly.hpp"
#include "mushin/autograd/apply.hpp"
#include "mushin/autograd/checkpoint.hpp"
#include "mushin/autograd/dot.hpp"
#include "mushin/autograd/grad.hpp"
#include "mushin/autograd/gradcheck.hpp"
#include "mushin/autograd/jacobian.hpp"
#include "mushin/autograd/traced.hpp"
#include "mushin/autograd/transforms.hpp"
#include "mushin/autograd/variable.hpp"
#include "mushin/autograd/vmap.hpp"
#include "mushin/tensor.hpp"
