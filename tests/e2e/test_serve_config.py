"""hone serve --config: what the file says is in force, what is wrong in it is told, and nothing drifts from the options."""
import json
import os
import re
import subprocess
import sys

import pytest

from e2e.service import HONE, MODEL, ROOT, Service, base_model

PASSWORD, KEY = "hunter2-in-the-open", "sk-hone-secret-of-the-file"


def serve(*arguments, **environment):
    return subprocess.run([HONE, "serve", *map(str, arguments)], capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL,
                          env={**{k: v for k, v in os.environ.items() if k != "HONE_API_KEY"}, **environment})


def in_force(*arguments, **environment):
    result = serve(*arguments, "--print-config", "--json", **environment)
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout)


@pytest.fixture
def write(tmp_path):
    def file(text):
        path = tmp_path / "serve.yaml"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path
    return file


# One list of settings


def test_pages_and_example_are_those_of_the_program():
    result = subprocess.run([sys.executable, ROOT / "tools/service_reference.py"], capture_output=True, text=True, timeout=60)
    assert result.returncode == 0, result.stdout + result.stderr


def test_every_option_of_the_help_is_a_key_but_those_for_one_call():
    options = set(re.findall(r"^ +(?:-\w,)?--([a-z-]+)", serve("--help").stdout, re.M))
    assert {option.replace("-", "_") for option in options - {"help", "json", "adapter", "config", "print-config"}} == set(in_force())


def test_every_key_can_be_set(write):
    """Each default, changed to another value of its type, comes back from the file."""
    other = {key: not value if isinstance(value, bool) else value + 1 if isinstance(value, (int, float)) else
             ["a", "b"] if isinstance(value, list) else "postgresql://h/n" if key == "database" else "some text"
             for key, value in in_force().items() if key != "api_key"}
    path = write("".join(f"{key}: {json.dumps(value)}\n" for key, value in other.items()))
    assert in_force("--config", path) == {**other, "api_key": ""}


def test_what_is_printed_is_a_file_of_the_same_settings(write):
    first = serve("--print-config", "--model", "m", "--alias", "a=b", "--alias", "c=latest:d", "--no-auth", "--job-learning-rate", "3e-5")
    again = serve("--config", write(first.stdout), "--print-config")
    assert again.stdout == first.stdout and "no_auth: true" in again.stdout and 'alias: ["a=b", "c=latest:d"]' in again.stdout


# What wins


def test_the_command_line_wins_over_the_file(write):
    path = write("model: of-file\nport: 1234\nno_auth: true\nalias: [a=b, c=d]\nmax_waiting: 7\n")
    assert in_force("--config", path)["alias"] == ["a=b", "c=d"]
    now = in_force("--config", path, "--port", "99", "--no-auth=false", "--alias", "e=f")
    assert (now["model"], now["port"], now["no_auth"], now["alias"], now["max_waiting"]) == ("of-file", 99, False, ["e=f"], 7)


def test_a_service_runs_by_its_file(tmp_path, write):
    path = write(f"model: {base_model(tmp_path / 'model')}\nserved_model_name: [{MODEL}, by-another-name]\norganization: acme\n"
                 f"api_key: {KEY}\ndata_dir: {tmp_path / 'data'}\nport: 0\nmax_upload_mib: 1\nthreads: 1\ncontext_length: 64\n")
    service = Service(None, tmp_path / "data")
    service.command = [HONE, "serve", "--config", path, "--json"]
    service.start()
    service.key = KEY
    assert [model["id"] for model in service.get("/v1/models")["data"]] == [MODEL]
    assert service.chat("by-another-name", max_tokens=4)[0] == 200
    assert service.chat("by-another-name", content="아주 긴 질문 " * 100)[0] == 400  # beyond the context length
    (tmp_path / "big.jsonl").write_bytes(b"{}\n" * (1 << 20))
    with pytest.raises(AssertionError, match="request_too_large"):
        service.upload(tmp_path / "big.jsonl")
    assert service.call("GET", "/v1/models", key="sk-hone-of-nobody")[0] == 401
    service.stop()
    # The environment's key is the one in force, whatever the file says.
    service.command += ["--data-dir", tmp_path / "other"]
    os.environ["HONE_API_KEY"] = "sk-hone-of-the-environment"
    try:
        service.start()
    finally:
        del os.environ["HONE_API_KEY"]
    assert service.call("GET", "/v1/models", key=KEY)[0] == 401
    assert service.call("GET", "/v1/models", key="sk-hone-of-the-environment")[0] == 200
    service.stop()


