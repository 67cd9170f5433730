// The answer of `hone cost` for people, in English or Korean.
#include <cmath>
#include <nlohmann/json.hpp>

#include "base/strings.h"
#include "base/terminal.h"
#include "cli/plain/cost_report.h"

namespace hone::cli {
namespace {

std::string money(const std::string& currency, double value) {
  return currency == "USD" ? format("$%.2f", value) : format("%.2f ", value) + currency;
}

std::string whole(double value) {
  return with_commas(std::llround(std::min(value, 9e18)));
}

class Writer {
 public:
  Writer(const metrics::CostQuestion& question, const metrics::CostReport& report, Language language)
      : question_(question), report_(report), language_(language) {}

  std::string text() {
    prices();
    if (!question_.counted_by.empty()) tokens();
    table();
    if (report_.training_hours) own_training();
    for (size_t i = 0; i < report_.break_even.size(); ++i) break_even(i);
    return text_;
  }

 private:
  std::string pick(const char* english, const char* korean) const {
    return language_ == Language::kKorean ? korean : english;
  }
  std::string money(double value) const { return cli::money(report_.prices.currency, value); }

  void prices() {
    const metrics::PriceTable& table = report_.prices;
    const std::string age = with_commas(report_.age_days);
    text_ += pick("prices of ", "가격표 ") + table.date + pick(", ", " (") + age +
             pick(" days old, from ", "일 지남), 출처 ") + table.source + "\n";
    if (report_.age_days > 180)
      text_ += pick("  older than half a year: compare with the provider's page, or give --prices FILE\n",
                    "  반년이 넘었습니다: 공급자 페이지와 견주어 보거나 --prices FILE을 주세요\n");
  }

  void tokens() {
    const std::string by = question_.counted_by == "as given" ? pick("as given", "주어진 값")
                           : question_.counted_by == metrics::kEstimatedByCharacters
                               ? pick("an estimate: characters / 4; --tokenizer DIR counts them",
                                      "추정치: 글자 수 / 4. --tokenizer DIR을 주면 실제로 셉니다")
                               : pick("counted by the ", "센 방법: ") + question_.counted_by;
    text_ += whole(static_cast<double>(question_.examples)) + pick(" examples, ", "개 예시, ") +
             whole(static_cast<double>(question_.tokens_per_epoch)) + pick(" tokens an epoch (", "토큰/에포크 (") + by +
             "), " + whole(static_cast<double>(question_.epochs)) + pick(" epochs\n", "에포크\n");
  }

  /// One row a model: what is known of it.
  void table() {
    std::vector<std::string> header = {pick("model", "모델")};
    const bool training = !report_.training.empty(), use = !report_.inference.empty();
    if (training) header.insert(header.end(), {pick("training", "학습"), pick("minutes", "분")});
    if (use) header.insert(header.end(), {pick("a day", "하루"), pick("a month", "한 달"), pick("a year", "한 해")});
    if (!training && !use)
      header.insert(header.end(), {pick("training / 1M", "학습 / 100만"), pick("input / 1M", "입력 / 100만"),
                                   pick("output / 1M", "출력 / 100만"), pick("date", "날짜")});
    Table table(header);
    for (size_t i = 0; i < report_.models.size(); ++i) {
      const metrics::ModelPrice& model = report_.models[i];
      std::vector<std::string> row = {model.name};
      if (training) {
        const Json& cost = report_.training[i];
        const bool known = !cost.contains("error");
        row.push_back(known ? money(cost["training_cost_usd"].get<double>()) : "—");
        row.push_back(known ? with_commas(cost["estimated_time_minutes"].get<long long>()) : "—");
      }
      if (use) {
        for (const char* key : {"daily_cost_usd", "monthly_cost_usd", "yearly_cost_usd"})
          row.push_back(money(report_.inference[i][key].get<double>()));
      }
      if (!training && !use) {
        row.insert(row.end(), {model.training ? money(*model.training) : "—", money(model.inference_input),
                               money(model.inference_output), model.date});
      }
      table.add(row);
    }
    text_ += "\n" + table.text();
  }

  void own_training() {
    text_ += "\n" + pick("own machine: ", "자체 장비: ") + whole(question_.training_tokens_per_second) +
             pick(" tokens/s, training ", "토큰/초, 학습 ") + human_seconds(*report_.training_hours * 3600);
    if (report_.training_cost) text_ += ", " + money(*report_.training_cost);
    text_ += "\n";
  }

  void break_even(size_t i) {
    const metrics::BreakEven& one = report_.break_even[i];
    text_ += "\n" + report_.models[i].name + pick(": own machine ", ": 자체 장비 월 ") + money(one.hardware_monthly) +
             pick(" a month, API ", ", API 월 ") + money(one.api_monthly) + pick(" a month\n", "\n");
    if (one.requests_per_day) {
      text_ += "  " + pick("break-even at ", "손익분기 하루 ") + whole(std::ceil(*one.requests_per_day)) +
               pick(" requests a day", "건");
      if (one.capacity_per_day)
        text_ += pick("; the machine answers at most ", "; 이 장비의 한계는 하루 ") + whole(*one.capacity_per_day) +
                 pick("", "건");
      text_ += "\n";
    }
    if (one.months_to_pay_back) {
      text_ += "  " + pick("the purchase is paid back after ", "구입비는 ") + format("%.1f", *one.months_to_pay_back) +
               pick(" months\n", "개월 뒤에 회수됩니다\n");
    }
    text_ +=
        one.hardware_is_cheaper
            ? pick("  at this load the own machine is the cheaper one\n", "  이 부하에서는 자체 장비가 더 쌉니다\n")
            : pick("  at this load the API is the cheaper one, or the machine cannot answer it\n",
                   "  이 부하에서는 API가 더 싸거나, 장비가 다 답하지 못합니다\n");
  }

  const metrics::CostQuestion& question_;
  const metrics::CostReport& report_;
  Language language_;
  std::string text_;
};

}  // namespace

std::string to_text(const metrics::CostQuestion& question, const metrics::CostReport& report, Language language) {
  return Writer(question, report, language).text();
}

}  // namespace hone::cli
