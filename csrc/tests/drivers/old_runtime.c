/* A driver that refuses this runtime. */
#include <accel/driver.h>
#include <stddef.h>

const accel_driver* accel_driver_entry(uint32_t runtime_abi_version) {
  (void)runtime_abi_version;
  return NULL;
}
