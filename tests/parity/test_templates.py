"""hone template against Jinja2 as transformers sets it up: published templates, templates that exercise what
current models' templates do, and thousands of drawn expressions and small templates."""
import copy
import datetime
import json
import os
import pathlib
import random
import subprocess

import pytest
from transformers.utils import chat_template_utils

HONE = os.environ["HONE"]
DATA = pathlib.Path(__file__).resolve().parent.parent / "data" / "chat-templates"
NOW = datetime.datetime(2025, 3, 1, 12, 0, 0)


class FixedClock(datetime.datetime):
    @classmethod
    def now(cls, tz=None):
        return NOW


@pytest.fixture(autouse=True)
def fixed_clock(monkeypatch):
    monkeypatch.setattr(chat_template_utils, "datetime", FixedClock)
    monkeypatch.setenv("HONE_NOW", NOW.isoformat())


def reference(template, variables, ranges=False):
    """The text, or None where the reference reports an error of any kind."""
    variables = copy.deepcopy(variables)  # |indent of a list changes the list before it fails
    try:
        compiled = chat_template_utils._compile_jinja_template(template)
        if ranges:
            defaults = {"messages": [], "tools": None, "documents": None, "add_generation_prompt": False}
            text, found = chat_template_utils._render_with_assistant_indices(compiled, **{**defaults, **variables})
            return text, [[len(text[:a].encode()), len(text[:b].encode())] for a, b in found]
        text = compiled.render(**variables)
        text.encode()  # a lone surrogate could not be written out
        return text
    except Exception as fault:  # noqa: BLE001 - whatever Python raises is an error here
        return None


def rendered(tmp_path, cases, *options):
    """Pairs (template, variables) through one run of the program; errors come back as dictionaries."""
    path = tmp_path / "cases.jsonl"
    with path.open("w", encoding="utf-8") as out:
        for template, variables in cases:
            row = {"messages": [], **variables, "chat_template": template}
            out.write(json.dumps(row, ensure_ascii=False) + "\n")
    run = subprocess.run([HONE, "template", "--messages", path, "--json", *options], capture_output=True, timeout=600)
    assert run.returncode in (0, 2), run.stderr.decode()[-2000:]
    rows = [json.loads(row) for row in run.stdout.decode().split("\n") if row]
    assert len(rows) == len(cases)
    return rows


def nondeterministic(text):
    """Addresses of objects."""
    return text is not None and (" at 0x" in text or "<function" in text)


def folded_slice(row):
    """Slicing a number is an error, except that the reference gives Undefined where it can work that out while it
    compiles ({{ 5[1:] }}); docs/chat-templates.md lists this."""
    message = row.get("error", {}).get("message", "")
    return message.endswith("object is not subscriptable") or message == "unhashable type: 'slice'"


def compare(tmp_path, cases):
    """Fails with the first few differences; returns how many cases rendered without an error."""
    full = [(t, {"messages": [], "tools": None, "documents": None, "add_generation_prompt": False, **v}) for t, v in cases]
    wrong, fine = [], 0
    for (template, variables), row in zip(full, rendered(tmp_path, full)):
        expected = reference(template, {**variables, "chat_template": template})
        if nondeterministic(expected):
            continue
        fine += expected is not None
        if row.get("text") != expected and not folded_slice(row):
            wrong.append((template, variables, expected, row))
    assert not wrong, f"{len(wrong)} of {len(cases)} differ:\n" + "\n".join(map(repr, wrong[:8]))
    return fine


# ---- published and modern templates ----------------------------------------------------------------------

WEATHER = {"type": "function", "function": {
    "name": "get_weather", "description": "현재 날씨를 알려준다. Gets <the> \"weather\" & more",
    "parameters": {"type": "object", "properties": {
        "city": {"type": "string", "description": "도시 이름"},
        "unit": {"type": "string", "enum": ["celsius", "fahrenheit"]},
        "days": {"type": "integer", "minimum": 1, "default": 1.5}}, "required": ["city"]}}}
