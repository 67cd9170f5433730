// A job's folder and its row are made one after the other; a mark in the folder says that the row may not be there.
#pragma once
#include <filesystem>

#include "serve/records.h"

namespace hone::serve {

/// Name of the mark, an empty file.
inline constexpr const char* kUnsettled = "unsettled";

/// `folder` is named by its job. If it carries the mark: takes that away where the job has a row, else the whole
/// folder.
void settle(const std::filesystem::path& folder, Records& records);

/// settle() for all jobs below `jobs`; removes what was half-written in their folders, and the folders below `models`
/// of checkpoints and models that were never published, because the server was killed in between, or that were deleted.
/// A folder of a job that has no row stays: the server may have been started on another database.
void settle_all(const std::filesystem::path& jobs, const std::filesystem::path& models, Records& records);

/// The folder's name below `models` for what a job publishes: a step's checkpoint, or its result (-1). Always the same,
/// so that what was interrupted is done again in its place.
std::string published_name(const std::string& job, int64_t step = -1);

}  // namespace hone::serve
