#include "support/text.hpp"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <stdexcept>

namespace {

std::vector<std::filesystem::path> texts_in(const std::filesystem::path& folder) {
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::directory_iterator(folder))
    if (entry.is_regular_file() && !entry.is_symlink() && !entry.path().has_extension()) files.push_back(entry.path());
  std::sort(files.begin(), files.end());
  return files;
}

void append(std::vector<std::uint8_t>& text, const std::filesystem::path& file) {
  std::ifstream in(file, std::ios::binary);
  if (!in) throw std::runtime_error("cannot read " + file.string());
  text.insert(text.end(), std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>());
}

}  // namespace

std::vector<std::uint8_t> read_text(const std::string& path) {
  std::vector<std::uint8_t> text;
  if (std::filesystem::is_directory(path))
    for (const auto& file : texts_in(path)) append(text, file);
  else if (std::filesystem::exists(path))
    append(text, path);
  if (text.empty()) throw std::runtime_error("no text in " + path + ": name one with --text, or install Debian's package fortunes");
  return text;
}
