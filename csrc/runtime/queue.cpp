#include "runtime/queue.hpp"

#include <algorithm>
#include <utility>

#include "base/error.hpp"

namespace accel::runtime {
namespace {

// Less than this is not worth a command of its own while others could take it too.
constexpr size_t kLeastShare = 64;
// A batch is shared out in so many rounds, so that devices end together even where a rate was estimated badly.
constexpr double kRounds = 2;
// Lanes of the widest kernel.
constexpr size_t kLanes = 16;
// A device may become so many times slower before its commands are lost.
constexpr double kSlack = 4;
// A new measurement's weight in a rate.
constexpr double kWeight = 0.25;

uint64_t opcode_bit(uint32_t opcode) { return uint64_t{1} << opcode; }

uint64_t opcode_of(Op op) {
  switch (op) {
    case Op::kHash:
      return opcode_bit(ACCEL_OP_SM3);
    case Op::kVerifyDigest:
      return opcode_bit(ACCEL_OP_SM2_VERIFY_DIGEST);
    case Op::kVerify:
      return opcode_bit(ACCEL_OP_SM2_VERIFY);
    default:
      return opcode_bit(ACCEL_OP_MERKLE_LEVELS);
  }
}

// Closes requests when it goes out of scope: after the queue's lock, which a request's callbacks may want.
class Closing {
 public:
  void add(std::shared_ptr<Request> request) { requests_.push_back(std::move(request)); }
  ~Closing() {
    for (const auto& request : requests_) {
      request->close(ACCEL_BAD_DEVICE, "device: no device that works can do this, and there is no fallback to the CPU");
    }
  }

