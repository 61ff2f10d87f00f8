/* accel/driver.h: what a device implements.
 *
 * A driver is a shared library that exports one function, accel_driver_entry, which gives out a table of functions.
 * The runtime of accel fills memory, describes work in commands, and hands them over in bursts; the driver answers with
 * completions, in any order, each with the tag of its command. Nothing else passes between the two, and a driver need
 * not link libaccel: accel.h is included for the numbers of item statuses and Merkle rules only.
 *
 * The shape is that of a network or crypto poll-mode driver: capabilities, queues, bursts, completions by tag.
 *
 * The life of a device
 *
 *   probe -> open -> caps -> register_buffer ... -> load_keys ... -> { enqueue_burst | dequeue_burst | wait | cancel }
 *         -> reset -> register_buffer ... (as after open)  or  close
 *
 * Conventions
 *  - A function that returns int32_t returns a number of things done (0 or more), or a negative accel_driver_error.
 *    After ACCEL_DRIVER_FAULT the runtime calls nothing but stats, reset and close.
 *  - Threads: calls for one queue come from one thread at a time; two queues may be used by two threads at once. Of one
 *    device, probe, open, caps, register_buffer, unregister_buffer, load_keys, unload_keys, reset and close never run
 *    beside another call for it; stats may.
 *  - No function may block for longer than a millisecond, except open, load_keys, reset and close (5 seconds) and wait
 *    (its own deadline). One that does is a fault.
 *  - Memory: every pointer of a command, inputs and outputs, points into a buffer registered before. The device may
 *    read and write there from enqueue_burst until the command's completion has been dequeued, or until reset or close
 *    has returned: after that nothing of it may arrive there any more, however late.
 *    A pointer to no bytes at all (an empty ID, messages that are all empty) may be NULL, or anything.
 *  - Inputs may hold any bytes. Bad data gets a status for its item; it is never a fault, and never ends the process.
 *  - Structs begin with struct_size: the caller sets it to its own sizeof. Reading a field beyond the other side's
 *    struct_size is wrong; fields are only ever added at the end. Reserved fields are 0. In an array of commands one
 *    begins struct_size bytes behind the other, as the first one says, which may be more or less than your sizeof.
 *  - Integers of the curve are 32 bytes, big-endian; a public key is x || y, a signature r || s (64 bytes each).
 *  - No exception leaves the driver, and it does not end the process. Foreign drivers run in a process of their own, so
 *    one that does so all the same is a fault of the device, and no more.
 */
#ifndef ACCEL_DRIVER_H
#define ACCEL_DRIVER_H

#include <accel/accel.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Raised when a struct or the meaning of a function changes in a way that older drivers or runtimes get wrong. */
#define ACCEL_DRIVER_ABI_VERSION 1u

typedef enum accel_driver_error {
  ACCEL_DRIVER_OK = 0,
  ACCEL_DRIVER_BAD_ARGUMENT = -1, /* the runtime broke this contract */
  ACCEL_DRIVER_UNSUPPORTED = -2,  /* no such function, opcode, flag or rule on this device */
  ACCEL_DRIVER_NO_DEVICE = -3,    /* nothing answers under this name */
  ACCEL_DRIVER_NO_MEMORY = -4,    /* of the device or of the host; try less */
  ACCEL_DRIVER_FAULT = -5         /* the device does not work; it needs a reset */
} accel_driver_error;

/* What a command asks for. Values from 1 to 63: bit (1 << opcode) of accel_device_caps.opcodes. */
typedef enum accel_opcode {
  ACCEL_OP_SM3 = 1,               /* digests of `count` messages */
  ACCEL_OP_SM2_VERIFY_DIGEST = 2, /* statuses of `count` signatures over digests e */
  ACCEL_OP_SM2_VERIFY = 3,        /* the same over messages: e = SM3(ZA || M) under one ID, or e = SM3(M) */
  ACCEL_OP_MERKLE_LEVELS = 4,     /* every level above `count` leaf hashes */
  ACCEL_OP_MERKLE_ROOT = 5        /* the root of `count` leaf hashes */
  /* 16 to 23 are kept for signing, point multiplication and multi-scalar multiplication; 32 to 47 for a second suite
   * (SHA-256 and P-256). */
} accel_opcode;

