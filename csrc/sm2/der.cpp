#include "sm2/der.hpp"

#include <cstring>
#include <string>

#include "base/error.hpp"

namespace accel::sm2 {
namespace {

constexpr uint8_t kInteger = 0x02, kBitString = 0x03, kOctetString = 0x04, kNull = 0x05, kOid = 0x06;
constexpr uint8_t kSequence = 0x30, kContext0 = 0xa0, kContext1 = 0xa1, kContext1Primitive = 0x81;

constexpr uint8_t kEcPublicKeyOid[] = {0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01};     // 1.2.840.10045.2.1
constexpr uint8_t kSm2CurveOid[] = {0x2a, 0x81, 0x1c, 0xcf, 0x55, 0x01, 0x82, 0x2d};  // 1.2.156.10197.1.301

// --- elements -----------------------------------------------------------------------------------------------------

// Takes the length that starts at in[*at]. Each byte is read once, through volatile, because the caller's memory may
// change: what was checked is what is used. False if it is not DER or runs past the end.
bool take_length(size_t* length, size_t* at, Bytes in) {
  const volatile uint8_t* bytes = in.data;
  if (*at >= in.size) return false;
  const uint8_t first = bytes[(*at)++];
  size_t value = first;
  if (first >= 0x80) {
    const size_t octets = first & 0x7f;
    if (octets == 0 || octets > sizeof(uint32_t) || in.size - *at < octets) return false;
    value = 0;
    for (size_t i = 0; i < octets; ++i) value = value << 8 | bytes[(*at)++];
    if (value < 0x80 || value >> (8 * (octets - 1)) == 0) return false;  // a shorter form exists
  }
  if (value > in.size - *at) return false;
  *length = value;
  return true;
}

// Takes the element with `tag` that `in` starts with.
bool take(Bytes* content, Bytes* in, uint8_t tag) {
  if (in->size == 0 || *static_cast<const volatile uint8_t*>(in->data) != tag) return false;
  size_t at = 1, length = 0;
  if (!take_length(&length, &at, *in)) return false;
  *content = {in->data + at, length};
  *in = {in->data + at + length, in->size - at - length};
  return true;
}

bool equal(Bytes a, const uint8_t* b, size_t size) { return a.size == size && std::memcmp(a.data, b, size) == 0; }

// --- keys: every failure is a sentence -----------------------------------------------------------------------------

std::string describe_tag(Bytes in) {
  if (in.size == 0) return "the end";
  constexpr char kHex[] = "0123456789abcdef";
  return std::string("a byte 0x") + kHex[in.data[0] >> 4] + kHex[in.data[0] & 15];
}

// Dotted form, for messages; an arc beyond 32 bits ends it.
std::string describe_oid(Bytes oid) {
  std::string text;
  uint64_t arc = 0;
  for (size_t i = 0; i < oid.size; ++i) {
    arc = arc << 7 | (oid.data[i] & 0x7f);
    if (arc >> 32) return text.append("...");
    if (oid.data[i] & 0x80) continue;
    if (text.empty()) {  // the first two arcs share a number
      const uint64_t root = arc < 80 ? arc / 40 : 2;
      text.append(std::to_string(root));
      arc -= 40 * root;
    }
    text.append(".").append(std::to_string(arc));
    arc = 0;
  }
  return text;
}

class Reader {
 public:
  Reader(Bytes in, const char* argument, const char* structure) : in_(in), argument_(argument), structure_(structure) {}

