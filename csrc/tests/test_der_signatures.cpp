// DER signatures: literal encodings, in and out, and everything that is not canonical.
#include <gtest/gtest.h>

#include <cstring>
#include <random>

#include "sm2/der.hpp"
#include "sm2_testing.hpp"

namespace accel::sm2 {
namespace {

using testing::unhex;
using Buffer = testing::Bytes;

Bytes view(const Buffer& buffer) { return {buffer.data(), buffer.size()}; }

std::string repeat(const std::string& text, size_t times) {
  std::string out;
  for (size_t i = 0; i < times; ++i) out += text;
  return out;
}

struct Case {
  const char* what;
  std::string der, r, s;  // hexadecimal; r is 64 digits
};

TEST(DerSignature, KnownEncodings) {
  const std::string zeros(62, '0');
  const Case cases[] = {
      {"smallest", "3006020101020102", zeros + "01", zeros + "02"},
      {"high bit needs a zero byte", "300702020080020102", zeros + "80", zeros + "02"},
      {"largest", "3046022100" + repeat("ff", 32) + "022100" + repeat("fe", 32), repeat("ff", 32), repeat("fe", 32)},
      {"zero", "3006020100020100", zeros + "00", zeros + "00"},
  };
  for (const Case& c : cases) {
    const Buffer der = unhex(c.der), expected = unhex(c.r + c.s);
    uint8_t signature[64], out[kMaxSignatureDerSize];
    ASSERT_TRUE(parse_signature(signature, view(der))) << c.what;
    EXPECT_EQ(0, std::memcmp(signature, expected.data(), 64)) << c.what;
    EXPECT_EQ(der.size(), write_signature(out, expected.data())) << c.what;
    EXPECT_EQ(0, std::memcmp(out, der.data(), der.size())) << c.what;
  }
}

TEST(DerSignature, IntegersThatDoNotFit) {
  const Buffer wide = unhex("3026022101" + repeat("00", 32) + "020102");
  const Buffer negative = unhex("30060201ff020102");
  const Buffer long_form = unhex("30818702818101" + repeat("00", 128) + "020101");
  uint8_t signature[64];
  ASSERT_TRUE(parse_signature(signature, view(wide)));
  EXPECT_EQ(0, std::memcmp(signature, unhex(repeat("ff", 32)).data(), 32));
  ASSERT_TRUE(parse_signature(signature, view(negative)));
  EXPECT_EQ(0, std::memcmp(signature, unhex(repeat("00", 32)).data(), 32));
  ASSERT_TRUE(parse_signature(signature, view(long_form)));
  EXPECT_EQ(0xff, signature[0]);
  EXPECT_EQ(1, signature[63]);
}

TEST(DerSignature, Malformed) {
  const char* cases[] = {
      "",                    // nothing
      "30",                  // no length
      "3006020101",          // overruns
      "300602010102010200",  // a byte behind it
      "3007020101020102",    // length too large
      "3005020101020102",    // length too small
      "3080020101020102"
      "0000",                  // indefinite length
      "308106020101020102",    // long form where the short one fits
      "30820006020101020102",  // leading zero in the length
      "3006020101"
      "030102",                     // not an INTEGER
      "3106020101020102",           // not a SEQUENCE
      "300702020001020102",         // leading zero
      "30070202ff80020102",         // leading ones
      "30050200020102",             // empty INTEGER
      "3003020101",                 // one INTEGER
      "3009020101020102020103",     // three
      "30860000000000060201010201"  // length of six bytes
      "02",
      "3085ffffffffff",  // a length near the end of the address space
  };
  for (const char* hex : cases) {
    const Buffer der = unhex(hex);
    uint8_t signature[64];
    std::memset(signature, 7, sizeof signature);
    EXPECT_FALSE(parse_signature(signature, view(der))) << hex;
    EXPECT_EQ(Buffer(64, 0), Buffer(signature, signature + 64)) << hex;
  }
}

TEST(DerSignature, RoundTripsOfEveryWidth) {
  std::mt19937 random(1);
  for (size_t zeros = 0; zeros < 33; ++zeros) {
    for (int top : {0x00, 0x7f, 0x80, 0xff}) {
      Buffer signature(64), back(64);
      for (uint8_t& byte : signature) byte = static_cast<uint8_t>(random());
      std::memset(signature.data() + 32, 0, zeros < 32 ? zeros : 32);
      if (zeros < 32) signature[32 + zeros] = static_cast<uint8_t>(top);
      uint8_t der[kMaxSignatureDerSize];
      const size_t size = write_signature(der, signature.data());
      ASSERT_LE(size, kMaxSignatureDerSize);
      ASSERT_TRUE(parse_signature(back.data(), {der, size}));
      EXPECT_EQ(signature, back);
    }
  }
}

// Every prefix of a valid encoding is refused, and so is every change of a byte that makes lengths disagree.
TEST(DerSignature, TruncatedAnywhere) {
  const Buffer der = unhex("3046022100" + repeat("ff", 32) + "022100" + repeat("fe", 32));
  uint8_t signature[64];
  for (size_t size = 0; size < der.size(); ++size) {
    const Buffer exact(der.begin(), der.begin() + static_cast<long>(size));  // so that a sanitizer sees overreads
    EXPECT_FALSE(parse_signature(signature, view(exact))) << size;
  }
}

}  // namespace
}  // namespace accel::sm2
