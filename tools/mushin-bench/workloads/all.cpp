#include "../workload.hpp"

namespace bench {

std::vector<Workload> peer_workloads() {
  std::vector<Workload> all;
  for (const auto group : {product_workloads(), pointwise_workloads(), reduction_workloads(), small_workloads(), training_workloads(),
                           image_workloads(), transformer_workloads()})
    all.insert(all.end(), group.begin(), group.end());
  return all;
}

}  // namespace bench
