#include "runtime/log.hpp"

#include <pthread.h>

#include <mutex>
#include <new>
#include <shared_mutex>

namespace accel::runtime {
namespace {

struct Sink {
  std::shared_mutex mutex;
  accel_log_function function = nullptr;
  void* context = nullptr;
};

// Never destroyed: threads of devices may log while the process ends. In a child after fork() the mutex is made anew,
// because threads that are not there may have held it.
alignas(Sink) unsigned char sink_storage[sizeof(Sink)];
Sink& sink() {
  static Sink* const instance = [] {
    Sink* const made = new (sink_storage) Sink;
    pthread_atfork(nullptr, nullptr, [] { new (&reinterpret_cast<Sink*>(sink_storage)->mutex) std::shared_mutex; });
    return made;
  }();
  return *instance;
}

}  // namespace

void set_log(accel_log_function function, void* context) {
  const std::unique_lock lock(sink().mutex);
  sink().function = function;
  sink().context = context;
}

void log(accel_log_level level, const char* event, const std::string& device, const std::string& message) noexcept {
  try {
    const std::shared_lock lock(sink().mutex);
    if (sink().function == nullptr) return;
    const accel_log_event described = {sizeof(accel_log_event), level, event, device.c_str(), message.c_str()};
    sink().function(sink().context, &described);
  } catch (...) {  // NOLINT(bugprone-empty-catch): there is nobody to tell
  }
}

}  // namespace accel::runtime
