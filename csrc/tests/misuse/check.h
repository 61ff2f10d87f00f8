/* Assertions about calls of accel.h. Each notes which function and which pointer it was about; check_coverage()
 * compares the notes with the header, so that a function or a pointer that nobody tried is a failure. */
#ifndef ACCEL_TESTS_MISUSE_CHECK_H
#define ACCEL_TESTS_MISUSE_CHECK_H

#include <stdbool.h>
#include <stddef.h>

#include "accel/accel.h"

/* The call gives this status; with ACCEL_OK there is no sentence, otherwise there is one. */
#define ANSWERS(expected, call) check_answer(__FILE__, __LINE__, #call, expected, call)
/* The call gives this error and a sentence that begins with the argument's name. */
#define REFUSES(expected, argument, call) check_refusal(__FILE__, __LINE__, #call, expected, argument, call)
/* NULL for this argument is ACCEL_BAD_ARGUMENT, and the sentence says that it is NULL. */
#define REFUSES_NULL(argument, call) check_null(__FILE__, __LINE__, #call, argument, call)
/* NULL for this argument is ACCEL_OK. */
#define TAKES_NULL(argument, call) \
  (check_tried(#call, argument), check_answer(__FILE__, __LINE__, #call, ACCEL_OK, call))
/* A function that returns no status. */
#define CALLS(call) (check_tried(#call, NULL), call)
#define CHECK(condition) check_that(__FILE__, __LINE__, #condition, condition)

void check_answer(const char* file, int line, const char* call, accel_status expected, accel_status status);
void check_refusal(const char* file, int line, const char* call, accel_status expected, const char* argument,
                   accel_status status);
void check_null(const char* file, int line, const char* call, const char* argument, accel_status status);
void check_that(const char* file, int line, const char* condition, bool holds);
/* Notes the function that begins the text of `call`, and an argument (or NULL) for which NULL has been tried. */
void check_tried(const char* call, const char* argument);

/* For every function that accel.h declares: its name. */
void for_each_function(void (*visit)(const char* function));
/* Every function of accel.h was called, and NULL was tried for every pointer that it takes. */
void check_coverage(void);
/* Prints how many checks there were; 0 if none failed. */
int check_report(void);

#endif
