// What is learned from an example: the sequences it becomes, and the loss of a micro-batch of them. One file and one
// line in objectives.def each; the trainer knows none of them by name.
#pragma once
#include <functional>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "base/registry.h"
#include "model/decoder.h"
#include "recipe/train_config.h"
#include "text/chat_encoding.h"
#include "tune/dataset.h"

namespace hone::tune {

/// Sums over the units that a loss is a mean of: trained tokens, pairs. Divided by their number they are a log line.
struct Figures {
  double loss = 0;
  int64_t units = 0;
  std::map<std::string, double> others;  ///< by the name they are logged under

  void add(const Figures& more);
  /// loss and the others, each divided by `units`.
  std::vector<std::pair<std::string, double>> means() const;
};

struct LossRequest {
  const Examples& examples;
  std::span<const uint32_t> sequences;  ///< of `examples`; the sequences of one piece of data stand together
  model::StepContext context;
  double scale = 1;   ///< 1 / units of the whole optimiser step
  int64_t step = -1;  ///< optimiser steps done before this one; -1: not a part of training
};

struct MicroLoss {
  Tensor loss;  ///< scalar, differentiable: scale · Σ loss of each unit
  Figures figures;
};

class Objective {
 public:
  virtual ~Objective() = default;
  /// Called once before training, while the weights are those that a run from its beginning starts from: `sets` are
  /// all that loss() and evaluate() will be asked about. `note` tells a person something.
  virtual void prepare(const std::vector<const Examples*>& sets, const std::function<void(const std::string&)>& note);
  /// Bytes of weights that are kept beside those of the model while it is trained.
  virtual int64_t reference_bytes() const { return 0; }
  /// How many units these sequences are.
  virtual int64_t units(const Examples& examples, std::span<const uint32_t> sequences) const = 0;
  virtual MicroLoss loss(const LossRequest& request) = 0;
  /// The figures of a whole set without gradients, the loss first; they are logged with eval_ in front. `rows`: how
  /// many pieces of data at a time.
  virtual std::vector<std::pair<std::string, double>> evaluate(const Examples& examples, int64_t rows) = 0;
};

/// What an objective is made from; each takes what it needs. Both outlive it, and the method is attached.
struct ObjectiveContext {
  model::Decoder& decoder;
  const recipe::TrainConfig& config;
  bool show_progress = false;
};

struct ObjectiveKind {
  /// From an example to its sequences: ids and the mask of what carries loss.
  std::vector<text::EncodedExample> (*encode)(const text::ChatEncoder& encoder, const data::Example& example);
  std::unique_ptr<Objective> (*make)(const ObjectiveContext& context);
  bool needs_chat_template = false;
  std::vector<std::string> branches = {""};  ///< a name for each sequence of one example, as encode() gives them
};

const Registry<ObjectiveKind>& objectives();

}  // namespace hone::tune
