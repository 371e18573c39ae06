// nn::fit: what it learns, tells, logs and refuses.
#include <cstring>
#include <sstream>

#include "fit_training.hpp"

using namespace mushin::test;

namespace {

std::string text_of(std::FILE* file) {
  std::rewind(file);
  std::string out;
  for (int c; (c = std::fgetc(file)) != EOF;) out += static_cast<char>(c);
  return out;
}

}  // namespace

TEST(Fit, LearnsAndTellsWhatEachEpochCameTo) {
  const Folder folder;
  Training t;
  const auto history = t.fit("", 12);
  ASSERT_EQ(history.epochs.size(), 12u);
  EXPECT_EQ(history.end, nn::FitEnd::finished);
  EXPECT_EQ(history.metrics, std::vector<std::string>{"accuracy"});
  EXPECT_EQ(history.epochs[11].epoch, 12);
  EXPECT_EQ(history.epochs[11].steps, 72);
  EXPECT_LT(history.epochs[11].loss, history.epochs[0].loss);
  EXPECT_NEAR(history.epochs[1].lr, 0.008, 1e-9);
  nn::eval(t.net);
  const auto p = nn::freeze(t.net)(inputs());
  EXPECT_NEAR(*history.epochs[11].validation_loss, static_cast<double>(nn::cross_entropy(p, labels()).item()), 1e-5);
  EXPECT_DOUBLE_EQ(history.epochs[11].metrics[0], nn::accuracy(p, labels()));
  EXPECT_GT(history.epochs[11].metrics[0], 0.8);
}

TEST(Fit, InterruptsAreItsOwnOnlyWhileItRuns) {
  static int caught;
  caught = 0;
  const auto before = ::signal(SIGINT, [](int) { ++caught; });
  nn::Linear<1, 1> net;
  nn::SGD opt{nn::parameters(net), {.lr = 0.01}};
  int steps = 0;
  const auto loss = [&](const auto& p, const auto& y) {
    if (++steps == 2) ::raise(SIGINT);
    if (steps == 5) ::raise(SIGINT), ::raise(SIGINT);  // the second one is another's
    return nn::mse(p, y);
  };
  auto batches = line_batches();
  steps = -2;
  auto history = nn::fit(net, batches, loss, opt, {.epochs = 1});
  ::raise(SIGINT);
  EXPECT_EQ(std::exchange(caught, 0), 1);
  history = nn::fit(net, batches, loss, opt, {.epochs = 3});
  EXPECT_EQ(history.end, nn::FitEnd::interrupted);
  EXPECT_EQ(history.epochs.size(), 1u);
  EXPECT_EQ(steps, 2);
  EXPECT_EQ(caught, 0);
  ::raise(SIGINT);
  EXPECT_EQ(caught, 1);
  history = nn::fit(net, batches, loss, opt, {.epochs = 3});
  EXPECT_EQ(history.end, nn::FitEnd::interrupted);
  EXPECT_EQ(steps, 5);
  EXPECT_EQ(caught, 2);
  steps = 0;
  history = nn::fit(net, batches, loss, opt, {.epochs = 1, .interruptible = false});
  EXPECT_EQ(history.end, nn::FitEnd::finished);
  EXPECT_EQ(caught, 3);
  // From a function of the user's, between epochs.
  history = nn::fit(net, batches, [](const auto& p, const auto& y) { return nn::mse(p, y); }, opt,
                    {.epochs = 3, .on_epoch = [](const nn::EpochRecord&) { ::raise(SIGINT); }});
  EXPECT_EQ(history.epochs.size(), 1u);
  EXPECT_EQ(caught, 3);
  ::signal(SIGINT, before);
}

TEST(Fit, StopsEarlyAndKeepsTheBest) {
  nn::Linear<1, 1> net;
  nn::SGD opt{nn::parameters(net), {.lr = 0}};
  auto batches = line_batches();
  const auto mse = [](const auto& p, const auto& y) { return nn::mse(p, y); };
  const std::vector<double> script{5, 4, 3.9, 3.8, 3.85, 1};
  std::size_t at = 0;
  const auto told = [&](const auto&, const auto&) { return script[at++ / 2]; };  // two batches an epoch
  const auto run = [&](nn::EarlyStop stop, bool maximize) {
    at = 0;
    return nn::fit(
        net, batches, mse, opt,
        {.epochs = 6, .validate = batches, .metrics = {{"told", told}}, .early_stop = stop, .monitor = "told", .maximize = maximize});
  };
  auto history = run({.patience = 2, .min_delta = 0.5}, false);
  EXPECT_EQ(history.end, nn::FitEnd::stopped_early);
  EXPECT_EQ(history.epochs.size(), 4u);
  EXPECT_EQ(history.best, 4);
  history = run({.patience = 1}, false);
  EXPECT_EQ(history.epochs.size(), 5u);
  history = run({.patience = 2}, false);
  EXPECT_EQ(history.end, nn::FitEnd::finished);
  EXPECT_EQ(history.best, 6);
  history = run({.patience = 3}, true);
  EXPECT_EQ(history.epochs.size(), 4u);
  EXPECT_EQ(history.best, 1);
}

