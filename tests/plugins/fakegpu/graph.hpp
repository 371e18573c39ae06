// The extension mushin.graph: runs are taken down on a stream, and done later, in an order that the law allows and nobody expects.
#pragma once
#include <thread>
#include <vector>

#include "mushin/plugin_graph.h"
#include "run.hpp"

namespace fakegpu {

/// What a stream takes down instead of doing it.
struct Capture {
  std::thread::id thread;
  std::vector<Run> runs;
};

/// Why the calling thread must not do this now, with the stream if it uses one: the device is lost, or there is a capture.
Failure refusal(mu_device*, const mu_stream* = nullptr);
/// The capture that a run on this stream is for, or null.
Capture* capture_on(const mu_stream*);

extern const mu_graph_table graphs;

}  // namespace fakegpu
