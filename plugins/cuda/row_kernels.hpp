// The kernels that compute rows, launched; as those of kernels.hpp.
#pragma once
#include "channels.hpp"
#include "kernels.hpp"
#include "scan.hpp"

namespace mushin::cuda {

/// What rows are made of and where they go. Null: the kind has none.
struct RowPlaces {
  const void *x, *dy, *gain, *bias;
  void *to, *sums;
};

/// `team`: of team_sizes; it must have room for a row.
cudaError_t launch_rows(RowKind, RowType, int team, const Rows&, const RowPlaces&, cudaStream_t);
cudaError_t launch_columns(RowType, const Columns&, const void* sums, void* dgain, void* dbias, cudaStream_t);
/// Null: the pass has none. `memory`: as Channels has it.
cudaError_t launch_channels(ChannelPass, ChannelType, const Channels&, const void* x, const void* dy, const void* mean, void* to,
                            void* memory, cudaStream_t);
/// As finish_channel has them.
cudaError_t launch_finish(bool backward, ChannelType, const Channels&, void* memory, const void* gain, const void* a, const void* b,
                          void* first, void* second, cudaStream_t);
cudaError_t launch_scan(ScanKind, ScanType, int team, const Scan&, const void* from, void* to, cudaStream_t);
/// `totals`: room for one of each part of each row, in the type that is summed in.
cudaError_t launch_scan_in_parts(ScanKind, ScanType, const Scan&, const Parts&, const void* from, void* to, void* totals, cudaStream_t);

}  // namespace mushin::cuda
