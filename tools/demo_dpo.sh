#!/usr/bin/env bash
# make demo-dpo: a short supervised tuning of the demo's base model, then DPO on pairs made from the same questions.
# Can be interrupted and run again: training goes on from its last checkpoint.
set -euo pipefail
cd "$(dirname "$0")/.."
hone=${HONE:-build/release/hone}
out=runs/demo-dpo

if [ -t 1 ]; then bold=$'\e[1m' plain=$'\e[0m'; else bold='' plain=''; fi
step() { printf '\n%s── %s%s\n' "$bold" "$1" "$plain"; }
run() { printf '%s$ %s%s\n' "$bold" "$*" "$plain"; "$hone" "${@:2}"; }

mkdir -p $out
step "1. Pairs: the answer in the data, and one that is made (an answer to another question, or its own first words repeated)"
python3 tools/demo_pairs.py demo/data/instructions.jsonl --output $out/data
step "2. Check them: both answers, and that they follow one prompt"
run hone data check $out/data/train.jsonl --tokenizer demo/base --show 2
run hone data show $out/data/held-out.jsonl --tokenizer demo/base --row 3
step "3. Supervised tuning on the chosen answers, one pass"
if [ -e $out/sft/adapter_model.safetensors ]; then
  echo "done before, the adapter is in $out/sft (remove $out to start anew)"
else
  run hone train demo/finetune.yaml data.train=$out/data/chosen.jsonl data.validation=null training.load_best_model_at_end=false \
    training.num_train_epochs=1 training.output_dir=$out/sft --resume
fi
step "4. DPO goes on from that adapter, which is its reference"
if [ -e $out/adapter/adapter_model.safetensors ]; then
  echo "done before, the adapter is in $out/adapter"
else
  run hone train demo/preferences.yaml --resume
fi
step "5. Held-out pairs, whose prompts training has not seen"
python3 - $out/adapter/metrics.jsonl <<'PYTHON'
import json
import sys

lines = [json.loads(line) for line in open(sys.argv[1], encoding="utf-8")]
evaluations = [line for line in lines if "eval_rewards/margins" in line]
print(f"{'step':>5} {'loss':>8} {'margin':>8} {'accuracy':>9} {'logp chosen':>12} {'logp rejected':>14}")
for line in evaluations:
    print(f"{line['step']:>5} {line['eval_loss']:>8.4f} {line['eval_rewards/margins']:>8.3f} {line['eval_rewards/accuracies']:>9.1%} "
          f"{line['eval_logps/chosen']:>12.1f} {line['eval_logps/rejected']:>14.1f}")
first, last = evaluations[0], evaluations[-1]
grew = last["eval_rewards/margins"] > max(0, first["eval_rewards/margins"]) and last["eval_rewards/accuracies"] > 0.5
print("margin and accuracy grew" if grew else "margin and accuracy did not grow: this is a fault, please report it")
sys.exit(0 if grew else 1)
PYTHON
cat <<TEXT

The rejected answers are made, not judged by people: this shows that the machinery works, not that the model is better liked.
  $hone chat --model demo/base --adapter $out/adapter     talk to it (it is tiny: see the README on what it can do)
  docs/preferences.md                                      what the figures mean, and pairs of your own
TEXT
