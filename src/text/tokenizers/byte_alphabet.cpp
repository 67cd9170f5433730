#include "text/tokenizers/byte_alphabet.h"

#include "text/unicode.h"

namespace hone::text {
namespace {

constexpr bool stands_for_itself(uint32_t byte) {
  return (byte >= 0x21 && byte <= 0x7E) || (byte >= 0xA1 && byte <= 0xAC) || (byte >= 0xAE && byte <= 0xFF);
}

constexpr std::array<uint16_t, 256> make_codes() {
  std::array<uint16_t, 256> codes{};
  uint16_t next = 0x100;
  for (uint32_t byte = 0; byte < 256; ++byte) {
    codes[byte] = stands_for_itself(byte) ? static_cast<uint16_t>(byte) : next++;
  }
  return codes;
}
constexpr std::array<uint16_t, 256> kCodes = make_codes();
constexpr uint32_t kCodeLimit = 0x100 + 68;  // 68 bytes have no printable form

constexpr std::array<int16_t, kCodeLimit> make_bytes() {
  std::array<int16_t, kCodeLimit> bytes{};
  for (int16_t& byte : bytes) byte = -1;
  for (int16_t byte = 0; byte < 256; ++byte) bytes[kCodes[static_cast<size_t>(byte)]] = byte;
  return bytes;
}
constexpr std::array<int16_t, kCodeLimit> kBytes = make_bytes();

}  // namespace

uint32_t byte_to_code(uint8_t byte) {
  return kCodes[byte];
}
int code_to_byte(uint32_t code) {
  return code < kCodeLimit ? kBytes[code] : -1;
}

bool append_spelled_bytes(std::string& out, std::string_view token) {
  const size_t before = out.size();
  for (size_t at = 0; at < token.size();) {
    const int byte = code_to_byte(next_code(token, at));
    if (byte < 0) {
      out.resize(before);
      return false;
    }
    out.push_back(static_cast<char>(byte));
  }
  return true;
}

std::string spell_bytes(std::string_view bytes) {
  std::string out;
  out.reserve(bytes.size() * 2);
  for (const char byte : bytes) append_utf8(out, kCodes[static_cast<unsigned char>(byte)]);
  return out;
}

void spell_bytes(AlignedText& text) {
  AlignedText::Rewriter out(text);
  const std::string_view view = text.view();
  std::string one;
  for (size_t at = 0; at < view.size(); ++at) {
    one.clear();
    append_utf8(one, kCodes[static_cast<unsigned char>(view[at])]);
    out.put(one, at);
  }
  out.commit();
}

int byte_of_token(std::string_view token) {
  if (token.size() != 6 || !token.starts_with("<0x") || token[5] != '>') return -1;
  const auto digit = [](char c) {
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
  };
  // "+A" too is a number to the reference's parser.
  if (token[3] == '+') return digit(token[4]);
  const int high = digit(token[3]), low = digit(token[4]);
  return high < 0 || low < 0 ? -1 : high << 4 | low;
}

}  // namespace hone::text
