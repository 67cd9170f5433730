#include "tune/trainer.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/interrupt.h"
#include "base/leftovers.h"
#include "base/strings.h"
#include "tensor/device.h"
#include "tune/schedules/registry.h"
#include "tune/trainer_state.h"

namespace hone::tune {
namespace fs = std::filesystem;

Json TrainSummary::to_json() const {
  const auto number = [](const std::optional<double>& value) { return value ? Json(*value) : Json(nullptr); };
  return {{"output_dir", output_dir},
          {"steps", steps},
          {"epochs", epochs},
          {"tokens", tokens},
          {"train_loss", train_loss},
          {"first_eval_loss", number(first_eval_loss)},
          {"last_eval_loss", number(last_eval_loss)},
          {"test_loss", number(test_loss)},
          {"best_metric", number(best_metric)},
          {"best_step", best_step},
          {"stopped_early", stopped_early},
          {"seconds", seconds},
          {"tokens_per_second", tokens_per_second},
          {"trainable_parameters", parameters.trainable},
          {"total_parameters", parameters.total},
          {"optimizer_state_bytes", optimizer_state_bytes},
          {"peak_memory_bytes", peak_memory_bytes}};
}

Json StepProbe::to_json() const {
  return {{"tokens", tokens},
          {"tokens_per_second", tokens_per_second()},
          {"update_seconds", update_seconds},
          {"step_seconds", step_seconds},
          {"run_seconds", run_seconds},
          {"peak_memory_bytes", peak_memory_bytes}};
}

int64_t steps_per_epoch(const BatchPlan& batches, const TrainerOptions& options) {
  return (batches.micro_batches() + options.gradient_accumulation_steps - 1) / options.gradient_accumulation_steps;
}

int64_t total_steps(const BatchPlan& batches, const TrainerOptions& options) {
  if (options.max_steps > 0) return options.max_steps;
  const double steps = options.num_train_epochs * static_cast<double>(steps_per_epoch(batches, options));
  return std::max<int64_t>(1, static_cast<int64_t>(std::ceil(steps)));
}

struct Trainer::Impl {
  Impl(model::Decoder& decoder, Method& method, Objective& objective, const Examples& train, const Examples& validation,
       TrainerOptions options, RunLog& log, std::function<void(const fs::path&)> save_extras)
      : decoder_(decoder),
        method_(method),
        objective_(objective),
        train_(train),
        validation_(validation),
        options_(std::move(options)),
        log_(log),
        save_extras_(std::move(save_extras)),
        plan_(train_, options_.batch),
        parameters_(method_.trainable()),
        optimizer_(optimizer_named(options_.optim, "training.optim")
                       .make.make(trained_tensors(parameters_, decoder_), options_.optimizer)),
        schedule_(schedules().at(options_.lr_scheduler_type, "training.lr_scheduler_type").make) {
    if (train_.empty()) fail_input("data.train", "holds no example to train on");
    total_steps_ = tune::total_steps(plan_, options_);
    schedule_options_.total_steps = total_steps_;
    schedule_options_.min_lr_ratio = options_.min_lr_ratio;
    schedule_options_.warmup_steps =
        options_.warmup_steps > 0
            ? options_.warmup_steps
            : static_cast<int64_t>(std::ceil(options_.warmup_ratio * static_cast<double>(total_steps_)));
  }

  int64_t steps_per_epoch() const { return tune::steps_per_epoch(plan_, options_); }
  double epochs_done() const {
    return static_cast<double>(state_.epoch) +
           static_cast<double>(state_.micro_in_epoch) / static_cast<double>(plan_.micro_batches());
  }
  bool ends_epoch() const { return state_.micro_in_epoch == 0; }
  bool due(When when, int64_t every) const {
    return when == When::kEpoch ? ends_epoch() : when == When::kSteps && (state_.step % every == 0);
  }
  bool stops_early() const {
    return options_.early_stopping_patience > 0 && state_.evaluations_without_gain >= options_.early_stopping_patience;
  }
  bool improves(double metric) const {
    if (!state_.best_metric) return true;
    const double gain = options_.greater_is_better ? metric - *state_.best_metric : *state_.best_metric - metric;
    return gain > options_.early_stopping_threshold;
  }

