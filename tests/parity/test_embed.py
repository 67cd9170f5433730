"""hone embed against transformers' BertModel: hidden states of random encoders, pooled as sentence-transformers pools."""
import json
import subprocess

import pytest
import torch
from safetensors.torch import load_file
from transformers import BertConfig, BertForMaskedLM, BertModel

from parity.story_model import add_tokenizer
from parity.test_model import HONE, ids_of

# Lengths from one token to the last position.
SEQUENCES = [ids_of(length) for length in (1, 2, 7, 40, 64, 13)]


def bert(folder, kind=BertModel, **overrides):
    torch.manual_seed(7)
    settings = dict(vocab_size=199, hidden_size=48, intermediate_size=112, num_hidden_layers=3, num_attention_heads=6,
                    max_position_embeddings=64, initializer_range=0.15)
    model = kind(BertConfig(**{**settings, **overrides})).eval()
    for name, parameter in model.named_parameters():
        if parameter.dim() == 1:
            parameter.data += 0.3 * torch.randn_like(parameter)
    model.save_pretrained(folder)
    return model


def sentence_files(folder, pooling=None, steps=("Transformer", "Pooling", "Normalize"), **settings):
    modules = [{"idx": i, "name": str(i), "path": "" if step == "Transformer" else f"{i}_{step}", "type": f"sentence_transformers.models.{step}"}
               for i, step in enumerate(steps)]
    (folder / "modules.json").write_text(json.dumps(modules))
    (folder / "1_Pooling").mkdir(exist_ok=True)
    modes = {f"pooling_mode_{mode}": False for mode in ("cls_token", "mean_tokens", "max_tokens", "mean_sqrt_len_tokens")}
    modes[f"pooling_mode_{pooling or 'mean_tokens'}"] = True
    (folder / "1_Pooling" / "config.json").write_text(json.dumps({"word_embedding_dimension": 48, **modes}))
    (folder / "sentence_bert_config.json").write_text(json.dumps({"max_seq_length": 32, "do_lower_case": False, **settings}))


def run(folder, lines, *extra):
    return subprocess.run([HONE, "embed", "--model", str(folder), *map(str, extra)], input="".join(line + "\n" for line in lines),
                          capture_output=True, text=True)


def embed(folder, sequences, *extra):
    result = run(folder, [json.dumps({"ids": ids}) for ids in sequences], "--ids", *extra)
    assert result.returncode == 0, result.stderr
    return torch.tensor([json.loads(line)["embedding"] for line in result.stdout.splitlines()])


def states(model, ids):
    with torch.no_grad():
        return model(input_ids=torch.tensor([ids])).last_hidden_state[0]


@pytest.mark.parametrize("overrides", [dict(), dict(hidden_act="gelu_new", layer_norm_eps=1e-3), dict(type_vocab_size=1, num_attention_heads=1)])
def test_mean_of_hidden_states(overrides, tmp_path):
    model = bert(tmp_path / "m", **overrides)
    expected = torch.stack([torch.nn.functional.normalize(states(model, ids).mean(0), dim=0) for ids in SEQUENCES])
    # All in one batch, and each alone: the same, whatever lies beside it.
    got = embed(tmp_path / "m", SEQUENCES)
    assert (got - expected).abs().max() <= 1e-5
    assert (embed(tmp_path / "m", SEQUENCES, "--batch", 1) - got).abs().max() <= 1e-6
    assert (expected[0] - expected[4]).abs().max() > 0.1, "vectors that hardly differ would show nothing"


@pytest.mark.parametrize("pooling, steps", [("mean_tokens", ("Transformer", "Pooling")), ("cls_token", ("Transformer", "Pooling")),
                                            ("cls_token", ("Transformer", "Pooling", "Normalize"))])
def test_pooling_as_the_folder_says(pooling, steps, tmp_path):
    model = bert(tmp_path / "m")
    sentence_files(tmp_path / "m", pooling, steps)
    for ids, got in zip(SEQUENCES, embed(tmp_path / "m", SEQUENCES), strict=True):
        expected = states(model, ids)[0] if pooling == "cls_token" else states(model, ids).mean(0)
        if "Normalize" in steps:
            expected = torch.nn.functional.normalize(expected, dim=0)
        assert (got - expected).abs().max() <= 1e-4


