// Where linear algebra cannot be: without LAPACK (MUSHIN_LAPACK names no library; in a process of its own, since it is opened once), and on
// a device whose memory the host must not copy.
#include "check.hpp"
#include "support/sanitized.hpp"

namespace mushin::test {
namespace {

TEST(Lapack, MissingIsAnErrorWithTheReason) {
  const auto a = eye<2, 2>();
  EXPECT_TRUE(throws<Error>([&] { inv(a); }, "[inv] needs LAPACK, which cannot be opened: libnothing-of-the-kind.so: "));
  EXPECT_TRUE(throws<Error>([&] { solve(a, a); }, "[solve] needs LAPACK"));
  EXPECT_TRUE(equal(matmul(a, a), ref(a))) << "all else works";
}

TEST(Lapack, AnotherLibraryIsAnErrorWithWhatItLacks) {
  const auto a = eye<2, 2>();
  EXPECT_TRUE(throws<Error>([&] { inv(a); }, "[inv] needs LAPACK, which cannot be opened: libm.so.6 has no LAPACKE_sgetrf_work"));
}

TEST(Lapack, FailuresOfRoutinesAreToldWithTheMatrix) {
  const auto a = eye<2, 2>();
  const auto several = ones<double, 3, 2, 2>();
  EXPECT_TRUE(throws<Error>([&] { inv(a); }, "[inv] LAPACK refuses its argument 3"));
  EXPECT_TRUE(throws<Error>([&] { solve(several, several); }, "[solve] LAPACK refuses its argument 3"));
  EXPECT_TRUE(throws<Error>([&] { cholesky(a); }, "[cholesky] LAPACK refuses its argument 2"));
  EXPECT_TRUE(throws<Error>([&] { svd(a); }, "does not converge: LAPACK leaves 2 off-diagonal elements"));
  EXPECT_TRUE(throws<Error>([&] { eigh(several); }, "does not converge: LAPACK leaves 1 off-diagonal elements"));
}

TEST(Lapack, FailuresToFindWorkspaceAreOutOfMemory) {
  if (address_sanitized) GTEST_SKIP() << "AddressSanitizer's operator new ends the program";
  const auto three = eye<3, 3>();
  const auto several = ones<double, 2, 3, 3>();
  EXPECT_TRUE(throws<OutOfMemory>([&] { svd(three); }, "[svd] no memory left for the workspace of a matrix"));
  EXPECT_TRUE(throws<OutOfMemory>([&] { eigh(several); }, "[eigh] no memory left for the workspace of a matrix"));
}

TEST(Lapack, FailuresOfTheDeterministicModeNameTheThreads) {
  const DeterministicGuard on;
  EXPECT_TRUE(throws<Error>(
      [&] { inv(eye<2, 2>()); },
      "[inv] deterministic algorithms need LAPACK to compute with one thread, its sums hang on how many there are: it has 4"));
}

TEST(Lapack, OtherMemoryIsNotCopiedUnasked) {
  bool met = false;
  for (const Device& d : devices()) {
    if (d.host_memory()) continue;
    met = true;
    const auto a = eye<2, 2>().to(d);
    EXPECT_TRUE(throws<DeviceError>([&] { inv(a); }, "[inv] device " + std::string(d.name()) + " has no such op; MUSHIN_FALLBACK=allow"));
    EXPECT_TRUE(throws<DeviceError>([&] { eigh(a); }, "[eigh] device "));
  }
  EXPECT_TRUE(met);
}

}  // namespace
}  // namespace mushin::test