TEST(Fit, ALossThatIsNotFiniteIsToldAndChangesNothing) {
  Training t;
  int calls = 0;
  std::vector<std::vector<unsigned char>> before;
  const auto loss = [&](const auto& p, const auto& y) {
    const auto l = nn::cross_entropy(p, y);
    return ++calls == 9 ? l * NAN : l * 1.0f;
  };
  nn::History seen;
  const auto text = text_of_error<mu::Error>([&] { nn::fit(t.net, *t.batches, loss, *t.opt, {.epochs = 3}); });
  EXPECT_EQ(text, "[fit] the loss must be finite: nan in epoch 2, step 3 of it");
  // The same, but for the step that failed.
  const auto got = bits(t);
  Training same;
  calls = -1000;
  int steps = 0;
  const auto stopping = [&](const auto& p, const auto& y) {
    if (++steps == 8) ::raise(SIGINT);
    return loss(p, y);
  };
  nn::fit(same.net, *same.batches, stopping, *same.opt, {.epochs = 3});
  EXPECT_EQ(got, bits(same));
}

TEST(Fit, WhatOfABatchIsNotFiniteIsTold) {
  nn::Linear<2, 2> net;
  nn::SGD opt{nn::parameters(net), {.lr = 0.01}};
  const auto mse = [](const auto& p, const auto& y) { return nn::mse(p, y); };
  const auto good = mu::ones<3, 2>().refine<mu::batch, 2>();
  const auto bad = mu::tensor<3, 2>({1, 2, 3, 4, NAN, INFINITY}).refine<mu::batch, 2>();
  const auto run = [&](const auto& x, const auto& y) {
    std::vector batches{std::tuple{x, y}};
    return text_of_error<mu::Error>([&] { nn::fit(net, batches, mse, opt); });
  };
  EXPECT_EQ(run(good, bad), "[fit] the loss must be finite: nan in epoch 1, step 1 of it: the target has nan at (2, 0)");
  EXPECT_EQ(run(bad, good), "[fit] the loss must be finite: nan in epoch 1, step 1 of it: input 1 has nan at (2, 0)");
  EXPECT_EQ(run(good, good), "no error");
  // One that is no loss at all comes out as the loss says it.
  const auto none = mu::zeros<mu::batch, 2>(mu::batch = 0);
  EXPECT_TRUE(has(run(none, none), {"[mse] the mean needs at least one element", "(0, 2)"}));
}

TEST(Fit, AScaleThatFitsChangesNothing) {
  Training plain, scaled;
  scaled.scaler = std::make_unique<nn::GradScaler>(nn::GradScalerOptions{.init_scale = 256, .growth_interval = 1000});
  mu::manual_seed(3);
  const auto want = plain.fit("", 2);
  mu::manual_seed(3);
  const auto got = scaled.fit("", 2);  // its gradients are clipped at what they are without the scale
  expect_same(got, want);
  const auto ours = nn::parameters(scaled.net), theirs = nn::parameters(plain.net);
  for (std::size_t i = 0; i < ours.size(); ++i) EXPECT_TRUE(equal(ours[i].leaf.traced().value(), ref(theirs[i].leaf.traced().value())));
  EXPECT_EQ(got.epochs[1].skipped, 0);
}

// What isn't trained gathers gradients over all steps: they have no part in the norm.
TEST(Fit, ClipsTheGradientsOfTheOptimiser) {
  nn::Sequential<nn::Linear<1, 1>, nn::Linear<1, 1>> whole, alone;
  for (auto* net : {&whole, &alone})
    for (auto& p : nn::parameters(*net)) p.leaf.set(mu::core::full(p.leaf.sizes(), mu::dtype::f32, 0.5));
  auto batches = line_batches();
  const auto mse = [](const auto& p, const auto& y) { return nn::mse(p, y); };
  const auto train = [&](auto& net, nn::GradScaler* scaler) {
    auto parameters = nn::parameters(net);
    parameters.pop_back(), parameters.pop_back();  // those of the second layer
    nn::SGD opt{std::move(parameters), {.lr = 0.01}};
    nn::fit(net, batches, mse, opt, {.epochs = 3, .scaler = scaler, .clip_norm = 0.5});
    return nn::parameters(net);
  };
  nn::GradScaler scaler{{.init_scale = 1024}};
  const auto got = train(whole, &scaler);
  {
    auto all = nn::parameters(alone);
    nn::Parameters first;
    first.push_back(std::move(all[0])), first.push_back(std::move(all[1]));
    nn::SGD opt{nn::parameters(alone), {.lr = 0.01}};
    for (int epoch = 0; epoch < 3; ++epoch)
      for (const auto& [x, y] : batches) {
        nn::mse(alone(x), y).backward();
        nn::clip_grad_norm(first, 0.5);
        for (auto& p : first)
          p.leaf.set(mu::core::sub(p.leaf.value(), mu::core::mul(p.leaf.grad(), mu::core::literal(0.01, mu::dtype::f32))));
        opt.zero_grad();
      }
  }
  const auto want = nn::parameters(alone);
  for (std::size_t i = 0; i < 4; ++i) EXPECT_TRUE(close(got[i].leaf.traced().value(), ref(want[i].leaf.traced().value()), 1e-6, 1e-7)) << i;
}

