// Files that are ELF, but not a plugin for this host.
#include <elf.h>
#include <fcntl.h>
#include <unistd.h>

#include <functional>

#include "loader_support.hpp"
#include "support/splitmix.hpp"

namespace mushin::test {
namespace {

template <class Struct>
Record with_patch(std::size_t offset, const std::function<void(Struct&)>& change) {
  const Folder folder;
  std::string bytes = read_file(fake("good"));
  Struct s;
  std::memcpy(&s, bytes.data() + offset, sizeof s);
  change(s);
  std::memcpy(bytes.data() + offset, &s, sizeof s);
  write_file(folder / "mushin-good.so", bytes);
  return only_record(folder);
}

Record with_header(const std::function<void(Elf64_Ehdr&)>& change) { return with_patch<Elf64_Ehdr>(0, change); }

// The first program header of `type`.
Record with_segment(std::uint32_t type, const std::function<void(Elf64_Phdr&)>& change) {
  const std::string bytes = read_file(fake("good"));
  Elf64_Ehdr h;
  std::memcpy(&h, bytes.data(), sizeof h);
  for (unsigned i = 0; i < h.e_phnum; ++i) {
    const std::size_t at = h.e_phoff + i * sizeof(Elf64_Phdr);
    Elf64_Phdr p;
    std::memcpy(&p, bytes.data() + at, sizeof p);
    if (p.p_type == type) return with_patch<Elf64_Phdr>(at, change);
  }
  ADD_FAILURE() << "no segment of type " << type;
  return {};
}

Record with_note(const std::function<void(mu_note&)>& change) {
  const Folder folder;
  add_with_note(folder, change);
  return only_record(folder);
}

TEST(LoaderNote, RefusesForeignHeaders) {
  EXPECT_REFUSED(with_header([](Elf64_Ehdr& h) { h.e_machine = EM_MIPS; }), "another machine (ELF machine 8");
  EXPECT_REFUSED(with_header([](Elf64_Ehdr& h) { h.e_ident[EI_CLASS] = ELFCLASS32; }), "64-bit");
  EXPECT_REFUSED(with_header([](Elf64_Ehdr& h) { h.e_ident[EI_DATA] = ELFDATA2MSB; }), "byte order");
  EXPECT_REFUSED(with_header([](Elf64_Ehdr& h) { h.e_type = ET_EXEC; }), "shared library (ELF type 2)");
}

TEST(LoaderNote, RefusesLyingHeaders) {
  EXPECT_REFUSED(with_header([](Elf64_Ehdr& h) { h.e_phnum = 65; }), "65 program headers");
  EXPECT_REFUSED(with_header([](Elf64_Ehdr& h) { h.e_phnum = 0; }), "0 program headers");
  EXPECT_REFUSED(with_header([](Elf64_Ehdr& h) { h.e_phentsize = 1; }), "program headers of 1 bytes");
  EXPECT_REFUSED(with_header([](Elf64_Ehdr& h) { h.e_phoff = ~0ull; }), "truncated");
  EXPECT_REFUSED(with_segment(PT_LOAD, [](Elf64_Phdr& p) { p.p_offset = ~0ull - 8; }), "a segment ends past");
  EXPECT_REFUSED(with_segment(PT_LOAD, [](Elf64_Phdr& p) { p.p_filesz = p.p_memsz = 1ull << 40; }), "a segment ends past");
  EXPECT_REFUSED(with_segment(PT_LOAD, [](Elf64_Phdr& p) { p.p_memsz = 0; }), "a segment");
}

TEST(LoaderNote, RefusesLyingNoteSizes) {
  const std::string bytes = read_file(fake("good"));
  const std::size_t header = find_note(bytes) - 8 - sizeof(Elf64_Nhdr);
  for (std::uint32_t n : {0xFFFFFFFFu, 0x7FFFFFFFu, 0xFFFFFFFCu, 1u << 20})
    EXPECT_REFUSED(with_patch<Elf64_Nhdr>(header, [n](Elf64_Nhdr& h) { h.n_namesz = n; }), "note");
  for (std::uint32_t n : {0xFFFFFFFFu, 0x7FFFFFFFu, 1u << 20})
    EXPECT_REFUSED(with_patch<Elf64_Nhdr>(header, [n](Elf64_Nhdr& h) { h.n_descsz = n; }), "ends past its segment");
  EXPECT_REFUSED(with_patch<Elf64_Nhdr>(header, [](Elf64_Nhdr& h) { h.n_descsz = 8; }), "note of 8 bytes");
  EXPECT_REFUSED(with_patch<Elf64_Nhdr>(header, [](Elf64_Nhdr& h) { h.n_type = 7; }), "no mushin note");
}

TEST(LoaderNote, RefusesOtherAbis) {
  EXPECT_REFUSED(with_note([](mu_note& n) { n.abi_major = 2; }), "speaks plugin ABI 2, this mushin speaks 0");
  EXPECT_REFUSED(with_note([](mu_note& n) { n.abi_minor = 9; }), "speaks plugin ABI 0.9, this mushin speaks 0.0");
  EXPECT_REFUSED(with_note([](mu_note& n) { n.size = 12; }), "note of the size 12");
}

TEST(LoaderNote, RefusesWhatThisProcessorLacks) {
  EXPECT_REFUSED(with_note([](mu_note& n) { n.isa_level = 99; }), "needs x86-64-v99, this CPU is x86-64-v");
  EXPECT_EQ(with_note([](mu_note& n) { n.isa_level = 1; }).state, plugin_state::found);

  const Folder folder;
  add_with_note(folder, [](mu_note& n) { n.isa_level = 4; });
  auto config = config_for({folder.path()});
  config.host.isa_level = 3;
  EXPECT_REFUSED(core::search(config)[0], "needs x86-64-v4, this CPU is x86-64-v3");
}

// A plugin built for AddressSanitizer ends a program that isn't.
TEST(LoaderNote, RefusesAnotherSanitizer) {
  EXPECT_REFUSED(with_note([](mu_note& n) { n.sanitizer = 3; }), "was built with MemorySanitizer, this program with");
  EXPECT_EQ(with_note([](mu_note& n) { n.sanitizer = MU_NOTE_SANITIZER; }).state, plugin_state::found);
  EXPECT_REFUSED(with_note([](mu_note& n) { n.sanitizer = 17; }), "was built with sanitizer 17");
}

TEST(LoaderNote, RefusesNotesThatSayNothing) {
  EXPECT_REFUSED(with_note([](mu_note& n) { n.kinds = 0; }), "no kind of device");
  EXPECT_REFUSED(with_note([](mu_note& n) { std::memset(n.name, 'x', sizeof n.name); }), "texts don't end");
  EXPECT_REFUSED(with_note([](mu_note& n) { std::memset(n.version, 'x', sizeof n.version); }), "texts don't end");
  EXPECT_REFUSED(with_note([](mu_note& n) { n.name[0] = 0; }), "says in its note that it is \"\"");
}

// Any bytes at all: each is judged without reading outside of the file's copy.
TEST(LoaderNote, SurvivesDamagedBytes) {
  const std::string whole = read_file(fake("good"));
  const std::size_t note = find_note(whole);
  const Folder folder;
  const auto path = folder / "mushin-good.so";
  write_file(path, whole);
  const int fd = open(path.c_str(), O_RDWR);
  ASSERT_GE(fd, 0);
  std::uint64_t drawn = 0;
  const auto draw = [&drawn] { return mix(1, drawn++); };
  std::size_t refused = 0;
  for (int round = 0; round < 20000; ++round) {
    const std::size_t base = round % 2 ? 0 : note - 20, span = round % 2 ? 900 : 100;
    const std::size_t at = base + draw() % span;
    const std::uint64_t value = round % 3 ? draw() : ~0ull;
    const std::size_t n = 1 + draw() % 8;
    pwrite(fd, &value, n, static_cast<off_t>(at));
    const auto probe = core::probe_plugin(fd, whole.size(), "good", core::host_traits());
    refused += !probe.reason.empty();
    pwrite(fd, whole.data() + at, n, static_cast<off_t>(at));
  }
  EXPECT_GT(refused, 5000u);
  // Cut off by somebody else meanwhile.
  ASSERT_EQ(ftruncate(fd, sizeof(Elf64_Ehdr)), 0);
  EXPECT_EQ(core::probe_plugin(fd, whole.size(), "good", core::host_traits()).reason, "cannot be read");
  close(fd);
}

}  // namespace
}  // namespace mushin::test
