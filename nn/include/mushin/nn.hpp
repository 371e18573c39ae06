#pragma once
// Modules, layers, losses, optimisers, data.
#include "mushin/nn/activations.hpp"
#include "mushin/nn/budget.hpp"
#include "mushin/nn/checkpoint.hpp"
#include "mushin/nn/data/idx.hpp"
#include "mushin/nn/data/loader.hpp"
#include "mushin/nn/data/tensors.hpp"
#include "mushin/nn/layers.hpp"
#include "mushin/nn/losses.hpp"
#include "mushin/nn/module.hpp"
#include "mushin/nn/optimizers.hpp"
#include "mushin/nn/progress.hpp"
#include "mushin/nn/sequential.hpp"
