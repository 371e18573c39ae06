#include "host.hpp"

#include <dlfcn.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "host_prelude.hpp"

namespace cuda_program_test {
HostKernels::HostKernels(Blocks blocks) : blocks_(blocks), text_(host_prelude(blocks) + mushin::cuda::program::prelude()) {
  char name[] = "/tmp/mushin-kernels-XXXXXX";
  if (::mkdtemp(name)) folder_ = name;
}
HostKernels::~HostKernels() {
  if (library_) ::dlclose(library_);
  if (!folder_.empty()) std::filesystem::remove_all(folder_);
}

std::string HostKernels::missing() const {
  if (std::system("command -v " MUSHIN_TEST_COMPILER " >/dev/null 2>&1") != 0) return "no compiler " MUSHIN_TEST_COMPILER;
  if (blocks_ == Blocks::of_threads && !std::filesystem::exists(MUSHIN_THREADS_SOURCE)) return "no " MUSHIN_THREADS_SOURCE;
  return {};
}

void HostKernels::add(const mushin::cuda::program::Source& s, bool reduces) {
  const bool sets = s.kernel.find(s.entry + "_sets m)") != std::string::npos;
  text_ += s.kernel + runner(s.entry, s.entry + (sets ? "_sets" : "_args"), reduces);
  if (!s.second.empty()) text_ += runner(s.second, s.entry + "_args", true);
}

void HostKernels::compile() {
  const std::string source = folder_ + "/kernels.cpp", library = folder_ + "/kernels.so", log = folder_ + "/log";
  std::ofstream(source) << text_;
  const std::string command = host_compile("-shared -o " + library + " " + source, log);
  const int code = std::system(command.c_str());
  std::ostringstream words;
  words << std::ifstream(log).rdbuf();
  ASSERT_EQ(code, 0) << command << "\n" << words.str().substr(0, 4000);
  library_ = ::dlopen(library.c_str(), RTLD_NOW | RTLD_LOCAL);
  ASSERT_NE(library_, nullptr) << ::dlerror();
}

void HostKernels::run(const mushin::cuda::program::Source& s, const mushin::cuda::program::Launch& l) const {
  using Run = unsigned long (*)(const void*, unsigned, unsigned);
  const std::string names[2] = {s.entry, s.second};
  for (int pass = 0; pass < 2; ++pass) {
    if (l.grid[pass].x == 0) continue;
    const auto run = reinterpret_cast<Run>(::dlsym(library_, ("run_" + names[pass]).c_str()));
    ASSERT_NE(run, nullptr) << names[pass];
    ASSERT_EQ(run(l.args, l.grid[pass].x, l.grid[pass].y), l.args_bytes) << s.kernel;
  }
}

}  // namespace cuda_program_test
