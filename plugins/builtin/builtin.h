/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#ifndef MUSHIN_BUILTIN_H
#define MUSHIN_BUILTIN_H

#include "mushin/plugin.h"

#ifdef __cplusplus
extern "C" {
#endif

/* The entry of the backend that is linked in: a `mu_entry_fn` under a name of its own. Never NULL. The first call decides: its host is the
 * one that all plans use, and its key ISA (MUSHIN_BUILTIN_ISA=baseline|v3|v4) may lower the instruction set. */
const mu_plugin* mushin_builtin_entry(const mu_host* host, mu_error* error) MU_NOEXCEPT;

#ifdef __cplusplus
}
#endif
#endif
