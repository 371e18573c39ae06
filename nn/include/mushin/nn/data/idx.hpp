#pragma once
#include <vector>

#include "mushin/nn/data/dataset.hpp"
#include "mushin/tensor/io/file_name.hpp"

namespace mushin::data {

/// An IDX file of unsigned bytes (the format of MNIST and its kin), plain or compressed by gzip.
struct IdxFile {
  core::Sizes sizes;
  std::vector<std::uint8_t> bytes;  // row-major
};
/// FileError when the file is missing, truncated, damaged, longer than it says, or not IDX of unsigned bytes.
MUSHIN_API IdxFile read_idx(FileName);

namespace detail {

/// The compiled side of Idx.
class MUSHIN_API IdxImages {
 public:
  /// FileError unless there is one label for each image and an image has as many pixels as `sample`.
  IdxImages(FileName images, FileName labels, const core::Sizes& sample);
  std::int64_t size() const { return labels_.sizes[0]; }
  void keep_first(std::int64_t count);
  core::Array images(Indices) const;
  core::Array labels(Indices) const;

 private:
  core::Sizes sample_;
  IdxFile images_, labels_;
};

}  // namespace detail

/// Images and their labels from two IDX files, in memory: `data::Idx<784> train{"images.gz", "labels.gz"}`.
/// A batch is (Tensor<float, batch, Sample...> in [0, 1], Tensor<int64, batch>). `Sample...`: how an image is seen, any extents with the
/// right product: <784>, <28, 28>, <1, 28, 28>.
template <extent... Sample>
class Idx {
  static_assert(sizeof...(Sample) > 0 && (Sample.is_static() && ...), "[Idx] the extents of an image must be numbers: data::Idx<784>");

 public:
  /// FileError: see read_idx; and when the counts of images and labels differ, or an image has not as many pixels as `Sample...`.
  Idx(FileName images, FileName labels) : files_(images, labels, {Sample.size...}) {}

  std::int64_t size() const { return files_.size(); }
  /// Forgets all samples but the first `count` (for quick trials).
  void keep_first(std::int64_t count) { files_.keep_first(count); }

  std::tuple<Tensor<float, batch, Sample...>, Tensor<std::int64_t, batch>> get(Indices which) const {
    return {Tensor<float, batch, Sample...>{files_.images(which)}, Tensor<std::int64_t, batch>{files_.labels(which)}};
  }

 private:
  detail::IdxImages files_;
};

}  // namespace mushin::data
