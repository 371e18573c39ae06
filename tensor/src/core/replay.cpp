// A recording given to the devices again.
#include <algorithm>
#include <cassert>
#include <cstring>

#include "core/fail.hpp"
#include "core/failure.hpp"
#include "core/generator.hpp"
#include "core/layouts.hpp"
#include "core/plans.hpp"
#include "core/recording.hpp"
#include "core/request.hpp"
#include "core/views.hpp"

namespace mushin::core {

std::uint32_t Recording::Contents::add_piece(Block* b, std::uint64_t offset, std::uint64_t bytes, bool arena) {
  mu_tensor whole;
  locate(whole, b, offset);
  pieces.push_back({b, whole.buffer, whole.byte_offset, bytes, offset, arena, false, {}});
  return static_cast<std::uint32_t>(pieces.size() - 1);
}

std::uint32_t Recording::Contents::piece_of(const mu_tensor& v) const {
  std::uint32_t best = no_piece;
  for (std::uint32_t i = 0; i < pieces.size(); ++i) {
    const Piece& p = pieces[i];
    if (p.buffer != v.buffer || v.byte_offset < p.begin || v.byte_offset >= p.begin + std::max<std::uint64_t>(p.bytes, 1)) continue;
    if (best == no_piece || p.bytes < pieces[best].bytes) best = i;
  }
  return best;
}

void Recording::Contents::hold(Piece& p) {
  add_ref(p.block);
  p.held = true;
}
void Recording::Contents::let_go(Piece& p) {
  assert(__atomic_load_n(&p.block->refs, __ATOMIC_RELAXED) > 0);
  p.held = false;
  drop_ref(p.block);
}

Recording::Contents::~Contents() {
  for (Piece& p : pieces)
    if (p.held) let_go(p);
  for (const Run& r : runs) let_go_of_plan(r.plan);
}
Recording::~Recording() { delete contents_; }

Array Recording::Contents::over(std::uint32_t piece, const Kind& kind, std::uint64_t begin) const {
  const Piece& p = pieces[piece];
  Node* n = new_node();
  Array made(n);
  n->type = kind.type;
  n->device = kind.device;
  n->sizes = kind.sizes;
  n->count = kind.sizes.count();
  n->offset = p.offset + begin;
  n->floating = n->baked = false;
  set_contiguous(n);
  add_ref(n->block = p.block);
  n->state.store(core::State::buffer, std::memory_order_relaxed);
  return made;
}

void Recording::Contents::bind(std::uint32_t piece, Block* b, std::uint64_t offset) {
  Piece& p = pieces[piece];
  mu_tensor whole;
  locate(whole, b, offset);
  for (const std::uint32_t index : p.views) {
    mu_tensor& v = views[index];
    const std::uint64_t at = v.byte_offset - p.begin;
    graph.moved(index);
    v.buffer = whole.buffer;
    v.byte_offset = whole.byte_offset + at;
    v.bytes = whole.bytes - at;
  }
  const bool held = p.held;
  if (held) add_ref(b), let_go(p);
  p.block = b, p.buffer = whole.buffer, p.begin = whole.byte_offset, p.offset = offset, p.held = held;
}

namespace {

using Contents = Recording::Contents;

// Whether that is where the piece is. Its block may have been let go of, and be another part of the memory by now.
bool lies_in(const Piece& p, const Node* n) {
  mu_tensor at;
  locate(at, n->block, n->offset);
  return n->block == p.block && n->offset == p.offset && at.buffer == p.buffer && at.byte_offset == p.begin;
}

std::uint32_t refs_of_block(const Piece& p) { return __atomic_load_n(&p.block->refs, __ATOMIC_ACQUIRE); }

mu_tensor bytes_of_piece(const Block* b, std::uint64_t offset, std::uint64_t bytes) {
  mu_tensor v;
  view_head(v, dtype::u8, 1);
  locate(v, b, offset);
  v.dim[0] = static_cast<std::int64_t>(bytes);
  v.stride[0] = 1;
  return v;
}

// Memory of its own for a piece that others see, too.
void renew(Contents& s, std::uint32_t piece, Device* device, bool copied) {
  Piece& p = s.pieces[piece];
  Block* const b = allocate(device, p.bytes, "capture");
  const Array kept = s.over(piece, {{}, dtype::u8, device});  // the old memory, until it is copied
  if (copied && p.bytes) copy("capture", device, bytes_of_piece(p.block, p.offset, p.bytes), bytes_of_piece(b, 0, p.bytes));
  s.bind(piece, b, 0);
  if (!p.held) return;  // who called makes a node of it
  drop_ref(b);
}

void take_input(Contents& s, const Contents::Input& in, unsigned position, const Array& given) {
  const Kind kind = kind_of(given);
  if (!(kind.sizes == in.kind.sizes))
    fail<ShapeError>("[capture] input {} had other sizes when the function was captured: {} and {}", position, text_of(in.kind.sizes),
                     text_of(kind.sizes));
  if (kind.type != in.kind.type || kind.device != in.kind.device)
    fail<DeviceError>("[capture] input {} was {} on {} when the function was captured: {} on {}", position, name_of(in.kind.type),
                      in.kind.device->name, name_of(kind.type), kind.device->name);
  const Array a = settled(given);
  const Node* n = node_of(a);
  const Piece& p = s.pieces[in.piece];
  if (!lies_in(p, n)) s.bind(in.piece, n->block, n->offset);
}

// A value that the run begins with: wherever it is now, and seen by nobody else if the run changes it.
void prepare(Contents& s, Cell& c) {
  if (c.empty) {
    if (*c.place) fail<GraphError>("[capture] a gradient is there that was zero when the function was captured: zero it before");
    return;
  }
  if (!*c.place) fail<GraphError>("[capture] a value is gone that was there when the function was captured: {}", text_of(c.kind.sizes));
  const Piece& p = s.pieces[c.piece];
  const auto seen = [&](const Node* n) { return refs_of(n) != 1 || refs_of_block(p) != 1u + p.held; };
  const Node* n = node_of(*c.place);
  if (n != c.node || !is_buffer(n) || !lies_in(p, n)) {
    const Kind kind = kind_of(*c.place);
    if (!(kind.sizes == c.kind.sizes) || kind.type != c.kind.type || kind.device != c.kind.device)
      fail<GraphError>("[capture] a value is not what it was when the function was captured: {} and {}", text_of(c.kind.sizes),
                       text_of(kind.sizes));
    *c.place = settled(*c.place);
    n = node_of(*c.place);
    s.bind(c.piece, n->block, n->offset);
  }
  if (c.writes && seen(n)) {
    renew(s, c.piece, c.kind.device, true);
    *c.place = s.over(c.piece, c.kind);
    if (!p.held) drop_ref(p.block);  // the one of allocate(): the node has its own
    n = node_of(*c.place);
  }
  if (c.writes) forget_packed(node_of(*c.place));
  c.node = n;
}

// For a value that each run makes anew. What nobody else has stays as it is: it will have the new value. Who has the one before keeps it.
void make_room(Contents& s, Array& value, const Node* last, std::uint32_t piece, Device* device) {
  const Piece& p = s.pieces[piece];
  const Node* n = value ? node_of(value) : nullptr;
  if (n && n == last && n->block == p.block && refs_of(n) == 1 && (!p.arena || refs_of_block(p) == 2)) return forget_packed(node_of(value));
  value = Array();
  if (p.arena && refs_of_block(p) != 1) renew(s, piece, device, false);
}

void draw(Contents& s, std::size_t i) {
  Contents::Draw& d = s.draws[i];
  d.last = d.as == i ? advance_generator(d.blocks) : s.draws[d.as].last;
  const std::uint64_t state[2] = {d.last.key, d.last.counter};
  const Piece& p = s.pieces[d.piece];
  upload_in_order("rand", p.block, p.offset, state, sizeof state);
}

bool changes_values(const Contents& s) {
  return std::any_of(s.cells.begin(), s.cells.end(), [](const Cell& c) { return c.writes; });
}

// Work that was given by the last run, and failed after that had returned. A device that is lost says so by itself.
void see_late_failures(Contents& s) {
  if (!s.torn.empty() || !changes_values(s)) return;
  for (const Contents::Given& g : s.last)
    if (const Failure* f = failed_since(g.device, g.settled, g.given); f && f->code != MU_DEVICE_LOST) s.torn = f->text;
}

void run_one_by_one(Contents& s) {
  try {
    for (std::size_t i = 0; i < s.runs.size(); i += s.runs[i].together) {
      const Contents::Run& r = s.runs[i];
      run_plans(r.op, r.plan, r.together, r.n_in, r.n_out, &s.views[r.first]);
    }
  } catch (const std::exception& error) {
    if (changes_values(s)) s.torn = error.what();
    throw;
  }
}

}  // namespace

void Recording::replay(const Array* inputs, Array* results) {
  if (!contents_) fail<GraphError>("[capture] nothing was captured");
  capture::refuse("replay", "of a captured function cannot be captured itself");
  Contents& s = *contents_;
  see_late_failures(s);
  if (!s.torn.empty())
    fail<GraphError>(
        "[capture] a replay failed midway, so that values which the function changes may be half changed: set them, and capture "
        "it anew ({})",
        s.torn);
  unsigned position = 0;
  for (const Contents::Input& in : s.inputs) take_input(s, in, position, inputs[position]), ++position;
  for (Cell& c : s.cells) {
    if (c.reads)
      prepare(s, c);
    else if (!c.empty)
      make_room(s, *c.place, c.node, c.piece, c.kind.device);
  }
  for (std::size_t i = 0; i < s.results.size(); ++i) {
    const Contents::Result& r = s.results[i];
    make_room(s, results[i], r.node, r.piece, r.kind.device);
  }
  for (std::size_t i = 0; i < s.draws.size(); ++i) draw(s, i);
  for (Contents::Given& g : s.last) g.settled = g.device->settled.load(std::memory_order_acquire);
  if (!s.graph.launch(s)) run_one_by_one(s);
  for (Contents::Given& g : s.last) g.given = g.device->given.load(std::memory_order_relaxed);
  for (Cell& c : s.cells) {
    if (c.reads || (!c.empty && *c.place)) continue;
    *c.place = c.empty ? Array() : s.over(c.piece, c.kind, c.begin);
    c.node = c.empty ? nullptr : node_of(*c.place);
  }
  for (std::size_t i = 0; i < s.results.size(); ++i) {
    Contents::Result& r = s.results[i];
    if (results[i]) continue;
    results[i] = s.over(r.piece, r.kind, r.begin);
    r.node = node_of(results[i]);
  }
}

}  // namespace mushin::core
