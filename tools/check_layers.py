"""The rules of the layers that a linker cannot see, checked over the #include lines of src/ and include/.

1. A layer includes only itself and layers to its left in ORDER.
2. A header of a layer without tensors includes no torch header, directly or through another header.
3. No header lets a heavy library through: nlohmann/json.hpp, CLI11, yaml-cpp, simdjson, PCRE2, Boost, OpenSSL, curl. One that says
   "For sources only" in its opening comment may, if indeed no header and no other layer includes it.
4. Every header that needs no torch compiles alone (with --compile; CXX names the compiler). One that did is not
   compiled again until it, or a header of the project that it reaches, changes: ${XDG_CACHE_HOME:-~/.cache}/hone/headers
   remembers it as an empty file.

    python3 tools/check_layers.py [--compile] [ROOT]
"""
import concurrent.futures
import hashlib
import os
import pathlib
import re
import subprocess
import sys
import time

ORDER = ["base", "data", "text", "metrics", "track", "recipe", "net", "store", "client", "tensor", "model",
         "exchange", "generate", "evaluate", "tune", "serve", "cli"]
FIRST_WITH_TENSORS = ORDER.index("tensor")
TORCH = re.compile(r"(ATen|torch|c10)/")
HEAVY = re.compile(r"(nlohmann/json\.hpp|CLI/|yaml-cpp/|simdjson|pcre2|boost/|openssl/|curl/)")
INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]', re.MULTILINE)
COMPILER = os.environ.get("CXX", "g++")
CACHE = pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache") / "hone" / "headers"
UNUSED_AFTER_SECONDS = 60 * 24 * 3600


def includes_of(root):
    """Path below src/ or include/ -> the names it includes."""
    found = {}
    for folder in ("src", "include"):
        for path in sorted((root / folder).rglob("*")):
            if path.suffix in (".h", ".cpp", ".inc", ".def", ".cu", ".cuh"):
                text = path.read_text(encoding="utf-8")
                found[path.relative_to(root / folder).as_posix()] = [name for _, name in INCLUDE.findall(text)]
    return found


def for_sources_only(root):
    return {path.relative_to(root / "src").as_posix() for path in (root / "src").rglob("*.h")
            if "For sources only" in path.read_text(encoding="utf-8").split("#pragma")[0]}


def reaches_torch(name, includes, seen):
    """The chain of includes by which a header reaches a torch header, or None."""
    seen.add(name)
    for other in includes.get(name, []):
        if TORCH.match(other):
            return [name, other]
        if other in includes and other not in seen:
            chain = reaches_torch(other, includes, seen)
            if chain:
                return [name] + chain
    return None


def check_includes(includes, for_sources_only):
    faults = []
    for name, others in includes.items():
        layer = name.split("/")[0]
        if layer != "hone" and layer not in ORDER:
            faults.append(f"src/{name}: layer \"{layer}\" has no place in the order of tools/check_layers.py")
            continue
        place = ORDER.index(layer) if layer in ORDER else len(ORDER)
        for other in others:
            target = other.split("/")[0]
            if other in includes and target in ORDER and ORDER.index(target) > place:
                faults.append(f"src/{name}: includes \"{other}\", but {target} stands to the right of {layer}")
            if other in for_sources_only and (name.endswith(".h") or target != layer):
                faults.append(f"src/{name}: includes \"{other}\", which is for sources of {target} only")
            if name.endswith(".h") and name not in for_sources_only and HEAVY.match(other):
                faults.append(f"src/{name}: a header must not include {other}; forward-declare or hide it behind Impl")
        if name.endswith(".h") and place < FIRST_WITH_TENSORS:
            chain = reaches_torch(name, includes, set())
            if chain:
                faults.append(f"src/{name}: reaches torch through " + " -> ".join(chain))
    return faults


def reached(name, includes, found):
    """Adds `name` and what it includes of the project, directly or not, to the set `found`."""
    if name in includes and name not in found:
        found.add(name)
        for other in includes[name]:
            reached(other, includes, found)
    return found


def check_alone(name, root, includes, compiler):
    # OpenMP, since a header may have its pragmas; the sources that include it are compiled with it.
    flags = ["-std=c++20", "-fopenmp", "-fsyntax-only", "-Wall", "-Wextra", "-Werror"]
    digest = hashlib.sha256(repr((compiler, flags, name)).encode())
    for path in sorted(reached(name, includes, set())):
        folder = "src" if (root / "src" / path).is_file() else "include"
        digest.update(f"{path}\0{(root / folder / path).read_text(encoding='utf-8')}\0".encode())
    remembered = CACHE / digest.hexdigest()[:40]
    if remembered.exists():
        remembered.touch()
        return None
    command = [COMPILER, *flags, f"-I{root / 'src'}", f"-I{root / 'include'}", "-x", "c++", "-"]
    result = subprocess.run(command, input=f'#include "{name}"\n#include "{name}"\n', text=True, capture_output=True)
    if result.returncode == 0:
        remembered.touch()
        return None
    return f"src/{name}: does not compile alone\n{result.stderr[:1500]}"


def check_compile(root, headers, includes):
    CACHE.mkdir(parents=True, exist_ok=True)
    compiler = subprocess.run([COMPILER, "--version"], capture_output=True, check=True).stdout
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        faults = list(pool.map(lambda name: check_alone(name, root, includes, compiler), headers))
    for old in CACHE.iterdir():
        if time.time() - old.stat().st_mtime > UNUSED_AFTER_SECONDS:
            old.unlink(missing_ok=True)
    return [fault for fault in faults if fault]


def main():
    arguments = [argument for argument in sys.argv[1:] if argument != "--compile"]
    root = pathlib.Path(arguments[0] if arguments else pathlib.Path(__file__).parent.parent).resolve()
    includes = includes_of(root)
    if not includes:
        sys.exit(f"{root}: no sources found")
    faults = check_includes(includes, for_sources_only(root))
    headers = [name for name in includes if name.endswith(".h") and not reaches_torch(name, includes, set())]
    if "--compile" in sys.argv:
        faults += check_compile(root, headers, includes)
    print("\n".join(faults + [f"{len(includes)} files, {len(headers)} headers without torch, {len(faults)} faults"]))
    sys.exit(1 if faults else 0)


if __name__ == "__main__":
    main()
