#include <algorithm>
#include <cctype>
#include <filesystem>

#include "data/image.hpp"
#include "data/indices.hpp"
#include "data/shown.hpp"
#include "data/stream.hpp"

namespace mushin::data::detail {
namespace {

namespace fs = std::filesystem;
constexpr const char* op = "ImageFolder";

bool is_image(const fs::path& path) {
  std::string end = path.extension().string();
  for (char& c : end) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return end == ".png" || end == ".jpg" || end == ".jpeg";
}

/// The names in a folder for which `wanted(entry)` is true, sorted; without those that begin with a dot.
template <class Wanted>
std::vector<std::string> names_in(const std::string& folder, Wanted wanted) {
  std::vector<std::string> out;
  std::error_code error;
  for (fs::directory_iterator at(folder, error), end; !error && at != end; at.increment(error)) {
    auto name = at->path().filename().string();
    if (!name.starts_with('.') && wanted(*at)) out.push_back(std::move(name));
  }
  if (error) refuse("[{}] cannot read the folder: {}: {}", op, folder, error.message());
  std::sort(out.begin(), out.end());
  return out;
}

bool is_folder(const fs::directory_entry& entry) {
  std::error_code ignored;
  return entry.is_directory(ignored);
}

}  // namespace

ImageFiles::ImageFiles(FileName folder, std::int64_t classes, const ImageKind& kind, const ImageOptions& options)
    : folder_(folder.text), kind_(kind), options_(options), classes_(names_in(folder_, is_folder)) {
  if (static_cast<std::int64_t>(classes_.size()) != classes)
    refuse("[{}] there must be a folder for each class of the program: {} asked for, {} has {}: {}", op, classes, folder_, classes_.size(),
           shown(classes_));
  for (std::size_t label = 0; label < classes_.size(); ++label) {
    const std::size_t before = files_.size();
    const std::string of_class = folder_ + "/" + classes_[label];
    for (auto& name : names_in(of_class, [](const fs::directory_entry& e) { return is_image(e.path()) && !is_folder(e); }))
      files_.push_back({std::move(name), static_cast<std::int64_t>(label)});
    if (files_.size() == before) refuse("[{}] each class must have an image (.png, .jpg or .jpeg): {} has none", op, of_class);
  }
}

std::string ImageFiles::path(std::int64_t sample) const {
  check_indices(op, {&sample, 1}, size());
  const File& file = files_[static_cast<std::size_t>(sample)];
  return folder_ + "/" + classes_[static_cast<std::size_t>(file.label)] + "/" + file.name;
}

core::Array ImageFiles::images(Indices which) const {
  check_indices(op, which, size());
  const std::size_t bytes = static_cast<std::size_t>(kind_.channels * kind_.height * kind_.width) * bytes_of(kind_.type);
  std::vector<unsigned char> values(static_cast<std::size_t>(which.size()) * bytes);
  unsigned char* to = values.data();
  for (const auto i : which) {
    store(load_image(path(i).c_str(), kind_, options_).values, kind_.type, to);
    to += bytes;
  }
  return core::from_values({which.size(), kind_.channels, kind_.height, kind_.width}, kind_.type, values.data());
}

core::Array ImageFiles::labels(Indices which) const {
  check_indices(op, which, size());
  std::vector<std::int64_t> values;
  for (const auto i : which) values.push_back(files_[static_cast<std::size_t>(i)].label);
  return core::from_values({which.size()}, dtype::i64, values.data());
}

}  // namespace mushin::data::detail
