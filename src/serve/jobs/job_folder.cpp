#include "serve/jobs/job_folder.h"

#include <set>

#include "base/file.h"
#include "base/leftovers.h"
#include "base/strings.h"

namespace hone::serve {
namespace fs = std::filesystem;
namespace {

constexpr char kBeforeStep = '.';  // no job's id holds one

}  // namespace

void settle(const fs::path& folder, Records& records) {
  if (!fs::exists(folder / kUnsettled)) return;
  if (records.job(folder.filename().string())) {
    fs::remove(folder / kUnsettled);
  } else {
    fs::remove_all(folder);
  }
}

void settle_all(const fs::path& jobs, const fs::path& models, Records& records) {
  for (const auto& entry : fs::directory_iterator(jobs)) {
    settle(entry.path(), records);
    sweep_leftovers(entry.path());
    sweep_leftovers(entry.path() / "run");
  }
  sweep_leftovers(models);  // puts back what was moved aside; the rest goes below, whatever process has its number now
  std::set<fs::path> kept;
  for (const ModelRecord& model : records.models()) kept.insert(fs::path(model.folder).filename());
  for (const auto& entry : fs::directory_iterator(models)) {
    const std::string name = entry.path().filename().string();
    if (starts_with(name, ".")) fs::remove_all(entry.path());
    const auto job = records.job(name.substr(0, name.find(kBeforeStep)));
    if (job && status::is_final(job->status) && !kept.contains(name)) fs::remove_all(entry.path());
  }
}

std::string published_name(const std::string& job, int64_t step) {
  return step < 0 ? job : job + kBeforeStep + std::to_string(step);
}

}  // namespace hone::serve
