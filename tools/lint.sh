#!/usr/bin/env bash
# Checks the form of the sources: clang-format on all of them, clang-tidy on those that need no libtorch.
#
#   tools/lint.sh [--format-only] [--fix]    --fix reformats in place and leaves clang-tidy out
#
# A file that clang-tidy found clean is not looked at again until it, a header of the project, .clang-tidy or
# the version of clang-tidy changes; what was found clean is remembered in ${XDG_CACHE_HOME:-~/.cache}/hone/tidy.
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
  fi | grep -E '\.(cpp|h)$' | while read -r file; do [ ! -f "$file" ] || echo "$file"; done | sort -u
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

# clang-tidy wants the commands of a build without the engine, whose sources clang 14 could not read anyway:
# the torch headers are warnings from end to end.
database=build/lint
cmake -S . -B $database -G Ninja -DHONE_ENGINE=OFF -DCMAKE_BUILD_TYPE=Debug >$database.log 2>&1 || {
  cat $database.log
  exit 1
}
cache=${XDG_CACHE_HOME:-$HOME/.cache}/hone/tidy
mkdir -p "$cache"
mapfile -t plain < <(python3 - <<'PY'
import json, os
root = os.getcwd()
files = {entry["file"] for entry in json.load(open("build/lint/compile_commands.json"))}
print("\n".join(sorted(os.path.relpath(f, root) for f in files if f.startswith(root + "/src/"))))
PY
)
headers=$(sources src include | grep '\.h$' | xargs cat | sha256sum)
version=$(clang-tidy --version | sha256sum)

tidy_one() {
  local key
  key=$( (cat .clang-tidy "$1"; echo "$headers $version $1") | sha256sum | cut -c1-32)
  [ ! -e "$cache/$key" ] || return 0
  if clang-tidy --quiet -p build/lint "$1" 2>/dev/null; then
    : >"$cache/$key"
  else
    echo "lint: $1" >&2
    return 1
  fi
}
export -f tidy_one
export headers version cache
printf '%s\0' "${plain[@]}" | xargs -0 -n 1 -P "$(nproc)" bash -c 'tidy_one "$1"' tidy || status=1
# What was not asked for in two months is not worth its inode.
find "$cache" -type f -mtime +60 -delete
exit $status
