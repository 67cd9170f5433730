"""Judges texts by JSON schemas; runs in the environment of clients. Lines {"schema": …, "texts": […]} on standard input
become lists of booleans: whether the text is JSON and jsonschema's validator for draft 2020-12, formats included, takes it."""
import json
import sys

from jsonschema import Draft202012Validator


def refuse_constant(name):
    raise ValueError(name)


for line in sys.stdin:
    case = json.loads(line)
    Draft202012Validator.check_schema(case["schema"])
    validator = Draft202012Validator(case["schema"], format_checker=Draft202012Validator.FORMAT_CHECKER)
    verdicts = []
    for text in case["texts"]:
        try:
            verdicts.append(validator.is_valid(json.loads(text, parse_constant=refuse_constant)))
        except ValueError:
            verdicts.append(False)
    print(json.dumps(verdicts))
