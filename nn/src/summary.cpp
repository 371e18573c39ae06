#include "mushin/nn/summary.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "mushin/tensor/core/random_state.hpp"
#include "mushin/tensor/ops/transfer.hpp"

namespace mushin::nn {
namespace detail {
namespace {

constinit thread_local Observation* observer = nullptr;

std::string spelt(const core::Sizes& sizes) {
  std::string out = "(";
  for (unsigned i = 0; i < sizes.rank; ++i) out += (i ? ", " : "") + std::to_string(sizes[i]);
  return out + ")";
}

/// What the calls of one layer came to.
LayerSummary row_of(const FoundLayer& layer, const std::vector<LayerCall>& calls, bool trainable) {
  LayerSummary row{
      .name = layer.name, .type = layer.type, .parameters = layer.parameters, .buffers = layer.buffers, .trainable = trainable};
  std::int64_t flops = 0;
  for (const auto& call : calls) {
    // A module and its first member have one address.
    if (call.layer != layer.at || layer.type != call.type) continue;
    ++row.calls;
    row.output = call.output;
    row.activation_bytes += call.output.count() * static_cast<std::int64_t>(bytes_of(call.element));
    flops = flops < 0 || call.flops < 0 ? -1 : flops + call.flops;
  }
  if (row.calls > 0 && flops >= 0) row.flops = flops;
  return row;
}

}  // namespace

bool observing() noexcept { return observer != nullptr; }
void note_call(const LayerCall& call) { observer->calls_.push_back(call); }
bool noted(const void* layer) noexcept { return !observer->calls().empty() && observer->calls().back().layer == layer; }

Shape shape_of(const core::Sizes& sizes) {
  Shape out;
  for (unsigned i = 0; i < sizes.rank; ++i) out.push(extent{sizes[i]});
  return out;
}

Observation::Observation() : before_(std::exchange(observer, this)) {
  const core::RandomDraw draw = core::random_state();
  random_[0] = draw.key, random_[1] = draw.counter;
}
Observation::~Observation() {
  observer = before_;
  core::set_random_state({random_[0], random_[1]});
}

void FindLayers::leave() {
  MemberPath::leave();
  while (!open_.empty() && open_.back().depth > depth()) open_.pop_back();
}
void FindLayers::found(const void* at, const char* type) {
  layers_.push_back({path(), type, at, open_.empty() ? -1 : open_.back().layer, frozen_ > 0});
  open_.push_back({static_cast<int>(layers_.size()) - 1, depth()});
}
void FindLayers::own(std::int64_t parameters, std::int64_t buffers) {
  FoundLayer& layer = layers_[static_cast<std::size_t>(open_.back().layer)];
  layer.parameters += parameters;
  layer.buffers += buffers;
}

core::Array input_for(const Parameters& state, Shape shape, dtype type) {
  core::Sizes sizes;
  for (unsigned i = 0; i < shape.rank; ++i) sizes.push(shape[i].is_static() ? shape[i].size : 1);
  const std::int64_t count = sizes.count();
  const std::vector<char> zeros(static_cast<std::size_t>(count) * bytes_of(type));
  const core::Array made = core::from_values(sizes, type, zeros.data());
  return state.empty() ? made : core::to_device(made, state[0].leaf.traced().device());
}

Summary summarize(std::vector<FoundLayer> found, const std::vector<LayerCall>& calls, bool trainable) {
  Summary out{.type = found[0].type};
  bool known = !calls.empty();
  std::int64_t flops = 0;
  std::vector<bool> counted(found.size());  // within what a layer above told
  for (std::size_t i = 0; i < found.size(); ++i) {
    LayerSummary row = row_of(found[i], calls, trainable && !found[i].frozen);
    const bool within = found[i].parent >= 0 && counted[static_cast<std::size_t>(found[i].parent)];
    counted[i] = within || row.flops;
    const bool shown = row.calls > 0 || row.parameters > 0 || row.buffers > 0;
    if (!within && row.flops) flops += *row.flops;
    if (!within && shown && !row.flops) known = false;
    if (!within) out.activation_bytes += row.activation_bytes;
    out.parameters += row.parameters;
    if (row.trainable) out.trainable += row.parameters;
    out.buffers += row.buffers;
    if (shown) out.layers.push_back(std::move(row));
  }
  if (known) out.flops = flops;
  return out;
}

}  // namespace detail

std::string Summary::text() const {
  const bool ran = !inputs.empty();
  std::vector<std::vector<std::string>> rows{{"layer", "type", "output", "parameters", "buffers", "FLOPs", "bytes"}};
  const auto number = [](const std::optional<std::int64_t>& n) { return n ? std::to_string(*n) : "unknown"; };
  for (const auto& l : layers)
    rows.push_back({l.name + (l.calls > 1 ? fmt::format(" x{}", l.calls) : ""), l.type, l.calls > 0 ? detail::spelt(l.output) : "",
                    fmt::format("{}{}", l.parameters, l.parameters > 0 && !l.trainable ? " frozen" : ""), std::to_string(l.buffers),
                    ran ? number(l.flops) : "", l.calls > 0 ? std::to_string(l.activation_bytes) : ""});
  rows.push_back({"total", type, ran ? detail::spelt(output) : "", std::to_string(parameters), std::to_string(buffers),
                  ran ? number(flops) : "", ran ? std::to_string(activation_bytes) : ""});
  std::vector<std::size_t> widths(rows[0].size());
  for (const auto& row : rows)
    for (std::size_t c = 0; c < row.size(); ++c) widths[c] = std::max(widths[c], row[c].size());
  std::string out;
  for (const auto& row : rows) {
    std::string line;
    for (std::size_t c = 0; c < row.size(); ++c)
      line += c < 3 ? fmt::format("{:<{}}  ", row[c], widths[c]) : fmt::format("{:>{}}  ", row[c], widths[c]);
    out += line.substr(0, line.find_last_not_of(' ') + 1) + '\n';
  }
  out += fmt::format("{} parameters, {} trainable\n", parameters, trainable);
  return out;
}

}  // namespace mushin::nn
