#pragma once
#include "mushin/autograd.hpp"

// Activations as functions, and as layers for Sequential.
namespace mushin::nn {

using mushin::log_softmax;
using mushin::relu;
using mushin::sigmoid;
using mushin::softmax;
using mushin::tanh;

struct Relu {
  auto operator()(const auto& x) const { return mushin::relu(x); }
};
struct Tanh {
  auto operator()(const auto& x) const { return mushin::tanh(x); }
};
struct Sigmoid {
  auto operator()(const auto& x) const { return mushin::sigmoid(x); }
};
/// Along `Axis`; -1 is the last.
template <int Axis = -1>
struct Softmax {
  auto operator()(const auto& x) const { return mushin::softmax<Axis>(x); }
};
template <int Axis = -1>
struct LogSoftmax {
  auto operator()(const auto& x) const { return mushin::log_softmax<Axis>(x); }
};

}  // namespace mushin::nn