typedef enum accel_command_flag {
  ACCEL_COMMAND_RAGGED = 1u << 0,  /* messages by offsets; otherwise all of message_length, messages_stride apart */
  ACCEL_COMMAND_HANDLES = 1u << 1, /* keys by handle (load_keys); otherwise by value */
  ACCEL_COMMAND_POINTS = 1u << 2   /* write R = [s]G + [t]P of each item whose status is OK to points_out; such a device
                                      can be certified by one combined check for many items */
} accel_command_flag;

/* One command. Arrays of items are structures of arrays, each with the distance in bytes between items; 0 repeats one
 * item for all. Fields that the opcode and flags do not use are 0.
 *
 *                 SM3    VERIFY_DIGEST   VERIFY    MERKLE_LEVELS, MERKLE_ROOT
 *  messages       yes                    yes
 *  keys/handles          yes             yes
 *  signatures            yes             yes
 *  digests               yes                       the leaf hashes
 *  id                                    yes
 *  rule                                            yes
 *  output         digests                          nodes
 *  status_out            yes             yes
 */
typedef struct accel_command {
  uint32_t struct_size;
  uint16_t opcode; /* accel_opcode */
  uint16_t flags;  /* of accel_command_flag */
  uint64_t tag;    /* any value; unique among the commands in flight on the device */
  uint64_t count;  /* items: 1 to accel_device_caps.max_items */

  const uint8_t* messages;
  uint64_t messages_stride;
  uint64_t message_length;
  const uint64_t* offsets; /* RAGGED: message i is messages[offsets[i] .. offsets[i + 1]); count + 1 of them, aligned to
                              8 bytes, not decreasing */

  const uint8_t* keys; /* 64 bytes each */
  uint64_t keys_stride;
  const uint32_t* key_handles; /* HANDLES: one each, aligned to 4 bytes */

  const uint8_t* signatures; /* 64 bytes each */
  uint64_t signatures_stride;
  const uint8_t* digests; /* 32 bytes each */
  uint64_t digests_stride;

  const uint8_t* id; /* of VERIFY: the ID that ZA binds, id_length bytes; or id_length ACCEL_SM2_NO_ZA */
  uint64_t id_length;

  uint32_t rule; /* accel_merkle_rule */
  uint32_t reserved;

  /* 32 bytes an item, without gaps. SM3: one for each message. MERKLE_ROOT: one. MERKLE_LEVELS: the level above the
   * leaves first, ceil(w / 2) nodes over w, up to the root; nothing when count is 1. */
  uint8_t* output;
  uint64_t output_size; /* bytes that may be written there */

  /* An accel_status for each signature: ACCEL_OK, ACCEL_BAD_SIGNATURE, ACCEL_BAD_KEY or ACCEL_BAD_RANGE, tested as
   * accel.h says (key, then range, then equation). The runtime has written ACCEL_NOT_CHECKED there. */
  uint8_t* status_out;
  uint8_t* points_out; /* POINTS: x || y each; what stands there for an item that is not OK has no meaning */

  /* Nanoseconds from enqueue_burst after which the runtime takes the command for lost; 0: never. A driver may use it to
   * order its work; it need not watch it. */
  uint64_t deadline_ns;
} accel_command;

