#include "core/program.hpp"

#include <algorithm>

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
  overflow = false;
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

std::uint16_t Program::add_input(Node* n) {
  if (n_in == limit_in) return overflow = true, MU_PW_NONE;
  in[n_in] = n;
  in_types |= std::uint64_t{code_of(n->type)} << (4 * n_in);
  return n_in++;
}

std::uint16_t Program::visit(Node* n) {
  if (n->mark == epoch) {
    ++n->edges;
    return n->value;
  }
  n->mark = epoch;
  n->edges = 1;
  const State state = n->state.load(std::memory_order_relaxed);
  if (state == State::buffer) return n->value = add_input(n);
  if (state == State::literal) return n->value = n->baked ? add_constant(n) : add_input(n);
  std::uint16_t id[3] = {MU_PW_NONE, MU_PW_NONE, MU_PW_NONE};
  for (unsigned i = 0; i < 3 && n->arg[i]; ++i) id[i] = visit(n->arg[i]);
  if (overflow || n_inst == limit_inst) return overflow = true, MU_PW_NONE;
  std::uint64_t* words = key + head_words + 2 * n_inst;
  words[0] = n->op | std::uint64_t{abi(n->type)} << 32;
  words[1] = id[0] | std::uint64_t{id[1]} << 16 | std::uint64_t{id[2]} << 32;
  made[n_inst] = n;
  return n->value = static_cast<std::uint16_t>(inst_base + n_inst++);
}

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

std::uint64_t* append_spec(std::uint64_t* to, std::uint32_t spec, const mu_tensor* v, unsigned count) {
  for (unsigned k = 0; k < count; ++k)
    for (unsigned i = 0; i < v[k].rank; ++i) {
      if (spec & MU_SPEC_SHAPE) *to++ = static_cast<std::uint64_t>(v[k].dim[i]);
      if (spec & MU_SPEC_STRIDE) *to++ = static_cast<std::uint64_t>(v[k].stride[i]);
    }
  return to;
}

std::size_t Program::finish_key(const Device* device, std::uint32_t request, std::uint32_t extra, std::uint32_t spec,
                                const mu_tensor* views) {
  key[0] = std::uint64_t{device->index} | std::uint64_t{request} << 16 | std::uint64_t{n_in} << 32 | std::uint64_t{n_const} << 37 |
           std::uint64_t{n_inst} << 42 | std::uint64_t{n_out} << 49 | std::uint64_t{extra} << 54;
  key[1] = in_types;
  key[2] = 0;
  std::uint64_t* tail = key + head_words + 2 * n_inst;
  if (n_const) {
    std::uint64_t types = 0;
    for (unsigned i = 0; i < n_const; ++i) {
      types |= std::uint64_t{code_of(constant_type[i])} << (4 * i);
      *tail++ = constant[i];
    }
    *tail++ = types;
  }
  for (unsigned i = 0; i < n_out; i += 4) {
    std::uint64_t word = 0;
    for (unsigned k = i; k < n_out && k < i + 4; ++k) word |= std::uint64_t{out[k]} << (16 * (k - i));
    *tail++ = word;
  }
  if (spec) {
    const unsigned count = n_in + n_out;
    key[2] = spec & (MU_SPEC_CLASS | MU_SPEC_RANK) ? class_word(views, count) : 0;
    if (!(spec & MU_SPEC_CLASS)) key[2] &= std::uint64_t{0xF} << 56;
    if (!(spec & MU_SPEC_RANK)) key[2] &= ~(std::uint64_t{0xF} << 56);
    if (spec & (MU_SPEC_SHAPE | MU_SPEC_STRIDE)) tail = append_spec(tail, spec, views, count);
  }
  return static_cast<std::size_t>(tail - key);
}

}  // namespace mushin::core
