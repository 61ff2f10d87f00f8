// Sums of multiples, sum k_i P_i, for public scalars and points: N. Pippenger's buckets with affine additions in eight
// lanes.
//
// Scalars are cut into windows of c bits with signed digits (A. D. Booth's recoding, -2^(c-1) <= d <= 2^(c-1)). In each
// window the points with |d| = j are summed into bucket j. Then sum j B_j is wanted. With j = 2^m h + l it is
//   2^m sum h (sum of row h) + sum l (sum of column l),
// and each of the two smaller sums is cut into its bits: sum of 2^b (sum of all rows h that have bit b). Every one of
// these is a list of points to be added up, without a chain of additions that wait for each other. The windows' bits
// come together by a Horner scheme of 256 doublings.
//
// Everything is exact for all points and scalars: equal and opposite points, zero scalars, sums that are infinity.
// Variable time.
#pragma once

#include "sm2/ifma/runs52.hpp"

namespace accel::sm2 {
namespace {

// ScaledPoints of points first, first + 1, ... of the pool. `bits`: all scalars are below 2^bits; at most 256.
struct ScaledPoints {
  size_t first;
  const U256* scalars;
  size_t count;
  int bits;
};

// F: the field of one lane in which the windows are brought together.
template <class V, class F>
class Msm52 {
 public:
  static constexpr int kMinWidth = 4, kMaxWidth = 11;
  static constexpr size_t kPads = 2;  // the caller's points begin here

  // Scratch for sums of at most max_points multiples.
  struct Space {
    Affine260* pool;  // the caller writes points kPads .. kPads + max_points - 1: on the curve, coordinates below p
    size_t max_points;
    uint16_t* digits;  // of the windows in work
    PointRef *refs, *spare;
    uint32_t* ends;
    typename RunSums52<V>::Scratch* sums;
  };

  static size_t bytes(size_t max_points) {
    Space space;
    return lay_out(&space, 0, max_points);
  }
  // memory: bytes(max_points), aligned to 64.
  static Space make_space(void* memory, size_t max_points) {
    Space space;
    lay_out(&space, reinterpret_cast<uintptr_t>(memory), max_points);
    for (size_t i = 0; i < kPads; ++i) space.pool[i] = RunSums52<V>::kPad[i];
    return space;
  }

  // The sum of all multiples of `terms`, which have no point in common, as a point of F.
  static Jacobian sum_var(const Space& space, const ScaledPoints* terms, size_t term_count) {
    size_t points = 0;
    for (size_t i = 0; i < term_count; ++i) points += terms[i].count;
    return Msm52(space, terms, term_count, width_for(points)).run();
  }
  static Jacobian sum_var(const Space& space, const ScaledPoints* terms, size_t term_count, int width) {
    return Msm52(space, terms, term_count, width).run();
  }

  // The width with the fewest additions: a point costs one for each window of it, a bucket two.
  static int width_for(size_t points) {
    int best = kMinWidth;
    for (int width = kMinWidth + 1; width <= kMaxWidth; ++width) {
      if (cost(points, width) < cost(points, best)) best = width;
    }
    return best;
  }

 private:
  // Buckets worked on together, which share the inversions of their weighting.
  static constexpr size_t kBuckets = 2048;
  static_assert(kBuckets >= size_t{1} << (kMaxWidth - 1));
  // Windows times lines (rows and columns), and windows times bits, of every width.
  static constexpr size_t kMaxLines = 2048, kMaxBits = 512;

  const Space& space_;
  const ScaledPoints* terms_;
  const size_t term_count_;
  const int width_;
  const size_t half_;            // buckets of a window: 1 .. half_
  const int column_bits_;        // m
  const size_t columns_, rows_;  // of which column and row 0 have no weight
  const size_t lines_, bits_;    // with weight, of a window
  size_t windows_ = 0;
  size_t buckets_at_, lines_at_, bits_at_, sums_at_;  // in the pool

  static size_t windows_for(int bits, int width) { return static_cast<size_t>(bits / width) + 1; }
  static size_t cost(size_t points, int width) {
    const size_t windows = windows_for(256, width);
    // Half of the points are taken to have scalars of half the length, as in checks of signatures.
    return (points / 2 * windows + points / 2 * windows_for(128, width)) + (windows << width);
  }

