/* SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * The extension "mushin.graph", version 1: runs are captured once and launched together again and again. What mu_plugin.extension answers to
 * MU_EXT_GRAPH with a minimum of 1. It is asked once, when the plugin is loaded, and may answer NULL.
 *
 * Law
 *   1. From capture_begin to capture_end plan_run on that stream is taken down and not done: the plan, the views and the workspace, as they are
 *      given. Runs keep their numbers: 0, 1, 2 … It returns MU_UNSUPPORTED for a plan without MU_PLAN_CAPTURE_SAFE.
 *   2. Meanwhile the thread that captures calls nothing else of the device (it would get MU_INVALID), and no other thread uses that stream. On
 *      other streams other threads may do anything. One capture at a time on a stream.
 *   3. A launch does all runs as if in their order, behind what was given to the stream before, and once each; runs that share no memory which
 *      either writes may be done in any order, or at once (the workspace is shared, and scratch: the plugin keeps such runs apart). To events,
 *      other streams and failures it is one piece of work, that uses all memory of its runs. It neither allocates device memory nor waits.
 *      MU_OUT_OF_MEMORY: nothing was done, and it may be tried again.
 *   4. update replaces views of runs: buffers, byte offsets and bytes may be others, all else must be as captured (else MU_INVALID). It is for
 *      launches from then on, not for those that are queued. All or nothing. MU_UNSUPPORTED: the host captures anew.
 *   5. The host keeps plans and buffers alive as long as a graph may be launched, and buffers until launches that use them are done. After that a
 *      graph may refer to buffers that are freed, as long as it isn't launched before an update. destroy lets queued launches end.
 *   6. All functions are thread-safe but for one graph or one stream, which two threads never use at once.
 */
#ifndef MUSHIN_PLUGIN_GRAPH_H
#define MUSHIN_PLUGIN_GRAPH_H

#include "mushin/plugin.h"
#ifdef __cplusplus
extern "C" {
#endif

/* The extension's name and version, and a captured graph, owned by the plugin. */
#define MU_EXT_GRAPH "mushin.graph"
#define MU_EXT_GRAPH_VERSION 1u
typedef struct mu_graph mu_graph;

/* Other views for the run of that number. Borrowed for the call. */
typedef struct mu_graph_run {
  uint32_t size;
  uint32_t number;
  uint32_t n_in, n_out;
  const mu_tensor* in;
  const mu_tensor* out;
} mu_graph_run;

/* `update` may be NULL. Stream NULL: the device's default stream. */
typedef struct mu_graph_table {
  uint32_t size, zero0;
  mu_code (*capture_begin)(mu_device*, mu_stream*, mu_error*) MU_NOEXCEPT;
  /* The capture is over, whatever it returns; with MU_OK there is a graph, ready to launch. */
  mu_code (*capture_end)(mu_device*, mu_stream*, mu_graph**, mu_error*) MU_NOEXCEPT;
  mu_code (*launch)(mu_graph*, mu_stream*, mu_error*) MU_NOEXCEPT;
  mu_code (*update)(mu_graph*, uint32_t n, const mu_graph_run*, mu_error*) MU_NOEXCEPT;
  void (*destroy)(mu_graph*) MU_NOEXCEPT;
} mu_graph_table;

MU_STATIC_ASSERT(sizeof(mu_graph_run) == 32, "mu_graph_run");
MU_STATIC_ASSERT(sizeof(mu_graph_table) == 48, "mu_graph_table");
#ifdef __cplusplus
}
#endif
#endif