 private:
  std::vector<std::shared_ptr<Request>> requests_;
};

}  // namespace

size_t Queue::add_member(const accel_device_caps& caps, uint64_t timeout_ns) {
  const std::lock_guard lock(mutex_);
  members_.push_back({caps, SlotLimits(caps), timeout_ns});
  return members_.size() - 1;
}

void Queue::tested(size_t member, const Rates& rates) {
  const std::lock_guard lock(mutex_);
  for (size_t op = 0; op < kOps; ++op) members_[member].pace[op] = rates[op] > 0 ? 1e9 / rates[op] : 0;
}

void Queue::remove_member(size_t member) {
  {
    const std::lock_guard lock(mutex_);
    members_[member].alive = false;
  }
  changed(true);
}

size_t Queue::members_alive() const {
  const std::lock_guard lock(mutex_);
  return static_cast<size_t>(std::count_if(members_.begin(), members_.end(), [](const Member& m) { return m.alive; }));
}

std::vector<double> Queue::rates(size_t member) const {
  const std::lock_guard lock(mutex_);
  return {members_[member].rate.begin(), members_[member].rate.end()};
}

void Queue::on_change(std::function<void(bool)> callback) {
  const std::unique_lock lock(changed_mutex_);
  changed_ = std::move(callback);
}

void Queue::changed(bool lost) const {
  const std::shared_lock lock(changed_mutex_);
  if (changed_) changed_(lost);
}

bool Queue::add(std::shared_ptr<Request> request) {
  bool lost = request->deadline() != UINT64_MAX;
  {
    const std::lock_guard lock(mutex_);
    lost = lost || !anybody_for(request->work());
    if (request->deadline() != UINT64_MAX) {
      std::erase_if(with_deadline_, [](const auto& other) { return other.expired(); });
      with_deadline_.push_back(request);
    }
    const auto priority = static_cast<size_t>(request->priority());
    waiting_[priority].push_back({std::move(request)});
  }
  return lost;
}

void Queue::put_back(Piece piece, std::optional<size_t> failed_on) {
  if (piece.request->is_closed()) return;
  if (failed_on) piece.tried |= uint64_t{1} << *failed_on;
  {
    const std::lock_guard lock(mutex_);
    again_[static_cast<size_t>(piece.request->priority())].push_back(std::move(piece));
  }
  changed(true);
}

bool Queue::can_do(const Member& member, const Work& work) const {
  if (!member.alive || (member.caps.opcodes & opcode_of(work.op)) == 0) return false;
  if (!work.uniform && (member.caps.flags & ACCEL_COMMAND_RAGGED) == 0) return false;
  // A patch of a tree is one command, and not cut further.
  if (work.op == Op::kMerkle && member.limits.items < kPatchLeaves) return false;
  return work.longest <= member.limits.longest_message;
}

bool Queue::anybody_for(const Work& work) const {
  return std::any_of(members_.begin(), members_.end(), [&](const Member& member) { return can_do(member, work); });
}

// A piece was cut for some device, and need not fit into the slots of another.
bool Queue::can_do(size_t number, const Piece& piece) const {
  const Member& member = members_[number];
  const Work& work = piece.request->work();
  return can_do(member, work) && (piece.refused >> number & 1) == 0 && piece.count() <= member.limits.items &&
         (!work.has_messages() || work.longest * piece.count() <= member.limits.message_bytes);
}

// Is there a device for it, or, with `untried`, one that has not failed on it yet?
bool Queue::anybody_for(const Piece& piece, bool untried) const {
  for (size_t i = 0; i < members_.size(); ++i) {
    if (can_do(i, piece) && !(untried && (piece.tried >> i & 1) != 0)) return true;
  }
  return false;
}

bool Queue::may_take(size_t member, const Piece& piece) const {
  if (!can_do(member, piece)) return false;
  const bool failed = (piece.tried >> member & 1) != 0;
  // Without a fallback the device that failed on it, and was reset since, is better than nothing.
  return !failed || (!fallback_ && !anybody_for(piece, true));
}

// Items of `left` that are this member's. 0: the others have done them before it would.
size_t Queue::share(size_t member, const Work& work, size_t left) const {
  const auto op = static_cast<size_t>(work.op);
  double known = 0, sum = 0, best = 0;
  size_t able = 0, measured = 0;
  for (const Member& other : members_) {
    if (!can_do(other, work)) continue;
    ++able;
    if (other.rate[op] > 0) ++measured;
    known += other.rate[op];
    best = std::max(best, other.rate[op]);
  }
  if (able <= 1) return left;
  const double assumed = measured == 0 ? 1 : known / static_cast<double>(measured);  // of one that was never measured
  const double own = members_[member].rate[op] > 0 ? members_[member].rate[op] : assumed;
  sum = known + assumed * static_cast<double>(able - measured);
  const double others = sum - own;
  const size_t least = std::min(left, kLeastShare);
  // The fastest never leaves anything: where several are equally fast, each would leave it to the others.
  const bool is_fastest = own >= std::max(best, able > measured ? assumed : 0);
  if (!is_fastest && static_cast<double>(least) * others > 1.5 * static_cast<double>(left) * own) return 0;
  const auto fair = static_cast<size_t>(static_cast<double>(left) * own / sum / kRounds);
  return std::min(left, (std::max(fair, kLeastShare) + kLanes - 1) / kLanes * kLanes);
}

// What a slow device does of one command in time, though its other slots go first and it may be slower than before.
size_t Queue::most_in_time(const Member& member, Op op) const {
  const double pace = member.pace[static_cast<size_t>(op)];
  if (pace == 0) return member.limits.items;
  const double time = static_cast<double>(member.timeout_ns) / kSlack / static_cast<double>(member.limits.slots);
  return static_cast<size_t>(std::min(std::max(time / pace, double{kLanes}), static_cast<double>(member.limits.items)));
}

// The next piece of a request, within a number of items and of their bytes.
std::optional<Piece> Queue::cut(Waiting& waiting, size_t items, size_t bytes) {
  Request& request = *waiting.request;
  const Work& work = request.work();
  size_t count = std::min(items, work.count - waiting.taken);
  if (work.op == Op::kMerkle) count = std::min(kPatchLeaves, work.count - waiting.taken);
  if (work.has_messages() && work.longest * count > bytes) {
    const Request::Pin pin(request);
    if (!pin) return std::nullopt;
    uint64_t total = 0;
    size_t fits = 0;
    try {
      while (fits < count && (total += work.message_size(waiting.taken + fits)) <= bytes) ++fits;
    } catch (const Error&) {  // the caller's offsets have changed: who stages that message ends the request
    }
    count = std::max<size_t>(1, fits);
  }
  Piece piece{waiting.request, waiting.taken, waiting.taken + count};
  waiting.taken += count;
  return piece;
}

template <typename Wanted>
std::optional<Piece> Queue::take_again(size_t priority, const Wanted& wanted) {
  std::deque<Piece>& pieces = again_[priority];
  if (pieces.empty()) return std::nullopt;
  std::erase_if(pieces, [](const Piece& piece) { return piece.request->is_closed(); });
  const auto found = std::find_if(pieces.begin(), pieces.end(), wanted);
  if (found == pieces.end()) return std::nullopt;
  Piece piece = std::move(*found);
  pieces.erase(found);
  return piece;
}

template <typename Items>
std::optional<Piece> Queue::take_new(size_t priority, const Items& items, size_t bytes) {
  std::deque<Waiting>& requests = waiting_[priority];
  if (requests.empty()) return std::nullopt;
  std::erase_if(requests, [](const Waiting& waiting) { return waiting.request->is_closed(); });
  for (auto it = requests.begin(); it != requests.end(); ++it) {
    const size_t wanted = items(*it);
    if (wanted == 0) continue;
    std::optional<Piece> piece = cut(*it, wanted, bytes);
    if (!piece) continue;
    if (it->taken == it->request->work().count) requests.erase(it);
    return piece;
  }
  return std::nullopt;
}

std::optional<Piece> Queue::take(size_t member, const Request* only) {
  const auto wanted = [only](const std::shared_ptr<Request>& request) {
    return only == nullptr || request.get() == only;
  };
  const std::lock_guard lock(mutex_);
  const SlotLimits& limits = members_[member].limits;
  for (size_t priority = 0; priority < kPriorities; ++priority) {
    auto piece = take_again(
        priority, [&](const Piece& candidate) { return wanted(candidate.request) && may_take(member, candidate); });
    if (piece) return piece;
    piece = take_new(
        priority,
        [&](const Waiting& waiting) -> size_t {
          const Work& work = waiting.request->work();
          if (!wanted(waiting.request) || !can_do(members_[member], work)) return 0;
          const size_t own = share(member, work, work.count - waiting.taken);
          if (own == 0) left_to_faster_ = true;
          return std::min(most_in_time(members_[member], work.op), own);
        },
        limits.message_bytes);
    if (piece) return piece;
  }
  return std::nullopt;
}

std::optional<Piece> Queue::take_lost(size_t priority) {
  const auto lost = [&](const Piece& piece) { return !anybody_for(piece, fallback_); };
  if (auto piece = take_again(priority, lost)) return piece;
  return take_new(
      priority, [&](const Waiting& waiting) { return anybody_for(waiting.request->work()) ? 0 : kSlotItems; },
      kSlotBytes);
}

std::optional<Piece> Queue::take_for_cpu() {
  Closing closing;
  const std::lock_guard lock(mutex_);
  for (size_t priority = 0; priority < kPriorities; ++priority) {
    while (auto piece = take_lost(priority)) {
      if (fallback_) return piece;
      closing.add(std::move(piece->request));
    }
  }
  return std::nullopt;
}

void Queue::measured(size_t member, Op op, size_t items, uint64_t nanoseconds) {
  const double now = static_cast<double>(items) * 1e9 / static_cast<double>(std::max<uint64_t>(nanoseconds, 1));
  bool look_again = false;
  {
    const std::lock_guard lock(mutex_);
    double& rate = members_[member].rate[static_cast<size_t>(op)];
    rate = rate == 0 ? now : rate + kWeight * (now - rate);
    // A mean of times, not of rates: a completion that is seen right after another one, because that was noticed late,
    // says nothing of how fast the device is.
    double& pace = members_[member].pace[static_cast<size_t>(op)];
    pace = pace == 0 ? 1e9 / now : pace + kWeight * (1e9 / now - pace);
    look_again = std::exchange(left_to_faster_, false);
  }
  if (look_again) changed(false);
}

std::vector<std::shared_ptr<Request>> Queue::expired(uint64_t now, uint64_t* next_out) {
  std::vector<std::shared_ptr<Request>> over;
  const std::lock_guard lock(mutex_);
  *next_out = UINT64_MAX;
  std::erase_if(with_deadline_, [&](const std::weak_ptr<Request>& weak) {
    std::shared_ptr<Request> request = weak.lock();
    if (request == nullptr || request->is_closed()) return true;
    if (request->deadline() > now) {
      *next_out = std::min(*next_out, request->deadline());
      return false;
    }
    over.push_back(std::move(request));
    return true;
  });
  return over;
}

}  // namespace accel::runtime
