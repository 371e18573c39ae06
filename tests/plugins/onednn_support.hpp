// What the tests of the onednn plugin share.
#pragma once
#include <cstring>
#include <random>
#include <string>
#include <vector>

#include "plugin_driver.hpp"

namespace onednn_test {

inline const driver::Module& module() {
  static const driver::Module m(MUSHIN_ONEDNN_MODULE);
  return m;
}

/// There is no plan, for this reason.
inline void expect_refused(const mu_op& op, mu_code code, const std::vector<mu_tensor>& in, const std::vector<mu_tensor>& out,
                           const char* sentence) {
  std::string error;
  EXPECT_EQ(driver::plan(module(), op, in, out, &error), code) << sentence;
  EXPECT_EQ(error, sentence);
}

template <class Case>
std::string case_name(const testing::TestParamInfo<Case>& test) {
  return test.param.name;
}

inline std::vector<float> random_values(std::size_t n, unsigned seed) {
  std::mt19937 engine(seed);
  std::uniform_real_distribution<float> uniform(-1, 1);
  std::vector<float> values(n);
  for (auto& v : values) v = uniform(engine);
  return values;
}

/// A program over the product (input 0) and further inputs, all f32.
struct Program {
  std::vector<mu_dtype> in_type, const_type;
  std::vector<std::uint64_t> constants;
  std::vector<mu_pw_inst> inst;

  Program(unsigned inputs, const std::vector<float>& values, std::vector<mu_pw_inst> list)
      : in_type(inputs, MU_F32), inst(std::move(list)) {
    for (float v : values) {
      std::uint64_t bits = 0;
      std::memcpy(&bits, &v, sizeof v);
      constants.push_back(bits);
      const_type.push_back(MU_F32);
    }
  }
  mu_pw_program text() const {
    mu_pw_program p{};
    p.size = sizeof p;
    p.magic = MU_PW_MAGIC;
    p.version = 1;
    p.n_in = static_cast<std::uint16_t>(in_type.size());
    p.n_out = 1;
    p.n_const = static_cast<std::uint16_t>(constants.size());
    p.n_inst = static_cast<std::uint16_t>(inst.size());
    p.out[0] = static_cast<std::uint16_t>(in_type.size() + constants.size() + inst.size() - 1);
    p.in_type = in_type.data();
    p.const_bits = constants.data();
    p.const_type = const_type.data();
    p.inst = inst.data();
    return p;
  }
};
inline mu_pw_inst inst(unsigned op, unsigned a, unsigned b = MU_PW_NONE) {
  return {static_cast<std::uint16_t>(op), 0, MU_F32, static_cast<std::uint16_t>(a), static_cast<std::uint16_t>(b), MU_PW_NONE, 0};
}

}  // namespace onednn_test