def test_secrets_are_not_printed(write):
    path = write(f"model: m\napi_key: {KEY}\ndatabase: postgresql://me:{PASSWORD}@host:5432/name?sslmode=require&password={PASSWORD}&x=1\n")
    for how in ((), ("--json",)):
        result = serve("--config", path, "--print-config", *how)
        assert result.returncode == 0 and "postgresql://me@host:5432/name?sslmode=require" in result.stdout
        assert PASSWORD not in result.stdout + result.stderr and KEY not in result.stdout + result.stderr
    assert KEY not in serve("--print-config", HONE_API_KEY=KEY).stdout


# What is wrong


def faults(path, *arguments):
    result = serve("--config", path, *arguments)
    assert result.returncode == 2 and result.stderr.startswith("error: "), result
    return result.stderr.replace(str(path), "FILE")


@pytest.mark.parametrize("text, told", [
    ("modle: x", 'FILE:1:1: modle: is not a setting; did you mean "model"?'),
    ("model: m\nserved-model-name: x", 'FILE:2:1: served-model-name: is not a setting; did you mean "served_model_name"?'),
    ("max_model_len: 4", 'FILE:1:1: max_model_len: is not a setting; did you mean "context_length"?'),
    ("ssl-keyfile: k", 'FILE:1:1: ssl-keyfile: is not a setting; did you mean "tls_key"?'),
    ("json: true", "FILE:1:1: json: is not a setting; known here: alias, "),
    ("adapter: x", "FILE:1:1: adapter: is not a setting;"),
    ("port: 65536", "FILE:1:7: port: 65536 is too large: must be at most 65535"),
    ("port: -1", "FILE:1:7: port: -1 is too small: must be at least 0"),
    ("port: http", 'FILE:1:7: port: expected a whole number, found "http"'),
    ("port: 80.5", 'FILE:1:7: port: expected a whole number, found "80.5"'),
    ("max_running: 0", "FILE:1:14: max_running: 0 is too small: must be at least 1"),
    ("max_running: 1e30", "FILE:1:14: max_running: expected a whole number"),
    ("job_rank: 99999999999999999999", "FILE:1:11: job_rank: expected a whole number"),
    ("threads: 99999999999", "FILE:1:10: threads: "),
    ("job_learning_rate: 0", "FILE:1:20: job_learning_rate: 0 is too small: must be above 0"),
    ("job_learning_rate: .nan", 'FILE:1:20: job_learning_rate: expected a number, found ".nan"'),
    ("no_auth: perhaps", 'FILE:1:10: no_auth: expected true or false, found "perhaps"'),
    ("host: [a, b]", "FILE:1:7: host: expected a text, found a list"),
    ("alias: {a: b}", "FILE:1:8: alias: expected a list, found a map"),
    ("alias: [a=b, [c]]", "FILE:1:14: alias[1]: expected a text, found a list"),
    ("port: 1\nport: 2", "FILE:2:1: port: is given twice"),
    ("<<: {port: 1}", "FILE:1:1: <<: merge keys are not supported"),
    ("model:\n\tport: 1", "FILE:2:6: not valid YAML: "),
    ("- model", 'FILE:1:1: expected settings in the form "name: value", found a list'),
    ("model", 'FILE:1:1: expected settings in the form "name: value", found "model"'),
    ("model: m\n---\nport: 1", "FILE:"),
    ("model: !!python/object/apply:os.system [id]", "FILE:1:"),
    (b"model: \xff\xfe", "FILE:"),
    (b"model: a\x00b", "FILE:"),
    (b"[" * 100000, "FILE:"),
    (b"a: &a [x]\n" + b"".join(b"%c: &%c [*%c, *%c, *%c, *%c]\n" % (98 + i, 98 + i, *[97 + i] * 4) for i in range(20)), "FILE:"),
])
def test_a_wrong_file_is_told_with_its_place(write, text, told):
    message = faults(write(text))
    assert told in message and message.count("FILE:1:7: port") <= 1, message


def test_all_faults_are_told_at_once_and_no_value_of_a_secret(write):
    message = faults(write(f"modle: x\nport: many\napi_keys: {KEY}\ndatabase: [postgresql://u:{PASSWORD}@h/n]\nmax_waiting: -1\n"))
    assert "5 settings are wrong" in message and KEY not in message and PASSWORD not in message


def test_limits_hold_on_the_command_line_too():
    for option, value in (("--port", "65536"), ("--max-running", "0"), ("--job-learning-rate", "-1"), ("--max-upload-mib", "many")):
        result = serve("--model", "m", option, value)
        assert result.returncode == 2 and option in result.stderr, result


def test_what_is_in_neither_file_nor_command_line_is_missed(write):
    assert "--model: is missing" in serve().stderr
    assert "or model: … in the file of --config" in faults(write("port: 1"))
    assert "does not exist" in serve("--config", "no-such.yaml").stderr
    assert "no-such-model" in faults(write("model: no-such-model"))
