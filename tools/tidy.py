"""Runs clang-tidy over the sources below src/ that a build folder knows, side by side.

    python3 tools/tidy.py BUILD_FOLDER

A source that was found clean is not looked at again until it, a header of the project that it reaches, its
compiler flags, .clang-tidy or clang-tidy itself changes. What was found clean is remembered as empty files
in ${XDG_CACHE_HOME:-~/.cache}/hone/tidy, outside the clone.
"""
import concurrent.futures
import hashlib
import json
import os
import pathlib
import re
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
CACHE = pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache") / "hone" / "tidy"
INCLUDE = re.compile(r'^\s*#\s*include\s*"([^"]+)"', re.MULTILINE)
UNUSED_AFTER_SECONDS = 60 * 24 * 3600


def reached(path, found):
    """Adds every file of the project that `path` includes, directly or not, to `found` (path -> text)."""
    found[path] = path.read_text(encoding="utf-8")
    for name in INCLUDE.findall(found[path]):
        for candidate in (ROOT / "src" / name, ROOT / "include" / name, path.parent / name):
            if candidate.is_file():
                if candidate not in found:
                    reached(candidate, found)
                break
    return found


def key_of(entry, common):
    digest = hashlib.sha256(common)
    # A clone elsewhere has other absolute paths and the same findings.
    digest.update(entry["command"].replace(entry["directory"], "").replace(str(ROOT), "").encode())
    for path, text in sorted(reached(pathlib.Path(entry["file"]), {}).items()):
        digest.update(f"{path.relative_to(ROOT)}\0{text}\0".encode())
    return CACHE / digest.hexdigest()[:40]


def tidy(entry, folder, common):
    """"" when clean, what clang-tidy says otherwise."""
    key = key_of(entry, common)
    if key.exists():
        key.touch()
        return ""
    result = subprocess.run(["clang-tidy", "--quiet", "-p", folder, entry["file"]], capture_output=True, text=True)
    if result.returncode == 0:
        key.touch()
        return ""
    return result.stdout or result.stderr


def main():
    folder = sys.argv[1]
    CACHE.mkdir(parents=True, exist_ok=True)
    version = subprocess.run(["clang-tidy", "--version"], capture_output=True, check=True).stdout
    common = version + (ROOT / ".clang-tidy").read_bytes()
    entries = json.loads((pathlib.Path(folder) / "compile_commands.json").read_text())
    entries = [entry for entry in entries if entry["file"].startswith(f"{ROOT}/src/")]
    if not entries:
        sys.exit(f"tidy: {folder}/compile_commands.json names no source below src/")
    faulty = 0
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for entry, report in zip(entries, pool.map(lambda e: tidy(e, folder, common), entries)):
            if report:
                faulty += 1
                print(f"tidy: {os.path.relpath(entry['file'], ROOT)}\n{report}")
    for old in CACHE.iterdir():
        if time.time() - old.stat().st_mtime > UNUSED_AFTER_SECONDS:
            old.unlink(missing_ok=True)
    print(f"tidy: {len(entries)} sources, {faulty} with findings")
    sys.exit(1 if faulty else 0)


if __name__ == "__main__":
    main()
