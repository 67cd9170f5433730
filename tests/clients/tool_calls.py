"""Answers that must or may call functions, through the official client; jsonschema judges the arguments.

    tool_calls.py FORM        HERMES, MISTRAL or LLAMA: the form of the server's template; the token of <tool_call> is 259
"""
import json
import sys

import httpx2 as httpx
import jsonschema
import openai
from contract import Checking

FORM = sys.argv[1]
MODEL = "gpt-4o-mini-2024-07-18"
WEATHER = {"type": "object", "properties": {"city": {"$ref": "#/$defs/city"}, "days": {"type": "integer", "minimum": 1, "maximum": 9}},
           "required": ["city", "days"], "additionalProperties": False, "$defs": {"city": {"enum": ["서울", "Paris", "a \"b\"\n"]}}}
CLOCK = {"type": "object", "properties": {"zone": {"type": "string", "maxLength": 5}, "exact": {"type": ["boolean", "null"]}},
         "required": ["zone", "exact"], "additionalProperties": False}
TOOLS = {"weather": WEATHER, "clock": CLOCK, "ping": None}
transport = Checking()
client = openai.OpenAI(http_client=httpx.Client(transport=transport), max_retries=0)


def tools(*names, **extra):
    return [{"type": "function", "function": {"name": name, "description": "…", **({"parameters": TOOLS[name]} if TOOLS[name] else {}), **extra}}
            for name in names or TOOLS]


def ask(**settings):
    return client.chat.completions.create(model=MODEL, messages=[{"role": "user", "content": "안녕"}], **{"temperature": 1.5, "seed": 1, **settings})


def check(calls):
    assert calls and len({call.id for call in calls}) == len(calls)
    for call in calls:
        assert call.type == "function" and call.id.startswith("call_")
        arguments = json.loads(call.function.arguments)
        schema = TOOLS[call.function.name] or {"type": "object", "maxProperties": 0}
        jsonschema.validate(arguments, schema)
    return [call.function.name for call in calls]


def gather(stream):
    """(calls, content, finish reason) of the first choice, put together as applications do."""
    calls, content, finish = {}, "", None
    for chunk in stream:
        for choice in chunk.choices:
            content += choice.delta.content or ""
            finish = choice.finish_reason or finish
            for part in choice.delta.tool_calls or []:
                if part.index not in calls:
                    calls[part.index] = part
                else:
                    calls[part.index].function.arguments += part.function.arguments
    return [calls[i] for i in sorted(calls)], content, finish


# One call at least, of any function.
seen, most = set(), 0
for seed in range(6):
    for choice in ask(tools=tools(), tool_choice="required", seed=seed, n=2, max_tokens=400).choices:
        assert choice.message.content is None and choice.finish_reason == "tool_calls", choice
        called = check(choice.message.tool_calls)
        seen, most = seen | set(called), max(most, len(called))
assert len(seen) > 1, seen
assert (most > 1) == (FORM != "LLAMA"), most

# One function by its name, or some of them; one call alone.
named = ask(tools=tools(), tool_choice={"type": "function", "function": {"name": "clock"}}).choices[0]
assert check(named.message.tool_calls) == ["clock"] and named.finish_reason == "stop"
allowed = {"type": "allowed_tools", "allowed_tools": {"mode": "required", "tools": [{"type": "function", "function": {"name": "weather"}}]}}
assert set(check(ask(tools=tools(), tool_choice=allowed).choices[0].message.tool_calls)) == {"weather"}
for seed in range(3):
    assert len(check(ask(tools=tools(), tool_choice="required", parallel_tool_calls=False, seed=seed).choices[0].message.tool_calls)) == 1

# The same, streamed.
whole = ask(tools=tools(strict=True), tool_choice="required", seed=5).choices[0]
calls, content, finish = gather(ask(tools=tools(strict=True), tool_choice="required", seed=5, stream=True))
assert check(calls) == [call.function.name for call in whole.message.tool_calls] and content == "" and finish == whole.finish_reason
assert [c.function.arguments for c in calls] == [c.function.arguments for c in whole.message.tool_calls]
with client.chat.completions.stream(model=MODEL, messages=[{"role": "user", "content": "안녕"}], tools=tools(strict=True),
                                    tool_choice="required", seed=5) as stream:
    final = stream.get_final_completion().choices[0].message
assert check(final.tool_calls)

# A call that is cut off is shown as far as it goes, and says so.
cut = ask(tools=tools("weather"), tool_choice="required", max_tokens=45).choices[0]
assert cut.finish_reason == "length", cut
assert not cut.message.tool_calls or cut.message.tool_calls[0].function.name == "weather"

# The model decides: text, or calls that are held to their schemas once it opens one.
free = ask(tools=tools(strict=True), max_tokens=30).choices[0]
assert free.message.tool_calls is None and free.message.content, free
assert ask(tools=tools(), tool_choice="none", max_tokens=5).choices[0].message.tool_calls is None
opening = {"HERMES": {"259": 100}, "MISTRAL": None, "LLAMA": {str(91): 100}}[FORM]  # 91: the token of "{"
if FORM == "HERMES":
    opened = ask(tools=tools(strict=True), logit_bias=opening, max_tokens=400).choices[0]
    assert opened.message.content is None and opened.finish_reason == "tool_calls", opened
    check(opened.message.tool_calls)
    assert len(check(ask(tools=tools(), parallel_tool_calls=False, logit_bias=opening).choices[0].message.tool_calls)) == 1

# What openai 0.28 called functions.
old = [tool["function"] for tool in tools()]
legacy = ask(functions=old, function_call={"name": "weather"}).choices[0]
jsonschema.validate(json.loads(legacy.message.function_call.arguments), WEATHER)
assert legacy.message.function_call.name == "weather" and legacy.message.tool_calls is None and legacy.finish_reason == "stop"


def refused(text, **settings):
    try:
        ask(**settings)
    except openai.BadRequestError as error:
        assert text in error.message, error.message
    else:
        raise AssertionError(f"{settings} was not refused")


refused("no function named 'nobody'", tools=tools(), tool_choice={"type": "function", "function": {"name": "nobody"}})
refused("only allowed when 'tools' are specified", tool_choice="required")
refused("Invalid schema for function 'clock': In context=(), 'additionalProperties' is required", tool_choice="required", tools=[
    {"type": "function", "function": {"name": "clock", "strict": True, "parameters": {"type": "object", "properties": {}}}}])
refused("contentEncoding", tool_choice="required", tools=[{"type": "function", "function": {
    "name": "clock", "parameters": {"type": "object", "properties": {"x": {"type": "string", "contentEncoding": "base64"}}}}}])
print(transport.checked)