TEST(Fit, WhatMakesNoSenseIsOneSentence) {
  nn::Linear<1, 1> net;
  nn::SGD opt{nn::parameters(net), {.lr = 0.01}};
  nn::StepLR schedule{opt, {}};
  nn::ReduceOnPlateau plateau{opt, {}};
  auto batches = line_batches(), none = batches;
  none.clear();
  const auto mse = [](const auto& p, const auto& y) { return nn::mse(p, y); };
  using Options = nn::FitOptionsOf<nn::Linear<1, 1>, decltype(batches)>;
  const auto refused = [&](auto& range, Options options) {
    return text_of_error<mu::Error>([&] { nn::fit(net, range, mse, opt, options); });
  };
  EXPECT_EQ(refused(none, {}), "[fit] the training data must have a sample: in epoch 1 there was none");
  EXPECT_EQ(refused(batches, {.validate = none}), "[fit] the validation data must have a sample: after epoch 1 there was none");
  EXPECT_EQ(refused(batches, {.epochs = -1}), "[fit] .epochs must not be negative: -1");
  EXPECT_EQ(refused(batches, {.metrics = {{"mae", mse}}}), "[fit] .metrics are of the validation: give .validate for mae");
  EXPECT_EQ(refused(batches, {.validate = batches, .metrics = {{"mae", mse}}, .monitor = "acc"}),
            "[fit] .monitor must be one of the metrics: 'acc' of 'mae'");
  EXPECT_EQ(refused(batches, {.early_stop = nn::EarlyStop{.patience = 0}}), "[fit] .early_stop needs a patience of one epoch at least: 0");
  EXPECT_EQ(refused(batches, {.resume = true}), "[fit] .resume and .checkpoint_steps need a folder: .checkpoint is empty");
  EXPECT_EQ(refused(batches, {.schedule = &schedule, .plateau = &plateau}),
            "[fit] both .schedule and .plateau set the learning rate: give one of them");
  EXPECT_EQ(refused(batches, {.clip_norm = -1}), "[fit] .clip_norm and .clip_value must not be negative: -1 and 0");
  EXPECT_TRUE(nn::fit(net, none, mse, opt, {.epochs = 0}).epochs.empty());
}

TEST(Fit, ShowsItsProgressWhereItIsTold) {
  nn::Linear<1, 1> net;
  nn::SGD opt{nn::parameters(net), {.lr = 0.01}};
  const auto mse = [](const auto& p, const auto& y) { return nn::mse(p, y); };
  std::FILE* file = std::tmpfile();
  auto batches = line_batches();
  nn::fit(net, batches, mse, opt, {.epochs = 2, .progress = file});
  EXPECT_TRUE(has(text_of(file), {"epoch 1/2  1/2  ", "epoch 2/2  2/2  ", "loss ", "0:00 left\n"}));
  std::fclose(file);
  // Of a range that doesn't tell how long it is.
  Counting<std::int64_t> range;
  file = std::tmpfile();
  nn::fit(net, range, mse, opt, {.epochs = 2, .progress = file});
  const auto text = text_of(file);
  std::fclose(file);
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 2);
  EXPECT_TRUE(has(text, {"epoch 1/2  4  ", "epoch 2/2  4  "}));
}