CALL = {"id": "abcdef123", "type": "function",
        "function": {"name": "get_weather", "arguments": {"city": "서울", "days": 2, "exact": True, "note": None}}}
CHATS = {
    "single": [{"role": "user", "content": "Hello"}],
    "korean": [{"role": "system", "content": " 당신은 친절한 상담원입니다. "}, {"role": "user", "content": "환불은?\n언제까지 😊"},
               {"role": "assistant", "content": "  7일 이내입니다.\n"}, {"role": "user", "content": "고마워요"}],
    "tools": [{"role": "user", "content": "서울 날씨?"},
              {"role": "assistant", "content": None, "tool_calls": [CALL]},
              {"role": "tool", "tool_call_id": "abcdef123", "name": "get_weather", "content": "{\"temp\": 21.5}"},
              {"role": "assistant", "content": "21.5도입니다."}, {"role": "user", "content": "내일은?"}],
    "two_calls": [{"role": "user", "content": "both"}, {"role": "assistant", "content": "", "tool_calls": [CALL, CALL]},
                  {"role": "tool", "name": "get_weather", "tool_call_id": "1", "content": "a"},
                  {"role": "tool", "name": "get_weather", "tool_call_id": "2", "content": {"deep": ["b", 1, None]}}],
    "thinking": [{"role": "user", "content": "2+2?"},
                 {"role": "assistant", "content": "<think>\n둘 더하기 둘\n</think>\n\n4"}, {"role": "user", "content": "3+3?"},
                 {"role": "assistant", "reasoning_content": "\nsix\n", "content": "6"}],
    "parts": [{"role": "user", "content": [{"type": "text", "text": "이 그림은"}, {"type": "image"},
                                           {"type": "text", "text": "무엇인가요?"}]},
              {"role": "assistant", "content": [{"type": "text", "text": "고양이"}]}],
    "system_only": [{"role": "system", "content": "x"}],
    "wrong_order": [{"role": "assistant", "content": "a"}, {"role": "assistant", "content": "b"}],
    "empty": [],
}


def contexts():
    for name, chat in CHATS.items():
        for tools in (None, [WEATHER], [WEATHER, WEATHER], []):
            for generate in (True, False):
                yield {"messages": chat, "tools": tools, "add_generation_prompt": generate,
                       "bos_token": "<s>", "eos_token": "</s>", "documents": [{"title": "제목", "text": "글"}],
                       **({"enable_thinking": generate} if tools else {})}
    for path in sorted((DATA / "minja-contexts").glob("*.json")):
        yield json.loads(path.read_text(encoding="utf-8"))
    for path in sorted((DATA / "mistral-samples").glob("*/sample.json")):
        yield {**json.loads(path.read_text(encoding="utf-8")), "bos_token": "<s>", "eos_token": "</s>"}


def templates():
    found = {path.name: path.read_text(encoding="utf-8") for path in sorted((DATA / "templates").glob("*.jinja"))}
    found |= {path.name: path.read_text(encoding="utf-8") for path in sorted((DATA / "modern").glob("*.jinja"))}
    listed = json.loads(subprocess.run([HONE, "template", "--list", "--json"], capture_output=True, check=True).stdout)
    found |= {row["name"]: row["template"] for row in listed}
    return found


def test_templates_of_models(tmp_path):
    cases = [(text, variables) for text in templates().values() for variables in contexts()]
    assert len(cases) > 1500
    assert compare(tmp_path, cases) > len(cases) // 2


def test_generation_ranges(tmp_path):
    texts = [text for text in templates().values() if "generation %}" in text]
    assert len(texts) >= 5
    cases = [(text, variables) for text in texts for variables in contexts()]
    located = 0
    for (template, variables), row in zip(cases, rendered(tmp_path, cases, "--ranges")):
        expected = reference(template, variables, ranges=True)
        assert [row.get("text"), row.get("generation")] == list(expected or (None, None)), (template, variables, row)
        located += bool(expected and expected[1])
    assert located > 50


# ---- drawn expressions and templates -----------------------------------------------------------------------

