/* SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * The extension "mushin.collectives", version 1: ranks, of one process or of many, that compute together. What mu_plugin.extension answers to
 * MU_EXT_COLLECTIVES with a minimum of 1. It is asked once, when the plugin is loaded, and may answer NULL. What ranks do together is
 * MU_OP_COLLECTIVE, an op like others, which names its communicator by number.
 *
 * Law
 *   1. unique_id makes an id that is made nowhere else. One rank has it made and hands the bytes to the others by any means. It serves for one
 *      communicator.
 *   2. join returns when each of the n ranks, 0 to n - 1, has joined with that id. Whatever one rank is refused for, all that wait are: a rank that
 *      came before, one beyond n, another n. MU_TIMEOUT: not all came within timeout_ns (UINT64_MAX: no end); the id has been used then.
 *      `number` is the host's, and new: none that was ever given before in the process.
 *   3. Ranks call the ops of a communicator in one order, with equal descriptors (but for the number), element types and dims; each rank from one
 *      thread at a time. A plugin tells what it sees of the contrary (MU_INVALID, in all ranks) and need not see it.
 *      Runs of one communicator are done in their order, in graphs too. A device with memory of its own queues them; in host memory a run waits.
 *   4. leave ends a rank's part when its queued runs are done; all ranks do so. abort doesn't wait: runs that wait end, whatever they have
 *      computed. It may be called by any thread, also during a run. From then on, runs of the communicator are MU_DISCONNECTED, for this rank and
 *      where the plugin can tell for all, and so are those that wait for a rank that is gone. Such a communicator is of no more use: it is left.
 *   5. Plans, and graphs, may outlive their communicator's leave. Neither function fails for a number that isn't there.
 */
#ifndef MUSHIN_PLUGIN_COLLECTIVES_H
#define MUSHIN_PLUGIN_COLLECTIVES_H

#include "mushin/plugin.h"
#ifdef __cplusplus
extern "C" {
#endif

/* The extension's name and version, and the bytes of an id. */
#define MU_EXT_COLLECTIVES "mushin.collectives"
#define MU_EXT_COLLECTIVES_VERSION 1u
#define MU_UNIQUE_ID_BYTES 128

/* What the ranks of a communicator do together. It has no decomposition, so only devices with this extension are asked for it. in[0], out[0]:
 * of one element type, dense, row-major, and they share no memory. n: the number of ranks. */
#define MU_OP_COLLECTIVE 96
#define MU_COLLECTIVE_ALL_REDUCE 0     /* out: the ranks' in, reduced; equal bits in all ranks                    */
#define MU_COLLECTIVE_BROADCAST 1      /* out: the root's in                                                      */
#define MU_COLLECTIVE_ALL_GATHER 2     /* out (n, …): each rank's in (…)                                          */
#define MU_COLLECTIVE_REDUCE_SCATTER 3 /* out (…): of the ranks' in (n, …), reduced, what has the rank's index    */
/* `reduction`: MU_REDUCE_SUM, PROD, MAX or MIN, in any order of the ranks; 0 for the other kinds. Integers wrap; B: or, and, or, and; F16 and
 * BF16 may be rounded in between; of NaN and a number, MAX and MIN may give either. `root`: 0 but for BROADCAST. */
typedef struct mu_op_collective {
  mu_op h;
  uint32_t kind;
  uint32_t reduction;
  uint32_t root;
  uint32_t zero0;
  uint64_t communicator; /* join's number */
} mu_op_collective;

/* Thread-safe. */
typedef struct mu_collectives_table {
  uint32_t size, zero0;
  mu_code (*unique_id)(mu_device*, uint8_t* id, mu_error*) MU_NOEXCEPT;
  mu_code (*join)(mu_device*, const uint8_t* id, uint32_t rank, uint32_t n, uint64_t number, uint64_t timeout_ns, mu_error*) MU_NOEXCEPT;
  void (*leave)(mu_device*, uint64_t number) MU_NOEXCEPT;
  void (*abort)(mu_device*, uint64_t number) MU_NOEXCEPT;
} mu_collectives_table;

MU_STATIC_ASSERT(sizeof(mu_collectives_table) == 40, "mu_collectives_table");
#ifdef __cplusplus
}
#endif
#endif
