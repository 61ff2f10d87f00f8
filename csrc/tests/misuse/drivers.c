/* Devices from below: finding drivers, adding one, the lists of names. */
#include <accel/driver.h>
#include <string.h>

#include "check.h"
#include "tests.h"

void test_drivers(void) {
  accel_driver_handle* handle = NULL;
  const accel_driver *cpu = NULL, *found = NULL;
  const char* options = NULL;
  char names[1024];
  uint64_t length = 0;
  accel_driver broken;

  ANSWERS(ACCEL_OK, accel_driver_find(&handle, &cpu, &options, "cpu"));
  CHECK(cpu != NULL && strcmp(cpu->name, "cpu") == 0 && *options == '\0');
  CALLS(accel_driver_free(handle));
  CALLS(accel_driver_free(NULL));
  check_tried("accel_driver_free", "handle");
  REFUSES_NULL("handle_out", accel_driver_find(NULL, &found, &options, "cpu"));
  REFUSES_NULL("driver_out", accel_driver_find(&handle, NULL, &options, "cpu"));
  REFUSES_NULL("options_out", accel_driver_find(&handle, &found, NULL, "cpu"));
  REFUSES_NULL("device", accel_driver_find(&handle, &found, &options, NULL));
  REFUSES(ACCEL_BAD_DEVICE, "device", accel_driver_find(&handle, &found, &options, "gpu"));
  REFUSES(ACCEL_BAD_DEVICE, "device", accel_driver_find(&handle, &found, &options, "fault:none"));
  REFUSES(ACCEL_BAD_DEVICE, "fault", accel_driver_find(&handle, &found, &options, "fault:gremlin:cpu"));
  CHECK(handle == NULL);

  REFUSES_NULL("name", accel_driver_add(NULL, cpu));
  REFUSES_NULL("driver", accel_driver_add("mine", NULL));
  REFUSES(ACCEL_BAD_ARGUMENT, "name", accel_driver_add("cpu", cpu));
  REFUSES(ACCEL_BAD_ARGUMENT, "name", accel_driver_add("a,b", cpu));
  broken = *cpu;
  broken.abi_version = 99;
  REFUSES(ACCEL_BAD_DEVICE, "driver", accel_driver_add("mine", &broken));
  ANSWERS(ACCEL_OK, accel_driver_add("mine", cpu));
  ANSWERS(ACCEL_OK, accel_driver_find(&handle, &found, &options, "mine,x=1"));
  CHECK(found == cpu && strcmp(options, "x=1") == 0);
  accel_driver_free(handle);

  ANSWERS(ACCEL_OK, accel_driver_names(names, sizeof names, &length));
  CHECK(strlen(names) == length && strstr(names, "cpu") != NULL && strstr(names, "mine") != NULL);
  REFUSES_NULL("names_out", accel_driver_names(NULL, 1, &length));
  REFUSES_NULL("length_out", accel_driver_names(names, sizeof names, NULL));
  REFUSES(ACCEL_BAD_ARGUMENT, "capacity", accel_driver_names(names, length, &length));
  CHECK(strstr(CALLS(accel_driver_faults()), "flip-digest") != NULL);

  ANSWERS(ACCEL_OK, accel_driver_remove("mine"));
  REFUSES(ACCEL_BAD_ARGUMENT, "name", accel_driver_remove("mine"));
  REFUSES_NULL("name", accel_driver_remove(NULL));
}
