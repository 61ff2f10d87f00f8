// The sum of one item's points, spread over the eight lanes: what is quickest when there are too few items to fill
// lanes with them or to share an inversion.
#pragma once

#include "sm2/ifma/jacobian52.hpp"
#include "sm2/ifma/tables52.hpp"

namespace accel::sm2 {
namespace {

template <class V, size_t kPoints>
struct LaneSum52 {
  using F = Field52<V>;
  using Fe = typename F::Fe;
  using Formulas = Jacobian52<V>;
  using Mask = typename V::Mask;

  // Row r has points 8 r to 8 r + 7; the last one may be partial.
  static constexpr size_t kRows = (kPoints + 7) / 8;
  static constexpr size_t kLast = kPoints - 8 * (kRows - 1);
  static_assert(kRows >= 2);

  // The sum of all points of the rows, in every lane; z = 0 mod p if it is infinity or if an addition on the way met
  // equal or opposite points. The lanes of the last row beyond kLast hold any points.
  static JacobianVec<V> of(const Leaf52<V> (&rows)[kRows]) {
    const PointVec<V> first = rows[0].point();
    JacobianVec<V> sum = {first.x, F::add(first.y, first.y), F::one(), F::one()};
    for (size_t row = 1; row < kRows; ++row) {
      const JacobianVec<V> before = sum;
      // Every addition negates: every other row comes in negated.
      Leaf52<V> leaf = rows[row];
      if (row % 2 == 0) leaf.negative = static_cast<Mask>(~leaf.negative);
      PointVec<V> p = leaf.point();
      p.y = F::add(p.y, p.y);
      sum.y = F::reduce(F::sum(sum.y));  // add_and_negate takes less than it gives
      Formulas::add_and_negate(sum, p);
      if (row + 1 == kRows && kLast < 8) sum = keep_before(sum, before);
    }
    if (kRows % 2 == 0) sum.y = negated(sum.y);
    static constexpr uint64_t kHalf[8] = {4, 5, 6, 7, 0, 1, 2, 3}, kQuarter[8] = {2, 3, 0, 1, 6, 7, 4, 5},
                              kEighth[8] = {1, 0, 3, 2, 5, 4, 7, 6};
    for (const uint64_t* others : {kHalf, kQuarter, kEighth}) {
      const V indices = V::load(others);
      add(sum, {F::permute(indices, sum.x), F::permute(indices, sum.y), F::permute(indices, sum.z),
                F::permute(indices, sum.zz)});
    }
    return sum;
  }

 private:
  // 5 p - y for y < 4.5 p
  static Fe negated(const Fe& y) { return F::reduce(F::minus(F::zero_sum(), y)); }

  // In the lanes that have no point in the last row: the sum before, with the sign that the others have now.
  static JacobianVec<V> keep_before(const JacobianVec<V>& now, const JacobianVec<V>& before) {
    constexpr Mask kAdded = static_cast<Mask>((1 << kLast) - 1);
    return {F::select(kAdded, now.x, before.x), F::select(kAdded, now.y, negated(before.y)),
            F::select(kAdded, now.z, before.z), F::select(kAdded, now.zz, before.zz)};
  }

  // p = p + q (11M + 3S); z = 0 where p = q, p = -q or one of them is infinity. With U and S the coordinates brought to
  // the same z, H = U2 - U1, R = 2 S2 - 2 S1, I = 4 H^2, J = H I, V = U1 I: X = R^2 - J - 2 V, Z = 2 Z1 Z2 H,
  // 2 Y = 2 (R (V - X) - 2 S1 J).
  static void add(JacobianVec<V>& p, const JacobianVec<V>& q) {
    const Fe u1 = F::mul(p.x, q.zz), u2 = F::mul(q.x, p.zz);                                    // < 1.2 p
    const Fe s1 = F::mul(F::mul(p.y, q.z), q.zz), s2 = F::mul(F::mul(q.y, p.z), p.zz);          // < 1.4 p
    const Fe h = F::template sub<2>(u2, u1), r = F::template sub<2>(s2, s1);                    // < 3.4 p
    const Fe i = F::template tighten<0>(F::template times_power<2>(F::sqr_sum(h)));             // < 6.9 p
    const Fe j = F::mul(h, i), v = F::mul(u1, i);                                               // < 2.4 p
    p.z = F::mul(F::template tighten<0>(F::template times_power<1>(F::mul_sum(p.z, q.z))), h);  // < 2 p
    p.x = F::reduce(F::minus(F::minus(F::minus(F::sqr_sum(r), j), v), v));
    p.zz = F::sqr(p.z);
    typename F::Wide wide = F::wide(F::zero_sum());
    F::add_product(wide, r, F::template sub<2>(v, p.x));
    F::add_product(wide, F::template sub<2>(Fe(F::broadcast(U256{})), s1), j);
    p.y = F::template tighten<0>(F::template times_power<1>(F::divide_by_r(wide)));  // < 4.5 p
  }
};

}  // namespace
}  // namespace accel::sm2
