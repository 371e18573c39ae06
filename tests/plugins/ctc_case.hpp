// Batches for CTC, of any number of steps and labels in each row.
#pragma once
#include <cmath>

#include "backend.hpp"

namespace backend_test {

struct CtcCase {
  std::int64_t time, batch, classes, most, blank;
  std::vector<double> logs{};
  std::vector<std::int64_t> labels{}, steps{}, lengths{};

  Sizes dims() const { return {time, batch, classes}; }
  mu_op_ctc op(bool gradient) const {
    return {{sizeof(mu_op_ctc), MU_OP_CTC}, gradient ? std::uint32_t{MU_CTC_GRADIENT} : std::uint32_t{MU_CTC_LOSS}, 0, blank};
  }
  template <class T>
  std::vector<T> logs_as() const {
    return {logs.begin(), logs.end()};
  }
  double& log(std::int64_t t, std::int64_t row, std::int64_t c) { return logs[static_cast<std::size_t>((t * batch + row) * classes + c)]; }
  std::int64_t& label(std::int64_t row, std::int64_t k) { return labels[static_cast<std::size_t>(row * most + k)]; }
};

/// Log-probabilities anywhere below 0, and labels of which none is the blank; all steps and labels count.
inline CtcCase whole_ctc(Random& random, std::int64_t time, std::int64_t batch, std::int64_t classes, std::int64_t most,
                         std::int64_t blank) {
  CtcCase c{time, batch, classes, most, blank};
  for (std::int64_t i = 0; i < count(c.dims()); ++i) c.logs.push_back(random.real(-4, 0));
  for (std::int64_t i = 0; i < batch * most; ++i) c.labels.push_back((blank + 1 + random.below(classes - 1)) % classes);
  c.steps.assign(static_cast<std::size_t>(batch), time), c.lengths.assign(static_cast<std::size_t>(batch), most);
  return c;
}
/// Likewise; some don't count, and are no label then.
inline CtcCase ragged_ctc(Random& random, std::int64_t time, std::int64_t batch, std::int64_t classes, std::int64_t most,
                          std::int64_t blank) {
  CtcCase c = whole_ctc(random, time, batch, classes, most, blank);
  for (std::int64_t n = 0; n < batch; ++n) {
    c.steps[static_cast<std::size_t>(n)] = random.below(3) ? time - random.below(time / 3 + 1) : random.below(time + 1);
    const std::int64_t length = c.lengths[static_cast<std::size_t>(n)] = random.below(2) ? most : random.below(most + 1);
    for (std::int64_t k = length; k < most; ++k) c.label(n, k) = random.below(2) ? blank : INT64_MAX;
  }
  return c;
}

/// The losses or the gradient, by the builtin backend.
template <class T>
std::vector<T> builtin_ctc(Backend& backend, const CtcCase& c, bool gradient) {
  const std::vector<T> logs = c.logs_as<T>();
  const Sizes to = gradient ? c.dims() : Sizes{c.batch};
  std::vector<T> made(static_cast<std::size_t>(count(to)));
  EXPECT_EQ(backend.run(c.op(gradient), MU_OP_CTC,
                        {view(logs, c.dims()), view(c.labels, {c.batch, c.most}), view(c.steps, {c.batch}), view(c.lengths, {c.batch})},
                        {view(made, to)}),
            MU_OK)
      << backend.message();
  return made;
}

/// But for the order in which a class's states are added.
template <class T>
void expect_same_ctc(const std::vector<T>& got, const std::vector<T>& want) {
  ASSERT_EQ(got.size(), want.size());
  for (std::size_t i = 0; i < got.size(); ++i) {
    const T near = std::isinf(want[i]) ? T{0} : (sizeof(T) == 4 ? T(0x1p-21) : T(0x1p-50)) * (1 + std::fabs(want[i]));
    ASSERT_TRUE(std::isnan(want[i]) ? std::isnan(got[i]) : got[i] == want[i] || std::fabs(got[i] - want[i]) <= near)
        << "element " << i << " of " << got.size() << ": " << got[i] << " and not " << want[i];
  }
}

}  // namespace backend_test
