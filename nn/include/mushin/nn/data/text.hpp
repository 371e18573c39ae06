#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "mushin/nn/data/dataset.hpp"
#include "mushin/tensor/io/file_name.hpp"

namespace mushin::data {

/// All of a text file, plain or compressed by gzip. FileError when it is missing, damaged, larger than that, or not UTF-8 (with the line).
MUSHIN_API std::string read_text(FileName, std::int64_t max_bytes = std::int64_t{1} << 32);

/// Numbers for the characters of a text: its code points, in the order of Unicode. `Vocabulary(v.characters())` is `v` again.
class MUSHIN_API Vocabulary {
 public:
  /// ShapeError when `text` is not UTF-8.
  explicit Vocabulary(std::string_view text);

  std::int64_t size() const { return static_cast<std::int64_t>(points_.size()); }
  /// Each character once.
  std::string characters() const;
  /// The number of each character. ShapeError for one that isn't there.
  std::vector<std::int64_t> encode(std::string_view text) const;
  /// The text of these numbers. ShapeError for one that no character has.
  std::string decode(const std::vector<std::int64_t>& numbers) const;
  /// ShapeError unless it has `size` characters: what a layer for so many is given.
  void check_size(std::int64_t size) const;

 private:
  std::u32string points_;  // sorted
};

namespace detail {

/// The compiled side of TextWindows.
class MUSHIN_API Windows {
 public:
  Windows(std::vector<std::int64_t> numbers, std::int64_t length, std::int64_t step);
  std::int64_t size() const { return count_; }
  /// (batch, length): what is `ahead` numbers behind the beginning of each window.
  core::Array get(Indices, std::int64_t ahead) const;

 private:
  std::vector<std::int64_t> numbers_;
  std::int64_t length_, step_, count_;
};

}  // namespace detail

/// Pieces of a text for a language model: `data::TextWindows<64> set{vocabulary.encode(text)}`. A batch is
/// (Tensor<int64, batch, Length>, Tensor<int64, batch, Length>): `Length` numbers, and those one further on. Sample i begins at number
/// `i * step`. ShapeError where the text has no piece of `Length + 1`, or the step is less than 1.
template <std::int64_t Length>
class TextWindows {
  static_assert(Length > 0, "[TextWindows] a window has at least one character");

 public:
  explicit TextWindows(std::vector<std::int64_t> numbers, std::int64_t step = 1) : windows_(std::move(numbers), Length, step) {}

  std::int64_t size() const { return windows_.size(); }
  std::tuple<Tensor<std::int64_t, batch, Length>, Tensor<std::int64_t, batch, Length>> get(Indices which) const {
    return {Tensor<std::int64_t, batch, Length>{windows_.get(which, 0)}, Tensor<std::int64_t, batch, Length>{windows_.get(which, 1)}};
  }

 private:
  detail::Windows windows_;
};

}  // namespace mushin::data
