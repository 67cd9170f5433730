#!/usr/bin/env python3
"""Writes src/text/unicode_exceptions.inc: where the reference tokenizer library's Unicode tables differ
from those of the libraries hone links with. The reference holds several tables of different age (its
regular expressions know Unicode 16, its NFKC Unicode 11, its accent stripping Unicode 9 …), and ids
depend on them. Needs the `tokenizers` package and a Python whose unicodedata is Unicode 14, as old as
the one in PCRE2 10.42; utf8proc 2.8 (Unicode 15) is asked through ctypes.

    python tools/unicode_exceptions.py > src/text/unicode_exceptions.inc
"""
import ctypes
import sys
import unicodedata

import tokenizers
from tokenizers import Regex, normalizers, pre_tokenizers

CODE_POINTS = [c for c in range(0x110000) if not 0xD800 <= c < 0xE000]
UTF8PROC = ctypes.CDLL("libutf8proc.so.2")
UTF8PROC.utf8proc_category_string.restype = ctypes.c_char_p
UTF8PROC.utf8proc_unicode_version.restype = ctypes.c_char_p


def category(code):
    return UTF8PROC.utf8proc_category_string(code).decode()


def ranges(codes):
    result = []
    for code in sorted(codes):
        if result and result[-1][1] == code - 1:
            result[-1][1] = code
        else:
            result.append([code, code])
    return result


def matching(pattern):
    """The code points that the reference's regular expressions count as `pattern`."""
    split = pre_tokenizers.Split(Regex(pattern), "removed", invert=True)
    found = set()
    for start in range(0, len(CODE_POINTS), 4096):
        text = "".join(map(chr, CODE_POINTS[start : start + 4096]))
        for piece, _ in split.pre_tokenize_str(text):
            found.update(map(ord, piece))
    return found


def isolated(pre_tokenizer):
    return {c for c in CODE_POINTS if len(pre_tokenizer.pre_tokenize_str("a" + chr(c) + "a")) == 3}


def map_with_utf8proc(text, options):
    result = ctypes.c_void_p()
    data = text.encode()
    size = UTF8PROC.utf8proc_map(data, ctypes.c_ssize_t(len(data)), ctypes.byref(result), options)
    out = ctypes.string_at(result, size).decode()
    free = ctypes.CDLL(None).free
    free.argtypes = [ctypes.c_void_p]
    free(result)
    return out


def table(name, comment, rows):
    print(f"// {comment}\ninline constexpr CodeRange {name}[] = {{")
    line = "   "
    for first, last in rows:
        cell = f" {{0x{first:04X}, 0x{last:04X}}},"
        if len(line) + len(cell) > 118:
            print(line)
            line = "   "
        line += cell
    print(line + "\n};\n" if rows else "    {0, 0}};\n")


