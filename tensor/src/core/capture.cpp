#include "core/capture.hpp"

#include <algorithm>
#include <atomic>
#include <cstring>
#include <mutex>
#include <utility>

#include "core/evaluate.hpp"
#include "core/fail.hpp"
#include "core/layouts.hpp"
#include "core/product.hpp"
#include "core/recording.hpp"
#include "core/request.hpp"
#include "core/views.hpp"
#include "mushin/tensor/core/source_line.hpp"

namespace mushin::core {

bool capture_state = false;

namespace {

// The recording that is being made. Nodes and memory of it may be let go of by any thread.
struct Recorder {
  std::mutex turn;  // held from begin() to end()
  std::mutex guard;
  Recording::Contents* contents = nullptr;  // under guard, but for who records
  std::atomic<std::uint16_t> number{0};
  std::vector<const Block*> viewed;    // since the last run
  std::vector<Block*> unused;          // of the arena
  std::atomic<std::int64_t> alive{0};  // nodes
};
Recorder& recorder() {
  static auto* it = new Recorder;  // arrays may be destroyed after static destructors
  return *it;
}
[[gnu::tls_model("initial-exec")]] thread_local constinit bool records = false;

Cell* cell_at(Recording::Contents& s, const Array* place) {
  const auto found = std::find_if(s.cells.begin(), s.cells.end(), [place](const Cell& c) { return c.place == place; });
  return found == s.cells.end() ? nullptr : &*found;
}

// A piece for a block that the recording meets for the first time: what it holds is the same for all replays.
std::uint32_t meet(Recording::Contents& s, const mu_tensor& view) {
  for (const Block* b : recorder().viewed) {
    mu_tensor whole;
    locate(whole, b, 0);
    if (whole.buffer != view.buffer || view.byte_offset < whole.byte_offset || view.byte_offset >= whole.byte_offset + whole.bytes)
      continue;
    const std::uint32_t piece = s.add_piece(const_cast<Block*>(b), 0, b->bytes, false);
    s.hold(s.pieces[piece]);
    return piece;
  }
  return no_piece;
}

bool is_single(const mu_tensor& v) {
  for (unsigned i = 0; i < v.rank; ++i)
    if (v.dim[i] != 1 && v.stride[i] != 0) return false;
  return true;
}

mu_tensor copied(const mu_tensor& v) {
  mu_tensor c{};
  std::memcpy(&c, &v, offsetof(mu_tensor, dim));
  for (unsigned i = 0; i < v.rank; ++i) c.dim[i] = v.dim[i], c.stride[i] = v.stride[i];
  c.layout_id = v.layout_id;
  c.bytes = v.bytes;
  return c;
}

void record_view(Recording::Contents& s, const char* op, const Plan* plan, const mu_tensor& v) {
  const auto index = static_cast<std::uint32_t>(s.views.size());
  s.views.push_back(copied(v));
  std::uint32_t piece = s.piece_of(v);
  if (piece == no_piece) piece = meet(s, v);
  if (piece != no_piece) {
    s.pieces[piece].views.push_back(index);
    return;
  }
  if (!plan->device->host_memory || !is_single(v) || mu_dtype_bytes(v.dtype) > sizeof(std::uint64_t))
    fail<GraphError>("[capture] {} reads memory that a recording cannot keep", op);
  std::uint64_t& value = s.scalars.emplace_back(0);
  std::memcpy(&value, reinterpret_cast<const char*>(v.buffer) + v.byte_offset, mu_dtype_bytes(v.dtype));
  s.views[index].buffer = reinterpret_cast<mu_buffer*>(&value);
  s.views[index].byte_offset = 0;
}

void note_given(Recording::Contents& s, Device* d) {
  if (d->host_memory) return;
  auto last = std::find_if(s.last.begin(), s.last.end(), [d](const auto& g) { return g.device == d; });
  if (last == s.last.end()) last = s.last.insert(last, {d, d->settled.load(std::memory_order_acquire), 0});
  last->given = d->given.load(std::memory_order_relaxed);
}

}  // namespace

NotRecorded::NotRecorded() noexcept : before_(std::exchange(records, false)) {}
NotRecorded::~NotRecorded() { records = before_; }

Array settled(const Array& a) {
  const NotRecorded quiet;
  return contiguous("capture", buffer_of(a, a.device()));
}

namespace {

std::uint32_t new_piece(Recording::Contents& s, Block* b, std::uint64_t offset, std::uint64_t bytes) {
  const std::lock_guard lock(recorder().guard);
  return s.add_piece(b, offset, bytes, false);
}

// What a replay begins with stays until the end, also where the function has let go of it.
void keep_home(Recording::Contents& s, const Cell& c) {
  if (c.piece != no_piece && !s.pieces[c.piece].held) s.hold(s.pieces[c.piece]);
}

Array copy_of(const Array& a) {
  const Node* n = node_of(a);
  Array made = fresh_array(n->device, n->type, n->sizes, n->count, "capture");
  mu_tensor view[2];
  view_of(view[0], n);
  view_of(view[1], node_of(made));
  if (n->count) copy("capture", n->device, view[0], view[1]);
  return made;
}

bool has_place(const Recording::Contents& s, std::uint32_t piece) {
  return std::any_of(s.cells.begin(), s.cells.end(), [piece](const Cell& c) { return c.piece == piece; });
}

// The piece of what was read before anybody said that it is in a place.
std::uint32_t met_before(const Recording::Contents& s, const Node* n) {
  for (std::uint32_t i = static_cast<std::uint32_t>(s.inputs.size()); i < s.pieces.size(); ++i)
    if (const Piece& p = s.pieces[i]; p.block == n->block && p.offset == n->offset && !p.arena && p.held && !has_place(s, i)) return i;
  return no_piece;
}

// What is there becomes memory that views can lie in; of its own, because others who hold it want it as it is.
void read_first(Recording::Contents& s, Cell& c, bool own) {
  *c.place = settled(*c.place);
  if (own && (refs_of(node_of(*c.place)) != 1 || __atomic_load_n(&node_of(*c.place)->block->refs, __ATOMIC_ACQUIRE) != 1)) {
    const NotRecorded quiet;
    *c.place = copy_of(*c.place);
  }
  const Node* n = node_of(*c.place);
  c.kind = kind_of(*c.place);
  c.node = n;
  c.piece = met_before(s, n);
  if (c.piece == no_piece)
    c.piece = new_piece(s, n->block, n->offset, bytes_in(c.kind));
  else
    s.let_go(s.pieces[c.piece]);
}

void add_cell(Array* place, bool own) {
  Recording::Contents& s = *recorder().contents;
  if (cell_at(s, place)) return;
  s.cells.push_back({place, true, !*place});
  if (*place) read_first(s, s.cells.back(), own);
}

}  // namespace

void capture_read(Array* place) {
  if (records) add_cell(place, true);
}

void capture_clear(Array* place) {
  if (!records) return;
  Recording::Contents& s = *recorder().contents;
  if (Cell* known = cell_at(s, place)) {
    known->writes = true;
    return keep_home(s, *known);
  }
  s.cells.push_back({place, false, true, true});
}

void capture_replace(Array* place, const Array& next) {
  if (!records) return;
  capture_read(place);
  Recording::Contents& s = *recorder().contents;
  Cell& c = *cell_at(s, place);
  c.writes = true;
  const Node* n = node_of(next);
  if (c.piece != no_piece && !(is_buffer(n) && n->block == s.pieces[c.piece].block)) keep_home(s, c);
}

namespace capture {

void assigned(Array* place) {
  if (!records) return;
  if (*place && is_literal(node_of(*place)) && !cell_at(*recorder().contents, place))
    fail<GraphError>("[capture] a value is a constant before the first run of the function: run it once before");
  add_cell(place, false);  // what is assigned reads it already: it is what it is
}

std::uint16_t number() noexcept { return records ? recorder().number.load(std::memory_order_relaxed) : std::uint16_t{0}; }
void born() noexcept { recorder().alive.fetch_add(1, std::memory_order_relaxed); }
void died(std::uint16_t recording) noexcept {
  Recorder& r = recorder();
  if (recording == r.number) r.alive.fetch_sub(1, std::memory_order_relaxed);
}

void viewed(const Block* b) {
  if (records) recorder().viewed.push_back(b);
}

void ran(const char* op, const Plan* plan, std::uint32_t n, std::uint32_t n_in, const mu_tensor* in, std::uint32_t n_out,
         const mu_tensor* out) {
  if (!records) return;
  Recorder& r = recorder();
  const std::lock_guard lock(r.guard);
  Recording::Contents& s = *r.contents;
  note_given(s, plan->device);
  for (; n > 0; --n, in += n_in + n_out, out += n_in + n_out) {
    s.runs.push_back({op, plan, static_cast<std::uint32_t>(s.views.size()), n_in, n_out, n});
    hold_plan(plan);
    for (std::uint32_t k = 0; k < n_in; ++k) record_view(s, op, plan, in[k]);
    for (std::uint32_t k = 0; k < n_out; ++k) record_view(s, op, plan, out[k]);
  }
  r.viewed.clear();
}

namespace {
Piece* arena_piece(Recording::Contents& s, const Block* b) noexcept {
  for (Piece& p : s.pieces)
    if (p.block == b && p.arena) return &p;
  return nullptr;
}
}  // namespace

Block* take(Device* device, std::size_t bytes) noexcept {
  if (!records) return nullptr;
  Recorder& r = recorder();
  const std::lock_guard lock(r.guard);
  auto best = r.unused.end();
  for (auto it = r.unused.begin(); it != r.unused.end(); ++it)
    if ((*it)->device == device && (*it)->bytes >= bytes && (best == r.unused.end() || (*it)->bytes < (*best)->bytes)) best = it;
  if (best == r.unused.end() || (*best)->bytes > 2 * bytes + 64) return nullptr;
  Block* const b = *best;
  r.unused.erase(best);
  return b;
}

void made(Block* b) {
  if (!records) return;
  Recorder& r = recorder();
  const std::lock_guard lock(r.guard);
  r.contents->add_piece(b, 0, b->bytes, true);
}

bool returned(Block* b) noexcept {
  Recorder& r = recorder();
  const std::lock_guard lock(r.guard);
  if (!r.contents) return false;
  const Piece* p = arena_piece(*r.contents, b);
  if (!p) return false;
  b->last_use = b->device->given.load(std::memory_order_relaxed);
  r.unused.push_back(b);
  return true;
}

bool may_reuse(const Block* b, bool assigned) noexcept {
  if (!records || assigned) return true;
  Recorder& r = recorder();
  const std::lock_guard lock(r.guard);
  const Piece* p = arena_piece(*r.contents, b);
  return p != nullptr;
}

void drawn(Block* b, const RandomDraw& draw, std::uint64_t blocks) {
  if (!records) return;
  Recording::Contents& s = *recorder().contents;
  const std::uint32_t piece = new_piece(s, b, 0, b->bytes);
  s.hold(s.pieces[piece]);
  const auto same = [&](const Recording::Contents::Draw& d) { return d.last.key == draw.key && d.last.counter == draw.counter; };
  const auto first = std::find_if(s.draws.begin(), s.draws.end(), same) - s.draws.begin();
  s.draws.push_back({piece, blocks, draw, static_cast<std::uint32_t>(first)});
}

void refuse(const char* op, const char* why) {
  if (!records) return;
  const struct Lines {
    bool before = keep_lines(true);
    ~Lines() { keep_lines(before); }
  } named;
  fail<GraphError>("[capture] {} {}", op, why);
}

bool older(const Node* n) noexcept { return records && n->recording != recorder().number; }

void settle_older(Node* n) {
  if (!records) return;
  const State state = n->state.load(std::memory_order_acquire);
  if (state == State::buffer || state == State::literal) return;
  if (older(n)) {
    const NotRecorded quiet;
    compute_locked(n);
    return make_strided(n);
  }
  for (Node* a : n->arg)
    if (a) settle_older(a);
}

}  // namespace capture

namespace {

void stop(Recorder& r) noexcept {
  __atomic_store_n(&capture_state, false, __ATOMIC_RELEASE);
  records = false;
  std::unique_lock lock(r.guard);
  r.contents = nullptr;
  r.viewed.clear();
  r.unused.clear();
  lock.unlock();
  r.turn.unlock();
}

// The arena is the recording's from here on. `all`: also blocks that somebody has now.
void keep_arena(Recorder& r, bool all) {
  const std::lock_guard lock(r.guard);
  for (Piece& p : r.contents->pieces) {
    if (!p.arena || p.held) continue;
    if (std::find(r.unused.begin(), r.unused.end(), p.block) != r.unused.end()) {
      __atomic_store_n(&p.block->refs, 1, __ATOMIC_RELAXED);
      p.held = true;
    } else if (all) {
      Recording::Contents::hold(p);
    }
  }
}

}  // namespace

void Recording::begin(Array* inputs, unsigned count) {
  if (records) fail<GraphError>("[capture] a function that is being captured cannot capture another");
  for (unsigned i = 0; i < count; ++i) inputs[i] = settled(inputs[i]);
  Recorder& r = recorder();
  r.turn.lock();
  *this = Recording();
  contents_ = new Contents;
  if (++r.number == 0) r.number = 1;
  r.alive = 0;
  for (unsigned i = 0; i < count; ++i) {
    const Node* n = node_of(inputs[i]);
    const Kind kind = kind_of(inputs[i]);
    contents_->inputs.push_back({contents_->add_piece(n->block, n->offset, bytes_in(kind), false), kind});
    contents_->hold(contents_->pieces.back());
  }
  {
    const std::lock_guard lock(r.guard);
    r.contents = contents_;
  }
  records = true;
  __atomic_store_n(&capture_state, true, __ATOMIC_RELEASE);
}

void Recording::abandon() noexcept {
  Recorder& r = recorder();
  keep_arena(r, false);
  stop(r);
  *this = Recording();
}

namespace {

struct Place {
  std::uint32_t piece;
  std::uint64_t begin;
};
// Where a buffer lies; memory that the recording meets now is the same for all replays.
Place place_of(Recording::Contents& s, const Array& a) {
  const Node* n = node_of(a);
  mu_tensor view;
  locate(view, n->block, n->offset);
  std::uint32_t piece = s.piece_of(view);
  if (piece == no_piece) {
    piece = new_piece(s, n->block, n->offset, bytes_in(kind_of(a)));
    s.hold(s.pieces[piece]);
  }
  return {piece, view.byte_offset - s.pieces[piece].begin};
}

// A value that is made anew in each run: in memory that no other place has.
void settle_fresh(Recording::Contents& s, Cell& c, Array last) {
  Place at = place_of(s, last);
  if (has_place(s, at.piece) || (s.pieces[at.piece].arena && at.begin != 0)) {
    last = copy_of(last);
    at = place_of(s, last);
  }
  c.piece = at.piece;
  c.begin = at.begin;
  c.kind = kind_of(last);
  *c.place = std::move(last);
}

// Whether somebody besides the place and the results has the memory where the cell's value was.
bool others_see(const Recording::Contents& s, const Cell& c) {
  const Piece& p = s.pieces[c.piece];
  std::uint32_t mine = p.held;
  for (const Recording::Contents::Result& r : s.results) mine += s.pieces[r.piece].block == p.block;
  return __atomic_load_n(&p.block->refs, __ATOMIC_ACQUIRE) > mine;
}

// A value that the next run begins with goes where it was when this one began.
void settle_home(Recording::Contents& s, Cell& c, Array last) {
  const Kind kind = kind_of(last);
  if (!(kind.sizes == c.kind.sizes) || kind.type != c.kind.type || kind.device != c.kind.device)
    fail<GraphError>("[capture] a value is not what it was when the function began: {} and {}", text_of(c.kind.sizes), text_of(kind.sizes));
  if (node_of(last)->block != s.pieces[c.piece].block) {
    if (others_see(s, c))
      fail<GraphError>("[capture] a value that the function changes is held by others, too: let it change a copy of {}",
                       text_of(kind.sizes));
    const Array to = s.over(c.piece, c.kind);
    mu_tensor view[2];
    view_of(view[0], node_of(last));
    view_of(view[1], node_of(to));
    if (node_of(to)->count) copy("capture", kind.device, view[0], view[1]);
    last = to;
  }
  *c.place = std::move(last);
  if (Piece& home = s.pieces[c.piece]; home.held) s.let_go(home);  // the copy may have added pieces
}

void finish(Recording::Contents& s, Cell& c) {
  const bool empty = !*c.place;
  if (c.reads && c.empty && !empty)
    fail<GraphError>("[capture] the first run makes what later ones find: run the function once before, and zero gradients in it");
  if (c.reads && !c.empty && empty) fail<GraphError>("[capture] the function zeroes a gradient that it found: zero it before, too");
  c.empty = empty;
  if (empty || !c.writes) return;
  Array last = contiguous("capture", buffer_of(*c.place, c.place->device()));
  c.reads ? settle_home(s, c, std::move(last)) : settle_fresh(s, c, std::move(last));
  c.node = node_of(*c.place);
}

void add_result(Recording::Contents& s, Array& result) {
  result = contiguous("capture", buffer_of(result, result.device()));
  const Place at = place_of(s, result);
  s.results.push_back({at.piece, at.begin, kind_of(result), node_of(result)});
}

// Nodes of the recording that it knows of: whatever else is alive is held by somebody who would not see replays.
std::int64_t known_nodes(const Recording::Contents& s, std::uint16_t number, const Array* results, unsigned count) {
  std::vector<const Node*> known;
  for (const Cell& c : s.cells)
    if (!c.empty) known.push_back(c.node);
  for (unsigned i = 0; i < count; ++i) known.push_back(node_of(results[i]));
  std::sort(known.begin(), known.end());
  known.erase(std::unique(known.begin(), known.end()), known.end());
  return std::count_if(known.begin(), known.end(), [number](const Node* n) { return n->recording == number; });
}

}  // namespace

void Recording::end(Array* results, unsigned count) {
  Recorder& r = recorder();
  try {
    for (unsigned i = 0; i < count; ++i) add_result(*contents_, results[i]);
    for (Cell& c : contents_->cells) finish(*contents_, c);
    if (const std::int64_t known = known_nodes(*contents_, r.number, results, count), alive = r.alive; alive != known)
      fail<GraphError>("[capture] values of the function are held outside of it: return them, and let go of graphs");
  } catch (...) {
    abandon();
    throw;
  }
  keep_arena(r, true);
  stop(r);
}

}  // namespace mushin::core
