// What docs/from-pytorch.md shows: each of its pieces of code is cut out of this program, which says what PyTorch says.
#include <cstdio>
#include <iostream>
#include <mushin/nn.hpp>

namespace mu = mushin;
namespace nn = mu::nn;
namespace data = mu::data;

void tensors() {
  //! [tensors]
  auto a = mu::tensor<2, 3>({1, 2, 3, 4, 5, 6});            // Tensor<float, 2, 3>
  auto b = mu::zeros<double, mu::batch, 3>(mu::batch = 2);  // its first size is told now, and checked by name
  auto c = mu::reshape<3, 2>(a) * 2;
  auto d = mu::slice<1>(a, 0, 2);  // a[:, 0:2]
  auto e = mu::where(a > 3, a, 0.0f).to<double>() + b.refine<2, 3>();
  static_assert(decltype(c)::extents == mu::Shape{3, 2});
  std::cout << "tensors: " << mu::sum(c) << ' ' << d(1, 1) << ' ' << mu::argmax<1>(a) << ' ' << mu::mean<0>(e) << '\n';
  //! [tensors]
}

void broadcasting() {
  //! [broadcasting]
  auto rows = mu::tensor<2, 1>({10, 20});
  auto columns = mu::arange<3>();
  auto grid = rows + columns;  // (2, 1) and (3) make (2, 3), as in PyTorch
  auto centred = grid - mu::mean<1>(grid, mu::keep);
  //! [broadcasting]
  std::cout << "broadcasting: " << mu::sum(grid) << ' ' << mu::norm(centred) << '\n';
}

void gradients() {
  //! [gradients]
  auto w = mu::variable(mu::tensor<3>({1, 2, 3}));  // requires_grad=True
  auto z = mu::sum(w * w * w);
  z.backward();
  std::cout << "gradients: " << w.grad();  // 3 w²
  w.zero_grad();

  auto y = mu::sum(w * w * w);
  auto first = mu::grad<mu::create_graph>(y, w);     // torch.autograd.grad(y, w, create_graph=True)
  std::cout << ' ' << mu::grad(mu::sum(first), w);   // 6 w
  auto constant = y.value();                         // y.detach()
  auto silent = mu::no_grad([&] { return w * 2; });  // with torch.no_grad(): a Tensor, by type
  //! [gradients]
  std::cout << ' ' << constant << ' ' << silent << '\n';
}

//! [module]
struct Net {
  nn::Linear<4, 8> fc1;
  nn::Dropout drop{0.0f};
  nn::Linear<8, 3> fc2;
  auto operator()(const auto& x) const { return fc2(drop(nn::relu(fc1(x)))); }
  MUSHIN_MODULE(Net, fc1, drop, fc2)
};
using Same = nn::Sequential<nn::Linear<4, 8>, nn::Relu, nn::Linear<8, 3>>;
//! [module]

using Images = mu::Tensor<float, 8, 4>;
using Labels = mu::Tensor<std::int64_t, 8>;

void training(Net& net, const Images& x, const Labels& y, const std::string& folder) {
  //! [loop]
  data::Tensors set{x, y};                 // TensorDataset
  data::Loader loader(set, {.batch = 4});  // DataLoader(set, batch_size=4)
  nn::AdamW opt{nn::parameters(net), {.lr = 0.1}};
  nn::StepLR schedule{opt, {.step_size = 1, .gamma = 0.5}};
  for (int epoch = 0; epoch < 3; ++epoch) {
    for (auto [images, labels] : loader) {
      auto loss = nn::cross_entropy(net(images), labels);
      opt.zero_grad();
      loss.backward();
      nn::clip_grad_norm(nn::parameters(net), 0.5);
      opt.step();
      std::cout << (epoch + 1) << ": " << loss.value() << '\n';
    }
    schedule.step();
  }
  nn::eval(net);  // net.eval()
  std::cout << "accuracy: " << nn::accuracy(mu::no_grad([&] { return net(x); }), y) << '\n';
  nn::train(net);
  //! [loop]

  //! [files]
  nn::save(net, folder + "/trained.safetensors");  // the names of state_dict(): fc1.weight, fc1.bias, …
  nn::save(opt, folder + "/optimizer.safetensors");
  nn::load(opt, folder + "/optimizer.safetensors");
  //! [files]
}

