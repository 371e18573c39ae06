// The tile interpreter: a program runs instruction by instruction over tiles that stay in the first-level cache.
#pragma once
#include "program.hpp"
#include "strided.hpp"

namespace mushin::builtin {

/// Scratch memory of one thread in one run; lives on the stack, is not initialised.
struct Room {
  alignas(64) char bytes[room_bytes];
};

/// The shortest way for small dense views, whose cost is that of getting there. False, with nothing done, where it does not apply.
bool run_small(const Program&, const mu_tensor* in, const mu_tensor* out);

/// A program bound to views. Lives on the stack of one run; threads share it.
///
/// Where all views are dense or one value, the space is flat. Else axes are collapsed, and long rows are walked one by one: an operand
/// that is broadcast along the row is one value then, and one that is broadcast along other axes is read where it lies. Short rows
/// are packed into tiles.
class Run {
 public:
  /// `space`: dims of the iteration space; out: none for Outputs::kept. `order` (or null): axes of the space in the order to be walked.
  Run(const Program& p, const mu_tensor& space, const mu_tensor* in, const mu_tensor* out);

  std::int64_t size() const { return n_; }
  /// Length of the row that tiles must stay in; 0: there are no rows.
  std::int64_t row() const { return width_; }
  /// A chunk of about `grain` elements that `range` does well: whole groups of rows where a view is turned.
  std::int64_t chunk(std::int64_t grain) const {
    const std::int64_t group = group_rows * width_;
    return turned_ ? (grain + group - 1) / group * group : grain;
  }
  /// Input 0 lies dense in the space's order.
  bool direct(int input) const { return in_[input].mode == Mode::direct; }
  const char* base(int input) const { return in_[input].base; }

  /// Computes elements [begin, end), in tiles, and stores the outputs.
  void range(std::int64_t begin, std::int64_t end, Room& room) const;

  /// The next tile's length from `begin` on, at most up to `end`.
  std::int64_t length(std::int64_t begin, std::int64_t end) const {
    std::int64_t n = least(end - begin, p_.tile);
    return width_ ? least(n, width_ - begin % width_) : n;
  }
  struct Values {
    const void* data;
    bool one;  // one value for the whole tile
  };
  /// Computes a tile and returns its result, output 0.
  Values tile(std::int64_t begin, std::int64_t n, Room& room) const;

 private:
  enum class Mode : std::uint8_t { direct, one, strided };
  struct Operand {
    char* base;
    Mode mode;
    bool staged;  // an output that goes through a temporary
    std::uint8_t bytes;
  };
  bool bind_simple(const mu_tensor& v, Operand& o) const;
  void bind_strided(const mu_tensor& space, const mu_tensor* in, const mu_tensor* out);
  void find_scalars();
  void find_hazards();
  // Where a view's rows lie side by side (a transposed operand), pieces of several rows are done before the next pieces: what was fetched
  // for one row is taken for all of them.
  static constexpr std::int64_t group_rows = 16, piece_columns = 128, least_columns = 32;
  /// Inputs, one bit each, of which rooms hold all rows of a group, and the row in turn.
  struct Taken {
    std::uint32_t inputs;
    std::int64_t row;
  };
  std::uint32_t take_group(std::int64_t begin, std::int64_t rows, std::int64_t n, char* room) const;
  struct Slots;
  void fetch(std::int64_t begin, std::int64_t n) const;
  void tile_of(Slots&, std::int64_t begin, std::int64_t n, Taken taken = {}) const;
  bool is_turned() const;
  bool fits_formula() const;
  std::int64_t offset(int operand, std::int64_t begin) const;
  void set_fixed(char** slot, Room& room) const;
  void set_inputs(char** slot, std::int64_t begin, std::int64_t n, char* room, Taken taken = {}) const;
  void set_outputs(char** slot, std::int64_t begin, char* room) const;
  void run_steps(char* const* slot, std::int64_t begin, std::int64_t n) const;
  void store(char* const* slot, std::int64_t begin, std::int64_t n) const;
  void iota(std::int64_t* d, int axis, std::int64_t begin, std::int64_t n) const;

  const Program& p_;
  std::int64_t n_, width_;
  bool turned_;
  bool formula_;  // the formula's loop does it all
  Operand in_[Program::most_inputs], out_[Program::most_outputs];
  std::uint8_t scalars_[Program::most_steps];  // which variant of the kernel; once: all operands are one value
  std::uint8_t one_[Program::most_slots];      // slots that hold one value
  const mu_tensor& space_;
  Axes axes_;
  Strides strides_[Program::most_inputs + Program::most_outputs];
};

}  // namespace mushin::builtin
