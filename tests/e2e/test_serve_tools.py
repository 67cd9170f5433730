"""Answers that call functions: required, named, several at once, streamed, for each form that templates teach."""

import pytest

from e2e.service import CLIENTS, Service
from parity import reference_models, small_tokenizer

pytestmark = pytest.mark.skipif(not CLIENTS.exists(), reason="build/python-clients is not there: tools/setup.sh oracles")
SAYS = {"HERMES": "<tool_call>\\n{\"name\": <function-name>, \"arguments\": <args-json-object>}\\n</tool_call>",
        "MISTRAL": "[AVAILABLE_TOOLS][TOOL_CALLS] [{\"name\": \"f\", \"arguments\": {}}]",
        "LLAMA": "{\"name\": function name, \"parameters\": dictionary of argument name and its value}"}


def template(form):
    return "{% if tools %}{{ '" + SAYS[form] + "' }}{% endif %}" + small_tokenizer.TEMPLATE


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """A vocabulary with a token of its own for <tool_call>, as Qwen's has it."""
    folder = tmp_path_factory.mktemp("base") / "model"
    reference_models.llama(folder, vocab_size=264, hidden_size=96, intermediate_size=192, num_hidden_layers=2, max_position_embeddings=1024)
    tokenizer = small_tokenizer.write(folder)
    tokenizer.add_tokens(["<tool_call>"])
    assert tokenizer.token_to_id("<tool_call>") == 259
    tokenizer.save(str(folder / "tokenizer.json"))
    return folder


@pytest.mark.parametrize("form", SAYS)
def test_calls_are_what_the_template_teaches_and_the_schemas_say(model, tmp_path, form):
    (tmp_path / "template.jinja").write_text(template(form))
    service = Service(model, tmp_path / "data", "--chat-template", tmp_path / "template.jinja").start()
    result = service.client("tool_calls.py", form)
    assert result.returncode == 0, result.stderr
    assert int(result.stdout) > 15
    service.stop()


def test_a_template_that_teaches_no_calls_is_refused(model, tmp_path):
    service = Service(model, tmp_path / "data").start()
    tools = [{"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}]
    for settings in ({"tool_choice": "required"}, {"tool_choice": {"type": "function", "function": {"name": "f"}}},
                     {"tools": [{"type": "function", "function": {"name": "f", "strict": True}}]}, {"parallel_tool_calls": False}):
        status, answer = service.chat(**{"tools": tools, **settings})
        assert status == 400 and answer["error"]["param"] == "tool_choice", answer
        assert "teaches no form of calls" in answer["error"]["message"]
    assert service.chat(tools=tools, max_tokens=3)[0] == 200
    service.stop()
