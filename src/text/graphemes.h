// What a reader takes for one character: extended grapheme clusters (Unicode Standard Annex #29), as the
// reference tokenizer library sees them.
#pragma once
#include <cstddef>
#include <string_view>

namespace hone::text {

/// The end of the cluster that begins at `at` < text.size(), a cluster's beginning. `text` is valid UTF-8.
size_t cluster_end(std::string_view text, size_t at);

}  // namespace hone::text
