/* accel: batched SM3, SM2 and Merkle trees for blockchain nodes.
 *
 * The one door into libaccel, for C and for every language that can call C.
 *
 * Conventions, for every function unless it says otherwise:
 *  - Thread safety: any function may be called from any number of threads at once. A handle may be used by many
 *    threads as long as no thread is changing or freeing it; the functions that change a handle say so. A large batch
 *    is shared out to the threads of one pool, which all callers share; the call returns when the whole batch is done.
 *  - Order of arguments: device, outputs, inputs (each array followed by its stride in bytes), counts.
 *  - `device` is NULL: the device that the environment variable ACCEL_DEVICE names, or the CPU. See "devices" below.
 *  - Arrays belong to the caller, are read or written only during the call, and need no alignment; a single number, a
 *    pointer or a struct is aligned as C has it. A stride is the distance in bytes between the starts of consecutive
 *    items; an input stride of 0 repeats one item for all. A count of 0 is valid, and then array pointers may be NULL.
 *    Counts above 2^40 are refused, lengths above ACCEL_MAX_MESSAGE too. Outputs overlap neither inputs nor each other.
 *  - Ownership: a handle that a function gives out (through a pointer to a pointer) belongs to the caller, who frees it
 *    once with the function of its type whose name ends in _free. It keeps copies of what it was made from, never the
 *    caller's pointers. Handles passed in stay the caller's. A string that a function gives out is static: it is never
 *    freed.
 *  - Memory: the calls that hash, verify and sign batches of SM3 and SM2 allocate nothing once a batch of that size has
 *    run on as many threads, apart from the sentence of an error. Other calls may. Lack of memory is ACCEL_NO_MEMORY;
 *    nothing is lost or leaked by it.
 *  - The returned status says whether the call ran: ACCEL_OK, or an error for which accel_last_error() has a sentence.
 *    What each item is stands in a status array: filled with ACCEL_NOT_CHECKED before anything else is looked at, so an
 *    item that was never computed never reads as valid, not even in a call that failed. A handle that a failed call
 *    should have given out is NULL; its other outputs have no meaning unless the function says so.
 *  - Integers of the curve are 32 bytes, big-endian. A public key is x || y (64 bytes), a signature r || s (64 bytes).
 *  - Structs begin with struct_size, which the caller sets to sizeof the struct. A size that this library does not know
 *    is ACCEL_BAD_ARGUMENT: a struct that grows gets a longer size, and the old one stays valid.
 *  - A value that is none of an enum's is ACCEL_BAD_ARGUMENT.
 *  - No exception leaves the library, and no function ends the process.
 */
#ifndef ACCEL_ACCEL_H
#define ACCEL_ACCEL_H

#include <stddef.h>
#include <stdint.h>

#if defined(_WIN32)
#error "accel supports ELF platforms only"
#endif
#define ACCEL_API __attribute__((visibility("default")))

#define ACCEL_ABI_VERSION 1u

