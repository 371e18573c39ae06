#include "core/program.hpp"

#include <algorithm>

#include "core/plans.hpp"

namespace mushin::core {
namespace {

std::uint64_t last_epoch = 0;  // under the evaluation lock

unsigned count_new(Node* n, std::uint64_t epoch) {
  if (n->mark == epoch || n->state.load(std::memory_order_relaxed) != State::pending) return 0;
  n->mark = epoch;
  unsigned sum = 1;
  for (Node* a : n->arg)
    if (a) sum += count_new(a, epoch);
  return sum;
}

}  // namespace

void Program::begin(const Device* d) {
  n_in = n_const = n_inst = n_out = 0;
  in_types = 0;
  unready = 0;
  overflow = false;
  written_out = d->writes_out;
  limit_in = static_cast<std::uint16_t>(std::min(most_in, d->info.pw_max_in));
  limit_inst = static_cast<std::uint16_t>(std::min(most_inst, d->info.pw_max_inst));
  limit_out = static_cast<std::uint16_t>(std::min(most_out, d->info.pw_max_out));
  epoch = ++last_epoch;
}

unsigned Program::exact_cost(Node* n) { return count_new(n, ++last_epoch); }

std::uint16_t Program::add_constant(const Node* n) {
  for (std::uint16_t i = 0; i < n_const; ++i)
    if (constant[i] == n->bits && constant_type[i] == n->type) return static_cast<std::uint16_t>(constant_base + i);
  if (n_const == most_const) return overflow = true, MU_PW_NONE;
  constant[n_const] = n->bits;
  constant_type[n_const] = n->type;
  return static_cast<std::uint16_t>(constant_base + n_const++);
}

std::uint16_t Program::visit(Node* n) {
  if (n->mark == epoch) {
    ++n->edges;
    return n->value;
  }
  n->mark = epoch;
  n->edges = 1;
  std::uint64_t ids = operand(n->arg[0]);
  ids |= std::uint64_t{n->arg[1] ? operand(n->arg[1]) : std::uint16_t{MU_PW_NONE}} << 16;
  ids |= std::uint64_t{n->arg[2] ? operand(n->arg[2]) : std::uint16_t{MU_PW_NONE}} << 32;
  if (n->op >= MU_PW_CORE_END && written_out) {
    const unsigned more = written_out_length(n->op) - 1;
    limit_inst = static_cast<std::uint16_t>(limit_inst > more ? limit_inst - more : 0);
  }
  if (overflow || n_inst >= limit_inst) return overflow = true, MU_PW_NONE;
  std::uint64_t* words = key + head_words + 2 * n_inst;
  words[0] = n->op | std::uint64_t{abi(n->type)} << 32;
  words[1] = ids;
  made[n_inst] = n;
  return n->value = static_cast<std::uint16_t>(inst_base + n_inst++);
}

std::uint32_t Program::read_again(Node* const* outputs) const {
  std::uint32_t reads[most_inst], again = 0;
  for (unsigned i = 0; i < n_inst; ++i) {
    const Node* n = made[i];
    reads[i] = 0;
    if (std::find(outputs, outputs + n_out, n) != outputs + n_out) continue;
    for (std::uint64_t ids = key[head_words + 2 * i + 1], k = 0; k < 3; ++k, ids >>= 16) {
      const auto id = static_cast<std::uint16_t>(ids);
      if (id < constant_base)
        reads[i] |= 1u << id;
      else if (id >= inst_base && id != MU_PW_NONE)
        reads[i] |= reads[id - inst_base];
    }
    if (refs_of(n) > n->edges) again |= reads[i];
  }
  return again;
}

namespace {
// Per operand 2 bits: inner stride 0, 1 or other, or one value everywhere. Bit 62: the space is of one element, where an
// array looks like one value. Bits 56 to 59: the rank.
std::uint64_t class_word(const mu_tensor* v, unsigned count) {
  std::uint64_t word = 0;
  const unsigned rank = count ? v[0].rank : 0;
  for (unsigned k = 0; k < count && k < 28; ++k) {
    std::uint64_t c = 3;
    if (v[k].rank) {
      const std::int64_t inner = v[k].stride[v[k].rank - 1];
      c = inner == 0 ? 3 : inner == 1 ? 1 : 2;
      for (unsigned i = 0; c == 3 && i < v[k].rank; ++i)
        if (v[k].stride[i] != 0) c = 0;
    }
    word |= c << (2 * k);
  }
  bool single = true;
  for (unsigned i = 0; i < rank; ++i) single = single && v[0].dim[i] == 1;
  return word | std::uint64_t{rank} << 56 | std::uint64_t{single} << 62;
}
}  // namespace

std::uint64_t* append_spec(std::uint64_t* to, std::uint32_t spec, const mu_tensor* v, unsigned count) {
  if (spec & (MU_SPEC_CLASS | MU_SPEC_RANK)) {
    std::uint64_t word = class_word(v, count);
    if (!(spec & MU_SPEC_CLASS)) word &= std::uint64_t{0xF} << 56;
    if (!(spec & MU_SPEC_RANK)) word &= ~(std::uint64_t{0xF} << 56);
    *to++ = word;
  }
  for (unsigned k = 0; k < count; ++k)
    for (unsigned i = 0; i < v[k].rank; ++i) {
      if (spec & MU_SPEC_SHAPE) *to++ = static_cast<std::uint64_t>(v[k].dim[i]);
      if (spec & MU_SPEC_STRIDE) *to++ = static_cast<std::uint64_t>(v[k].stride[i]);
    }
  return to;
}

std::uint64_t* append_layouts(std::uint64_t* to, std::span<const mu_tensor> views) {
  std::uint64_t* const layouts = to++;  // 2 bits each
  *layouts = 0;
  for (std::size_t k = 0; k < views.size(); ++k) {
    *layouts |= std::uint64_t{views[k].layout} << (2 * k);
    if (views[k].layout == MU_LAYOUT_OPAQUE) *to++ = views[k].layout_id;
  }
  return to;
}

std::size_t Program::finish_key(const Device* device, std::uint32_t request, std::uint32_t extra, std::uint32_t spec,
                                std::span<const mu_tensor> views) {
  // 16 bits, 8, 5, 5, 7, 5, 18: nothing overlaps.
  key[0] = device_bits(device) | std::uint64_t{request} << 16 | std::uint64_t{n_in} << 24 | std::uint64_t{n_const} << 29 |
           std::uint64_t{n_inst} << 34 | std::uint64_t{n_out} << 41 | std::uint64_t{extra} << 46;
  key[1] = in_types;
  std::uint64_t* tail = key + head_words + 2 * n_inst;
  if (n_const) {
    std::uint64_t types = 0;
    for (unsigned i = 0; i < n_const; ++i) {
      types |= std::uint64_t{code_of(constant_type[i])} << (4 * i);
      *tail++ = constant[i];
    }
    *tail++ = types;
  }
  std::uint64_t outs = out[0];
  for (unsigned k = 1; k < n_out; ++k) {
    if (k % 4 == 0) {
      *tail++ = outs;
      outs = 0;
    }
    outs |= std::uint64_t{out[k]} << (16 * (k % 4));
  }
  *tail++ = outs;
  if (spec) tail = append_spec(tail, spec, views.data(), static_cast<unsigned>(views.size()));
  return static_cast<std::size_t>(tail - key);
}

}  // namespace mushin::core
