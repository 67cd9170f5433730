#!/usr/bin/env bash
# Measures hone against the reference libraries, in turn on the same inputs: `make bench`.
#
#   tools/bench.sh [NAME …]     only these of bench/NAME.py; each leaves its table in bench/results/
set -euo pipefail
cd "$(dirname "$0")/.."

export HONE=$PWD/build/release/hone
python=build/python-oracles/bin/python
for needed in "$HONE" "$python"; do
  [ -x "$needed" ] || {
    echo "bench: $needed is missing; make build oracles makes it" >&2
    exit 1
  }
done

names=("$@")
if [ ${#names[@]} -eq 0 ]; then
  for script in bench/*.py; do names+=("$(basename "$script" .py)"); done
fi
for name in "${names[@]}"; do
  echo "bench: $name"
  case $name in
    metrics) $python bench/metrics.py "$HONE" bench/results/metrics.md ;;
    train_lora) $python bench/train_lora.py --write ;;
    *)
      [ -f "bench/$name.py" ] || {
        echo "bench: there is no bench/$name.py" >&2
        exit 2
      }
      $python "bench/$name.py"
      ;;
  esac
done
