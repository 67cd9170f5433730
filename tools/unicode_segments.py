#!/usr/bin/env python3
"""Asks the reference tokenizer library where it cuts text, and writes what it says as tables.

    python tools/unicode_segments.py clusters > src/text/graphemes.inc
    python tools/unicode_segments.py scripts > src/text/tokenizers/pre_tokenizers/unicode_scripts.inc

clusters: code points that join others to a grapheme cluster other than utf8proc has it, and a code point that
behaves there as they do here. The library shows clusters only where a character map replaces them, and these
are of five bytes at most. scripts: all code points by script; the scripts are numbers, 0 is none.
"""
import ctypes
import json
import pathlib
import sys

from tokenizers import Tokenizer, models, pre_tokenizers
import tokenizers

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests" / "parity"))

from charsmap import charsmap  # noqa: E402
from unicode_exceptions import CODE_POINTS, UTF8PROC, ranges, table  # noqa: E402

EXTEND, PREPEND, CONTROL, OTHER = 0x300, 0x600, 0x01, 0x61


def mapped(table):
    document = json.loads(Tokenizer(models.WordLevel({"a": 0}, unk_token="a")).to_str())
    document["normalizer"] = {"type": "Precompiled", "precompiled_charsmap": charsmap(table)}
    return Tokenizer.from_str(json.dumps(document)).normalizer


def joins_in_utf8proc(first, second):
    state = ctypes.c_int32(0)
    UTF8PROC.utf8proc_grapheme_break_stateful.restype = ctypes.c_bool
    return not UTF8PROC.utf8proc_grapheme_break_stateful(first, second, ctypes.byref(state))


def clusters():
    # What begins with one of these bytes becomes X, with all that belongs to its cluster.
    any_first = mapped({bytes([b]): b"X" for b in [*range(1, 128), *range(0xC2, 0xF5)]})
    joins = lambda first, second: any_first.normalize_str(chr(first) + chr(second)) == "X"
    result = {}
    for code in CODE_POINTS[1:]:
        pairs = [(OTHER, code), (code, OTHER)] + ([(code, EXTEND)] if code < 0x10000 else [])
        if all(joins(*pair) == joins_in_utf8proc(*pair) for pair in pairs):
            continue
        result[code] = (EXTEND if joins(OTHER, code) else PREPEND if joins(code, OTHER)
                        else CONTROL if code < 0x10000 and not joins(code, EXTEND) else OTHER)
        like = result[code]
        assert all(joins(*p) == joins_in_utf8proc(*(like if c == code else c for c in p)) for p in pairs), hex(code)
    print("inline constexpr StandIn kStandIns[] = {")
    rows = [(first, last, like) for like in (EXTEND, PREPEND, CONTROL, OTHER)
            for first, last in ranges(c for c, l in result.items() if l == like)]
    for first, last, like in sorted(rows) or [(0x110000, 0x110000, OTHER)]:
        print(f"    {{0x{first:04X}, 0x{last:04X}, 0x{like:04X}}},")
    print("};\n")
    conjuncts(any_first)


def conjuncts(any_first):
    """Rule GB9c, which utf8proc 2.8 does not know. A consonant of three bytes and an accent are a cluster of five
    bytes, and become one X, unless the cluster began before them."""
    ka, virama, acute = 0x915, 0x94D, 0x301

    def hangs_together(*codes):
        return len(any_first.normalize_str("".join(map(chr, codes)))) == len(codes)

    assert hangs_together(ka, virama, ka, acute) and not hangs_together(ka, ka, acute)
    three_bytes = [c for c in CODE_POINTS if 0x800 <= c < 0x10000]
    joining = {c for c in CODE_POINTS if c > 0x7F and any_first.normalize_str("a" + chr(c)) == "X"}
    consonants = [c for c in three_bytes if c not in joining and hangs_together(ka, virama, c, acute)
                  and not hangs_together(c, acute)]
    linkers = [c for c in sorted(joining) if hangs_together(ka, c, ka, acute)]
    extend = [c for c in sorted(joining) if c not in linkers and hangs_together(ka, c, virama, ka, acute)]
    table("kConjunctConsonants", "Consonants that a linker joins to the one before (InCB=Consonant).", ranges(consonants))
    table("kConjunctLinkers", "InCB=Linker.", ranges(linkers))
    table("kNotInConjuncts", "Characters that join what stands before them, but end a conjunct (not InCB=Extend).",
          ranges(joining - set(extend) - set(linkers)))


def scripts():
    cut = pre_tokenizers.UnicodeScripts()
    pieces = lambda text: [piece for piece, _ in cut.pre_tokenize_str(text)]
    known = []  # a code point of each script

    def script_of(code):
        if not pieces(chr(code)):
            return 0
        for number, other in enumerate(known):
            if len(pieces(chr(other) + chr(code))) == 1:
                return number + 1
        known.append(code)
        return len(known)

    rows = []
    for code in CODE_POINTS:
        # Quick where the code point before is of the same script: it makes no piece of its own behind it.
        last = rows[-1] if rows and rows[-1][1] == code - 1 else None
        if last and last[2] and pieces(chr(code)) and len(pieces(chr(code - 1) + chr(code))) == 1:
            last[1] = code
        elif script := script_of(code):
            rows.append([code, code, script])
    print("inline constexpr ScriptRange kScripts[] = {")
    line = "   "
    for first, last, script in rows:
        cell = f" {{0x{first:04X}, 0x{last:04X}, {script}}},"
        if len(line) + len(cell) > 118:
            print(line)
            line = "   "
        line += cell
    print(line + "\n};")


def main():
    print(f"// Written by tools/unicode_segments.py from tokenizers {tokenizers.__version__}. Do not edit by hand.\n")
    {"clusters": clusters, "scripts": scripts}[sys.argv[1]]()


main()
