/* accel golden: SM3, SM2 and Merkle trees with their intermediate values, for test benches.
 *
 * A second opinion, written from the standards to be read, that shares no code with libaccel. It is for public data in
 * test benches alone: its time depends on its inputs, private keys and nonces included.
 *
 * Conventions, for every function unless it says otherwise:
 *  - A number is uint32_t[8], word 0 the least significant: what `bit [255:0]` is to SystemVerilog's DPI (svBitVecVal).
 *    Any 256-bit value is taken; what must lie below p or n says so.
 *  - An affine point is uint32_t[16], x then y (`bit [511:0]`, x in the lower half). Infinity is all zeros, which is no
 *    point of the curve. A Jacobian point is uint32_t[24]: X, Y, Z for (X / Z^2, Y / Z^3), and Z = 0 for infinity,
 *    which comes out as (1, 1, 0).
 *  - SM3's words are uint32_t in the standard's order: word 0 is A, or W_0. Bytes of messages, digests, IDs and Merkle
 *    hashes are uint8_t in the order in which they are sent.
 *  - Outputs come first. One of fixed size may be the same array as an input. Arrays of uint32_t and structures are
 *    aligned as C wants, arrays of uint8_t not at all.
 *  - Every function returns an accel_golden_status, as an int32_t (DPI: int). ACCEL_GOLDEN_BAD_ARGUMENT: a pointer is
 *    NULL, a length, capacity, modulus or rule is not allowed, or a structure's struct_size is less than its size here;
 *    then outputs hold nothing of use, but for lengths and counts, which say what is needed where a capacity was short.
 *    A length of 0 allows its pointer to be NULL.
 *  - Nothing is allocated, nothing is kept between calls: any number of threads may call at once.
 */
#ifndef ACCEL_GOLDEN_H
#define ACCEL_GOLDEN_H

#include <stdint.h>

#define ACCEL_GOLDEN_API __attribute__((visibility("default")))

#define ACCEL_GOLDEN_ABI_VERSION 1u

