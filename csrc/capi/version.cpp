// accel.h: which library this is, and whether it is the one that a program was built for.
#include <array>
#include <charconv>
#include <cstring>
#include <string>
#include <string_view>

#include "capi/guard.hpp"

using accel::Error;
using accel::capi::guard;
using accel::capi::require;

namespace {

using Version = std::array<uint32_t, 3>;  // major, minor, patch

// "MAJOR.MINOR" or "MAJOR.MINOR.PATCH", of decimal digits alone.
bool parse_version(std::string_view text, Version* version) {
  *version = {};
  const char *at = text.data(), *const end = at + text.size();
  for (size_t part = 0; part < version->size(); ++part) {
    const auto [next, error] = std::from_chars(at, end, (*version)[part]);
    if (error != std::errc()) return false;
    if (next == end) return part >= 1;
    if (*next != '.') return false;
    at = next + 1;
  }
  return false;
}

// Semantic versioning: before 1.0 a minor version may change the API.
bool serves(const Version& library, const Version& wanted) {
  if (library[0] != wanted[0] || (library[0] == 0 && library[1] != wanted[1])) return false;
  return library >= wanted;
}

}  // namespace

uint32_t accel_abi_version(void) { return ACCEL_ABI_VERSION; }

const char* accel_version(void) { return ACCEL_VERSION; }

accel_status accel_require_abi(uint32_t abi_version) {
  return guard([&] {
    if (abi_version == ACCEL_ABI_VERSION) return;
    throw Error(ACCEL_BAD_ARGUMENT, "abi_version: the caller was compiled for ABI " + std::to_string(abi_version) +
                                        " of libaccel, and the library that is loaded, " ACCEL_VERSION ", has ABI " +
                                        std::to_string(ACCEL_ABI_VERSION));
  });
}

accel_status accel_require_version(const char* version) {
  return guard([&] {
    require(version, "version");
    const std::string_view text(version, strnlen(version, 64));
    Version wanted, library;
    if (!parse_version(text, &wanted)) {
      throw Error(ACCEL_BAD_ARGUMENT,
                  "version: expected MAJOR.MINOR or MAJOR.MINOR.PATCH, got \"" + std::string(text) + "\"");
    }
    if (!parse_version(ACCEL_VERSION, &library)) throw Error(ACCEL_INTERNAL, "version of the library: " ACCEL_VERSION);
    if (serves(library, wanted)) return;
    throw Error(ACCEL_BAD_ARGUMENT,
                "version: the caller wants libaccel " + std::string(text) +
                    " or a later one that is compatible, and the library that is loaded is " ACCEL_VERSION);
  });
}
