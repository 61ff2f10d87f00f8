/* SM3, step by step (GB/T 32905-2016). */
#include <stddef.h>
#include <string.h>

#include "accel/golden.h"

/* Section 4.1. */
static const uint32_t kInitial[8] = {0x7380166f, 0x4914b2b9, 0x172442d7, 0xda8a0600,
                                     0xa96f30bc, 0x163138aa, 0xe38dee4d, 0xb0fb0e4e};

static uint32_t rotate_left(uint32_t x, int count) {
  count %= 32;
  return count == 0 ? x : x << count | x >> (32 - count);
}

/* Section 4.2: T_j. */
static uint32_t constant(int j) { return j < 16 ? 0x79cc4519 : 0x7a879d8a; }

/* Section 4.3: FF_j and GG_j. */
static uint32_t ff(int j, uint32_t x, uint32_t y, uint32_t z) {
  return j < 16 ? x ^ y ^ z : (x & y) | (x & z) | (y & z);
}
static uint32_t gg(int j, uint32_t x, uint32_t y, uint32_t z) { return j < 16 ? x ^ y ^ z : (x & y) | (~x & z); }

/* Section 4.4: P_0 and P_1. */
static uint32_t p0(uint32_t x) { return x ^ rotate_left(x, 9) ^ rotate_left(x, 17); }
static uint32_t p1(uint32_t x) { return x ^ rotate_left(x, 15) ^ rotate_left(x, 23); }

/* ------------------------------------------------------------------------------- section 5.2: padding */

/* A message in two parts, of which the first may be empty. */
typedef struct message {
  const uint8_t* prefix;
  uint64_t prefix_length;
  const uint8_t* body;
  uint64_t body_length;
} message;

static int is_valid(const message* m) {
  if (m->prefix_length > ACCEL_GOLDEN_MAX_MESSAGE) return 0;
  if (m->body_length > ACCEL_GOLDEN_MAX_MESSAGE - m->prefix_length) return 0;
  return (m->prefix != NULL || m->prefix_length == 0) && (m->body != NULL || m->body_length == 0);
}

static uint64_t length_of(const message* m) { return m->prefix_length + m->body_length; }

/* Room for the byte 80 and for the length in bits in 8 bytes, in whole blocks of 64 bytes. */
static uint64_t padded_length(const message* m) { return (length_of(m) + 1 + 8 + 63) / 64 * 64; }

/* Byte `i` of the padded message. */
static uint8_t padded_byte(const message* m, uint64_t i) {
  const uint64_t length = length_of(m), end = padded_length(m);
  if (i < m->prefix_length) return m->prefix[i];
  if (i < length) return m->body[i - m->prefix_length];
  if (i == length) return 0x80;
  if (i < end - 8) return 0;
  return (uint8_t)(8 * length >> 8 * (end - 1 - i));
}

int32_t accel_golden_sm3_pad(uint8_t* blocks_out, uint64_t capacity, uint64_t* length_out, const uint8_t* body,
                             uint64_t body_length) {
  const message m = {NULL, 0, body, body_length};
  if (length_out == NULL || !is_valid(&m)) return ACCEL_GOLDEN_BAD_ARGUMENT;
  *length_out = padded_length(&m);
  if (blocks_out == NULL || capacity < *length_out) return ACCEL_GOLDEN_BAD_ARGUMENT;
  for (uint64_t i = 0; i < *length_out; i++) blocks_out[i] = padded_byte(&m, i);
  return ACCEL_GOLDEN_OK;
}

/* -------------------------------------------------------------------- section 5.3: iterated compression */

/* Section 5.3.2. */
static void expand(uint32_t w[68], uint32_t w_prime[64], const uint8_t block[64]) {
  for (int j = 0; j < 16; j++) {
    const uint8_t* b = block + 4 * j;
    w[j] = (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3];
  }
  for (int j = 16; j < 68; j++) {
    w[j] = p1(w[j - 16] ^ w[j - 9] ^ rotate_left(w[j - 3], 15)) ^ rotate_left(w[j - 13], 7) ^ w[j - 6];
  }
  for (int j = 0; j < 64; j++) w_prime[j] = w[j] ^ w[j + 4];
}

