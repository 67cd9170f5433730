#!/usr/bin/env bash
# The stages of testing: `make test` runs every one, `make test-release` the first.
#
#   release   the whole build and its tests: unit, property, parity, command line, end to end, fuzz corpora
#   asan      unit tests and fuzz corpora with AddressSanitizer and UBSan
#   tsan      what several threads may use at once, under ThreadSanitizer
#   lint      format, clang-tidy (tools/lint.sh)
#
#   tools/test.sh [STAGE …]   these stages; all of them without any
#
# Every stage runs even if one before it failed. The end is a table of what ran and one line,
# "N passed, N failed" (and ", N skipped" if any); the exit status is 0 only if none failed.
# Logs lie in build/test/. HONE_JOBS is how much runs side by side, the number of processors by default.
set -uo pipefail
cd "$(dirname "$0")/.."

stages=("$@")
[ ${#stages[@]} -gt 0 ] || stages=(release asan tsan lint)
for stage in "${stages[@]}"; do
  case $stage in
    release | asan | tsan | lint) ;;
    *)
      echo "test: unknown stage \"$stage\"; known: release asan tsan lint" >&2
      exit 2
      ;;
  esac
done
jobs=${HONE_JOBS:-$(nproc)}
logs=build/test
results=$logs/results.tsv
mkdir -p "$logs"
: >"$results"

note() { printf 'test: %s\n' "$*"; }
# record STAGE SUITE RESULT SECONDS NAME: a line of tools/test_results.py
record() { printf '%s\t%s\t%s\t%s\t%s\n' "$@" >>"$results"; }

# step STAGE SUITE COMMAND …: output into the stage's log; on failure its end is shown.
step() {
  local stage=$1 suite=$2 log=$logs/$1.log begin=$SECONDS status=0
  shift 2
  "$@" >>"$log" 2>&1 || status=$?
  record "$stage" "$suite" time $((SECONDS - begin)) ""
  [ $status -eq 0 ] && return
  record "$stage" "$suite" failed 0 "$*"
  note "failed: $*  (whole output in $log)"
  tail -n 60 "$log"
  return $status
}

# run_ctest STAGE [ctest options …]
run_ctest() {
  local stage=$1 folder=build/$1 report=$PWD/$logs/$1.xml log=$logs/$1.ctest.log runner=()
  shift
  rm -rf "$report" "$folder/reports"
  [ "$stage" != tsan ] || runner=(${fixed_addresses[@]+"${fixed_addresses[@]}"})
  ${runner[@]+"${runner[@]}"} ctest --test-dir "$folder" --output-on-failure --no-tests=error -j "$jobs" \
    --output-junit "$report" "$@" >"$log" 2>&1
  if [ ! -s "$report" ]; then
    note "$stage: ctest gave no report (whole output in $log)"
    tail -n 60 "$log"
    record "$stage" ctest failed 0 ctest
    return
  fi
  python3 tools/test_results.py collect "$stage" "$folder" "$report" "$results" ||
    record "$stage" ctest failed 0 "reading $report"
}

# build STAGE TARGET [cmake options …]
build() {
  local stage=$1 target=$2
  shift 2
  : >"$logs/$stage.log"
  step "$stage" build cmake --preset "$stage" "$@" &&
    step "$stage" build cmake --build "build/$stage" -j "$jobs" --target "$target"
}

# GCC 12's ThreadSanitizer cannot place its shadow memory where the kernel scatters mappings widely
# (vm.mmap_rnd_bits above 28), so its tests run without address randomisation where that can be had.
fixed_addresses=()
if setarch "$(uname -m)" -R true 2>/dev/null; then fixed_addresses=(setarch "$(uname -m)" -R); fi
export TSAN_OPTIONS="halt_on_error=1:second_deadlock_stack=1"
export ASAN_OPTIONS="detect_leaks=1:strict_string_checks=1:detect_stack_use_after_return=1"
export UBSAN_OPTIONS="print_stacktrace=1"

for stage in "${stages[@]}"; do
  begin=$SECONDS
  note "$stage …"
  case $stage in
    release) build release all && run_ctest release ;;
    asan) build asan unit_tests && run_ctest asan -L 'unit|fuzz' ;;
    tsan) build tsan thread_tests -DHONE_ENGINE=OFF && run_ctest tsan -L threads ;;
    lint)
      : >"$logs/lint.log"
      step lint lint tools/lint.sh && record lint lint passed 0 "form of the sources"
      ;;
  esac
  note "$stage: $((SECONDS - begin)) s"
done

echo
python3 tools/test_results.py summary "$results"