STRINGS = ["", "a", "Hello World", "  x y  ", "한국어 텍스트", "ß ǆ İ", "a\nb\n\nc", "it's \"q\"", "\\n", "é😊z", "aXbXc", "007",
           "42", "-3.7", " 1_000 ", "1e3", "Ab Cd-eF (gh", "ΑΣ ΟΔΟΣ", "<b>&'\"", "True", "x\u2028y\x1cz\ty", "{}-{}", "%s|%d",
           "ﬁn", "١٢", "²"]
VARIABLES = {
    "s": "Hello World", "k": "한국어 문장 😊", "e": "", "n": 7, "z": 0, "neg": -13, "f": 2.5, "big": 12345678901234567890,
    "t": True, "no": False, "nil": None, "l": [3, 1, 2], "ls": ["b", "A", "c", "a"], "el": [], "mix": [1, "a", None, 2.0, True],
    "d": {"b": 1, "a": "x", "C": [1, 2]}, "ed": {}, "nested": {"x": {"y": [{"z": "deep"}]}}, "tiny": 1e-7, "huge": 1e22,
    "rows": [{"n": 2, "g": "x", "o": {"p": 1}}, {"n": 1, "g": "Y"}, {"n": 3, "g": "x", "o": {"p": None}}],
    "pairs": [["a", 1], ["b", 2]], "messages": CHATS["tools"],
}
FILTERS = ["trim", "length", "count", "upper", "lower", "title", "capitalize", "first", "last", "list", "string", "int", "float",
           "abs", "round", "tojson", "join", "join(',')", "join('-', attribute='n')", "sort", "sort(reverse=true)", "unique|list",
           "sort(attribute='n')", "sort(attribute='g,n')", "reverse|list", "items|list", "dictsort", "dictsort(by='value')",
           "default('D')", "default('D', true)", "d(1)", "map('upper')|list", "map(attribute='n')|list", "select|list",
           "map(attribute='q', default='-')|list", "selectattr('n')|list", "selectattr('n', 'gt', 1)|list", "reject|list",
           "rejectattr('g', 'equalto', 'x')|list", "select('string')|list", "reject('none')|list", "sum", "min", "max",
           "sum(attribute='n')", "batch(2)|list", "batch(2, '-')|list", "slice(2)|list", "slice(3, 0)|list", "groupby('g')|list",
           "groupby('g', case_sensitive=true)", "replace('a', 'b')", "replace('l', 'L', 1)", "replace('', '-')", "indent",
           "indent(2, true)", "indent(first=true, blank=true)", "indent('> ')", "truncate(8)", "truncate(5, true)",
           "truncate(9, false, '…', 0)", "wordcount", "e", "escape|upper", "safe", "center(12)", "tojson(indent=2)",
           "tojson(sort_keys=true)", "tojson(separators=(',', ':'))", "tojson(true)", "tojson(indent=1, ensure_ascii=true)",
           "format(1)", "format('a', 2)", "int(5)", "int(default=-1)", "int(0, 16)", "float(1.5)", "round(1)", "round(-1)",
           "round(1, 'floor')", "round(method='ceil')", "attr('x')", "filesizeformat", "urlencode", "nosuchfilter", "map('nope')|list",
           "max(attribute='n')", "min(case_sensitive=true)", "unique(attribute='g')|list", "length|string", "first|default('F')",
           "string|length", "forceescape", "trim('Hd')", "map('length')|list", "map('int')|sum"]
TESTS = ["defined", "undefined", "none", "string", "number", "integer", "float", "boolean", "mapping", "sequence", "iterable", "true",
         "false", "odd", "even", "divisibleby 3", "divisibleby(2)", "in [1, 'a', 7]", "in 'Hello'", "eq 7", "equalto('a')", "ne 1",
         "lt 5", "gt(2)", "ge 7", "le 0", "lower", "upper", "callable", "sameas none", "filter", "test", "escaped", "nosuchtest",
         "lessthan 3", "sameas true", "in d", "not none", "not defined", "not in l"]