void elsewhere(Net& net) {
  //! [devices]
  auto device = mu::device("builtin");  // or "cuda:0"
  nn::to(net, device);                  // before the optimiser is made
  auto x = mu::ones<2, 4>().to(device);
  mu::set_default_device(device);  // where makers put tensors from now on
  //! [devices]
  std::cout << "device: " << device.name() << ' ' << mu::sum(net(x)).value() << '\n';
}

void captured(Net& net, const Images& x, const Labels& y) {
  //! [capture]
  nn::SGD opt{nn::parameters(net), {.lr = 0.1}};
  auto step = [&](const auto& images, const auto& labels) {
    auto loss = nn::cross_entropy(net(images), labels);
    opt.zero_grad();
    loss.backward();
    opt.step();
    return loss.value();
  };
  step(x, y);                             // what is made once is made here
  auto replay = mu::capture(step, x, y);  // runs it once more, and remembers
  auto last = replay(x, y);               // neither graph nor dispatch: the same work with these inputs
  //! [capture]
  std::cout << "capture: " << last << '\n';
}

void mixed(Net& net, const Images& x, const Labels& y) {
  //! [mixed]
  nn::SGD opt{nn::parameters(net), {.lr = 0.1}};
  nn::GradScaler scaler;
  auto loss = [&] {
    nn::autocast<mu::f16> narrow;  // until the end of its scope, in this thread
    return nn::cross_entropy(net(x), y);
  }();
  scaler.scale(loss).backward();
  scaler.unscale(opt);
  nn::clip_grad_norm(nn::parameters(net), 1);
  scaler.step(opt);
  scaler.update();
  opt.zero_grad();
  //! [mixed]
  std::cout << "mixed: " << loss.value() << ' ' << scaler.scale() << '\n';
}

void transforms() {
  //! [transforms]
  auto cube = [](const auto& p) { return p * p * p; };
  auto x = mu::tensor<2>({1, 2});
  auto [value, slope] = mu::value_and_grad(cube)(x);  // torch.func.grad_and_value, of the sum
  auto along = mu::jvp(cube)(x, mu::ones<2>());
  auto each = mu::vmap([](const auto& row) { return mu::norm(row); })(mu::ones<5, 4>());
  auto jacobian = mu::jacobian(cube)(x);
  //! [transforms]
  std::cout << "transforms: " << value << ' ' << slope << ' ' << along << ' ' << each << ' ' << mu::sum(jacobian) << '\n';
}

int main(int argc, char** argv) {
  if (argc != 2) return std::fprintf(stderr, "from-pytorch FOLDER, in which net.safetensors is\n"), 1;
  try {
    const std::string folder = argv[1];
    mu::manual_seed(1);
    tensors();
    broadcasting();
    gradients();
    transforms();
    Net net;
    //! [load]
    nn::load(net, folder + "/net.safetensors");  // Python: safetensors.torch.save_file(net.state_dict(), "net.safetensors")
    //! [load]
    std::vector<float> pixels;  // such as every language can make
    for (int i = 0; i < 32; ++i) pixels.push_back(static_cast<float>(i * i % 13) / 6 - 1);
    const auto x = mu::from<8, 4>(pixels);
    const auto y = mu::tensor<std::int64_t, 8>({0, 1, 2, 0, 1, 2, 0, 1});
    training(net, x, y, folder);
    Net again;
    nn::load(again, folder + "/trained.safetensors");
    elsewhere(again);
    const auto there = mu::default_device();  // where the network is now
    captured(again, x.to(there), y.to(there));
    mixed(again, x.to(there), y.to(there));
  } catch (const std::exception& e) {
    std::fprintf(stderr, "%s\n", e.what());
    return 1;
  }
}