  // Places for the pool: the caller's points, buckets, lines, bits, sums.
  static constexpr size_t buckets_at(size_t max_points) { return kPads + max_points; }
  static constexpr size_t lines_at(size_t max_points) { return buckets_at(max_points) + kBuckets; }
  static constexpr size_t bits_at(size_t max_points) { return lines_at(max_points) + kMaxLines; }
  static constexpr size_t sums_at(size_t max_points) { return bits_at(max_points) + kMaxBits; }
  // Longest list of references: a window's points, the buckets in rows and columns, or the lines in bits.
  static constexpr size_t max_refs(size_t max_points) { return max_points > 2 * kBuckets ? max_points : 2 * kBuckets; }

  // Addresses are integers here: with 0 for the memory, only its size is asked for.
  template <class T>
  static size_t place(T** out, uintptr_t memory, size_t used, size_t count) {
    *out = reinterpret_cast<T*>(memory + used);
    return used + (count * sizeof(T) + 63) / 64 * 64;
  }
  static size_t lay_out(Space* space, uintptr_t memory, size_t max_points) {
    space->max_points = max_points;
    const size_t refs = max_refs(max_points) + PointLists::kSlack;
    size_t used = place(&space->pool, memory, 0, sums_at(max_points) + refs + 8);
    used = place(&space->digits, memory, used, refs);
    used = place(&space->refs, memory, used, refs);
    used = place(&space->spare, memory, used, refs);
    used = place(&space->ends, memory, used, kBuckets + 2);
    return place(&space->sums, memory, used, 1);
  }

  Msm52(const Space& space, const ScaledPoints* terms, size_t term_count, int width)
      : space_(space),
        terms_(terms),
        term_count_(term_count),
        width_(width),
        half_(size_t{1} << (width - 1)),
        column_bits_(width / 2),
        columns_(size_t{1} << column_bits_),
        rows_((half_ >> column_bits_) + 1),
        lines_(rows_ - 1 + columns_ - 1),
        bits_(static_cast<size_t>(width)),
        buckets_at_(buckets_at(space.max_points)),
        lines_at_(lines_at(space.max_points)),
        bits_at_(bits_at(space.max_points)),
        sums_at_(sums_at(space.max_points)) {
    for (size_t i = 0; i < term_count; ++i) {
      const size_t windows = windows_for(terms[i].bits, width);
      windows_ = windows > windows_ ? windows : windows_;
    }
  }

  Jacobian run() {
    const size_t at_once = kBuckets / half_;
    for (size_t begin = 0; begin < windows_; begin += at_once) {
      const size_t end = windows_ - begin < at_once ? windows_ : begin + at_once;
      for (size_t window = begin; window < end;) {
        const size_t points = points_of(window), fitting = max_refs(space_.max_points) / (points + (points == 0));
        const size_t count = end - window < fitting ? end - window : fitting;
        fill_buckets(window, count, buckets_at_ + (window - begin) * half_);
        window += count;
      }
      add_lines(begin, end);
    }
    add_bits();
    return bring_together();
  }

  // Points with digits in a window.
  size_t points_of(size_t window) const {
    size_t points = 0;
    for (size_t t = 0; t < term_count_; ++t) points += reaches(t, window) ? terms_[t].count : 0;
    return points;
  }
  bool reaches(size_t term, size_t window) const { return window < windows_for(terms_[term].bits, width_); }

  // The sums of the points that have digit j or -j, j = 1 .. half_, in each of `count` windows, to the pool.
  void fill_buckets(size_t first, size_t count, size_t out) {
    uint32_t* const ends = space_.ends;  // of a list: at first the number of its points, then its begin, then its end
    const size_t lists = count * half_;  // and one for points without a digit, which is left out
    std::memset(ends, 0, (lists + 1) * sizeof(uint32_t));
    uint16_t* digits = space_.digits;
    for (size_t k = 0; k < count; ++k) {
      for (size_t t = 0; t < term_count_; ++t) {
        if (reaches(t, first + k)) digits = recode(digits, t, first + k, k * half_, lists);
      }
    }
    uint32_t begin = 0;
    for (size_t i = 0; i <= lists; ++i) {
      const uint32_t length = ends[i];
      ends[i] = begin;
      begin += length;
    }
    const uint16_t* digit = space_.digits;
    for (size_t k = 0; k < count; ++k) {
      for (size_t t = 0; t < term_count_; ++t) {
        if (!reaches(t, first + k)) continue;
        PointRef point = static_cast<PointRef>(2 * terms_[t].first);
        for (size_t i = 0; i < terms_[t].count; ++i, ++digit, point += 2) {
          space_.refs[ends[*digit >> 1]++] = point | (*digit & 1);
        }
      }
    }
    add_up(ends, lists, out);
  }

