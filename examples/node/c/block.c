#include "block.h"

#include <accel/accel.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A header is a stranger's word. These bound what is allocated for it: 4 GiB for each file. */
#define MAX_ROWS (UINT64_C(1) << 26)
#define MAX_SIGNERS (UINT64_C(1) << 26)
#define MAX_MESSAGE_BYTES (UINT64_C(1) << 32)
#define HEADER_BYTES 64

/* Integers in the files are little-endian, whatever the machine's are. */
static uint64_t little_endian(const uint8_t* bytes, int size) {
  uint64_t value = 0;
  for (int i = size - 1; i >= 0; --i) value = value << 8 | bytes[i];
  return value;
}

/* The file's bytes, exactly `size` of them, or NULL after a sentence. Free them with free(). */
static uint8_t* read_file(const char* directory, const char* name, uint64_t size) {
  char path[4096];
  const int length = snprintf(path, sizeof path, "%s/%s", directory, name);
  if (length < 0 || (size_t)length >= sizeof path) {
    fprintf(stderr, "verify_block: %s: the path is too long\n", name);
    return NULL;
  }
  FILE* file = fopen(path, "rb");
  if (file == NULL) {
    fprintf(stderr, "verify_block: %s: %s\n", path, strerror(errno));
    return NULL;
  }
  uint8_t* bytes = malloc(size + 1); /* one more, to see that the file ends */
  if (bytes == NULL) {
    fprintf(stderr, "verify_block: %s: no memory for %llu bytes\n", path, (unsigned long long)size);
  } else {
    errno = 0;
    const size_t got = fread(bytes, 1, size + 1, file);
    if (ferror(file) || got != size) {
      const char* what = got > size ? "more" : "fewer";
      if (ferror(file)) {
        fprintf(stderr, "verify_block: %s: %s\n", path, strerror(errno));
      } else {
        fprintf(stderr, "verify_block: %s: expected %llu bytes, got %s\n", path, (unsigned long long)size, what);
      }
      free(bytes);
      bytes = NULL;
    }
  }
  fclose(file);
  return bytes;
}

static int read_header(block* b, const char* directory) {
  uint8_t* header = read_file(directory, "header.bin", HEADER_BYTES);
  if (header == NULL) return -1;
  const char* wrong = NULL;
  if (memcmp(header, "accelraw", 8) != 0) wrong = "not a raw block";
  if (wrong == NULL && little_endian(header + 8, 4) != 1) wrong = "expected version 1, got another";
  b->merkle_rule = (uint32_t)little_endian(header + 12, 4);
  b->rows = little_endian(header + 16, 8);
  b->signers = little_endian(header + 24, 8);
  b->message_bytes = little_endian(header + 32, 8);
  b->id_length = little_endian(header + 40, 8);
  free(header);
  if (wrong == NULL && (b->rows > MAX_ROWS || b->signers > MAX_SIGNERS || b->message_bytes > MAX_MESSAGE_BYTES)) {
    wrong = "larger than this program takes";
  }
  if (wrong == NULL && b->id_length > ACCEL_SM2_MAX_ID_LENGTH && b->id_length != ACCEL_SM2_NO_ZA) {
    wrong = "the ID is too long";
  }
  if (wrong == NULL) return 0;
  fprintf(stderr, "verify_block: %s/header.bin: %s\n", directory, wrong);
  return -1;
}

static int read_offsets(block* b, const char* directory) {
  uint8_t* bytes = read_file(directory, "offsets.bin", 8 * (b->rows + 1));
  b->offsets = (int64_t*)bytes;
  if (bytes == NULL) return -1;
  uint64_t last = 0;
  for (uint64_t i = 0; i <= b->rows; ++i) {
    const uint64_t offset = little_endian(bytes + 8 * i, 8);
    if (offset < last || offset > b->message_bytes || (i == 0 && offset != 0)) break;
    b->offsets[i] = (int64_t)offset;
    last = offset;
    if (i == b->rows && offset == b->message_bytes) return 0;
  }
  fprintf(stderr, "verify_block: %s/offsets.bin: expected 0 to %llu without a decrease\n", directory,
          (unsigned long long)b->message_bytes);
  return -1;
}

int block_read(block* out, const char* directory) {
  block b = {0};
  const int done = read_header(&b, directory) == 0 &&
                   (b.id = read_file(directory, "id.bin", b.id_length == ACCEL_SM2_NO_ZA ? 0 : b.id_length)) &&
                   (b.public_keys = read_file(directory, "public_keys.bin", 64 * b.rows)) &&
                   (b.signatures = read_file(directory, "signatures.bin", 64 * b.rows)) &&
                   (b.messages = read_file(directory, "messages.bin", b.message_bytes)) &&
                   read_offsets(&b, directory) == 0 && (b.statuses = read_file(directory, "statuses.bin", b.rows)) &&
                   (b.signer_keys = read_file(directory, "signers.bin", 64 * b.signers)) &&
                   (b.root = read_file(directory, "root.bin", 32));
  if (!done) {
    block_free(&b);
    return -1;
  }
  *out = b;
  return 0;
}

void block_free(block* b) {
  uint8_t* const arrays[] = {b->id,       b->public_keys, b->signatures,        b->messages,
                             b->statuses, b->signer_keys, (uint8_t*)b->offsets, b->root};
  for (size_t i = 0; i < sizeof arrays / sizeof arrays[0]; ++i) free(arrays[i]);
  *b = (block){0};
}
