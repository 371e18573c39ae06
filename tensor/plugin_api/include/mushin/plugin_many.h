/* SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * The extension "mushin.many", version 1: one plan run on many sets of views in one call, where a launch costs more than what a small run
 * computes. What mu_plugin.extension answers to MU_EXT_MANY with a minimum of 1. It is asked once, when the plugin is loaded, and may
 * answer NULL: the host then calls plan_run for each set.
 *
 * Law
 *   1. run(plan, …, n, …) computes what n plan_runs of the plan compute, one for each set, to the bit: every rule of plan_run holds for each
 *      set. The plan is one for MU_OP_POINTWISE, with all views strided. Sets may differ in whatever the plan's runs may differ in: dims, where
 *      it has not baked them in, alignment, what is one value.
 *   2. No set writes an element that another one reads or writes, though elements of one may lie among another's: they may be computed in any
 *      order, or at once. The workspace is that of one run, and scratch: who uses it keeps the sets apart.
 *   3. To events, other streams and failures it is one piece of work, that uses all memory of its sets. MU_OUT_OF_MEMORY: nothing was done, of
 *      no set, and it may be tried again. After any other failure any of the sets may have been computed.
 *   4. Between capture_begin and capture_end of "mushin.graph" it counts as n runs, set by set: they have n numbers, and an update of one of
 *      them replaces the views of one set. It returns MU_UNSUPPORTED for a plan without MU_PLAN_CAPTURE_SAFE. */
#ifndef MUSHIN_PLUGIN_MANY_H
#define MUSHIN_PLUGIN_MANY_H

#include "mushin/plugin.h"
#ifdef __cplusplus
extern "C" {
#endif

/* The extension's name and version. */
#define MU_EXT_MANY "mushin.many"
#define MU_EXT_MANY_VERSION 1u

/* n is at least 1, without a bound. `views`: n_in inputs and n_out outputs of the first set, then those of the second …, borrowed for the call.
 * Stream NULL: the device's default stream. */
typedef struct mu_many_table {
  uint32_t size, zero0;
  mu_code (*run)(mu_plan*, mu_stream*, uint32_t n, uint32_t n_in, uint32_t n_out, const mu_tensor* views, mu_buffer* workspace,
                 uint64_t workspace_offset, mu_error*) MU_NOEXCEPT;
} mu_many_table;

MU_STATIC_ASSERT(sizeof(mu_many_table) == 16, "mu_many_table");
#ifdef __cplusplus
}
#endif
#endif
