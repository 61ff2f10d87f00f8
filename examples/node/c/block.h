/* A raw block in memory: the directory that `accel make-block --raw` writes (docs/raw-blocks.md). */
#ifndef BLOCK_H
#define BLOCK_H

#include <stdint.h>

typedef struct block {
  uint64_t rows, signers, message_bytes;
  uint64_t id_length; /* ACCEL_SM2_NO_ZA: digests are SM3(M) */
  uint32_t merkle_rule;
  uint8_t* id;
  uint8_t* public_keys; /* rows * 64 bytes */
  uint8_t* signatures;  /* rows * 64 bytes */
  uint8_t* messages;    /* message i: offsets[i] to offsets[i + 1] */
  int64_t* offsets;     /* rows + 1, checked: from 0, never decreasing, to message_bytes */
  uint8_t* statuses;    /* rows: what verification has to give */
  uint8_t* signer_keys; /* signers * 64 bytes: the keys that are known */
  uint8_t* root;        /* 32 bytes */
} block;

/* 0; or -1 after a sentence on standard error, and the block is empty. Free it with block_free. */
int block_read(block* out, const char* directory);
void block_free(block* b);

#endif
