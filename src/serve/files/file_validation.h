// A training file looked at before a job is made of it: every fault with its line, how many tokens training would see,
// and what "auto" would come to. The same checks as a job's own, so a file that is valid here does not fail there.
#pragma once
#include "generate/model_text.h"
#include "net/server.h"
#include "serve/files/files.h"

namespace hone::serve {

/// GET /v1/files/{file_id}/validation[?limit=100]
///   {"object": "file.validation", "file_id", "valid", "method": "supervised" | "dpo" | null, "shapes": {name: rows},
///    "rows", "examples", "tokens": {"total", "mean", "p95", "max", "counted_by"}, "truncated", "max_length",
///    "hyperparameters", "trained_tokens", "faults": [{"line", "path", "code", "message", "fix"}], "faults_total",
///    "warnings", "warnings_total"}
/// Texts of the file are never quoted. One file at a time; others wait with 429. `text` must outlive the server.
void add_file_validation_api(net::Server& server, Files& files, const generate::ModelText& text, uint32_t max_length);

}  // namespace hone::serve
