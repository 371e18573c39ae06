#pragma once
#include "common.hpp"

namespace mushin::builtin {

/// The kinds BATCH and BATCH_BACKWARD of plan_normalize.
PlanPtr plan_batch_norm(const mu_op_normalize&, const Views&);

}  // namespace mushin::builtin
