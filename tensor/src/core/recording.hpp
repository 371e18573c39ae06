// What a recording is made of.
#pragma once
#include <deque>
#include <string>
#include <vector>

#include "core/capture.hpp"
#include "core/launch.hpp"
#include "core/node.hpp"
#include "core/plans.hpp"
#include "mushin/tensor/ops/random.hpp"

namespace mushin::core {

inline constexpr std::uint32_t no_piece = ~0u;

/// A piece of memory that recorded views lie in. It may be replaced by another of the same length: then all its views follow.
struct Piece {
  Block* block;
  mu_buffer* buffer;
  std::uint64_t begin, bytes;  // in the buffer
  std::uint64_t offset;        // of the beginning, in the block
  bool arena;                  // made while recording: what is computed in between
  bool held;                   // the recording has a reference
  std::vector<std::uint32_t> views;
};

/// What an array is, beside its memory.
struct Kind {
  Sizes sizes;
  dtype type;
  Device* device;
};

/// A place that the function reads or changes: a variable's value, a gradient, an optimiser's state.
struct Cell {
  Array* place;
  bool reads;  // what is there when a replay begins matters
  bool empty;  // nothing is there between replays
  bool writes = false;
  std::uint32_t piece = no_piece;
  std::uint64_t begin = 0;     // in the piece
  const Node* node = nullptr;  // the one in the place between replays
  Kind kind{};
};

struct Recording::Contents {
  struct Run {
    const char* op;
    const Plan* plan;
    std::uint32_t first, n_in, n_out;  // of views
    std::uint32_t together;            // this run, and so many less one behind it, in one call
  };
  struct Draw {
    std::uint32_t piece;
    std::uint64_t blocks;
    RandomDraw last;
    std::uint32_t as;  // the first of those that draw the same
  };
  struct Input {
    std::uint32_t piece;
    Kind kind;
  };
  struct Result {
    std::uint32_t piece;
    std::uint64_t begin;  // in the piece
    Kind kind;
    const Node* node = nullptr;  // that was given last
  };

  // A device that runs were given to last when `settled` was the last failure that was over, and which had got `given` things with them.
  struct Given {
    Device* device;
    const Failure* settled;
    std::uint64_t given;
  };

  std::vector<Run> runs;
  std::vector<Given> last;  // of the devices with memory of their own
  std::vector<mu_tensor> views;
  std::deque<std::uint64_t> scalars;  // single values that the host's memory held; views point to them
  std::vector<Draw> draws;
  std::vector<Piece> pieces;
  std::vector<Cell> cells;
  std::vector<Input> inputs;
  std::vector<Result> results;
  Graph graph;
  std::string torn;  // what a replay failed with, midway or later: values that the function changes may be half changed

  Contents() = default;
  Contents(const Contents&) = delete;
  Contents& operator=(const Contents&) = delete;
  ~Contents();

  std::uint32_t add_piece(Block*, std::uint64_t offset, std::uint64_t bytes, bool arena);
  static void hold(Piece&);
  static void let_go(Piece&);
  /// The smallest piece that the view begins in, or none.
  std::uint32_t piece_of(const mu_tensor&) const;
  /// An array over the piece, `begin` bytes into it.
  Array over(std::uint32_t piece, const Kind&, std::uint64_t begin = 0) const;

  /// The piece's memory is there from now on.
  void bind(std::uint32_t piece, Block*, std::uint64_t offset);
};

inline Kind kind_of(const Array& a) { return {a.sizes(), a.type(), a.device()}; }
inline std::uint64_t bytes_in(const Kind& k) { return static_cast<std::uint64_t>(k.sizes.count()) * bytes_of(k.type); }
/// The value as a contiguous buffer on its device, not recorded.
Array settled(const Array&);

}  // namespace mushin::core