#ifdef __cplusplus
extern "C" {
#endif

/* Status of a call or of an item. One numbering for both: 0 is never success. */
typedef enum accel_status {
  /* items and calls */
  ACCEL_NOT_CHECKED = 0, /* nobody has computed this item */
  ACCEL_OK = 1,          /* the item is valid; the call ran */
  /* items */
  ACCEL_BAD_SIGNATURE = 2, /* the equation does not hold, or the DER is malformed */
  ACCEL_BAD_KEY = 3,       /* the public key is not a point of the curve */
  ACCEL_BAD_RANGE = 4,     /* r or s outside [1, n-1], or r + s = 0 mod n */
  ACCEL_BAD_PROOF = 5,     /* a Merkle proof that does not lead to the root */
  /* calls */
  ACCEL_BAD_ARGUMENT = 16,    /* an argument breaks the function's contract */
  ACCEL_BAD_ENCODING = 17,    /* DER, PEM or a proof that does not parse */
  ACCEL_BAD_KERNEL = 18,      /* ACCEL_KERNEL names a kernel that is unknown or that this CPU cannot run */
  ACCEL_BAD_DEVICE = 19,      /* ACCEL_DEVICE or a handle names a device that is not there */
  ACCEL_SELFTEST_FAILED = 20, /* a kernel gave a wrong answer to a known question; it is not used */
  ACCEL_NO_RANDOM = 21,       /* the system's random number generator failed */
  ACCEL_NO_MEMORY = 22,
  ACCEL_INTERNAL = 23,   /* a bug in accel: please report accel_last_error() */
  ACCEL_TIMED_OUT = 24,  /* the time that the caller gave is over, and nothing was checked */
  ACCEL_QUEUE_FULL = 25, /* as many items or requests wait as may; try again later */
  ACCEL_CLOSED = 26,     /* the handle takes no work any more */
  ACCEL_CANCELLED = 27,  /* by accel_future_cancel */
  ACCEL_PENDING = 28     /* not done yet */
} accel_status;

typedef struct accel_device accel_device;

/* ---------------------------------------------------------------------------------------------- the library */

/* These four, and accel_last_error, are the same in every ABI version: a program may look for them in any libaccel. */

/* ABI version of the library that is loaded (never 0). */
ACCEL_API uint32_t accel_abi_version(void);
/* Semantic version, for example "0.1.0"; a static string. */
ACCEL_API const char* accel_version(void);
/* Call it first, with ACCEL_ABI_VERSION: ACCEL_OK if the library that is loaded has the ABI that the caller was
 * compiled for; otherwise ACCEL_BAD_ARGUMENT, and nothing but the functions above may be called. */
ACCEL_API accel_status accel_require_abi(uint32_t abi_version);
/* `version`: "MAJOR.MINOR" or "MAJOR.MINOR.PATCH". ACCEL_OK if the library that is loaded is that version or a later
 * one that is compatible (of the same major version; before 1.0, of the same minor version); otherwise
 * ACCEL_BAD_ARGUMENT. */
ACCEL_API accel_status accel_require_version(const char* version);

/* Name of a status without its prefix, for example "BAD_KEY"; "UNKNOWN" for a value that is none. A static string. */
ACCEL_API const char* accel_status_name(int status);
/* What went wrong in this thread's last call that did not return ACCEL_OK: names the argument, what came and what is
 * wanted. Valid until this thread's next call; "" when nothing did. */
ACCEL_API const char* accel_last_error(void);

/* Name of the kernel that `op` runs ("sm3.hash", "sm2.verify", "sm2.sign"): "portable", "adx", "avx2", "avx512",
 * "avx512x16" or "avx512ifma". *name_out is a static string. ACCEL_BAD_ARGUMENT: no such op. ACCEL_BAD_KERNEL: see
 * ACCEL_KERNEL. */
ACCEL_API accel_status accel_active_kernel(const char** name_out, const char* op);
/* The kernels of `op` that this CPU and its operating system can run, best first, separated by commas; static. */
ACCEL_API accel_status accel_available_kernels(const char** names_out, const char* op);
/* Force kernels from now on, in the syntax of ACCEL_KERNEL: "portable", or "sm3=NAME,sm2=NAME"; "" or NULL: the best.
 * Key rings keep the kernel they were made with. Changes global state: not while other calls run. */
ACCEL_API accel_status accel_set_kernels(const char* spec);
/* How many items `kernel` has computed for `op` in this process: the proof that a forced kernel is what ran. */
ACCEL_API accel_status accel_kernel_items(uint64_t* items_out, const char* op, const char* kernel);
/* Features of this CPU that the operating system lets us use, separated by spaces; a static string. "", and a sentence
 * from accel_last_error(), if ACCEL_CPU_MASK has an unknown name. */
ACCEL_API const char* accel_cpu_features(void);
/* Known-answer tests of every kernel that this CPU can run; they also run by themselves before a kernel's first use.
 * ACCEL_SELFTEST_FAILED: accel_last_error() names the kernel. */
ACCEL_API accel_status accel_selftest(void);

/* Threads of the pool, the caller's included: ACCEL_NUM_THREADS, or the CPUs this process may run on. Threads start
 * with the first batch that needs them, and again in a child after fork(). */
ACCEL_API accel_status accel_num_threads(uint32_t* threads_out);
/* 1 to 1024. Takes effect with the next batch of any caller. */
ACCEL_API accel_status accel_set_num_threads(uint32_t threads);

/* ------------------------------------------------------------------------------------------------- messages */

typedef enum accel_layout {
  ACCEL_LAYOUT_STRIDED = 0, /* `count` messages of `length` bytes, `stride` bytes apart, starting at data */
  ACCEL_LAYOUT_RAGGED32 =
      1, /* message i is data[offsets[i] .. offsets[i+1]), int32_t offsets[count + 1] (Arrow binary) */
  ACCEL_LAYOUT_RAGGED64 = 2, /* the same with int64_t (Arrow large_binary) */
  ACCEL_LAYOUT_POINTERS = 3  /* message i is lengths[i] bytes at pointers[i] */
} accel_layout;

/* A batch of messages where they lie; all the pointers are the caller's, as with arrays. Offsets must not decrease and
 * must stay within data_size, lengths within ACCEL_MAX_MESSAGE: checked before use, on private copies, so a buffer that
 * changes meanwhile gives wrong digests and never a wrong access. Fields that the layout does not use are ignored. */
typedef struct accel_messages {
  uint32_t struct_size; /* sizeof(accel_messages) */
  uint32_t layout;      /* accel_layout */
  const uint8_t* data;
  uint64_t data_size;             /* bytes at data; RAGGED32 and RAGGED64 */
  uint64_t stride, length;        /* STRIDED */
  const void* offsets;            /* RAGGED32 and RAGGED64 */
  const uint8_t* const* pointers; /* POINTERS */
  const uint64_t* lengths;        /* POINTERS */
} accel_messages;

#define ACCEL_MAX_MESSAGE (UINT64_C(1) << 60) /* bytes; SM3 counts bits in 64 bits */

/* ------------------------------------------------------------------------------------------------------ SM3 */

#define ACCEL_SM3_SIZE 32u

/* Digests of `count` messages of message_length bytes each (GB/T 32905-2016). digests_out: 32 * count bytes. */
ACCEL_API accel_status accel_sm3_hash_many(accel_device* device, uint8_t* digests_out, const uint8_t* messages,
                                           uint64_t messages_stride, uint64_t message_length, uint64_t count);
/* The same for messages in any layout. */
ACCEL_API accel_status accel_sm3_hash_messages(accel_device* device, uint8_t* digests_out,
                                               const accel_messages* messages, uint64_t count);

/* Hashing a stream. accel_sm3_update changes the handle. */
typedef struct accel_sm3 accel_sm3;
/* A stream that has taken nothing yet. */
ACCEL_API accel_status accel_sm3_new(accel_sm3** hash_out);
/* A second stream that goes on from where `hash` is. */
ACCEL_API accel_status accel_sm3_clone(accel_sm3** hash_out, const accel_sm3* hash);
/* Go on with `length` bytes. */
ACCEL_API accel_status accel_sm3_update(accel_sm3* hash, const uint8_t* data, uint64_t length);
/* Digest of all that came so far; the stream may go on. */
ACCEL_API accel_status accel_sm3_digest(const accel_sm3* hash, uint8_t digest_out[32]);
/* NULL is allowed; the state is wiped. */
ACCEL_API void accel_sm3_free(accel_sm3* hash);

/* ------------------------------------------------------------------------------------------------------ SM2 */

/* GB/T 32918 (ISO/IEC 14888-3) over the recommended curve. The digest e of a message M is SM3(ZA || M), where ZA
 * binds the signer's ID and public key; with ACCEL_SM2_NO_ZA in place of the ID's length, e = SM3(M).
 * Checks in this order, and the first that fails is the item's status: key (ACCEL_BAD_KEY), range (ACCEL_BAD_RANGE),
 * equation (ACCEL_BAD_SIGNATURE). Verification takes time that depends on its inputs, which are public. */

#define ACCEL_SM2_DEFAULT_ID "1234567812345678"
#define ACCEL_SM2_DEFAULT_ID_LENGTH UINT64_C(16)
#define ACCEL_SM2_MAX_ID_LENGTH UINT64_C(8191)
#define ACCEL_SM2_NO_ZA UINT64_MAX /* as an ID's length */

/* Verify `count` signatures over digests e (32 bytes each; any value). status_out: `count` bytes. */
ACCEL_API accel_status accel_sm2_verify_digest_many(accel_device* device, uint8_t* status_out, const uint8_t* keys,
                                                    uint64_t keys_stride, const uint8_t* signatures,
                                                    uint64_t signatures_stride, const uint8_t* digests,
                                                    uint64_t digests_stride, uint64_t count);
/* Verify `count` signatures over messages under one ID. */
ACCEL_API accel_status accel_sm2_verify_many(accel_device* device, uint8_t* status_out, const uint8_t* keys,
                                             uint64_t keys_stride, const uint8_t* signatures,
                                             uint64_t signatures_stride, const accel_messages* messages,
                                             const uint8_t* id, uint64_t id_length, uint64_t count);

/* The same verdicts, several times faster for large batches of unknown signers on some CPUs, with a hint for each item:
 * which point R = [s]G + [t]P is. Bit 0: its y is odd; bit 1: its x is n or above (of about one signature in 2^128).
 * Any byte is allowed. A wrong hint costs time and changes no verdict. Blocks of up to 4,096 items are checked as a
 * whole with random coefficients; a block with an invalid item is accepted with a probability of at most 2^-128 for
 * each such check, and one that fails is cut in halves until ordinary verification names the bad items. hints: `count`
 * bytes. ACCEL_NO_RANDOM: no random numbers; items not verified by then are ACCEL_NOT_CHECKED. Allocates some 3 MB for
 * each thread that takes part, once. */
ACCEL_API accel_status accel_sm2_verify_hinted_digest_many(accel_device* device, uint8_t* status_out,
                                                           const uint8_t* keys, uint64_t keys_stride,
                                                           const uint8_t* signatures, uint64_t signatures_stride,
                                                           const uint8_t* digests, uint64_t digests_stride,
                                                           const uint8_t* hints, uint64_t count);
ACCEL_API accel_status accel_sm2_verify_hinted_many(accel_device* device, uint8_t* status_out, const uint8_t* keys,
                                                    uint64_t keys_stride, const uint8_t* signatures,
                                                    uint64_t signatures_stride, const accel_messages* messages,
                                                    const uint8_t* hints, const uint8_t* id, uint64_t id_length,
                                                    uint64_t count);
/* The hints of signatures that are valid, 0 for the others, and the status of each as from verifying: for whoever
 * verifies once and sends signatures on. hints_out: `count` bytes. */
ACCEL_API accel_status accel_sm2_recovery_hints_many(accel_device* device, uint8_t* hints_out, uint8_t* status_out,
                                                     const uint8_t* keys, uint64_t keys_stride,
                                                     const uint8_t* signatures, uint64_t signatures_stride,
                                                     const uint8_t* digests, uint64_t digests_stride, uint64_t count);

/* Known signers: each key checked once, its ZA kept, and fixed-base tables for as many keys as memory_limit holds. The
 * keys in front get theirs at once. If they do not all fit, keys without a table are verified like unknown ones, and
 * the least recently used table gives way to a key with more than twice its valid signatures; if memory is left over,
 * the most used keys get larger tables, where the kernel has them. That takes a tenth of the time of verification at
 * most, and changes no verdict. Verifying does not count as changing the ring: any number of threads may use it. */
typedef struct accel_sm2_keyring accel_sm2_keyring;
/* *bad_index_out (may be NULL) is the first key that is no point of the curve when the call returns ACCEL_BAD_KEY.
 * memory_limit: bytes for tables; 0: the default of 1 GiB. At most 2^32 - 1 keys. */
ACCEL_API accel_status accel_sm2_keyring_new(accel_device* device, accel_sm2_keyring** ring_out,
                                             uint64_t* bad_index_out, const uint8_t* public_keys,
                                             uint64_t public_keys_stride, const uint8_t* id, uint64_t id_length,
                                             uint64_t memory_limit, uint64_t count);
/* NULL is allowed. */
ACCEL_API void accel_sm2_keyring_free(accel_sm2_keyring* ring);
/* Of this moment: keys, how many have tables, and the bytes of all tables, never more than memory_limit. Any output may
 * be NULL. */
ACCEL_API accel_status accel_sm2_keyring_size(const accel_sm2_keyring* ring, uint64_t* keys_out,
                                              uint64_t* keys_with_tables_out, uint64_t* table_bytes_out);
/* Item i is checked against key indices[i] of the ring; an index beyond the ring is ACCEL_BAD_ARGUMENT. */
ACCEL_API accel_status accel_sm2_keyring_verify_digest_many(accel_device* device, uint8_t* status_out,
                                                            const accel_sm2_keyring* ring, const uint32_t* indices,
                                                            const uint8_t* signatures, uint64_t signatures_stride,
                                                            const uint8_t* digests, uint64_t digests_stride,
                                                            uint64_t count);
ACCEL_API accel_status accel_sm2_keyring_verify_many(accel_device* device, uint8_t* status_out,
                                                     const accel_sm2_keyring* ring, const uint32_t* indices,
                                                     const uint8_t* signatures, uint64_t signatures_stride,
                                                     const accel_messages* messages, uint64_t count);

/* Tables that the two functions above for explicit keys have built by themselves, for keys with enough valid signatures
 * behind them. They make verification faster, and change no verdict. Any output may be NULL: how many there are for the
 * kernel in force, their bytes, how many were ever built, and what their bytes are bounded by; the bound is 0 where the
 * environment variable ACCEL_ADAPTIVE_TABLES is 0, which switches them off (1, the default: on; anything else is
 * ACCEL_BAD_ARGUMENT in every call that needs to know). It is read once. */
ACCEL_API accel_status accel_sm2_adaptive_tables(uint64_t* tables_out, uint64_t* table_bytes_out, uint64_t* built_out,
                                                 uint64_t* memory_limit_out);

/* Digests e = SM3(ZA || M) as signing and verifying use them; keys as for verifying. digests_out: 32 * count bytes. */
ACCEL_API accel_status accel_sm2_digest_many(accel_device* device, uint8_t* digests_out, const uint8_t* keys,
                                             uint64_t keys_stride, const accel_messages* messages, const uint8_t* id,
                                             uint64_t id_length, uint64_t count);

/* Private keys: 1 to n-2. Kept in memory that is wiped when freed. Everything done with them is constant-time. No
 * function changes a key. */
typedef struct accel_sm2_private_key accel_sm2_private_key;
/* A new key from the system's generator; ACCEL_NO_RANDOM if that failed. */
ACCEL_API accel_status accel_sm2_private_key_generate(accel_sm2_private_key** key_out);
/* `count` new keys, several times faster than one by one: all of them, or on an error none and every keys_out[i] NULL.
 * Allocates. */
ACCEL_API accel_status accel_sm2_private_key_generate_many(accel_device* device, accel_sm2_private_key** keys_out,
                                                           uint64_t count);
/* ACCEL_BAD_KEY: outside 1 to n-2. */
ACCEL_API accel_status accel_sm2_private_key_from_bytes(accel_sm2_private_key** key_out, const uint8_t secret[32]);
/* NULL is allowed; the key is wiped. */
ACCEL_API void accel_sm2_private_key_free(accel_sm2_private_key* key);
/* The secret itself: whoever takes it wipes it. */
ACCEL_API accel_status accel_sm2_private_key_bytes(const accel_sm2_private_key* key, uint8_t secret_out[32]);
/* Its public key, computed when the key was made. */
ACCEL_API accel_status accel_sm2_private_key_public(const accel_sm2_private_key* key, uint8_t public_key_out[64]);

/* Sign: item i with private_keys[indices[i]], or with private_keys[0] for all when indices is NULL. The nonce mixes
 * 32 bytes of the system's generator with the private key and the digest. signatures_out: 64 * count bytes, zero where
 * a call that failed has made none. ACCEL_NO_RANDOM: the system's generator failed. */
ACCEL_API accel_status accel_sm2_sign_digest_many(accel_device* device, uint8_t* signatures_out,
                                                  const accel_sm2_private_key* const* private_keys,
                                                  uint64_t private_key_count, const uint32_t* indices,
                                                  const uint8_t* digests, uint64_t digests_stride, uint64_t count);
ACCEL_API accel_status accel_sm2_sign_many(accel_device* device, uint8_t* signatures_out,
                                           const accel_sm2_private_key* const* private_keys, uint64_t private_key_count,
                                           const uint32_t* indices, const accel_messages* messages, const uint8_t* id,
                                           uint64_t id_length, uint64_t count);

/* Encodings. Buffers for output have a capacity; *length_out is what is needed even when the capacity is too small
 * (then ACCEL_BAD_ARGUMENT), so NULL and a capacity of 0 ask for the length. An input that does not parse, or is longer
 * than 1 MiB, is ACCEL_BAD_ENCODING; a point off the curve or a secret outside 1 to n-2 is ACCEL_BAD_KEY. */

/* Is x || y a point of the curve? ACCEL_OK or ACCEL_BAD_KEY. */
ACCEL_API accel_status accel_sm2_public_key_check(const uint8_t public_key[64]);
/* From an SEC 1 point: 04 || x || y, 02 or 03 || x (compressed), or x || y (64 bytes). */
ACCEL_API accel_status accel_sm2_public_key_from_point(uint8_t public_key_out[64], const uint8_t* point,
                                                       uint64_t length);
/* From SubjectPublicKeyInfo (RFC 5480), DER or PEM (`PUBLIC KEY`). */
ACCEL_API accel_status accel_sm2_public_key_from_der(uint8_t public_key_out[64], const uint8_t* der, uint64_t length);
ACCEL_API accel_status accel_sm2_public_key_from_pem(uint8_t public_key_out[64], const char* pem, uint64_t length);
/* To SubjectPublicKeyInfo, DER. */
ACCEL_API accel_status accel_sm2_public_key_to_der(uint8_t* der_out, uint64_t capacity, uint64_t* length_out,
                                                   const uint8_t public_key[64]);
/* Text without a terminating zero. */
ACCEL_API accel_status accel_sm2_public_key_to_pem(char* pem_out, uint64_t capacity, uint64_t* length_out,
                                                   const uint8_t public_key[64]);
/* From PKCS #8 (RFC 5208) or SEC 1 ECPrivateKey (RFC 5915), DER or PEM (`PRIVATE KEY`; `EC PRIVATE KEY` or
 * `SM2 PRIVATE KEY`, with or without a leading `EC PARAMETERS` or `SM2 PARAMETERS`). A public key inside must match.
 * Encrypted keys: ACCEL_BAD_ENCODING. */
ACCEL_API accel_status accel_sm2_private_key_from_der(accel_sm2_private_key** key_out, const uint8_t* der,
                                                      uint64_t length);
ACCEL_API accel_status accel_sm2_private_key_from_pem(accel_sm2_private_key** key_out, const char* pem,
                                                      uint64_t length);
/* To PKCS #8 with the public key inside. */
ACCEL_API accel_status accel_sm2_private_key_to_der(uint8_t* der_out, uint64_t capacity, uint64_t* length_out,
                                                    const accel_sm2_private_key* key);
/* Text without a terminating zero. */
ACCEL_API accel_status accel_sm2_private_key_to_pem(char* pem_out, uint64_t capacity, uint64_t* length_out,
                                                    const accel_sm2_private_key* key);
/* DER signatures (SEQUENCE of two INTEGERs) to r || s. Item status ACCEL_OK, or ACCEL_BAD_SIGNATURE when malformed or
 * not canonical (then its 64 bytes are zero). A well-formed integer that does not fit becomes 32 bytes of ff (or zero
 * when negative), so that it fails the range check and not the parser. */
ACCEL_API accel_status accel_sm2_signatures_from_der(accel_device* device, uint8_t* signatures_out, uint8_t* status_out,
                                                     const accel_messages* ders, uint64_t count);
/* r || s to DER: item i stands at ders_out + i * 72 (at most 72 bytes) and has lengths_out[i] bytes. ders_out: 72 *
 * count bytes; lengths_out: `count` bytes. */
ACCEL_API accel_status accel_sm2_signatures_to_der(accel_device* device, uint8_t* ders_out, uint8_t* lengths_out,
                                                   const uint8_t* signatures, uint64_t signatures_stride,
                                                   uint64_t count);

/* Verifying for callers who have one signature at a time: a verifier gathers what comes from many threads into batches
 * that fill the lanes of a kernel, and answers each caller. The queues are bounded and served by priority. A batch runs
 * on the thread of a caller, or on one of the verifier's own threads, of which there are never more than `runners`.
 *
 * A batch runs as soon as `lanes` signatures wait, or a share of as many as have lately been under way at once, so that
 * all runners have one; otherwise linger_ns after the oldest of them came or the batch before it ended. So a caller who
 * is alone waits for nothing, or, for a while after others have left, for linger_ns.
 *
 * All functions but those that end in _free may be called by any number of threads at once. In a child of fork() a
 * verifier begins again, empty and open, and the ring must be one that no other thread was changing. */
typedef struct accel_sm2_verifier accel_sm2_verifier;

/* Served first: votes. Signatures of a lower priority wait as long as those of a higher one fill the batches. */
typedef enum accel_priority {
  ACCEL_PRIORITY_VOTE = 1,
  ACCEL_PRIORITY_PROPOSAL = 2,
  ACCEL_PRIORITY_TRANSACTION = 3
} accel_priority;
#define ACCEL_PRIORITIES 3

/* What a call does that finds its queue full. */
typedef enum accel_when_full {
  ACCEL_WHEN_FULL_WAIT = 0,  /* until there is room, or its time is over */
  ACCEL_WHEN_FULL_REFUSE = 1 /* ACCEL_QUEUE_FULL at once */
} accel_when_full;

#define ACCEL_NO_TIMEOUT UINT64_MAX /* as timeout_ns */
#define ACCEL_NO_LINGER UINT64_MAX  /* as linger_ns */

/* 0 in any field but the first two is its default. */
typedef struct accel_sm2_verifier_options {
  uint32_t struct_size; /* sizeof(accel_sm2_verifier_options) */
  uint32_t when_full;   /* accel_when_full */
  uint64_t linger_ns;   /* at most 1 second; default 50 microseconds */
  uint64_t capacity;    /* signatures of one priority that may wait, at most 2^20; default 4,096 */
  uint32_t lanes;       /* signatures that need not wait for more, 1 to 256; default 16 */
  uint32_t batch;       /* signatures of a batch at most, lanes to 256; default 64 */
  uint32_t runners;     /* batches that may run at once, each on one thread, 1 to 1,024; default: accel_num_threads */
  uint32_t reserved;    /* 0 */
} accel_sm2_verifier_options;

/* options NULL: all defaults. Starts one thread. Batches run on the device, whose answers are worth what its audit
 * makes them, by the highest priority of their signatures; after the device has been closed, and in a child of fork(),
 * they are ACCEL_BAD_DEVICE. device NULL: the CPU's kernels, or the device of ACCEL_DEVICE. */
ACCEL_API accel_status accel_sm2_verifier_new(accel_device* device, accel_sm2_verifier** verifier_out,
                                              const accel_sm2_verifier_options* options);
/* From now on calls get ACCEL_CLOSED. Those that wait get their verdict if `drain` is not 0, otherwise ACCEL_CLOSED.
 * Returns when all are answered. */
ACCEL_API accel_status accel_sm2_verifier_close(accel_sm2_verifier* verifier, uint32_t drain);
/* Closes without draining, waits until the last caller has left, and frees. No call may begin meanwhile. NULL is
 * allowed. Queues made from it remain, and get ACCEL_CLOSED. */
ACCEL_API void accel_sm2_verifier_free(accel_sm2_verifier* verifier);

/* Verify one signature; returns when it is done. *status_out as in batches. timeout_ns is for being taken into a batch:
 * afterwards ACCEL_TIMED_OUT, and nothing was checked. Errors: ACCEL_QUEUE_FULL, ACCEL_CLOSED. Allocates nothing but
 * the sentence of an error. */
ACCEL_API accel_status accel_sm2_verifier_verify_digest(accel_sm2_verifier* verifier, uint8_t* status_out,
                                                        const uint8_t key[64], const uint8_t signature[64],
                                                        const uint8_t digest[32], uint32_t priority,
                                                        uint64_t timeout_ns);
/* The message is hashed on the calling thread. */
ACCEL_API accel_status accel_sm2_verifier_verify(accel_sm2_verifier* verifier, uint8_t* status_out,
                                                 const uint8_t key[64], const uint8_t signature[64],
                                                 const uint8_t* message, uint64_t message_length, const uint8_t* id,
                                                 uint64_t id_length, uint32_t priority, uint64_t timeout_ns);
/* By key `index` of a ring. */
ACCEL_API accel_status accel_sm2_verifier_ring_verify_digest(accel_sm2_verifier* verifier, uint8_t* status_out,
                                                             const accel_sm2_keyring* ring, uint32_t index,
                                                             const uint8_t signature[64], const uint8_t digest[32],
                                                             uint32_t priority, uint64_t timeout_ns);
ACCEL_API accel_status accel_sm2_verifier_ring_verify(accel_sm2_verifier* verifier, uint8_t* status_out,
                                                      const accel_sm2_keyring* ring, uint32_t index,
                                                      const uint8_t signature[64], const uint8_t* message,
                                                      uint64_t message_length, uint32_t priority, uint64_t timeout_ns);

typedef struct accel_sm2_verifier_counts {
  uint32_t struct_size; /* sizeof(accel_sm2_verifier_counts) */
  uint32_t reserved;    /* 0 */
  uint64_t batches;     /* that ran */
  uint64_t items;       /* in them: items / batches is the mean number of lanes filled */
  uint64_t waiting;     /* now */
  uint64_t refused;     /* with ACCEL_QUEUE_FULL */
  uint64_t timed_out;   /* with ACCEL_TIMED_OUT */
  /* By priority, votes first, of signatures that were taken into a batch: how many, how long they waited for it
   * together, and the longest wait. Nanoseconds. */
  uint64_t taken[ACCEL_PRIORITIES], wait_ns[ACCEL_PRIORITIES], longest_wait_ns[ACCEL_PRIORITIES];
} accel_sm2_verifier_counts;

/* Since the verifier was made, or since the fork. The caller sets counts_out->struct_size. */
ACCEL_API accel_status accel_sm2_verifier_stats(accel_sm2_verifier* verifier, accel_sm2_verifier_counts* counts_out);

/* For callers who do not wait, say an event loop: submit, and poll answers from a queue. A thread has one queue or
 * several; several threads may share one. A queue does not survive fork(): in a child its functions give ACCEL_CLOSED.
 */
typedef struct accel_sm2_queue accel_sm2_queue;
/* capacity: signatures that are under way, or answered and not polled, 1 to 2^20. */
ACCEL_API accel_status accel_sm2_queue_new(accel_sm2_queue** queue_out, accel_sm2_verifier* verifier,
                                           uint64_t capacity);
/* Signatures that still wait are forgotten, those in a batch waited for. NULL is allowed. */
ACCEL_API void accel_sm2_queue_free(accel_sm2_queue* queue);
/* A descriptor that is readable while there are answers, for poll(2), epoll(7) and event loops; it belongs to the queue
 * and must be neither read nor closed. */
ACCEL_API accel_status accel_sm2_queue_descriptor(const accel_sm2_queue* queue, int* descriptor_out);
/* As in accel_sm2_verifier_verify_digest and the others, without waiting: ACCEL_QUEUE_FULL at once where this queue or
 * the verifier's is full. The arguments are copied, but for the ring, which must stay until the answer has been polled.
 * `tag` comes back with the answer. */
ACCEL_API accel_status accel_sm2_queue_submit_digest(accel_sm2_queue* queue, const uint8_t key[64],
                                                     const uint8_t signature[64], const uint8_t digest[32],
                                                     uint32_t priority, uint64_t timeout_ns, uint64_t tag);
ACCEL_API accel_status accel_sm2_queue_submit(accel_sm2_queue* queue, const uint8_t key[64],
                                              const uint8_t signature[64], const uint8_t* message,
                                              uint64_t message_length, const uint8_t* id, uint64_t id_length,
                                              uint32_t priority, uint64_t timeout_ns, uint64_t tag);
ACCEL_API accel_status accel_sm2_queue_ring_submit_digest(accel_sm2_queue* queue, const accel_sm2_keyring* ring,
                                                          uint32_t index, const uint8_t signature[64],
                                                          const uint8_t digest[32], uint32_t priority,
                                                          uint64_t timeout_ns, uint64_t tag);
ACCEL_API accel_status accel_sm2_queue_ring_submit(accel_sm2_queue* queue, const accel_sm2_keyring* ring,
                                                   uint32_t index, const uint8_t signature[64], const uint8_t* message,
                                                   uint64_t message_length, uint32_t priority, uint64_t timeout_ns,
                                                   uint64_t tag);
/* Up to `capacity` answers, each once; waits up to timeout_ns for the first (0: not at all), and then takes what there
 * is. *count_out may be 0. status_out[i] belongs to tags_out[i]: the item's status, or, at ACCEL_BAD_ARGUMENT or above,
 * the error for which it was not checked. Without a timeout this waits for ever if nobody submits anything. */
ACCEL_API accel_status accel_sm2_queue_poll(accel_sm2_queue* queue, uint64_t* tags_out, uint8_t* status_out,
                                            uint64_t* count_out, uint64_t capacity, uint64_t timeout_ns);

/* --------------------------------------------------------------------------------------------------- Merkle */

/* Merkle trees over SM3. A level of w nodes has ceil(w / 2) nodes above it; one rule decides the rest:
 *
 *               leaf              parent of L and R    parent of a lone L    no leaves    resists
 *  rfc9162      SM3(00 || data)   SM3(01 || L || R)    L itself              SM3("")      both attacks below
 *  chainmaker   SM3(data)         SM3(L || R)          SM3(L || L)           32 zeros     neither
 *  bcos         SM3(data)         SM3(L || R)          SM3(L)                32 zeros     duplicated leaves only
 *
 * Duplicated leaves: [a, b, c] and [a, b, c, c] have one root under chainmaker. Leaf taken for node: without prefixes
 * the 64 bytes L || R are also a leaf whose hash is their parent, and under bcos the 32 bytes L likewise. Who must live
 * with such a rule authenticates the number of leaves together with the root, and passes it to the verifier.
 * One leaf is the root (its hash, under every rule). At most 2^63 - 1 leaves. */
typedef enum accel_merkle_rule {
  ACCEL_MERKLE_RFC9162 = 1,    /* RFC 9162 section 2.1 over SM3: what to use unless a chain says otherwise */
  ACCEL_MERKLE_CHAINMAKER = 2, /* ChainMaker's block roots */
  ACCEL_MERKLE_BCOS = 3        /* FISCO BCOS v3, width 2 */
} accel_merkle_rule;

/* ACCEL_BAD_ARGUMENT for another name or rule, with a sentence that lists them. *name_out is a static string. */
ACCEL_API accel_status accel_merkle_rule_from_name(uint32_t* rule_out, const char* name);
ACCEL_API accel_status accel_merkle_rule_name(const char** name_out, uint32_t rule);

/* Hashes of leaves as the rule says. hashes_out: 32 * count bytes. */
ACCEL_API accel_status accel_merkle_leaf_hashes(accel_device* device, uint8_t* hashes_out, uint32_t rule,
                                                const accel_messages* leaves, uint64_t count);

/* A tree that grows. Any number of threads may use one tree, also while some of them append: a call sees the tree
 * before or after an append, never in between. An append that fails leaves the tree as it was. */
typedef struct accel_merkle_tree accel_merkle_tree;

typedef enum accel_merkle_keep {
  ACCEL_MERKLE_KEEP_ALL = 1, /* all levels: about 64 bytes a leaf; gives proofs */
  ACCEL_MERKLE_KEEP_ROOT = 2 /* the right edge: 2 KiB whatever the size; gives the root, and ACCEL_BAD_ARGUMENT for
                                leaf hashes and proofs */
} accel_merkle_keep;

/* A tree without leaves. */
ACCEL_API accel_status accel_merkle_tree_new(accel_device* device, accel_merkle_tree** tree_out, uint32_t rule,
                                             uint32_t keep);
/* NULL is allowed; nobody may be using the tree. Up to 256 MiB of large buffers of freed trees stay with the process
 * for the next ones; the operating system may take their pages back when memory is short. */
ACCEL_API void accel_merkle_tree_free(accel_merkle_tree* tree);
/* Append `count` leaves, or leaves given by their hashes (32 bytes each, taken as they are). */
ACCEL_API accel_status accel_merkle_tree_append(accel_merkle_tree* tree, const accel_messages* leaves, uint64_t count);
ACCEL_API accel_status accel_merkle_tree_append_hashes(accel_merkle_tree* tree, const uint8_t* leaf_hashes,
                                                       uint64_t leaf_hashes_stride, uint64_t count);
/* Root and number of leaves of one moment. Either pointer may be NULL. */
ACCEL_API accel_status accel_merkle_tree_head(const accel_merkle_tree* tree, uint8_t root_out[32], uint64_t* size_out);
/* The hash of one leaf; an index that is no leaf's is ACCEL_BAD_ARGUMENT. */
ACCEL_API accel_status accel_merkle_tree_leaf_hash(const accel_merkle_tree* tree, uint8_t hash_out[32], uint64_t index);

/* Proofs are bytes: docs/proofs.md describes them one by one, and each has one encoding. */

#define ACCEL_MERKLE_MAX_INCLUSION_PROOF UINT64_C(2036) /* bytes: 20 + 32 * 63 */

/* One inclusion proof per index. Proof i is proofs_out[offsets_out[i] .. offsets_out[i + 1]); offsets_out has count + 1
 * entries and is written even when the capacity is too small (ACCEL_BAD_ARGUMENT), so that offsets_out[count] says what
 * is needed. An index that is no leaf's is ACCEL_BAD_ARGUMENT. */
ACCEL_API accel_status accel_merkle_tree_prove_many(const accel_merkle_tree* tree, uint8_t* proofs_out,
                                                    uint64_t capacity, int64_t* offsets_out, const uint64_t* indices,
                                                    uint64_t count);
/* One proof for `count` leaves together, with the least siblings. indices: increasing, at least one. *length_out is
 * what is needed even when the capacity is too small (ACCEL_BAD_ARGUMENT); so below. */
ACCEL_API accel_status accel_merkle_tree_multiproof(const accel_merkle_tree* tree, uint8_t* proof_out,
                                                    uint64_t capacity, uint64_t* length_out, const uint64_t* indices,
                                                    uint64_t count);
/* Proof that the first first_size leaves are the beginning of the first second_size (RFC 9162 section 2.1.4);
 * 1 <= first_size <= second_size <= the tree's size. ACCEL_BAD_ARGUMENT under another rule than rfc9162, whose lone
 * nodes change as the tree grows. */
ACCEL_API accel_status accel_merkle_tree_consistency(const accel_merkle_tree* tree, uint8_t* proof_out,
                                                     uint64_t capacity, uint64_t* length_out, uint64_t first_size,
                                                     uint64_t second_size);

typedef enum accel_merkle_proof_kind {
  ACCEL_MERKLE_INCLUSION = 1,
  ACCEL_MERKLE_MULTI = 2,
  ACCEL_MERKLE_CONSISTENCY = 3
} accel_merkle_proof_kind;

/* The fields of a proof. The two arrays point into the caller's memory and need no alignment. */
typedef struct accel_merkle_proof {
  uint32_t struct_size;    /* sizeof(accel_merkle_proof) */
  uint32_t kind;           /* accel_merkle_proof_kind */
  uint32_t rule;           /* accel_merkle_rule */
  uint32_t reserved;       /* 0 */
  uint64_t tree_size;      /* leaves; of the later tree under CONSISTENCY */
  uint64_t first_size;     /* leaves of the earlier tree under CONSISTENCY; 0 otherwise */
  const uint8_t* indices;  /* index_count integers of 8 bytes, big-endian, increasing */
  uint64_t index_count;    /* 1 under INCLUSION, 1 or more under MULTI, 0 under CONSISTENCY */
  const uint8_t* siblings; /* sibling_count hashes of 32 bytes, in the order of docs/proofs.md */
  uint64_t sibling_count;
} accel_merkle_proof;

/* ACCEL_BAD_ENCODING for anything but the one encoding of a well-formed proof: index within the tree, exactly the
 * siblings that index and size ask for, no byte more. Whether it leads to a root is the verifier's question. The caller
 * sets proof_out->struct_size; the arrays of *proof_out point into `encoded`. */
ACCEL_API accel_status accel_merkle_proof_decode(accel_merkle_proof* proof_out, const uint8_t* encoded,
                                                 uint64_t length);
/* ACCEL_BAD_ARGUMENT for fields that make no well-formed proof. Capacity and *length_out as above. */
ACCEL_API accel_status accel_merkle_proof_encode(uint8_t* encoded_out, uint64_t capacity, uint64_t* length_out,
                                                 const accel_merkle_proof* proof);

/* Verify encoded proofs. The rule is the verifier's: a proof made under another is ACCEL_BAD_PROOF, as is one that does
 * not decode. So is the tree's size when it is given: a root alone says that a leaf is in the tree, and only with the
 * size at which place. An item's status is ACCEL_OK or ACCEL_BAD_PROOF. */

#define ACCEL_MERKLE_ANY_SIZE UINT64_MAX /* as a size: whatever the proof claims */

/* Inclusion proof i: leaf hash i under root i, in a tree of tree_sizes[i] leaves. tree_sizes NULL: any size. */
ACCEL_API accel_status accel_merkle_verify_many(accel_device* device, uint8_t* status_out, uint32_t rule,
                                                const uint8_t* roots, uint64_t roots_stride, const uint64_t* tree_sizes,
                                                uint64_t tree_sizes_stride, const uint8_t* leaf_hashes,
                                                uint64_t leaf_hashes_stride, const accel_messages* proofs,
                                                uint64_t count);
/* One multiproof. leaf_hashes: one for each index of the proof, in its order; another leaf_count is a bad proof. */
ACCEL_API accel_status accel_merkle_verify_multiproof(accel_device* device, uint8_t* status_out, uint32_t rule,
                                                      const uint8_t root[32], uint64_t tree_size,
                                                      const uint8_t* leaf_hashes, uint64_t leaf_hashes_stride,
                                                      uint64_t leaf_count, const uint8_t* encoded, uint64_t length);
/* One consistency proof (rfc9162). */
ACCEL_API accel_status accel_merkle_verify_consistency(accel_device* device, uint8_t* status_out,
                                                       const uint8_t first_root[32], uint64_t first_size,
                                                       const uint8_t second_root[32], uint64_t second_size,
                                                       const uint8_t* encoded, uint64_t length);

/* -------------------------------------------------------------------------------------------------- devices */

/* Work goes to a device through its driver (driver.h), and comes back checked as far as the handle's audit says. What
 * a device cannot do, or has failed on, runs on the CPU. docs/devices.md says what each audit guarantees.
 *
 * With a handle run: accel_sm3_hash_many, accel_sm3_hash_messages, accel_sm2_verify_digest_many, accel_sm2_verify_many,
 * accel_sm2_keyring_verify_digest_many, accel_sm2_keyring_verify_many, accel_merkle_leaf_hashes and trees made with it.
 * The other calls take a handle too and run on the CPU: drivers have no opcode for them.
 *
 * A handle belongs to the process that opened it: in a child after fork() its calls are ACCEL_BAD_DEVICE, and freeing
 * it frees nothing. */

typedef enum accel_audit {
  ACCEL_AUDIT_SAMPLE = 1, /* one answer in sample_rate, the first command of each kind, and every rejection are computed
                             again on the CPU: finds devices that fail, certifies no verdict */
  ACCEL_AUDIT_HOLD = 2,   /* the same, and nothing is delivered before the sample of hold_window items is clean */
  ACCEL_AUDIT_FULL = 3 /* every answer is computed again, or certified by one combined check where the device gives the
                          points R: a wrong verdict is never delivered */
} accel_audit;

typedef struct accel_device_options {
  uint32_t struct_size;        /* sizeof(accel_device_options) */
  uint32_t audit;              /* accel_audit; 0: ACCEL_AUDIT_SAMPLE */
  uint32_t sample_rate;        /* 1 to 2^20; 0: 256 */
  uint32_t hold_window;        /* items; 0: 16384 */
  uint32_t queue_depth;        /* requests on their way at once, 1 to 2^20; 0: 1024 */
  uint32_t no_fallback;        /* 1: what no device can do is ACCEL_BAD_DEVICE, and does not run on the CPU */
  uint64_t command_timeout_ns; /* after which a device is taken to have lost a command; 0: 10 seconds */
} accel_device_options;

/* Names of the devices that accel_device_open takes, separated by commas; an upper-case word stands for something to
 * fill in. *names_out is valid until this thread calls it again. */
ACCEL_API accel_status accel_device_names(const char** names_out);
/* `name`: of a device, or of several with "+" between them, which share each batch by their measured rates. options:
 * NULL for the defaults. Returns when the known-answer tests have passed. ACCEL_BAD_DEVICE: there is no such device, or
 * it does not work. */
ACCEL_API accel_status accel_device_open(accel_device** device_out, const char* name,
                                         const accel_device_options* options);
/* NULL is allowed. What is on its way is finished first; futures stay. Nobody may be using the handle in a call. */
ACCEL_API void accel_device_free(accel_device* device);

typedef struct accel_device_info {
  uint32_t struct_size; /* sizeof(accel_device_info) */
  uint32_t time_kind;   /* accel_time_kind of driver.h: 1 measured, 2 model, 3 simulated RTL */
  uint32_t quarantined; /* 1: it is not used any more */
  uint32_t reserved;
  uint64_t opcodes;    /* bit (1 << accel_opcode) of each that it has, see driver.h */
  const char* name;    /* as it was opened; strings live as long as the handle */
  const char* product; /* what the driver calls it */
  const char* version; /* of driver, firmware or bitstream */
} accel_device_info;

/* How many devices stand behind a handle. NULL: as for every call. */
ACCEL_API accel_status accel_device_count(accel_device* device, uint64_t* count_out);
/* About one of them. The caller sets info_out->struct_size. */
ACCEL_API accel_status accel_device_get_info(accel_device* device, uint64_t index, accel_device_info* info_out);

typedef struct accel_device_stat {
  const char* device;      /* one device, all of them together, or "fallback": the CPU behind them */
  const char* name;        /* "items.sm2_verify"; those that begin with "driver." are the driver's own */
  const char* unit;        /* "items" */
  const char* description; /* one sentence */
  uint64_t value;
} accel_device_stat;

/* Counters of a handle. *count_out is how many there are, even when the capacity is too small (ACCEL_BAD_ARGUMENT).
 * The strings are valid until this thread calls it again. */
ACCEL_API accel_status accel_device_stats(accel_device* device, accel_device_stat* stats_out, uint64_t capacity,
                                          uint64_t* count_out);

typedef enum accel_log_level {
  ACCEL_LOG_DEBUG = 10,
  ACCEL_LOG_INFO = 20,
  ACCEL_LOG_WARNING = 30,
  ACCEL_LOG_ERROR = 40
} accel_log_level;

/* What has happened to a device. The strings are valid during the call. */
typedef struct accel_log_event {
  uint32_t struct_size; /* sizeof(accel_log_event) */
  int32_t level;        /* accel_log_level */
  const char* event;    /* "device.opened", "device.closed", "device.fault", "device.reset", "device.refused",
                           "device.quarantined", or "driver" for what a driver says itself */
  const char* device;   /* its name */
  const char* message;  /* one sentence */
} accel_log_event;
typedef void (*accel_log_function)(void* context, const accel_log_event* event);

/* From now on events of all devices go to `function`, on any thread, and never two at once for one device. NULL: to
 * nobody. Returns when no call of the function before is running any more: not to be called from inside one. */
ACCEL_API accel_status accel_set_log(accel_log_function function, void* context);

/* Streams: requests that their caller does not wait for. At most `depth` of one stream are on their way at once. */
typedef struct accel_stream accel_stream;
typedef struct accel_future accel_future;

/* depth: 1 to 2^20. Once the device is freed, what is submitted is ACCEL_BAD_DEVICE. */
ACCEL_API accel_status accel_stream_new(accel_device* device, accel_stream** stream_out, uint32_t depth);
/* NULL is allowed. What is on its way is finished first; futures stay. */
ACCEL_API void accel_stream_free(accel_stream* stream);

typedef struct accel_submit_options {
  uint32_t struct_size;  /* sizeof(accel_submit_options) */
  uint32_t priority;     /* accel_priority; 0: ACCEL_PRIORITY_TRANSACTION. What waits is taken in this order */
  uint32_t non_blocking; /* 1: a full queue or stream is ACCEL_QUEUE_FULL; 0: the call waits for room */
  uint32_t reserved;     /* 0 */
  uint64_t deadline_ns;  /* from now, after which the answer is not wanted any more; 0: none */
} accel_submit_options;

/* Each submits the call of the same name and gives out its future. Arrays, ring and message bytes stay the caller's and
 * must neither change nor go before the future is done; structs are copied. options: NULL for the defaults. */
ACCEL_API accel_status accel_stream_sm3_hash_messages(accel_stream* stream, accel_future** future_out,
                                                      uint8_t* digests_out, const accel_messages* messages,
                                                      uint64_t count, const accel_submit_options* options);
ACCEL_API accel_status accel_stream_sm2_verify_digest_many(accel_stream* stream, accel_future** future_out,
                                                           uint8_t* status_out, const uint8_t* keys,
                                                           uint64_t keys_stride, const uint8_t* signatures,
                                                           uint64_t signatures_stride, const uint8_t* digests,
                                                           uint64_t digests_stride, uint64_t count,
                                                           const accel_submit_options* options);
ACCEL_API accel_status accel_stream_sm2_verify_many(accel_stream* stream, accel_future** future_out,
                                                    uint8_t* status_out, const uint8_t* keys, uint64_t keys_stride,
                                                    const uint8_t* signatures, uint64_t signatures_stride,
                                                    const accel_messages* messages, const uint8_t* id,
                                                    uint64_t id_length, uint64_t count,
                                                    const accel_submit_options* options);
ACCEL_API accel_status accel_stream_sm2_keyring_verify_digest_many(accel_stream* stream, accel_future** future_out,
                                                                   uint8_t* status_out, const accel_sm2_keyring* ring,
                                                                   const uint32_t* indices, const uint8_t* signatures,
                                                                   uint64_t signatures_stride, const uint8_t* digests,
                                                                   uint64_t digests_stride, uint64_t count,
                                                                   const accel_submit_options* options);
ACCEL_API accel_status accel_stream_sm2_keyring_verify_many(accel_stream* stream, accel_future** future_out,
                                                            uint8_t* status_out, const accel_sm2_keyring* ring,
                                                            const uint32_t* indices, const uint8_t* signatures,
                                                            uint64_t signatures_stride, const accel_messages* messages,
                                                            uint64_t count, const accel_submit_options* options);
ACCEL_API accel_status accel_stream_merkle_leaf_hashes(accel_stream* stream, accel_future** future_out,
                                                       uint8_t* hashes_out, uint32_t rule, const accel_messages* leaves,
                                                       uint64_t count, const accel_submit_options* options);

/* Wait at most timeout_ns nanoseconds (0: ask; UINT64_MAX: for ever). ACCEL_OK: it is done and ran; ACCEL_PENDING: it
 * is not done; otherwise what it ended with, and status arrays say ACCEL_NOT_CHECKED for items without a verdict. */
ACCEL_API accel_status accel_future_wait(accel_future* future, uint64_t timeout_ns);
/* A file descriptor that polls readable from the moment it is done. It stays the future's: do not read or close it. */
ACCEL_API accel_status accel_future_descriptor(accel_future* future, int32_t* descriptor_out);
/* What is called once a future is done. It must not wait for other futures. */
typedef void (*accel_done_function)(void* context);
/* Call `function` once it is done: on a thread of the runtime, or at once. */
ACCEL_API accel_status accel_future_on_done(accel_future* future, accel_done_function function, void* context);
/* End it with ACCEL_CANCELLED. ACCEL_OK: its arrays are not touched any more. ACCEL_BAD_ARGUMENT: it is done. */
ACCEL_API accel_status accel_future_cancel(accel_future* future);
/* NULL is allowed. One that is not done is cancelled. */
ACCEL_API void accel_future_free(accel_future* future);

/* -------------------------------------------------------------------------------------------------- drivers */

/* Devices from below, as accel/driver.h has them: for programs that try a device out, and for drivers that live in the
 * process itself. Work goes to devices through the functions above. */

struct accel_driver;

/* A driver that was found by the name of a device; what it needs stays loaded until the handle is freed. */
typedef struct accel_driver_handle accel_driver_handle;
/* `device`: "cpu", "plugin:PATH.so", ... *driver_out is its table, and *options_out what the table's open takes; both
 * live as long as the handle. ACCEL_BAD_DEVICE, with a sentence that lists the names. */
ACCEL_API accel_status accel_driver_find(accel_driver_handle** handle_out, const struct accel_driver** driver_out,
                                         const char** options_out, const char* device);
/* NULL is allowed. No device of this driver may be open. */
ACCEL_API void accel_driver_free(accel_driver_handle* handle);
/* From now on devices named `name`, or `name` and options behind a comma, are opened by this table, which is not
 * copied. ACCEL_BAD_ARGUMENT: the name is taken or malformed. ACCEL_BAD_DEVICE: the table is not complete, or of
 * another ACCEL_DRIVER_ABI_VERSION. */
ACCEL_API accel_status accel_driver_add(const char* name, const struct accel_driver* driver);
/* No longer; devices that are open stay open. ACCEL_BAD_ARGUMENT: no driver was added under this name. */
ACCEL_API accel_status accel_driver_remove(const char* name);
/* The names of devices, separated by commas, into names_out: at most `capacity` bytes with the zero at the end.
 * *length_out is what is needed, without the zero, even when the capacity is too small (ACCEL_BAD_ARGUMENT). */
ACCEL_API accel_status accel_driver_names(char* names_out, uint64_t capacity, uint64_t* length_out);
/* The faults of devices named "fault:FAULT:DEVICE", separated by commas; a static string. */
ACCEL_API const char* accel_driver_faults(void);

#ifdef __cplusplus
}
#endif
#endif
