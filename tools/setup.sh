#!/usr/bin/env bash
# Makes this machine ready to build (and, with `oracles`, to test) hone.
#
#   tools/setup.sh build      distribution packages + the torch wheel that hone links to
#   tools/setup.sh oracles    the above + the Python environments of reference libraries and of clients
#
# Safe to run again and to interrupt: a part that is there is skipped without a look at the network, an
# environment that was left half made is made anew. Environments lie in ${XDG_CACHE_HOME:-~/.cache}/hone,
# keyed by a hash of what defines them, so that every clone on a machine shares them.
# HONE_PYTHON chooses the interpreter, HONE_TORCH_DIR an existing torch folder to link instead.
# Root is wanted only where packages are missing.
set -euo pipefail
cd "$(dirname "$0")/.."

want=${1:-build}
case $want in
  build | oracles) ;;
  *)
    echo "setup: unknown part \"$want\"; known: build oracles" >&2
    exit 2
    ;;
esac
cache=${XDG_CACHE_HOME:-$HOME/.cache}/hone
requirements=tools/requirements
say() { printf 'setup: %s\n' "$*" >&2; }
fail() { printf 'setup: %s\n' "$*" >&2; exit 1; }

install_packages() {
  local wanted missing=() p
  mapfile -t wanted < <(sed '/^#/d;/^$/d' $requirements/packages.txt)
  command -v dpkg-query >/dev/null || {
    say "not a Debian or Ubuntu machine: install the equivalents of $requirements/packages.txt yourself"
    return
  }
  for p in "${wanted[@]}"; do
    dpkg-query -W -f='${Status}' "$p" 2>/dev/null | grep -q 'ok installed' || missing+=("$p")
  done
  [ ${#missing[@]} -eq 0 ] && return
  say "installing distribution packages: ${missing[*]}"
  local root=()
  if [ "$(id -u)" != 0 ]; then
    command -v sudo >/dev/null || fail "that needs root, and there is no sudo; as root: apt-get install ${missing[*]}"
    root=(sudo)
  fi
  {
    "${root[@]}" apt-get update -qq &&
      "${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}"
  } >build/packages.log 2>&1 || {
    tail -n 20 build/packages.log >&2
    fail "the packages could not be installed (whole output in build/packages.log)"
  }
}

find_python() {
  local candidates=(/usr/bin/python3 python3) candidate
  [ -z "${HONE_PYTHON:-}" ] || candidates=("$HONE_PYTHON")
  for candidate in "${candidates[@]}"; do
    if "$candidate" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 10))' 2>/dev/null; then
      command -v "$candidate"
      return
    fi
  done
  fail "${candidates[*]}: no Python 3.10 or newer with venv; set HONE_PYTHON to one"
}

# make_environment NAME SIZE [pip options …]: a virtual environment from $requirements/NAME.txt.
# The file `ready` comes last and says that it is whole.
make_environment() {
  local name=$1 size=$2 key target
  shift 2
  key=$( (cat "$requirements/$name.txt"; "$python" -VV; uname -m) | sha256sum | cut -c1-16)
  target=$cache/python/$name-$key
  if [ ! -e "$target/ready" ]; then
    say "making the Python environment '$name' in $target (once; downloads $size)"
    mkdir -p "$cache/python"
    exec 9>"$cache/python/$name.lock"
    flock 9
    if [ ! -e "$target/ready" ]; then
      rm -rf "$target"
      "$python" -m venv "$target"
      "$target/bin/python" -m pip install --quiet --disable-pip-version-check "$@" \
        -r "$requirements/$name.txt" >&2
      touch "$target/ready"
    fi
    exec 9>&-
  fi
  ln -sfn "$target" "build/python-$name"
}

mkdir -p build
install_packages
python=$(find_python)
if [ -n "${HONE_TORCH_DIR:-}" ]; then
  [ -e "$HONE_TORCH_DIR/lib/libtorch_cpu.so" ] || fail "HONE_TORCH_DIR=$HONE_TORCH_DIR has no lib/libtorch_cpu.so"
  say "linking the torch in $HONE_TORCH_DIR"
else
  make_environment engine "about 0.6 GB" --no-deps
fi
if [ "$want" = oracles ]; then
  make_environment oracles "about 3 GB"
  make_environment clients "60 MB"
  make_environment clients_legacy "10 MB"
  make_environment web "50 MB"
fi
say "ready"
