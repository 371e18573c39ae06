#pragma once
// Every loss.
#include "mushin/nn/losses/classes.hpp"
#include "mushin/nn/losses/ctc.hpp"
#include "mushin/nn/losses/distances.hpp"
#include "mushin/nn/losses/elements.hpp"
#include "mushin/nn/losses/mapped.hpp"

#undef MUSHIN_NN_RULE_PAIR
