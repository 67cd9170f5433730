"""Constrained answers against jsonschema: whatever random walks through the masks give validates, by many random schemas and
real vocabularies; of hand-made instances only valid ones pass, and all of those that are written as we write them."""
import gzip
import json
import os
import pathlib
import random
import subprocess

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
WALK = pathlib.Path(os.environ["HONE"]).parent / "tests" / "hone_json_walk"
JUDGE = [ROOT / "build/python-clients/bin/python", ROOT / "tests/parity/judge_json.py"]
TOKENIZERS = ROOT / "tests/data/tokenizers"
PATTERNS = [r"^[a-z]{2,5}$", r"\d", r"^(ab|c[^d])*$", r"^\w+\s\w+$", r"x+?y", r"^[가-힣 ]+$", r"^\+?\d{2,4}(-\d{1,3}){0,2}$", r"^[^\W\d]$",
            r"^\S\D.$", r"^a|b$", r'^["\\\n]+$', r"^[\u00e0-\u00ff]{1,3}$", ""]
FORMATS = ["date", "date-time", "time", "email", "uuid", "ipv4"]


def lines(text):
    return [json.loads(line) for line in text.splitlines()]


def run(command, stdin=None):
    done = subprocess.run([str(part) for part in command], input=stdin, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return lines(done.stdout)


def judge(cases):
    return run(JUDGE, "".join(json.dumps(case) + "\n" for case in cases))


def write(path, cases):
    path.write_text("".join(json.dumps(case, ensure_ascii=False) + "\n" for case in cases), encoding="utf-8")
    return path


class Schemas:
    """Random schemas of what is supported, all satisfiable."""

    def __init__(self, seed):
        self.random = random.Random(seed)

    def key(self):
        return self.random.choice(["a", "b", "name", "이름", "x y", 'q"', "", "long_property_name", "a/b", "$c"])

    def string(self):
        kind = self.random.randrange(5)
        if kind == 0:
            return {"type": "string", "pattern": self.random.choice(PATTERNS)}
        if kind == 1:
            return {"type": "string", "format": self.random.choice(FORMATS)}
        low = self.random.randrange(4)
        out = {"type": "string"}
        if self.random.random() < 0.5:
            out["minLength"] = low
        if self.random.random() < 0.5:
            out["maxLength"] = low + self.random.randrange(9)
        return out

    def number(self):
        out = {"type": self.random.choice(["integer", "number"])}
        low = self.random.choice([0, -1, 7, -250, 99, 1000, -0.5, 3.25, -12.125, 0.001])
        if self.random.random() < 0.6:
            out[self.random.choice(["minimum", "exclusiveMinimum"])] = low
        if self.random.random() < 0.6:
            out[self.random.choice(["maximum", "exclusiveMaximum"])] = low + self.random.choice([2, 1.75, 10, 123.5, 4000])
        return out

    def object(self, depth):
        properties = {self.key(): self.schema(depth - 1) for _ in range(self.random.randrange(5))}
        out = {"type": "object", "properties": properties, "required": [k for k in properties if self.random.random() < 0.5]}
        rest = self.random.randrange(4)
        if rest < 2:
            out["additionalProperties"] = [False, self.schema(0)][rest]
        elif rest == 2 and self.random.random() < 0.5:
            out["required"].append("요구")
        return out

    def array(self, depth):
        low = self.random.randrange(3)
        out = {"type": "array", "items": self.schema(depth - 1)}
        if self.random.random() < 0.5:
            out["minItems"] = low
        if self.random.random() < 0.5:
            out["maxItems"] = low + self.random.randrange(4)
        if self.random.random() < 0.3:
            out["prefixItems"] = [self.schema(0) for _ in range(self.random.randrange(1, 4))]
        return out

    def schema(self, depth=3):
        kind = self.random.randrange(9 if depth > 0 else 4)
        if kind == 0:
            return self.string()
        if kind == 1:
            return self.number()
        if kind == 2:
            return self.random.choice([{"enum": ["a", "ab", 1, 10, None, {"k": [1.5, "é"]}]}, {"const": "끝\n"}, {"type": ["boolean", "null"]}])
        if kind == 3:
            return self.random.choice([{"$ref": "#/$defs/tree"}, {"$ref": "#/$defs/short"}, {"type": ["string", "integer"], "maximum": 9}, {}])
        if kind in (4, 5):
            return self.object(depth)
        if kind == 6:
            return self.array(depth)
        if kind == 7:
            return {"anyOf": [self.schema(depth - 1) for _ in range(self.random.randrange(1, 4))], "description": "one of"}
        a, b = self.object(depth - 1), self.object(depth - 1)
        for part in (a, b):
            part.pop("additionalProperties", None)
        for key in a["properties"].keys() & b["properties"].keys():
            b["properties"][key] = a["properties"][key]
        return {"allOf": [a, b], "title": "both"}

    def document(self):
        out = self.object(3) if self.random.random() < 0.7 else self.schema()
        node = {"anyOf": [{"$ref": "#/$defs/tree"}, {"type": "null"}]}
        out["$defs"] = {"tree": {"type": "object", "properties": {"v": {"type": "integer"}, "l": node, "r": node},
                                 "required": ["v", "l"], "additionalProperties": False},
                        "short": {"type": "string", "maxLength": 3}}
        return out


@pytest.mark.parametrize("name, count, each", [("phi-3.tokenizer.json.gz", 120, 3), ("gpt2.tokenizer.json.gz", 60, 2),
                                               ("tinystories.tokenizer.json", 300, 4)])
def test_every_walk_validates(name, count, each, tmp_path):
    source = TOKENIZERS / name
    tokenizer = tmp_path / "tokenizer.json"
    tokenizer.write_bytes(gzip.decompress(source.read_bytes()) if name.endswith(".gz") else source.read_bytes())
    schemas = [Schemas(seed).document() for seed in range(count)]
    answers = run([WALK, tokenizer, write(tmp_path / "schemas.jsonl", schemas), each])
    texts = [[] for _ in schemas]
    for answer in answers:
        # Where patterns and merged parts leave nothing, that is what is said.
        assert "error" not in answer or "no finite value" in answer["error"] or "two different" in answer["error"], answer
        if answer.get("ended"):
            texts[answer["schema"]].append(answer["text"])
    assert sum(map(len, texts)) > 0.8 * count * each
    for schema, written, verdicts in zip(schemas, texts, judge([{"schema": s, "texts": t} for s, t in zip(schemas, texts)]), strict=True):
        for text, valid in zip(written, verdicts, strict=True):
            assert valid, (schema, text)


# Instances in our own spelling: compact, properties in order. Python says which are valid.
INSTANCES = ["null", "true", "0", "-1", "1", "5", "10", "99.5", "100", '""', '"a"', '"ab"', '"abc"', '"한국"', '"a1"', '"2024-02-29"',
             '"2023-02-29"', '"1.2.3.4"', '"a@b.co"', '"x@"', "[]", "[1]", "[1,2]", '["a"]', "[1,null]", "[[],{}]", "{}", '{"a":1}', '{"a":"x"}',
             '{"a":1,"b":2}', '{"b":2}', '{"a":{"a":null}}', '{"a":null}', '{"b":[1]}', '{"c":1}', '{"a":1,"c":true}']
KEYWORDS = [
    {"type": "integer"}, {"type": ["string", "null"]}, {"type": "number", "minimum": 1, "exclusiveMaximum": 100},
    {"type": "integer", "exclusiveMinimum": -1, "maximum": 10}, {"type": "string", "minLength": 1, "maxLength": 2},
    {"type": "string", "pattern": "^[a-z]+$"}, {"type": "string", "pattern": "\\d"}, {"type": "string", "pattern": "b$"},
    {"type": "string", "format": "date"}, {"type": "string", "format": "ipv4"},
    {"enum": [1, "a", None, [1, 2]]}, {"const": {"a": 1}}, {"type": "array", "items": {"type": "integer"}},
    {"type": "array", "minItems": 1, "maxItems": 1}, {"type": "array", "prefixItems": [{"type": "integer"}, {"type": "null"}], "items": False},
    {"type": "object", "properties": {"a": {"type": "integer"}}, "additionalProperties": True},
    {"type": "object", "properties": {"a": {"type": "integer"}, "b": {}}, "additionalProperties": False},
    {"type": "object", "required": ["a"]}, {"type": "object", "additionalProperties": {"type": "integer"}},
    {"anyOf": [{"type": "integer", "minimum": 5}, {"type": "string", "maxLength": 1}]},
    {"allOf": [{"type": "integer", "minimum": 1}, {"type": "number", "maximum": 10}]},
    {"type": "object", "properties": {"a": {"anyOf": [{"$ref": "#"}, {"type": "null"}]}}, "required": ["a"], "additionalProperties": False},
    {"$defs": {"s": {"type": "string"}}, "$ref": "#/$defs/s", "minLength": 2}, {}, {"type": "boolean"},
]


def test_instances_pass_as_jsonschema_says(tmp_path):
    cases = [{"schema": schema, "texts": INSTANCES} for schema in KEYWORDS]
    ours = run([WALK, "--accepts", write(tmp_path / "cases.jsonl", cases)])
    for schema, passed, valid in zip(KEYWORDS, ours, judge(cases), strict=True):
        assert isinstance(passed, list), passed
        assert passed == valid, (schema, [text for text, a, b in zip(INSTANCES, passed, valid) if a != b])
