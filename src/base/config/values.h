// How single values are read from and written to YAML. YAML 1.1 readers take `1e-4` for a text and `3.`
// for a number; people mean numbers by both, so numbers are recognised here and not by the YAML library.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace hone {

/// "2e-4", "+1.5", ".5", "1_000"; nothing for other text, infinity and NaN included.
std::optional<double> parse_number(std::string_view text);
/// "16", "1e3", "2.0"; nothing where a fraction would be lost or the value leaves 64 bits.
std::optional<int64_t> parse_whole_number(std::string_view text);
/// true/yes/on, false/no/off in any case.
std::optional<bool> parse_bool(std::string_view text);

/// The shortest text that reads back as the same number, here and in YAML 1.1 readers ("2.0e-05").
std::string show_number(double value);
/// As YAML: in quotes where it would otherwise be taken for a number, a truth value, null or syntax.
std::string quote_yaml(const std::string& text);

}  // namespace hone
