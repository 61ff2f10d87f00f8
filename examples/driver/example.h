/* The parts of the example driver: driver.c (the table of functions), queue.c (commands and completions), work.c (what
 * the hardware would do). */
#ifndef EXAMPLE_H
#define EXAMPLE_H

#include <accel/driver.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#define QUEUES 2u
#define DEPTH 64u /* commands in flight on a queue */
#define MAX_ITEMS 4096u
#define MAX_MESSAGE (1u << 20)
#define MAX_BYTES (1u << 24)
#define MAX_KEYS 4096u

/* Public keys by handle. A handle is a place in the array. */
typedef struct key_table {
  pthread_mutex_t mutex;
  uint8_t keys[MAX_KEYS][64];
  bool used[MAX_KEYS];
} key_table;

/* Of the device, also over resets. */
typedef struct counters {
  atomic_uint_fast64_t commands, sm3, sm2_verify, merkle, resets;
} counters;

/* One queue: a ring of commands that wait, the one that runs, a ring of completions. A thread runs the commands. */
typedef struct queue {
  pthread_mutex_t mutex;
  pthread_cond_t work, idle, done;
  pthread_t thread;
  accel_command waiting[DEPTH];
  accel_completion completed[DEPTH];
  unsigned waiting_first, waiting_count, completed_first, completed_count;
  bool running, cancelled, ending;
  uint64_t running_tag;
  atomic_bool stop; /* the command that runs is no longer wanted */
  key_table* keys;
  counters* counters;
} queue;

bool queue_start(queue* q, key_table* keys, counters* counted);
void queue_end(queue* q);
/* As the functions of the table. */
int32_t queue_enqueue(queue* q, const accel_command* commands, uint32_t count);
int32_t queue_dequeue(queue* q, accel_completion* completions, uint32_t count);
int32_t queue_wait(queue* q, uint64_t timeout_ns);
int32_t queue_cancel(queue* q, uint64_t tag);
/* Drop everything; when it returns, nothing runs. */
void queue_clear(queue* q);

/* The answer to one command: an accel_completion_status. Looks at `stop` between items. */
uint16_t work_run(const accel_command* command, key_table* keys, atomic_bool* stop);

#endif
