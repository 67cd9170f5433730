#include "serve/files/files.h"

#include <nlohmann/json.hpp>

#include "base/strings.h"
#include "serve/api_error.h"
#include "serve/ids.h"

namespace hone::serve {

Json file_json(const FileRecord& file) {
  Json json = {{"id", file.id},
               {"object", "file"},
               {"bytes", file.bytes},
               {"created_at", file.created_at},
               {"filename", file.filename},
               {"purpose", file.purpose},
               {"status", "processed"}};
  if (file.expires_at) json["expires_at"] = *file.expires_at;
  return json;
}

FileRecord Files::add(FileRecord file, const std::filesystem::path& content) {
  file.bytes = static_cast<int64_t>(std::filesystem::file_size(content));
  file.sha256 = keep(content);
  records_.database().transaction([&] {
    // The same content may have been here, and have gone with its last row before ours is there.
    if (!blobs_.contains(file.sha256)) keep(content);
    records_.add(file);
  });
  return file;
}

std::string Files::keep(const std::filesystem::path& content) {
  const std::filesystem::path link = content.string() + ".kept";
  std::filesystem::remove(link);
  std::filesystem::create_hard_link(content, link);
  try {
    return blobs_.put_file(link);
  } catch (...) {
    std::error_code ignored;
    std::filesystem::remove(link, ignored);
    throw;
  }
}

FileRecord Files::get(const std::string& id, const Caller& caller) {
  std::optional<FileRecord> file = records_.file(id);
  const bool expired = file && file->expires_at && *file->expires_at <= unix_now();
  if (!file || expired || !caller.sees(file->owner)) refuse_unknown("No such File object: " + excerpt(id, 80), "id");
  return *std::move(file);
}

void Files::remove(const FileRecord& file) {
  records_.remove_file(file.id);
  // A crash here leaves a content that nobody names: space, not a fault.
  records_.database().transaction([&] {
    if (records_.files_with(file.sha256) == 0) blobs_.remove(file.sha256);
  });
}

void Files::sweep() {
  const int64_t now = unix_now();
  for (const store::Row& row : records_.database().query("SELECT id FROM files WHERE expires_at <= ?", {now})) {
    if (const auto file = records_.file(row.text("id"))) remove(*file);
  }
}

}  // namespace hone::serve
