/* A driver that was compiled for another ABI. */
#include <accel/driver.h>

static const accel_driver table = {.abi_version = 99, .struct_size = sizeof(accel_driver), .name = "other"};

const accel_driver* accel_driver_entry(uint32_t runtime_abi_version) {
  (void)runtime_abi_version;
  return &table;
}
