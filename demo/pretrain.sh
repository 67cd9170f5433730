#!/usr/bin/env bash
# Makes demo/base from nothing but demo/data/pretrain: tokenizer, random model, pre-training, storing in bfloat16.
# About half an hour on two free cores; interrupted, run it again and it goes on.
set -euo pipefail
cd "$(dirname "$0")/.."
hone=${HONE:-build/release/hone}
if [ ! -e runs/base/start/config.json ]; then
  "$hone" tokenizer train --files demo/data/pretrain/*.jsonl --vocab-size 5120 --output runs/base/tokenizer
  "$hone" model new --config demo/base.config.json --tokenizer runs/base/tokenizer --output runs/base/start
fi
"$hone" train demo/pretrain.yaml --resume "$@"
"$hone" model convert --model runs/base/run --dtype bfloat16 --output demo/base
cp runs/base/run/metrics.jsonl demo/base/pretraining.jsonl
