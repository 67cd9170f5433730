// The card of an experiment: what was tried, with which settings, and what came of it, as Markdown that a person
// completes with what was seen and what comes next. Headings in Korean and English.
#pragma once
#include <filesystem>
#include <string>

#include "track/run_folder.h"

namespace hone::track {

/// `number` is the card's place among those of the neighbouring runs. Lines of an `earlier` card from
/// "관찰" on are a person's and are kept as they are.
std::string experiment_card(const RunFolder& run, int number, const std::string& earlier);

/// Writes FOLDER/experiment.md. A card that is there keeps its number and what a person wrote into it.
void write_experiment_card(const std::filesystem::path& folder);

}  // namespace hone::track
