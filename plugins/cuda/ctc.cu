#include <utility>

#include "ctc_kernels.hpp"
#include "report.hpp"
#include "team_kernels.hpp"

namespace mushin::cuda {
namespace {

template <class Team, bool gradient, class T>
__global__ void __launch_bounds__(Team::threads) ctc_kernel(ctc::Job j, ctc::Places at, Report report) {
  each_piece<Team>(j.batch, [&](Index row) { ctc::compute_row<Team, gradient, T>(j, at, row, report); });
}

template <class T>
__global__ void __launch_bounds__(ctc::SlopeTeam::threads) ctc_slopes_kernel(ctc::Job j, ctc::Places at) {
  each_piece<ctc::SlopeTeam>(j.time * j.batch, [&](Index piece) { ctc::compute_slopes<ctc::SlopeTeam, T>(j, at, piece); });
}

struct CtcKernels {
  void (*rows[2][ctc::size_count])(ctc::Job, ctc::Places, Report);  // the second of gradients
  void (*slopes)(ctc::Job, ctc::Places);
};
template <class T, int... size>
constexpr CtcKernels ctc_kernels_of(std::integer_sequence<int, size...>) {
  return {{{ctc_kernel<ctc::TeamOf<size>, false, T>...}, {ctc_kernel<ctc::TeamOf<size>, true, T>...}}, ctc_slopes_kernel<T>};
}
using EachSize = std::make_integer_sequence<int, ctc::size_count>;
// By ctc::Type.
const CtcKernels ctc_kernels[] = {ctc_kernels_of<float>(EachSize()), ctc_kernels_of<double>(EachSize())};

}  // namespace

cudaError_t launch_ctc(bool gradient, ctc::Type type, int size, const ctc::Job& j, const ctc::Places& at, FaultPlace place,
                       cudaStream_t s) {
  const CtcKernels& k = ctc_kernels[static_cast<int>(type)];
  const cudaError_t status = launch_teams(k.rows[gradient][size], j.batch, ctc::sizes[size].lanes, s, j, at, Report{place});
  if (!gradient || status != cudaSuccess) return status;
  return launch_teams(k.slopes, j.time * j.batch, ctc::SlopeTeam::lanes, s, j, at);
}

}  // namespace mushin::cuda
