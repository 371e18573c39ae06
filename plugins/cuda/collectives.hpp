// Communicators by NCCL, opened at the first use.
#pragma once
#include "mushin/plugin_collectives.h"
#include "plan.hpp"

namespace mushin::cuda {
PlanPtr make_collective(const Request&);
extern const mu_collectives_table collectives_table;
}  // namespace mushin::cuda
