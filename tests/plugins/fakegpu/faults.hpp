// Faults on demand: MUSHIN_FAKEGPU_<KEY>_<device>=n lets the n-th call from now on fail, where "now" is when the text last changed; "n+":
// that one and all after it.
#pragma once
#include <string>

#include "mushin/plugin.h"

namespace fakegpu {

class Fault {
 public:
  Fault(const mu_host* host, const char* key, int device) : host_(host), key_(key + ("_" + std::to_string(device))) {}
  /// Counts one call. In the thread of the host that calls; one at a time.
  bool due() {
    const char* set = host_->config(host_->ctx, "fakegpu", key_.c_str());
    const std::string text = set ? set : "";
    if (text != seen_) seen_ = text, left_ = std::atol(seen_.c_str());
    if (left_ <= 0 || --left_ > 0) return false;
    if (seen_.find('+') != std::string::npos) left_ = 1;
    return true;
  }

 private:
  const mu_host* host_;
  std::string key_, seen_;
  long left_ = 0;
};

}  // namespace fakegpu