  Bytes take(uint8_t tag, const char* name) {
    const Bytes before = in_;
    Bytes content;
    if (!sm2::take(&content, &in_, tag)) {
      fail("expected " + std::string(name) + ", got " + describe_tag(before) +
           (before.size != 0 && before.data[0] == tag ? " with a length that is not DER or overruns" : ""));
    }
    return content;
  }
  Reader enter(uint8_t tag, const char* name) { return Reader(take(tag, name), argument_, structure_); }
  bool next_is(uint8_t tag) const { return in_.size != 0 && in_.data[0] == tag; }
  void finish() const {
    if (in_.size != 0) fail(std::to_string(in_.size) + " bytes too many");
  }
  // An INTEGER that is a small version number.
  uint8_t version() {
    const Bytes value = take(kInteger, "the version (INTEGER)");
    if (value.size != 1) fail("expected a version of one byte, got " + std::to_string(value.size));
    return value.data[0];
  }
  [[noreturn]] void fail(const std::string& what) const {
    throw Error(ACCEL_BAD_ENCODING, std::string(argument_) + ": not a " + structure_ + " in DER: " + what);
  }
  [[noreturn]] void refuse(const std::string& what) const {
    throw Error(ACCEL_BAD_ENCODING, std::string(argument_) + ": " + what);
  }

