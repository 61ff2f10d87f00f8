// What happened when, for people: a bounded number of spans.
#pragma once

#include <cstdint>
#include <vector>

#include "model/engine.hpp"

namespace accel::model {

enum class SpanKind : uint8_t { kCommand, kHash, kVerify, kTable };

struct Span {
  Tick start, duration;
  uint64_t id;     // a command's tag; a table's key
  uint32_t track;  // a command's place in the window; a core; a core and its context
  SpanKind kind;
};

class Timeline {
 public:
  explicit Timeline(uint64_t most) : most_(most) {}
  void add(const Span& span) {
    if (spans_.size() < most_) {
      spans_.push_back(span);
    } else {
      ++dropped_;
    }
  }
  const std::vector<Span>& spans() const { return spans_; }
  uint64_t dropped() const { return dropped_; }

 private:
  uint64_t most_;
  std::vector<Span> spans_;
  uint64_t dropped_ = 0;
};

}  // namespace accel::model
