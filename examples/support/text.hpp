#pragma once
// Texts to learn from.
#include <cstdint>
#include <string>
#include <vector>

/// The bytes of a file, or of all plain texts of a folder, one after the other in the order of their names: files without an ending, as
/// Debian's package fortunes has them. Throws a sentence when there are none.
std::vector<std::uint8_t> read_text(const std::string& path);
