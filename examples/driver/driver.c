/* The table of functions of accel/driver.h: the one thing that this library exports. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "example.h"

struct accel_driver_device {
  const accel_driver_host* host;
  key_table keys;
  counters counted;
  queue queues[QUEUES];
};

static void say(const accel_driver_host* host, int32_t level, const char* text) {
  if (host != NULL && host->log != NULL) host->log(host->context, level, text);
}

/* A driver of a board would look here whether the board answers. */
static int32_t probe(const char* name) {
  (void)name;
  return ACCEL_DRIVER_OK;
}

static int32_t open_device(const char* name, const accel_driver_host* host, accel_driver_device** device_out) {
  if (*name != '\0') { /* of options this device has none */
    say(host, ACCEL_LOG_ERROR, "example: expected no options behind the comma");
    return ACCEL_DRIVER_NO_DEVICE;
  }
  accel_driver_device* const device = calloc(1, sizeof *device);
  if (device == NULL) return ACCEL_DRIVER_NO_MEMORY;
  device->host = host;
  pthread_mutex_init(&device->keys.mutex, NULL);
  for (unsigned i = 0; i < QUEUES; ++i) {
    if (queue_start(&device->queues[i], &device->keys, &device->counted)) continue;
    while (i > 0) queue_end(&device->queues[--i]);
    free(device);
    return ACCEL_DRIVER_NO_MEMORY;
  }
  *device_out = device;
  return ACCEL_DRIVER_OK;
}

static int32_t caps(accel_driver_device* device, accel_device_caps* out) {
  accel_device_caps all = {.queues = QUEUES, .queue_depth = DEPTH, .time_kind = ACCEL_TIME_MEASURED};
  const uint32_t size = out->struct_size;
  (void)device;
  all.struct_size = size;
  all.opcodes = 1u << ACCEL_OP_SM3 | 1u << ACCEL_OP_SM2_VERIFY_DIGEST | 1u << ACCEL_OP_SM2_VERIFY |
                1u << ACCEL_OP_MERKLE_LEVELS | 1u << ACCEL_OP_MERKLE_ROOT;
  all.flags = ACCEL_COMMAND_RAGGED | ACCEL_COMMAND_HANDLES;
  all.max_items = MAX_ITEMS;
  all.max_message = MAX_MESSAGE;
  all.max_bytes = MAX_BYTES;
  all.max_keys = MAX_KEYS;
  all.buffer_alignment = 1;
  all.max_buffers = 1u << 16;
  snprintf(all.name, sizeof all.name, "example");
  snprintf(all.version, sizeof all.version, "1.0");
  /* A runtime may know a shorter struct, or a longer one: of that the rest is zero. */
  memset(out, 0, size);
  memcpy(out, &all, size < sizeof all ? size : sizeof all);
  return ACCEL_DRIVER_OK;
}

/* The golden functions reach all memory. A board would map it for DMA, or note it for copies. */
static int32_t register_buffer(accel_driver_device* device, void* address, uint64_t size) {
  (void)device;
  return address == NULL || size == 0 ? ACCEL_DRIVER_BAD_ARGUMENT : ACCEL_DRIVER_OK;
}

static int32_t unregister_buffer(accel_driver_device* device, void* address) {
  (void)device;
  return address == NULL ? ACCEL_DRIVER_BAD_ARGUMENT : ACCEL_DRIVER_OK;
}

static int32_t load_keys(accel_driver_device* device, const uint8_t* keys, uint64_t stride, uint64_t count,
                         uint32_t* handles_out) {
  key_table* const table = &device->keys;
  uint64_t loaded = 0;
  pthread_mutex_lock(&table->mutex);
  for (uint32_t handle = 0; handle < MAX_KEYS && loaded < count; ++handle) {
    if (table->used[handle]) continue;
    memcpy(table->keys[handle], keys + loaded * stride, 64);
    table->used[handle] = true;
    handles_out[loaded++] = handle;
  }
  for (uint64_t i = 0; loaded < count && i < loaded; ++i) table->used[handles_out[i]] = false; /* all or nothing */
  pthread_mutex_unlock(&table->mutex);
  return loaded == count ? ACCEL_DRIVER_OK : ACCEL_DRIVER_NO_MEMORY;
}

