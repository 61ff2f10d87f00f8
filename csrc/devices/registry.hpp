// From the name of a device to the driver that opens it.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "accel/driver.h"

namespace accel::devices {

struct Found {
  const accel_driver* driver;
  std::string options;         // what driver->open takes
  std::shared_ptr<void> keep;  // holds a driver's library loaded: kept until its devices are closed
  // This library's kernels in this process. Two things are known of them that foreign drivers only promise: every call
  // returns, so a caller's thread may make it; and no memory is touched once a command is over, or reset or close has
  // returned, so inputs may be read where the caller has them.
  bool is_own = false;
};

// Throws Error(ACCEL_BAD_DEVICE) with a sentence that lists the names, or says what is not built in.
Found find(std::string_view name);

// Of the devices that can be asked for; an upper-case word stands for something to fill in.
std::vector<std::string> names();

// A driver that lives in the process, under a name of its own ("NAME" or "NAME,OPTIONS" finds it). `keep` is held as
// long as the name stands or a device found by it is open. Throws Error(ACCEL_BAD_ARGUMENT) for a name that is taken or
// malformed, Error(ACCEL_BAD_DEVICE) for a table that is none.
void add(std::string_view name, const accel_driver* driver, std::shared_ptr<void> keep = nullptr);
// Throws Error(ACCEL_BAD_ARGUMENT) when no driver was added under this name.
void remove(std::string_view name);

// Throws Error(ACCEL_BAD_DEVICE) unless the table is complete and of this ABI; `where` begins the sentence.
void require_table(const accel_driver* driver, const std::string& where);

}  // namespace accel::devices
