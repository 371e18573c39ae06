// Matrix products that wait: where a pointwise expression is all that reads one, both are one plan (bias, activation, residual).
#pragma once
#include "core/node.hpp"
#include "core/program.hpp"

namespace mushin::core {

/// What the sums of a product are made in. Small integers wrap in 32 bits, and then to their own.
inline dtype product_type(dtype t) { return is_half(t) ? dtype::f32 : t == dtype::i8 || t == dtype::u8 ? dtype::i32 : t; }

/// The product of two operands with memory whose sizes fit, to be computed when its value is needed, or now.
Array new_product(Node* a, Node* b, Device*, const Sizes&, std::int64_t count);

/// Computes a product, or waits for the thread that does. `locked`: the caller holds the evaluation lock.
void force_product(Node*, bool locked = false);
/// All products among a program's inputs. Under the evaluation lock.
void force_products(const Program&);

/// Computes the pending node `root`, which `program` ends with, as a product's epilogue. False: nothing is done, because other
/// values need the product as well, or because the device refuses. Under the evaluation lock.
bool run_as_epilogue(Program& program, Node* root);
/// How often it did.
MUSHIN_API std::size_t epilogue_count();

}  // namespace mushin::core
