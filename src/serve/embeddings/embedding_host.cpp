#include "serve/embeddings/embedding_host.h"

#include <ATen/core/grad_mode.h>

#include <algorithm>
#include <span>

#include "serve/api_error.h"

namespace hone::serve {
namespace {

EmbeddingOptions named(EmbeddingOptions options) {
  if (options.name.empty()) options.name = std::filesystem::weakly_canonical(options.folder).filename().string();
  return options;
}

}  // namespace

EmbeddingHost::EmbeddingHost(EmbeddingOptions options)
    : options_(named(std::move(options))),
      tokenizer_(text::Tokenizer::load(options_.folder)),
      encoder_(model::Encoder::load(options_.folder, {})),
      thread_([this] { work(); }) {}

EmbeddingHost::~EmbeddingHost() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

std::shared_ptr<std::atomic<bool>> EmbeddingHost::submit(Sequences sequences, Done done) {
  auto gone = std::make_shared<std::atomic<bool>>(false);
  {
    const std::lock_guard lock(mutex_);
    if (waiting_.size() >= options_.max_waiting) refuse_busy();
    waiting_.push_back({std::move(sequences), std::move(done), gone});
  }
  changed_.notify_all();
  return gone;
}

void EmbeddingHost::work() {
  for (;;) {
    Request request;
    {
      std::unique_lock lock(mutex_);
      changed_.wait(lock, [this] { return stopping_ || !waiting_.empty(); });
      if (waiting_.empty()) return;
      request = std::move(waiting_.front());
      waiting_.pop_front();
    }
    answer(request);
  }
}

void EmbeddingHost::answer(const Request& request) {
  std::vector<std::vector<float>> vectors;
  try {
    vectors = embed(request);
  } catch (...) {
    return request.done({}, std::current_exception());
  }
  if (!*request.gone) request.done(std::move(vectors), nullptr);
}

std::vector<std::vector<float>> EmbeddingHost::embed(const Request& request) {
  const at::NoGradGuard no_grad;
  std::vector<std::vector<float>> vectors;
  const Sequences& all = request.sequences;
  for (size_t first = 0; first < all.size() && !*request.gone; first += options_.batch) {
    if (stopping_) throw shutting_down();
    const size_t end = std::min(all.size(), first + options_.batch);
    const std::vector<std::span<const int32_t>> texts(all.begin() + static_cast<ptrdiff_t>(first),
                                                      all.begin() + static_cast<ptrdiff_t>(end));
    const Tensor batch = encoder_->embed(model::pack(texts, encoder_->options().device)).cpu().contiguous();
    const auto* values = batch.const_data_ptr<float>();
    for (int64_t row = 0; row < batch.size(0); ++row, values += batch.size(1)) {
      vectors.emplace_back(values, values + batch.size(1));
    }
  }
  return vectors;
}

}  // namespace hone::serve
