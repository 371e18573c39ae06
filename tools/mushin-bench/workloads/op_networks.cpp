// Ops of networks, for the suite of ops.
#include "mushin/nn.hpp"

#include "../data.hpp"
#include "../workload.hpp"

namespace bench {
namespace {

namespace nn = mu::nn;

constexpr double images = 16.0 * 64 * 56 * 56;
constexpr mu::extent steps{64}, batch{32}, inputs{64}, hidden{128}, classes{32}, longest{20};

/// Without gradients.
template <class Net>
Work recurrent(std::uint64_t stream) {
  return expression([x = uniform<batch, steps, inputs>(stream), net = std::make_shared<Net>()] {
    return mu::no_grad([&] { return std::get<0>((*net)(x)).value(); });
  });
}
constexpr double recurrent_flop(double gates) { return 2 * gates * steps.size * batch.size * hidden.size * (inputs.size + hidden.size); }

Work spelled() {
  const auto full = [](std::int64_t n) { return mu::fill<std::int64_t, batch>(n); };
  return expression([logs = mu::log_softmax<2>(uniform<128, batch, classes>(723)),
                     labels = integers<batch, longest>(724, classes.size - 1) + std::int64_t{1}, time = full(128),
                     lengths = full(longest.size)] { return nn::ctc<nn::Reduction::none>(logs, labels, time, lengths); });
}

// Columns: name, what, training, flop, bytes, expected, make, written.
constexpr Workload networks[] = {
    {"op_conv",
     "16 images of 64 channels, 56 x 56, by 3 x 3 to 64",
     false,
     2 * images * 64 * 9,
     0,
     {},
     [] { return expression([x = uniform<16, 64, 56, 56>(715), w = uniform<64, 64, 3, 3>(716)] { return mu::conv<1, 1>(x, w); }); }},
    {"op_conv_transpose",
     "the same back",
     false,
     2 * images * 64 * 9,
     0,
     {},
     [] {
       return expression([x = uniform<16, 64, 56, 56>(715), w = uniform<64, 64, 3, 3>(716)] { return mu::conv_transpose<1, 1>(x, w); });
     }},
    {"op_attention",
     "8 sequences of 128, 8 heads of 32",
     false,
     4.0 * 8 * 8 * 128 * 128 * 32,
     0,
     {},
     [] { return expression([q = uniform<8, 8, 128, 32>(718)] { return mu::scaled_dot_product_attention(q, q, q); }); }},
    {"op_max_pool",
     "of 2 x 2, 64 images of 64 channels, 56 x 56",
     false,
     0,
     4 * images * 5,
     {},
     [] { return expression([x = uniform<64, 64, 56, 56>(717)] { return mu::max_pool<2>(x); }); },
     4 * images},
    {"op_avg_pool",
     "of 3 x 3 with stride 2, 64 images of 64 channels, 56 x 56",
     false,
     0,
     4 * images * 5,
     {},
     [] { return expression([x = uniform<64, 64, 56, 56>(717)] { return mu::avg_pool<3, 2, 1>(x); }); },
     4 * images},
    {"op_batch_norm",
     "64 images of 64 channels, 56 x 56, by their own statistics",
     false,
     0,
     4 * images * 8,
     {},
     [] { return expression([x = uniform<64, 64, 56, 56>(717), one = mu::ones<64>() + 0.5f] { return mu::batch_norm(x, one, one); }); },
     4 * images * 4},
    {"op_rms_norm",
     "of each row, 4096 x 4096",
     false,
     0,
     8.0 * 4096 * 4096,
     {},
     [] { return expression([x = uniform<4096, 4096>(703), one = mu::ones<4096>() + 0.5f] { return mu::rms_norm(x, one); }); },
     4.0 * 4096 * 4096},
    {"op_lstm", "64 steps, 64 to 128, batch 32", false, recurrent_flop(4), 0, {}, [] { return recurrent<nn::LSTM<inputs, hidden>>(725); }},
    {"op_gru", "the same", false, recurrent_flop(3), 0, {}, [] { return recurrent<nn::GRU<inputs, hidden>>(725); }},
    {"op_ctc", "128 steps of 32 classes, batch 32, 20 labels each", false, 0, 4.0 * 128 * 32 * 32, {}, spelled},
};

}  // namespace

std::span<const Workload> op_network_workloads() { return networks; }

}  // namespace bench