typedef enum accel_completion_status {
  ACCEL_COMPLETION_NONE = 0,        /* never written by a driver that works */
  ACCEL_COMPLETION_DONE = 1,        /* every item has its output */
  ACCEL_COMPLETION_CANCELLED = 2,   /* by cancel; the outputs have no meaning */
  ACCEL_COMPLETION_UNSUPPORTED = 3, /* this opcode, flag, rule, count (0 too) or length; nothing was computed */
  ACCEL_COMPLETION_BAD_COMMAND = 4, /* a malformed command (offsets that decrease, an unknown handle, NULL where bytes
                                       are wanted, an ID that is too long, an output_size that is too small ...) */
  ACCEL_COMPLETION_FAULT = 5        /* the device failed on it; the outputs have no meaning */
} accel_completion_status;

/* One for each command that enqueue_burst took, exactly once. */
typedef struct accel_completion {
  uint64_t tag;
  uint64_t count;  /* as in the command: an echo, so that a corrupt completion is seen */
  uint16_t opcode; /* likewise */
  uint16_t status; /* accel_completion_status */
  uint32_t reserved;
  uint64_t device_ns; /* what the device took, if it knows; else 0 */
} accel_completion;

#define ACCEL_DEVICE_NAME_SIZE 64u

typedef enum accel_time_kind {
  ACCEL_TIME_MEASURED = 1, /* times and rates of this device are those of something that runs */
  ACCEL_TIME_MODEL = 2,    /* of a model: shown as such, never beside measured ones */
  ACCEL_TIME_RTL_SIM = 3   /* of simulated RTL */
} accel_time_kind;

typedef enum accel_device_feature {
  ACCEL_DEVICE_HOST_MEMORY = 1u << 0 /* reaches all memory of the process: commands may point anywhere, and buffers need
                                        not be registered */
} accel_device_feature;

typedef struct accel_device_caps {
  uint32_t struct_size;
  uint32_t queues;           /* 1 or more */
  uint32_t queue_depth;      /* commands in flight on one queue: 1 or more */
  uint32_t time_kind;        /* accel_time_kind */
  uint64_t opcodes;          /* bit (1 << opcode) of each that is supported */
  uint64_t flags;            /* of accel_command_flag */
  uint64_t max_items;        /* of a command: 1 or more */
  uint64_t max_message;      /* bytes of one message */
  uint64_t max_bytes;        /* of all messages of a command together */
  uint64_t max_keys;         /* that load_keys holds at once; 0: there is no load_keys */
  uint64_t buffer_alignment; /* of register_buffer's address and size, a power of two up to 2 MiB; 0 or 1: none */
  uint64_t max_buffers;      /* registered at once: 1 or more */
  char name[ACCEL_DEVICE_NAME_SIZE];    /* of the product; ends in a zero byte */
  char version[ACCEL_DEVICE_NAME_SIZE]; /* of driver, firmware or bitstream */
  uint64_t features;                    /* of accel_device_feature */
} accel_device_caps;

/* What the runtime offers to a driver. Both pointers may be used from any thread until close has returned. */
typedef struct accel_driver_host {
  uint32_t struct_size;
  uint32_t abi_version; /* ACCEL_DRIVER_ABI_VERSION of the runtime */
  void* context;
  /* level: of accel_log_level. A copy of the message is taken. */
  void (*log)(void* context, int32_t level, const char* message);
} accel_driver_host;

typedef struct accel_driver_device accel_driver_device; /* the driver's own */

/* One figure about a device. The strings stay the driver's and live as long as the device. */
typedef struct accel_driver_stat {
  const char* name;        /* lower case, words and groups separated by '.' and '_': "items.sm2_verify" */
  const char* unit;        /* "items", "cycles", "ns", "B", "fJ" ... */
  const char* description; /* one sentence */
  uint64_t value;
} accel_driver_stat;

/* Every device keeps these since open, also over resets: the proof that work ran there.
 *   commands           commands   completions with status DONE
 *   items.sm3          items      messages of ACCEL_OP_SM3
 *   items.sm2_verify   items      signatures of both opcodes that verify
 *   items.merkle       items      leaves of both opcodes of Merkle trees
 *   resets             resets     calls of reset
 */

