// The SM2 kernels as a whole, against published and independently computed values.
#include <gtest/gtest.h>

#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include "accel/accel.h"
#include "sm2_testing.hpp"

namespace accel::sm2::testing {
namespace {

class Sm2Kernel : public ::testing::TestWithParam<const Kernel*> {};

INSTANTIATE_TEST_SUITE_P(All, Sm2Kernel, ::testing::ValuesIn(supported_kernels()), kernel_name);

// GB/T 32918.5-2017, annex A.2: signature of "message digest" under the ID 1234567812345678.
struct StandardExample {
  Bytes d = unhex("3945208F7B2144B13F36E38AC6D39F95889393692860B51A42FB81EF4DF7C5B8");
  Bytes key = unhex(
      "09F9DF311E5421A150DD7D161E4BC5C672179FAD1833FC076BB08FF356F35020"
      "CCEA490CE26775A52DC6EA718CC1AA600AED05FBF35E084A6632F6072DA9AD13");
  Bytes e = unhex("F0B43E94BA45ACCAACE692ED534382EB17E6AB5A19CE7B31F4486FDFC0D28640");
  Bytes k = unhex("59276E27D506861A16680F3AD9C02DCCEF3CC1FA3CDBE4CE6D54B80DEAC1BC21");
  Bytes signature = unhex(
      "F5A03B0648D2C4630EEAC513E1BB81A15944DA3827D5B74143AC7EACEEE720B3"
      "B1B6AA29DF212FD8763182BC0D421CA1BB9038FD1F7F42D4840B69C485BBC1AA");
};

TEST_P(Sm2Kernel, SignsTheStandardsExample) {
  const StandardExample example;
  SignKey key;
  uint8_t valid = 0xee;
  GetParam()->derive_sign_keys(&key, &valid, {example.d.data(), 0}, 1);
  ASSERT_EQ(1, valid);
  Bytes public_key(64), signature(64), nonce(32);
  GetParam()->public_keys(public_key.data(), {example.d.data(), 0}, 1);
  EXPECT_EQ(public_key, example.key);
  nonce.insert(nonce.end(), example.k.begin(), example.k.end());
  const SignKey* keys[] = {&key};
  uint8_t status = 0xee;
  GetParam()->sign(&status, signature.data(), keys, {nonce.data(), 64}, {example.e.data(), 32}, 1);
  EXPECT_EQ(status, ACCEL_OK);
  EXPECT_EQ(signature, example.signature);
}

TEST_P(Sm2Kernel, VerifiesTheStandardsExample) {
  const StandardExample example;
  uint8_t status = 0xee;
  GetParam()->verify(&status, {example.key.data(), 64}, {example.signature.data(), 64}, {example.e.data(), 32}, 1);
  EXPECT_EQ(status, ACCEL_OK);
  for (const TableScheme* scheme : schemes_of(*GetParam())) {
    const KeyTable table(*scheme, example.key);
    const void* tables[] = {table.get()};
    status = 0xee;
    scheme->verify(&status, tables, {example.signature.data(), 64}, {example.e.data(), 32}, 1);
    EXPECT_EQ(status, ACCEL_OK) << "width " << scheme->width;
  }
}

TEST_P(Sm2Kernel, RejectsTheStandardsExampleWithAnyBitOfItDamaged) {
  const StandardExample example;
  constexpr size_t kBits = 512 + 256;
  Bytes signatures, digests;
  for (size_t bit = 0; bit < kBits; ++bit) {
    Bytes signature = example.signature, digest = example.e;
    (bit < 512 ? signature[bit / 8] : digest[bit / 8 - 64]) ^= static_cast<uint8_t>(1 << bit % 8);
    signatures.insert(signatures.end(), signature.begin(), signature.end());
    digests.insert(digests.end(), digest.begin(), digest.end());
  }
  Bytes status(kBits, 0xee);
  GetParam()->verify(status.data(), {example.key.data(), 0}, {signatures.data(), 64}, {digests.data(), 32}, kBits);
  for (size_t bit = 0; bit < kBits; ++bit) {
    EXPECT_TRUE(status[bit] == ACCEL_BAD_SIGNATURE || status[bit] == ACCEL_BAD_RANGE) << bit;
  }
  for (const TableScheme* scheme : schemes_of(*GetParam())) {
    const KeyTable table(*scheme, example.key);
    const std::vector<const void*> tables(kBits, table.get());
    Bytes status_known(kBits, 0xee);
    scheme->verify(status_known.data(), tables.data(), {signatures.data(), 64}, {digests.data(), 32}, kBits);
    EXPECT_EQ(status_known, status) << "width " << scheme->width;
  }
}

}  // namespace
}  // namespace accel::sm2::testing
