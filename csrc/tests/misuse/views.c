/* Ways to get accel_messages wrong. */
#include <string.h>

#include "fixture.h"
#include "tests.h"

static void ragged64(accel_messages* view, const int64_t offsets[COUNT + 1]) {
  static int64_t copy[COUNT + 1];
  memcpy(copy, offsets, sizeof copy);
  view->layout = ACCEL_LAYOUT_RAGGED64;
  view->offsets = copy;
}

static void ragged32(accel_messages* view, const int32_t offsets[COUNT + 1]) {
  static int32_t copy[COUNT + 1];
  memcpy(copy, offsets, sizeof copy);
  view->layout = ACCEL_LAYOUT_RAGGED32;
  view->offsets = copy;
}

static void pointers(accel_messages* view, const uint8_t* third, uint64_t length) {
  static const uint8_t* items[COUNT];
  static uint64_t lengths[COUNT];
  for (size_t i = 0; i < COUNT; ++i) items[i] = good.messages_bytes, lengths[i] = 1;
  items[2] = third;
  lengths[2] = length;
  view->layout = ACCEL_LAYOUT_POINTERS;
  view->pointers = items;
  view->lengths = lengths;
}

static void strided(accel_messages* view, const uint8_t* data, uint64_t stride, uint64_t length) {
  view->layout = ACCEL_LAYOUT_STRIDED;
  view->data = data;
  view->stride = stride;
  view->length = length;
}

static bool bad_struct(size_t i, accel_messages* view) {
  const uint32_t sizes[] = {0, 1, sizeof *view - 8, sizeof *view + 8, UINT32_MAX};
  const uint32_t layouts[] = {ACCEL_LAYOUT_POINTERS + 1, 256, UINT32_MAX};
  if (i < 5) {
    view->struct_size = sizes[i];
  } else if (i < 8) {
    view->layout = layouts[i - 5];
  } else {
    return false;
  }
  return true;
}

static bool bad_strided(size_t i, accel_messages* view) {
  const uint8_t* const data = good.messages_bytes;
  switch (i) {
    case 0:
      return strided(view, NULL, LENGTH, LENGTH), true;
    case 1:
      return strided(view, data, UINT64_MAX, LENGTH), true;
    case 2:
      return strided(view, data, UINT64_MAX / (COUNT - 1), LENGTH), true;
    case 3:
      return strided(view, data, LENGTH, ACCEL_MAX_MESSAGE + 1), true;
    case 4:
      return strided(view, data, LENGTH, UINT64_MAX), true;
    default:
      return false;
  }
}

static bool bad_ragged(size_t i, accel_messages* view) {
  switch (i) {
    case 0:
      return ragged64(view, (const int64_t[]){-1, 0, 1, 2, 3, 4}), true;
    case 1:
      return ragged64(view, (const int64_t[]){0, 2, 1, 2, 3, 4}), true;
    case 2:
      return ragged64(view, (const int64_t[]){0, 1, 2, 3, 4, COUNT * LENGTH + 1}), true;
    case 3:
      return ragged64(view, (const int64_t[]){0, 1, 2, 3, 4, INT64_MAX}), true;
    case 4:
      return ragged64(view, (const int64_t[]){0, 1, 2, 3, 4, INT64_MIN}), true;
    case 5:
      return ragged32(view, (const int32_t[]){-1, 0, 1, 2, 3, 4}), true;
    case 6:
      return ragged32(view, (const int32_t[]){0, 1, 2, 3, 4, INT32_MAX}), true;
    case 7:
      return ragged32(view, (const int32_t[]){0, 1, 2, 3, INT32_MIN, 4}), true;
    case 8:
      view->layout = ACCEL_LAYOUT_RAGGED32; /* offsets NULL */
      return true;
    case 9:
      view->layout = ACCEL_LAYOUT_RAGGED64;
      return true;
    case 10:
      ragged64(view, (const int64_t[]){0, 1, 2, 3, 4, 5});
      view->data = NULL;
      return true;
    case 11:
      ragged64(view, (const int64_t[]){0, 1, 2, 3, 4, 5});
      view->data_size = UINT64_MAX;
      return true;
    default:
      return false;
  }
}

static bool bad_pointers(size_t i, accel_messages* view) {
  pointers(view, good.messages_bytes, 1);
  switch (i) {
    case 0:
      view->pointers = NULL;
      return true;
    case 1:
      view->lengths = NULL;
      return true;
    case 2:
      return pointers(view, NULL, 1), true;
    case 3:
      return pointers(view, good.messages_bytes, ACCEL_MAX_MESSAGE + 1), true;
    case 4:
      return pointers(view, good.messages_bytes, UINT64_MAX), true;
    default:
      return false;
  }
}

bool bad_view(size_t i, accel_messages* view) {
  static bool (*const groups[])(size_t i, accel_messages* view) = {bad_struct, bad_strided, bad_ragged, bad_pointers};
  static const size_t sizes[] = {8, 5, 12, 5};
  for (size_t group = 0; group < sizeof sizes / sizeof *sizes; ++group) {
    *view = *good.messages;
    view->data_size = COUNT * LENGTH;
    if (i < sizes[group]) return groups[group](i, view);
    i -= sizes[group];
  }
  return false;
}
