#include "sm2/pem.hpp"

#include <algorithm>
#include <string>

#include "base/error.hpp"
#include "sm2/der.hpp"

namespace accel::sm2 {
namespace {

constexpr std::string_view kBegin = "-----BEGIN ", kEnd = "-----END ", kDashes = "-----";
constexpr std::string_view kEncryptedLabel = "ENCRYPTED PRIVATE KEY";
constexpr size_t kLineLength = 64;

// --- Base64 (RFC 4648, section 4) in constant time --------------------------------------------------------------

// What a character of a block's body is. This, unlike its value, is public: keys of one form have one layout.
enum Class : uint32_t { kOther = 0, kData = 1, kPadding = 2, kSpace = 3, kDash = 4 };

// All ones if low <= c <= high, else zero, for numbers below 2^31.
uint32_t within(uint32_t c, uint32_t low, uint32_t high) { return (((c - low) | (high - c)) >> 31) - 1; }

struct Decoded {
  uint32_t value;  // 0 .. 63 where the class is kData
  uint32_t kind;   // Class
};

Decoded decode_character(char character) {
  const uint32_t c = static_cast<uint8_t>(character);
  const uint32_t upper = within(c, 'A', 'Z'), lower = within(c, 'a', 'z'), digit = within(c, '0', '9');
  const uint32_t plus = within(c, '+', '+'), slash = within(c, '/', '/');
  Decoded out;
  out.value = (upper & (c - 'A')) | (lower & (c - 'a' + 26)) | (digit & (c - '0' + 52)) | (plus & 62) | (slash & 63);
  out.kind = ((upper | lower | digit | plus | slash) & kData) | (within(c, '=', '=') & kPadding) |
             ((within(c, '\t', '\r') | within(c, ' ', ' ')) & kSpace) | (within(c, '-', '-') & kDash);
  return out;
}

char encode_character(uint32_t value) {
  return static_cast<char>((within(value, 0, 25) & (value + 'A')) | (within(value, 26, 51) & (value - 26 + 'a')) |
                           (within(value, 52, 61) & (value - 52 + '0')) | (within(value, 62, 62) & '+') |
                           (within(value, 63, 63) & '/'));
}

// --- the text around it -----------------------------------------------------------------------------------------

// Labels come from a file: what goes into a message is short and ASCII.
std::string printable(std::string_view text) {
  std::string out(text.substr(0, 64));
  std::replace_if(out.begin(), out.end(), [](char c) { return c < 0x20 || c > 0x7e; }, '?');
  return out;
}

class Parser {
 public:
  Parser(std::string_view text, const char* argument) : text_(text), argument_(argument) {}

  // Moves behind the next BEGIN line and returns its label; empty at the end of the text.
  std::string_view next_label() {
    while (at_ < text_.size()) {
      const size_t found = text_.find(kBegin, at_);
      if (found == std::string_view::npos) break;
      at_ = found + kBegin.size();
      if (found != 0 && text_[found - 1] != '\n') continue;
      const std::string_view line = text_.substr(at_, text_.find('\n', at_) - at_);
      const size_t length = line.find(kDashes);
      if (length == std::string_view::npos || !blank(line.substr(length + kDashes.size()))) {
        fail("the line of -----BEGIN does not end in -----");
      }
      at_ += line.size();
      return line.substr(0, length);
    }
    at_ = text_.size();
    return {};
  }

  // The bytes of the block whose BEGIN line has just been read; moves behind its END line.
  SecretBytes body(std::string_view label) {
    const std::string_view rest = text_.substr(std::min(at_ + 1, text_.size()));
    if (rest.starts_with("Proc-Type:")) {
      fail("encrypted private keys are not read: decrypt it first, for example with openssl pkey");
    }
    const size_t before = at_;
    SecretBytes out((text_.size() - at_) / 4 * 3 + 3);
    const size_t size = decode(out.data());
    end_line(label, before);
    out.shrink(size);
    return out;
  }

  [[noreturn]] void fail(const std::string& what) const {
    throw Error(ACCEL_BAD_ENCODING, std::string(argument_) + ": not a key in PEM: " + what);
  }

 private:
  static bool blank(std::string_view text) { return text.find_first_not_of(" \t\r") == std::string_view::npos; }

