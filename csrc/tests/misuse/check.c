#include "check.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_NOTES = 4096, NAME_SIZE = 64, MAX_HEADER = 1 << 20 };

struct note {
  char function[NAME_SIZE], argument[NAME_SIZE]; /* argument "": the function was called */
};

static struct note notes[MAX_NOTES];
static size_t note_count, checks, failures;

static void fail(const char* file, int line, const char* what, const char* detail) {
  ++failures;
  fprintf(stderr, "%s:%d: %s: %s\n", file, line, what, detail);
}

static bool is_noted(const char* function, const char* argument) {
  for (size_t i = 0; i < note_count; ++i) {
    if (strcmp(notes[i].function, function) == 0 && strcmp(notes[i].argument, argument) == 0) return true;
  }
  return false;
}

static void note(const char* function, const char* argument) {
  if (is_noted(function, argument)) return;
  if (note_count == MAX_NOTES) abort();
  snprintf(notes[note_count].function, NAME_SIZE, "%s", function);
  snprintf(notes[note_count].argument, NAME_SIZE, "%s", argument);
  ++note_count;
}

void check_tried(const char* call, const char* argument) {
  char function[NAME_SIZE];
  snprintf(function, sizeof function, "%.*s", (int)strcspn(call, "("), call);
  note(function, "");
  if (argument != NULL) note(function, argument);
}

void check_that(const char* file, int line, const char* condition, bool holds) {
  ++checks;
  if (!holds) fail(file, line, condition, "does not hold");
}

void check_answer(const char* file, int line, const char* call, accel_status expected, accel_status status) {
  char detail[1200];
  const char* sentence = accel_last_error();
  ++checks;
  check_tried(call, NULL);
  if (status == expected && (status == ACCEL_OK) == (*sentence == '\0')) return;
  snprintf(detail, sizeof detail, "expected %s, got %s \"%s\"", accel_status_name((int)expected),
           accel_status_name((int)status), sentence);
  fail(file, line, call, detail);
}

void check_refusal(const char* file, int line, const char* call, accel_status expected, const char* argument,
                   accel_status status) {
  const char* sentence = accel_last_error();
  const size_t length = strlen(argument);
  check_answer(file, line, call, expected, status);
  if (strncmp(sentence, argument, length) == 0 && (sentence[length] == ':' || sentence[length] == '[')) return;
  fail(file, line, call, "the sentence does not begin with the argument's name");
  fprintf(stderr, "  %s, not: %s\n", argument, sentence);
}

void check_null(const char* file, int line, const char* call, const char* argument, accel_status status) {
  check_tried(call, argument);
  check_refusal(file, line, call, ACCEL_BAD_ARGUMENT, argument, status);
  if (strstr(accel_last_error(), "NULL") == NULL) fail(file, line, call, "the sentence does not say NULL");
}

/* --- what the header declares ------------------------------------------------------------------------------- */

/* The header without comments. */
static char* read_header(void) {
  static char text[MAX_HEADER];
  FILE* file = fopen(ACCEL_HEADER, "rb");
  if (file == NULL) {
    perror(ACCEL_HEADER);
    exit(1);
  }
  const size_t size = fread(text, 1, sizeof text - 1, file);
  fclose(file);
  text[size] = '\0';
  for (char* at = text; (at = strstr(at, "/*")) != NULL;) {
    const char* end = strstr(at, "*/");
    if (end == NULL) abort();
    memset(at, ' ', (size_t)(end + 2 - at));
  }
  return text;
}

static bool is_word(char c) { return isalnum((unsigned char)c) || c == '_'; }

/* The last word of [begin, end). */
static void last_word(char word[NAME_SIZE], const char* begin, const char* end) {
  while (end > begin && !is_word(end[-1])) --end;
  const char* start = end;
  while (start > begin && is_word(start[-1])) --start;
  snprintf(word, NAME_SIZE, "%.*s", (int)(end - start), start);
}

/* visit(function, "") for every declaration, then visit(function, parameter) for every pointer or array in it. */
static void for_each_pointer(void (*visit)(const char* function, const char* argument)) {
  static const char mark[] = "\nACCEL_API ";
  for (const char* at = read_header(); (at = strstr(at, mark)) != NULL;) {
    char function[NAME_SIZE], argument[NAME_SIZE];
    const char* open = strchr(at, '(');
    const char* close = open == NULL ? NULL : strchr(open, ')');
    if (close == NULL) abort();
    last_word(function, at + sizeof mark - 1, open);
    visit(function, "");
    for (const char* begin = open + 1; begin < close;) {
      const char* end = begin + strcspn(begin, ",)");
      const char* name_end = begin + strcspn(begin, "[,)");
      last_word(argument, begin, name_end);
      if (*name_end == '[' || memchr(begin, '*', (size_t)(end - begin)) != NULL) visit(function, argument);
      begin = end + 1;
    }
    at = close;
  }
}

static void (*visit_function)(const char* function);

static void visit_names(const char* function, const char* argument) {
  if (*argument == '\0') visit_function(function);
}

void for_each_function(void (*visit)(const char* function)) {
  visit_function = visit;
  for_each_pointer(visit_names);
}

static size_t declared;

static void check_noted(const char* function, const char* argument) {
  ++declared;
  ++checks;
  if (is_noted(function, argument)) return;
  fail(ACCEL_HEADER, 0, function, *argument == '\0' ? "no test calls it" : "no test tries NULL for the argument");
  if (*argument != '\0') fprintf(stderr, "  %s\n", argument);
}

void check_coverage(void) {
  for_each_pointer(check_noted);
  CHECK(declared > 100);
}

int check_report(void) {
  printf("%zu checks of %zu functions and pointers, %zu failed\n", checks, declared, failures);
  return failures == 0 ? 0 : 1;
}
