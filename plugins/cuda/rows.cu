#include <utility>

#include "row_kernels.hpp"
#include "team_kernels.hpp"

namespace mushin::cuda {
namespace {

template <class Team, RowKind kind, class T>
__global__ void __launch_bounds__(Team::threads)
    rows_kernel(Rows j, const void* x, const void* dy, const void* gain, const void* bias, void* to, void* sums) {
  each_piece<Team>(pieces<kind>(j), [&](Index piece) {
    compute_piece<Team, kind>(j, static_cast<const T*>(x), static_cast<const T*>(dy), static_cast<const T*>(gain),
                              static_cast<const T*>(bias), static_cast<T*>(to), static_cast<Wide<T>*>(sums), piece);
  });
}

using ColumnTeam = Team<32, 0>;
template <class T>
__global__ void __launch_bounds__(ColumnTeam::threads) columns_kernel(Columns c, const void* sums, void* dgain, void* dbias) {
  each_piece<ColumnTeam>(c.count(), [&](Index column) {
    sum_column<ColumnTeam>(c, static_cast<const Wide<T>*>(sums), static_cast<T*>(dgain), static_cast<T*>(dbias), column);
  });
}

template <bool across, ChannelPass pass, class T>
__global__ void __launch_bounds__(ChannelTeam<across>::threads)
    channels_kernel(Channels j, const void* x, const void* dy, const void* mean, void* to, void* memory) {
  using Team = ChannelTeam<across>;
  each_piece<Team>(j.pieces(), [&](Index piece) {
    compute_part<Team, pass>(j, static_cast<const T*>(x), static_cast<const T*>(dy), static_cast<const T*>(mean), static_cast<T*>(to),
                             static_cast<Wide<T>*>(memory), piece);
  });
}

template <bool backward, class T>
__global__ void __launch_bounds__(ColumnTeam::threads)
    finish_kernel(Channels j, void* memory, const void* gain, const void* a, const void* b, void* first, void* second) {
  each_piece<ColumnTeam>(j.count, [&](Index c) {
    finish_channel<ColumnTeam, backward>(j, static_cast<Wide<T>*>(memory), static_cast<const T*>(gain), static_cast<const T*>(a),
                                         static_cast<const T*>(b), static_cast<T*>(first), static_cast<T*>(second), c);
  });
}

template <class Team, ScanKind kind, class T>
__global__ void __launch_bounds__(Team::threads) scan_kernel(Scan s, const void* from, void* to) {
  each_piece<Team>(s.rows.walk.count, [&](Index row) { scan_row<Team, kind>(s, static_cast<const T*>(from), static_cast<T*>(to), row); });
}

// Parts of long rows are the widest team's.
using PartTeam = TeamOf<team_count - 1>;
template <ScanKind kind, class T>
__global__ void __launch_bounds__(PartTeam::threads) totals_kernel(Scan s, Parts p, const void* from, void* totals) {
  each_piece<PartTeam>(s.rows.walk.count * p.count, [&](Index piece) {
    total_of_part<PartTeam, kind>(s, p, static_cast<const T*>(from), static_cast<Wide<T>*>(totals), piece);
  });
}
template <ScanKind kind, class A>
__global__ void __launch_bounds__(PartTeam::threads) scan_totals_kernel(Index rows, Parts p, void* totals) {
  each_piece<PartTeam>(rows, [&](Index row) { scan_totals<PartTeam, kind>(p, static_cast<A*>(totals), row); });
}
template <ScanKind kind, class T>
__global__ void __launch_bounds__(PartTeam::threads) scan_parts_kernel(Scan s, Parts p, const void* from, void* to, const void* totals) {
  each_piece<PartTeam>(s.rows.walk.count * p.count, [&](Index piece) {
    scan_behind<PartTeam, kind>(s, p, static_cast<const T*>(from), static_cast<T*>(to), static_cast<const Wide<T>*>(totals), piece);
  });
}

using RowsKernel = void (*)(Rows, const void*, const void*, const void*, const void*, void*, void*);
using ColumnsKernel = void (*)(Columns, const void*, void*, void*);

// Normalization has no rows side by side.
template <RowKind kind, class T, int team>
constexpr RowsKernel rows_kernel_of() {
  if constexpr (team == 0 && !is_softmax(kind))
    return nullptr;
  else
    return rows_kernel<TeamOf<team>, kind, T>;
}
struct KernelsOfType {
  RowsKernel rows[row_kinds][team_count];
  ColumnsKernel columns;
};
template <class T, int... kind_and_team>
constexpr KernelsOfType kernels_of(std::integer_sequence<int, kind_and_team...>) {
  KernelsOfType k{};
  ((k.rows[kind_and_team / team_count][kind_and_team % team_count] =
        rows_kernel_of<static_cast<RowKind>(kind_and_team / team_count), T, kind_and_team % team_count>()),
   ...);
  k.columns = columns_kernel<T>;
  return k;
}
using EachKernel = std::make_integer_sequence<int, row_kinds * team_count>;
// By RowType.
const KernelsOfType row_kernels[] = {kernels_of<float>(EachKernel()), kernels_of<F16>(EachKernel()), kernels_of<BF16>(EachKernel()),
                                     kernels_of<double>(EachKernel())};

using ChannelsKernel = void (*)(Channels, const void*, const void*, const void*, void*, void*);
using FinishKernel = void (*)(Channels, void*, const void*, const void*, const void*, void*, void*);
struct ChannelKernelsOfType {
  ChannelsKernel pass[2][channel_passes];  // the first across
  FinishKernel finish[2];                  // the second backward
};
template <class T, int... pass>
constexpr ChannelKernelsOfType channel_kernels_of(std::integer_sequence<int, pass...>) {
  return {{{channels_kernel<true, static_cast<ChannelPass>(pass), T>...}, {channels_kernel<false, static_cast<ChannelPass>(pass), T>...}},
          {finish_kernel<false, T>, finish_kernel<true, T>}};
}
using EachPass = std::make_integer_sequence<int, channel_passes>;
// By ChannelType.
const ChannelKernelsOfType channel_kernels[] = {channel_kernels_of<float>(EachPass()), channel_kernels_of<double>(EachPass())};

using ScanKernel = void (*)(Scan, const void*, void*);
struct PartKernels {
  void (*totals)(Scan, Parts, const void*, void*);
  void (*scan_totals)(Index, Parts, void*);
  void (*parts)(Scan, Parts, const void*, void*, const void*);
};
struct ScansOfType {
  ScanKernel scan[scan_kinds][team_count];
  PartKernels parts[scan_kinds];
};
template <ScanKind kind, class T>
constexpr PartKernels part_kernels_of() {
  return {totals_kernel<kind, T>, scan_totals_kernel<kind, Wide<T>>, scan_parts_kernel<kind, T>};
}
template <class T, int... team>
constexpr ScansOfType scans_of(std::integer_sequence<int, team...>) {
  return {{{scan_kernel<TeamOf<team>, ScanKind::sum, T>...}, {scan_kernel<TeamOf<team>, ScanKind::product, T>...}},
          {part_kernels_of<ScanKind::sum, T>(), part_kernels_of<ScanKind::product, T>()}};
}
using EachTeam = std::make_integer_sequence<int, team_count>;
// By ScanType.
const ScansOfType scan_kernels[] = {scans_of<float>(EachTeam()), scans_of<F16>(EachTeam()), scans_of<BF16>(EachTeam()),
                                    scans_of<double>(EachTeam()), scans_of<std::uint64_t>(EachTeam())};

}  // namespace

cudaError_t launch_rows(RowKind kind, RowType type, int team, const Rows& j, const RowPlaces& at, cudaStream_t s) {
  const RowsKernel kernel = row_kernels[static_cast<int>(type)].rows[static_cast<int>(kind)][team];
  return launch_teams(kernel, sums_rows(kind) ? j.parts() : j.walk.count, team_sizes[team].lanes, s, j, at.x, at.dy, at.gain, at.bias,
                      at.to, at.sums);
}

cudaError_t launch_columns(RowType type, const Columns& c, const void* sums, void* dgain, void* dbias, cudaStream_t s) {
  return launch_teams(row_kernels[static_cast<int>(type)].columns, c.count(), ColumnTeam::lanes, s, c, sums, dgain, dbias);
}

cudaError_t launch_channels(ChannelPass pass, ChannelType type, const Channels& j, const void* x, const void* dy, const void* mean,
                            void* to, void* memory, cudaStream_t s) {
  const ChannelsKernel kernel = channel_kernels[static_cast<int>(type)].pass[j.across ? 0 : 1][static_cast<int>(pass)];
  return launch_teams(kernel, j.pieces(), j.across ? ChannelTeam<true>::lanes : ChannelTeam<false>::lanes, s, j, x, dy, mean, to, memory);
}

cudaError_t launch_finish(bool backward, ChannelType type, const Channels& j, void* memory, const void* gain, const void* a, const void* b,
                          void* first, void* second, cudaStream_t s) {
  const FinishKernel kernel = channel_kernels[static_cast<int>(type)].finish[backward ? 1 : 0];
  return launch_teams(kernel, j.count, ColumnTeam::lanes, s, j, memory, gain, a, b, first, second);
}

cudaError_t launch_scan(ScanKind kind, ScanType type, int team, const Scan& job, const void* from, void* to, cudaStream_t s) {
  const ScanKernel kernel = scan_kernels[static_cast<int>(type)].scan[static_cast<int>(kind)][team];
  return launch_teams(kernel, job.rows.walk.count, team_sizes[team].lanes, s, job, from, to);
}

cudaError_t launch_scan_in_parts(ScanKind kind, ScanType type, const Scan& job, const Parts& p, const void* from, void* to, void* totals,
                                 cudaStream_t s) {
  const PartKernels& k = scan_kernels[static_cast<int>(type)].parts[static_cast<int>(kind)];
  const Index rows = job.rows.walk.count, pieces = rows * p.count;
  cudaError_t status = launch_teams(k.totals, pieces, PartTeam::lanes, s, job, p, from, totals);
  if (status == cudaSuccess) status = launch_teams(k.scan_totals, rows, PartTeam::lanes, s, rows, p, totals);
  if (status == cudaSuccess) status = launch_teams(k.parts, pieces, PartTeam::lanes, s, job, p, from, to, static_cast<const void*>(totals));
  return status;
}

}  // namespace mushin::cuda
