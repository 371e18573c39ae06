// The two fake devices of tests/plugins/fakegpu, and their faults.
#pragma once
#include <cstdlib>
#include <string>

#include "mushin/tensor/device.hpp"
#include "support.hpp"

namespace mushin::core::test {

inline core::Device* fake(int i) { return mushin::device(i ? "fakegpu:1" : "fakegpu:0").raw(); }
inline mushin::Device device_of(core::Device* d) { return mushin::Device(d); }

/// One fault on one device, for the life of this object.
class Fault {
 public:
  Fault(const char* key, int device, int nth) : name_(std::string("MUSHIN_FAKEGPU_") + key + "_" + std::to_string(device)) {
    static int count = 0;  // the fake counts anew when the text changes
    setenv(name_.c_str(), (std::to_string(nth) + " for the fault " + std::to_string(++count)).c_str(), 1);
  }
  Fault(const Fault&) = delete;
  Fault& operator=(const Fault&) = delete;
  ~Fault() { unsetenv(name_.c_str()); }

 private:
  std::string name_;
};

}  // namespace mushin::core::test