def main():
    if unicodedata.unidata_version != "14.0.0":
        sys.exit("needs a Python with Unicode 14.0 tables, this one has " + unicodedata.unidata_version)
    print("// Written by tools/unicode_exceptions.py from tokenizers " + tokenizers.__version__ + " and utf8proc tables of")
    print("// Unicode " + UTF8PROC.utf8proc_unicode_version().decode() + ". Do not edit by hand.\n")
    names = "Lu Ll Lt Lm Lo Mn Mc Me Nd Nl No Pc Pd Ps Pe Pi Pf Po Sm Sc Sk So".split()
    print("// Categories of code points that were assigned after Unicode 14.")
    print("inline constexpr CategoryRange kNewerCategories[] = {")
    rows = []
    for name in names:
        newer = {c for c in matching(rf"\p{{{name}}}") if unicodedata.category(chr(c)) != name}
        rows += [(first, last, name) for first, last in ranges(newer)]
    for first, last, name in sorted(rows):
        print(f"    {{0x{first:04X}, 0x{last:04X}, UTF8PROC_CATEGORY_{name.upper()}}},")
    print("};\n")

    marks = {c for c in CODE_POINTS if category(c)[0] == "M"}
    strip = normalizers.StripAccents()
    stripped = {c for c in CODE_POINTS if strip.normalize_str(chr(c)) == ""}
    table("kAlsoStripped", "No combining mark, yet removed by StripAccents.", ranges(stripped - marks))
    table("kMarksNotStripped", "Combining marks that StripAccents leaves alone.", ranges(marks - stripped))

    def bert(**chosen):
        return normalizers.BertNormalizer(**{"clean_text": False, "handle_chinese_chars": False, "strip_accents": False,
                                             "lowercase": False, **chosen})

    clean, accents, nfd = bert(clean_text=True), bert(strip_accents=True), normalizers.NFD()
    removed = {c for c in CODE_POINTS if clean.normalize_str(chr(c)) == ""} - {0, 0xFFFD} | {0x9, 0xA, 0xD}
    other = {c for c in CODE_POINTS if category(c) in ("Cc", "Cf", "Co")}
    table("kOtherDiffers", "Control, format or private use to either the BertNormalizer or utf8proc, beyond U+009F.",
          ranges(c for c in removed ^ (other - {0}) if c >= 0xA0))
    assert all(c < 0x20 or c >= 0x7F for c in removed if c < 0xA0)
    whole = {c for c in CODE_POINTS if nfd.normalize_str(chr(c)) == chr(c)}
    nonspacing = {c for c in whole if accents.normalize_str(chr(c)) == ""}
    table("kNonspacingDiffers", "A nonspacing mark to either the BertNormalizer or utf8proc.",
          ranges(nonspacing ^ {c for c in whole if category(c) == "Mn"}))

    ascii_punctuation = set(map(ord, "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~"))
    punctuation = isolated(pre_tokenizers.Punctuation())
    ours = {c for c in CODE_POINTS if category(c)[0] == "P"} | ascii_punctuation
    table("kNotPunctuation", "Category P, yet not punctuation to the Punctuation pre-tokenizer.", ranges(ours - punctuation))
    table("kAlsoPunctuation", "The other way around.", ranges(punctuation - ours))

    numeric = isolated(pre_tokenizers.Digits(individual_digits=True))
    known = {c for c in CODE_POINTS if category(c)[0] == "N"} | matching(r"\p{N}")
    assert known <= numeric
    table("kAlsoNumeric", "Numeric to the Digits pre-tokenizer, which is newer than the regular expressions.",
          ranges(numeric - known))

    # NFKD of one code point shows which decompositions the reference does not know.
    forms = {"kCanonicalUnknown": ("NFD", 2 | 16), "kCompatibilityUnknown": ("NFKD", 2 | 16 | 4)}
    for name, (form, options) in forms.items():
        normalizer = getattr(normalizers, form)()
        unknown = {c for c in CODE_POINTS[1:] if normalizer.normalize_str(chr(c)) != map_with_utf8proc(chr(c), options)}
        assert all(normalizer.normalize_str(chr(c)) == chr(c) for c in unknown), form
        table(name, f"Decomposed by utf8proc, left alone by the reference's {form}.", ranges(unknown))

    # A mark moves past another in NFD when the reference knows its combining class.
    nfd = normalizers.NFD()
    UTF8PROC.utf8proc_get_property.restype = ctypes.POINTER(ctypes.c_uint16)  # category, combining class, …
    unknown = set()
    for code in CODE_POINTS:
        mark, combining = chr(code), UTF8PROC.utf8proc_get_property(code)[1]
        low, high = "\u0334", "\u0301"  # classes 1 and 230
        if combining == 0 or nfd.normalize_str(mark) != mark:
            continue
        if combining > 1 and nfd.normalize_str(mark + low) != low + mark:
            unknown.add(code)
        if combining == 1 and nfd.normalize_str(high + mark) != mark + high:
            unknown.add(code)
    table("kCombiningUnknown", "Of a combining class other than 0, which the reference does not know.", ranges(unknown))

    lowercase = normalizers.Lowercase()
    print("// Lower case where utf8proc has another or none; U+0130 (to i and U+0307) is in the code.")
    print("inline constexpr CodePair kLowercase[] = {")
    for code in CODE_POINTS:
        lower = lowercase.normalize_str(chr(code))
        if lower != chr(UTF8PROC.utf8proc_tolower(code)) and code != 0x130:
            assert len(lower) == 1
            print(f"    {{0x{code:04X}, 0x{ord(lower):04X}}},")
    print("};")


if __name__ == "__main__":
    main()