METHODS = ["strip()", "lstrip()", "rstrip('x ')", "strip('aHd')", "split()", "split(' ')", "split('X', 1)", "rsplit(' ', 1)",
           "rsplit(maxsplit=1)", "split(sep=None)", "splitlines()", "splitlines(true)", "startswith('H')", "startswith(('a', 'H'))",
           "endswith('d', 2)", "replace('l', 'LL')", "replace('l', '', 1)", "upper()", "lower()", "title()", "capitalize()",
           "swapcase()", "casefold()", "find('o')", "find('o', -4)", "rfind('o')", "index('q')", "count('l')", "count('')",
           "join(['a', 'b'])", "join(ls)", "join(l)", "isdigit()", "isalpha()", "isalnum()", "isspace()", "isupper()", "islower()",
           "istitle()", "isnumeric()", "isdecimal()", "isidentifier()", "isprintable()", "isascii()", "zfill(9)", "center(15, '*')",
           "ljust(14)", "rjust(14, '.')", "partition(' ')", "rpartition('o')", "removeprefix('He')", "removesuffix('ld')",
           "expandtabs(4)", "format(1, 2)", "format(n, k=3)", "keys()|list", "values()|list", "items()|list", "get('a')",
           "get('q', 5)", "get('q')", "copy()", "pop('a')", "append(1)", "update(d)", "index(2)", "count(1)", "bit_length()",
           "is_integer()", "nosuchmethod()", "keys()", "items()", "encode", "x", "a", "b", "real", "items", "__class__", "_x"]
SUBSCRIPTS = ["0", "1", "-1", "99", "'a'", "'x'", "'items'", "n", "k", "1:", ":2", "::-1", "1:-1", "-3:", "::2", "5:1:-2", "-99:99",
              "true", "1.0", "nil", "'b'", "nope", "l", "nil:2", ":nil", "-1::-1", "::nil"]


