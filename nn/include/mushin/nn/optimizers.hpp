#pragma once
// Every optimiser. `nn::Adam opt{nn::parameters(net), {.lr = 1e-3}};`, and for other options of some parameters
// `opt.add(nn::parameters(head), {.lr = 1e-2});`. Constructors and `add`: Error when an option makes no sense.
#include "mushin/nn/optimizers/average.hpp"
#include "mushin/nn/optimizers/clip.hpp"
#include "mushin/nn/optimizers/grad_scaler.hpp"
#include "mushin/nn/optimizers/lbfgs.hpp"
#include "mushin/nn/optimizers/optimizer.hpp"

namespace mushin::nn {

/// Stochastic gradient descent. With g the gradient plus weight_decay * p, and from the second step on
/// buffer = momentum * buffer + (1 - dampening) * g (the first: g):  p -= lr * buffer;  nesterov: p -= lr * (g + momentum * buffer).
struct SGDOptions {
  double lr = 0.01;
  double momentum = 0;
  double weight_decay = 0;
  bool nesterov = false;
  double dampening = 0;
};

/// Stochastic gradient descent, as SGDOptions says.
class MUSHIN_API SGD final : public Optimizer {
 public:
  explicit SGD(Parameters, SGDOptions = {});
  void add(Parameters, SGDOptions = {});
  void step() override;

 private:
  std::vector<SGDOptions> options_;
};

/// Adam, https://arxiv.org/abs/1412.6980. weight_decay is added to the gradient (L2). amsgrad: divides by the greatest of the second
/// moments so far.
struct AdamOptions {
  double lr = 1e-3;
  double beta1 = 0.9, beta2 = 0.999;
  double eps = 1e-8;
  double weight_decay = 0;
  bool amsgrad = false;
};

/// Adam, as AdamOptions says.
class MUSHIN_API Adam : public Optimizer {
 public:
  explicit Adam(Parameters, AdamOptions = {});
  void add(Parameters, AdamOptions = {});
  void step() override;

 protected:
  Adam(const char* op, bool decoupled);

 private:
  void update(core::Assignments&, Group&, Slot&, const AdamOptions&, const core::Array& rate, const core::Array& root) const;
  void step_on_device(core::Assignments&, Group&, const AdamOptions&);
  std::vector<AdamOptions> options_;
  bool decoupled_ = false;  // weight decay is not part of the gradient
};

/// Adam with decoupled weight decay, p *= 1 - lr * weight_decay: https://arxiv.org/abs/1711.05101. amsgrad: as in AdamOptions.
struct AdamWOptions {
  double lr = 1e-3;
  double beta1 = 0.9, beta2 = 0.999;
  double eps = 1e-8;
  double weight_decay = 0.01;
  bool amsgrad = false;
};

/// AdamW, as AdamWOptions says.
class MUSHIN_API AdamW final : public Adam {
 public:
  explicit AdamW(Parameters, AdamWOptions = {});
  void add(Parameters, AdamWOptions = {});
};

/// With v = alpha * v + (1 - alpha) * g²:  p -= lr * g / (sqrt(v) + eps). centered: of v, the square of g's running mean is taken off.
/// momentum: the quotients are gathered in a buffer, as SGD gathers gradients. weight_decay is added to the gradient.
struct RMSpropOptions {
  double lr = 0.01;
  double alpha = 0.99;
  double eps = 1e-8;
  double weight_decay = 0;
  double momentum = 0;
  bool centered = false;
};

/// RMSprop, as RMSpropOptions says.
class MUSHIN_API RMSprop final : public Optimizer {
 public:
  explicit RMSprop(Parameters, RMSpropOptions = {});
  void add(Parameters, RMSpropOptions = {});
  void step() override;

 private:
  std::vector<RMSpropOptions> options_;
};

/// With s the sum of all g² and t the number of steps before:  p -= lr / (1 + t * lr_decay) * g / (sqrt(s) + eps).
/// weight_decay is added to the gradient. https://jmlr.org/papers/v12/duchi11a.html
struct AdagradOptions {
  double lr = 0.01;
  double lr_decay = 0;
  double weight_decay = 0;
  double initial_accumulator_value = 0;  ///< what s begins with
  double eps = 1e-10;
};

/// Adagrad, as AdagradOptions says.
class MUSHIN_API Adagrad final : public Optimizer {
 public:
  explicit Adagrad(Parameters, AdagradOptions = {});
  void add(Parameters, AdagradOptions = {});
  void step() override;

 private:
  std::vector<AdagradOptions> options_;
};

/// p *= 1 - lr * weight_decay, then p -= lr * sign(beta1 * m + (1 - beta1) * g), then m = beta2 * m + (1 - beta2) * g.
/// https://arxiv.org/abs/2302.06675
struct LionOptions {
  double lr = 1e-4;
  double beta1 = 0.9, beta2 = 0.99;
  double weight_decay = 0;
};

/// Lion, as LionOptions says.
class MUSHIN_API Lion final : public Optimizer {
 public:
  explicit Lion(Parameters, LionOptions = {});
  void add(Parameters, LionOptions = {});
  void step() override;

 private:
  std::vector<LionOptions> options_;
};

}  // namespace mushin::nn
