#pragma once
#include "mushin/autograd/core/traced.hpp"

namespace mushin::core {

/// What the rule of a Function sees. Operands are numbered as they were recorded.
struct FunctionPull {
  const Traced& cotangent;    ///< of the result, and of its shape
  GraphHead* result;          ///< the node that is pulled
  GraphHead* const* operand;  ///< null: a constant
  const Sizes* sizes;         ///< of each operand that record_function was given
  const bool* wanted;         ///< whether operand i's gradient is asked for
  Traced* gradient;           ///< to be filled wherever `wanted`; left empty: zeros
  bool linked;                ///< the gradients are to be differentiable: values are linked to the nodes that made them
};

/// `value` with the memory of how it was made.
inline Traced linked_to(const Array& value, GraphHead* maker) {
  if (maker) add_ref(maker);
  return maker ? Traced(Array(value), maker) : Traced(value);
}

/// A gradient rule that is an object, with what it saved: mu::apply and mu::checkpoint record such ones. `pull` may be called
/// by several threads at once; the object goes when the graph is freed.
class MUSHIN_API Function {
 public:
  Function() = default;
  Function(const Function&) = delete;
  Function& operator=(const Function&) = delete;
  virtual ~Function();
  virtual void pull(const FunctionPull&) = 0;
  /// Bytes of the values it saved.
  virtual std::int64_t saved_bytes() const noexcept = 0;
};

/// `value` as made from the operands by `owned`, which is taken over, also by an error; a constant while this thread records
/// nothing or where no operand is traced. `name` lives as long as the process. Gradients are checked against the
/// operands' shapes when they are given: ShapeError.
MUSHIN_API Traced record_function(const char* name, Array value, const Traced* operands, unsigned count, Function* owned);
/// Throws GraphError `[name] rule`.
[[noreturn]] MUSHIN_API void fail_graph(const char* name, const char* rule);

}  // namespace mushin::core
