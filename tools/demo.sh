#!/usr/bin/env bash
# make demo: the main job of hone on real input, from a folder of text to a model that learned it.
# Can be interrupted and run again: training goes on from its last checkpoint.
set -euo pipefail
cd "$(dirname "$0")/.."
hone=${HONE:-build/release/hone}
out=runs/demo
test_rows=${HONE_DEMO_TEST_ROWS:-200}

if [ -t 1 ]; then bold=$'\e[1m' plain=$'\e[0m'; else bold='' plain=''; fi
step() { printf '\n%s── %s%s\n' "$bold" "$1" "$plain"; }
run() { printf '%s$ %s%s\n' "$bold" "$*" "$plain"; "$hone" "${@:2}"; }

mkdir -p $out
step "1. Check the data: 7,000 real questions and answers, Korean and English"
run hone data check demo/data/instructions.jsonl --show 2
step "2. Split it so that no question is on both sides"
run hone data split demo/data/instructions.jsonl --validation 0.05 --test 0.05 --seed 42 --output $out/data
step "3. What is trained: the answer and its end-of-turn token, nothing else"
run hone data show $out/data/train.jsonl --tokenizer demo/base --row 1
step "4. Measure the base model on the test set"
run hone evaluate --model demo/base --data $out/data/test.jsonl --metrics loss,perplexity,accuracy
if [ -e $out/adapter/adapter_model.safetensors ]; then
  step "5. Fine-tune: done before, the adapter is in $out/adapter (remove $out to start anew)"
else
  step "5. Fine-tune with LoRA"
  run hone train demo/finetune.yaml --resume
fi
step "6. Before and after, on the same held-out questions"
run hone compare --data $out/data/test.jsonl --model base=demo/base --model tuned=demo/base+$out/adapter \
  --limit "$test_rows" --max-new-tokens 96 --samples 4 --output $out/comparison.json
step "7. Merge the adapter into a model of its own"
run hone merge --model demo/base --adapter $out/adapter --output $out/model
cat <<TEXT

The tuned model is in $out/model; the comparison is also in $out/comparison.json. Next:
  $hone chat --model $out/model                          talk to it (it is tiny: see the README on what it can do)
  tensorboard --logdir $out/adapter                      the curves (build/python-oracles/bin/tensorboard after make oracles)
  $hone train YOUR.yaml                                  your own data: start from demo/finetune.yaml
TEXT
