// The communicators of threads.
#pragma once
#include "common.hpp"
#include "mushin/plugin_collectives.h"

namespace mushin::builtin {
PlanPtr plan_collective(const mu_op_collective&, const Views&);
extern const mu_collectives_table collectives;
}  // namespace mushin::builtin
