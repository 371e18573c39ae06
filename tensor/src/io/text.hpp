#pragma once
// Text of files: what may stand in a name, and how errors show what should not.
#include <string>
#include <string_view>

namespace mushin::io {

bool is_utf8(std::string_view);
/// `text` within quotes, at most about 60 characters of it, whatever is not printable ASCII as `\xNN`.
std::string escaped(std::string_view text);

}  // namespace mushin::io
