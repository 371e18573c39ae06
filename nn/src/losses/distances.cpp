#include "mushin/nn/losses/distances.hpp"

#include "losses/support.hpp"
#include "mushin/autograd/ops/statistics.hpp"

namespace mushin::nn::detail {
namespace {

/// Sums of products along the last axis.
template <class Raw>
Raw dots(const Raw& a, const Raw& b) {
  return sum(Raw(mul(a, b)), 1u << (a.rank() - 1), false);
}

template <class Raw>
Raw cosine_loss(const Raw& a, const Raw& b, const core::Array& target, double margin, Reduction how) {
  const core::Array near = core::equal(target, number(target, 1));
  check_elements("cosine_embedding", "a target must be 1 or -1", target, core::logical_or(near, core::equal(target, number(target, -1))));
  const auto square = [](const Raw& x) { return Raw(add(dots(x, x), number(x, 1e-12))); };
  const Raw cosine = div(dots(a, b), sqrt(Raw(mul(square(a), square(b)))));
  const Raw far = relu(Raw(sub(cosine, number(a, margin))));
  return reduce<Raw>("cosine_embedding", where(near, Raw(sub(number(a, 1), cosine)), far), how);
}

template <class Raw>
Raw triplet_loss(const Raw& anchor, const Raw& positive, const Raw& negative, const TripletOptions& o, Reduction how) {
  const auto distance = [&o](const Raw& x, const Raw& y) {
    return Raw(norm(Raw(add(sub(x, y), number(x, o.eps))), 1u << (x.rank() - 1), false));
  };
  const Raw near = distance(anchor, positive), to_anchor = distance(anchor, negative);
  const Raw far = o.swap ? Raw(minimum(to_anchor, distance(positive, negative))) : to_anchor;
  return reduce<Raw>("triplet", relu(Raw(add(sub(near, far), number(near, o.margin)))), how);
}

}  // namespace

core::Array cosine_embedding(const core::Array& a, const core::Array& b, const core::Array& y, double margin, Reduction how) {
  return cosine_loss(a, b, y, margin, how);
}
core::Traced cosine_embedding(const core::Traced& a, const core::Traced& b, const core::Array& y, double margin, Reduction how) {
  return cosine_loss(a, b, y, margin, how);
}
core::Array triplet(const core::Array& a, const core::Array& p, const core::Array& n, TripletOptions o, Reduction how) {
  return triplet_loss(a, p, n, o, how);
}
core::Traced triplet(const core::Traced& a, const core::Traced& p, const core::Traced& n, TripletOptions o, Reduction how) {
  return triplet_loss(a, p, n, o, how);
}

}  // namespace mushin::nn::detail
