// SM3 against published vectors, for every kernel that this CPU runs.
#include <gtest/gtest.h>

#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

#include "sm3/select.hpp"

namespace accel::sm3 {
namespace {

std::string hex(const uint8_t* bytes, size_t size) {
  static const char digits[] = "0123456789abcdef";
  std::string text;
  for (size_t i = 0; i < size; i++) {
    text += digits[bytes[i] >> 4];
    text += digits[bytes[i] & 15];
  }
  return text;
}

std::string repeat(const std::string& unit, size_t times) {
  std::string text;
  while (times-- != 0) text += unit;
  return text;
}

struct Vector {
  const char* source;
  std::string message;
  const char* digest;
};

const std::vector<Vector>& vectors() {
  static const std::vector<Vector> all = {
      {"GB/T 32905-2016 A.1", "abc", "66c7f0f462eeedd9d1f2d46bdc10e4e24167c4875cf2f7a2297da02b8f4ba8e0"},
      {"GB/T 32905-2016 A.2", repeat("abcd", 16), "debe9ff92275b8a138604889c18e5a4d6fdb70e5387e5765293dcba39c0c5732"},
      {"OpenSSL 3.0 dgst -sm3", "", "1ab21d8355cfa17f8e61194831e81a8f22bec8c728fefb747ed035eb5082aa2b"},
  };
  return all;
}

TEST(Sm3Vectors, EveryKernel) {
  for (size_t k = 0; k < family().kernel_count(); k++) {
    if (!family().supported(k)) continue;
    const Kernel* kernel = family().kernel(k);
    for (const Vector& vector : vectors()) {
      SCOPED_TRACE(std::string(kernel->name) + ": " + vector.source);
      uint8_t digest[kDigestSize];
      const Messages one(reinterpret_cast<const uint8_t*>(vector.message.data()), 0, vector.message.size(), 1);
      kernel->hash_range(digest, kInitial, {}, one, 0, 1);
      EXPECT_EQ(hex(digest, kDigestSize), vector.digest);
    }
    EXPECT_TRUE(selftest(*kernel)) << kernel->name;
  }
}

}  // namespace
}  // namespace accel::sm3