class Draw:
    def __init__(self, seed):
        self.random = random.Random(seed)
        self.locals = []

    def one(self, options):
        return self.random.choice(options)

    def string(self):
        return json.dumps(self.one(STRINGS), ensure_ascii=False)

    def atom(self):
        kind = self.random.random()
        if kind < 0.4:
            return self.one(list(VARIABLES) + self.locals)
        if kind < 0.55:
            return self.string()
        if kind < 0.75:
            return self.one(["0", "1", "2", "-1", "10", "1.5", "0.1", "3.0", "1e3", "1e16", "1e-5", "0x1F", "1_000", "true", "false",
                             "none", "True", "None"])
        if kind < 0.8:
            return self.one(["nope", "range(4)", "range(1, 9, 3)", "range(5, 0, -2)", "dict(a=1, b='x')", "namespace(a=1).a",
                             "loop", "dict([('a', 1)])", "range(0)", "cycler('a', 'b').next()", "[].x", "joiner('|')()"])
        if kind < 0.9:
            items = ", ".join(self.expression(1) for _ in range(self.random.randrange(4)))
            return self.one(["[%s]", "(%s,)", "[[%s]]"]) % items if items else self.one(["[]", "()", "{}"])
        pairs = ", ".join(self.one(["'a'", "'b'", "1", "k", "none", "true", "2.5"]) + ": " + self.expression(1)
                          for _ in range(self.random.randrange(3)))
        return "{" + pairs + "}"

    def expression(self, depth):
        if depth <= 0:
            return self.atom()
        kind = self.random.random()
        a = self.expression(depth - 1)
        if kind < 0.2:
            return self.wrap(a) + "|" + self.one(FILTERS)
        if kind < 0.35:
            return self.wrap(a) + "." + self.one(METHODS)
        if kind < 0.45:
            return self.wrap(a) + "[" + self.one(SUBSCRIPTS) + "]"
        if kind < 0.53:
            return self.wrap(a) + " is " + self.one(["", "not "]) + self.one(TESTS)
        b = self.expression(depth - 1)
        if kind < 0.73:
            return self.wrap(a) + self.one([" + ", " - ", " * ", " / ", " // ", " % ", " ~ ", " + ", " ~ "]) + self.wrap(b)
        if kind < 0.85:
            return self.wrap(a) + self.one([" == ", " != ", " < ", " <= ", " > ", " >= ", " in ", " not in ", " and ", " or "]) + self.wrap(b)
        if kind < 0.9:
            return "not " + a
        if kind < 0.93:
            return self.one(["-", "+"]) + self.wrap(a)
        return self.wrap(a) + " if " + self.wrap(b) + self.one([" else " + self.atom(), ""])

    def safe(self):
        """An expression that is not an error: most drawn ones are, and a template stops at the first."""
        return self.expression(1) if self.random.random() < 0.2 else self.one(
            ["n", "s", "k|upper", "l", "d.a", "nope", "s[1:3]", "l|length", "'a' ~ n", "n > 3", "ls|join('-')", "d|tojson", "x1", "v", "w",
             "l[-1]", "rows|map(attribute='g')|join", "t and e", "nil or 'x'", "s if t", "'b' in ls", "v is defined", "mix|list",
             "range(n)|list", "k.split()", "f * 2", "rows|selectattr('o')|list|length", "{'k': n}", "(1, 'x')", "nested.x.y[0].z"])

    def wrap(self, text):
        return f"({text})"

    def tag(self, text):
        return "{%" + self.one(["", "", "-", "+"]) + f" {text} " + self.one(["", "", "-", "+"]) + "%}"

    def text(self):
        return self.one(["", " ", "\n", "  \n", "a", " b\n", "\n    ", "한글 ", "{# c #}", "\n  {#- c -#}\n", "{ %", "\t"])

    def block(self, depth):
        return "".join(self.text() + self.statement(depth) for _ in range(self.random.randrange(1, 4))) + self.text()

    def print_(self):
        left, right = self.one(["", "", "-", "+"]), self.one(["", "", "-"])
        return "{{" + left + " " + self.safe() + " " + right + "}}"

    def statement(self, depth):
        kind = self.random.random() if depth > 0 else 0
        name = self.one(["v", "w", "x1"])
        if kind < 0.3:
            return self.print_()
        if kind < 0.4:
            self.locals = sorted({*self.locals, name})
            return self.tag(f"set {name} = {self.safe()}")
        if kind < 0.45:
            return self.tag(f"set {name}" + self.one(["", " | upper", " | trim"])) + self.block(depth - 1) + self.tag("endset")
        if kind < 0.6:
            test = self.one(["if ", "if not "]) + self.safe()
            parts = self.tag(test) + self.block(depth - 1)
            if self.random.random() < 0.4:
                parts += self.tag("elif " + self.safe()) + self.block(depth - 1)
            if self.random.random() < 0.5:
                parts += self.tag("else") + self.block(depth - 1)
            return parts + self.tag("endif")
        if kind < 0.85:
            return self.loop(depth, name)
        if kind < 0.9:
            arguments = self.one(["", "a", "a, b=2", "a, w=n"])
            body = self.block(depth - 1) + self.one(["{{ a }}", "{{ varargs }}", "{{ kwargs }}", "{{ caller() }}", "{{ v }}"])
            macro = self.tag(f"macro m({arguments})") + body + self.tag("endmacro")
            call = self.one(["{{ m(1) }}", "{{ m() }}", "{{ m(1, 2) }}", "{{ m(a=v) }}", "{{ m(1, q=2) }}",
                             "{% call m(1) %}C{{ v }}{% endcall %}", "{% call(u) m(n) %}{{ u }}{% endcall %}", "{{ m }}"])
            return macro + self.text() + call
        if kind < 0.94:
            return self.tag(f"with {name} = {self.safe()}") + self.block(depth - 1) + self.tag("endwith")
        if kind < 0.97:
            return self.tag("filter " + self.one(["upper", "trim", "replace('a', 'b')|title"])) + self.block(depth - 1) + self.tag("endfilter")
        return self.one(["{% raw %} {{ x }} {% endraw %}", "{%- raw -%}\n {% if %} {%- endraw %}", "{% generation %}g{% endgeneration %}",
                         "{% set ns = namespace(c=0) %}{% for q in l %}{% set ns.c = ns.c + q %}{% endfor %}{{ ns.c }}",
                         "{% set p, q = 1, [2] %}{{ p ~ q }}", "{% break %}", "{% print n, k %}", "{% endif %}"])

    def loop(self, depth, name):
        target, items = self.one([("i", "l"), ("i", "rows"), ("i", "range(3)"), ("a, b", "pairs"), ("a, b", "d.items()"), ("i", "k"),
                                  ("a, b", "d|dictsort"), ("i", "mix"), ("i", "el"), ("i", "nope"), ("i", "ls|map('upper')"),
                                  (name, "[1, 2, 3]"), ("i", self.safe()), ("i", "l|reverse"), ("i", "ls|batch(2)")])
        condition = self.one(["", "", "", " if i", " if i is defined", " if a != 'a'", " if i != 2", " if loop is defined"])
        body = self.block(depth - 1) + self.one([
            "{{ i }}", "{{ loop.index }}", "{{ loop.index0 }}/{{ loop.length }}", "{{ loop.first }}{{ loop.last }}",
            "{{ loop.revindex }}{{ loop.revindex0 }}", "{{ loop.previtem }}|{{ loop.nextitem }}", "{{ loop.cycle('a', 'b') }}",
            "{{ loop.changed(i) }}", "{{ a }}={{ b }}", "{{ loop.depth }}", "{% if loop.index == 2 %}{% break %}{% endif %}{{ i }}",
            "{% if loop.first %}{% continue %}{% endif %}{{ i }}", "{% set v = i %}{{ v }}", "{{ loop }}", "{{ loop.nope }}"])
        otherwise = self.tag("else") + self.block(depth - 1) if self.random.random() < 0.3 else ""
        return self.tag(f"for {target} in {items}{condition}") + body + otherwise + self.tag("endfor")


