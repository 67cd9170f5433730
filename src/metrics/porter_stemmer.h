// The Porter stemmer (Porter 1980, "An algorithm for suffix stripping") with the departures that NLTK
// makes by default, which is what rouge-score's use_stemmer runs.
#pragma once
#include <string>
#include <string_view>

namespace hone::metrics {

/// `word` is lower-case ASCII.
std::string porter_stem(std::string_view word);

}  // namespace hone::metrics
