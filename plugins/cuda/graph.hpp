// The extension mushin.graph, by CUDA's graphs.
#pragma once
#include "device.hpp"
#include "mushin/plugin_graph.h"

namespace mushin::cuda {

/// Notes a run down on a stream that is being captured.
mu_code take_down(mu_stream&, mu_plan&, const mu_tensor* in, const mu_tensor* out, char* workspace, mu_error*) noexcept;
/// n runs that are launched together.
mu_code take_down_many(mu_stream&, mu_plan&, std::uint32_t n, const mu_tensor* views, mu_error*) noexcept;
extern const mu_graph_table graph_table;

}  // namespace mushin::cuda
