#include "mushin/tensor/shape_rules/einsum.hpp"

using namespace mushin;
namespace rules = mushin::rules;
using Fault = rules::SubscriptFault;
inline constexpr Dim<"batch"> batch;

template <std::size_t N>
constexpr Fault fault(const char (&written)[N]) {
  return rules::subscripts(text(written)).fault;
}
static_assert(fault("ij,jk->ik") == Fault::none && fault(" i j , j k -> i k ") == Fault::none && fault("") == Fault::none &&
              fault("->") == Fault::none);
static_assert(fault("i1,jk") == Fault::character && fault("i...j->ij") == Fault::character && fault("ij-jk") == Fault::character);
static_assert(fault("ij->ik->j") == Fault::character && fault("ij->i,j") == Fault::character && fault("ij>ij") == Fault::character);
static_assert(fault("ij->ii") == Fault::repeated && fault("ij->ik") == Fault::unknown && fault("->i") == Fault::unknown);
static_assert(fault("abcdefghi") == Fault::length && fault("a,b,c,d,e,f,g,h,i") == Fault::length && fault("abcde,fghij") == Fault::length);

constexpr rules::Subscripts implied = rules::subscripts(text("ba,aC"));
static_assert(implied.count == 2 && implied.out.rank == 2 && implied.out.letter[0] == 'C' && implied.out.letter[1] == 'b');
static_assert(implied.in[0].rank == 2 && implied.in[1].letter[1] == 'C');
static_assert(rules::subscripts(text("ii")).out.rank == 0 && rules::subscripts(text("i,,i")).count == 3);

constexpr Shape two[] = {Shape{batch, 3, dyn}, Shape{batch, 4, 5}};
constexpr rules::Subscripts product = rules::subscripts(text("bij,bjk->bik"));
static_assert(rules::einsum(product, two) == Shape{batch, 3, 5} && rules::letter_clash(product, two).letter == 0);
static_assert(rules::einsum(rules::subscripts(text("bij,bjk->j")), two) == Shape{4});
static_assert(rules::term_of_other_rank(product, two) == 2 && rules::term_of_other_rank(rules::subscripts(text("bij,jk->i")), two) == 1);

constexpr Shape clashing[] = {Shape{batch, 3}, Shape{4, 3}};
static_assert(rules::letter_clash(rules::subscripts(text("ij,ij")), clashing).letter == 'i');
static_assert(rules::letter_clash(rules::subscripts(text("ij,kj")), clashing).letter == 0);
static_assert(rules::letter_clash(rules::subscripts(text("ij,kk")), clashing).letter == 'k');
