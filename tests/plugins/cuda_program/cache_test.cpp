// Compiled programs on disk: found again, and never trusted more than they deserve.
#include "cache.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

namespace cuda_program_test {
namespace {

using mushin::cuda::program::cache_directory;
using mushin::cuda::program::Compiler;
using mushin::cuda::program::DiskCache;
using mushin::cuda::program::Failure;
using mushin::cuda::program::Image;
namespace fs = std::filesystem;

class Cache : public testing::Test {
 protected:
  fs::path root;
  std::string folder;
  void SetUp() override {
    char name[] = "/tmp/mushin-cache-XXXXXX";
    ASSERT_NE(::mkdtemp(name), nullptr);
    root = name, folder = root / "some" / "where";
  }
  void TearDown() override { fs::remove_all(root); }

  static Image image(const std::string& bytes, bool is_ptx = false) { return {{bytes.begin(), bytes.end()}, is_ptx, false}; }
  static std::string text(const std::optional<Image>& i) { return i ? std::string(i->bytes.begin(), i->bytes.end()) : "nothing"; }
  static std::string read(const fs::path& p) {
    std::ifstream f(p, std::ios::binary);
    return {std::istreambuf_iterator<char>(f), {}};
  }
  static void write(const fs::path& p, const std::string& s) { std::ofstream(p, std::ios::binary) << s; }
  std::size_t files() const { return static_cast<std::size_t>(std::distance(fs::directory_iterator(folder), fs::directory_iterator())); }
};

TEST_F(Cache, FindsWhatWasStoredUnderTheSameKeyAlone) {
  const DiskCache cache(folder);
  EXPECT_EQ(text(cache.find("key")), "nothing");
  cache.store("key", image("machine code"));
  cache.store("other", image("", true));
  EXPECT_EQ(text(cache.find("key")), "machine code");
  EXPECT_FALSE(cache.find("key")->is_ptx);
  EXPECT_TRUE(cache.find("key")->from_disk);
  EXPECT_EQ(text(cache.find("other")), "");
  EXPECT_TRUE(cache.find("other")->is_ptx);
  EXPECT_EQ(text(cache.find("key ")), "nothing");
  EXPECT_EQ(files(), 2u);
  EXPECT_EQ(text(DiskCache(folder).find("key")), "machine code");
}

TEST_F(Cache, EachChangedByteAndEachMissingOneIsSeenAndMended) {
  const DiskCache cache(folder);
  cache.store("key", image("machine code"));
  const std::string path = cache.file_of("key"), good = read(path);
  for (std::size_t i = 0; i < good.size(); ++i) {
    std::string bad = good;
    bad[i] = static_cast<char>(bad[i] ^ 0x10);
    write(path, bad);
    ASSERT_EQ(text(cache.find("key")), "nothing") << "byte " << i;
    write(path, good.substr(0, i));
    ASSERT_EQ(text(cache.find("key")), "nothing") << i << " bytes";
  }
  write(path, good + "x");
  EXPECT_EQ(text(cache.find("key")), "nothing");
  cache.store("key", image("machine code"));
  EXPECT_EQ(text(cache.find("key")), "machine code");
}

TEST_F(Cache, AFileOfAnotherKeyUnderThisNameIsNotTaken) {
  const DiskCache cache(folder);
  cache.store("nvrtc 13.0", image("new"));
  cache.store("nvrtc 12.4", image("old"));
  fs::copy_file(cache.file_of("nvrtc 12.4"), cache.file_of("nvrtc 13.0"), fs::copy_options::overwrite_existing);
  EXPECT_EQ(text(cache.find("nvrtc 13.0")), "nothing");
  EXPECT_EQ(text(cache.find("nvrtc 12.4")), "old");
}

TEST_F(Cache, FilesThatOthersMayWriteAreNotTaken) {
  const DiskCache cache(folder);
  cache.store("key", image("code"));
  const std::string path = cache.file_of("key");
  ASSERT_EQ(::chmod(path.c_str(), 0622), 0);
  EXPECT_EQ(text(cache.find("key")), "nothing");
  ASSERT_EQ(::chmod(path.c_str(), 0600), 0);
  EXPECT_EQ(text(cache.find("key")), "code");
  fs::remove(path);
  ASSERT_EQ(::mkfifo(path.c_str(), 0600), 0);
  EXPECT_EQ(text(cache.find("key")), "nothing");
  cache.store("key", image("code"));
  EXPECT_EQ(text(cache.find("key")), "code");
}

TEST_F(Cache, AFolderThatCannotBeWrittenIsNoError) {
  fs::create_directories(folder);
  write(folder + "/file", "");
  for (const std::string& place : {folder + "/file", folder + "/file/below", std::string("/proc/self/nothing"), std::string()}) {
    const DiskCache cache(place);
    cache.store("key", image("code"));
    EXPECT_EQ(text(cache.find("key")), "nothing") << place;
  }
  EXPECT_EQ(files(), 1u);
  if (::geteuid() == 0) return;  // whom modes don't stop
  ASSERT_EQ(::chmod(folder.c_str(), 0500), 0);
  DiskCache(folder).store("key", image("code"));
  EXPECT_EQ(files(), 1u);
  ASSERT_EQ(::chmod(folder.c_str(), 0700), 0);
}

// Two processes write, one after the other at full speed, what differs in length and bytes; a third reads all the time.
TEST_F(Cache, ProcessesSeeAllOfAFileOrNone) {
  const std::string values[2] = {std::string(5000, 'a'), std::string(70000, 'b')};
  pid_t children[2];
  for (int i = 0; i < 2; ++i) {
    children[i] = ::fork();
    ASSERT_GE(children[i], 0);
    if (children[i] == 0) {
      const DiskCache cache(folder);
      for (int round = 0; round < 200; ++round) cache.store("key", image(values[i]));
      ::_exit(0);
    }
  }
  const DiskCache cache(folder);
  bool found = false;
  int running = 2;
  while (running > 0) {
    const std::optional<Image> i = cache.find("key");
    const std::string got = text(i);
    EXPECT_TRUE(got == values[0] || got == values[1] || (!found && got == "nothing")) << got.size();
    found = found || i;
    int status = 0;
    if (::waitpid(-1, &status, WNOHANG) > 0) {
      EXPECT_EQ(status, 0);
      --running;
    }
  }
  EXPECT_TRUE(found);
  EXPECT_EQ(files(), 1u) << "a temporary file is left";
}

TEST(CacheDirectory, IsTheUsersElseThatOfTheDesktopElseBelowHome) {
  EXPECT_EQ(cache_directory("/a", "/b", "/c"), "/a");
  EXPECT_EQ(cache_directory(nullptr, "/b", "/c"), "/b/mushin");
  EXPECT_EQ(cache_directory("", "relative", "/c"), "/c/.cache/mushin");
  EXPECT_EQ(cache_directory("", nullptr, nullptr), "");
}

class Compiling : public Cache {
 protected:
  const std::string source = "extern \"C\" __global__ void k(float* p) { p[threadIdx.x] *= 2; }";
  void SetUp() override {
    Cache::SetUp();
    try {
      Compiler(std::string()).compile(source, 90);
    } catch (const Failure& f) {
      if (f.code != MU_UNAVAILABLE) FAIL() << f.text;
      GTEST_SKIP() << "skipped: " << f.text;
    }
  }
};

TEST_F(Compiling, IsDoneOnceForAProcessAndOnceForADisk) {
  Compiler one(folder), two(folder);
  const auto made = one.compile(source, 90);
  EXPECT_FALSE(made->from_disk);
  EXPECT_EQ(one.compile(source, 90), made);
  const auto again = two.compile(source, 90);
  EXPECT_TRUE(again->from_disk);
  EXPECT_EQ(again->bytes, made->bytes);
  fs::remove_all(folder);
  EXPECT_EQ(one.compile(source, 90), made);
  EXPECT_FALSE(fs::exists(folder)) << "compiled again";
  EXPECT_FALSE(two.compile(source + "\n", 90)->from_disk);
  EXPECT_FALSE(two.compile(source, 80)->from_disk);
}

TEST_F(Compiling, MendsAFileThatIsBroken) {
  const auto made = Compiler(folder).compile(source, 90);
  const fs::path path = fs::directory_iterator(folder)->path();
  const std::string good = read(path);
  write(path, good.substr(0, good.size() - 1));
  EXPECT_FALSE(Compiler(folder).compile(source, 90)->from_disk);
  EXPECT_EQ(read(path), good);
  EXPECT_TRUE(Compiler(folder).compile(source, 90)->from_disk);
}

TEST_F(Compiling, AnUnknownArchitectureGetsTextForTheDriver) {
  Compiler c{std::string()};
  const auto made = c.compile(source, 999);
  EXPECT_TRUE(made->is_ptx);
  ASSERT_FALSE(made->bytes.empty());
  EXPECT_EQ(made->bytes.back(), '\0');
  EXPECT_NE(std::string(made->bytes.data()).find(".target sm_"), std::string::npos);
  EXPECT_EQ(std::string(c.compile(source, 90)->bytes.data() + 1, 3), "ELF");
}

TEST_F(Compiling, SaysWhyItFails) {
  Compiler c{std::string()};
  const auto failure = [](Compiler& with, const std::string& text, int architecture) {
    try {
      with.compile(text, architecture);
    } catch (const Failure& f) {
      return f;
    }
    return Failure{MU_OK, ""};
  };
  const Failure wrong = failure(c, "__global__ void k() { nonsense(); }", 90);
  EXPECT_EQ(wrong.code, MU_INTERNAL);
  EXPECT_NE(wrong.text.find("nonsense"), std::string::npos) << wrong.text;
  const Failure old = failure(c, source, 20);
  EXPECT_EQ(old.code, MU_UNAVAILABLE);
  EXPECT_NE(old.text.find("capability 20 is older"), std::string::npos) << old.text;
  Compiler none(std::string(), "/nowhere/libnvrtc.so");
  const Failure absent = failure(none, source, 90);
  EXPECT_EQ(absent.code, MU_UNAVAILABLE);
  EXPECT_NE(absent.text.find("/nowhere/libnvrtc.so"), std::string::npos) << absent.text;
}

}  // namespace
}  // namespace cuda_program_test