  // A term's digits in a window, as twice the number of their list plus their sign; counts the lists' points.
  uint16_t* recode(uint16_t* digits, size_t term, size_t window, size_t first_list, size_t no_list) const {
    // d = (v + 1) / 2 for the window's c bits and the bit below them as a number v in two's complement.
    const size_t bit = window * static_cast<size_t>(width_), limb = (bit - 1) / 64, shift = (bit - 1) % 64;
    const U256* scalars = terms_[term].scalars;
    for (size_t i = 0; i < terms_[term].count; ++i, ++digits) {
      uint64_t v = scalars[i].v[0] << 1;
      if (window > 0) {
        v = limb < 4 ? scalars[i].v[limb] >> shift : 0;
        if (limb < 3) v |= scalars[i].v[limb + 1] << 1 << (63 - shift);
      }
      const uint64_t sign = v >> width_ & 1;
      const uint64_t magnitude = (((v ^ (0 - sign)) & ((uint64_t{2} << width_) - 1)) + 1) >> 1;
      const uint64_t list = magnitude == 0 ? no_list : first_list + magnitude - 1;
      ++space_.ends[list];
      *digits = static_cast<uint16_t>(list << 1 | sign);
    }
    return digits;
  }

  // The lists of space_.refs, to the pool.
  void add_up(uint32_t* ends, size_t count, size_t out) {
    PointLists lists = {space_.refs, space_.spare, ends, count};
    RunSums52<V> sums(space_.pool, sums_at_, space_.sums);
    sums.add_up(lists);
    sums.write_sums(lists, space_.pool + out);
  }

  // Appends a point of the pool to the lists being made, unless it is infinity.
  ACCEL_INLINE void append(uint32_t& used, size_t index) {
    space_.refs[used] = static_cast<PointRef>(2 * index);
    used += is_infinity_var(space_.pool[index]) ? 0 : 1;
  }

  // Rows 1, 2, ... and columns 1, 2, ... of each window's buckets.
  void add_lines(size_t begin, size_t end) {
    uint32_t used = 0;
    uint32_t* list = space_.ends;
    for (size_t window = begin; window < end; ++window) {
      const size_t bucket_0 = buckets_at_ + (window - begin) * half_ - 1;
      for (size_t row = 1; row < rows_; ++row) {
        for (size_t j = row << column_bits_; j < (row + 1) << column_bits_ && j <= half_; ++j)
          append(used, bucket_0 + j);
        *list++ = used;
      }
      for (size_t column = 1; column < columns_; ++column) {
        for (size_t j = column; j <= half_; j += columns_) append(used, bucket_0 + j);
        *list++ = used;
      }
    }
    add_up(space_.ends, (end - begin) * lines_, lines_at_ + begin * lines_);
  }

  // Bit b of a window's sum: of columns for b < m, of rows for the rest.
  void add_bits() {
    uint32_t used = 0;
    uint32_t* list = space_.ends;
    for (size_t window = 0; window < windows_; ++window) {
      const size_t row_0 = lines_at_ + window * lines_ - 1, column_0 = row_0 + rows_ - 1;
      for (int bit = 0; bit < width_; ++bit) {
        const bool in_columns = bit < column_bits_;
        const size_t origin = in_columns ? column_0 : row_0, count = in_columns ? columns_ : rows_;
        const size_t weight = size_t{1} << (in_columns ? bit : bit - column_bits_);
        for (size_t i = 1; i < count; ++i) {
          if ((i & weight) != 0) append(used, origin + i);
        }
        *list++ = used;
      }
    }
    add_up(space_.ends, windows_ * bits_, bits_at_);
  }

  Jacobian bring_together() const {
    Jacobian sum = {kFeOne, kFeOne, kFeZero};
    for (size_t i = windows_ * bits_; i-- > 0;) {
      sum = double_jacobian<F>(sum);
      const Affine260& p = space_.pool[bits_at_ + i];
      if (!is_infinity_var(p)) sum = add_mixed_var<F>(sum, from_affine260<F>(p));
    }
    return sum;
  }
};

}  // namespace
}  // namespace accel::sm2
