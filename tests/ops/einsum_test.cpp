#include <sstream>

#include "check.hpp"

namespace mushin::test {
namespace {

using core::Array;
using core::Traced;

/// The definition: for each index of the result, the sum of products over all other letters.
Ref einsum(const rules::Subscripts& s, const std::vector<Ref>& in) {
  std::string letters(s.out.letter, s.out.rank);
  const std::size_t kept = letters.size();
  Index extents(kept, 0);
  for (std::size_t k = 0; k < in.size(); ++k)
    for (std::size_t i = 0; i < s.in[k].rank; ++i) {
      const std::size_t at = letters.find(s.in[k].letter[i]);
      if (at == std::string::npos)
        letters += s.in[k].letter[i], extents.push_back(in[k].shape[i]);
      else
        extents[at] = in[k].shape[i];
    }
  Ref out = full(Index(extents.begin(), extents.begin() + static_cast<std::ptrdiff_t>(kept)), 0);
  for_each_index(extents, [&](const Index& p) {
    double product = 1;
    for (std::size_t k = 0; k < in.size(); ++k) {
      Index q;
      for (std::size_t i = 0; i < s.in[k].rank; ++i) q.push_back(p[letters.find(s.in[k].letter[i])]);
      product *= in[k].at(q);
    }
    out.at(Index(p.begin(), p.begin() + static_cast<std::ptrdiff_t>(kept))) += product;
  });
  return out;
}

struct Case {
  const char* written;
  rules::Subscripts subscripts;
  std::vector<Index> shapes;
};
#define MUSHIN_CASE(written, ...) \
  Case { written, rules::subscripts(text(written)), __VA_ARGS__ }
const std::vector<Case> cases = {
    MUSHIN_CASE("ij->ji", {{2, 3}}),
    MUSHIN_CASE("ij->", {{2, 3}}),
    MUSHIN_CASE("ij->j", {{2, 3}}),
    MUSHIN_CASE("->", {{}}),
    MUSHIN_CASE("ii", {{3, 3}}),
    MUSHIN_CASE("ii->i", {{3, 3}}),
    MUSHIN_CASE("jiji->ij", {{2, 3, 2, 3}}),
    MUSHIN_CASE("iii->i", {{3, 3, 3}}),
    MUSHIN_CASE("ba", {{2, 3}}),
    MUSHIN_CASE("i,i", {{5}, {5}}),
    MUSHIN_CASE("i,j", {{2}, {3}}),
    MUSHIN_CASE("i,j->ji", {{2}, {3}}),
    MUSHIN_CASE("ij,jk", {{2, 3}, {3, 4}}),
    MUSHIN_CASE("ij,jk->ki", {{2, 3}, {3, 4}}),
    MUSHIN_CASE("ij , kj -> ik", {{2, 3}, {4, 3}}),
    MUSHIN_CASE("ij,j", {{2, 3}, {3}}),
    MUSHIN_CASE("j,ij->i", {{3}, {2, 3}}),
    MUSHIN_CASE("bij,bjk->bik", {{2, 3, 4}, {2, 4, 5}}),
    MUSHIN_CASE("bhqd,bhkd->bhqk", {{2, 2, 3, 4}, {2, 2, 5, 4}}),
    MUSHIN_CASE("ibj,kjb->bki", {{2, 3, 4}, {5, 4, 3}}),
    MUSHIN_CASE("ij,ij->ij", {{2, 3}, {2, 3}}),
    MUSHIN_CASE("ij,ij->", {{2, 3}, {2, 3}}),
    MUSHIN_CASE("bi,bi->b", {{2, 3}, {2, 3}}),
    MUSHIN_CASE("ij,ji->ij", {{2, 3}, {3, 2}}),
    MUSHIN_CASE("ij,j->ij", {{2, 3}, {3}}),
    MUSHIN_CASE("abcd,cdef->abef", {{2, 1, 3, 2}, {3, 2, 2, 2}}),
    MUSHIN_CASE("abc,cde->eda", {{2, 3, 2}, {2, 2, 3}}),
    MUSHIN_CASE("ii,ij->j", {{3, 3}, {3, 2}}),
    MUSHIN_CASE("i,j,k->kij", {{2}, {3}, {4}}),
    MUSHIN_CASE("ij,jk,kl->il", {{2, 3}, {3, 4}, {4, 2}}),
    MUSHIN_CASE("ij,jk,ki", {{2, 3}, {3, 4}, {4, 2}}),
    MUSHIN_CASE("bn,anm,bm->ba", {{2, 3}, {4, 3, 2}, {2, 2}}),
    MUSHIN_CASE("ij,kl->", {{2, 3}, {4, 2}}),
    MUSHIN_CASE("abcdefgh,hgfedcba->", {{2, 1, 2, 1, 2, 1, 2, 3}, {3, 2, 1, 2, 1, 2, 1, 2}}),
    MUSHIN_CASE("abcdefgx,xabcdefg->abcdefg", {{2, 1, 2, 1, 2, 1, 2, 3}, {3, 2, 1, 2, 1, 2, 1, 2}}),
    MUSHIN_CASE("abcdefgx,abcdefxy->abcdefgy", {{2, 1, 2, 1, 2, 1, 2, 3}, {2, 1, 2, 1, 2, 1, 3, 2}}),
    MUSHIN_CASE("ij,jk->ik", {{2, 0}, {0, 3}}),
    MUSHIN_CASE("ij,jk->ik", {{0, 2}, {2, 3}}),
};
#undef MUSHIN_CASE

std::vector<Ref> operands(const Case& c, bool whole) {
  std::vector<Ref> out;
  for (std::size_t k = 0; k < c.shapes.size(); ++k)
    out.push_back(whole ? random_integers(c.shapes[k], 170 + k, 9) : random(c.shapes[k], 170 + k));
  return out;
}

TEST(Einsum, EqualsTheOracle) {
  on_every_device([&] {
    for (dtype type : {dtype::f32, dtype::f64, dtype::i64, dtype::i32})
      for (const Case& c : cases) {
        const std::vector<Ref> in = operands(c, !is_float(type));
        std::vector<Array> arrays;
        for (const Ref& r : in) arrays.push_back(array(r, type));
        EXPECT_EQ(core::einsum(arrays.data(), c.subscripts).type(), type) << c.written;
        EXPECT_TRUE(close(core::einsum(arrays.data(), c.subscripts), einsum(c.subscripts, in), tolerance(type, 8), tolerance(type, 8)))
            << name_of(type) << " " << c.written;
      }
  });
}

TEST(Einsum, OfViewsLiteralsAndPendingValues) {
  const Ref a = random({3, 2}, 180), b = random({3, 4}, 181);
  const rules::Subscripts s = rules::subscripts(text("ij,jk->ik"));
  on_every_device([&] {
    const Array parts[] = {core::transpose(array(a, dtype::f64)), core::neg(array(b, dtype::f64))};
    EXPECT_TRUE(close(core::einsum(parts, s), einsum(s, {permute(a, {1, 0}), map(b, std::negate<>())}), 1e-14, 1e-14));
    const Array ones[] = {parts[0], core::full({3, 5}, dtype::f64, 1)};
    EXPECT_TRUE(close(core::einsum(ones, s), einsum(s, {permute(a, {1, 0}), full({3, 5}, 1)}), 1e-14, 1e-14));
  });
}

TEST(Einsum, Gradients) {
  for (const Case& c : cases) {
    SCOPED_TRACE(c.written);
    const std::vector<Ref> in = operands(c, false);
    std::int64_t elements = 1;
    for (const Ref& r : in) elements *= count(r.shape);
    if (elements == 0 || elements > 700) continue;
    check_gradients([&](const std::vector<Traced>& x) { return core::einsum(x.data(), c.subscripts); }, in);
  }
  check_gradients(
      [](const std::vector<Traced>& x) {
        const Traced twice[] = {x[0], x[0]};
        return core::einsum(twice, rules::subscripts(text("ij,jk->ik")));
      },
      {random({3, 3}, 182)});
}

TEST(Einsum, RefusesSizesThatDiffer) {
  const Array a = array(full({2, 3}, 1), dtype::f32), b = array(full({4, 2}, 1), dtype::f32);
  const Array pair[] = {a, b};
  EXPECT_TRUE(throws<ShapeError>([&] { core::einsum(pair, rules::subscripts(text("ij,jk->ik"))); },
                                 "[einsum] letter j names axes of sizes 3 and 4"));
  EXPECT_TRUE(throws<ShapeError>([&] { core::einsum(pair, rules::subscripts(text("ii,jk->ik"))); },
                                 "[einsum] letter i names axes of sizes 2 and 3"));
  EXPECT_TRUE(throws<ShapeError>([&] { core::einsum(pair, rules::subscripts(text("ijk,jk->ik"))); },
                                 "[einsum] the term ijk does not name the axes of (2, 3)"));
  const Array wide = core::full({1, 1, 1, 1, 1}, dtype::f32, 1), two[] = {wide, wide};
  EXPECT_TRUE(throws<ShapeError>([&] { core::einsum(two, rules::subscripts(text("abcde,fghij->ag"))); },
                                 "[einsum] a value in between would have") == false)
      << "letters nobody wants are summed first";
  const Array three[] = {wide, wide, wide};
  EXPECT_TRUE(throws<ShapeError>([&] { core::einsum(three, rules::subscripts(text("abcde,fghij,abcfg->dehi"))); },
                                 "[einsum] a value in between would have 9 axes; there are at most 8"));
}

inline constexpr Dim<"batch"> batch;

TEST(Einsum, TypedFacade) {
  const auto a = from<2, 2>(std::vector<float>{1, 2, 3, 4});
  const auto w = variable(from<2, 3>(std::vector<float>{1, 0, 2, 0, 1, 1}));
  EXPECT_TRUE(equal(einsum<"ij,jk->ik">(a, w), ref(matmul(a, w))));
  EXPECT_TRUE(equal(grad(einsum<"ij,jk->">(a, w), w), Ref{{2, 3}, {4, 4, 4, 6, 6, 6}}));
  EXPECT_TRUE(equal(einsum<"ii">(a), Ref{{}, {5}}));
  const auto x = zeros<batch, 3, 4>(batch = 2);
  const auto y = zeros<batch, 4, 5>(batch = 3);
  static_assert(std::same_as<decltype(einsum<"bij,bjk->bik">(x, y)), Tensor<float, batch, 3, 5>>);
  static_assert(std::same_as<decltype(einsum<"bij,bjk">(x, y)), Tensor<float, 3, 5>>);
  EXPECT_TRUE(throws<ShapeError>([&] { (einsum<"bij,bjk->bik">(x, y)); }, "[einsum] letter b names axes of sizes 2 and 3"));
}

/// The nodes of an op in the graph of `z`.
template <class Z>
int nodes(const Z& z, const std::string& op) {
  std::ostringstream out;
  to_dot(z, out);
  int found = 0;
  for (std::size_t at = out.str().find("label=\"" + op); at != std::string::npos; at = out.str().find("label=\"" + op, at + 1)) ++found;
  return found;
}

TEST(Einsum, IsOneBatchedProductWhereItCanBe) {
  const auto check = [](const auto& z, int matmul, int mul, int sum) {
    EXPECT_EQ(nodes(z, "matmul"), matmul);
    EXPECT_EQ(nodes(z, "mul"), mul);
    EXPECT_EQ(nodes(z, "sum"), sum);
  };
  const auto a = variable(ones<2, 3, 4>());
  const auto b = variable(ones<2, 4, 5>());
  const auto m = variable(ones<3, 4>());
  const auto n = variable(ones<5, 4>());
  check(einsum<"bij,bjk->bik">(a, b), 1, 0, 0);
  check(einsum<"bij,bjk->kbi">(a, b), 1, 0, 0);
  check(einsum<"bij,bjk->ik">(a, b), 1, 0, 0);
  check(einsum<"bij,kj->bik">(a, n), 1, 0, 0);
  check(einsum<"ij,kj,bjl->ikbl">(m, n, b), 1, 1, 0);
  check(einsum<"ij,ij->ij">(m, m), 0, 1, 0);
  check(einsum<"ij,ij->">(m, m), 0, 1, 1);
  check(einsum<"ij->j">(m), 0, 0, 1);
  check(einsum<"ij->ji">(m), 0, 0, 0);
}

TEST(Outer, IsTheProductOfEachPair) {
  const auto a = from<2>(std::vector<double>{2, 3});
  const auto w = variable(from<3>(std::vector<double>{1, 4, 5}));
  EXPECT_TRUE(equal(outer(a, w), Ref{{2, 3}, {2, 8, 10, 3, 12, 15}}));
  EXPECT_TRUE(equal(grad(outer(a, w), w), full({3}, 5)));
  EXPECT_TRUE(equal(outer(w, w), ref(einsum<"i,j">(w, w))));
}

}  // namespace
}  // namespace mushin::test
