// libaccel_golden for SystemVerilog: DPI-C import declarations of accel/golden.h, function by function.
//
// A number is bit [255:0]. Structures are packed and list their members in the opposite order, since DPI passes the least
// significant word first. Words of SM3 are packed arrays whose element 0 is the standard's first word. Bytes are unpacked
// arrays, element 0 first. DPI has no arrays of any length here: a bench with longer messages or more leaves imports the
// function again under a name of its own, for example
//
//   import "DPI-C" accel_golden_sm3_hash = function int hash_64k(
//       output bytes32_t digest, input byte unsigned message[65536], input longint unsigned length);
//
// Functions return the status: OK (1) and what else accel/golden.h says. Traces are inout: set struct_size first, for
// example `trace = '0; trace.struct_size = $bits(trace) / 8;`.
package accel_golden_pkg;

  localparam int MAX_MESSAGE = 4096;  // bytes of messages and IDs in these declarations
  localparam int MAX_LEAVES = 64;
  localparam int MAX_STEPS = 512;
  localparam longint unsigned NO_ZA = 64'hffff_ffff_ffff_ffff;

  localparam int OK = 1, BAD_SIGNATURE = 2, BAD_KEY = 3, BAD_RANGE = 4, BAD_PROOF = 5, BAD_ARGUMENT = 16;
  // As a modulus: P or N. As a constant: all.
  localparam int unsigned P = 1, N = 2, A = 3, B = 4, GX = 5, GY = 6, R_MOD_P = 7, R_MOD_N = 8, R2_MOD_P = 9,
      R2_MOD_N = 10, MINUS_INV_P = 11, MINUS_INV_N = 12;
  localparam int unsigned ADD_GENERIC = 1, ADD_FIRST_INFINITE = 2, ADD_SECOND_INFINITE = 3, ADD_EQUAL = 4,
      ADD_OPPOSITE = 5;
  localparam int unsigned STEP_DOUBLE = 1, STEP_ADD = 2;
  localparam int unsigned MERKLE_RFC9162 = 1, MERKLE_CHAINMAKER = 2, MERKLE_BCOS = 3;

  typedef bit [31:0] word_t;
  typedef bit [255:0] number_t;
  typedef bit [511:0] product_t;
  typedef word_t [7:0] state_t;  // [0] is A
  typedef word_t [63:0] words64_t;
  typedef word_t [67:0] words68_t;
  typedef byte unsigned bytes32_t[32];
  typedef byte unsigned bytes64_t[64];
  typedef byte unsigned message_t[MAX_MESSAGE];
  typedef byte unsigned hashes_t[32 * MAX_LEAVES];       // hash i: bytes 32 i to 32 i + 31
  typedef byte unsigned levels_t[2 * 32 * MAX_LEAVES];   // of MAX_LEAVES leaves, a power of two
  typedef byte unsigned siblings_t[32 * 63];

  typedef struct packed { number_t y, x; } point_t;
  typedef struct packed { number_t z, y, x; } jacobian_t;

  typedef struct packed {
    number_t result;
    word_t [8:0] sum;
    number_t quotient;
    product_t product;
    word_t subtractions, struct_size;
  } montgomery_t;

  typedef struct packed {
    state_t state;
    state_t [64:0] registers;  // [0] before round 0, [j + 1] after round j
    words64_t tt2, tt1, ss2, ss1, w_prime;
    words68_t w;
    word_t struct_size;
  } sm3_compression_t;

  typedef struct packed {
    jacobian_t jacobian;
    word_t addition, operation, bit_index;
  } step_t;
  typedef step_t steps_t[MAX_STEPS];

  typedef struct packed {
    number_t r, x1_mod_n;
    point_t sum, tp, sg;
    number_t t;
    word_t addition, infinity, status, struct_size;
  } verification_t;

  typedef struct packed {
    number_t s, inverse, r;
    point_t point;
    word_t status, struct_size;
  } signing_t;

  import "DPI-C" function int unsigned accel_golden_abi_version();
  import "DPI-C" function string accel_golden_status_name(input int status);

  // numbers

  import "DPI-C" function int accel_golden_number_from_bytes(output number_t number, input bytes32_t bytes);
  import "DPI-C" function int accel_golden_number_to_bytes(output bytes32_t bytes, input number_t number);
  import "DPI-C" function int accel_golden_constant(output number_t number, input int unsigned name);
  import "DPI-C" function int accel_golden_product(output product_t product, input number_t a, input number_t b);
  import "DPI-C" function int accel_golden_mod_add(
      output number_t result, input int unsigned modulus, input number_t a, input number_t b);
  import "DPI-C" function int accel_golden_mod_sub(
      output number_t result, input int unsigned modulus, input number_t a, input number_t b);
  import "DPI-C" function int accel_golden_mod_mul(
      output number_t result, input int unsigned modulus, input number_t a, input number_t b);
  import "DPI-C" function int accel_golden_mod_inv(
      output number_t result, input int unsigned modulus, input number_t a);
  import "DPI-C" function int accel_golden_to_mont(
      output number_t result, input int unsigned modulus, input number_t a);
  import "DPI-C" function int accel_golden_from_mont(
      output number_t result, input int unsigned modulus, input number_t a);
  import "DPI-C" function int accel_golden_mont_mul(
      output number_t result, input int unsigned modulus, input number_t a, input number_t b);
  import "DPI-C" function int accel_golden_mont_mul_trace(
      inout montgomery_t trace, input int unsigned modulus, input number_t a, input number_t b);

  // SM3

  import "DPI-C" function int accel_golden_sm3_initial(output state_t state);
  import "DPI-C" function int accel_golden_sm3_pad(
      output message_t blocks, input longint unsigned capacity, output longint unsigned length,
      input message_t message, input longint unsigned message_length);
  import "DPI-C" function int accel_golden_sm3_expand(
      output words68_t w, output words64_t w_prime, input bytes64_t block);
  import "DPI-C" function int accel_golden_sm3_compress(
      output state_t next, input state_t state, input bytes64_t block);
  import "DPI-C" function int accel_golden_sm3_compress_trace(
      inout sm3_compression_t trace, input state_t state, input bytes64_t block);
  import "DPI-C" function int accel_golden_sm3_hash(
      output bytes32_t digest, input message_t message, input longint unsigned message_length);
  import "DPI-C" function int accel_golden_sm3_hash_prefixed(
      output bytes32_t digest, input message_t prefix, input longint unsigned prefix_length, input message_t message,
      input longint unsigned message_length);

  // points

  import "DPI-C" function int accel_golden_point_check(input point_t point);
  import "DPI-C" function int accel_golden_point_decompress(
      output point_t point, input number_t x, input int unsigned odd);
  import "DPI-C" function int accel_golden_point_negate(output point_t result, input point_t point);
  import "DPI-C" function int accel_golden_point_double(output point_t result, input point_t point);
  import "DPI-C" function int accel_golden_point_add(
      output point_t result, input point_t first, input point_t second);
  import "DPI-C" function int accel_golden_point_multiply(
      output point_t result, input number_t k, input point_t point);
  import "DPI-C" function int accel_golden_jacobian_from_affine(output jacobian_t result, input point_t point);
  import "DPI-C" function int accel_golden_jacobian_to_affine(output point_t result, input jacobian_t jacobian);
  import "DPI-C" function int accel_golden_jacobian_double(output jacobian_t result, input jacobian_t jacobian);
  import "DPI-C" function int accel_golden_jacobian_add(
      output jacobian_t result, output int unsigned addition, input jacobian_t first, input jacobian_t second);
  import "DPI-C" function int accel_golden_jacobian_add_affine(
      output jacobian_t result, output int unsigned addition, input jacobian_t first, input point_t second);
  import "DPI-C" function int accel_golden_point_multiply_trace(
      output steps_t steps, input longint unsigned capacity, output longint unsigned count, input number_t k,
      input point_t point);

  // SM2

  import "DPI-C" function int accel_golden_sm2_public_key(output point_t key, input number_t private_key);
  import "DPI-C" function int accel_golden_sm2_za_input(
      output message_t za_input, input longint unsigned capacity, output longint unsigned length, input message_t id,
      input longint unsigned id_length, input point_t key);
  import "DPI-C" function int accel_golden_sm2_za(
      output bytes32_t za, input message_t id, input longint unsigned id_length, input point_t key);
  import "DPI-C" function int accel_golden_sm2_e(
      output number_t e, input message_t id, input longint unsigned id_length, input point_t key,
      input message_t message, input longint unsigned message_length);
  import "DPI-C" function int accel_golden_sm2_verify(
      inout verification_t trace, input point_t key, input number_t r, input number_t s, input number_t e);
  import "DPI-C" function int accel_golden_sm2_verify_bytes(
      inout verification_t trace, input bytes64_t key, input bytes64_t signature, input bytes32_t digest);
  import "DPI-C" function int accel_golden_sm2_sign(
      inout signing_t trace, input number_t private_key, input number_t e, input number_t nonce);

  // Merkle

  import "DPI-C" function int accel_golden_merkle_leaf(
      output bytes32_t hash, input int unsigned rule, input message_t data, input longint unsigned length);
  import "DPI-C" function int accel_golden_merkle_node(
      output bytes32_t hash, input int unsigned rule, input bytes32_t left, input bytes32_t right);
  import "DPI-C" function int accel_golden_merkle_lone(
      output bytes32_t hash, input int unsigned rule, input bytes32_t child);
  import "DPI-C" function int accel_golden_merkle_root(
      output bytes32_t root, input int unsigned rule, input hashes_t leaf_hashes, input longint unsigned count);
  import "DPI-C" function int accel_golden_merkle_levels(
      output levels_t nodes, input longint unsigned capacity, output longint unsigned nodes_count,
      input int unsigned rule, input hashes_t leaf_hashes, input longint unsigned count);
  import "DPI-C" function int accel_golden_merkle_path(
      output siblings_t siblings, input longint unsigned capacity, output longint unsigned sibling_count,
      input int unsigned rule, input hashes_t leaf_hashes, input longint unsigned count,
      input longint unsigned index);
  import "DPI-C" function int accel_golden_merkle_path_root(
      output bytes32_t root, input int unsigned rule, input bytes32_t leaf_hash, input longint unsigned index,
      input longint unsigned tree_size, input siblings_t siblings, input longint unsigned sibling_count);
  import "DPI-C" function int accel_golden_merkle_verify(
      input int unsigned rule, input bytes32_t root, input bytes32_t leaf_hash, input longint unsigned index,
      input longint unsigned tree_size, input siblings_t siblings, input longint unsigned sibling_count);

endpackage
