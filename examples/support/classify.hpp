#pragma once
// How the networks with convolutions are trained: as 02-fashion-mnist, which shows it in full.
#include <algorithm>
#include <cstdio>
#include <mushin/nn.hpp>

#include "training.hpp"

/// Trains `net` to tell the classes of `training`, batch by batch, and then does what the options say of files.
//! [classify]
template <class Net, mushin::data::Dataset Train, mushin::data::Dataset Test>
void classify(Net& net, mushin::nn::Optimizer& optimizer, const Train& training, const Test& test, const TrainingOptions& options) {
  namespace mu = mushin;
  mu::nn::CosineLR schedule{optimizer, {.period = std::max<std::int64_t>(options.epochs, 1)}};  // smaller steps towards the end
  mu::data::Loader batches(training, {.batch = options.batch, .shuffle = true});
  mu::data::Loader held_out(test, {.batch = 1000});

  std::printf("training on %s\n", mu::default_device().name());
  const auto loss = [](const auto& logits, const auto& labels) { return mu::nn::cross_entropy(logits, labels); };
  const mu::nn::History history = mu::nn::fit(net, batches, loss, optimizer,
                                              {.epochs = options.epochs,
                                               .validate = held_out,
                                               .metrics = {{"accuracy", mu::nn::accuracy}},
                                               .progress = stderr,
                                               .checkpoint = options.checkpoint,
                                               .resume = !options.checkpoint.empty(),
                                               .schedule = &schedule,
                                               .on_epoch = print_epoch});

  if (!options.save.empty()) mu::nn::save(net, options.save);
  if (!options.curve.empty()) write_curve(history, options.curve);
}
//! [classify]
