#pragma once
#include <cstdint>
#include <cstdio>

#include "mushin/tensor/export.hpp"

namespace mushin::nn {

/// A progress line for a loop of known length, written to a stream of the caller's choice. On a terminal it redraws itself (at most ten
/// times a second) with done and total, rate, loss and time left; elsewhere it writes a plain line at each tenth of the way. Of an unknown
/// total there is neither bar nor time left, and elsewhere one line at the end.
class MUSHIN_API Progress {
 public:
  /// `title` is borrowed. `total`: how many items `advance` will count; 0: not known.
  Progress(std::FILE* out, const char* title, std::int64_t total);
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;
  /// Ends the line.
  ~Progress();

  /// On by so many items. The loss, where one is given, is shown beside them.
  void advance(std::int64_t items, double loss);

 private:
  void draw(double seconds);
  double elapsed() const;

  std::FILE* out_;
  const char* title_;
  std::int64_t total_, done_ = 0, tenths_ = 0;
  double loss_ = 0, start_ = 0, drawn_ = -1;
  bool terminal_, open_ = false;
};

}  // namespace mushin::nn
