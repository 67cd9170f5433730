// What the commands of `hone data` share.
#pragma once
#include <string>

#include "data/loader.h"

namespace CLI {
class App;
}

namespace hone::cli {

/// FILE, --format, --shape, --min-length, --max-length.
void add_load_options(CLI::App& app, std::string& file, data::LoadOptions& options);

/// A rejected row for a person to mend: {"line", "byte", "errors": […], "record": the object, or "raw": what
/// stood there} and a line break.
std::string reject_line(const data::Row& row);

}  // namespace hone::cli
