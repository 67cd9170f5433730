// What a process that was killed while it wrote has left beside its files.
#pragma once
#include <filesystem>

namespace hone {

/// Removes the temporary files and folders that write_file, AtomicFile and write_folder (base/file.h) have left in
/// `folder` because their process ended first; those of processes that still live stay. A folder that had just been
/// moved aside to be replaced, and never was, gets its name back.
void sweep_leftovers(const std::filesystem::path& folder);

}  // namespace hone