/* Section 5.3.3: registers[j + 1] from registers[j]. */
static void do_round(accel_golden_sm3_compression* c, int j) {
  enum { A, B, C, D, E, F, G, H };
  const uint32_t* v = c->registers[j];
  uint32_t* next = c->registers[j + 1];
  c->ss1[j] = rotate_left(rotate_left(v[A], 12) + v[E] + rotate_left(constant(j), j), 7);
  c->ss2[j] = c->ss1[j] ^ rotate_left(v[A], 12);
  c->tt1[j] = ff(j, v[A], v[B], v[C]) + v[D] + c->ss2[j] + c->w_prime[j];
  c->tt2[j] = gg(j, v[E], v[F], v[G]) + v[H] + c->ss1[j] + c->w[j];
  next[D] = v[C];
  next[C] = rotate_left(v[B], 9);
  next[B] = v[A];
  next[A] = c->tt1[j];
  next[H] = v[G];
  next[G] = rotate_left(v[F], 19);
  next[F] = v[E];
  next[E] = p0(c->tt2[j]);
}

static void compress(accel_golden_sm3_compression* c, const uint32_t state[8], const uint8_t block[64]) {
  expand(c->w, c->w_prime, block);
  memcpy(c->registers[0], state, sizeof(c->registers[0]));
  for (int j = 0; j < 64; j++) do_round(c, j);
  for (int i = 0; i < 8; i++) c->state[i] = c->registers[64][i] ^ c->registers[0][i];
}

static void hash(uint8_t digest_out[32], const message* m) {
  uint32_t state[8];
  memcpy(state, kInitial, sizeof(state));
  for (uint64_t begin = 0; begin < padded_length(m); begin += 64) {
    uint8_t block[64];
    accel_golden_sm3_compression c;
    for (uint64_t i = 0; i < 64; i++) block[i] = padded_byte(m, begin + i);
    compress(&c, state, block);
    memcpy(state, c.state, sizeof(state));
  }
  for (int i = 0; i < 32; i++) digest_out[i] = (uint8_t)(state[i / 4] >> (24 - 8 * (i % 4)));
}

/* ---------------------------------------------------------------------------------------- the library's face */

int32_t accel_golden_sm3_initial(uint32_t state_out[8]) {
  if (state_out == NULL) return ACCEL_GOLDEN_BAD_ARGUMENT;
  memcpy(state_out, kInitial, sizeof(kInitial));
  return ACCEL_GOLDEN_OK;
}

int32_t accel_golden_sm3_expand(uint32_t w_out[68], uint32_t w_prime_out[64], const uint8_t block[64]) {
  if (w_out == NULL || w_prime_out == NULL || block == NULL) return ACCEL_GOLDEN_BAD_ARGUMENT;
  expand(w_out, w_prime_out, block);
  return ACCEL_GOLDEN_OK;
}

int32_t accel_golden_sm3_compress_trace(accel_golden_sm3_compression* trace_out, const uint32_t state[8],
                                        const uint8_t block[64]) {
  if (trace_out == NULL || state == NULL || block == NULL) return ACCEL_GOLDEN_BAD_ARGUMENT;
  if (trace_out->struct_size < sizeof(*trace_out)) return ACCEL_GOLDEN_BAD_ARGUMENT;
  uint32_t before[8]; /* `state` may be a field of *trace_out */
  memcpy(before, state, sizeof(before));
  compress(trace_out, before, block);
  return ACCEL_GOLDEN_OK;
}

int32_t accel_golden_sm3_compress(uint32_t state_out[8], const uint32_t state[8], const uint8_t block[64]) {
  accel_golden_sm3_compression c = {.struct_size = sizeof(c)};
  if (state_out == NULL) return ACCEL_GOLDEN_BAD_ARGUMENT;
  const int32_t status = accel_golden_sm3_compress_trace(&c, state, block);
  if (status == ACCEL_GOLDEN_OK) memcpy(state_out, c.state, sizeof(c.state));
  return status;
}

int32_t accel_golden_sm3_hash_prefixed(uint8_t digest_out[32], const uint8_t* prefix, uint64_t prefix_length,
                                       const uint8_t* body, uint64_t body_length) {
  const message m = {prefix, prefix_length, body, body_length};
  if (digest_out == NULL || !is_valid(&m)) return ACCEL_GOLDEN_BAD_ARGUMENT;
  hash(digest_out, &m);
  return ACCEL_GOLDEN_OK;
}

int32_t accel_golden_sm3_hash(uint8_t digest_out[32], const uint8_t* body, uint64_t body_length) {
  return accel_golden_sm3_hash_prefixed(digest_out, NULL, 0, body, body_length);
}
