// Whole processes: what the environment chooses, what is opened and when, what a missing device says.
#include <sys/wait.h>

#include <cstdio>

#include "loader_support.hpp"

namespace mushin::test {
namespace {

struct Result {
  int code;
  std::string output;
};

/// Runs the child with `environment` ("A=b C=d") alone; `from`: its working directory.
Result child(const std::string& environment, const std::string& arguments, const std::string& from = "/") {
  const std::string command =
      "cd " + from + " && env -i MUSHIN_PLUGIN_PATH_ONLY=1 " + environment + " " + MUSHIN_LOADER_CHILD + " " + arguments + " 2>&1";
  FILE* pipe = popen(command.c_str(), "r");
  Result r{-1, {}};
  char buffer[512];
  while (const std::size_t n = std::fread(buffer, 1, sizeof buffer, pipe)) r.output.append(buffer, n);
  const int status = pclose(pipe);
  r.code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  return r;
}

std::string path_of(const Folder& folder) { return "MUSHIN_PLUGIN_PATH=" + folder.path(); }

#define EXPECT_CHILD(result, text)   \
  do {                               \
    const Result r_ = (result);      \
    EXPECT_EQ(r_.code, 0);           \
    EXPECT_EQ(r_.output, text "\n"); \
  } while (false)

void expect_device_error(const Result& r, std::initializer_list<const char*> parts) {
  EXPECT_EQ(r.code, 3) << r.output;
  for (const char* part : parts) EXPECT_NE(r.output.find(part), std::string::npos) << r.output;
}

TEST(LoaderProcess, WithoutPluginsTheDefaultIsBuiltin) {
  const Folder folder;
  EXPECT_CHILD(child("", "default"), "builtin");
  EXPECT_CHILD(child(path_of(folder), "default"), "builtin");
  EXPECT_CHILD(child("MUSHIN_PLUGIN_PATH=/absent", "default"), "builtin");
}

TEST(LoaderProcess, TheDefaultIsTheFirstBackendForCpusThatWorks) {
  const Folder folder;
  for (const char* name : {"lazy", "openfails", "other", "pair", "silent", "unavailable", "nodevice", "noentry", "ownmemory", "shorttable"})
    folder.add(name);
  EXPECT_CHILD(child(path_of(folder), "default"), "other");
  EXPECT_CHILD(child(path_of(folder) + " MUSHIN_PLUGINS=-other", "default"), "pair:0");
  EXPECT_CHILD(child(path_of(folder) + " MUSHIN_PLUGINS=lazy,silent", "default"), "builtin");
}

TEST(LoaderProcess, TheEnvironmentAndTheProgramChoose) {
  const Folder folder;
  for (const char* name : {"good", "pair"}) folder.add(name);
  EXPECT_CHILD(child(path_of(folder) + " MUSHIN_DEVICE=builtin", "default"), "builtin");
  EXPECT_CHILD(child(path_of(folder) + " MUSHIN_DEVICE=pair:1", "default"), "pair:1");
  EXPECT_CHILD(child(path_of(folder) + " MUSHIN_DEVICE=", "default"), "good");
  EXPECT_CHILD(child(path_of(folder) + " MUSHIN_DEVICE=good", "choose pair"), "pair:0");
  EXPECT_CHILD(child(path_of(folder), "device good:0"), "good");
}

// No silent substitution for a device that was named.
TEST(LoaderProcess, AMissingDeviceSaysWhy) {
  const Folder folder;
  for (const char* name :
       {"good", "unavailable", "nodevice", "openfails", "noentry", "undefined", "silent", "throwing", "shorttable", "ownmemory"})
    folder.add(name);
  write_file(folder / "mushin-text.so", "text");
  const auto ask = [&folder](const char* name) { return child(path_of(folder), std::string("device '") + name + "'"); };
  expect_device_error(ask("unavailable"),
                      {"[device] \"unavailable\"", "is no-device: MU_UNAVAILABLE: libfakedriver.so.1: cannot open", "native code 2"});
  expect_device_error(ask("nodevice"), {"is no-device: MU_UNAVAILABLE: libfakedriver.so.1"});
  expect_device_error(ask("openfails"), {"is skipped: device 0 device_open: MU_INTERNAL: the fake driver is broken (native code 35)"});
  expect_device_error(ask("noentry"), {"is skipped: undefined symbol: mushin_plugin_entry_v0"});
  expect_device_error(ask("undefined"), {"undefined symbol: nobody_defines_this"});
  expect_device_error(ask("silent"), {"returned nothing, and no reason"});
  expect_device_error(ask("throwing"), {"MU_INTERNAL: its entry threw an exception"});
  expect_device_error(ask("shorttable"), {"plugin ends before compute"});
  expect_device_error(ask("ownmemory"), {"memory.alloc is missing"});
  expect_device_error(ask("text"), {"is skipped: is too short for an ELF file"});
  expect_device_error(ask("absent"), {"no plugin mushin-absent.so was found; there are: builtin, good"});
  for (const char* name : {"", ":", "good:", "good:x", "good:1", "good:-1", "good:0x", "builtin:1"})
    expect_device_error(ask(name), {"[device] "});
  expect_device_error(child(path_of(folder) + " MUSHIN_DEVICE=unavailable", "default"), {"libfakedriver.so.1"});
}

TEST(LoaderProcess, ABadPluginLeavesTheGoodOne) {
  const Folder folder;
  for (const char* name : {"good", "undefined", "throwing"}) folder.add(name);
  write_file(folder / "mushin-a.so", "text");
  EXPECT_CHILD(child(path_of(folder), "default"), "good");
}

TEST(LoaderProcess, APluginIsOpenedOnlyWhenItsDevicesAreAskedFor) {
  const Folder folder;
  for (const char* name : {"lazy", "other"}) folder.add(name);
  EXPECT_CHILD(child(path_of(folder), "search /mushin-other"), "found found not mapped");
  EXPECT_CHILD(child(path_of(folder), "mapped mushin-lazy"), "not mapped");
  EXPECT_CHILD(child(path_of(folder), "mapped mushin-other"), "mapped");
  EXPECT_CHILD(child(path_of(folder) + " MUSHIN_DEVICE=builtin", "mapped mushin-other"), "not mapped");
}

TEST(LoaderProcess, NothingIsTakenFromPlacesThatNobodyNamed) {
  const Folder trap;
  trap.add("marking");
  const std::string marker = trap / "marker",
                    environment = "FAKE_MARKER=" + marker + " HOME=" + trap.path() + " LD_LIBRARY_PATH=" + trap.path();
  for (const char* path : {"", "MUSHIN_PLUGIN_PATH=", "MUSHIN_PLUGIN_PATH=.", "MUSHIN_PLUGIN_PATH=:/absent"}) {
    EXPECT_CHILD(child(environment + " " + path, "default", trap.path()), "builtin");
    EXPECT_FALSE(fs::exists(marker)) << path;
  }
  EXPECT_CHILD(child(environment + " " + path_of(trap), "default"), "marking");
  EXPECT_TRUE(fs::exists(marker));  // the trap works
}

TEST(LoaderProcess, EightThreadsSearchOnce) {
  const Folder folder;
  folder.add("good");
  for (int i = 0; i < 20; ++i) EXPECT_CHILD(child(path_of(folder), "race"), "one device, 1 greeting(s)");
}

TEST(LoaderProcess, AForkedProcessKeepsItsDevices) {
  const Folder folder;
  folder.add("good");
  EXPECT_CHILD(child(path_of(folder), "fork"), "same device");
}

TEST(LoaderProcess, AFileThatIsReplacedIsNotOpenedAgain) {
  const Folder folder;
  const auto file = folder.add("good");
  EXPECT_CHILD(child(path_of(folder), "replace " + file.string()), "same device, 1 greeting(s)");
}

TEST(LoaderProcess, WhatAPluginRefusesIsComputedByBuiltin) {
  const Folder folder;
  folder.add("good");
  const Result by_builtin = child("", "add builtin");
  EXPECT_EQ(by_builtin.output.substr(0, 15), "11 22 33 44 55 ");
  EXPECT_EQ(child(path_of(folder), "add good").output, by_builtin.output);
}

}  // namespace
}  // namespace mushin::test
