#include "loader/note_probe.hpp"

#include <elf.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cstring>
#include <vector>

namespace mushin::core {
namespace {

constexpr unsigned most_headers = 64;
constexpr std::uint64_t most_note_bytes = 65536;

#if defined(__x86_64__)
constexpr unsigned own_machine = EM_X86_64;
#elif defined(__aarch64__)
constexpr unsigned own_machine = EM_AARCH64;
#else
constexpr unsigned own_machine = EM_NONE;
#endif

bool read_at(int fd, void* to, std::uint64_t bytes, std::uint64_t offset) {
  auto* at = static_cast<char*>(to);
  while (bytes != 0) {
    const ssize_t n = pread(fd, at, bytes, static_cast<off_t>(offset));
    if (n <= 0) return false;
    at += n, bytes -= static_cast<std::uint64_t>(n), offset += static_cast<std::uint64_t>(n);
  }
  return true;
}

bool inside(std::uint64_t offset, std::uint64_t bytes, std::uint64_t size) { return offset <= size && bytes <= size - offset; }

std::string check_header(const Elf64_Ehdr& h, std::uint64_t size) {
  if (h.e_ident[EI_CLASS] != ELFCLASS64) return "isn't a 64-bit file";
  if (h.e_ident[EI_DATA] != (__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? ELFDATA2LSB : ELFDATA2MSB)) return "has the other byte order";
  if (h.e_machine != own_machine) return fmt::format("is for another machine (ELF machine {}, this one is {})", h.e_machine, own_machine);
  if (h.e_type != ET_DYN) return fmt::format("isn't a shared library (ELF type {})", h.e_type);
  if (h.e_phentsize != sizeof(Elf64_Phdr)) return fmt::format("has program headers of {} bytes", h.e_phentsize);
  if (h.e_phnum == 0 || h.e_phnum > most_headers)
    return fmt::format("has {} program headers; 1 to {} are expected", h.e_phnum, most_headers);
  if (!inside(h.e_phoff, h.e_phnum * sizeof(Elf64_Phdr), size)) return "is truncated (its program headers end past the end of the file)";
  return {};
}

// PT_NOTE segments are aligned to 4 or to 8; ours is written for 4. `found` tells whether there is a mushin note at all.
std::string find_note(const char* bytes, std::uint64_t size, std::uint64_t align, mu_note& to, bool& found) {
  const auto round_up = [align](std::uint64_t n) { return (n + align - 1) / align * align; };
  std::uint64_t at = 0;
  while (inside(at, sizeof(Elf64_Nhdr), size)) {
    Elf64_Nhdr h;
    std::memcpy(&h, bytes + at, sizeof h);
    const std::uint64_t owner = at + sizeof h, text = owner + round_up(h.n_namesz);
    if (!inside(owner, h.n_namesz, size) || !inside(text, h.n_descsz, size)) return "has a note that ends past its segment";
    if (h.n_type == MU_NOTE_TYPE && h.n_namesz == sizeof MU_NOTE_OWNER && !std::memcmp(bytes + owner, MU_NOTE_OWNER, h.n_namesz)) {
      if (h.n_descsz < sizeof to) return fmt::format("has a mushin note of {} bytes; {} are expected", h.n_descsz, sizeof to);
      std::memcpy(&to, bytes + text, sizeof to);
      found = true;
      return {};
    }
    at = text + round_up(h.n_descsz);
  }
  return {};
}

std::string read_note(int fd, std::uint64_t size, const std::vector<Elf64_Phdr>& headers, mu_note& note) {
  bool found = false;
  for (const Elf64_Phdr& p : headers) {
    if (p.p_type != PT_NOTE) continue;
    if (p.p_filesz > most_note_bytes) return fmt::format("has {} bytes of notes; at most {} are read", p.p_filesz, most_note_bytes);
    std::vector<char> bytes(p.p_filesz);
    if (!inside(p.p_offset, p.p_filesz, size) || !read_at(fd, bytes.data(), p.p_filesz, p.p_offset))
      return "is truncated (its notes end past the end of the file)";
    if (auto wrong = find_note(bytes.data(), bytes.size(), p.p_align == 8 ? 8 : 4, note, found); found || !wrong.empty()) return wrong;
  }
  return "has no mushin note: it isn't a mushin plugin";
}

constexpr const char* sanitizer_names[] = {"no sanitizer", "AddressSanitizer", "ThreadSanitizer", "MemorySanitizer"};

std::string sanitizer_name(std::uint32_t s) { return s < std::size(sanitizer_names) ? sanitizer_names[s] : fmt::format("sanitizer {}", s); }

std::string check_note(const mu_note& n, const std::string& expected_name, const HostTraits& host) {
  if (n.abi_major != MU_ABI_MAJOR) return fmt::format("speaks plugin ABI {}, this mushin speaks {}", n.abi_major, MU_ABI_MAJOR);
  if (n.abi_minor != MU_ABI_MINOR)  // version 0 is not frozen: it must match exactly
    return fmt::format("speaks plugin ABI {}.{}, this mushin speaks {}.{}", n.abi_major, n.abi_minor, MU_ABI_MAJOR, MU_ABI_MINOR);
  if (n.size < sizeof n) return fmt::format("has a note of the size {}; {} is expected", n.size, sizeof n);
  if (!std::memchr(n.name, 0, sizeof n.name) || !std::memchr(n.version, 0, sizeof n.version)) return "has a note whose texts don't end";
  if (expected_name != n.name) return fmt::format("says in its note that it is \"{}\", so the file must be mushin-{}.so", n.name, n.name);
  if (n.isa_level > host.isa_level) return fmt::format("needs x86-64-v{}, this CPU is x86-64-v{}", n.isa_level, host.isa_level);
  if (n.sanitizer != 0 && n.sanitizer != host.sanitizer)
    return fmt::format("was built with {}, this program with {}", sanitizer_name(n.sanitizer), sanitizer_name(host.sanitizer));
  if (n.kinds == 0) return "names no kind of device in its note";
  return {};
}

}  // namespace

HostTraits host_traits() {
  std::uint32_t level = 0;
#if defined(__x86_64__)
  __builtin_cpu_init();
  level = 1;
  if (__builtin_cpu_supports("sse4.2") && __builtin_cpu_supports("popcnt")) level = 2;
  if (level == 2 && __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("bmi2")) level = 3;
  if (level == 3 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl") &&
      __builtin_cpu_supports("avx512dq"))
    level = 4;
#endif
  return {level, MU_NOTE_SANITIZER};
}

Probe probe_plugin(int fd, std::uint64_t size, const std::string& expected_name, const HostTraits& host) {
  Probe probe;
  const auto refuse = [&probe](std::string why) {
    probe.reason = std::move(why);
    return probe;
  };
  Elf64_Ehdr header;
  if (size == 0) return refuse("is empty");
  if (size < sizeof header || !read_at(fd, &header, sizeof header, 0)) return refuse("is too short for an ELF file");
  if (std::memcmp(header.e_ident, ELFMAG, SELFMAG) != 0) return refuse("isn't an ELF file");
  if (auto wrong = check_header(header, size); !wrong.empty()) return refuse(std::move(wrong));

  std::vector<Elf64_Phdr> headers(header.e_phnum);
  if (!read_at(fd, headers.data(), headers.size() * sizeof headers[0], header.e_phoff)) return refuse("cannot be read");
  for (const Elf64_Phdr& p : headers)
    if (p.p_type == PT_LOAD && (p.p_filesz > p.p_memsz || !inside(p.p_offset, p.p_filesz, size)))
      return refuse("is truncated (a segment ends past the end of the file)");
  if (auto wrong = read_note(fd, size, headers, probe.note); !wrong.empty()) return refuse(std::move(wrong));
  probe.reason = check_note(probe.note, expected_name, host);
  probe.note.name[sizeof probe.note.name - 1] = probe.note.version[sizeof probe.note.version - 1] = 0;
  return probe;
}

}  // namespace mushin::core
