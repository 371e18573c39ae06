// The extension mushin.graph: runs are taken down on a stream, and done later, in an order that the law allows and nobody expects. And
// mushin.many, whose sets of views are as many runs.
#pragma once
#include <thread>
#include <vector>

#include "mushin/plugin_graph.h"
#include "mushin/plugin_many.h"
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

/// The last run first, as far as it needs nothing of one before it. The workspace is scratch, and runs are done one after the other.
std::vector<std::size_t> unfriendly_order(const std::vector<Run>&);
/// Does them in that order. What failed first; `faults`: what each is to fail with.
Failure do_all(std::vector<Run>&, const std::vector<std::size_t>& order, const std::vector<Failure>& faults);
/// Tells of a call in the log, with a number, by which tests count them.
void count(mu_device*, const char* what, std::atomic<std::uint64_t>& counter, std::size_t runs);

extern const mu_graph_table graphs;
extern const mu_many_table many;

}  // namespace fakegpu