typedef struct accel_driver {
  uint32_t abi_version; /* ACCEL_DRIVER_ABI_VERSION that the driver was compiled with */
  uint32_t struct_size; /* sizeof(accel_driver) likewise */
  const char* name;     /* "example"; static */

  /* Is the device there? `name` is what the caller wrote behind "plugin:PATH.so,": options in the driver's own words,
   * "" when there are none. ACCEL_DRIVER_OK or an error; nothing is changed. NULL: always. */
  int32_t (*probe)(const char* name);
  /* Open it. `host` stays valid until close. On an error *device_out is not looked at; when the error has a reason
   * worth reading it has been logged. */
  int32_t (*open)(const char* name, const accel_driver_host* host, accel_driver_device** device_out);
  /* Fill *caps, whose struct_size the runtime has set. The same at every call. */
  int32_t (*caps)(accel_driver_device* device, accel_device_caps* caps);

  /* Memory at `address`, `size` bytes, may occur in commands from now on. How the device reaches it (copies, DMA
   * mapping, an offset from a window) is the driver's business. */
  int32_t (*register_buffer)(accel_driver_device* device, void* address, uint64_t size);
  /* No longer; no command in flight uses it. */
  int32_t (*unregister_buffer)(accel_driver_device* device, void* address);

  /* Put the tables of `count` public keys on the device. handles_out: one for each. A key that is no point of the curve
   * gets a handle too, and its signatures are ACCEL_BAD_KEY. `keys` is read during the call only. May be NULL when
   * caps.max_keys is 0, as may unload_keys. */
  int32_t (*load_keys)(accel_driver_device* device, const uint8_t* keys, uint64_t keys_stride, uint64_t count,
                       uint32_t* handles_out);
  int32_t (*unload_keys)(accel_driver_device* device, const uint32_t* handles, uint64_t count);

  /* Take up to `count` commands, in this order: how many were taken, from the front. Fewer, or 0, when the queue is
   * full. The structs are read during the call only. A command that is malformed or unsupported is taken, and completed
   * with that status. */
  int32_t (*enqueue_burst)(accel_driver_device* device, uint32_t queue, const accel_command* commands, uint32_t count);
  /* Give out up to `count` completions: how many. Does not block. */
  int32_t (*dequeue_burst)(accel_driver_device* device, uint32_t queue, accel_completion* completions, uint32_t count);
  /* Block until dequeue_burst has something to give (1) or timeout_ns nanoseconds have passed (0). */
  int32_t (*wait)(accel_driver_device* device, uint32_t queue, uint64_t timeout_ns);
  /* A file descriptor that polls readable while dequeue_burst has something to give; it stays the driver's. May be NULL
   * or give ACCEL_DRIVER_UNSUPPORTED: then the runtime waits. */
  int32_t (*descriptor)(accel_driver_device* device, uint32_t queue);
  /* Try to stop a command: 1 when it will be completed as CANCELLED, 0 when it is too late or not known. May be NULL.
   */
  int32_t (*cancel)(accel_driver_device* device, uint32_t queue, uint64_t tag);

  /* Fill up to `count` entries: how many the device has, which may be more. */
  int32_t (*stats)(accel_driver_device* device, accel_driver_stat* stats, uint32_t count);
  /* Stop everything. Commands in flight are dropped without completion, registered buffers and loaded keys are
   * forgotten, and when this returns the device touches none of the memory any more. Then as after open, but for the
   * counters. */
  int32_t (*reset)(accel_driver_device* device);
  /* The same, and free the device. */
  void (*close)(accel_driver_device* device);
} accel_driver;

/* The one export of a driver: its table, static, or NULL when it cannot work with a runtime of this version. */
__attribute__((visibility("default"))) const accel_driver* accel_driver_entry(uint32_t runtime_abi_version);
typedef const accel_driver* (*accel_driver_entry_function)(uint32_t runtime_abi_version);
#define ACCEL_DRIVER_ENTRY_NAME "accel_driver_entry"

#ifdef __cplusplus
}
#endif
#endif
