#include "interpreter.hpp"

#include <cstring>

namespace mushin::builtin {
namespace {
constexpr std::int64_t long_row = 64;
constexpr std::uint8_t once = 7;
constexpr int far_steps = 4;                    // of fewer steps the memory is busy anyway
constexpr std::int64_t far_elements = 1 << 18;  // fewer stay in the caches
}  // namespace

namespace {
// Dense with n elements; the common ranks first.
inline bool dense(const mu_tensor& v, std::int64_t n) {
  if (v.rank == 1) return v.dim[0] == n && (v.stride[0] == 1 || n == 1);
  if (v.rank == 2 && v.stride[1] == 1 && v.stride[0] == v.dim[1]) return true;
  return is_contiguous(v);
}

// Which operands of each step are one value. False where all operands of a step are.
bool find_variants(const Program& p, std::uint32_t ones, std::uint8_t* variants) {
  for (const Step& s : p.step) {
    int mask = 0;
    for (int k = 0; k < s.arity; ++k) {
      const int slot = s.arg[k];
      mask |= (slot < p.n_in ? static_cast<int>(ones >> slot & 1u) : static_cast<int>(slot < p.first_temp)) << k;
    }
    if (mask == (1 << s.arity) - 1) return false;
    *variants++ = static_cast<std::uint8_t>(mask);
  }
  return true;
}
}  // namespace

bool run_small(const Program& p, const mu_tensor* in, const mu_tensor* out) {
  const std::int64_t n = count_of(out[0]);
  if (p.fills && n <= p.tile && n > 0 && dense(out[0], n)) {
    repeat(address(out[0]), p.constant.data() + p.copy[0].slot, bytes_of(p.out_type[0]), n);
    return true;
  }
  const bool formula = p.formula.loop != nullptr;
  if (!p.plain || (p.may_clash && !formula) || n > p.tile || n == 0) return false;
  char* slot[Program::most_slots];
  alignas(64) char room[room_bytes];
  std::uint32_t ones = 0;  // inputs that are one value
  for (int i = 0; i < p.n_in; ++i) {
    if (!dense(in[i], n)) {
      if (!is_scalar(in[i])) return false;
      ones |= 1u << i;
    }
    slot[i] = address(in[i]);
  }
  for (int k = 0; k < p.n_out; ++k) {
    if (!dense(out[k], n)) return false;
    slot[p.first_out + k] = address(out[k]);
  }
  for (int i = 0; i < p.n_const; ++i) slot[p.n_in + i] = const_cast<char*>(reinterpret_cast<const char*>(p.constant.data() + i));
  if (formula && ones == p.formula.ones) return p.formula.loop(slot, p.formula.leaf, slot + p.first_out, static_cast<std::size_t>(n)), true;
  std::uint8_t variants[Program::most_steps];
  if (p.may_clash) return false;
  if (ones && !find_variants(p, ones, variants)) return false;
  for (int i = 0; i < p.n_temp; ++i) slot[p.first_temp + i] = room + i * p.slot_bytes;
  const std::uint8_t* variant = ones ? variants : p.scalars.data();
  for (const Step& s : p.step)
    s.kernel->with_scalars[*variant++](slot[s.d], slot[s.arg[0]], slot[s.arg[1]], slot[s.arg[2]], static_cast<std::size_t>(n));
  return true;
}

Run::Run(const Program& p, const mu_tensor& space, const mu_tensor* in, const mu_tensor* out)
    : p_(p), n_(count_of(space)), width_(0), turned_(false), formula_(false), space_(space) {
  bool simple = true;
  for (int i = 0; i < p.n_in; ++i) simple = bind_simple(in[i], in_[i]) && simple;
  for (int k = 0; k < p.n_out; ++k) simple = bind_simple(out[k], out_[k]) && out_[k].mode == Mode::direct && simple;
  formula_ = simple && fits_formula();
  if (formula_) return;
  if (!simple && n_ > 0) bind_strided(space, in, out);
  find_scalars();
  if (p.may_clash) find_hazards();
}

bool Run::bind_simple(const mu_tensor& v, Operand& o) const {
  o.base = address(v), o.staged = false, o.bytes = static_cast<std::uint8_t>(mu_dtype_bytes(v.dtype));
  o.mode = is_contiguous(v) ? Mode::direct : is_scalar(v) ? Mode::one : Mode::strided;
  return o.mode != Mode::strided;
}

bool Run::fits_formula() const {
  if (!p_.formula.loop) return false;
  std::uint32_t ones = 0;
  for (int i = 0; i < p_.n_in; ++i) ones |= static_cast<std::uint32_t>(in_[i].mode == Mode::one) << i;
  return ones == p_.formula.ones;
}

void Run::bind_strided(const mu_tensor& space, const mu_tensor* in, const mu_tensor* out) {
  const mu_tensor* views[Program::most_inputs + Program::most_outputs];
  int n = 0;
  for (int i = 0; i < p_.n_in; ++i) views[n++] = in + i;
  for (int k = 0; k < p_.n_out; ++k) views[n++] = out + k;
  collapse(space, n, views, axes_, strides_);
  const std::int64_t inner = axes_.rank ? axes_.dim[axes_.rank - 1] : 1;
  if (inner >= long_row || axes_.rank == 1) width_ = inner;
  for (int k = 0; k < p_.n_out; ++k) {
    const bool unit = axes_.rank == 0 || (width_ && strides_[p_.n_in + k].of[axes_.rank - 1] == 1);
    if (out_[k].mode != Mode::direct && !unit) out_[k].staged = true;
    if (out_[k].mode == Mode::one) out_[k].mode = Mode::strided;
  }
  turned_ = width_ && axes_.rank > 1 && is_turned();
}

bool Run::is_turned() const {
  const int last = axes_.rank - 1;
  for (int i = 0; i < p_.n_in + p_.n_out; ++i)
    if (strides_[i].of[last] > 1 && strides_[i].of[last - 1] < strides_[i].of[last]) return true;
  return false;
}

// An instruction whose operands are all one value runs once a tile, and its result is one value again.
void Run::find_scalars() {
  const bool inner = width_ > 0;
  for (int i = 0; i < p_.n_in; ++i)
    one_[i] = n_ > 1 && (in_[i].mode == Mode::one || (inner && in_[i].mode == Mode::strided && strides_[i].of[axes_.rank - 1] == 0));
  for (int i = 0; i < p_.n_const; ++i) one_[p_.n_in + i] = 1;
  for (int i = 0; i < p_.n_step; ++i) {
    const Step& s = p_.step[static_cast<std::size_t>(i)];
    int mask = 0;
    for (int k = 0; k < s.arity; ++k) mask |= one_[s.arg[k]] << k;
    const bool all = s.arity > 0 && mask == (1 << s.arity) - 1;
    scalars_[i] = all ? once : static_cast<std::uint8_t>(mask);
    one_[s.d] = all;
    if (all && s.d >= p_.first_out && n_ > 1) out_[s.d - p_.first_out].staged = true;
  }
}

// An output that lies where a later instruction still reads an input waits in a temporary.
void Run::find_hazards() {
  for (int k = 0; k < p_.n_out; ++k)
    for (int i = 0; i < p_.n_in; ++i)
      if (out_[k].base == in_[i].base && (p_.last_read[i] > p_.made[k] || p_.copy.size() > 1)) out_[k].staged = true;
}

std::int64_t Run::offset(int operand, std::int64_t begin) const {
  const Strides& s = strides_[operand];
  std::int64_t at = 0, rest = begin;
  for (int i = axes_.rank - 1; i > 0; --i) {
    const std::int64_t q = rest / axes_.dim[i];
    at += (rest - q * axes_.dim[i]) * s.of[i];
    rest = q;
  }
  return at + rest * s.of[0];
}

void Run::set_fixed(char** slot, Room& room) const {
  for (int i = 0; i < p_.n_const; ++i)
    slot[p_.n_in + i] = reinterpret_cast<char*>(const_cast<std::uint64_t*>(&p_.constant[static_cast<std::size_t>(i)]));
  for (int i = 0; i < p_.n_temp; ++i) slot[p_.first_temp + i] = room.bytes + i * p_.slot_bytes;
}

// Of the inputs whose rows lie side by side: all rows of a group, each `n` elements from `begin` on. Tells which.
std::uint32_t Run::take_group(std::int64_t begin, std::int64_t rows, std::int64_t n, char* room) const {
  const int last = axes_.rank - 1;
  const std::int64_t height = axes_.dim[last - 1];
  if (n * rows > p_.tile || begin / width_ % height + rows > height) return 0;
  std::uint32_t taken = 0;
  for (int i = 0; i < p_.n_in; ++i) {
    const Operand& o = in_[i];
    if (o.mode != Mode::strided || strides_[i].of[last - 1] != 1 || strides_[i].of[last] <= 1) continue;
    take_columns(room + i * p_.slot_bytes, o.base + offset(i, begin) * o.bytes, o.bytes, rows, n, n, strides_[i].of[last]);
    taken |= 1u << i;
  }
  return taken;
}

void Run::set_inputs(char** slot, std::int64_t begin, std::int64_t n, char* room, Taken taken) const {
  for (int i = 0; i < p_.n_in; ++i) {
    const Operand& o = in_[i];
    if (taken.inputs >> i & 1u) {
      slot[i] = room + i * p_.slot_bytes + taken.row * n * o.bytes;
    } else if (o.mode == Mode::direct) {
      slot[i] = o.base + begin * o.bytes;
    } else if (o.mode == Mode::one) {
      slot[i] = o.base;
    } else if (width_ && strides_[i].of[axes_.rank - 1] <= 1) {
      slot[i] = o.base + offset(i, begin) * o.bytes;
    } else {
      slot[i] = room + i * p_.slot_bytes;
      take(slot[i], o.base, o.bytes, axes_, strides_[i], begin, n);
    }
  }
}

void Run::set_outputs(char** slot, std::int64_t begin, char* room) const {
  for (int k = 0; k < p_.n_out; ++k) {
    const Operand& o = out_[k];
    slot[p_.first_out + k] = o.staged                 ? room + k * p_.slot_bytes
                             : o.mode == Mode::direct ? o.base + begin * o.bytes
                                                      : o.base + offset(p_.n_in + k, begin) * o.bytes;
  }
}

void Run::iota(std::int64_t* d, int axis, std::int64_t begin, std::int64_t n) const {
  std::int64_t inner = 1, extent = n_ > 0 ? n_ : 1;
  if (axis > 0) {
    extent = axis <= space_.rank ? space_.dim[axis - 1] : 1;
    for (int i = axis; i < space_.rank; ++i) inner *= space_.dim[i];
  }
  std::int64_t value = begin / inner % extent, left = inner - begin % inner;
  for (std::int64_t i = 0; i < n; ++i) {
    d[i] = value;
    if (--left == 0) {
      left = inner;
      if (++value == extent) value = 0;
    }
  }
}

void Run::run_steps(char* const* slot, std::int64_t begin, std::int64_t n) const {
  const Step* s = p_.step.data();
  for (int i = 0; i < p_.n_step; ++i, ++s) {
    if (!s->kernel) {
      iota(reinterpret_cast<std::int64_t*>(slot[s->d]), s->axis, begin, n);
      continue;
    }
    const bool alone = scalars_[i] == once;
    s->kernel->with_scalars[alone ? 0 : scalars_[i]](slot[s->d], slot[s->arg[0]], slot[s->arg[1]], slot[s->arg[2]],
                                                     alone ? 1 : static_cast<std::size_t>(n));
  }
}

// Outputs that no step made, then those that waited in a temporary.
void Run::store(char* const* slot, std::int64_t begin, std::int64_t n) const {
  for (const Program::Copy& c : p_.copy) {
    char* to = slot[p_.first_out + c.output];
    const std::size_t bytes = out_[c.output].bytes;
    if (one_[c.slot])
      repeat(to, slot[c.slot], bytes, n);
    else if (to != slot[c.slot])
      std::memmove(to, slot[c.slot], bytes * static_cast<std::size_t>(n));
  }
  for (int k = 0; k < p_.n_out; ++k) {
    const Operand& o = out_[k];
    if (!o.staged) continue;
    char* from = slot[p_.first_out + k];
    if (p_.made[k] < p_.n_step && one_[p_.first_out + k]) repeat(from, from, o.bytes, n);
    if (o.mode == Mode::direct)
      std::memcpy(o.base + begin * o.bytes, from, o.bytes * static_cast<std::size_t>(n));
    else
      put(o.base, from, o.bytes, axes_, strides_[p_.n_in + k], begin, n);
  }
}

struct Run::Slots {
  char* at[Program::most_slots];
  char *inputs, *outputs;  // room for those that do not stay where they are
};

void Run::tile_of(Slots& slot, std::int64_t begin, std::int64_t n, Taken taken) const {
  set_inputs(slot.at, begin, n, slot.inputs, taken);
  set_outputs(slot.at, begin, slot.outputs);
  run_steps(slot.at, begin, n);
  store(slot.at, begin, n);
}

// Memory of the tile that comes next is fetched while this one is computed: a long program leaves the memory idle otherwise.
void Run::fetch(std::int64_t begin, std::int64_t n) const {
  const auto lines = [&](const Operand& o, auto touch) {
    if (o.mode != Mode::direct) return;
    const char* const first = o.base + begin * o.bytes;
    for (std::int64_t at = 0; at < n * o.bytes; at += 64) touch(first + at);
  };
  for (int i = 0; i < p_.n_in; ++i) lines(in_[i], [](const char* at) { __builtin_prefetch(at); });
  for (int k = 0; k < p_.n_out; ++k) lines(out_[k], [](const char* at) { __builtin_prefetch(at, 1); });
}

void Run::range(std::int64_t begin, std::int64_t end, Room& room) const {
  Slots slot;
  set_fixed(slot.at, room);
  slot.inputs = room.bytes + p_.n_temp * p_.slot_bytes;
  slot.outputs = slot.inputs + p_.n_in * p_.slot_bytes;
  if (formula_) {
    set_inputs(slot.at, begin, end - begin, slot.inputs);
    set_outputs(slot.at, begin, slot.outputs);
    return p_.formula.loop(slot.at, p_.formula.leaf, slot.at + p_.first_out, static_cast<std::size_t>(end - begin));
  }
  if (!turned_) {
    const bool far = p_.n_step >= far_steps && n_ >= far_elements;
    while (begin < end) {
      const std::int64_t n = length(begin, end);
      if (far && begin + n < end) fetch(begin + n, length(begin + n, end));
      tile_of(slot, begin, n);
      begin += n;
    }
    return;
  }
  const std::int64_t piece =
      p_.tile / group_rows >= least_columns ? least(piece_columns, p_.tile / group_rows) : least(piece_columns, p_.tile);
  for (std::int64_t group = begin; group < end; group += group_rows * width_)
    for (std::int64_t column = 0; column < width_; column += piece) {
      const std::int64_t n = least(piece, width_ - column), rows = least(group_rows, (end - group) / width_);
      Taken taken{take_group(group + column, rows, n, slot.inputs), 0};
      for (; taken.row < rows; ++taken.row) tile_of(slot, group + taken.row * width_ + column, n, taken);
    }
}

Run::Values Run::tile(std::int64_t begin, std::int64_t n, Room& room) const {
  char* slot[Program::most_slots];
  set_fixed(slot, room);
  set_inputs(slot, begin, n, room.bytes + p_.n_temp * p_.slot_bytes);
  run_steps(slot, begin, n);
  return {slot[p_.result], one_[p_.result] != 0 && n > 1};
}

}  // namespace mushin::builtin
