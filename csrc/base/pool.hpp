// The library's one thread pool.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <type_traits>

namespace accel {

// A non-owning reference to a callable `void(size_t begin, size_t end)`; lives as long as the call it is passed to.
class RangeBody {
 public:
  template <typename F>
    requires(!std::is_same_v<std::remove_cvref_t<F>, RangeBody>)
  RangeBody(F&& f)  // NOLINT(google-explicit-constructor): lambdas convert at the call
      : object_(const_cast<void*>(static_cast<const void*>(std::addressof(f)))),
        call_([](void* object, size_t begin, size_t end) {
          (*static_cast<std::remove_reference_t<F>*>(object))(begin, end);
        }) {}
  void operator()(size_t begin, size_t end) const { call_(object_, begin, end); }

 private:
  void* object_;
  void (*call_)(void*, size_t, size_t);
};

// Calls body(begin, end) for consecutive ranges of at most `grain` items that cover [0, count), on the pool's threads
// and the calling one. Returns when all are done; rethrows the first exception. Any number of threads may call at once.
// No allocation after the pool has started. Works in a child after fork().
void parallel_for(size_t count, size_t grain, RangeBody body);

// While one lives, batches of the thread that made it run on this thread alone: for threads that run batches side by
// side already.
class OneThread {
 public:
  OneThread();
  ~OneThread();
  OneThread(const OneThread&) = delete;
  OneThread& operator=(const OneThread&) = delete;
};

// Of a batch of this thread.
uint32_t num_threads();                  // throws Error(ACCEL_BAD_ARGUMENT) for a bad ACCEL_NUM_THREADS
void set_num_threads(uint32_t threads);  // throws Error(ACCEL_BAD_ARGUMENT) outside 1..1024

}  // namespace accel
