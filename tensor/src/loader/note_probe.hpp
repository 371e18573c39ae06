// A plugin judged from outside: the ELF file is read, none of its code runs.
#pragma once
#include <cstdint>
#include <string>

#include "mushin/plugin.h"

namespace mushin::core {

/// What a plugin is compared with.
struct HostTraits {
  std::uint32_t isa_level;  // the newest x86-64 level of the processor; 0 on others
  std::uint32_t sanitizer;  // MU_NOTE_SANITIZER of the host
};
HostTraits host_traits();

struct Probe {
  mu_note note{};      // all zero where none was found; its texts end with NUL
  std::string reason;  // why the file is refused; empty when it looks right
};

/// Reads an open file of `size` bytes with bounded reads: ELF header, at most 64 program headers, at most 64 KiB of notes.
/// Every segment must lie inside the file, else opening it as a library would kill the process. `expected_name` is the `foo`
/// of mushin-foo.so. Never reads through a mapping: a file that is cut meanwhile cannot hurt.
Probe probe_plugin(int fd, std::uint64_t size, const std::string& expected_name, const HostTraits&);

}  // namespace mushin::core
