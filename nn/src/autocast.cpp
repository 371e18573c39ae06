#include "mushin/nn/autocast.hpp"

namespace mushin::nn::detail {
namespace {
thread_local dtype multiplied = dtype::f32;
}

dtype product_type() noexcept { return multiplied; }
void product_type(dtype type) noexcept { multiplied = type; }

}  // namespace mushin::nn::detail