namespace {

std::uint64_t little(const std::string& bytes, std::size_t at, unsigned size) {
  std::uint64_t out = 0;
  for (unsigned i = size; i-- > 0;) out = out << 8 | static_cast<unsigned char>(bytes.at(at + i));
  return out;
}
/// Bit by bit, from its definition.
std::uint32_t masked_crc(const std::string& bytes) {
  std::uint32_t crc = ~0u;
  for (const char c : bytes)
    for (int bit = 0; bit < 8; ++bit) crc = crc >> 1 ^ ((crc ^ static_cast<unsigned char>(c) >> bit) & 1 ? 0x82F63B78u : 0u);
  crc = ~crc;
  return (crc >> 15 | crc << 17) + 0xA282EAD8u;
}
/// The bytes of the records of a TFRecord file, whose checksums are right.
std::vector<std::string> records(const std::string& file) {
  std::vector<std::string> out;
  for (std::size_t at = 0; at < file.size();) {
    const auto size = static_cast<std::size_t>(little(file, at, 8));
    EXPECT_EQ(little(file, at + 8, 4), masked_crc(file.substr(at, 8)));
    out.push_back(file.substr(at + 12, size));
    EXPECT_EQ(little(file, at + 12 + size, 4), masked_crc(out.back()));
    at += size + 16;
  }
  return out;
}
/// The fields of a message of protocol buffers: number and raw value.
std::vector<std::pair<unsigned, std::string>> fields(const std::string& message) {
  std::vector<std::pair<unsigned, std::string>> out;
  std::size_t at = 0;
  const auto varint = [&] {
    std::uint64_t value = 0;
    for (unsigned shift = 0;; shift += 7) {
      const auto byte = static_cast<unsigned char>(message.at(at++));
      value |= static_cast<std::uint64_t>(byte & 0x7F) << shift;
      if (byte < 0x80) return value;
    }
  };
  while (at < message.size()) {
    const std::uint64_t key = varint();
    const auto wire = key & 7;
    if (wire == 0) {
      out.push_back({static_cast<unsigned>(key >> 3), std::to_string(varint())});
      continue;
    }
    const std::size_t size = wire == 1 ? 8 : wire == 5 ? 4 : static_cast<std::size_t>(varint());
    out.push_back({static_cast<unsigned>(key >> 3), message.substr(at, size)});
    at += size;
  }
  return out;
}
/// "step tag value" of each scalar.
std::vector<std::string> scalars(const std::string& event) {
  std::vector<std::string> out;
  std::string step;
  for (const auto& [number, value] : fields(event)) {
    if (number == 2) step = value;
    if (number != 5) continue;
    for (const auto& each : fields(value)) {
      const auto scalar = fields(each.second);
      float v;
      std::memcpy(&v, scalar.at(1).second.data(), 4);
      std::ostringstream text;
      text << step << ' ' << scalar.at(0).second << ' ' << v;
      out.push_back(text.str());
    }
  }
  return out;
}

}  // namespace

TEST(Fit, LogsATableAndEvents) {
  EXPECT_EQ(masked_crc("123456789"), (0xE3069283u >> 15 | 0xE3069283u << 17) + 0xA282EAD8u);  // the check value of CRC-32C
  const Folder folder;
  nn::Linear<1, 1> net;
  nn::SGD opt{nn::parameters(net), {.lr = 0.5}};
  const auto mse = [](const auto& p, const auto& y) { return nn::mse(p, y) * 0.0f + 0.25f; };
  auto batches = line_batches();
  const auto half = [](const auto&, const auto&) { return 0.5; };
  nn::fit(net, batches, mse, opt,
          {.epochs = 2, .validate = batches, .metrics = {{"a,\"b\"", half}}, .log_dir = folder / "log/run", .log_steps = 3});
  std::istringstream table(bytes_of_file(folder / "log/run/log.csv"));
  std::string line;
  std::getline(table, line);
  EXPECT_EQ(line, "epoch,steps,loss,validation_loss,\"a,\"\"b\"\"\",lr,seconds");
  for (const char* row : {"1,2,0.25,0.25,0.5,0.5,", "2,4,0.25,0.25,0.5,0.5,"}) {
    std::getline(table, line);
    EXPECT_EQ(line.rfind(row, 0), 0u) << line;
  }
  std::vector<std::string> events;
  for (const auto& file : std::filesystem::directory_iterator(folder / "log/run"))
    if (file.path().filename().string().rfind("events.out.tfevents.", 0) == 0) events = records(bytes_of_file(file.path().string()));
  ASSERT_EQ(events.size(), 4u);
  EXPECT_EQ(fields(events[0]).at(2), (std::pair<unsigned, std::string>{3, "brain.Event:2"}));
  EXPECT_EQ(scalars(events[1]),
            (std::vector<std::string>{"1 epoch/loss 0.25", "1 epoch/lr 0.5", "1 epoch/validation_loss 0.25", "1 epoch/a,\"b\" 0.5"}));
  EXPECT_EQ(scalars(events[2]), (std::vector<std::string>{"3 step/loss 0.25", "3 step/lr 0.5"}));
  EXPECT_EQ(scalars(events[3]).at(0), "2 epoch/loss 0.25");
}
