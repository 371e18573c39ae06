#include "mushin/nn/optimizers/average.hpp"

#include "mushin/tensor/collectives.hpp"
#include "optimizers/support.hpp"

namespace mushin::nn {

void average_gradients(const Parameters& parameters, const Communicator& by) {
  Parameters aliases;
  for (const auto& p : parameters) aliases.push_back({p.name, p.leaf.alias()});
  for (core::Leaf& leaf : distinct(std::move(aliases)))
    leaf.set_grad(scaled(core::all_reduce(by, leaf.grad(), reduction::sum), 1.0 / static_cast<double>(by.size())));
}

}  // namespace mushin::nn