@pytest.mark.parametrize("seed", range(4))
def test_drawn_expressions(tmp_path, seed):
    draw = Draw(seed)
    cases = [("{{ " + draw.expression(draw.random.randrange(1, 4)) + " }}", VARIABLES) for _ in range(1000)]
    assert compare(tmp_path, cases) > 250


@pytest.mark.parametrize("seed", range(4))
def test_drawn_templates(tmp_path, seed):
    cases = []
    for i in range(600):
        draw = Draw(1000 * seed + i)
        cases.append((draw.block(3), VARIABLES))
    assert compare(tmp_path, cases) > 200


def test_every_filter_on_every_value(tmp_path):
    values = list(VARIABLES) + [json.dumps(text, ensure_ascii=False) for text in STRINGS]
    cases = [("{{ " + value + "|" + filter_ + " }}", VARIABLES) for value in values for filter_ in FILTERS]
    assert compare(tmp_path, cases) > 3000


def test_every_method_and_test_on_every_value(tmp_path):
    values = list(VARIABLES) + [json.dumps(text, ensure_ascii=False) for text in STRINGS]
    uses = ["." + method for method in METHODS] + ["[" + key + "]" for key in SUBSCRIPTS] + [" is " + test for test in TESTS]
    cases = [("{{ (" + value + ")" + use + " }}", VARIABLES) for value in values for use in uses]
    assert compare(tmp_path, cases) > 2000


FORMATS = ["%d", "%5d|", "%-5d|", "%05d", "%+d", "% d", "%x", "%#x", "%X", "%o", "%e", "%.2f", "%8.3f|", "%g", "%G", "%s", "%.3s", "%10s|",
           "%r", "%a", "%c", "%%", "%(a)s", "%i %s", "%", "%y", "%*d", "%.0f", "%#.3g", "%08.2f", "%+.1e"]
BRACES = ["{}", "{0}", "{:5}|", "{:<5}|", "{:>8}|", "{:^9}|", "{:*^9}|", "{:05}", "{:+}", "{: }", "{:x}", "{:#x}", "{:b}", "{:,}", "{:_}",
          "{:.2f}", "{:8.2f}|", "{:e}", "{:g}", "{:%}", "{:.1%}", "{!r}", "{!s:>9}", "{!a}", "{{}}", "{", "}", "{1}", "{a}", "{0.x}", "{0[0]}",
          "{:.3}", "{:010,}", "{:d}", "{:s}", "{:{}}", "{0:{1}}", "{:c}", "{:.0f}", "{:n}", "{:o}", "{:#b}", "{:+.3g}", "{:G}"]


