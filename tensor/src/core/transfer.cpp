// Arrays from one device to another.
#include "mushin/tensor/ops/transfer.hpp"
#include "core/capture.hpp"
#include "core/node.hpp"
#include "core/plans.hpp"
#include "core/request.hpp"

namespace mushin::core {

Array to_device(const Array& a, Device* device) {
  if (a.device() == device) return a;
  const Array stored = buffer_of(a, device);
  if (stored.device() == device) return stored;
  if (stored.device()->host_memory && device->host_memory) {
    Node* relabelled = new_view(node_of(stored));
    relabelled->device = device;
    return Array(relabelled);
  }
  if (capturing()) capture::refuse("to", "goes through the host, which a replay could not: move the value before");
  const Array source = contiguous("to", stored);
  const Node* n = node_of(source);
  Device* host = device->host_memory ? device : builtin();
  Array made = n->device->host_memory ? source : fresh_array(host, n->type, n->sizes, n->count, "to");
  const auto bytes = static_cast<std::size_t>(n->count) * bytes_of(n->type);
  if (!n->device->host_memory) download("to", node_of(made)->block->data, n->block, n->offset, bytes);
  if (device->host_memory) return made;
  const Array passed = made;
  made = array_to_fill(device, n->type, n->sizes, n->count, "to");
  const Node* from = node_of(passed);
  upload("to", node_of(made)->block, 0, from->block->data + from->offset, bytes);
  return made;
}

}  // namespace mushin::core
