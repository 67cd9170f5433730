#!/usr/bin/env bash
# Runs every fuzz target (tests/fuzz) with libFuzzer from its committed corpus: `make fuzz`.
#
#   tools/fuzz.sh [SECONDS [TARGET …]]     SECONDS for each target, 10 unless told; TARGET as in jsonl
#
# What is found on the way stays in build/fuzz/found/TARGET and is where the next run goes on. An input
# that breaks something is kept in build/fuzz/broken/TARGET-*; cut down, it belongs into tests/fuzz/corpus/.
set -euo pipefail
cd "$(dirname "$0")/.."

seconds=${1:-10}
[[ $seconds =~ ^[0-9]+$ ]] || {
  echo "fuzz: \"$seconds\" is not a number of seconds" >&2
  exit 2
}
[ $# -eq 0 ] || shift
targets=("$@")
if [ ${#targets[@]} -eq 0 ]; then
  for source in tests/fuzz/*_fuzz.cpp; do targets+=("$(basename "$source" _fuzz.cpp)"); done
fi

mkdir -p build/fuzz/broken
cmake --preset fuzz >build/fuzz/configure.log 2>&1 || {
  cat build/fuzz/configure.log
  exit 1
}
cmake --build --preset fuzz -- --quiet

failed=0
for target in "${targets[@]}"; do
  [ -x "build/fuzz/tests/fuzz/${target}_fuzz" ] || {
    echo "fuzz: there is no target \"$target\"" >&2
    exit 2
  }
  mkdir -p "build/fuzz/found/$target"
  log=build/fuzz/$target.log
  # 4 GiB and 10 s for one input are limits that no honest input of libFuzzer's sizes comes near.
  if "build/fuzz/tests/fuzz/${target}_fuzz" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=4096 \
    -artifact_prefix="build/fuzz/broken/$target-" "build/fuzz/found/$target" "tests/fuzz/corpus/$target" >"$log" 2>&1; then
    printf 'fuzz: %-20s %s\n' "$target" "$(grep -E '^Done [0-9]+ runs' "$log")"
  else
    failed=$((failed + 1))
    tail -n 40 "$log"
    printf 'fuzz: %-20s FAILED (whole output in %s)\n' "$target" "$log"
  fi
done
echo "fuzz: ${#targets[@]} targets, $failed failed"
[ $failed -eq 0 ]
