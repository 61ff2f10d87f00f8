// A thread that uses the devices as a node would, and believes nothing.
#pragma once

#include <deque>
#include <list>
#include <memory>
#include <vector>

#include "soak/world.hpp"

namespace accel::soak {

enum class Kind { kHashRagged, kHashEqual, kLeaves, kVerifyDigest, kVerify, kRingDigest, kRing };
constexpr uint64_t kKinds = 7;

class Client {
 public:
  Client(World& world, uint64_t seed);
  ~Client();
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  // Works until then, and then until everything it has asked for is answered and checked.
  void work_until(Clock::time_point end);
  const Activity& activity() const { return activity_; }

 private:
  struct Stream {
    accel_stream* stream;
    std::shared_ptr<Handle> handle;
  };
  // A submitted call with its output, which lies between guard bytes.
  struct Call;

  Stream* stream();
  void open_stream();
  void drop_streams(bool all);
  void submit();
  accel_status submit(Stream& to, Call& call, const accel_submit_options& options);
  void refused(const Stream& to, accel_status status, bool non_blocking, bool was_closing);
  // Looks at one call that is on its way: waits, cancels, or goes on.
  void attend(Call& call);
  bool ended(Call& call, uint64_t timeout_ns);
  void cancel(Call& call);
  void check(Call& call);
  void check_end(Call& call);
  void check_verdicts(const Call& call);
  void check_digests(const Call& call);
  void settle();
  void release_settled(bool all);
  void call_at_once();
  void grow_tree();
  void ask();
  void complain(const Call& call, const std::string& what);

  World& world_;
  Random random_;
  Activity activity_;
  std::list<Stream> streams_;
  std::list<std::unique_ptr<Call>> under_way_;
  std::deque<std::unique_ptr<Call>> settled_;
};

}  // namespace accel::soak
