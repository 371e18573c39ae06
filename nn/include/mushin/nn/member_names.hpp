#pragma once

// The names in a MUSHIN_MODULE list, taken apart at compile time.
namespace mushin::nn::detail {

struct MemberName {
  const char* begin = nullptr;
  unsigned size = 0;

  constexpr bool operator==(const MemberName& other) const {
    bool same = size == other.size;
    for (unsigned i = 0; same && i < size; ++i) same = begin[i] == other.begin[i];
    return same;
  }
};

/// How many names are in "fc1, drop, fc2".
constexpr unsigned count_names(const char* list) {
  unsigned count = 1;
  for (; *list; ++list) count += *list == ',';
  return count;
}

/// "fc1, drop, fc2" split at its commas.
template <unsigned N>
struct MemberNames {
  MemberName at[N]{};

  constexpr explicit MemberNames(const char* list) {
    for (MemberName& name : at) {
      while (*list == ' ' || *list == ',') ++list;
      name.begin = list;
      while (*list && *list != ' ' && *list != ',') ++list, ++name.size;
    }
  }
  constexpr bool distinct() const {
    for (unsigned i = 0; i < N; ++i)
      for (unsigned j = 0; j < i; ++j)
        if (at[i] == at[j]) return false;
    return true;
  }
};

}  // namespace mushin::nn::detail
