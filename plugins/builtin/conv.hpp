// Convolutions as products of matrices, of which one is read from an array by positions and taps, block by block.
#pragma once
#include <vector>

#include "conv_kernels.hpp"
#include "interpreter.hpp"

namespace mushin::builtin {

/// One element of the kernel: where it is among the weights, and where it looks, in indices of the source from position 0 on.
struct ConvTap {
  std::int64_t weight, at[3];
};

/// (batch, channels, sizes…) where it lies, strides in elements. Brought to three axes: what is missing comes first, with size 1.
struct ConvArray {
  char* data;
  std::int64_t batch, channel, size[3], stride[3];
};

/// What reads source[b, c, p step + tap] for positions p and taps.
struct ConvReader {
  ConvArray source;
  std::int64_t positions[3], step[3];  // by axis: of the positions, and from one to the next in indices of the source
  std::vector<ConvTap> taps;

  std::int64_t count() const { return positions[0] * positions[1] * positions[2]; }  // of positions, in one of the batch
};

/// Where neighbouring positions, counted through the batch, read for each tap. Lives as long as a run of positions.
class ConvStretches {
 public:
  /// Room for blocks of at most `width` positions; in this thread's scratch memory. Throws std::bad_alloc.
  ConvStretches(const ConvReader&, std::int64_t width);
  /// Of positions [begin, begin + n).
  void find(std::int64_t begin, std::int64_t n);
  /// Fills in what is known here: all but the source's address.
  ConvUnfolding unfolding(std::int64_t pitch) const;

 private:
  struct Segment {
    std::int64_t from, at[3], to, count;
  };
  void find_segments(std::int64_t begin, std::int64_t n);
  std::int64_t add(const ConvTap&, const Segment&, std::int64_t first, std::int64_t count);

  const ConvReader& reader_;
  std::int64_t width_, n_segments_ = 0;
  Segment* segments_;
  ConvStretch* stretches_;
  ConvTapStretches* taps_;
};

/// The result's view, and how sums become its elements. Views: of out and the epilogue's further inputs, which have out's dims.
class ConvFinish {
 public:
  /// `inputs`: n - 1 views. `plain`: the epilogue only copies.
  ConvFinish(const Program& epilogue, bool plain, const mu_tensor& out, const mu_tensor* inputs, int n_inputs, mu_dtype sums);
  /// sums[r pitch + j] are of channel `row` + r at position `begin` + j, counted through the batch.
  void store(const char* sums, std::int64_t pitch, std::int64_t row, std::int64_t rows, std::int64_t begin, std::int64_t n) const;

 private:
  void part(const char* sums, std::int64_t pitch, std::int64_t row, std::int64_t rows, std::int64_t image, std::int64_t at,
            std::int64_t n) const;
  mu_tensor view(int which, std::int64_t image, std::int64_t row, std::int64_t rows, std::int64_t index, std::int64_t n) const;

  const Program& epilogue_;
  bool plain_;
  mu_dtype sums_;
  int n_views_;
  const mu_tensor* views_[Program::most_inputs];  // out, then the inputs
  Axes axes_;                                     // of the positions
  Strides strides_[Program::most_inputs];
  std::int64_t count_;  // of positions in one of the batch
};

/// target[b, g rows + r, p] = sum over channels c of group g and taps of weights[g group + r row + c channel + tap] * what the reader
/// reads.
struct ConvSum {
  int type;  // of gemm_table
  ConvReader reader;
  std::int64_t batch, groups, rows, channels;  // of a group
  const char* weights;
  std::int64_t group, row, channel;  // strides of the weights
};
/// On the host's threads. Throws std::bad_alloc.
void convolve(const ConvSum&, const ConvFinish&);
/// The same without packing, where groups have few rows and lines are long enough. False, with nothing done, where it does not apply.
bool convolve_direct(const ConvSum&, const ConvFinish&);

/// The gradient of the weights of each group: of channel c, tap t and output o it is the sum over batch and positions p of
/// dy[b, g outputs + o, p] * what the reader reads of channel c.
struct ConvWeightSum {
  int type;
  ConvReader reader;
  ConvArray dy;                                   // its sizes are the reader's positions
  std::int64_t batch, groups, outputs, channels;  // of a group
};
/// f(g, sums, pitch) for each group, with sums[(c taps + t) pitch + o]. On the host's threads. Throws std::bad_alloc.
struct ConvWeightResult {
  void (*group)(const void* arg, std::int64_t g, const char* sums, std::int64_t pitch);
  const void* arg;
};
void convolve_weights(const ConvWeightSum&, const ConvWeightResult&);
/// Adds what one image gives to the sums of a group: sums[(c taps + t) pitch + o]. dy's neighbours along the last axis are dense.
void add_weights_direct(const ConvWeightSum&, char* sums, std::int64_t pitch, std::int64_t image, std::int64_t group);

}  // namespace mushin::builtin
