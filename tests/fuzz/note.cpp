// The note of a plugin, read from outside before the file is opened as a library.
#include "input.hpp"
#include "loader/note_probe.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const mushin::fuzz::Input input(data, size);
  const auto probe = mushin::core::probe_plugin(input.descriptor(), size, "template", {4, 0});
  // Whatever was found, its texts end.
  return probe.reason.size() + std::string(probe.note.name).size() + std::string(probe.note.version).size() > 100'000 ? 1 : 0;
}
