// libaccel_golden for SystemVerilog: DPI-C import declarations of accel/golden.h, function by function.
//
// A number is bit [255:0]. Structures are packed and list their members in the opposite order, since DPI passes the
// least significant word first. Words of SM3 are packed arrays whose element 0 is the standard's first word. Bytes are
// unpacked arrays, element 0 first, of a fixed size: define ACCEL_GOLDEN_MAX_MESSAGE and ACCEL_GOLDEN_MAX_LEAVES on the
// simulator's command line for longer messages and larger trees.
//
// Functions return the status: GOLDEN_OK and what else accel/golden.h says. Traces are inout: set struct_size first,
// for example `trace = '0; trace.struct_size = $bits(trace) / 8;`.
`ifndef ACCEL_GOLDEN_MAX_MESSAGE
`define ACCEL_GOLDEN_MAX_MESSAGE 4096
`endif
`ifndef ACCEL_GOLDEN_MAX_LEAVES
`define ACCEL_GOLDEN_MAX_LEAVES 64
`endif

package accel_golden_pkg;

  localparam int GOLDEN_MAX_MESSAGE = `ACCEL_GOLDEN_MAX_MESSAGE;  // bytes of messages and IDs in these declarations
  localparam int GOLDEN_MAX_LEAVES = `ACCEL_GOLDEN_MAX_LEAVES;
  localparam int GOLDEN_MAX_STEPS = 512;
  localparam longint unsigned GOLDEN_NO_ZA = 64'hffff_ffff_ffff_ffff;

  // Statuses.
  localparam int GOLDEN_OK = 1, GOLDEN_BAD_SIGNATURE = 2, GOLDEN_BAD_KEY = 3, GOLDEN_BAD_RANGE = 4,
      GOLDEN_BAD_PROOF = 5, GOLDEN_BAD_ARGUMENT = 16;
  // Constants; the first two are also what a modulus may be.
  localparam int unsigned GOLDEN_P = 1, GOLDEN_N = 2, GOLDEN_A = 3, GOLDEN_B = 4, GOLDEN_GX = 5, GOLDEN_GY = 6,
      GOLDEN_R_MOD_P = 7, GOLDEN_R_MOD_N = 8, GOLDEN_R2_MOD_P = 9, GOLDEN_R2_MOD_N = 10, GOLDEN_MINUS_INV_P = 11,
      GOLDEN_MINUS_INV_N = 12;
  localparam int unsigned GOLDEN_ADD_GENERIC = 1, GOLDEN_ADD_FIRST_INFINITE = 2, GOLDEN_ADD_SECOND_INFINITE = 3,
      GOLDEN_ADD_EQUAL = 4, GOLDEN_ADD_OPPOSITE = 5;
  localparam int unsigned GOLDEN_STEP_DOUBLE = 1, GOLDEN_STEP_ADD = 2;
  localparam int unsigned GOLDEN_MERKLE_RFC9162 = 1, GOLDEN_MERKLE_CHAINMAKER = 2, GOLDEN_MERKLE_BCOS = 3;

  typedef bit [31:0] golden_word_t;
  typedef bit [255:0] golden_number_t;
  typedef bit [511:0] golden_product_t;
  typedef golden_word_t [7:0] golden_state_t;  // [0] is A
  typedef golden_word_t [63:0] golden_words64_t;
  typedef golden_word_t [67:0] golden_words68_t;
  typedef byte unsigned golden_bytes32_t[32];
  typedef byte unsigned golden_bytes64_t[64];
  typedef byte unsigned golden_message_t[GOLDEN_MAX_MESSAGE];
  typedef byte unsigned golden_hashes_t[32 * GOLDEN_MAX_LEAVES];  // hash i: bytes 32 i to 32 i + 31
  typedef byte unsigned golden_levels_t[32 * (2 * GOLDEN_MAX_LEAVES + 40)];  // all levels of so many leaves
  typedef byte unsigned golden_siblings_t[32 * 63];

  typedef struct packed { golden_number_t y, x; } golden_point_t;
  typedef struct packed { golden_number_t z, y, x; } golden_jacobian_t;

  typedef struct packed {
    golden_number_t result;
    golden_word_t [8:0] sum;
    golden_number_t quotient;
    golden_product_t product;
    golden_word_t subtractions, struct_size;
  } golden_montgomery_t;

  typedef struct packed {
    golden_state_t state;
    golden_state_t [64:0] registers;  // [0] before round 0, [j + 1] after round j
    golden_words64_t tt2, tt1, ss2, ss1, w_prime;
    golden_words68_t w;
    golden_word_t struct_size;
  } golden_sm3_compression_t;

  typedef struct packed {
    golden_jacobian_t jacobian;
    golden_word_t addition, operation, bit_index;
  } golden_step_t;
  typedef golden_step_t golden_steps_t[GOLDEN_MAX_STEPS];

  typedef struct packed {
    golden_number_t r, x1_mod_n;
    golden_point_t sum, tp, sg;
    golden_number_t t;
    golden_word_t addition, infinity, status, struct_size;
  } golden_verification_t;

  typedef struct packed {
    golden_number_t s, inverse, r;
    golden_point_t point;
    golden_word_t status, struct_size;
  } golden_signing_t;

  import "DPI-C" function int unsigned accel_golden_abi_version();
  import "DPI-C" function string accel_golden_status_name(input int status);

  // numbers

  import "DPI-C" function int accel_golden_number_from_bytes(
      output golden_number_t number, input golden_bytes32_t bytes);
  import "DPI-C" function int accel_golden_number_to_bytes(output golden_bytes32_t bytes, input golden_number_t number);
  import "DPI-C" function int accel_golden_constant(output golden_number_t number, input int unsigned name);
  import "DPI-C" function int accel_golden_product(
      output golden_product_t product, input golden_number_t a, input golden_number_t b);
  import "DPI-C" function int accel_golden_mod_add(
      output golden_number_t result, input int unsigned modulus, input golden_number_t a, input golden_number_t b);
  import "DPI-C" function int accel_golden_mod_sub(
      output golden_number_t result, input int unsigned modulus, input golden_number_t a, input golden_number_t b);
  import "DPI-C" function int accel_golden_mod_mul(
      output golden_number_t result, input int unsigned modulus, input golden_number_t a, input golden_number_t b);
  import "DPI-C" function int accel_golden_mod_inv(
      output golden_number_t result, input int unsigned modulus, input golden_number_t a);
  import "DPI-C" function int accel_golden_to_mont(
      output golden_number_t result, input int unsigned modulus, input golden_number_t a);
  import "DPI-C" function int accel_golden_from_mont(
      output golden_number_t result, input int unsigned modulus, input golden_number_t a);
  import "DPI-C" function int accel_golden_mont_mul(
      output golden_number_t result, input int unsigned modulus, input golden_number_t a, input golden_number_t b);
  import "DPI-C" function int accel_golden_mont_mul_trace(
      inout golden_montgomery_t trace, input int unsigned modulus, input golden_number_t a, input golden_number_t b);

  // SM3

  import "DPI-C" function int accel_golden_sm3_initial(output golden_state_t state);
  import "DPI-C" function int accel_golden_sm3_pad(
      output golden_message_t blocks, input longint unsigned capacity, output longint unsigned length,
      input golden_message_t message, input longint unsigned message_length);
  import "DPI-C" function int accel_golden_sm3_expand(
      output golden_words68_t w, output golden_words64_t w_prime, input golden_bytes64_t block);
  import "DPI-C" function int accel_golden_sm3_compress(
      output golden_state_t next, input golden_state_t state, input golden_bytes64_t block);
  import "DPI-C" function int accel_golden_sm3_compress_trace(
      inout golden_sm3_compression_t trace, input golden_state_t state, input golden_bytes64_t block);
  import "DPI-C" function int accel_golden_sm3_hash(
      output golden_bytes32_t digest, input golden_message_t message, input longint unsigned message_length);
  import "DPI-C" function int accel_golden_sm3_hash_prefixed(
      output golden_bytes32_t digest, input golden_message_t prefix, input longint unsigned prefix_length,
      input golden_message_t message, input longint unsigned message_length);

  // points

  import "DPI-C" function int accel_golden_point_check(input golden_point_t point);
  import "DPI-C" function int accel_golden_point_decompress(
      output golden_point_t point, input golden_number_t x, input int unsigned odd);
  import "DPI-C" function int accel_golden_point_negate(output golden_point_t result, input golden_point_t point);
  import "DPI-C" function int accel_golden_point_double(output golden_point_t result, input golden_point_t point);
  import "DPI-C" function int accel_golden_point_add(
      output golden_point_t result, input golden_point_t first, input golden_point_t second);
  import "DPI-C" function int accel_golden_point_multiply(
      output golden_point_t result, input golden_number_t k, input golden_point_t point);
  import "DPI-C" function int accel_golden_jacobian_from_affine(
      output golden_jacobian_t result, input golden_point_t point);
  import "DPI-C" function int accel_golden_jacobian_to_affine(
      output golden_point_t result, input golden_jacobian_t jacobian);
  import "DPI-C" function int accel_golden_jacobian_double(
      output golden_jacobian_t result, input golden_jacobian_t jacobian);
  import "DPI-C" function int accel_golden_jacobian_add(
      output golden_jacobian_t result, output int unsigned addition, input golden_jacobian_t first,
      input golden_jacobian_t second);
  import "DPI-C" function int accel_golden_jacobian_add_affine(
      output golden_jacobian_t result, output int unsigned addition, input golden_jacobian_t first,
      input golden_point_t second);
  import "DPI-C" function int accel_golden_point_multiply_trace(
      output golden_steps_t steps, input longint unsigned capacity, output longint unsigned count,
      input golden_number_t k, input golden_point_t point);

  // SM2

  import "DPI-C" function int accel_golden_sm2_public_key(output golden_point_t key, input golden_number_t private_key);
  import "DPI-C" function int accel_golden_sm2_za_input(
      output golden_message_t za_input, input longint unsigned capacity, output longint unsigned length,
      input golden_message_t id, input longint unsigned id_length, input golden_point_t key);
  import "DPI-C" function int accel_golden_sm2_za(
      output golden_bytes32_t za, input golden_message_t id, input longint unsigned id_length,
      input golden_point_t key);
  import "DPI-C" function int accel_golden_sm2_e(
      output golden_number_t e, input golden_message_t id, input longint unsigned id_length, input golden_point_t key,
      input golden_message_t message, input longint unsigned message_length);
  import "DPI-C" function int accel_golden_sm2_verify(
      inout golden_verification_t trace, input golden_point_t key, input golden_number_t r, input golden_number_t s,
      input golden_number_t e);
  import "DPI-C" function int accel_golden_sm2_verify_bytes(
      inout golden_verification_t trace, input golden_bytes64_t key, input golden_bytes64_t signature,
      input golden_bytes32_t digest);
  import "DPI-C" function int accel_golden_sm2_sign(
      inout golden_signing_t trace, input golden_number_t private_key, input golden_number_t e,
      input golden_number_t nonce);

  // Merkle

  import "DPI-C" function int accel_golden_merkle_leaf(
      output golden_bytes32_t hash, input int unsigned rule, input golden_message_t data,
      input longint unsigned length);
  import "DPI-C" function int accel_golden_merkle_node(
      output golden_bytes32_t hash, input int unsigned rule, input golden_bytes32_t left, input golden_bytes32_t right);
  import "DPI-C" function int accel_golden_merkle_lone(
      output golden_bytes32_t hash, input int unsigned rule, input golden_bytes32_t child);
  import "DPI-C" function int accel_golden_merkle_root(
      output golden_bytes32_t root, input int unsigned rule, input golden_hashes_t leaf_hashes,
      input longint unsigned count);
  import "DPI-C" function int accel_golden_merkle_levels(
      output golden_levels_t nodes, input longint unsigned capacity, output longint unsigned nodes_count,
      input int unsigned rule, input golden_hashes_t leaf_hashes, input longint unsigned count);
  import "DPI-C" function int accel_golden_merkle_path(
      output golden_siblings_t siblings, input longint unsigned capacity, output longint unsigned sibling_count,
      input int unsigned rule, input golden_hashes_t leaf_hashes, input longint unsigned count,
      input longint unsigned index);
  import "DPI-C" function int accel_golden_merkle_path_root(
      output golden_bytes32_t root, input int unsigned rule, input golden_bytes32_t leaf_hash,
      input longint unsigned index, input longint unsigned tree_size, input golden_siblings_t siblings,
      input longint unsigned sibling_count);
  import "DPI-C" function int accel_golden_merkle_verify(
      input int unsigned rule, input golden_bytes32_t root, input golden_bytes32_t leaf_hash,
      input longint unsigned index, input longint unsigned tree_size, input golden_siblings_t siblings,
      input longint unsigned sibling_count);

endpackage
