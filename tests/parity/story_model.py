"""Small models that can be talked to: the trained tinystories-260k, and random Llamas with its tokenizer."""
import json
import os
import shutil
import subprocess
from pathlib import Path

from transformers import PreTrainedTokenizerFast

from parity import reference_models

HONE = os.environ["HONE"]
STORIES = Path(__file__).parent.parent / "data" / "tinystories-260k"
TOKENIZER_FILES = ("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json")
CHAT_TEMPLATE = ("{{ bos_token }}{% for m in messages %}{{ '[' + m['role'] + ']\n' + m['content'] }}"
                 "{% if m['role'] == 'assistant' %}{{ eos_token }}{% endif %}{{ '\n' }}{% endfor %}"
                 "{% if add_generation_prompt %}{{ '[assistant]\n' }}{% endif %}")


def hone(*arguments, **options):
    """Standard output of the program; a failure shows what it said. One thread: these models are so small that
    more only wait for one another."""
    result = subprocess.run([HONE, *map(str, arguments), "--threads", "1"], capture_output=True, text=True, **options)
    assert result.returncode == 0, result.stderr
    return result.stdout


def json_lines(text):
    return [json.loads(line) for line in text.splitlines()]


def write_lines(path, rows):
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))
    return path


def tokenizer(folder=STORIES):
    return PreTrainedTokenizerFast(tokenizer_file=str(folder / "tokenizer.json"), bos_token="<s>", eos_token="</s>",
                                   chat_template=CHAT_TEMPLATE)


def add_tokenizer(folder):
    for name in TOKENIZER_FILES:
        shutil.copy(STORIES / name, folder / name)
    (folder / "chat_template.jinja").write_text(CHAT_TEMPLATE)


def stories(folder):
    """The trained model with a chat template of the tests' own."""
    folder.mkdir()
    for name in ("config.json", "generation_config.json", "model.safetensors"):
        shutil.copy(STORIES / name, folder / name)
    add_tokenizer(folder)
    return folder


def random_llama(folder, **overrides):
    """The transformers model; the folder can be given to hone generate."""
    model = reference_models.llama(folder, **{"vocab_size": 512, "max_position_embeddings": 512, **overrides})
    add_tokenizer(folder)
    return model
