#pragma once
#include "mushin/nn/module.hpp"

namespace mushin {
class Communicator;
}

namespace mushin::nn {

/// Each gradient becomes the mean of the ranks' (mushin/tensor/collectives.hpp has what a rank is): after it, an optimiser's step is the same
/// in all of them. Losses that are means over equal shares of a batch so give the gradients of the whole batch. All ranks call it, for
/// parameters of the same shapes in the same order; each gradient is one all_reduce. Errors as Communicator::all_reduce.
MUSHIN_API void average_gradients(const Parameters&, const Communicator&);

}  // namespace mushin::nn
