// Keys in and out of points, DER and PEM. The key is the example of GB/T 32918.5-2017, annex A; its encodings were
// written with the OpenSSL 3.0 command line.
#include <gtest/gtest.h>

#include <cstring>
#include <string>

#include "base/error.hpp"
#include "sm2/keys.hpp"
#include "sm2/pem.hpp"
#include "sm2_testing.hpp"

namespace accel::sm2 {
namespace {

using testing::unhex;
using Buffer = testing::Bytes;

const std::string kSecret = "3945208f7b2144b13f36e38ac6d39f95889393692860b51a42fb81ef4df7c5b8";
const std::string kX = "09f9df311e5421a150dd7d161e4bc5c672179fad1833fc076bb08ff356f35020";
const std::string kY = "ccea490ce26775a52dc6ea718cc1aa600aed05fbf35e084a6632f6072da9ad13";
const std::string kAlgorithm = "301306072a8648ce3d020106082a811ccf5501822d";
const std::string kSpki = "3059" + kAlgorithm + "03420004" + kX + kY;
const std::string kEc = "306b0201010420" + kSecret + "a14403420004" + kX + kY;
const std::string kPkcs8 = "308187020100" + kAlgorithm + "046d" + kEc;
const std::string kSec1 = "30770201010420" + kSecret + "a00a06082a811ccf5501822da14403420004" + kX + kY;

Bytes view(const Buffer& buffer) { return {buffer.data(), buffer.size()}; }

// Status and sentence with which `body` fails.
template <typename Body>
std::string failure(accel_status expected, Body&& body) {
  try {
    body();
  } catch (const Error& error) {
    EXPECT_EQ(expected, error.status()) << error.what();
    return error.what();
  }
  ADD_FAILURE() << "no error";
  return "";
}

void expect_key(const PrivateKey& key) {
  EXPECT_EQ(unhex(kSecret), Buffer(key.secret(), key.secret() + 32));
  EXPECT_EQ(unhex(kX + kY), Buffer(key.public_key(), key.public_key() + 64));
}

std::unique_ptr<PrivateKey> private_from_hex(const std::string& hex) {
  const Buffer der = unhex(hex);
  return PrivateKey::from_der(view(der), "der");
}

Buffer public_from_hex(const std::string& hex) {
  const Buffer der = unhex(hex);
  Buffer key(64);
  public_key_from_der(key.data(), view(der), "der");
  return key;
}

TEST(KeyPoints, Forms) {
  const Buffer expected = unhex(kX + kY);
  for (const std::string& hex : {kX + kY, "04" + kX + kY, "03" + kX}) {
    const Buffer point = unhex(hex);
    Buffer key(64);
    public_key_from_point(key.data(), view(point), "point");
    EXPECT_EQ(expected, key) << hex;
  }
  const Buffer other = unhex("02" + kX);
  Buffer key(64);
  public_key_from_point(key.data(), view(other), "point");
  EXPECT_EQ(unhex(kX), Buffer(key.begin(), key.begin() + 32));
  EXPECT_NE(expected, key);
}

TEST(KeyPoints, Refused) {
  const auto from = [](const std::string& hex) {
    const Buffer point = unhex(hex);
    Buffer key(64);
    public_key_from_point(key.data(), view(point), "point");
  };
  for (const std::string& hex :
       {std::string(), std::string("00"), "07" + kX + kY, "06" + kX + kY, "05" + kX + kY, "04" + kX, "03" + kX + kY}) {
    EXPECT_NE(std::string::npos, failure(ACCEL_BAD_ENCODING, [&] { from(hex); }).find("point: expected")) << hex;
  }
  EXPECT_NE(std::string::npos, failure(ACCEL_BAD_ENCODING, [&] { from("07" + kX + kY); }).find("hybrid"));
  failure(ACCEL_BAD_KEY, [&] { from(kX + kX); });
  failure(ACCEL_BAD_KEY, [&] { from(std::string(128, '0')); });
  failure(ACCEL_BAD_KEY, [&] { from("02" + std::string(64, 'f')); });  // x above p
}

TEST(KeyDer, KnownEncodings) {
  EXPECT_EQ(unhex(kX + kY), public_from_hex(kSpki));
  expect_key(*private_from_hex(kPkcs8));
  expect_key(*private_from_hex(kSec1));
  // PKCS #8 without a public key, with attributes, and RFC 5958 with the public key beside.
  expect_key(*private_from_hex("3041020100" + kAlgorithm + "042730250201010420" + kSecret));
  expect_key(*private_from_hex("3045020100" + kAlgorithm + "042730250201010420" + kSecret + "a0023000"));
  expect_key(*private_from_hex("308185020101" + kAlgorithm + "042730250201010420" + kSecret + "81420004" + kX + kY));
  // A compressed point inside.
  expect_key(*private_from_hex("3067020100" + kAlgorithm + "044d304b0201010420" + kSecret + "a12403220003" + kX));
  uint8_t spki[kPublicKeyDerSize], pkcs8[kPrivateKeyDerSize];
  write_public_key(spki, unhex(kX + kY).data());
  write_private_key(pkcs8, unhex(kSecret).data(), unhex(kX + kY).data());
  EXPECT_EQ(unhex(kSpki), Buffer(spki, spki + sizeof spki));
  EXPECT_EQ(unhex(kPkcs8), Buffer(pkcs8, pkcs8 + sizeof pkcs8));
}

TEST(KeyDer, EveryTruncationIsRefused) {
  for (const std::string& hex : {kSpki, kPkcs8, kSec1}) {
    for (size_t size = 0; size < hex.size() / 2; ++size) {
      const std::string cut = hex.substr(0, 2 * size);
      failure(ACCEL_BAD_ENCODING, [&] { hex == kSpki ? void(public_from_hex(cut)) : void(private_from_hex(cut)); });
    }
  }
}

TEST(KeyDer, Refused) {
  const auto sentence = [](const std::string& hex) {
    return failure(ACCEL_BAD_ENCODING, [&] { private_from_hex(hex); });
  };
  EXPECT_NE(std::string::npos, sentence(kSpki).find("got a public key"));
  EXPECT_NE(std::string::npos, sentence(kPkcs8 + "00").find("too many"));
  // Encrypted: an AlgorithmIdentifier first, then an OCTET STRING.
  EXPECT_NE(std::string::npos, sentence("300930030601000402"
                                        "0000")
                                   .find("encrypted"));
  // The curve P-256, and explicit parameters.
  const std::string p256 = "301306072a8648ce3d020106082a8648ce3d030107";
  EXPECT_NE(std::string::npos, sentence("308187020100" + p256 + "046d" + kEc).find("1.2.840.10045.3.1.7"));
  EXPECT_NE(std::string::npos, sentence("30"
                                        "12"
                                        "020100"
                                        "300d"
                                        "06072a8648ce3d0201"
                                        "3002"
                                        "0500")
                                   .find("explicit"));
  // RSA.
  EXPECT_NE(std::string::npos, sentence("3012020100300d06092a864886f70d0101010500").find("1.2.840.113549.1.1.1"));
  // ECPrivateKey without a curve; a secret of 31 bytes; version 2.
  EXPECT_NE(std::string::npos, sentence("30250201010420" + kSecret).find("names no curve"));
  EXPECT_NE(std::string::npos, sentence("3024020101041f" + kSecret.substr(2)).find("32 bytes"));
  EXPECT_NE(std::string::npos, sentence("30250201020420" + kSecret).find("version"));
  failure(ACCEL_BAD_ENCODING, [] { public_from_hex("3041" + kAlgorithm + "032a0004" + kX); });
  EXPECT_NE(std::string::npos, failure(ACCEL_BAD_ENCODING, [] {
                                 const Buffer der(kMaxKeyDer + 1, 0x30);
                                 PrivateKey::from_der(view(der), "der");
                               }).find("at most"));
}

TEST(KeyDer, PublicKeyInsideMustMatch) {
  const std::string other =
      "32c4ae2c1f1981195f9904466a39c9948fe30bbff2660be1715a4589334c74c7"
      "bc3736a2f4f6779c59bdcee36b692153d0a9877cc62a474002df32e52139f0a0";  // the generator
  const std::string sentence = failure(ACCEL_BAD_KEY, [&] {
    private_from_hex("308187020100" + kAlgorithm + "046d306b0201010420" + kSecret + "a14403420004" + other);
  });
  EXPECT_NE(std::string::npos, sentence.find("not the private key's"));
}

TEST(KeyRange, PrivateKeys) {
  const std::string n = "fffffffeffffffffffffffffffffffff7203df6b21c6052b53bbf40939d541";
  for (const std::string& hex : {std::string(64, '0'), n + "23", n + "22", n + "24", std::string(64, 'f')}) {
    failure(ACCEL_BAD_KEY, [&] { PrivateKey(unhex(hex).data(), "secret"); });
  }
  PrivateKey largest(unhex(n + "21").data(), "secret");
  PrivateKey one(unhex(std::string(63, '0') + "1").data(), "secret");
  EXPECT_EQ(unhex("32c4ae2c1f1981195f9904466a39c9948fe30bbff2660be1715a4589334c74c7"),
            Buffer(one.public_key(), one.public_key() + 32));
}

TEST(KeyGenerate, Differ) {
  const auto a = PrivateKey::generate(), b = PrivateKey::generate();
  EXPECT_NE(0, std::memcmp(a->secret(), b->secret(), 32));
  EXPECT_NE(0, std::memcmp(a->public_key(), b->public_key(), 64));
}

std::string pem_of(std::string_view label, const Buffer& der) {
  std::string text(pem_size(label, der.size()), '?');
  encode_pem(text.data(), label, der.data(), der.size());
  return text;
}

TEST(KeyPem, WhatOpenSslWrites) {
  const std::string expected =
      "-----BEGIN PUBLIC KEY-----\n"
      "MFkwEwYHKoZIzj0CAQYIKoEcz1UBgi0DQgAECfnfMR5UIaFQ3X0WHkvFxnIXn60Y\n"
      "M/wHa7CP81bzUCDM6kkM4md1pS3G6nGMwapgCu0F+/NeCEpmMvYHLamtEw==\n"
      "-----END PUBLIC KEY-----\n";
  EXPECT_EQ(expected, pem_of(kPublicKeyLabel, unhex(kSpki)));
  Buffer key(64);
  public_key_from_pem(key.data(), expected, "pem");
  EXPECT_EQ(unhex(kX + kY), key);
}

TEST(KeyPem, EveryLengthAndEveryCharacter) {
  for (size_t size = 0; size < 200; ++size) {
    Buffer der(size);
    for (size_t i = 0; i < size; ++i) der[i] = static_cast<uint8_t>(i * 167 + size);
    const std::string text = pem_of(kPublicKeyLabel, der);
    if (size == 0) continue;  // what OpenSSL does not write either
    const SecretBytes back = decode_pem(text, &kPublicKeyLabel, 1, "pem");
    EXPECT_EQ(der, Buffer(back.data(), back.data() + back.size())) << size;
  }
}

TEST(KeyPem, Tolerated) {
  const std::string plain = pem_of(kPrivateKeyLabel, unhex(kPkcs8));
  std::string crlf;
  for (char c : plain) crlf += c == '\n' ? std::string("\r\n") : std::string(1, c);
  const std::string parameters = "-----BEGIN SM2 PARAMETERS-----\nBggqgRzPVQGCLQ==\n-----END SM2 PARAMETERS-----\n";
  const std::string ec_parameters = "-----BEGIN EC PARAMETERS-----\nBggqgRzPVQGCLQ==\n-----END EC PARAMETERS-----\n";
  for (const std::string& text :
       {plain, crlf, "remarks -----BEGIN\n" + plain, plain + "more", plain.substr(0, plain.size() - 1),
        parameters + pem_of(kSm2PrivateKeyLabel, unhex(kSec1)),
        ec_parameters + pem_of(kEcPrivateKeyLabel, unhex(kSec1))}) {
    expect_key(*PrivateKey::from_pem(text, "pem"));
  }
}

TEST(KeyPem, Refused) {
  const auto sentence = [](const std::string& text) {
    return failure(ACCEL_BAD_ENCODING, [&] { PrivateKey::from_pem(text, "pem"); });
  };
  const std::string plain = pem_of(kPrivateKeyLabel, unhex(kPkcs8));
  EXPECT_NE(std::string::npos, sentence("").find("no line -----BEGIN"));
  EXPECT_NE(std::string::npos, sentence(pem_of("ENCRYPTED PRIVATE KEY", unhex(kPkcs8))).find("encrypted"));
  EXPECT_NE(std::string::npos, sentence("-----BEGIN EC PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n").find("encrypted"));
  EXPECT_NE(std::string::npos, sentence(pem_of("CERTIFICATE", unhex(kPkcs8))).find("got \"CERTIFICATE\""));
  EXPECT_NE(std::string::npos, sentence(pem_of("\x01\xff", unhex(kPkcs8))).find("got \"??\""));
  EXPECT_NE(std::string::npos, sentence(" " + plain).find("no line"));
  EXPECT_NE(std::string::npos, sentence(std::string(kMaxPem + 1, ' ')).find("at most"));
  for (size_t i = 28; i < plain.size() - 26; ++i) {  // any character that is none of Base64's
    std::string damaged = plain;
    damaged[i] = '!';
    sentence(damaged);
  }
  for (size_t size = 0; size < plain.size() - 1; ++size) sentence(plain.substr(0, size));
  std::string left_over = pem_of(kPublicKeyLabel, unhex(kSpki));
  left_over[left_over.find("==") - 1] = 'x';  // four bits more than the last byte has
  EXPECT_NE(std::string::npos, failure(ACCEL_BAD_ENCODING, [&] {
                                 Buffer key(64);
                                 public_key_from_pem(key.data(), left_over, "pem");
                               }).find("left over"));
  const std::string p256 = "-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n";
  EXPECT_NE(std::string::npos, sentence(p256 + plain).find("1.2.840.10045.3.1.7"));
}

}  // namespace
}  // namespace accel::sm2
