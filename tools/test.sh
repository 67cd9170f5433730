#!/usr/bin/env bash
# Everything that must hold, in one run: `make test`.
#
#   release   the whole build and its tests: unit, property, parity, command line, end to end, fuzz corpora
#   asan      what needs no libtorch, with AddressSanitizer and UBSan: unit tests and fuzz corpora
#   tsan      the same unit tests under ThreadSanitizer
#   lint      format, clang-tidy (tools/lint.sh)
#
#   tools/test.sh [STAGE …]   only these stages
#
# Every stage runs even if one before it failed. The last line counts tests: "N passed, N failed";
# the exit status is 0 only if none failed. Logs lie in build/test/.
set -uo pipefail
cd "$(dirname "$0")/.."

stages=("$@")
[ ${#stages[@]} -gt 0 ] || stages=(release asan tsan lint)
jobs=${HONE_JOBS:-$(nproc)}
logs=build/test
mkdir -p "$logs"
passed=0
failed=0
failures=()

note() { printf 'test: %s\n' "$*"; }
pass() { passed=$((passed + 1)); }
fail() {
  failed=$((failed + 1))
  failures+=("$1")
}

# logged STAGE COMMAND …: output into the stage's log; on failure its end is shown.
logged() {
  local log=$logs/$1.log
  shift
  "$@" >>"$log" 2>&1 && return 0
  note "failed: $*  (whole output in $log)"
  tail -n 60 "$log"
  return 1
}

# run_ctest STAGE FOLDER [ctest options …]: counts each test by what ctest's JUnit file says.
run_ctest() {
  local stage=$1 folder=$2 report=$PWD/$logs/$1.xml log=$logs/$1.ctest.log status
  shift 2
  rm -f "$report"
  local runner=()
  [ "$stage" != tsan ] || runner=(${fixed_addresses[@]+"${fixed_addresses[@]}"})
  ${runner[@]+"${runner[@]}"} ctest --test-dir "$folder" --output-on-failure --no-tests=error -j "$jobs" --output-junit "$report" "$@" >"$log" 2>&1
  status=$?
  if [ ! -s "$report" ]; then
    note "$stage: ctest gave no report (whole output in $log)"
    tail -n 60 "$log"
    fail "$stage: ctest"
    return
  fi
  local name result
  while IFS=$'\t' read -r result name; do
    if [ "$result" = run ]; then pass; else fail "$stage: $name"; fi
  done < <(python3 tools/junit_results.py "$report")
  [ $status -eq 0 ] || sed -n '/The following tests FAILED/,$p;/\[  FAILED  \]/p;/: Failure$/,/^\[/p' "$log" | head -n 200
}

# build_and_test STAGE [cmake options …] -- [ctest options …]
build_and_test() {
  local stage=$1 configure=()
  shift
  while [ $# -gt 0 ] && [ "$1" != -- ]; do
    configure+=("$1")
    shift
  done
  shift
  : >"$logs/$stage.log"
  if logged "$stage" cmake --preset "$stage" "${configure[@]}" &&
    logged "$stage" cmake --build "build/$stage" -j "$jobs"; then
    run_ctest "$stage" "build/$stage" "$@"
  else
    fail "$stage: build"
  fi
}

# GCC 12's ThreadSanitizer cannot place its shadow memory where the kernel scatters mappings widely
# (vm.mmap_rnd_bits above 28), so its tests run without address randomisation where that can be had.
fixed_addresses=()
if setarch "$(uname -m)" -R true 2>/dev/null; then fixed_addresses=(setarch "$(uname -m)" -R); fi
export TSAN_OPTIONS="halt_on_error=1:second_deadlock_stack=1"
export ASAN_OPTIONS="detect_leaks=1:strict_string_checks=1:detect_stack_use_after_return=1"
export UBSAN_OPTIONS="print_stacktrace=1"

for stage in "${stages[@]}"; do
  begin=$SECONDS before=$failed
  note "$stage …"
  case $stage in
    release) build_and_test release -- ;;
    asan) build_and_test asan -DHONE_ENGINE=OFF -- -L 'unit|fuzz' ;;
    tsan) build_and_test tsan -DHONE_ENGINE=OFF -- -L unit ;;
    lint)
      : >"$logs/lint.log"
      if logged lint tools/lint.sh; then pass; else fail "lint"; fi
      ;;
    *)
      note "unknown stage \"$stage\"; known: release asan tsan lint"
      exit 2
      ;;
  esac
  note "$stage: $([ $failed -eq $before ] && echo "as it should be" || echo "$((failed - before)) failed"), $((SECONDS - begin)) s"
done

for name in ${failures[@]+"${failures[@]}"}; do note "FAILED $name"; done
echo "$passed passed, $failed failed"
[ $failed -eq 0 ] && [ $passed -gt 0 ]