  TrainSummary run();
  void begin();
  void resume();
  Figures micro_batch(const std::vector<uint32_t>& sequences, int64_t number, int64_t units);
  int64_t tokens_of(const std::vector<uint32_t>& sequences) const;
  void one_step();
  StepProbe probe(double seconds);
  void check_finite(double loss, double norm) const;
  void log_step(double learning_rate, double norm);
  void evaluate();
  void save(Keep keep = Keep::kLasting);
  bool save_is_overdue() const {
    return options_.save_seconds > 0 &&
           std::chrono::steady_clock::now() - last_saved_ >= std::chrono::duration<double>(options_.save_seconds);
  }
  TrainSummary finish();
  double seconds_now() const {
    const std::chrono::duration<double> since = std::chrono::steady_clock::now() - started_;
    return state_at_start_seconds_ + since.count();
  }

  model::Decoder& decoder_;
  Method& method_;
  Objective& objective_;
  const Examples& train_;
  const Examples& validation_;
  TrainerOptions options_;
  RunLog& log_;
  std::function<void(const fs::path&)> save_extras_;
  BatchPlan plan_;
  NamedTensors parameters_;
  std::unique_ptr<Optimizer> optimizer_;
  std::unique_ptr<Regularizer> regularizer_;
  double penalty_ = 0;
  Schedule schedule_;
  ScheduleOptions schedule_options_;
  int64_t total_steps_ = 0;
  TrainerState state_;
  std::vector<std::vector<uint32_t>> epoch_order_;
  int64_t epoch_order_of_ = -1;
  std::chrono::steady_clock::time_point started_, window_started_, last_saved_;
  double state_at_start_seconds_ = 0;
  int64_t tokens_at_start_ = 0, window_read_ = 0;
  bool stopped_early_ = false, saved_this_step_ = false;
};

void Trainer::Impl::resume() {
  state_.run_fingerprint = options_.run_fingerprint;
  if (options_.resume.empty()) return;
  const fs::path folder =
      options_.resume == "latest" ? latest_checkpoint(options_.output_dir) : fs::path(options_.resume);
  if (folder.empty()) {
    log_.note("no checkpoint in " + options_.output_dir.string() + " yet: starting from the beginning");
    return;
  }
  state_ = load_checkpoint(folder, options_.run_fingerprint, method_, *optimizer_);
  log_.note(format("resuming from %s (step %ld of %ld)", folder.c_str(), state_.step, total_steps_));
}

/// What is measured at the starting weights comes before a checkpoint puts others in their place.
void Trainer::Impl::begin() {
  if (options_.regularizer.type == "none") return resume();
  regularizer_ = std::make_unique<Regularizer>(parameters_, options_.regularizer);
  const fs::path file = options_.output_dir / "importance.safetensors";
  const bool known = !options_.resume.empty() && fs::exists(file);
  if (!known) regularizer_->measure(decoder_, file);
  resume();
  // The file of a run that was stopped before its first checkpoint may be that of other settings.
  if (known && state_.step == 0) regularizer_->measure(decoder_, file);
  if (known && state_.step > 0) regularizer_->read(file);
}

int64_t Trainer::Impl::tokens_of(const std::vector<uint32_t>& sequences) const {
  int64_t tokens = 0;
  for (const uint32_t sequence : sequences) tokens += static_cast<int64_t>(train_[sequence].ids.size());
  return tokens;
}

/// Forward and backward of one micro-batch of a step that has `units` in all.
Figures Trainer::Impl::micro_batch(const std::vector<uint32_t>& sequences, int64_t number, int64_t units) {
  model::StepContext context;
  context.training = true;
  context.recompute = options_.gradient_checkpointing;
  context.embedding_noise = options_.neftune_noise_alpha;
  // Named by (seed, step, micro-batch), so a continued run draws what the unbroken one would have.
  const int64_t position[] = {state_.step, number};
  context.dropout_key = hash64({reinterpret_cast<const char*>(position), sizeof position}, options_.seed);
  const MicroLoss micro = objective_.loss({.examples = train_,
                                           .sequences = sequences,
                                           .context = context,
                                           .scale = 1.0 / static_cast<double>(units),
                                           .step = state_.step});
  if (micro.loss.requires_grad()) micro.loss.backward();
  return micro.figures;
}

/// One optimiser step: all its micro-batches, with the loss divided once by the units (tokens, pairs) of all of them.
void Trainer::Impl::one_step() {
  if (epoch_order_of_ != state_.epoch) {
    epoch_order_ = plan_.epoch(static_cast<uint64_t>(state_.epoch));
    epoch_order_of_ = state_.epoch;
  }
  const int64_t first = state_.micro_in_epoch;
  const int64_t last = std::min(first + options_.gradient_accumulation_steps, plan_.micro_batches());
  int64_t units = 0;
  for (int64_t i = first; i < last; ++i) units += objective_.units(train_, epoch_order_[static_cast<size_t>(i)]);
  if (units == 0)
    fail_input("data.train", "a whole step of examples has no trained token", "check the data with `hone data show`");

  Figures step;
  int64_t read = 0;
  for (int64_t i = first; i < last; ++i) {
    const std::vector<uint32_t>& sequences = epoch_order_[static_cast<size_t>(i)];
    step.add(micro_batch(sequences, i - first, units));
    read += tokens_of(sequences);
  }
  if (regularizer_) penalty_ = regularizer_->add_gradients();
  const double norm = clip_gradients(parameters_, options_.max_grad_norm);
  check_finite(step.loss, norm);
  const double learning_rate = options_.learning_rate * schedule_(state_.step, schedule_options_);
  optimizer_->step(learning_rate);
  for (const auto& [name, parameter] : parameters_) parameter.mutable_grad() = Tensor();

  state_.tokens += read;
  window_read_ += read;
  state_.whole.add({.loss = step.loss, .units = step.units, .others = {}});
  state_.window.add(step);
  ++state_.step;
  state_.micro_in_epoch = last == plan_.micro_batches() ? 0 : last;
  if (state_.micro_in_epoch == 0) ++state_.epoch;
  log_.progress(state_.step, step.loss / static_cast<double>(units));
  if (state_.step % options_.logging_steps == 0 || state_.step == total_steps_) log_step(learning_rate, norm);
}

void Trainer::Impl::check_finite(double loss, double norm) const {
  if (std::isfinite(loss) && std::isfinite(norm)) return;
  const std::string what = std::isfinite(loss) ? "the gradient norm" : "the loss";
  const fs::path saved = latest_checkpoint(options_.output_dir);
  fail_work(format("step %ld", state_.step + 1), what + " is not a finite number; no weight was changed by this step",
            "lower training.learning_rate, use model.compute_dtype: float32, or look at the data of this step" +
                (saved.empty() ? "" : "; the last checkpoint is " + saved.string()));
}

void Trainer::Impl::log_step(double learning_rate, double norm) {
  const auto now = std::chrono::steady_clock::now();
  const std::chrono::duration<double> window = now - window_started_;
  std::vector<std::pair<std::string, double>> line{{"epoch", epochs_done()}};
  for (auto& figure : state_.window.means()) line.push_back(std::move(figure));
  if (regularizer_) line.insert(line.begin() + 2, {"penalty", penalty_});
  line.insert(line.end(),
              {{"learning_rate", learning_rate},
               {"grad_norm", norm},
               {"tokens", static_cast<double>(state_.tokens)},
               {"tokens_per_second", static_cast<double>(window_read_) / std::max(window.count(), 1e-9)},
               {"peak_memory_bytes", static_cast<double>(tensor::peak_memory_bytes(decoder_.options().device))}});
  log_.log(state_.step, line);
  state_.window = {};
  window_read_ = 0;
  window_started_ = now;
}

void Trainer::Impl::evaluate() {
  const auto begin = std::chrono::steady_clock::now();
  std::vector<std::pair<std::string, double>> values{{"epoch", epochs_done()}};
  std::vector<std::string> known;
  for (const auto& [name, value] : objective_.evaluate(validation_, options_.eval_rows)) {
    known.push_back("eval_" + name);
    values.emplace_back(known.back(), value);
  }
  log_.log(state_.step, values);
  const double loss = values[1].second;
  if (!state_.first_eval_loss) state_.first_eval_loss = loss;
  state_.last_eval_loss = loss;
  const auto metric = std::find_if(values.begin(), values.end(),
                                   [&](const auto& v) { return v.first == options_.metric_for_best_model; });
  if (metric == values.end()) {
    fail_input("training.metric_for_best_model",
               "\"" + options_.metric_for_best_model + "\" is not evaluated; known: " + join(known, ", "));
  }
  if (improves(metric->second)) {
    state_.best_metric = metric->second;
    state_.best_step = state_.step;
    state_.evaluations_without_gain = 0;
    if (state_.step > 0)
      write_folder(options_.output_dir / "best",
                   [&](const fs::path& folder) { method_.save(folder), save_extras_(folder); });
  } else {
    ++state_.evaluations_without_gain;
  }
  // Time spent here is not the training's speed.
  window_started_ += std::chrono::steady_clock::now() - begin;
}

void Trainer::Impl::save(Keep keep) {
  TrainerState state = state_;
  state.seconds = seconds_now();
  save_checkpoint(options_.output_dir, state, method_, *optimizer_, options_.save_total_limit, keep);
  saved_this_step_ = true;
  last_saved_ = std::chrono::steady_clock::now();
}

TrainSummary Trainer::Impl::run() {
  fs::create_directories(options_.output_dir);
  sweep_leftovers(options_.output_dir);
  begin();
  started_ = window_started_ = last_saved_ = std::chrono::steady_clock::now();
  state_at_start_seconds_ = state_.seconds;
  tokens_at_start_ = state_.tokens;
  log_.begin(state_.step, total_steps_);
  if (state_.step == 0 && options_.eval_on_start && !validation_.empty()) evaluate();
  while (state_.step < total_steps_ && !stops_early()) {
    one_step();
    saved_this_step_ = false;
    const bool last = state_.step == total_steps_;
    if (!validation_.empty() && options_.eval_strategy != When::kNever &&
        (last || due(options_.eval_strategy, options_.eval_steps)))
      evaluate();
    stopped_early_ = stops_early();
    if (options_.save_strategy != When::kNever &&
        (last || stopped_early_ || due(options_.save_strategy, options_.save_steps)))
      save();
    else if (!last && !interrupted() && save_is_overdue())
      save(Keep::kPassing);
    if (stopped_early_) {
      log_.note(format("stopping early: %ld evaluations in a row without a better %s", state_.evaluations_without_gain,
                       options_.metric_for_best_model.c_str()));
      break;
    }
    if (interrupted() && !last) {
      if (!saved_this_step_) save();
      throw Error(ErrorKind::kInterrupted, "",
                  format("stopped at step %ld of %ld; everything is saved", state_.step, total_steps_),
                  "go on with: hone train … --resume");
    }
  }
  return finish();
}

TrainSummary Trainer::Impl::finish() {
  const fs::path best = options_.output_dir / "best";
  if (options_.load_best_model_at_end && state_.best_step > 0 && state_.best_step != state_.step && fs::exists(best)) {
    method_.restore(best);
    log_.note(format("the result is the best checkpoint, step %ld", state_.best_step));
  }
  // The result's files go into the run's own folder, each whole; a folder beside them would be one more
  // place to look.
  const fs::path whole = options_.output_dir / "final";
  write_folder(whole, [&](const fs::path& folder) { method_.save(folder), save_extras_(folder); });
  for (const auto& entry : fs::directory_iterator(whole))
    fs::rename(entry.path(), options_.output_dir / entry.path().filename());
  fs::remove(whole);

  TrainSummary summary;
  summary.steps = state_.step;
  summary.tokens = state_.tokens;
  summary.epochs = epochs_done();
  summary.train_loss = state_.whole.means()[0].second;
  summary.seconds = seconds_now();
  const double here = summary.seconds - state_at_start_seconds_;
  summary.tokens_per_second = static_cast<double>(state_.tokens - tokens_at_start_) / std::max(here, 1e-9);
  summary.first_eval_loss = state_.first_eval_loss;
  summary.last_eval_loss = state_.last_eval_loss;
  summary.best_metric = state_.best_metric;
  summary.best_step = state_.best_step;
  summary.stopped_early = stopped_early_;
  summary.optimizer_state_bytes = optimizer_->state_bytes();
  summary.peak_memory_bytes = tensor::peak_memory_bytes(decoder_.options().device);
  summary.output_dir = options_.output_dir.string();
  return summary;
}

StepProbe Trainer::Impl::probe(double seconds) {
  constexpr size_t kMost = 4;
  auto order = plan_.epoch(0);
  std::stable_sort(order.begin(), order.end(),
                   [&](const auto& a, const auto& b) { return tokens_of(a) < tokens_of(b); });
  // The smallest first, unmeasured: the matrix library prepares itself. Then the largest and some in between.
  std::vector<size_t> chosen{0, order.size() - 1};
  for (size_t i = 1; i < kMost; ++i) chosen.push_back(order.size() * i / kMost);
  const auto timed = [](const auto& work) {
    const auto begin = std::chrono::steady_clock::now();
    work();
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  };
  StepProbe probe;
  double spent = 0;
  for (size_t i = 0; i < chosen.size() && (i < 2 || spent < seconds); ++i) {
    const auto& sequences = order[chosen[i]];
    const int64_t units = std::max<int64_t>(1, objective_.units(train_, sequences));
    const double took = timed([&] { micro_batch(sequences, 0, units); });
    spent += took;
    if (i == 0) continue;
    probe.tokens += tokens_of(sequences);
    probe.seconds += took;
  }
  // A rate of 0 leaves the weights as they are.
  probe.update_seconds = timed([&] {
    clip_gradients(parameters_, options_.max_grad_norm);
    optimizer_->step(0);
  });
  for (const auto& [name, parameter] : parameters_) parameter.mutable_grad() = Tensor();
  int64_t all = 0;
  for (const auto& sequences : order) all += tokens_of(sequences);
  const double passes = static_cast<double>(total_steps_) / static_cast<double>(steps_per_epoch());
  probe.run_seconds = passes * static_cast<double>(all) * probe.seconds / static_cast<double>(probe.tokens) +
                      static_cast<double>(total_steps_) * probe.update_seconds;
  probe.step_seconds = probe.run_seconds / static_cast<double>(total_steps_);
  probe.peak_memory_bytes = tensor::peak_memory_bytes(decoder_.options().device);
  return probe;
}

Trainer::Trainer(model::Decoder& decoder, Method& method, Objective& objective, const Examples& train,
                 const Examples& validation, TrainerOptions options, RunLog& log,
                 std::function<void(const fs::path&)> save_extras)
    : impl_(std::make_unique<Impl>(decoder, method, objective, train, validation, std::move(options), log,
                                   std::move(save_extras))) {}
Trainer::~Trainer() = default;
StepProbe Trainer::probe(double seconds) {
  return impl_->probe(seconds);
}
TrainSummary Trainer::run() {
  return impl_->run();
}

}  // namespace hone::tune
