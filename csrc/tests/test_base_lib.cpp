// accel.h: the library's own functions, and what callers across the boundary may do wrong.
#include <gtest/gtest.h>

#include <cstring>
#include <string>
#include <thread>

#include "accel/accel.h"
#include "capi/guard.hpp"

namespace {

TEST(Library, VersionAndStatusNames) {
  EXPECT_EQ(accel_abi_version(), ACCEL_ABI_VERSION);
  EXPECT_STRNE(accel_version(), "");
  EXPECT_STREQ(accel_status_name(ACCEL_NOT_CHECKED), "NOT_CHECKED");
  EXPECT_STREQ(accel_status_name(ACCEL_BAD_KEY), "BAD_KEY");
  EXPECT_STREQ(accel_status_name(ACCEL_INTERNAL), "INTERNAL");
  EXPECT_STREQ(accel_status_name(6), "UNKNOWN");
  EXPECT_STREQ(accel_status_name(-1), "UNKNOWN");
}

TEST(Library, LastErrorIsOfTheThreadAndOfTheLastCall) {
  EXPECT_EQ(accel_set_num_threads(0), ACCEL_BAD_ARGUMENT);
  EXPECT_STREQ(accel_last_error(), "threads: expected 1 to 1024, got 0");
  std::thread([] { EXPECT_STREQ(accel_last_error(), ""); }).join();
  uint32_t threads;
  EXPECT_EQ(accel_num_threads(&threads), ACCEL_OK);
  EXPECT_STREQ(accel_last_error(), "");
}

TEST(Library, NullArgumentsAreErrors) {
  const char* name;
  uint64_t items;
  EXPECT_EQ(accel_active_kernel(nullptr, "sm3.hash"), ACCEL_BAD_ARGUMENT);
  EXPECT_EQ(accel_active_kernel(&name, nullptr), ACCEL_BAD_ARGUMENT);
  EXPECT_STREQ(accel_last_error(), "op: is NULL");
  EXPECT_EQ(accel_available_kernels(nullptr, "sm3.hash"), ACCEL_BAD_ARGUMENT);
  EXPECT_EQ(accel_kernel_items(nullptr, "sm3.hash", "portable"), ACCEL_BAD_ARGUMENT);
  EXPECT_EQ(accel_kernel_items(&items, "sm3.hash", nullptr), ACCEL_BAD_ARGUMENT);
  EXPECT_EQ(accel_kernel_items(&items, "sm3.hash", "none"), ACCEL_BAD_ARGUMENT);
  EXPECT_EQ(accel_num_threads(nullptr), ACCEL_BAD_ARGUMENT);
}

TEST(Library, KernelsOfEveryOp) {
  for (const char* op : {"sm3.hash", "sm2.verify", "sm2.sign"}) {
    const char *active, *available;
    ASSERT_EQ(accel_active_kernel(&active, op), ACCEL_OK) << accel_last_error();
    ASSERT_EQ(accel_available_kernels(&available, op), ACCEL_OK);
    EXPECT_EQ(std::string(available).rfind(active, 0), 0u) << active << " is not the first of " << available;
    EXPECT_NE(std::string(available).find("portable"), std::string::npos);
  }
  EXPECT_EQ(accel_set_kernels("portable"), ACCEL_OK);
  const char* active;
  EXPECT_EQ(accel_active_kernel(&active, "sm2.verify"), ACCEL_OK);
  EXPECT_STREQ(active, "portable");
  EXPECT_EQ(accel_set_kernels("sm3=none"), ACCEL_BAD_KERNEL);
  EXPECT_EQ(accel_set_kernels(nullptr), ACCEL_OK);
  EXPECT_EQ(accel_selftest(), ACCEL_OK) << accel_last_error();
}

TEST(Guard, TurnsEveryExceptionIntoAStatus) {
  using accel::capi::guard;
  EXPECT_EQ(guard([] {}), ACCEL_OK);
  EXPECT_EQ(guard([] { return ACCEL_BAD_KEY; }), ACCEL_BAD_KEY);
  EXPECT_EQ(guard([] { throw accel::Error(ACCEL_BAD_ENCODING, "not DER"); }), ACCEL_BAD_ENCODING);
  EXPECT_STREQ(accel_last_error(), "not DER");
  EXPECT_EQ(guard([] { throw std::bad_alloc(); }), ACCEL_NO_MEMORY);
  EXPECT_STREQ(accel_last_error(), "out of memory");
  EXPECT_EQ(guard([] { throw std::logic_error("broken"); }), ACCEL_INTERNAL);
  EXPECT_STREQ(accel_last_error(), "internal error: broken");
  EXPECT_EQ(guard([] { throw 7; }), ACCEL_INTERNAL);
  EXPECT_EQ(guard([] { throw accel::Error(ACCEL_BAD_ARGUMENT, std::string(5000, 'x')); }), ACCEL_BAD_ARGUMENT);
  EXPECT_GT(std::strlen(accel_last_error()), 500u);  // cut, not overrun
}

}  // namespace
