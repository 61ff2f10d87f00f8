// What becomes of a device's answers, and of a device whose answers or manners are wrong.
#include <algorithm>
#include <utility>

#include "base/error.hpp"
#include "runtime/log.hpp"
#include "runtime/selftest.hpp"
#include "runtime/worker.hpp"

namespace accel::runtime {
namespace {

// A device is reset after the first failure, and not used any more after so many.
constexpr uint32_t kLastFailure = 2;

bool is_verdict(uint8_t status) {
  return status == ACCEL_OK || status == ACCEL_BAD_SIGNATURE || status == ACCEL_BAD_KEY || status == ACCEL_BAD_RANGE;
}

}  // namespace

bool Worker::is_certified_by_points(const Work& work) const {
  return options_.audit == Audit::kFull && work.verifies() && work.ring == nullptr &&
         link_.has_flag(ACCEL_COMMAND_POINTS);
}

// The answers leave the device's memory before they are looked at: what is judged is what is delivered. This library's
// kernels write nothing after a command, and the slot's memory is not used again before the judgement is over, unless
// that waits for others.
void Worker::accept(Slot& slot) {
  const Work& work = slot.piece.request->work();
  const size_t begin = slot.piece.begin, end = slot.piece.end;
  Judged judged{slot.command.tag, slot.piece, arena_->answers(slot.command), {}, {}};
  if (!link_.is_own() || options_.audit == Audit::kHold) {
    judged.copy.assign(judged.answers, judged.answers + answer_bytes(work, begin, end));
    judged.answers = judged.copy.data();
  }
  std::vector<uint8_t> points;
  if (slot.command.points_out != nullptr) {
    points.assign(slot.command.points_out, slot.command.points_out + 64 * slot.command.count);
  }
  slot = Slot();
  if (work.verifies() && !std::all_of(judged.answers, judged.answers + (end - begin), is_verdict)) {
    throw Fault(kCorrupt, "a completed command with items that have no verdict");
  }
  judge(std::move(judged), points);
}

void Worker::judge(Judged judged, const std::vector<uint8_t>& points) {
  const Work& work = judged.piece.request->work();
  bool& burst_checked = burst_checked_[static_cast<size_t>(work.op)];
  const bool all = options_.audit == Audit::kFull || !burst_checked;
  judged.chosen = items_to_check(work, judged.piece.begin, judged.piece.end, judged.answers, all, sampler_);
  if (options_.audit == Audit::kHold) {
    held_items_ += judged.piece.count();
    held_.push_back(std::move(judged));
    if (held_items_ >= options_.hold_window) deliver_held();
  } else {
    require_right(judged, points.empty() ? nullptr : points.data());
    deliver(judged);
  }
  burst_checked = true;
}

// Throws Fault(kWrong). An answer that nobody waits for any more is not looked at.
void Worker::require_right(const Judged& judged, const uint8_t* points) {
  Request& request = *judged.piece.request;
  accel_status status = ACCEL_OK;
  std::string sentence;
  size_t wrong = 0;
  {
    const Request::Pin pin(request);
    if (!pin) return;
    try {
      wrong =
          wrong_answers(request.work(), judged.piece.begin, judged.piece.end, judged.chosen, judged.answers, points);
    } catch (const Error& error) {  // the caller's memory has changed, or the kernels cannot run
      status = error.status();
      sentence = error.what();
    }
  }
  if (status != ACCEL_OK) request.close(status, sentence);
  counters_.add(kChecked, judged.chosen.size());
  if (wrong == 0) return;
  counters_.add(kWrong, wrong);
  throw Fault(kWrong, std::to_string(wrong) + " of " + std::to_string(judged.chosen.size()) +
                          " answers that were computed again were wrong");
}

// A window is delivered when the samples of all its commands are clean, and otherwise none of it.
void Worker::deliver_held() {
  for (const Judged& judged : held_) require_right(judged, nullptr);
  for (const Judged& judged : held_) deliver(judged);
  held_.clear();
  held_items_ = 0;
}

void Worker::deliver(const Judged& judged) {
  const std::optional<Piece> piece = custody_.release(judged.tag);
  if (!piece) return;
  counters_.add(kCommands);
  counters_.add(piece->request->work().op == Op::kHash     ? kHashed
                : piece->request->work().op == Op::kMerkle ? kMerkleLeaves
                                                           : kVerified,
                piece->count());
  piece->request->deliver(piece->begin, piece->end, judged.answers);
}

void Worker::take_back() {
  for (Piece& piece : custody_.release_all()) {
    counters_.add(kReplayed, piece.count());
    queue_->put_back(std::move(piece), member_);
  }
  for (Slot& slot : slots_) {
    dropped_.push_back(std::move(slot.use));
    slot = Slot();
  }
  staged_.clear();
  held_.clear();
  held_items_ = 0;
  ring_keys_.forget();
}

void Worker::recover(const Fault& fault) noexcept {
  try {
    if (given_up_) return;
    if (fault.kind() != kWrong) counters_.add(fault.kind());
    ++failures_;
    log(ACCEL_LOG_WARNING, "device.fault", name(), std::string(fault.what()));
    if (fault.kind() == kWrong || failures_ >= kLastFailure) {
      quarantine(fault.what());
      return;
    }
    take_back();
    link_.reset();
    dropped_.clear();
    // A device that writes late all the same finds memory that nobody reads any more.
    retired_ = std::exchange(arena_, std::make_unique<Arena>(link_.caps()));
    queue_->tested(member_, start_device());
    counters_.add(kResets);
    log(ACCEL_LOG_WARNING, "device.reset", name(), "reset, and its known-answer tests passed");
  } catch (const Fault& again) {
    counters_.add(again.kind());
    quarantine(std::string("after a reset: ") + again.what());
  } catch (const std::exception& error) {
    quarantine(error.what());
  }
}

void Worker::quarantine(const std::string& why) noexcept {
  if (given_up_.load()) return;
  counters_.add(kQuarantined);
  queue_->remove_member(member_);
  take_back();
  log(ACCEL_LOG_ERROR, "device.quarantined", name(), why);
}

}  // namespace accel::runtime
