// Errors inside the library. A call that cannot run throws Error; capi/ turns it into a status and a sentence.
#pragma once

#include <stdexcept>
#include <string>

#include "accel/accel.h"

namespace accel {

class Error : public std::runtime_error {
 public:
  Error(accel_status status, const std::string& message) : std::runtime_error(message), status_(status) {}
  accel_status status() const { return status_; }

 private:
  accel_status status_;
};

}  // namespace accel