def test_formatting(tmp_path):
    values = ["n", "neg", "f", "s", "k", "t", "nil", "big", "tiny", "huge", "l", "d", "z", "0.1", "123456.789", "-0.0", "nope"]
    cases = [("{{ '" + form + "' % " + value + " }}", VARIABLES) for form in FORMATS for value in values + ["(1, 2)", "(n,)", "dict(a=1)"]]
    cases += [("{{ '" + form + "'.format(" + value + ") }}", VARIABLES) for form in BRACES for value in values + ["n, 6", "f, '>9'", "a=n", ""]]
    assert compare(tmp_path, cases) > 500


def test_numbers(tmp_path):
    draw = random.Random(7)
    numbers = [draw.choice([draw.uniform(-10, 10), draw.uniform(0, 1) * 10 ** draw.randrange(-30, 30), draw.randrange(-100, 100) / 4,
                            draw.randrange(-10**12, 10**12)]) for _ in range(300)]
    cases = []
    for number in numbers:
        a, b = repr(number), repr(draw.choice(numbers))
        for op in ("+", "-", "*", "/", "//", "%", "<", "=="):
            cases.append((f"{{{{ x {op} y }}}}", {"x": number, "y": float(b) if "." in b or "e" in b else int(b)}))
        for call in ("int", "round", "round(2)", "round(-2)", "round(1, 'ceil')", "float", "abs", "tojson", "string"):
            cases.append(("{{ x|" + call + " }}", {"x": number}))
    assert compare(tmp_path, cases) > 3000


@pytest.mark.parametrize("template", [
    "{{ x.y.z }}", "{{ nope() }}", "{% if %}", "{% for x in 5 %}{% endfor %}", "{{ 'a' + 1 }}", "{{ raise_exception('멈춤') }}",
    "{% for i in range(1000000) %}{% endfor %}", "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}", "{{ 'a' * 10 ** 12 }}", "{{ }}",
    "{{ l.append(1) }}", "{% include 'x' %}", "{{ '".ljust(5), "{% set x %}", "{{ 1 / 0 }}", "{% endfor %}", "{{ a b }}", "{{ [1, 2 }}"])
def test_errors_say_where(tmp_path, template):
    row = rendered(tmp_path, [("ok\n  " + template, {"l": []})])[0]
    assert "error" in row, row
    assert ":chat_template:2:" in row["error"]["place"] and row["error"]["message"], row


def test_program(tmp_path):
    folder = tmp_path / "tokenizer"
    folder.mkdir()
    template = "{{ bos_token }}{% for m in messages %}{{ m.content }}{{ eos_token }}{% endfor %}끝\n\n"
    config = {"chat_template": template, "bos_token": "<s>", "eos_token": {"content": "</s>", "special": True}}
    (folder / "tokenizer_config.json").write_text(json.dumps(config), encoding="utf-8")
    messages = tmp_path / "messages.json"
    messages.write_text(json.dumps({"messages": [{"role": "user", "content": "안녕"}]}), encoding="utf-8")
    run = lambda *args: subprocess.run([HONE, "template", *args], capture_output=True)  # noqa: E731
    assert run("--tokenizer", folder, "--messages", messages).stdout.decode() == "<s>안녕</s>끝\n"
    assert json.loads(run("--tokenizer", folder, "--messages", messages, "--json").stdout) == {"text": "<s>안녕</s>끝\n"}
    (folder / "chat_template.jinja").write_text("second {{ eos_token }}", encoding="utf-8")
    assert run("--tokenizer", folder, "--messages", messages).stdout.decode() == "second </s>"
    assert run("--messages", messages).returncode == 2
    assert run("--name", "chatmll", "--messages", messages).returncode == 2
