// Arrays from one device to another.
#include <vector>

#include "core/node.hpp"
#include "core/plans.hpp"
#include "mushin/tensor/ops/transfer.hpp"

namespace mushin::core {

Array to_device(const Array& a, Device* device) {
  if (a.device() == device) return a;
  const Array stored = buffer_of(a, device);
  const Node* n = node_of(stored);
  if (n->device == device) return stored;
  if (n->device->host_memory && device->host_memory) {
    Node* relabelled = new_view(n);
    relabelled->device = device;
    return Array(relabelled);
  }
  std::vector<std::byte> values(static_cast<std::size_t>(n->count) * bytes_of(n->type));
  read_all(stored, values.data());
  Array made = fresh_array(device, n->type, n->sizes, n->count);
  upload("to", node_of(made)->block, 0, values.data(), values.size());
  return made;
}

}  // namespace mushin::core