def test_files_with_a_head_and_other_outputs(tmp_path):
    model = bert(tmp_path / "m", kind=BertForMaskedLM)
    expected = torch.nn.functional.normalize(states(model.bert, SEQUENCES[3]).mean(0), dim=0)
    result = run(tmp_path / "m", [json.dumps({"ids": SEQUENCES[3]})], "--ids", "--output", tmp_path / "e.safetensors")
    assert result.returncode == 0 and result.stdout == ""
    got = load_file(tmp_path / "e.safetensors")["embeddings"]
    assert got.shape == (1, 48) and (got[0] - expected).abs().max() <= 1e-5
    rounded = embed(tmp_path / "m", SEQUENCES[3:4], "--compute-dtype", "bfloat16")[0]
    assert torch.nn.functional.cosine_similarity(rounded, expected, dim=0) > 0.999


def test_texts_are_cut_to_the_models_length(tmp_path):
    bert(tmp_path / "m", vocab_size=512)
    add_tokenizer(tmp_path / "m")
    sentence_files(tmp_path / "m")
    texts = ["Tom", "", "안녕하세요", "Once upon a time there was a little girl called Lily. " * 3]
    lines = "".join(json.dumps({"text": text}) + "\n" for text in texts)
    result = subprocess.run([HONE, "tokenize", "--tokenizer", str(tmp_path / "m"), "--add-special-tokens"], input=lines, capture_output=True, text=True)
    ids = [json.loads(line)["ids"] for line in result.stdout.splitlines()]
    assert len(ids[3]) > 32 and all(ids)
    answer = run(tmp_path / "m", texts)
    assert answer.returncode == 0, answer.stderr
    got = torch.tensor([json.loads(line)["embedding"] for line in answer.stdout.splitlines()])
    assert torch.equal(got, embed(tmp_path / "m", [i[:32] for i in ids]))


@pytest.mark.parametrize("changes, words", [
    (dict(model_type="roberta"), ["config.json", "model_type", "roberta"]),
    (dict(position_embedding_type="relative_key"), ["position_embedding_type", "relative_key"]),
    (dict(is_decoder=True), ["is_decoder"]),
    (dict(hidden_size=50), ["num_attention_heads", "50"]),
    (dict(type_vocab_size=5), ["token_type_embeddings", "[2, 48]", "[5, 48]"]),
])
def test_what_cannot_be_is_explained(changes, words, tmp_path):
    bert(tmp_path / "m")
    path = tmp_path / "m" / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))
    result = run(tmp_path / "m", ['{"ids": [1, 2]}'], "--ids")
    assert result.returncode == 2 and result.stdout == ""
    for word in words:
        assert word in result.stderr


def test_other_steps_and_lines_are_refused(tmp_path):
    bert(tmp_path / "m")
    sentence_files(tmp_path / "m", "max_tokens")
    result = run(tmp_path / "m", ['{"ids": [1]}'], "--ids")
    assert result.returncode == 2 and "pooling_mode_max_tokens" in result.stderr
    sentence_files(tmp_path / "m", steps=("Transformer", "Pooling", "Dense"))
    result = run(tmp_path / "m", ['{"ids": [1]}'], "--ids")
    assert result.returncode == 2 and "Dense" in result.stderr and "Normalize" in result.stderr
    sentence_files(tmp_path / "m")
    for line, words in [('{"ids": [199]}', ["standard input:1", "199"]), ('{"ids": []}', ["ids"]), ("[1]", ["ids"]), ('{"ids": ["a"]}', ["a"]),
                        (json.dumps({"ids": ids_of(65)}), ["65 tokens", "64 positions"])]:
        result = run(tmp_path / "m", [line], "--ids")
        assert result.returncode == 2
        for word in words:
            assert word in result.stderr
