// expect: [eigh] needs a square matrix
// note-gcc: "(rows, columns)"
#include "mushin/tensor.hpp"

namespace mu = mushin;
inline constexpr mu::Dim<"rows"> rows;
inline constexpr mu::Dim<"columns"> columns;

void program() {
  const auto a = mu::ones<rows, columns>(rows = 3, columns = 3);
#ifdef FIXED
  (void)mu::eigh(a.refine<rows, rows>());
#else
  (void)mu::eigh(a);
#endif
}