  // Base64 from at_ to the next dash.
  size_t decode(uint8_t* out) {
    SecretArray<uint32_t, 1> group;  // up to four characters' bits
    group[0] = 0;
    size_t characters = 0, padding = 0, size = 0;
    for (; at_ < text_.size(); ++at_) {
      const Decoded c = decode_character(text_[at_]);
      declassify(&c.kind, sizeof c.kind);  // the layout of the text, not its values
      if (c.kind == kSpace) continue;
      if (c.kind == kDash) break;
      if (c.kind == kOther) fail("character " + std::to_string(at_) + " is not Base64");
      if (c.kind == kData && padding != 0) fail("Base64 goes on after its padding");
      padding += c.kind == kPadding;
      group[0] = group[0] << 6 | c.value;
      if (++characters % 4 != 0) continue;
      out[size++] = static_cast<uint8_t>(group[0] >> 16);
      out[size++] = static_cast<uint8_t>(group[0] >> 8);
      out[size++] = static_cast<uint8_t>(group[0]);
      if (padding == 0) group[0] = 0;
    }
    if (characters % 4 != 0 || padding > 2) fail("Base64 of a length that is not a multiple of 4");
    return finish_padding(out, size, padding);
  }

  // Bits that padding leaves over must be zero. They follow the last byte of the structure, which is never a secret's.
  size_t finish_padding(const uint8_t* out, size_t size, size_t padding) const {
    uint8_t left_over = 0;
    for (size_t i = 0; i < padding; ++i) left_over |= out[size - 1 - i];
    declassify(&left_over, 1);  // whether the text is Base64 at all
    if (left_over != 0) fail("Base64 with bits left over that are not zero");
    return size - padding;
  }

  void end_line(std::string_view label, size_t begin) {
    const std::string end = std::string(kEnd) + std::string(label) + std::string(kDashes);
    if (text_.substr(at_, end.size()) != end || at_ == begin || text_[at_ - 1] != '\n') {
      fail("no line \"" + printable(end) + "\" after the Base64");
    }
    at_ += end.size();
    if (!blank(text_.substr(at_, text_.find('\n', at_) - at_))) fail("text behind the line of -----END");
  }

  std::string_view text_;
  const char* argument_;
  size_t at_ = 0;
};

std::string quoted(const std::string_view* labels, size_t count) {
  std::string out;
  for (size_t i = 0; i < count; ++i) out += (i == 0 ? "\"" : " or \"") + std::string(labels[i]) + "\"";
  return out;
}

}  // namespace

SecretBytes decode_pem(std::string_view text, const std::string_view* labels, size_t label_count,
                       const char* argument) {
  Parser parser(text, argument);
  if (text.size() > kMaxPem) {
    parser.fail("expected at most " + std::to_string(kMaxPem) + " characters, got " + std::to_string(text.size()));
  }
  for (;;) {
    const std::string_view label = parser.next_label();
    if (std::find(labels, labels + label_count, label) != labels + label_count) return parser.body(label);
    if (label.empty()) parser.fail("no line -----BEGIN with label " + quoted(labels, label_count));
    if (label == kEncryptedLabel) {
      parser.fail("encrypted private keys are not read: decrypt it first, for example with openssl pkey");
    }
    if (label != "EC PARAMETERS" && label != "SM2 PARAMETERS") {
      parser.fail("expected label " + quoted(labels, label_count) + ", got \"" + printable(label) + "\"");
    }
    const SecretBytes parameters = parser.body(label);
    parse_ec_parameters({parameters.data(), parameters.size()}, argument);
  }
}

size_t pem_size(std::string_view label, size_t der_size) {
  const size_t characters = (der_size + 2) / 3 * 4;
  const size_t lines = (characters + kLineLength - 1) / kLineLength;
  return kBegin.size() + kEnd.size() + 2 * (label.size() + kDashes.size() + 1) + characters + lines;
}

void encode_pem(char* out, std::string_view label, const uint8_t* der, size_t der_size) {
  const auto put = [&out](std::string_view text) { out = std::copy(text.begin(), text.end(), out); };
  put(kBegin), put(label), put(kDashes), put("\n");
  size_t column = 0;
  for (size_t i = 0; i < der_size; i += 3) {
    const size_t left = der_size - i;
    const uint32_t group = static_cast<uint32_t>(der[i]) << 16 |
                           (left > 1 ? static_cast<uint32_t>(der[i + 1]) << 8 : 0) | (left > 2 ? der[i + 2] : 0);
    *out++ = encode_character(group >> 18);
    *out++ = encode_character(group >> 12 & 63);
    *out++ = left > 1 ? encode_character(group >> 6 & 63) : '=';
    *out++ = left > 2 ? encode_character(group & 63) : '=';
    column += 4;
    if (column == kLineLength || i + 3 >= der_size) {
      *out++ = '\n';
      column = 0;
    }
  }
  put(kEnd), put(label), put(kDashes), put("\n");
}

}  // namespace accel::sm2
