#include "block.hpp"

#include <algorithm>
#include <cstring>
#include <fstream>

namespace {

// A header is a stranger's word. These bound what is allocated for it: 4 GiB for each file.
constexpr uint64_t max_rows = uint64_t{1} << 26, max_message_bytes = uint64_t{1} << 32;

[[noreturn]] void fail(const std::filesystem::path& path, const std::string& what) {
  throw std::runtime_error(path.string() + ": " + what);
}

// `count` values of type T, and the file holds no byte more.
template <typename T>
std::vector<T> read_file(const std::filesystem::path& path, uint64_t count) {
  static_assert(std::is_trivially_copyable_v<T>);
  if (!std::filesystem::is_regular_file(path)) fail(path, "no such file");
  std::ifstream file(path, std::ios::binary);
  if (!file) fail(path, "cannot be read");
  const uint64_t size = std::filesystem::file_size(path), expected = count * sizeof(T);
  if (size != expected) fail(path, "expected " + std::to_string(expected) + " bytes, got " + std::to_string(size));
  std::vector<T> values(count);
  file.read(reinterpret_cast<char*>(values.data()), static_cast<std::streamsize>(expected));
  if (static_cast<uint64_t>(file.gcount()) != expected) fail(path, "ended while it was read");
  return values;
}

// Integers in the files are little-endian, whatever the machine's are.
uint64_t little_endian(const uint8_t* bytes, int size) {
  uint64_t value = 0;
  for (int i = size - 1; i >= 0; --i) value = value << 8 | bytes[i];
  return value;
}

std::vector<int64_t> read_offsets(const std::filesystem::path& path, uint64_t rows, uint64_t message_bytes) {
  const auto bytes = read_file<uint8_t>(path, 8 * (rows + 1));
  std::vector<int64_t> offsets(rows + 1);
  for (size_t i = 0; i <= rows; ++i) offsets[i] = static_cast<int64_t>(little_endian(&bytes[8 * i], 8));
  if (offsets.front() != 0 || offsets.back() != static_cast<int64_t>(message_bytes) ||
      !std::ranges::is_sorted(offsets)) {
    fail(path, "expected 0 to " + std::to_string(message_bytes) + " without a decrease");
  }
  return offsets;
}

}  // namespace

Block Block::read(const std::filesystem::path& directory) {
  const auto header_path = directory / "header.bin";
  const auto header = read_file<uint8_t>(header_path, 64);
  if (std::memcmp(header.data(), "accelraw", 8) != 0) fail(header_path, "not a raw block");
  if (little_endian(&header[8], 4) != 1) fail(header_path, "expected version 1, got another");
  const uint64_t rows = little_endian(&header[16], 8), signers = little_endian(&header[24], 8),
                 message_bytes = little_endian(&header[32], 8), id_length = little_endian(&header[40], 8);
  if (rows > max_rows || signers > max_rows || message_bytes > max_message_bytes) {
    fail(header_path, "larger than this program takes");
  }
  Block block;
  block.merkle_rule = static_cast<uint32_t>(little_endian(&header[12], 4));
  if (id_length == ACCEL_SM2_NO_ZA) {
    block.id = accel::Id::no_za();
  } else {
    if (id_length > ACCEL_SM2_MAX_ID_LENGTH) fail(header_path, "the ID is too long");
    const auto id = read_file<char>(directory / "id.bin", id_length);
    block.id = accel::Id(std::string(id.begin(), id.end()));
  }
  block.public_keys = read_file<accel::Key>(directory / "public_keys.bin", rows);
  block.signatures = read_file<accel::Signature>(directory / "signatures.bin", rows);
  block.messages = read_file<uint8_t>(directory / "messages.bin", message_bytes);
  block.offsets = read_offsets(directory / "offsets.bin", rows, message_bytes);
  block.statuses = read_file<accel::Status>(directory / "statuses.bin", rows);
  block.signers = read_file<accel::Key>(directory / "signers.bin", signers);
  block.root = read_file<accel::Hash>(directory / "root.bin", 1).front();
  return block;
}
