// What the loader does once per process, one command per run. Prints one line; 3 is a DeviceError's exit code.
#include <sys/wait.h>
#include <unistd.h>

#include <barrier>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <thread>
#include <vector>

#include "mushin/tensor/core/array.hpp"
#include "mushin/tensor/device.hpp"
#include "mushin/tensor/error.hpp"
#include "mushin/tensor/ops/pointwise.hpp"
#include "mushin/tensor/ops/shape.hpp"

namespace {

std::size_t greetings() {
  std::size_t n = 0;
  for (const auto& m : mushin::plugin_messages()) n += std::strcmp(m.text, "hello from good") == 0;
  return n;
}

bool is_mapped(const char* word) {
  std::ifstream maps("/proc/self/maps");
  return std::string(std::istreambuf_iterator<char>(maps), {}).find(word) != std::string::npos;
}

int show(mushin::Device d) { return std::puts(d.name()), 0; }

int show_device(const char* name) { return show(mushin::device(name)); }

int show_default(const char*) { return show(mushin::default_device()); }

// With the default device in use, which of the plugins are in memory?
int show_mapped(const char* word) {
  mushin::default_device();
  return std::puts(is_mapped(word) ? "mapped" : "not mapped"), 0;
}

int search_without_opening(const char* word) {
  std::string states;
  for (const auto& p : mushin::plugins()) states += mushin::name_of(p.state) + std::string(" ");
  return std::printf("%s%s\n", states.c_str(), is_mapped(word) ? "mapped" : "not mapped"), 0;
}

int race(const char*) {
  constexpr int threads = 8;
  std::barrier start(threads);
  std::vector<void*> seen(threads);
  std::vector<std::thread> all;
  for (std::size_t i = 0; i < threads; ++i)
    all.emplace_back([&, i] {
      start.arrive_and_wait();
      seen[i] = i % 2 ? mushin::default_device().raw() : mushin::device("good").raw();
    });
  for (auto& t : all) t.join();
  bool same = true;
  for (void* d : seen) same &= d == seen[0];
  return std::printf("%s, %zu greeting(s)\n", same ? "one device" : "several devices", greetings()), 0;
}

int use_after_fork(const char*) {
  const mushin::Device before = mushin::default_device();
  const pid_t child = fork();
  if (child == 0) _exit(mushin::default_device() == before && mushin::device("good") == before && mushin::plugins().size() == 1 ? 0 : 1);
  int status = 1;
  waitpid(child, &status, 0);
  return std::puts(status == 0 ? "same device" : "failed"), 0;
}

// An upgrade puts a new file in the old one's place.
int replace_while_running(const char* path) {
  const mushin::Device before = mushin::device("good");
  std::filesystem::copy_file(path, std::string(path) + ".new");
  std::filesystem::rename(std::string(path) + ".new", path);
  const bool same = mushin::device("good") == before && mushin::devices().size() == 2;
  return std::printf("%s, %zu greeting(s)\n", same ? "same device" : "another device", greetings()), 0;
}

int choose(const char* name) {
  mushin::set_default_device(name);
  return show(mushin::default_device());
}

// Sums over views of many kinds, so that a plan made for one of them would be seen where it doesn't belong.
int add_on(const char* name) {
  namespace core = mushin::core;
  mushin::set_default_device(name);
  const std::vector<float> a{1, 2, 3, 4, 5, 6}, b{10, 20, 30, 40, 50, 60};
  const auto x = core::from_values({2, 3}, mushin::dtype::f32, a.data()), y = core::from_values({2, 3}, mushin::dtype::f32, b.data());
  const auto row = core::from_values({3}, mushin::dtype::f32, b.data());
  const auto turned = core::from_values({3, 2}, mushin::dtype::f32, a.data());
  const auto doubles = core::cast(x, mushin::dtype::f64);
  for (const auto& sum : {core::add(x, y), core::add(x, row), core::add(core::transpose(turned), y), core::add(row, row),
                          core::cast(core::add(doubles, doubles), mushin::dtype::f32), core::add(x, y)}) {
    float out[6];
    core::read_all(sum, out);
    for (std::int64_t i = 0; i < sum.sizes().count(); ++i) std::printf("%g ", out[i]);
  }
  return std::puts(""), 0;
}

int multiply_on(const char* name) {
  namespace core = mushin::core;
  mushin::set_default_device(name);
  const std::vector<float> a{1, 2, 3, 4, 5, 6}, b{10, 20, 30, 40, 50, 60};
  float out[6];
  core::read_all(core::mul(core::from_values({6}, mushin::dtype::f32, a.data()), core::from_values({6}, mushin::dtype::f32, b.data())),
                 out);
  for (const float x : out) std::printf("%g ", x);
  return std::puts(""), 0;
}

constexpr struct {
  const char* name;
  int (*run)(const char*);
} commands[] = {{"device", show_device},
                {"default", show_default},
                {"mapped", show_mapped},
                {"search", search_without_opening},
                {"race", race},
                {"fork", use_after_fork},
                {"replace", replace_while_running},
                {"choose", choose},
                {"add", add_on},
                {"multiply", multiply_on}};

}  // namespace

int main(int argc, char** argv) try {
  for (const auto& c : commands)
    if (argc > 1 && std::strcmp(c.name, argv[1]) == 0) return c.run(argc > 2 ? argv[2] : "");
  return 2;
} catch (const mushin::DeviceError& e) {
  std::puts(e.what());
  return 3;
}
