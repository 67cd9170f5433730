// GPT-2's printable stand-ins for the 256 bytes: a vocabulary of bytes that JSON can hold.
#pragma once
#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "text/tokenizers/aligned_text.h"

namespace hone::text {

/// The code point that stands for a byte: itself where printable Latin-1, else U+0100 and up in order.
uint32_t byte_to_code(uint8_t byte);
/// The byte that `code` stands for, or -1.
int code_to_byte(uint32_t code);
/// Appends the bytes that `token` spells; false (and nothing appended) if a character is no stand-in.
bool append_spelled_bytes(std::string& out, std::string_view token);
std::string spell_bytes(std::string_view bytes);
/// Rewrites all of `text` in the alphabet.
void spell_bytes(AlignedText& text);

/// The byte that a token such as "<0x0A>" names (SentencePiece's byte tokens), or -1. As in the reference, digits may
/// be of either case.
int byte_of_token(std::string_view token);

}  // namespace hone::text
