#include "core/fail.hpp"

namespace mushin::core {

std::string text_of(const Sizes& s) {
  std::string text = "(";
  for (unsigned i = 0; i < s.rank; ++i) text += fmt::format("{}{}", i ? ", " : "", s.at[i]);
  return text + ")";
}

void fail_with_code(const char* op, const Device* d, mu_code code, const mu_error& e) {
  const int length = static_cast<int>(e.message_len < sizeof e.message ? e.message_len : sizeof e.message - 1);
  std::string said(e.message, static_cast<std::size_t>(length));
  if (const auto end = said.find("] "); (code == MU_INVALID || code == MU_DISCONNECTED) && said[0] == '[' && end != said.npos)
    said.erase(0, end + 2);  // its own [op]
  switch (code) {
    case MU_INVALID:
      fail<ShapeError>("[{}] {}", op, said);
    case MU_OUT_OF_MEMORY:
      fail<OutOfMemory>("[{}] no memory left on {}: {}", op, d->name, said);
    case MU_DEVICE_LOST:
    case MU_UNAVAILABLE:
      fail<DeviceError>("[{}] device {} is lost: {}", op, d->name, said);
    case MU_UNSUPPORTED:
      fail<DeviceError>("[{}] device {} cannot do this: {}", op, d->name, said);
    case MU_DISCONNECTED:
      fail<DeviceError>("[{}] {}", op, said);
    default:
      fail<PluginError>("[{}] {} reported error {}: {}", op, d->name, code, said);
  }
}

std::int64_t checked_count(const char* op, const Sizes& s) {
  // 16 bytes is the widest element there may ever be.
  constexpr std::int64_t most = INT64_MAX / 16;
  std::int64_t whole = 1;  // the zeros left out: strides are computed from it
  bool nothing = false;
  for (unsigned i = 0; i < s.rank; ++i) {
    if (s.at[i] < 0) fail<ShapeError>("[{}] a size is negative: {}", op, text_of(s));
    if (s.at[i] == 0)
      nothing = true;
    else if (__builtin_mul_overflow(whole, s.at[i], &whole) || whole > most)
      fail<ShapeError>("[{}] too many elements: {}", op, text_of(s));
  }
  return nothing ? 0 : whole;
}

}  // namespace mushin::core
