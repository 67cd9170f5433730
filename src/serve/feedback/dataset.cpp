#include "serve/feedback/dataset.h"

#include <algorithm>
#include <fstream>
#include <nlohmann/json.hpp>
#include <set>
#include <vector>

#include "base/error.h"
#include "base/hash.h"
#include "base/strings.h"
#include "serve/feedback/dataset_row.h"

namespace hone::serve {
namespace {

constexpr int64_t kPage = 200;

enum class Opinion { kNone, kLiked, kDisliked };

struct Judged {
  int64_t serial = 0;
  Opinion opinion = Opinion::kNone;
  std::optional<bool> thumb_up;
  std::optional<std::string> correction;
  std::optional<KeptAnswer> kept;
  const char* unusable = nullptr;  ///< why there is no `kept`
};

Judged judged(const store::Row& row, const DatasetChoice& choice) {
  Judged one;
  one.serial = row.integer("serial");
  one.correction = row.text_or_null("correction");
  const auto thumb = row.text_or_null("thumb");
  const auto score = row.real_or_null("score");
  if (thumb) {
    one.thumb_up = *thumb == "up";
    one.opinion = *one.thumb_up ? Opinion::kLiked : Opinion::kDisliked;
  } else if (score && choice.min_score && *score >= *choice.min_score) {
    one.opinion = Opinion::kLiked;
  }
  if (row.null("completion")) {
    one.unusable = "no_completion";
  } else if (row.null("prompt_json")) {
    one.unusable = "text_not_kept";
  } else {
    one.kept = kept_answer(row.text("prompt_json"), row.text("answers_json"), row.integer("choice"));
    if (!one.kept) one.unusable = "unusable_prompt";
  }
  const bool mended = one.correction && choice.format == "sft";
  if (one.kept && is_empty(one.kept->answer) && !mended) {
    one.kept.reset();
    one.unusable = "empty_answer";
  }
  return one;
}

constexpr const char* kColumns =
    "SELECT f.serial AS serial, f.completion AS completion, f.choice AS choice, f.thumb AS thumb, f.score AS score,"
    " f.correction AS correction, c.prompt_json AS prompt_json, c.answers_json AS answers_json"
    " FROM feedback f LEFT JOIN completions c ON c.id = f.completion WHERE ";

/// Writes rows as feedback comes along, the oldest first.
class Writer {
 public:
  Writer(store::Database& database, const DatasetChoice& choice, const std::filesystem::path& to)
      : database_(database), choice_(choice), path_(to), file_(to, std::ios::binary) {}

  DatasetCounts write() {
    each([&](const Judged& one) {
      if (one.unusable != nullptr) return skip(one.unusable);
      if (choice_.format == "sft")
        sft(one);
      else if (choice_.format == "kto")
        kto(one);
      else
        dpo(one);
    });
    pair_all();
    file_.close();
    if (!file_) fail_work(path_.string(), "cannot be written", "check that the disk has room");
    return counts_;
  }

 private:
  /// The likes and dislikes of one prompt, by serial number: texts stay in the table until they are written.
  struct Group {
    std::vector<int64_t> liked, disliked;
  };

  template <typename Take>
  void each(const Take& take) {
    const bool of_one = !choice_.experiment.empty();
    const std::string sql = std::string(kColumns) + (of_one ? "f.experiment = ?" : "f.owner = ?") +
                            " AND f.created_at >= ? AND f.serial > ? ORDER BY f.serial LIMIT ?";
    for (int64_t after = 0;;) {
      const auto rows =
          database_.query(sql, {of_one ? choice_.experiment : choice_.owner, choice_.since, after, kPage});
      for (const store::Row& row : rows) take(judged(row, choice_));
      if (static_cast<int64_t>(rows.size()) < kPage) return;
      after = rows.back().integer("serial");
    }
  }

  void skip(const char* reason) { ++counts_.skipped[reason]; }
  void put(const Json& row) {
    file_ << to_line(row) << '\n';
    ++counts_.rows;
  }

  void sft(const Judged& one) {
    if (one.correction) return put(sft_row(*one.kept, corrected(*one.kept, *one.correction)));
    if (one.opinion == Opinion::kLiked) return put(sft_row(*one.kept, one.kept->answer));
    skip(one.opinion == Opinion::kDisliked ? "disliked" : "no_opinion");
  }

  void kto(const Judged& one) {
    if (!one.thumb_up) return skip("no_opinion");
    put(kto_row(*one.kept, *one.thumb_up));
  }

  void dpo(const Judged& one) {
    if (one.correction) return pair(*one.kept, corrected(*one.kept, *one.correction), one.kept->answer);
    if (one.opinion == Opinion::kNone) return skip("no_opinion");
    Group& group = groups_[fingerprint(to_line(one.kept->prompt))];
    (one.opinion == Opinion::kLiked ? group.liked : group.disliked).push_back(one.serial);
  }

  void pair(const KeptAnswer& kept, const Json& better, const Json& worse) {
    if (better == worse) return skip("same_text");
    put(dpo_row(kept, better, worse));
  }

  KeptAnswer fetched(int64_t serial) {
    return *judged(database_.query(std::string(kColumns) + "f.serial = ?", {serial}).at(0), choice_).kept;
  }

  /// The longer side of each prompt once, the shorter one over again.
  void pair_all() {
    for (const auto& [prompt, group] : groups_) {
      const size_t likes = group.liked.size(), dislikes = group.disliked.size();
      if (likes == 0 || dislikes == 0) {
        counts_.skipped["no_pair"] += static_cast<int64_t>(likes + dislikes);
        continue;
      }
      for (size_t i = 0; i < std::max(likes, dislikes); ++i) {
        const KeptAnswer better = fetched(group.liked[i % likes]);
        pair(better, better.answer, fetched(group.disliked[i % dislikes]).answer);
      }
    }
  }

  store::Database& database_;
  const DatasetChoice& choice_;
  std::filesystem::path path_;
  std::ofstream file_;
  std::map<std::string, Group> groups_;
  DatasetCounts counts_;
};

}  // namespace

DatasetCounts write_dataset(store::Database& database, const DatasetChoice& choice, const std::filesystem::path& to) {
  return Writer(database, choice, to).write();
}

}  // namespace hone::serve
