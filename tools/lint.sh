#!/usr/bin/env bash
# Checks the form of the sources: clang-format on all of them, clang-tidy on those below src/.
#
#   tools/lint.sh [--format-only] [--fix]    --fix reformats in place and leaves clang-tidy out
set -euo pipefail
cd "$(dirname "$0")/.."

format_only=0 fix=0
for argument in "$@"; do
  case $argument in
    --format-only) format_only=1 ;;
    --fix) fix=1 ;;
    *)
      echo "lint: unknown option \"$argument\"; known: --format-only --fix" >&2
      exit 2
      ;;
  esac
done

# Where the sources are a clone, only files that belong to it count; unpacked from an archive, all do.
sources() {
  if git rev-parse --is-inside-work-tree >/dev/null 2>&1; then
    git ls-files --cached --others --exclude-standard -- "$@"
  else
    find src tests bench include -type f
  fi | grep -E '\.(cpp|h|cxx|cu|cuh)$' | while read -r file; do [ ! -f "$file" ] || echo "$file"; done | sort -u
}

mapfile -t all < <(sources src tests bench include)
if [ $fix = 1 ]; then
  clang-format -i "${all[@]}"
  exit 0
fi

status=0
printf '%s\0' "${all[@]}" | xargs -0 -n 20 -P "$(nproc)" clang-format --dry-run -Werror || {
  echo "lint: tools/lint.sh --fix reformats them" >&2
  status=1
}
[ $format_only = 0 ] || exit $status

# clang-tidy wants the commands of a build, not the build; those of nvcc it does not understand.
database=build/lint
mkdir -p build
cmake -S . -B $database -G Ninja -DHONE_CUDA=OFF >$database.log 2>&1 || {
  cat $database.log
  exit 1
}
python3 tools/tidy.py $database || status=1
exit $status
