// The search: which files are candidates, and which are refused from outside.
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "loader_support.hpp"

namespace mushin::test {
namespace {

TEST(LoaderSearch, FindsAPluginAndOpensNothing) {
  const Folder folder;
  folder.add("good");
  const Record r = only_record(folder);
  EXPECT_EQ(r.state, plugin_state::found);
  EXPECT_EQ(r.reason, "");
  EXPECT_EQ(r.name, "good");
  EXPECT_STREQ(r.note.version, "1.2.3");
  EXPECT_EQ(read_file("/proc/self/maps").find(folder.path()), std::string::npos);
}

TEST(LoaderSearch, MissingAndEmptyFoldersHoldNothing) {
  const Folder folder;
  EXPECT_TRUE(search_in(folder).empty());
  EXPECT_TRUE(core::search(config_for({folder.path() + "/absent"})).empty());
}

TEST(LoaderSearch, OnlyNamesOfPluginsAreCandidates) {
  const Folder folder;
  for (const char* name : {"mushin-.so", ".mushin-a.so", "mushin-a.so.1", "libmushin-a.so", "mushin-a.txt", "mushin-so"})
    write_file(folder / name, "x");
  EXPECT_TRUE(search_in(folder).empty());
}

TEST(LoaderSearch, RefusesWhatIsNoLibrary) {
  const Folder folder;
  const auto file = folder / "mushin-good.so";
  write_file(file, "");
  EXPECT_REFUSED(only_record(folder), "is empty");
  write_file(file, "\177ELF");
  EXPECT_REFUSED(only_record(folder), "too short");
  write_file(file, std::string(5000, 'x'));
  EXPECT_REFUSED(only_record(folder), "isn't an ELF file");
}

// A segment beyond the end of the file would be a SIGBUS inside the dynamic linker.
TEST(LoaderSearch, RefusesAFileCutAnywhereBeforeItsLastSegment) {
  const std::string whole = read_file(fake("good"));
  std::size_t refused = 0;
  for (std::size_t n = 64; n < whole.size(); n += n < 4096 ? 4032 : 4096) {
    const Folder folder;
    write_file(folder / "mushin-good.so", whole.substr(0, n));
    const Record r = only_record(folder);
    if (r.state == plugin_state::found) continue;  // only section headers are lost
    EXPECT_REFUSED(r, "truncated");
    ++refused;
  }
  EXPECT_GE(refused, 3u);
}

TEST(LoaderSearch, RefusesWhatIsNoFileAndDoesNotHang) {
  const Folder folder;
  ASSERT_EQ(mkfifo((folder / "mushin-fifo.so").c_str(), 0600), 0);
  fs::create_directory(folder / "mushin-folder.so");
  fs::create_symlink("mushin-loop.so", folder / "mushin-loop.so");
  fs::create_symlink("nowhere", folder / "mushin-dangling.so");
  const int s = socket(AF_UNIX, SOCK_STREAM, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strcpy(address.sun_path, (folder / "mushin-socket.so").c_str());
  ASSERT_EQ(bind(s, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  close(s);

  const auto records = search_in(folder);
  ASSERT_EQ(records.size(), 5u);  // sorted by name
  EXPECT_REFUSED(records[0], "cannot be opened: No such file");
  EXPECT_REFUSED(records[1], "isn't a regular file");
  EXPECT_REFUSED(records[2], "isn't a regular file");
  EXPECT_REFUSED(records[3], "cannot be opened: Too many levels");
  EXPECT_REFUSED(records[4], "cannot be opened");
}

TEST(LoaderSearch, RefusesAFileOfAnotherOwnerOfItsName) {
  const Folder folder;
  folder.add("good", "other");
  EXPECT_REFUSED(only_record(folder), "says in its note that it is \"good\"");
}

TEST(LoaderSearch, RefusesTheNameOfTheLinkedInBackend) {
  const Folder folder;
  folder.add("good", "builtin");
  EXPECT_REFUSED(only_record(folder), "linked in");
}

TEST(LoaderSearch, FirstOfANameWinsAndTheOthersAreShadowed) {
  const Folder first, second;
  first.add("good");
  second.add("good");
  const auto records = core::search(config_for({first.path(), second.path()}));
  ASSERT_EQ(records.size(), 2u);
  EXPECT_EQ(records[0].state, plugin_state::found);
  EXPECT_EQ(records[1].state, plugin_state::shadowed);
  EXPECT_EQ(records[1].reason, "by " + (first / "mushin-good.so").string());
}

TEST(LoaderSearch, ABadFileShadowsNobody) {
  const Folder first, second;
  write_file(first / "mushin-good.so", "bad");
  second.add("good");
  const auto records = core::search(config_for({first.path(), second.path()}));
  ASSERT_EQ(records.size(), 2u);
  EXPECT_EQ(records[0].state, plugin_state::skipped);
  EXPECT_EQ(records[1].state, plugin_state::found);
}

TEST(LoaderSearch, OneFileFoundTwiceIsOneCandidate) {
  const Folder first, second;
  first.add("good");
  fs::create_symlink(first / "mushin-good.so", second / "mushin-good.so");
  EXPECT_EQ(core::search(config_for({first.path(), first.path(), second.path()})).size(), 1u);
}

TEST(LoaderSearch, SortsTheFilesOfAFolder) {
  const Folder folder;
  folder.add("other");
  folder.add("good");
  folder.add("lazy");
  std::string order;
  for (const Record& r : search_in(folder)) order += r.name + " ";
  EXPECT_EQ(order, "good lazy other ");
}

TEST(LoaderSearch, GlobsAllowAndDeny) {
  const Folder folder;
  for (const char* name : {"good", "lazy", "other"}) folder.add(name);
  auto config = config_for({folder.path()});
  const auto found = [&config](const char* filter) {
    config.filter = filter;
    std::string names;
    for (const Record& r : core::search(config)) {
      if (r.state == plugin_state::found) names += r.name + " ";
      EXPECT_TRUE(r.state == plugin_state::found || r.state == plugin_state::denied);
    }
    return names;
  };
  EXPECT_EQ(found(""), "good lazy other ");
  EXPECT_EQ(found("good"), "good ");
  EXPECT_EQ(found("-good"), "lazy other ");
  EXPECT_EQ(found("*o*,-other"), "good ");
  EXPECT_EQ(found("l?zy,good"), "good lazy ");
  EXPECT_EQ(found("-*"), "");
  EXPECT_EQ(core::search(config)[0].reason, "denied by \"-*\" in MUSHIN_PLUGINS");
}

// A sticky bit doesn't help: anyone may create a name that isn't there yet.
TEST(LoaderSearch, RefusesWhatAnyoneMayWrite) {
  Folder folder;
  const auto file = folder.add("good");
  ASSERT_EQ(chmod(file.c_str(), 0646), 0);
  EXPECT_REFUSED(only_record(folder), "the file can be written by anyone");
  ASSERT_EQ(chmod(file.c_str(), 0664), 0);
  EXPECT_EQ(only_record(folder).state, plugin_state::found);
  for (mode_t mode : {0777u, 01777u}) {
    ASSERT_EQ(chmod(folder.path().c_str(), mode), 0);
    EXPECT_REFUSED(only_record(folder), "its directory " + folder.path() + " can be written by anyone");
  }
}

TEST(LoaderSearch, FollowsALinkIntoASafeFolderOnly) {
  const Folder folder, target;
  fs::create_symlink(target.add("good"), folder / "mushin-good.so");
  EXPECT_EQ(only_record(folder).state, plugin_state::found);
  ASSERT_EQ(chmod(target.path().c_str(), 0777), 0);
  EXPECT_REFUSED(only_record(folder), "its directory " + target.path());
}

TEST(LoaderSearch, APrivilegedProcessTrustsRootAlone) {
  const Folder folder;
  const auto file = folder.add("good");
  auto config = config_for({folder.path()});
  config.secure = true;
  if (getuid() == 0) {
    EXPECT_EQ(core::search(config)[0].state, plugin_state::found);
    ASSERT_EQ(chown(file.c_str(), 65534, 0), 0);
  }
  EXPECT_REFUSED(core::search(config)[0], "isn't root's alone");
}

std::string places(const core::SearchConfig& config) {
  std::string all;
  for (const auto& d : config.directories) all += d.path + "|";
  return all;
}

TEST(LoaderSearchPath, OrderIsEnvironmentBuiltInExtra) {
  core::SearchEnvironment e;
  e.plugin_path = "/one:/two";
  e.plugins = "-x";
  const auto config = core::search_config(e, "/built/in", "/extra:/more");
  EXPECT_EQ(places(config), "/one|/two|/built/in|/extra|/more|");
  EXPECT_EQ(config.filter, "-x");
  e.path_only = "1";
  EXPECT_EQ(places(core::search_config(e, "/built/in", "/extra")), "/one|/two|");
  EXPECT_EQ(places(core::search_config({}, "/built/in", "")), "/built/in|");
}

TEST(LoaderSearchPath, PartsThatAreNotAbsoluteAreIgnoredWithARecord) {
  core::SearchEnvironment e;
  e.plugin_path = "relative::/abs:.";
  const auto config = core::search_config(e, "/b", "");
  EXPECT_EQ(places(config), "/abs|/b|");
  const auto records = core::search(config);
  ASSERT_EQ(records.size(), 3u);
  EXPECT_EQ(records[0].path, "relative");
  EXPECT_REFUSED(records[0], "absolute paths only");
  EXPECT_REFUSED(records[1], "empty part");
  EXPECT_EQ(records[2].path, ".");
}

TEST(LoaderSearchPath, AMovedTreeBringsItsOwnPlugins) {
  const Folder tree;
  core::SearchEnvironment e;
  e.own_directory = tree.path();
  EXPECT_EQ(places(core::search_config(e, "/built/in", "")), "/built/in|");
  const auto beside = tree / "mushin/plugins-0";
  fs::create_directories(beside);
  EXPECT_EQ(places(core::search_config(e, "/built/in", "/extra")), beside.string() + "|/extra|");
  EXPECT_STREQ(core::search_config(e, beside.string(), "").directories[0].origin, "built in");
}

TEST(LoaderSearchPath, APrivilegedProcessIgnoresTheEnvironment) {
  const Folder tree;
  fs::create_directories(tree / "mushin/plugins-0");
  core::SearchEnvironment e;
  e.plugin_path = "/evil";
  e.path_only = "1";
  e.plugins = "-good";
  e.secure = true;
  e.own_directory = tree.path();
  const auto config = core::search_config(e, "/built/in", "/extra");
  EXPECT_EQ(places(config), "/built/in|/extra|");
  EXPECT_EQ(config.filter, "");
}

}  // namespace
}  // namespace mushin::test
