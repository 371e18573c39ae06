#pragma once
#include "mushin/nn/module.hpp"

namespace mushin::nn {

/// Stochastic gradient descent. With g the gradient plus weight_decay * p, and from the second step on
/// buffer = momentum * buffer + g (the first: g):  p -= lr * buffer;  nesterov: p -= lr * (g + momentum * buffer).
struct SGDOptions {
  double lr = 0.01;
  double momentum = 0;
  double weight_decay = 0;
  bool nesterov = false;
};

/// `nn::SGD opt{nn::parameters(net), {.lr = 0.1, .momentum = 0.9}};` A parameter given twice is updated once. Error when an option makes no
/// sense.
class MUSHIN_API SGD {
 public:
  explicit SGD(Parameters, SGDOptions = {});
  /// Updates every parameter in place from its gradient.
  void step();
  void zero_grad();
  double lr() const { return options_.lr; }
  void lr(double rate) { options_.lr = rate; }

 private:
  struct Slot {
    core::Leaf leaf;
    core::Array buffer;  // none before the first step
  };
  std::vector<Slot> slots_;
  SGDOptions options_;
};

/// Adam, https://arxiv.org/abs/1412.6980. weight_decay is added to the gradient (L2).
struct AdamOptions {
  double lr = 1e-3;
  double beta1 = 0.9, beta2 = 0.999;
  double eps = 1e-8;
  double weight_decay = 0;
};

/// `nn::Adam opt{nn::parameters(net), {.lr = 1e-3}};` A parameter given twice is updated once. Error when an option makes no sense.
/// A step is one pass over the memory of each parameter.
class MUSHIN_API Adam {
 public:
  explicit Adam(Parameters, AdamOptions = {});
  /// Updates every parameter in place from its gradient.
  void step();
  void zero_grad();
  double lr() const { return options_.lr; }
  void lr(double rate) { options_.lr = rate; }

 private:
  struct Slot {
    core::Leaf leaf;
    core::Array m, v;  // none before the first step
  };
  void update(Slot&, const core::Array& rate, const core::Array& root) const;
  void step_on_device();
  std::vector<Slot> slots_;
  AdamOptions options_;
  double beta1_power_ = 1, beta2_power_ = 1;  // running products: beta2^t in float32 is too coarse
  std::vector<core::Array> powers_;           // in their place once a step was captured: replays count on
};

}  // namespace mushin::nn
