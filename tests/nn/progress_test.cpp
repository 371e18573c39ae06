// Progress: plain lines when nobody is looking, no escape characters among them.
#include "mushin/nn/progress.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <stdlib.h>
#include <unistd.h>

#include <algorithm>
#include <string>

#include "support/files.hpp"

namespace nn = mushin::nn;
using mushin::test::has;

namespace {
std::string written(std::FILE* file) {
  std::rewind(file);
  std::string out;
  for (int c; (c = std::fgetc(file)) != EOF;) out += static_cast<char>(c);
  return out;
}
}  // namespace

TEST(Progress, WritesTenPlainLinesToAFile) {
  std::FILE* file = std::tmpfile();
  {
    nn::Progress progress(file, "epoch 1/5", 1000);
    for (int i = 0; i < 100; ++i) progress.advance(10, 0.5);
  }
  const auto text = written(file);
  std::fclose(file);
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 10);
  EXPECT_TRUE(std::all_of(text.begin(), text.end(), [](char c) { return c == '\n' || (c >= ' ' && c <= '~'); })) << text;
  EXPECT_TRUE(has(text, {"epoch 1/5  100/1000", "1000/1000", "loss 0.5000", "left\n"}));
}

TEST(Progress, AnUnusedOneWritesNothing) {
  std::FILE* file = std::tmpfile();
  { nn::Progress progress(file, "nothing", 0); }
  EXPECT_EQ(written(file), "");
  std::fclose(file);
}

TEST(Progress, RedrawsOneLineOnATerminal) {
  const int master = ::posix_openpt(O_RDWR | O_NOCTTY);
  if (master < 0 || ::grantpt(master) != 0 || ::unlockpt(master) != 0) GTEST_SKIP() << "no pseudo-terminal here";
  std::FILE* terminal = std::fopen(::ptsname(master), "w");
  if (!terminal) GTEST_SKIP() << "no pseudo-terminal here";
  {
    nn::Progress progress(terminal, "t", 4);
    for (int i = 0; i < 4; ++i) progress.advance(1, 0.25);
  }
  // What was written arrives in pieces.
  std::string out;
  for (pollfd ready{master, POLLIN, 0}; out.find('\n') == std::string::npos && ::poll(&ready, 1, 5000) == 1;) {
    char piece[512];
    const auto size = ::read(master, piece, sizeof piece);
    if (size <= 0) break;
    out.append(piece, static_cast<std::size_t>(size));
  }
  std::fclose(terminal);
  ::close(master);
  EXPECT_EQ(std::count(out.begin(), out.end(), '\n'), 1);
  EXPECT_TRUE(has(out, {"[########################] t  4/4", "loss 0.2500", "0:00 left"}));
}
