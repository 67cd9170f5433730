#!/usr/bin/env python3
"""Writes src/text/jinja/unicode_tables.inc: what Python's str methods know about characters beyond the
general category and the one-to-one case mappings that utf8proc offers.

    python tools/python_unicode.py > src/text/jinja/unicode_tables.inc
"""
import ctypes
import unicodedata

UTF8PROC = ctypes.CDLL("libutf8proc.so.2")
UTF8PROC.utf8proc_category_string.restype = ctypes.c_char_p
CODE_POINTS = [c for c in range(0x110000) if not 0xD800 <= c < 0xE000]


def category(code):
    return UTF8PROC.utf8proc_category_string(code).decode()


def ranges(name, what, holds):
    found = []
    for code in CODE_POINTS:
        # Characters that are newer than this Python's tables stay with utf8proc's newer ones.
        if unicodedata.category(chr(code)) == "Cn" or not holds(code):
            continue
        if found and found[-1][1] == code - 1:
            found[-1][1] = code
        else:
            found.append([code, code])
    print(f"// {what}")
    print(f"constexpr Range {name}[] = {{")
    for first, last in found:
        print(f"    {{0x{first:X}, 0x{last:X}}},")
    print("};")


def mappings(name, what, method, simple):
    print(f"// {what}")
    print(f"constexpr Mapping {name}[] = {{")
    for code in CODE_POINTS:
        text = method(chr(code))
        if text != chr(simple(code)):
            print(f'    {{0x{code:X}, U"' + "".join(f"\\U{ord(c):08X}" for c in text) + '"},')
    print("};")


print(f"// Written by tools/python_unicode.py from Unicode {unicodedata.unidata_version}; not edited by hand.")
ranges("kDigits", "str.isdigit() beyond category Nd", lambda c: chr(c).isdigit() and not chr(c).isdecimal())
ranges("kNumerals", "str.isnumeric() beyond categories Nd, Nl and No",
       lambda c: chr(c).isnumeric() and category(c) not in ("Nd", "Nl", "No"))
ranges("kLower", "str.islower() beyond category Ll", lambda c: chr(c).islower() and category(c) != "Ll")
ranges("kUpper", "str.isupper() beyond category Lu", lambda c: chr(c).isupper() and category(c) != "Lu")
mappings("kUpperMappings", "str.upper() where it is not utf8proc_toupper()", str.upper, UTF8PROC.utf8proc_toupper)
mappings("kTitleMappings", "str.title() where it is not utf8proc_totitle()", str.title, UTF8PROC.utf8proc_totitle)