#ifdef __cplusplus
extern "C" {
#endif

/* The numbering of accel.h's accel_status: 0 is never success. */
typedef enum accel_golden_status {
  ACCEL_GOLDEN_NOT_CHECKED = 0,   /* never returned */
  ACCEL_GOLDEN_OK = 1,            /* the call ran; the signature, key or proof is valid */
  ACCEL_GOLDEN_BAD_SIGNATURE = 2, /* the equation does not hold; when signing: the standard wants another nonce */
  ACCEL_GOLDEN_BAD_KEY = 3,       /* not a point of the curve; a private key outside [1, n-2] */
  ACCEL_GOLDEN_BAD_RANGE = 4,    /* r or s outside [1, n-1], or r + s = 0 mod n; no inverse; a nonce outside [1, n-1] */
  ACCEL_GOLDEN_BAD_PROOF = 5,    /* a Merkle proof that does not lead to the root */
  ACCEL_GOLDEN_BAD_ARGUMENT = 16 /* an argument breaks the function's contract */
} accel_golden_status;

/* ABI version of the library that is loaded (never 0): compare with ACCEL_GOLDEN_ABI_VERSION. */
ACCEL_GOLDEN_API uint32_t accel_golden_abi_version(void);
/* Name of a status without its prefix, for example "BAD_KEY"; "UNKNOWN" for a value that is none. A static string. */
ACCEL_GOLDEN_API const char* accel_golden_status_name(int32_t status);

/* --------------------------------------------------------------------------------------------------- numbers */

/* From and to 32 bytes, big-endian, as signatures, keys and digests are sent. */
ACCEL_GOLDEN_API int32_t accel_golden_number_from_bytes(uint32_t number_out[8], const uint8_t bytes[32]);
ACCEL_GOLDEN_API int32_t accel_golden_number_to_bytes(uint8_t bytes_out[32], const uint32_t number[8]);

/* GB/T 32918.5-2017, section 4.2, and for Montgomery multipliers with R = 2^256 what follows from it. */
typedef enum accel_golden_constant_name {
  ACCEL_GOLDEN_P = 1, /* the field's prime */
  ACCEL_GOLDEN_N = 2, /* the order of G, a prime */
  ACCEL_GOLDEN_A = 3, /* y^2 = x^3 + a x + b */
  ACCEL_GOLDEN_B = 4,
  ACCEL_GOLDEN_GX = 5, /* the base point G */
  ACCEL_GOLDEN_GY = 6,
  ACCEL_GOLDEN_R_MOD_P = 7, /* R mod p: 1 in the Montgomery domain */
  ACCEL_GOLDEN_R_MOD_N = 8,
  ACCEL_GOLDEN_R2_MOD_P = 9, /* R^2 mod p: a Montgomery product with it goes into the domain */
  ACCEL_GOLDEN_R2_MOD_N = 10,
  ACCEL_GOLDEN_MINUS_INV_P = 11, /* -p^-1 mod R: its lowest w bits are -p^-1 mod 2^w */
  ACCEL_GOLDEN_MINUS_INV_N = 12
} accel_golden_constant_name;
ACCEL_GOLDEN_API int32_t accel_golden_constant(uint32_t number_out[8], uint32_t name);

/* a * b in full: 512 bits, word 0 the least significant. */
ACCEL_GOLDEN_API int32_t accel_golden_product(uint32_t product_out[16], const uint32_t a[8], const uint32_t b[8]);

/* Arithmetic modulo p or n: `modulus` is ACCEL_GOLDEN_P or ACCEL_GOLDEN_N. Results are in [0, modulus - 1]. */
ACCEL_GOLDEN_API int32_t accel_golden_mod_add(uint32_t result_out[8], uint32_t modulus, const uint32_t a[8],
                                              const uint32_t b[8]);
ACCEL_GOLDEN_API int32_t accel_golden_mod_sub(uint32_t result_out[8], uint32_t modulus, const uint32_t a[8],
                                              const uint32_t b[8]);
ACCEL_GOLDEN_API int32_t accel_golden_mod_mul(uint32_t result_out[8], uint32_t modulus, const uint32_t a[8],
                                              const uint32_t b[8]);
/* a^-1. ACCEL_GOLDEN_BAD_RANGE and zero when a = 0 mod modulus. */
ACCEL_GOLDEN_API int32_t accel_golden_mod_inv(uint32_t result_out[8], uint32_t modulus, const uint32_t a[8]);

/* Montgomery's domain with R = 2^256: a * R, a * R^-1, a * b * R^-1 modulo p or n. */
ACCEL_GOLDEN_API int32_t accel_golden_to_mont(uint32_t result_out[8], uint32_t modulus, const uint32_t a[8]);
ACCEL_GOLDEN_API int32_t accel_golden_from_mont(uint32_t result_out[8], uint32_t modulus, const uint32_t a[8]);
ACCEL_GOLDEN_API int32_t accel_golden_mont_mul(uint32_t result_out[8], uint32_t modulus, const uint32_t a[8],
                                               const uint32_t b[8]);

/* One Montgomery product (Montgomery 1985, REDC) with what happens inside. A multiplier that takes the quotient w bits
 * at a time, from the low end, finds its digits in `quotient`. */
typedef struct accel_golden_montgomery {
  uint32_t struct_size;  /* sizeof(accel_golden_montgomery), set by the caller */
  uint32_t subtractions; /* of the modulus, at the end: 0 or 1, and 2 only where a or b was not reduced */
  uint32_t product[16];  /* T = a * b */
  uint32_t quotient[8];  /* q = T * (-modulus^-1) mod R */
  uint32_t sum[9];       /* (T + q * modulus) / R, before the subtraction */
  uint32_t result[8];
} accel_golden_montgomery;
ACCEL_GOLDEN_API int32_t accel_golden_mont_mul_trace(accel_golden_montgomery* trace_out, uint32_t modulus,
                                                     const uint32_t a[8], const uint32_t b[8]);

/* ------------------------------------------------------------------------------------------------------- SM3 */

/* GB/T 32905-2016. A message has at most ACCEL_GOLDEN_MAX_MESSAGE bytes. */

#define ACCEL_GOLDEN_MAX_MESSAGE (UINT64_C(1) << 60)

/* The initial value IV (section 4.1). */
ACCEL_GOLDEN_API int32_t accel_golden_sm3_initial(uint32_t state_out[8]);
/* The padded message (section 5.2): whole blocks of 64 bytes. *length_out: their bytes, also where capacity is short.
 */
ACCEL_GOLDEN_API int32_t accel_golden_sm3_pad(uint8_t* blocks_out, uint64_t capacity, uint64_t* length_out,
                                              const uint8_t* message, uint64_t message_length);
/* Message expansion (section 5.3.2): W_0 to W_67 and W'_0 to W'_63. */
ACCEL_GOLDEN_API int32_t accel_golden_sm3_expand(uint32_t w_out[68], uint32_t w_prime_out[64], const uint8_t block[64]);
/* CF (section 5.3.3): the chaining value after `block`. */
ACCEL_GOLDEN_API int32_t accel_golden_sm3_compress(uint32_t state_out[8], const uint32_t state[8],
                                                   const uint8_t block[64]);

/* CF with what happens inside. */
typedef struct accel_golden_sm3_compression {
  uint32_t struct_size; /* sizeof(accel_golden_sm3_compression), set by the caller */
  uint32_t w[68];       /* W */
  uint32_t w_prime[64]; /* W' */
  uint32_t ss1[64];     /* SS1, SS2, TT1, TT2 of round j */
  uint32_t ss2[64];
  uint32_t tt1[64];
  uint32_t tt2[64];
  uint32_t registers[65][8]; /* A to H: [0] before round 0, [j + 1] after round j */
  uint32_t state[8];         /* the next chaining value: registers[64] xor registers[0] */
} accel_golden_sm3_compression;
ACCEL_GOLDEN_API int32_t accel_golden_sm3_compress_trace(accel_golden_sm3_compression* trace_out,
                                                         const uint32_t state[8], const uint8_t block[64]);

ACCEL_GOLDEN_API int32_t accel_golden_sm3_hash(uint8_t digest_out[32], const uint8_t* message, uint64_t message_length);
/* SM3(prefix || message), as for ZA || M. The limit is on the sum of the lengths. */
ACCEL_GOLDEN_API int32_t accel_golden_sm3_hash_prefixed(uint8_t digest_out[32], const uint8_t* prefix,
                                                        uint64_t prefix_length, const uint8_t* message,
                                                        uint64_t message_length);

/* ---------------------------------------------------------------------------------------------------- points */

/* Points of the curve of GB/T 32918.5-2017. */

/* ACCEL_GOLDEN_OK, or ACCEL_GOLDEN_BAD_KEY: infinity, a coordinate that is p or more, or off the curve. */
ACCEL_GOLDEN_API int32_t accel_golden_point_check(const uint32_t point[16]);
/* The point with this x and with an odd (1) or even (0) y. ACCEL_GOLDEN_BAD_KEY and zeros: there is none. */
ACCEL_GOLDEN_API int32_t accel_golden_point_decompress(uint32_t point_out[16], const uint32_t x[8], uint32_t odd);

/* The group (GB/T 32918.1-2016, section 3.2.3.1), infinity included. ACCEL_GOLDEN_BAD_KEY and infinity where an input
 * is neither infinity nor a point of the curve. */
ACCEL_GOLDEN_API int32_t accel_golden_point_negate(uint32_t point_out[16], const uint32_t point[16]);
ACCEL_GOLDEN_API int32_t accel_golden_point_double(uint32_t point_out[16], const uint32_t point[16]);
ACCEL_GOLDEN_API int32_t accel_golden_point_add(uint32_t point_out[16], const uint32_t first[16],
                                                const uint32_t second[16]);
/* [k]P for any k of 256 bits. */
ACCEL_GOLDEN_API int32_t accel_golden_point_multiply(uint32_t point_out[16], const uint32_t k[8],
                                                     const uint32_t point[16]);

/* What an addition met. A datapath with incomplete formulas must notice all but the first. */
typedef enum accel_golden_addition {
  ACCEL_GOLDEN_ADD_GENERIC = 1,         /* two different points, not opposite */
  ACCEL_GOLDEN_ADD_FIRST_INFINITE = 2,  /* the result is the second (infinity too, where both are) */
  ACCEL_GOLDEN_ADD_SECOND_INFINITE = 3, /* the result is the first */
  ACCEL_GOLDEN_ADD_EQUAL = 4,           /* H = 0, R = 0: the result is the double of the first */
  ACCEL_GOLDEN_ADD_OPPOSITE = 5         /* H = 0, R != 0: the result is infinity */
} accel_golden_addition;

/* Jacobian coordinates, as datapaths use them. These are formulas: coordinates are reduced modulo p on the way
 * in, and whether a point lies on the curve is not asked.
 *
 *   double  S = 4 X Y^2, M = 3 X^2 + a Z^4:  X3 = M^2 - 2 S, Y3 = M (S - X3) - 8 Y^4, Z3 = 2 Y Z
 *   add     U1 = X1 Z2^2, U2 = X2 Z1^2, S1 = Y1 Z2^3, S2 = Y2 Z1^3, H = U2 - U1, R = S2 - S1:
 *           X3 = R^2 - H^3 - 2 U1 H^2, Y3 = R (U1 H^2 - X3) - S1 H^3, Z3 = Z1 Z2 H
 *
 * (Cohen, Miyaji, Ono 1998; Hankerson, Menezes, Vanstone 2004, section 3.2.2). The mixed addition is the same with
 * Z2 = 1. GB/T 32918.1-2016, section A.1.2.3.2, has H and R with the opposite signs: its X3 is the same, its Y3 and Z3
 * are the negatives. A datapath in the Montgomery domain holds accel_golden_to_mont of each coordinate. */
ACCEL_GOLDEN_API int32_t accel_golden_jacobian_from_affine(uint32_t jacobian_out[24], const uint32_t point[16]);
ACCEL_GOLDEN_API int32_t accel_golden_jacobian_to_affine(uint32_t point_out[16], const uint32_t jacobian[24]);
ACCEL_GOLDEN_API int32_t accel_golden_jacobian_double(uint32_t jacobian_out[24], const uint32_t jacobian[24]);
/* *addition_out (may be NULL): accel_golden_addition. */
ACCEL_GOLDEN_API int32_t accel_golden_jacobian_add(uint32_t jacobian_out[24], uint32_t* addition_out,
                                                   const uint32_t first[24], const uint32_t second[24]);
ACCEL_GOLDEN_API int32_t accel_golden_jacobian_add_affine(uint32_t jacobian_out[24], uint32_t* addition_out,
                                                          const uint32_t first[24], const uint32_t second[16]);

typedef enum accel_golden_operation { ACCEL_GOLDEN_DOUBLE = 1, ACCEL_GOLDEN_ADD = 2 } accel_golden_operation;

/* A step of the binary method. */
typedef struct accel_golden_step {
  uint32_t bit;          /* of k, 255 to 0 */
  uint32_t operation;    /* accel_golden_operation */
  uint32_t addition;     /* accel_golden_addition; 0 for a doubling */
  uint32_t jacobian[24]; /* the accumulator after the step */
} accel_golden_step;

#define ACCEL_GOLDEN_MAX_STEPS UINT64_C(512)

/* [k]P by the binary method (GB/T 32918.1-2016, section A.3.2, algorithm 1), step by step: Q = infinity; for each bit
 * of k from the highest set one down, a doubling of Q and, where the bit is set, a mixed addition of P. capacity: steps
 * at steps_out. *count_out: the steps that k takes, at most ACCEL_GOLDEN_MAX_STEPS, also where capacity is short.
 * ACCEL_GOLDEN_BAD_KEY: as for accel_golden_point_multiply; then there are no steps. */
ACCEL_GOLDEN_API int32_t accel_golden_point_multiply_trace(accel_golden_step* steps_out, uint64_t capacity,
                                                           uint64_t* count_out, const uint32_t k[8],
                                                           const uint32_t point[16]);

/* ------------------------------------------------------------------------------------------------------- SM2 */

/* GB/T 32918.2-2016 over the curve of GB/T 32918.5-2017. A public key is an affine point. */

#define ACCEL_GOLDEN_MAX_ID_LENGTH UINT64_C(8191)
#define ACCEL_GOLDEN_MAX_ZA_INPUT UINT64_C(8385) /* bytes: 2 + 8191 + 192 */
#define ACCEL_GOLDEN_NO_ZA UINT64_MAX            /* as an ID's length: e = SM3(M) */

/* P = [d]G. ACCEL_GOLDEN_BAD_KEY and zeros: d is outside [1, n-2]. */
ACCEL_GOLDEN_API int32_t accel_golden_sm2_public_key(uint32_t key_out[16], const uint32_t private_key[8]);

/* What ZA is the hash of (section 5.5): ENTL || ID || a || b || xG || yG || xA || yA. *length_out: its bytes, also
 * where capacity is short. Here and below the key may be any two numbers. */
ACCEL_GOLDEN_API int32_t accel_golden_sm2_za_input(uint8_t* input_out, uint64_t capacity, uint64_t* length_out,
                                                   const uint8_t* id, uint64_t id_length, const uint32_t key[16]);
ACCEL_GOLDEN_API int32_t accel_golden_sm2_za(uint8_t za_out[32], const uint8_t* id, uint64_t id_length,
                                             const uint32_t key[16]);
/* e = SM3(ZA || M) as a number, maybe n or more. */
ACCEL_GOLDEN_API int32_t accel_golden_sm2_e(uint32_t e_out[8], const uint8_t* id, uint64_t id_length,
                                            const uint32_t key[16], const uint8_t* message, uint64_t message_length);

/* A verification (section 7.1, steps B1, B2 and B5 to B7). The checks come in the order key, range, equation, and the
 * first that fails is the status. Fields that were not reached are zero: all behind `status` with BAD_KEY, all behind
 * `t` with BAD_RANGE, and x1 and r where the sum is infinity, which has no x and fails the equation. Neither sg nor tp
 * can be infinity. */
typedef struct accel_golden_verification {
  uint32_t struct_size; /* sizeof(accel_golden_verification), set by the caller */
  uint32_t status;      /* what the function returns */
  uint32_t infinity;    /* 1: the sum is infinity */
  uint32_t addition;    /* accel_golden_addition of [s]G + [t]P */
  uint32_t t[8];        /* (r + s) mod n */
  uint32_t sg[16];      /* [s]G */
  uint32_t tp[16];      /* [t]P */
  uint32_t sum[16];     /* [s]G + [t]P: x1, y1 */
  uint32_t x1_mod_n[8]; /* x1 mod n; x1 may be n or more */
  uint32_t r[8];        /* R = (e + x1) mod n, which must equal the signature's r */
} accel_golden_verification;

/* trace_out may be NULL. Returns the verdict: ACCEL_GOLDEN_OK, BAD_KEY, BAD_RANGE or BAD_SIGNATURE. */
ACCEL_GOLDEN_API int32_t accel_golden_sm2_verify(accel_golden_verification* trace_out, const uint32_t key[16],
                                                 const uint32_t r[8], const uint32_t s[8], const uint32_t e[8]);
/* The same with key x || y, signature r || s and digest e as accel.h takes them, in big-endian bytes. */
ACCEL_GOLDEN_API int32_t accel_golden_sm2_verify_bytes(accel_golden_verification* trace_out, const uint8_t key[64],
                                                       const uint8_t signature[64], const uint8_t digest[32]);

/* A signature with a given nonce k (section 6.1, steps A3 to A6), to make vectors. Not for keys that matter: whoever
 * learns k or sees it used twice has the private key, and the time this takes depends on both. */
typedef struct accel_golden_signing {
  uint32_t struct_size; /* sizeof(accel_golden_signing), set by the caller */
  uint32_t status;      /* what the function returns */
  uint32_t point[16];   /* [k]G: x1, y1 */
  uint32_t r[8];        /* (e + x1) mod n */
  uint32_t inverse[8];  /* (1 + d)^-1 mod n */
  uint32_t s[8];        /* inverse * (k - r d) mod n */
} accel_golden_signing;

/* Returns ACCEL_GOLDEN_OK; BAD_KEY: d outside [1, n-2]; BAD_RANGE: k outside [1, n-1], and then all fields behind
 * `status` are zero; BAD_SIGNATURE: r = 0, r + k = n or s = 0, where the standard wants another nonce. */
ACCEL_GOLDEN_API int32_t accel_golden_sm2_sign(accel_golden_signing* trace_out, const uint32_t private_key[8],
                                               const uint32_t e[8], const uint32_t nonce[8]);

/* ---------------------------------------------------------------------------------------------------- Merkle */

/* Merkle trees over SM3. A level of w nodes has ceil(w / 2) above it, up to the root; the rule decides the rest:
 *
 *                   leaf              parent of L and R    parent of a lone L    no leaves
 *  1  rfc9162       SM3(00 || data)   SM3(01 || L || R)    L itself              SM3("")
 *  2  chainmaker    SM3(data)         SM3(L || R)          SM3(L || L)           32 zeros
 *  3  bcos          SM3(data)         SM3(L || R)          SM3(L)                32 zeros
 *
 * At most ACCEL_GOLDEN_MAX_LEAVES leaves where their hashes are given, and 2^63 - 1 where only their number is. */
typedef enum accel_golden_merkle_rule {
  ACCEL_GOLDEN_MERKLE_RFC9162 = 1,    /* RFC 9162 section 2.1 over SM3 */
  ACCEL_GOLDEN_MERKLE_CHAINMAKER = 2, /* ChainMaker's block roots */
  ACCEL_GOLDEN_MERKLE_BCOS = 3        /* FISCO BCOS v3, width 2 */
} accel_golden_merkle_rule;

#define ACCEL_GOLDEN_MAX_LEAVES (UINT64_C(1) << 40)
#define ACCEL_GOLDEN_MAX_SIBLINGS UINT64_C(63)

ACCEL_GOLDEN_API int32_t accel_golden_merkle_leaf(uint8_t hash_out[32], uint32_t rule, const uint8_t* data,
                                                  uint64_t length);
ACCEL_GOLDEN_API int32_t accel_golden_merkle_node(uint8_t hash_out[32], uint32_t rule, const uint8_t left[32],
                                                  const uint8_t right[32]);
ACCEL_GOLDEN_API int32_t accel_golden_merkle_lone(uint8_t hash_out[32], uint32_t rule, const uint8_t child[32]);
/* The root over `count` leaf hashes of 32 bytes. */
ACCEL_GOLDEN_API int32_t accel_golden_merkle_root(uint8_t root_out[32], uint32_t rule, const uint8_t* leaf_hashes,
                                                  uint64_t count);
/* All levels, one behind the other: the leaf hashes first, the root last; without leaves nothing. capacity: hashes at
 * nodes_out. *nodes_count_out: hashes of all levels, also where capacity is short. */
ACCEL_GOLDEN_API int32_t accel_golden_merkle_levels(uint8_t* nodes_out, uint64_t capacity, uint64_t* nodes_count_out,
                                                    uint32_t rule, const uint8_t* leaf_hashes, uint64_t count);
/* The siblings on the way from leaf `index` to the root, from the leaf up; a node without a sibling adds none.
 * capacity: hashes at siblings_out; ACCEL_GOLDEN_MAX_SIBLINGS is always enough. *sibling_count_out: as above. */
ACCEL_GOLDEN_API int32_t accel_golden_merkle_path(uint8_t* siblings_out, uint64_t capacity, uint64_t* sibling_count_out,
                                                  uint32_t rule, const uint8_t* leaf_hashes, uint64_t count,
                                                  uint64_t index);
/* The root that a proof leads to. ACCEL_GOLDEN_BAD_PROOF and zeros: index and tree size do not fit together, or not
 * with the number of siblings. */
ACCEL_GOLDEN_API int32_t accel_golden_merkle_path_root(uint8_t root_out[32], uint32_t rule, const uint8_t leaf_hash[32],
                                                       uint64_t index, uint64_t tree_size, const uint8_t* siblings,
                                                       uint64_t sibling_count);
/* ACCEL_GOLDEN_OK where the proof leads to this root, or ACCEL_GOLDEN_BAD_PROOF. */
ACCEL_GOLDEN_API int32_t accel_golden_merkle_verify(uint32_t rule, const uint8_t root[32], const uint8_t leaf_hash[32],
                                                    uint64_t index, uint64_t tree_size, const uint8_t* siblings,
                                                    uint64_t sibling_count);

#ifdef __cplusplus
}
#endif
#endif
