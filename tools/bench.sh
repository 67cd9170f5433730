#!/usr/bin/env bash
# Runs every measurement of bench/*.py against the reference libraries: `make bench`.
#
#   tools/bench.sh [NAME …]     only these, e.g. metrics; each writes bench/results/NAME.md
set -euo pipefail
cd "$(dirname "$0")/.."

names=("$@")
if [ ${#names[@]} -eq 0 ]; then
  for script in bench/*.py; do names+=("$(basename "$script" .py)"); done
fi
for name in "${names[@]}"; do
  [ -f "bench/$name.py" ] || {
    echo "bench: there is no bench/$name.py" >&2
    exit 2
  }
  echo "bench: $name"
  build/python-oracles/bin/python "bench/$name.py" build/release/hone "bench/results/$name.md"
done
