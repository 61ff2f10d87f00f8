/* Calls that take a batch, described by tables. */
#ifndef ACCEL_TESTS_MISUSE_BATCH_H
#define ACCEL_TESTS_MISUSE_BATCH_H

#include <stdbool.h>
#include <stddef.h>

#include "fixture.h"

enum kind {
  NONE,     /* the end of a list */
  STATUS,   /* status array: filled before anything else is looked at */
  ARRAY,    /* other array */
  STRIDE,   /* of the array that has the name */
  HANDLES,  /* needed even when there are no items */
  OPTIONAL, /* array or device that may be NULL */
  VIEW,     /* accel_messages */
  ID,
  RULE,
  KEY_COUNT
};

struct argument {
  enum kind kind;
  const char* name; /* the parameter's */
  size_t offset;    /* in struct batch */
};

struct function {
  const char* name;
  accel_status (*call)(const struct batch* b);
  bool (*right)(const struct batch* b); /* of a valid call: are the answers right? */
  struct argument arguments[14];
};

extern const struct function batch_functions[];
extern const size_t batch_function_count;

#endif
