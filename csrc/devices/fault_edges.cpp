// Faults that show in one edge case only: a design that passes everything else.
#include <algorithm>
#include <array>
#include <cstring>
#include <functional>

#include "devices/command.hpp"
#include "devices/fault.hpp"

namespace accel::devices {
namespace {

using Number = std::array<uint8_t, 32>;  // big-endian, so that they compare like integers

constexpr Number hex(const char* text) {
  Number number{};
  for (size_t i = 0; i < 64; ++i) {
    const char c = text[i];
    const int digit = c <= '9' ? c - '0' : c - 'A' + 10;
    number[i / 2] = static_cast<uint8_t>(number[i / 2] << 4 | digit);
  }
  return number;
}

// GB/T 32918.5-2017.
constexpr Number kP = hex("FFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF00000000FFFFFFFFFFFFFFFF");
constexpr Number kN = hex("FFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFF7203DF6B21C6052B53BBF40939D54123");
constexpr Number kGx = hex("32C4AE2C1F1981195F9904466A39C9948FE30BBFF2660BE1715A4589334C74C7");
constexpr Number kZero{};

Number load(const uint8_t* bytes) {
  Number number;
  std::copy_n(bytes, number.size(), number.begin());
  return number;
}

// a + b, and the carry out of 256 bits.
bool add(const Number& a, const Number& b, Number* sum) {
  unsigned carry = 0;
  for (size_t i = 32; i-- > 0; carry >>= 8) {
    carry += unsigned{a[i]} + b[i];
    (*sum)[i] = static_cast<uint8_t>(carry);
  }
  return carry != 0;
}

struct Item {
  Number x, y, r, s, e;  // key by value; e of VERIFY_DIGEST; otherwise zeros
  bool has_key, has_digest;
};

// Changes the verdicts of items for which `pick` holds to `status`.
template <typename Pick>
void override_items(const accel_command& command, uint8_t status, Pick pick) {
  if (!is_verify(command.opcode)) return;
  const bool has_key = (command.flags & ACCEL_COMMAND_HANDLES) == 0;
  const bool has_digest = command.opcode == ACCEL_OP_SM2_VERIFY_DIGEST;
  for (uint64_t i = 0; i < command.count; ++i) {
    const uint8_t* const signature = command.signatures + command.signatures_stride * i;
    Item item = {{}, {}, load(signature), load(signature + 32), {}, has_key, has_digest};
    if (has_key) item.x = load(command.keys + command.keys_stride * i);
    if (has_key) item.y = load(command.keys + command.keys_stride * i + 32);
    if (has_digest) item.e = load(command.digests + command.digests_stride * i);
    if (pick(item)) command.status_out[i] = status;
  }
}

bool is_generator(const Item& item) { return item.has_key && item.x == kGx; }

// t = r + s mod n equals s or -s: with P = G or -G the last addition is a doubling, or gives infinity.
bool r_is_zero_or_double(const Item& item) {
  Number twice, sum;
  add(item.s, item.s, &twice);
  const bool carry = add(item.r, twice, &sum);
  return item.r == kZero || (!carry && sum == kN) || carry;
}

void accept_r_zero(const accel_command& command, FaultQueue&) {
  override_items(command, ACCEL_OK, [](const Item& item) { return item.r == kZero; });
}
void accept_s_zero(const accel_command& command, FaultQueue&) {
  override_items(command, ACCEL_OK, [](const Item& item) { return item.s == kZero; });
}
void accept_r_from_n(const accel_command& command, FaultQueue&) {
  override_items(command, ACCEL_OK, [](const Item& item) { return item.r >= kN; });
}
void accept_s_from_n(const accel_command& command, FaultQueue&) {
  override_items(command, ACCEL_OK, [](const Item& item) { return item.s >= kN; });
}
void accept_t_zero(const accel_command& command, FaultQueue&) {
  override_items(command, ACCEL_OK, [](const Item& item) {
    Number sum;
    return !add(item.r, item.s, &sum) && sum == kN;
  });
}
void accept_key_zero(const accel_command& command, FaultQueue&) {
  override_items(command, ACCEL_OK,
                 [](const Item& item) { return item.has_key && item.x == kZero && item.y == kZero; });
}
void accept_key_from_p(const accel_command& command, FaultQueue&) {
  override_items(command, ACCEL_OK, [](const Item& item) { return item.has_key && (item.x >= kP || item.y >= kP); });
}
void key_is_signature(const accel_command& command, FaultQueue&) {
  if (!is_verify(command.opcode)) return;
  std::replace(command.status_out, command.status_out + command.count, uint8_t{ACCEL_BAD_KEY},
               uint8_t{ACCEL_BAD_SIGNATURE});
}
void range_is_signature(const accel_command& command, FaultQueue&) {
  if (!is_verify(command.opcode)) return;
  std::replace(command.status_out, command.status_out + command.count, uint8_t{ACCEL_BAD_RANGE},
               uint8_t{ACCEL_BAD_SIGNATURE});
}
// The range is looked at before the key.
void range_before_key(const accel_command& command, FaultQueue&) {
  override_items(command, ACCEL_BAD_RANGE,
                 [](const Item& item) { return item.r == kZero || item.r >= kN || item.s == kZero || item.s >= kN; });
}
void reject_digest_from_n(const accel_command& command, FaultQueue&) {
  override_items(command, ACCEL_BAD_SIGNATURE, [](const Item& item) { return item.has_digest && item.e >= kN; });
}
void generator_as_key(const accel_command& command, FaultQueue&) {
  override_items(command, ACCEL_BAD_SIGNATURE, is_generator);
}
void exceptional_addition(const accel_command& command, FaultQueue&) {
  if (!is_verify(command.opcode)) return;
  const std::vector<uint8_t> right(command.status_out, command.status_out + command.count);
  override_items(command, 255, [](const Item& item) { return is_generator(item) && r_is_zero_or_double(item); });
  for (uint64_t i = 0; i < command.count; ++i) {
    if (command.status_out[i] == 255) command.status_out[i] = right[i] == ACCEL_OK ? ACCEL_BAD_SIGNATURE : ACCEL_OK;
  }
}
void default_id_only(const accel_command& command, FaultQueue&) {
  if (command.opcode != ACCEL_OP_SM2_VERIFY) return;
  const bool is_default = command.id_length == ACCEL_SM2_DEFAULT_ID_LENGTH &&
                          std::memcmp(command.id, ACCEL_SM2_DEFAULT_ID, ACCEL_SM2_DEFAULT_ID_LENGTH) == 0;
  if (is_default) return;
  std::replace(command.status_out, command.status_out + command.count, uint8_t{ACCEL_OK}, uint8_t{ACCEL_BAD_SIGNATURE});
}

// Digests of messages of these lengths are wrong.
template <typename Wrong>
void spoil_lengths(const accel_command& command, Wrong wrong) {
  if (command.opcode != ACCEL_OP_SM3) return;
  for (uint64_t i = 0; i < command.count; ++i) {
    const bool ragged = (command.flags & ACCEL_COMMAND_RAGGED) != 0;
    const uint64_t length = ragged ? command.offsets[i + 1] - command.offsets[i] : command.message_length;
    if (wrong(length)) command.output[32 * i] ^= 1;
  }
}
void sm3_empty(const accel_command& command, FaultQueue&) {
  spoil_lengths(command, [](uint64_t length) { return length == 0; });
}
void sm3_55(const accel_command& command, FaultQueue&) {
  spoil_lengths(command, [](uint64_t length) { return length == 55; });
}
void sm3_56(const accel_command& command, FaultQueue&) {
  spoil_lengths(command, [](uint64_t length) { return length == 56; });
}
void sm3_whole_blocks(const accel_command& command, FaultQueue&) {
  spoil_lengths(command, [](uint64_t length) { return length != 0 && length % 64 == 0; });
}
void sm3_long(const accel_command& command, FaultQueue&) {  // the length field has 16 bits
  spoil_lengths(command, [](uint64_t length) { return length >= 8192; });
}
void ragged_from_zero(const accel_command& command, FaultQueue&) {  // the first offset is taken for 0
  const bool shows = command.opcode == ACCEL_OP_SM3 && (command.flags & ACCEL_COMMAND_RAGGED) != 0;
  if (shows && command.offsets[0] != 0) command.output[0] ^= 1;
}

void merkle_lone(const accel_command& command, FaultQueue&) {
  const uint64_t size = output_bytes(command);
  const bool whole = (command.count & (command.count - 1)) == 0;
  if (is_merkle(command.opcode) && !whole) command.output[size - 32] ^= 1;
}
void merkle_single(const accel_command& command, FaultQueue&) {
  if (command.opcode == ACCEL_OP_MERKLE_ROOT && command.count == 1) command.output[0] ^= 1;
}

}  // namespace

const std::vector<Fault> kEdgeFaults = {
    {"accept-r-zero", nullptr, accept_r_zero, nullptr, nullptr},
    {"accept-s-zero", nullptr, accept_s_zero, nullptr, nullptr},
    {"accept-r-from-n", nullptr, accept_r_from_n, nullptr, nullptr},
    {"accept-s-from-n", nullptr, accept_s_from_n, nullptr, nullptr},
    {"accept-t-zero", nullptr, accept_t_zero, nullptr, nullptr},
    {"accept-key-zero", nullptr, accept_key_zero, nullptr, nullptr},
    {"accept-key-from-p", nullptr, accept_key_from_p, nullptr, nullptr},
    {"bad-key-as-bad-signature", nullptr, key_is_signature, nullptr, nullptr},
    {"bad-range-as-bad-signature", nullptr, range_is_signature, nullptr, nullptr},
    {"range-before-key", nullptr, range_before_key, nullptr, nullptr},
    {"reject-digest-from-n", nullptr, reject_digest_from_n, nullptr, nullptr},
    {"reject-generator-key", nullptr, generator_as_key, nullptr, nullptr},
    {"exceptional-addition", nullptr, exceptional_addition, nullptr, nullptr},
    {"default-id-only", nullptr, default_id_only, nullptr, nullptr},
    {"sm3-empty", nullptr, sm3_empty, nullptr, nullptr},
    {"sm3-length-55", nullptr, sm3_55, nullptr, nullptr},
    {"sm3-length-56", nullptr, sm3_56, nullptr, nullptr},
    {"sm3-whole-blocks", nullptr, sm3_whole_blocks, nullptr, nullptr},
    {"sm3-16-bit-length", nullptr, sm3_long, nullptr, nullptr},
    {"ragged-from-zero", nullptr, ragged_from_zero, nullptr, nullptr},
    {"merkle-lone-node", nullptr, merkle_lone, nullptr, nullptr},
    {"merkle-one-leaf", nullptr, merkle_single, nullptr, nullptr},
};

}  // namespace accel::devices
