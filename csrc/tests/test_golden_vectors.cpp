// libaccel_golden against published vectors and their intermediate values, its status numbers against accel.h's.
#include <gtest/gtest.h>

#include <array>
#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

#include "accel/accel.h"
#include "accel/golden.h"

namespace {

static_assert(ACCEL_GOLDEN_NOT_CHECKED == int{ACCEL_NOT_CHECKED});
static_assert(ACCEL_GOLDEN_OK == int{ACCEL_OK});
static_assert(ACCEL_GOLDEN_BAD_SIGNATURE == int{ACCEL_BAD_SIGNATURE});
static_assert(ACCEL_GOLDEN_BAD_KEY == int{ACCEL_BAD_KEY});
static_assert(ACCEL_GOLDEN_BAD_RANGE == int{ACCEL_BAD_RANGE});
static_assert(ACCEL_GOLDEN_BAD_PROOF == int{ACCEL_BAD_PROOF});
static_assert(ACCEL_GOLDEN_BAD_ARGUMENT == int{ACCEL_BAD_ARGUMENT});
static_assert(ACCEL_GOLDEN_MERKLE_RFC9162 == int{ACCEL_MERKLE_RFC9162});
static_assert(ACCEL_GOLDEN_MERKLE_CHAINMAKER == int{ACCEL_MERKLE_CHAINMAKER});
static_assert(ACCEL_GOLDEN_MERKLE_BCOS == int{ACCEL_MERKLE_BCOS});
static_assert(ACCEL_GOLDEN_MAX_ID_LENGTH == ACCEL_SM2_MAX_ID_LENGTH && ACCEL_GOLDEN_NO_ZA == ACCEL_SM2_NO_ZA);
static_assert(ACCEL_GOLDEN_MAX_MESSAGE == ACCEL_MAX_MESSAGE);

// In a simulator they are packed vectors of these sizes, so there must be no padding.
static_assert(sizeof(accel_golden_montgomery) == 4 * 43);
static_assert(sizeof(accel_golden_sm3_compression) == 4 * 917);
static_assert(sizeof(accel_golden_step) == 4 * 27);
static_assert(sizeof(accel_golden_verification) == 4 * 76);
static_assert(sizeof(accel_golden_signing) == 4 * 42);

using Number = std::array<uint32_t, 8>;
using Point = std::array<uint32_t, 16>;

// From 64 digits, as the standard prints them.
Number number(const std::string& hex) {
  Number words;
  for (size_t i = 0; i < 8; i++) {
    words[7 - i] = static_cast<uint32_t>(std::stoul(hex.substr(8 * i, 8), nullptr, 16));
  }
  return words;
}

Point point(const std::string& x, const std::string& y) {
  Point words;
  const Number low = number(x), high = number(y);
  std::copy(low.begin(), low.end(), words.begin());
  std::copy(high.begin(), high.end(), words.begin() + 8);
  return words;
}

template <size_t size>
std::array<uint32_t, size> array(const uint32_t (&words)[size]) {
  return std::to_array(words);
}

std::string hex(const uint8_t* bytes, size_t size) {
  static const char digits[] = "0123456789abcdef";
  std::string text;
  for (size_t i = 0; i < size; i++) text += {digits[bytes[i] >> 4], digits[bytes[i] & 15]};
  return text;
}

std::string sm3(const std::string& message) {
  const std::vector<uint8_t> exact(message.begin(), message.end());
  uint8_t digest[32];
  EXPECT_EQ(accel_golden_sm3_hash(digest, exact.data(), exact.size()), ACCEL_GOLDEN_OK);
  return hex(digest, sizeof(digest));
}

// GB/T 32905-2016, annex A.
TEST(Golden, Sm3Digests) {
  EXPECT_EQ(sm3("abc"), "66c7f0f462eeedd9d1f2d46bdc10e4e24167c4875cf2f7a2297da02b8f4ba8e0");
  std::string sixteen;
  for (int i = 0; i < 16; i++) sixteen += "abcd";
  EXPECT_EQ(sm3(sixteen), "debe9ff92275b8a138604889c18e5a4d6fdb70e5387e5765293dcba39c0c5732");
  EXPECT_EQ(sm3(""), "1ab21d8355cfa17f8e61194831e81a8f22bec8c728fefb747ed035eb5082aa2b");  // openssl dgst -sm3
}

// GB/T 32905-2016, annex A.1: the last expanded words and the registers of "abc".
TEST(Golden, Sm3Rounds) {
  uint32_t state[8];
  std::vector<uint8_t> block(64);
  uint64_t length = 0;
  ASSERT_EQ(accel_golden_sm3_initial(state), ACCEL_GOLDEN_OK);
  const uint8_t abc[] = {'a', 'b', 'c'};
  ASSERT_EQ(accel_golden_sm3_pad(block.data(), block.size(), &length, abc, sizeof(abc)), ACCEL_GOLDEN_OK);
  EXPECT_EQ(length, 64u);
  accel_golden_sm3_compression trace = {};
  trace.struct_size = sizeof(trace);
  ASSERT_EQ(accel_golden_sm3_compress_trace(&trace, state, block.data()), ACCEL_GOLDEN_OK);
  EXPECT_EQ(trace.w[0], 0x61626380u);
  EXPECT_EQ(trace.w[16], 0x9092e200u);
  EXPECT_EQ(trace.w[67], 0xb99c0545u);
  EXPECT_EQ(trace.w_prime[15], 0x719c70f5u);
  const std::array<uint32_t, 8> after_round_0 = {0xb9edc12b, 0x7380166f, 0x29657292, 0x172442d7,
                                                 0xb2ad29f4, 0xa96f30bc, 0xc550b189, 0xe38dee4d};
  EXPECT_EQ(array(trace.registers[1]), after_round_0);
  EXPECT_EQ(trace.state[0], 0x66c7f0f4u);
  EXPECT_EQ(trace.state[7], 0x8f4ba8e0u);
}

// GB/T 32918.5-2017, annex A.2.
const Number kPrivate = number("3945208F7B2144B13F36E38AC6D39F95889393692860B51A42FB81EF4DF7C5B8");
const Point kPublic = point("09F9DF311E5421A150DD7D161E4BC5C672179FAD1833FC076BB08FF356F35020",
                            "CCEA490CE26775A52DC6EA718CC1AA600AED05FBF35E084A6632F6072DA9AD13");
const Number kE = number("F0B43E94BA45ACCAACE692ED534382EB17E6AB5A19CE7B31F4486FDFC0D28640");
const Number kNonce = number("59276E27D506861A16680F3AD9C02DCCEF3CC1FA3CDBE4CE6D54B80DEAC1BC21");
const Point kNoncePoint = point("04EBFC718E8D1798620432268E77FEB6415E2EDE0E073C0F4F640ECD2E149A73",
                                "E858F9D81E5430A57B36DAAB8F950A3C64E6EE6A63094D99283AFF767E124DF0");
const Number kR = number("F5A03B0648D2C4630EEAC513E1BB81A15944DA3827D5B74143AC7EACEEE720B3");
const Number kS = number("B1B6AA29DF212FD8763182BC0D421CA1BB9038FD1F7F42D4840B69C485BBC1AA");
const Number kT = number("A756E53127F3F43B851C47CFEEFD9E43A2D133CA258EF4EA73FBF4683ACDA13A");

TEST(Golden, Sm2DigestAndKey) {
  Point key;
  ASSERT_EQ(accel_golden_sm2_public_key(key.data(), kPrivate.data()), ACCEL_GOLDEN_OK);
  EXPECT_EQ(key, kPublic);
  const std::string id = "1234567812345678", message = "message digest";
  const auto* id_bytes = reinterpret_cast<const uint8_t*>(id.data());
  uint8_t za[32];
  ASSERT_EQ(accel_golden_sm2_za(za, id_bytes, id.size(), kPublic.data()), ACCEL_GOLDEN_OK);
  EXPECT_EQ(hex(za, sizeof(za)), "b2e14c5c79c6df5b85f4fe7ed8db7a262b9da7e07ccb0ea9f4747b8ccda8a4f3");
  Number e;
  ASSERT_EQ(accel_golden_sm2_e(e.data(), id_bytes, id.size(), kPublic.data(),
                               reinterpret_cast<const uint8_t*>(message.data()), message.size()),
            ACCEL_GOLDEN_OK);
  EXPECT_EQ(e, kE);
}

TEST(Golden, Sm2Verification) {
  accel_golden_verification trace = {};
  trace.struct_size = sizeof(trace);
  EXPECT_EQ(accel_golden_sm2_verify(&trace, kPublic.data(), kR.data(), kS.data(), kE.data()), ACCEL_GOLDEN_OK);
  EXPECT_EQ(trace.status, uint32_t{ACCEL_GOLDEN_OK});
  EXPECT_EQ(array(trace.t), kT);
  EXPECT_EQ(array(trace.sg), point("2B9CE14E3C8D1FFC46D693FA0B54F2BDC4825A506607655DE22894B5C99D3746",
                                   "277BFE04D1E526B4E1C32726435761FBCE0997C26390919C4417B3A0A8639A59"));
  EXPECT_EQ(array(trace.tp), point("FDAC1EFAA770E4635885CA1BBFB360A584B238FB2902ECF09DDC935F60BF4F9B",
                                   "B89AA9263D5632F6EE82222E4D63198E78E095C24042CBE715C23F711422D74C"));
  EXPECT_EQ(array(trace.sum), kNoncePoint);
  EXPECT_EQ(array(trace.r), kR);
  EXPECT_EQ(trace.infinity, 0u);
  EXPECT_EQ(trace.addition, uint32_t{ACCEL_GOLDEN_ADD_GENERIC});

  Number wrong = kE;
  wrong[0] ^= 1;
  EXPECT_EQ(accel_golden_sm2_verify(nullptr, kPublic.data(), kR.data(), kS.data(), wrong.data()),
            ACCEL_GOLDEN_BAD_SIGNATURE);
}

TEST(Golden, Sm2Signing) {
  accel_golden_signing trace = {};
  trace.struct_size = sizeof(trace);
  EXPECT_EQ(accel_golden_sm2_sign(&trace, kPrivate.data(), kE.data(), kNonce.data()), ACCEL_GOLDEN_OK);
  EXPECT_EQ(array(trace.point), kNoncePoint);
  EXPECT_EQ(array(trace.r), kR);
  EXPECT_EQ(array(trace.s), kS);
}

}  // namespace
