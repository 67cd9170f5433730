"""Every answer of the service against the OpenAPI contract, as a transport of httpx around the official client."""
import functools
import json
import pathlib
import re

import httpx2 as httpx
import jsonschema
import yaml

CONTRACT = pathlib.Path(__file__).parent / "openai-subset.yaml"


@functools.cache
def document():
    return yaml.load(CONTRACT.read_text(encoding="utf-8"), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))


@functools.cache
def validator(pointer):
    return jsonschema.Draft202012Validator({"$ref": f"#{pointer}", "components": document()["components"],
                                            "paths": document()["paths"]})


def pointer_of(method, path, status, content_type):
    for pattern, operations in document()["paths"].items():
        if method not in operations or not re.fullmatch(re.sub(r"\{[^}]+\}", "[^/]+", pattern), path):
            continue
        responses = operations[method]["responses"]
        which = str(status) if str(status) in responses else "default"
        if content_type not in responses[which].get("content", {}):
            raise AssertionError(f"{method} {path}: {status} with {content_type}, which the contract does not have")
        escaped = pattern.replace("~", "~0").replace("/", "~1")
        return f"/paths/{escaped}/{method}/responses/{which}/content/{content_type.replace('/', '~1')}/schema"
    return None


def check(method, path, status, content_type, body):
    """Raises AssertionError with every fault. `body`: the bytes of a whole answer."""
    content_type = content_type.split(";")[0]
    pointer = pointer_of(method.lower(), path, status, content_type)
    if pointer is None or content_type == "application/octet-stream":
        return
    if content_type == "text/event-stream":
        chunks = [line[6:] for line in body.decode().split("\n") if line.startswith("data: ")]
        assert chunks[-1] == "[DONE]", chunks[-1]
        documents = [json.loads(chunk) for chunk in chunks[:-1]]
    else:
        documents = [json.loads(body)]
    for one in documents:
        faults = [f"{'/'.join(map(str, fault.absolute_path))}: {fault.message[:200]}" for fault in validator(pointer).iter_errors(one)]
        assert not faults, (method, path, status, faults, one)


class Checking(httpx.HTTPTransport):
    """Holds each answer against the contract before the client sees it; counts them."""

    def __init__(self):
        super().__init__()
        self.checked = 0

    def handle_request(self, request):
        response = super().handle_request(request)
        body = response.read()
        check(request.method, request.url.path.removeprefix("/v1"), response.status_code,
              response.headers.get("content-type", ""), body)
        self.checked += 1
        return httpx.Response(response.status_code, headers=response.headers, content=body, request=request)