 private:
  Bytes in_;
  const char* argument_;
  const char* structure_;
};

// ECParameters (RFC 5480, section 2.1.1): only the named curve SM2.
void read_curve(Reader& reader) {
  if (reader.next_is(kSequence)) {
    reader.refuse(
        "explicit curve parameters are not accepted: expected the named curve SM2 (1.2.156.10197.1.301); "
        "OpenSSL writes it with -param_enc named_curve");
  }
  if (reader.next_is(kNull)) reader.refuse("implicit curve parameters are not accepted: expected the named curve SM2");
  const Bytes curve = reader.take(kOid, "a named curve (OBJECT IDENTIFIER)");
  if (!equal(curve, kSm2CurveOid, sizeof kSm2CurveOid)) {
    reader.refuse("expected a key on the curve SM2 (1.2.156.10197.1.301), got curve " + describe_oid(curve));
  }
}

void read_algorithm(Reader& reader) {
  Reader algorithm = reader.enter(kSequence, "an AlgorithmIdentifier (SEQUENCE)");
  const Bytes name = algorithm.take(kOid, "an algorithm (OBJECT IDENTIFIER)");
  if (!equal(name, kEcPublicKeyOid, sizeof kEcPublicKeyOid)) {
    reader.refuse("expected a key of type id-ecPublicKey (1.2.840.10045.2.1), got " + describe_oid(name));
  }
  read_curve(algorithm);
  algorithm.finish();
}

Bytes read_point(Reader& reader, Bytes bit_string) {
  if (bit_string.size < 2 || bit_string.data[0] != 0) reader.fail("a point must be a BIT STRING of whole bytes");
  return {bit_string.data + 1, bit_string.size - 1};
}

// ECPrivateKey (RFC 5915, section 3). Outside PKCS #8 the curve must stand inside.
void read_ec_private_key(ParsedPrivateKey* key, Reader outer, bool curve_known) {
  Reader reader = outer.enter(kSequence, "ECPrivateKey (SEQUENCE)");
  outer.finish();
  if (const uint8_t version = reader.version(); version != 1) {
    reader.fail("expected ECPrivateKey version 1, got " + std::to_string(version));
  }
  const Bytes secret = reader.take(kOctetString, "the private key (OCTET STRING)");
  if (secret.size != 32) reader.fail("expected a private key of 32 bytes, got " + std::to_string(secret.size));
  key->secret = secret.data;
  if (reader.next_is(kContext0)) {
    Reader parameters = reader.enter(kContext0, "parameters [0]");
    read_curve(parameters);
    parameters.finish();
  } else if (!curve_known) {
    reader.refuse("this ECPrivateKey names no curve: expected parameters [0] with SM2 (1.2.156.10197.1.301)");
  }
  if (reader.next_is(kContext1)) {
    Reader wrapped = reader.enter(kContext1, "a public key [1]");
    key->points[key->point_count++] = read_point(wrapped, wrapped.take(kBitString, "a point (BIT STRING)"));
    wrapped.finish();
  }
  reader.finish();
}

// OneAsymmetricKey (RFC 5958, section 2), of which PKCS #8 version 1 is the part without a public key.
void read_pkcs8(ParsedPrivateKey* key, Bytes der, const char* argument) {
  Reader outer(der, argument, "PKCS #8 private key");
  Reader reader = outer.enter(kSequence, "PrivateKeyInfo (SEQUENCE)");
  outer.finish();
  const uint8_t version = reader.version();
  if (version > 1) reader.fail("expected version 0 or 1, got " + std::to_string(version));
  read_algorithm(reader);
  const Bytes wrapped = reader.take(kOctetString, "the private key (OCTET STRING)");
  read_ec_private_key(key, Reader(wrapped, argument, "PKCS #8 private key"), true);
  if (reader.next_is(kContext0)) reader.take(kContext0, "attributes [0]");
  if (version == 1 && reader.next_is(kContext1Primitive)) {
    key->points[key->point_count++] = read_point(reader, reader.take(kContext1Primitive, "a public key [1]"));
  }
  reader.finish();
}

// PKCS #8 has an AlgorithmIdentifier where ECPrivateKey has its secret. EncryptedPrivateKeyInfo has one first, and then
// an OCTET STRING; SubjectPublicKeyInfo has one first, and then a BIT STRING. What is neither is read as PKCS #8, which
// then says what is wrong.
enum class PrivateForm { kPkcs8, kEcPrivateKey, kEncrypted, kPublic };
PrivateForm private_form(Bytes der) {
  Bytes outer, skipped;
  if (!take(&outer, &der, kSequence)) return PrivateForm::kPkcs8;
  if (take(&skipped, &outer, kSequence) && outer.size != 0) {
    return outer.data[0] == kBitString ? PrivateForm::kPublic : PrivateForm::kEncrypted;
  }
  if (!take(&skipped, &outer, kInteger) || outer.size == 0) return PrivateForm::kPkcs8;
  return outer.data[0] == kOctetString ? PrivateForm::kEcPrivateKey : PrivateForm::kPkcs8;
}

// --- signatures ----------------------------------------------------------------------------------------------------

// A content of INTEGER to 32 bytes.
bool integer_to_bytes(uint8_t out[32], Bytes content) {
  if (content.size == 0) return false;
  const volatile uint8_t* bytes = content.data;
  const uint8_t first = bytes[0];
  if (content.size > 1) {  // nine equal leading bits: a shorter form exists (X.690, section 8.3.2)
    const uint8_t second = bytes[1];
    if ((first == 0x00 && second < 0x80) || (first == 0xff && second >= 0x80)) return false;
  }
  if (first >= 0x80) {
    std::memset(out, 0x00, 32);
    return true;
  }
  if (first == 0 && content.size > 1) content = {content.data + 1, content.size - 1};
  if (content.size > 32) {
    std::memset(out, 0xff, 32);
    return true;
  }
  std::memset(out, 0, 32 - content.size);
  std::memcpy(out + 32 - content.size, content.data, content.size);
  return true;
}

// INTEGER of 32 bytes, big-endian, at `out`; returns its length, 3 to 35.
size_t write_integer(uint8_t* out, const uint8_t value[32]) {
  size_t zeros = 0;
  while (zeros < 31 && value[zeros] == 0) ++zeros;
  const size_t pad = value[zeros] >= 0x80 ? 1 : 0;
  const size_t size = 32 - zeros;
  out[0] = kInteger;
  out[1] = static_cast<uint8_t>(pad + size);
  out[2] = 0;
  std::memcpy(out + 2 + pad, value + zeros, size);
  return 2 + pad + size;
}

void limit_size(Bytes der, const char* argument) {
  if (der.size > kMaxKeyDer) {
    throw Error(ACCEL_BAD_ENCODING, std::string(argument) + ": expected at most " + std::to_string(kMaxKeyDer) +
                                        " bytes of DER, got " + std::to_string(der.size));
  }
}

}  // namespace

Bytes parse_public_key(Bytes der, const char* argument) {
  limit_size(der, argument);
  Reader outer(der, argument, "SubjectPublicKeyInfo");
  Reader reader = outer.enter(kSequence, "SubjectPublicKeyInfo (SEQUENCE)");
  outer.finish();
  read_algorithm(reader);
  const Bytes point = read_point(reader, reader.take(kBitString, "a point (BIT STRING)"));
  reader.finish();
  return point;
}

ParsedPrivateKey parse_private_key(Bytes der, const char* argument) {
  limit_size(der, argument);
  ParsedPrivateKey key{};
  switch (private_form(der)) {
    case PrivateForm::kEncrypted:
      throw Error(ACCEL_BAD_ENCODING, std::string(argument) +
                                          ": encrypted private keys are not read: decrypt it first, "
                                          "for example with openssl pkey");
    case PrivateForm::kEcPrivateKey:
      read_ec_private_key(&key, Reader(der, argument, "SEC 1 private key"), false);
      break;
    case PrivateForm::kPublic:
      throw Error(ACCEL_BAD_ENCODING, std::string(argument) + ": expected a private key, got a public key");
    case PrivateForm::kPkcs8:
      read_pkcs8(&key, der, argument);
      break;
  }
  return key;
}

void parse_ec_parameters(Bytes der, const char* argument) {
  limit_size(der, argument);
  Reader reader(der, argument, "ECParameters");
  read_curve(reader);
  reader.finish();
}

void write_public_key(uint8_t out[kPublicKeyDerSize], const uint8_t key[64]) {
  constexpr uint8_t kHead[27] = {kSequence, 0x59, kSequence, 0x13, kOid, 0x07,       0x2a, 0x86, 0x48,
                                 0xce,      0x3d, 0x02,      0x01, kOid, 0x08,       0x2a, 0x81, 0x1c,
                                 0xcf,      0x55, 0x01,      0x82, 0x2d, kBitString, 0x42, 0x00, 0x04};
  std::memcpy(out, kHead, sizeof kHead);
  std::memcpy(out + sizeof kHead, key, 64);
}

void write_private_key(uint8_t out[kPrivateKeyDerSize], const uint8_t secret[32], const uint8_t key[64]) {
  constexpr uint8_t kHead[36] = {
      kSequence, 0x81, 0x87, kInteger,     0x01, 0x00,      kSequence, 0x13,     kOid, 0x07, 0x2a,         0x86,
      0x48,      0xce, 0x3d, 0x02,         0x01, kOid,      0x08,      0x2a,     0x81, 0x1c, 0xcf,         0x55,
      0x01,      0x82, 0x2d, kOctetString, 0x6d, kSequence, 0x6b,      kInteger, 0x01, 0x01, kOctetString, 0x20};
  constexpr uint8_t kMiddle[6] = {kContext1, 0x44, kBitString, 0x42, 0x00, 0x04};
  std::memcpy(out, kHead, sizeof kHead);
  std::memcpy(out + 36, secret, 32);
  std::memcpy(out + 68, kMiddle, sizeof kMiddle);
  std::memcpy(out + 74, key, 64);
}

bool parse_signature(uint8_t signature[64], Bytes der) {
  Bytes sequence, r, s;
  const bool well_formed = take(&sequence, &der, kSequence) && der.size == 0 && take(&r, &sequence, kInteger) &&
                           take(&s, &sequence, kInteger) && sequence.size == 0 && integer_to_bytes(signature, r) &&
                           integer_to_bytes(signature + 32, s);
  if (!well_formed) std::memset(signature, 0, 64);
  return well_formed;
}

size_t write_signature(uint8_t out[kMaxSignatureDerSize], const uint8_t signature[64]) {
  uint8_t body[2 * 35];
  size_t size = write_integer(body, signature);
  size += write_integer(body + size, signature + 32);
  std::memset(out, 0, kMaxSignatureDerSize);
  out[0] = kSequence;
  out[1] = static_cast<uint8_t>(size);
  std::memcpy(out + 2, body, size);
  return 2 + size;
}

}  // namespace accel::sm2
