#include "serve/inference/model_host.h"

#include "base/error.h"
#include "base/terminal.h"
#include "exchange/peft.h"
#include "serve/api_error.h"

namespace hone::serve {

namespace {

/// What is wrong with a folder of the server is for its log: the client cannot mend it, and the text names paths.
std::shared_ptr<const model::AdapterWeights> load(model::Decoder& decoder, const std::filesystem::path& folder) {
  try {
    return exchange::load_adapter(decoder, folder);
  } catch (const std::exception& error) {
    say(std::string("adapters: ") + error.what());
    throw ApiError(500, "The weights of this model cannot be read; the server's log says why.", "model",
                   "model_unavailable");
  }
}

}  // namespace

ModelHost::ModelHost(model::Decoder& decoder, const generate::ModelText& text, HostOptions options)
    : decoder_(decoder),
      text_(text),
      options_(options),
      pool_([this](const std::filesystem::path& folder) { return load(decoder_, folder); }, options.adapters) {
  if (options_.engine.context_limit == 0) options_.engine.context_limit = decoder.config().max_position_embeddings;
  thread_ = std::thread([this] { work(); });
}

ModelHost::~ModelHost() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

uint64_t ModelHost::submit(std::vector<generate::Request> answers, const std::filesystem::path& adapter,
                           std::shared_ptr<Listener> listener) {
  if (!adapter.empty()) {
    // A folder is written once and never again, so it has but one version.
    pool_.publish(adapter.string(), /*version=*/1, adapter);
    const auto weights = [&] {
      try {
        return pool_.get(adapter.string());
      } catch (const Error&) {  // deleted in this moment; the text would name its folder
        throw ApiError(404, "The model does not exist any more.", "model", "model_not_found");
      }
    }();
    for (generate::Request& answer : answers) answer.adapter = weights;
  }
  uint64_t ticket = 0;
  {
    const std::lock_guard lock(mutex_);
    if (figures_.waiting + answers.size() > options_.max_waiting) refuse_busy();
    ticket = next_ticket_++;
    figures_.waiting += answers.size();
    incoming_.push_back({ticket, std::move(answers), std::move(listener)});
  }
  changed_.notify_all();
  return ticket;
}

void ModelHost::cancel(uint64_t ticket) {
  {
    const std::lock_guard lock(mutex_);
    cancelled_.push_back(ticket);
  }
  changed_.notify_all();
}

void ModelHost::forget(const std::filesystem::path& adapter) {
  pool_.withdraw(adapter.string());
}

const text::ChatEncoder& ModelHost::encoder() {
  std::call_once(encoder_made_, [this] { encoder_.emplace(text_.encoder({})); });
  return *encoder_;
}

std::shared_ptr<const generate::TokenTrie> ModelHost::tokens() {
  std::call_once(tokens_made_, [this] { tokens_ = std::make_shared<generate::TokenTrie>(text_.tokenizer()); });
  return tokens_;
}

HostFigures ModelHost::figures() const {
  const std::lock_guard lock(mutex_);
  return figures_;
}

void ModelHost::work() {
  engine_ = std::make_unique<generate::Engine>(decoder_, text_.tokenizer(), options_.engine);
  for (;;) {
    std::deque<Job> incoming;
    std::vector<uint64_t> cancelled;
    {
      std::unique_lock lock(mutex_);
      figures_.running = engine_->running();
      figures_.waiting = engine_->waiting();
      for (const Job& job : incoming_) figures_.waiting += job.answers.size();
      changed_.wait(lock, [&] { return stopping_ || !incoming_.empty() || !cancelled_.empty() || !engine_->idle(); });
      if (stopping_) break;
      incoming.swap(incoming_);
      cancelled.swap(cancelled_);
    }
    for (Job& job : incoming) take(std::move(job));
    for (const uint64_t ticket : cancelled) drop(ticket);
    if (engine_->idle()) continue;
    try {
      deliver(engine_->step());
    } catch (...) {
      fail_all(std::current_exception());
    }
  }
  const auto why = std::make_exception_ptr(shutting_down());
  fail_all(why);
  std::deque<Job> untaken;
  {
    const std::lock_guard lock(mutex_);
    untaken.swap(incoming_);
  }
  for (const Job& job : untaken) job.listener->failed(why);  // may call cancel()
}

void ModelHost::take(Job job) {
  std::vector<uint64_t> added;
  uint64_t prompt_tokens = 0;
  try {
    for (size_t i = 0; i < job.answers.size(); ++i) {
      const bool shares = i > 0 && job.answers[i].prompt == job.answers.front().prompt;
      prompt_tokens += shares ? 0 : job.answers[i].prompt.size();
      if (shares) job.answers[i].shares_prompt_with = added.front();
      const uint64_t number = engine_->add(job.answers[i]);
      added.push_back(number);
      answers_[number] = {job.ticket, i, job.listener};
    }
  } catch (...) {
    for (const uint64_t number : added) engine_->cancel(number), answers_.erase(number);
    return job.listener->failed(std::current_exception());
  }
  const std::lock_guard lock(mutex_);
  figures_.prompt_tokens += prompt_tokens;
}

void ModelHost::drop(uint64_t ticket) {
  for (auto answer = answers_.begin(); answer != answers_.end();) {
    if (answer->second.ticket != ticket) {
      ++answer;
      continue;
    }
    engine_->cancel(answer->first);
    answer = answers_.erase(answer);
  }
}

void ModelHost::deliver(const std::vector<generate::Event>& events) {
  for (const generate::Event& event : events) {
    const auto answer = answers_.find(event.id);
    if (answer == answers_.end()) continue;
    const Running heard = answer->second;
    if (event.finish == generate::FinishReason::kError) {
      drop(heard.ticket);
      heard.listener->failed(std::make_exception_ptr(*event.error));
      continue;
    }
    if (event.finish != generate::FinishReason::kNone) answers_.erase(answer);
    heard.listener->token(heard.index, event);
  }
  const std::lock_guard lock(mutex_);
  figures_.generated_tokens += events.size();
  ++figures_.steps;
}

/// After a throw an engine is not to be used again.
void ModelHost::fail_all(const std::exception_ptr& why) {
  std::map<uint64_t, std::shared_ptr<Listener>> listeners;
  for (const auto& [number, answer] : answers_) listeners[answer.ticket] = answer.listener;
  answers_.clear();
  engine_ = std::make_unique<generate::Engine>(decoder_, text_.tokenizer(), options_.engine);
  for (const auto& [ticket, listener] : listeners) listener->failed(why);
}

}  // namespace hone::serve
