// accel.h: the library itself.
#include <cstdio>
#include <cstring>
#include <string>

#include "base/cpu.hpp"
#include "base/dispatch.hpp"
#include "base/pool.hpp"
#include "capi/guard.hpp"
#include "sm2/kernel.hpp"
#include "sm3/sm3.hpp"

namespace accel::capi {
namespace {

// Families of kernels register themselves before main(). Naming them here links them into every program that uses
// libaccel.a, so that ACCEL_KERNEL means the same everywhere.
struct LinkedFamilies {
  const sm3::Kernel& (*sm3)();
  const sm2::Kernel& (*sm2)();
};
[[gnu::used]] constexpr LinkedFamilies kLinkedFamilies = {sm3::active_kernel, sm2::active_kernel};

thread_local char last_error[1024] = "";

void set_last_error(const char* sentence) { std::snprintf(last_error, sizeof(last_error), "%s", sentence); }

}  // namespace

void clear_last_error() noexcept { last_error[0] = '\0'; }

accel_status report_exception() noexcept {
  try {
    throw;
  } catch (const Error& error) {
    set_last_error(error.what());
    return error.status();
  } catch (const std::bad_alloc&) {
    set_last_error("out of memory");
    return ACCEL_NO_MEMORY;
  } catch (const std::exception& error) {
    std::snprintf(last_error, sizeof(last_error), "internal error: %s", error.what());
  } catch (...) {
    set_last_error("internal error");
  }
  return ACCEL_INTERNAL;
}

}  // namespace accel::capi

using accel::capi::guard;
using accel::capi::require;
using accel::dispatch::FamilyBase;
using accel::dispatch::Registry;

const char* accel_status_name(int status) {
  switch (status) {
    case ACCEL_NOT_CHECKED:
      return "NOT_CHECKED";
    case ACCEL_OK:
      return "OK";
    case ACCEL_BAD_SIGNATURE:
      return "BAD_SIGNATURE";
    case ACCEL_BAD_KEY:
      return "BAD_KEY";
    case ACCEL_BAD_RANGE:
      return "BAD_RANGE";
    case ACCEL_BAD_PROOF:
      return "BAD_PROOF";
    case ACCEL_BAD_ARGUMENT:
      return "BAD_ARGUMENT";
    case ACCEL_BAD_ENCODING:
      return "BAD_ENCODING";
    case ACCEL_BAD_KERNEL:
      return "BAD_KERNEL";
    case ACCEL_BAD_DEVICE:
      return "BAD_DEVICE";
    case ACCEL_SELFTEST_FAILED:
      return "SELFTEST_FAILED";
    case ACCEL_NO_RANDOM:
      return "NO_RANDOM";
    case ACCEL_NO_MEMORY:
      return "NO_MEMORY";
    case ACCEL_INTERNAL:
      return "INTERNAL";
    case ACCEL_TIMED_OUT:
      return "TIMED_OUT";
    case ACCEL_QUEUE_FULL:
      return "QUEUE_FULL";
    case ACCEL_CLOSED:
      return "CLOSED";
    case ACCEL_CANCELLED:
      return "CANCELLED";
    case ACCEL_PENDING:
      return "PENDING";
    default:
      return "UNKNOWN";
  }
}

const char* accel_last_error(void) { return accel::capi::last_error; }

accel_status accel_active_kernel(const char** name_out, const char* op) {
  return guard([&] {
    require(name_out, "name_out");
    require(op, "op");
    size_t index;
    FamilyBase& family = Registry::global().family_of(op, &index);
    *name_out = family.kernel_name(family.active_index());
  });
}

accel_status accel_available_kernels(const char** names_out, const char* op) {
  return guard([&] {
    require(names_out, "names_out");
    require(op, "op");
    size_t index;
    *names_out = Registry::global().family_of(op, &index).available_names();
  });
}

accel_status accel_set_kernels(const char* spec) {
  return guard([&] { Registry::global().set(spec != nullptr ? spec : ""); });
}

accel_status accel_kernel_items(uint64_t* items_out, const char* op, const char* kernel) {
  return guard([&] {
    require(items_out, "items_out");
    require(op, "op");
    require(kernel, "kernel");
    size_t op_index;
    const FamilyBase& family = Registry::global().family_of(op, &op_index);
    const size_t kernel_index = family.find_kernel(kernel);
    if (kernel_index == family.kernel_count()) {
      throw accel::Error(ACCEL_BAD_ARGUMENT, "kernel: " + std::string(op) + " has no kernel \"" + kernel + "\"");
    }
    *items_out = family.items(op_index, kernel_index);
  });
}

const char* accel_cpu_features(void) {
  static char text[128];
  const accel_status status = guard([] {
    [[maybe_unused]] static const bool written = [] {
      std::strncpy(text, accel::describe(accel::cpu_features()).c_str(), sizeof(text) - 1);
      return true;
    }();
  });
  return status == ACCEL_OK ? text : "";
}

accel_status accel_selftest(void) {
  return guard([] { Registry::global().selftest(); });
}

accel_status accel_num_threads(uint32_t* threads_out) {
  return guard([&] {
    require(threads_out, "threads_out");
    *threads_out = accel::num_threads();
  });
}

accel_status accel_set_num_threads(uint32_t threads) {
  return guard([&] { accel::set_num_threads(threads); });
}
