// nn::save and nn::load: what comes back, and every mismatch in one sentence with nothing changed.
#include "mushin/nn/checkpoint.hpp"

#include <gtest/gtest.h>

#include "support/files.hpp"
#include "mushin/nn.hpp"
#include "mushin/tensor/io/safetensors.hpp"
#include "support/matchers.hpp"

namespace mu = mushin;
namespace nn = mu::nn;
using namespace mushin::test;

struct Saved {
  nn::Linear<3, 4> fc1;
  std::vector<nn::Linear<4, 4>> more;
  mu::Variable<double, 2> scale{mu::ones<double, 2>()};
  MUSHIN_MODULE(Saved, fc1, more, scale)
};

struct Other {
  nn::Linear<3, 5> fc1;
  mu::Variable<float, 2> scale{mu::ones<2>()};
  mu::Variable<float, 1> offset{mu::ones<1>()};
  MUSHIN_MODULE(Other, fc1, scale, offset)
};

namespace {

std::vector<Ref> all_values(const auto& net) {
  std::vector<Ref> out;
  for (const auto& p : nn::parameters(net)) out.push_back(ref(p.leaf.traced().value()));
  return out;
}
bool same(const std::vector<Ref>& a, const std::vector<Ref>& b) {
  bool all = a.size() == b.size();
  for (std::size_t i = 0; all && i < a.size(); ++i) all = a[i].shape == b[i].shape && a[i].values == b[i].values;
  return all;
}

}  // namespace

TEST(Checkpoint, GivesBackWhatWasSaved) {
  const Folder folder;
  Saved net, other;
  net.more.resize(2), other.more.resize(2);
  const auto want = all_values(net);
  ASSERT_FALSE(same(all_values(other), want));
  nn::save(net, folder / "net.safetensors");
  nn::load(other, folder / "net.safetensors");
  EXPECT_TRUE(same(all_values(other), want));
  EXPECT_TRUE(mu::load_safetensors(folder / "net.safetensors").contains("more.1.weight"));
}

TEST(Checkpoint, TrainingGoesOnAfterLoading) {
  const Folder folder;
  nn::Linear<2, 1> net;
  nn::save(net, folder / "net");
  nn::SGD opt{nn::parameters(net), {.lr = 0.1}};
  nn::load(net, folder / "net");
  const auto before = ref(net.weight);
  nn::mse(net(mu::ones<3, 2>()), mu::fill<3, 1>(5.0f)).backward();
  opt.step();
  EXPECT_FALSE(equal(net.weight, before));
}

TEST(Checkpoint, EveryMismatchIsInOneErrorAndNothingChanges) {
  const Folder folder;
  Saved net;
  net.more.resize(1);
  nn::save(net, folder / "net");
  Other other;
  const auto before = all_values(other);
  const auto text = text_of_error<mu::FileError>([&] { nn::load(other, folder / "net"); });
  EXPECT_TRUE(has(text, {"[load] the file must hold exactly the module's parameters", folder / "net", "missing offset F32 (1)",
                         "extra more.0.weight F32 (4, 4)", "extra more.0.bias F32 (4)", "fc1.weight is F32 (4, 3), wanted F32 (5, 3)",
                         "fc1.bias is F32 (4), wanted F32 (5)", "scale is F64 (2), wanted F32 (2)"}));
  EXPECT_TRUE(same(all_values(other), before));
}

TEST(Checkpoint, ADamagedFileChangesNothing) {
  const Folder folder;
  nn::Linear<2, 2> net;
  nn::save(net, folder / "net");
  const auto bytes = bytes_of_file(folder / "net");
  const auto before = all_values(net);
  const auto cut = folder.write("cut", bytes.substr(0, bytes.size() - 1));
  EXPECT_TRUE(has(text_of_error<mu::FileError>([&] { nn::load(net, cut); }), {cut, "needs 24 bytes, has 23"}));
  EXPECT_TRUE(has(text_of_error<mu::FileError>([&] { nn::load(net, folder / "absent"); }), {"absent", "No such file"}));
  EXPECT_TRUE(same(all_values(net), before));
}
