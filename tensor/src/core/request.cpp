#include "core/request.hpp"

#include <cstring>
#include <mutex>

#include "core/evaluate.hpp"
#include "core/fail.hpp"
#include "core/fallback.hpp"
#include "core/layouts.hpp"
#include "core/plans.hpp"

namespace mushin::core {
namespace {

struct Key {
  std::uint64_t word[9 + 16 * (3 + 2 * max_rank)];
  std::size_t words;

  void make(const Device* d, const mu_op* op, unsigned n_in, std::span<const mu_tensor> views, std::uint32_t spec) {
    std::uint64_t types = 0, ranks = 0;
    for (std::size_t k = 0; k < views.size(); ++k) {
      types |= std::uint64_t{code_of(static_cast<dtype>(views[k].dtype))} << (4 * k);
      ranks |= std::uint64_t{views[k].rank} << (4 * k);
    }
    const std::size_t payload = (op->size - sizeof *op) / 8;
    word[0] = device_bits(d) | std::uint64_t{op->id} << 16 | std::uint64_t{views.size()} << 32 | std::uint64_t{payload} << 40 |
              std::uint64_t{n_in} << 48;
    word[1] = types;
    word[2] = ranks;
    for (std::size_t i = 0; i < payload; ++i) std::memcpy(word + 3 + i, reinterpret_cast<const char*>(op) + sizeof *op + 8 * i, 8);
    std::uint64_t* w = word + 3 + payload;
    spec &= ~MU_SPEC_RANK;  // told already
    if (spec) w = append_spec(w, spec, views.data(), static_cast<unsigned>(views.size()));
    if (d->layouts) w = append_layouts(w, views);
    words = static_cast<std::size_t>(w - word);
  }
};

}  // namespace

const Plan* request_plan(const char* name, Device* d, const mu_op* op, unsigned n_in, std::span<const mu_tensor> views) {
  Key key;
  const std::uint32_t told = known_spec(d, op->id);
  key.make(d, op, n_in, views, told);
  const std::uint64_t hash = hash_of(key.word, key.words);
  if (const Plan* plan = find_plan(hash, key.word, key.words)) return plan;
  std::uint32_t spec = 0;
  const Plan made = create_plan(name, d, op, views.first(n_in), views.subspan(n_in), spec);
  learn_spec(d, op->id, spec);
  if (spec & ~told) key.make(d, op, n_in, views, known_spec(d, op->id));
  return keep_plan(made, key.word, key.words);
}

[[gnu::noinline]] bool try_request(const char* name, Device* d, const mu_op* op, unsigned n_in, std::span<const mu_tensor> views) {
  const PlanSection section;
  const Plan* plan = request_plan(name, d, op, n_in, views);
  if (!plan->plan) return false;
  run_plan(name, plan, n_in, views.data(), static_cast<std::uint32_t>(views.size() - n_in), views.data() + n_in);
  return true;
}

void request(const char* name, Device* d, const mu_op* op, unsigned n_in, std::span<const mu_tensor> views) {
  if (try_request(name, d, op, n_in, views)) return;
  if (d->host_memory) fail<DeviceError>("[{}] device {} has no such op", name, d->name);
  request_on_host(name, d, op, n_in, views);
}

void copy(const char* name, Device* d, const mu_tensor& from, const mu_tensor& to) {
  const mu_op_copy op{{sizeof op, MU_OP_COPY}};
  const mu_tensor views[] = {from, to};
  request(name, d, &op.h, 1, views);
}

bool copy_together(const char* name, Device* d, const Array& first, std::span<const mu_tensor> pairs) {
  if (!d->many.run) return false;
  const std::lock_guard lock(evaluation_lock);
  const PlanSection section;
  Program p;  // that stores what it reads
  p.begin(d);
  p.out[0] = p.visit_any(node_of(first));
  p.n_out = 1;
  const Plan* plan = program_plan(p, d, MU_OP_POINTWISE, 0, dtype{}, pairs.data());
  if (!plan->plan) return false;
  run_plans(name, plan, static_cast<std::uint32_t>(pairs.size() / 2), 1, 1, pairs.data());
  return true;
}

void fill(const char* name, Device* d, const mu_tensor& to, std::uint64_t bits, bool baked) {
  if (baked) {
    const mu_op_fill op{{sizeof op, MU_OP_FILL}, bits};
    return request(name, d, &op.h, 0, {&to, 1});
  }
  // A value that varies comes from memory, with stride 0 everywhere.
  mu_tensor from = to;
  for (unsigned i = 0; i < to.rank; ++i) from.stride[i] = 0;
  if (d->host_memory) {
    from.buffer = reinterpret_cast<mu_buffer*>(&bits);
    from.byte_offset = 0;
    from.bytes = sizeof bits;
    return copy(name, d, from, to);
  }
  const Held number(number_on(d, bits));
  view_memory(from, number.block, 0);
  copy(name, d, from, to);
}

namespace {

// A handful of elements in host memory is written faster than a plan is looked up.
constexpr std::int64_t few = 64;

template <class Bits>
void write_few(std::byte* to, std::uint64_t bits, std::int64_t count) {
  const auto value = static_cast<Bits>(bits);
  for (std::int64_t i = 0; i < count; ++i) std::memcpy(to + i * static_cast<std::int64_t>(sizeof value), &value, sizeof value);
}

void write_few(std::byte* to, std::size_t bytes, std::uint64_t bits, std::int64_t count) {
  switch (bytes) {
    case 1:
      return write_few<std::uint8_t>(to, bits, count);
    case 2:
      return write_few<std::uint16_t>(to, bits, count);
    case 4:
      return write_few<std::uint32_t>(to, bits, count);
    default:
      return write_few<std::uint64_t>(to, bits, count);
  }
}

}  // namespace

Array filled(const char* name, Device* d, dtype type, const Sizes& sizes, std::int64_t count, std::uint64_t bits, bool baked) {
  Array made = fresh_array(d, type, sizes, count, name);
  if (count == 0) return made;
  if (d->host_memory && count <= few && !capturing()) {
    write_few(node_of(made)->block->data, bytes_of(type), bits, count);
    return made;
  }
  mu_tensor v;
  view_head(v, type, 1);
  view_memory(v, node_of(made)->block, 0);
  v.dim[0] = count;
  v.stride[0] = 1;
  fill(name, d, v, bits, baked);
  return made;
}

Array contiguous(const char* name, const Array& a) {
  const Node* n = node_of(a);
  if (n->contiguous) return a;
  Array made = fresh_array(n->device, n->type, n->sizes, n->count, name);
  if (n->count == 0) return made;
  mu_tensor views[2];
  view_of(views[0], n);
  view_of(views[1], node_of(made));
  copy(name, n->device, views[0], views[1]);
  return made;
}

Device* common_device(const char* op, const Node* a, const Node* b, const Node* c) {
  Device* d = nullptr;
  for (const Node* n : {a, b, c}) {
    if (!n || (n->floating && is_literal(n))) continue;
    if (d && d != n->device) fail<DeviceError>("[{}] operands are on different devices: {}, {}", op, d->name, n->device->name);
    d = n->device;
  }
  return d ? d : a->device;
}

namespace {
Array written(const Node* literal, Device* d) {
  return filled("literal", d, literal->type, literal->sizes, literal->count, literal->bits, literal->baked);
}
}  // namespace

Array buffer_of(const Array& a, Device* device) {
  Node* n = node_of(a);
  if (is_buffer(n)) return a;
  if (is_literal(n) && n->floating) return written(n, device ? device : n->device);
  force(n);
  return a;
}

Array in_memory(const Array& a, Device* device) {
  Node* n = node_of(a);
  if (is_buffer(n)) return a;
  if (is_literal(n) && n->floating) return written(n, device);
  compute(n);
  return a;
}

}  // namespace mushin::core
