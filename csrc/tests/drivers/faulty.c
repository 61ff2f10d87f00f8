/* A driver that goes wrong in the way that its options name: for the tests of the process that hosts drivers. */
#include <accel/driver.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct accel_driver_device {
  const accel_driver_host* host;
  char how[32];
  accel_completion done[8];
  uint32_t count;
  uint8_t* late;
  atomic_int_fast64_t commands;
};

static int how_is(const accel_driver_device* device, const char* how) { return strcmp(device->how, how) == 0; }

static void hang(void) {
  for (;;) pause();
}

static int32_t open_device(const char* name, const accel_driver_host* host, accel_driver_device** device_out) {
  if (strcmp(name, "crash-at-open") == 0) abort();
  if (strcmp(name, "exit-at-open") == 0) _exit(7);
  if (strcmp(name, "hang-at-open") == 0) hang();
  if (strcmp(name, "refuse") == 0) {
    host->log(host->context, ACCEL_LOG_ERROR, "faulty: no board answers");
    return ACCEL_DRIVER_NO_DEVICE;
  }
  accel_driver_device* const device = calloc(1, sizeof *device);
  device->host = host;
  strncpy(device->how, name, sizeof device->how - 1);
  *device_out = device;
  return ACCEL_DRIVER_OK;
}

static int32_t caps(accel_driver_device* device, accel_device_caps* out) {
  out->queues = how_is(device, "no-queues") ? 0 : how_is(device, "many-queues") ? 1000000 : 1;
  out->queue_depth = how_is(device, "many-queues") ? 4000000000u : 8;
  out->opcodes = 1u << ACCEL_OP_SM3;
  out->max_items = 1000;
  out->max_message = out->max_bytes = 1 << 16;
  out->buffer_alignment = how_is(device, "aligned") ? 2 << 20 : how_is(device, "odd-alignment") ? 3 : 1;
  out->max_buffers = 8;
  out->max_keys = 4;
  out->features = ACCEL_DEVICE_HOST_MEMORY; /* not in a process of its own */
  memset(out->name, 'x', sizeof out->name); /* without an end */
  return ACCEL_DRIVER_OK;
}

static int32_t register_buffer(accel_driver_device* device, void* address, uint64_t size) {
  if (how_is(device, "crash-at-register")) abort();
  if (how_is(device, "aligned") && ((uintptr_t)address % (2 << 20) != 0 || size % (2 << 20) != 0)) {
    return ACCEL_DRIVER_BAD_ARGUMENT;
  }
  return ACCEL_DRIVER_OK;
}

static int32_t unregister_buffer(accel_driver_device* device, void* address) {
  (void)device;
  (void)address;
  return ACCEL_DRIVER_OK;
}

static int32_t load_keys(accel_driver_device* device, const uint8_t* keys, uint64_t stride, uint64_t count,
                         uint32_t* handles_out) {
  (void)keys;
  (void)stride;
  if (how_is(device, "crash-at-load")) abort();
  memset(handles_out, 0xff, 4 * count);
  return ACCEL_DRIVER_OK;
}

static int32_t unload_keys(accel_driver_device* device, const uint32_t* handles, uint64_t count) {
  (void)device;
  (void)handles;
  (void)count;
  return ACCEL_DRIVER_OK;
}

static void* write_late(void* argument) {
  uint8_t* const late = argument; /* the device may be gone by then */
  usleep(20000);
  while (late != NULL) *(volatile uint8_t*)late = 0x77;
  return NULL;
}

/* "Hashes" by copying the first 32 bytes. */
static int32_t enqueue_burst(accel_driver_device* device, uint32_t queue, const accel_command* commands,
                             uint32_t count) {
  pthread_t thread;
  (void)queue;
  if (how_is(device, "crash-at-enqueue")) *(volatile int*)device->late = 0;
  if (how_is(device, "hang-at-enqueue")) hang();
  if (how_is(device, "take-too-many")) return (int32_t)count + 5;
  if (how_is(device, "fault-at-enqueue")) return ACCEL_DRIVER_FAULT;
  if (count == 0 || device->count == 8) return 0;
  device->late = commands->output;
  if (how_is(device, "late-write")) {
    pthread_create(&thread, NULL, write_late, device->late);
    return 1;
  }
  if (how_is(device, "never-complete")) return 1;
  if (commands->message_length >= 32) memcpy(commands->output, commands->messages, 32);
  accel_completion* const done = &device->done[device->count++];
  done->tag = commands->tag + (how_is(device, "wrong-tag") ? 1 : 0);
  done->count = commands->count;
  done->opcode = commands->opcode;
  done->status = ACCEL_COMPLETION_DONE;
  ++device->commands;
  return 1;
}

static int32_t dequeue_burst(accel_driver_device* device, uint32_t queue, accel_completion* completions,
                             uint32_t count) {
  (void)queue;
  if (how_is(device, "flood")) {
    memset(completions, 0xee, sizeof *completions * count);
    return (int32_t)count;
  }
  if (how_is(device, "crash-at-dequeue") && device->count != 0) abort();
  const uint32_t given = count < device->count ? count : device->count;
  memcpy(completions, device->done, sizeof *completions * given);
  memmove(device->done, device->done + given, sizeof *completions * (device->count - given));
  device->count -= given;
  return (int32_t)given;
}

static int32_t wait_for(accel_driver_device* device, uint32_t queue, uint64_t timeout_ns) {
  (void)queue;
  if (device->count == 0) usleep((useconds_t)(timeout_ns / 1000));
  return device->count != 0;
}

static int32_t stats(accel_driver_device* device, accel_driver_stat* out, uint32_t count) {
  if (how_is(device, "hang-at-stats")) hang();
  if (count == 0) return 1;
  out->name = "commands";
  out->unit = NULL;
  out->description = "Commands completed.";
  out->value = (uint64_t)device->commands;
  return 1;
}

static int32_t reset(accel_driver_device* device) {
  device->count = 0;
  return ACCEL_DRIVER_OK;
}

static void close_device(accel_driver_device* device) {
  if (how_is(device, "hang-at-close")) hang();
  free(device);
}

static const accel_driver table = {
    .abi_version = ACCEL_DRIVER_ABI_VERSION,
    .struct_size = sizeof(accel_driver),
    .name = "faulty",
    .open = open_device,
    .caps = caps,
    .register_buffer = register_buffer,
    .unregister_buffer = unregister_buffer,
    .load_keys = load_keys,
    .unload_keys = unload_keys,
    .enqueue_burst = enqueue_burst,
    .dequeue_burst = dequeue_burst,
    .wait = wait_for,
    .stats = stats,
    .reset = reset,
    .close = close_device,
};

const accel_driver* accel_driver_entry(uint32_t runtime_abi_version) {
  (void)runtime_abi_version;
  return &table;
}
