/* A queue: commands wait in a ring, one thread runs them in their order, completions wait in another ring. */
#include <errno.h>
#include <string.h>
#include <time.h>

#include "example.h"

static uint64_t now_ns(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* With the mutex held. There is room: what waits, runs and is done is never more than DEPTH. */
static void complete(queue* q, const accel_command* command, uint16_t status, uint64_t device_ns) {
  accel_completion* const c = &q->completed[(q->completed_first + q->completed_count++) % DEPTH];
  memset(c, 0, sizeof *c);
  c->tag = command->tag;
  c->count = command->count;
  c->opcode = command->opcode;
  c->status = status;
  c->device_ns = device_ns;
  pthread_cond_signal(&q->done);
}

static void count(counters* counted, const accel_command* c) {
  atomic_fetch_add(&counted->commands, 1);
  if (c->opcode == ACCEL_OP_SM3) {
    atomic_fetch_add(&counted->sm3, c->count);
  } else if (c->opcode == ACCEL_OP_SM2_VERIFY_DIGEST || c->opcode == ACCEL_OP_SM2_VERIFY) {
    atomic_fetch_add(&counted->sm2_verify, c->count);
  } else {
    atomic_fetch_add(&counted->merkle, c->count);
  }
}

/* The first command that waits; the mutex is held before and after, and not while the command runs. */
static void run_first(queue* q) {
  const accel_command command = q->waiting[q->waiting_first];
  q->waiting_first = (q->waiting_first + 1) % DEPTH;
  --q->waiting_count;
  q->running = true;
  q->cancelled = false;
  q->running_tag = command.tag;
  atomic_store(&q->stop, false);
  pthread_mutex_unlock(&q->mutex);
  const uint64_t begin = now_ns();
  const uint16_t status = work_run(&command, q->keys, &q->stop);
  const uint64_t took = now_ns() - begin;
  pthread_mutex_lock(&q->mutex);
  q->running = false;
  if (q->cancelled || !atomic_load(&q->stop)) { /* otherwise it was dropped by queue_clear */
    if (!q->cancelled && status == ACCEL_COMPLETION_DONE) count(q->counters, &command);
    complete(q, &command, q->cancelled ? ACCEL_COMPLETION_CANCELLED : status, took);
  }
  pthread_cond_broadcast(&q->idle);
}

static void* run(void* argument) {
  queue* const q = argument;
  pthread_mutex_lock(&q->mutex);
  while (!q->ending) {
    if (q->waiting_count == 0) {
      pthread_cond_wait(&q->work, &q->mutex);
    } else {
      run_first(q);
    }
  }
  pthread_mutex_unlock(&q->mutex);
  return NULL;
}

bool queue_start(queue* q, key_table* keys, counters* counted) {
  pthread_condattr_t monotonic;
  memset(q, 0, sizeof *q);
  q->keys = keys;
  q->counters = counted;
  pthread_condattr_init(&monotonic);
  pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
  pthread_mutex_init(&q->mutex, NULL);
  pthread_cond_init(&q->work, NULL);
  pthread_cond_init(&q->idle, NULL);
  pthread_cond_init(&q->done, &monotonic);
  pthread_condattr_destroy(&monotonic);
  return pthread_create(&q->thread, NULL, run, q) == 0;
}

void queue_end(queue* q) {
  queue_clear(q);
  pthread_mutex_lock(&q->mutex);
  q->ending = true;
  pthread_cond_signal(&q->work);
  pthread_mutex_unlock(&q->mutex);
  pthread_join(q->thread, NULL);
  pthread_mutex_destroy(&q->mutex);
  pthread_cond_destroy(&q->work);
  pthread_cond_destroy(&q->idle);
  pthread_cond_destroy(&q->done);
}

int32_t queue_enqueue(queue* q, const accel_command* commands, uint32_t number) {
  uint32_t taken = 0;
  if (number == 0) return 0;
  /* Commands lie struct_size bytes apart, which may be more or less than our sizeof. */
  const size_t size = commands->struct_size;
  const size_t known = size < sizeof(accel_command) ? size : sizeof(accel_command);
  if (size < offsetof(accel_command, messages)) return ACCEL_DRIVER_BAD_ARGUMENT;
  pthread_mutex_lock(&q->mutex);
  while (taken < number && q->waiting_count + q->completed_count + q->running < DEPTH) {
    accel_command* const place = &q->waiting[(q->waiting_first + q->waiting_count++) % DEPTH];
    memset(place, 0, sizeof *place);
    memcpy(place, (const uint8_t*)commands + size * taken++, known);
  }
  pthread_cond_signal(&q->work);
  pthread_mutex_unlock(&q->mutex);
  return (int32_t)taken;
}

int32_t queue_dequeue(queue* q, accel_completion* completions, uint32_t number) {
  uint32_t given = 0;
  pthread_mutex_lock(&q->mutex);
  for (; given < number && q->completed_count > 0; --q->completed_count) {
    completions[given++] = q->completed[q->completed_first];
    q->completed_first = (q->completed_first + 1) % DEPTH;
  }
  pthread_mutex_unlock(&q->mutex);
  return (int32_t)given;
}

int32_t queue_wait(queue* q, uint64_t timeout_ns) {
  const uint64_t end = now_ns() + (timeout_ns < UINT64_MAX / 4 ? timeout_ns : UINT64_MAX / 4);
  const struct timespec until = {.tv_sec = (time_t)(end / 1000000000u), .tv_nsec = (long)(end % 1000000000u)};
  int failure = 0;
  pthread_mutex_lock(&q->mutex);
  while (q->completed_count == 0 && failure != ETIMEDOUT) failure = pthread_cond_timedwait(&q->done, &q->mutex, &until);
  const int32_t ready = q->completed_count != 0;
  pthread_mutex_unlock(&q->mutex);
  return ready;
}

int32_t queue_cancel(queue* q, uint64_t tag) {
  int32_t stopped = 0;
  pthread_mutex_lock(&q->mutex);
  if (q->running && q->running_tag == tag) {
    q->cancelled = true;
    atomic_store(&q->stop, true);
    stopped = 1;
  }
  for (unsigned i = 0; !stopped && i < q->waiting_count; ++i) {
    const accel_command command = q->waiting[(q->waiting_first + i) % DEPTH];
    if (command.tag != tag) continue;
    for (; i + 1 < q->waiting_count; ++i) {
      q->waiting[(q->waiting_first + i) % DEPTH] = q->waiting[(q->waiting_first + i + 1) % DEPTH];
    }
    --q->waiting_count;
    complete(q, &command, ACCEL_COMPLETION_CANCELLED, 0);
    stopped = 1;
  }
  pthread_mutex_unlock(&q->mutex);
  return stopped;
}

void queue_clear(queue* q) {
  pthread_mutex_lock(&q->mutex);
  q->waiting_count = 0;
  q->cancelled = false;
  if (q->running) atomic_store(&q->stop, true);
  while (q->running) pthread_cond_wait(&q->idle, &q->mutex);
  q->completed_count = 0;
  pthread_mutex_unlock(&q->mutex);
}
