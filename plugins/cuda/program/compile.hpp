// NVRTC, opened at run time, and the cache of what it made.
#pragma once
#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "program.hpp"

namespace mushin::cuda::program {

/// Machine code for one architecture, or PTX (a text that ends with NUL) for the driver to compile. Both go to cuModuleLoadData.
struct Image {
  std::vector<char> bytes;
  bool is_ptx = false;
  bool from_disk = false;
};

/// Where compiled programs are kept: `cache_dir` (the user's setting), else `xdg_cache_home`/mushin, else `home`/.cache/mushin; empty where
/// none of these is an absolute path. Reads no environment: plugins may not (law 4).
std::string cache_directory(const char* cache_dir, const char* xdg_cache_home, const char* home);

/// Thread-safe. Throws Failure: MU_UNAVAILABLE where there is no NVRTC (with the loader's reason), MU_INTERNAL with NVRTC's log for a
/// source that it refuses.
class Compiler {
 public:
  /// `directory`: of the disk cache; empty: none. `nvrtc`: a path of the library, or empty: libnvrtc.so.13, .12, or libnvrtc.so. It is
  /// opened by the first use (its version is part of the key on disk), and never closed.
  explicit Compiler(std::string directory, std::string nvrtc = {});
  ~Compiler();
  /// Opens NVRTC now. Throws Failure: MU_UNAVAILABLE where there is none, or where it knows no architecture that a device of this one can
  /// run.
  void open(int architecture);
  /// `architecture`: compute capability, 10 major + minor (90 for 9.0). A capability that NVRTC doesn't know gets PTX of the highest below
  /// it.
  std::shared_ptr<const Image> compile(const std::string& source, int architecture);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace mushin::cuda::program