static int32_t unload_keys(accel_driver_device* device, const uint32_t* handles, uint64_t count) {
  key_table* const table = &device->keys;
  bool known = true;
  pthread_mutex_lock(&table->mutex);
  for (uint64_t i = 0; i < count; ++i) known = known && handles[i] < MAX_KEYS && table->used[handles[i]];
  for (uint64_t i = 0; known && i < count; ++i) table->used[handles[i]] = false;
  pthread_mutex_unlock(&table->mutex);
  return known ? ACCEL_DRIVER_OK : ACCEL_DRIVER_BAD_ARGUMENT;
}

static int32_t enqueue_burst(accel_driver_device* device, uint32_t number, const accel_command* commands,
                             uint32_t count) {
  return number < QUEUES ? queue_enqueue(&device->queues[number], commands, count) : ACCEL_DRIVER_BAD_ARGUMENT;
}

static int32_t dequeue_burst(accel_driver_device* device, uint32_t number, accel_completion* completions,
                             uint32_t count) {
  return number < QUEUES ? queue_dequeue(&device->queues[number], completions, count) : ACCEL_DRIVER_BAD_ARGUMENT;
}

static int32_t wait_for(accel_driver_device* device, uint32_t number, uint64_t timeout_ns) {
  return number < QUEUES ? queue_wait(&device->queues[number], timeout_ns) : ACCEL_DRIVER_BAD_ARGUMENT;
}

static int32_t cancel(accel_driver_device* device, uint32_t number, uint64_t tag) {
  return number < QUEUES ? queue_cancel(&device->queues[number], tag) : ACCEL_DRIVER_BAD_ARGUMENT;
}

static int32_t stats(accel_driver_device* device, accel_driver_stat* out, uint32_t count) {
  counters* const c = &device->counted;
  const accel_driver_stat all[] = {
      {"commands", "commands", "Commands completed.", atomic_load(&c->commands)},
      {"items.sm3", "items", "Messages hashed.", atomic_load(&c->sm3)},
      {"items.sm2_verify", "items", "Signatures verified.", atomic_load(&c->sm2_verify)},
      {"items.merkle", "items", "Leaves of Merkle trees.", atomic_load(&c->merkle)},
      {"resets", "resets", "Resets of the device.", atomic_load(&c->resets)},
  };
  const uint32_t known = sizeof all / sizeof *all;
  memcpy(out, all, sizeof *all * (count < known ? count : known));
  return (int32_t)known;
}

static int32_t reset(accel_driver_device* device) {
  for (unsigned i = 0; i < QUEUES; ++i) queue_clear(&device->queues[i]);
  pthread_mutex_lock(&device->keys.mutex);
  memset(device->keys.used, 0, sizeof device->keys.used);
  pthread_mutex_unlock(&device->keys.mutex);
  atomic_fetch_add(&device->counted.resets, 1);
  return ACCEL_DRIVER_OK;
}

static void close_device(accel_driver_device* device) {
  for (unsigned i = 0; i < QUEUES; ++i) queue_end(&device->queues[i]);
  pthread_mutex_destroy(&device->keys.mutex);
  free(device);
}

static const accel_driver table = {
    .abi_version = ACCEL_DRIVER_ABI_VERSION,
    .struct_size = sizeof(accel_driver),
    .name = "example",
    .probe = probe,
    .open = open_device,
    .caps = caps,
    .register_buffer = register_buffer,
    .unregister_buffer = unregister_buffer,
    .load_keys = load_keys,
    .unload_keys = unload_keys,
    .enqueue_burst = enqueue_burst,
    .dequeue_burst = dequeue_burst,
    .wait = wait_for,
    .cancel = cancel,
    .stats = stats,
    .reset = reset,
    .close = close_device,
};

const accel_driver* accel_driver_entry(uint32_t runtime_abi_version) {
  return runtime_abi_version == ACCEL_DRIVER_ABI_VERSION ? &table : NULL;
}
