"""safetensors files and folders: what the library and transformers write is read here, and the other way round."""
import json
import os
import pathlib
import struct
import subprocess

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM

from parity import reference_models

HONE = os.environ["HONE"]
COPY = pathlib.Path(HONE).parent / "tests" / "hone_copy_safetensors"
TYPES = [torch.bool, torch.uint8, torch.int8, torch.float8_e5m2, torch.float8_e4m3fn, torch.int16, torch.float16, torch.bfloat16,
         torch.int32, torch.float32, torch.float64, torch.int64]
IDS = [1, 5, 77, 130, 42]


def run(*arguments):
    return subprocess.run([*map(str, arguments)], capture_output=True, text=True)


def hone(*arguments):
    result = run(HONE, *arguments)
    assert result.returncode == 0, result.stderr
    return result.stdout


def copy(source, target):
    result = run(COPY, source, target)
    assert result.returncode == 0, result.stderr
    return load_file(target)


def bits(tensor):
    """Equality of every bit, NaN and float8 included."""
    return tensor.contiguous().flatten().view(torch.uint8) if tensor.numel() else torch.empty(0, dtype=torch.uint8)


def assert_equal(got, expected):
    assert list(got) == list(expected) or set(got) == set(expected)
    for name, tensor in expected.items():
        assert got[name].dtype == tensor.dtype and got[name].shape == tensor.shape, name
        assert torch.equal(bits(got[name].reshape(-1)), bits(tensor.reshape(-1))), name


@pytest.mark.parametrize("dtype", TYPES, ids=str)
def test_every_type_and_shape_both_ways(dtype, tmp_path):
    torch.manual_seed(0)
    drawn = torch.randint(0, 256, (4096,), dtype=torch.uint8)

    def of(*shape):
        """Any bits that the type can have."""
        raw = drawn[:torch.Size(shape).numel() * dtype.itemsize].clone()
        return (raw > 127 if dtype == torch.bool else raw.view(dtype)).reshape(shape)

    tensors = {"matrix": of(5, 7), "odd": of(3), "cube": of(2, 3, 5), "scalar": of(1).reshape(()), "empty": of(0),
               "no.rows": of(0, 9), "no.columns": of(4, 0, 2), "이름 \"\\": of(1, 1)}
    metadata = {"format": "pt", "메모": "줄\n바꿈 \"따옴표\" \\", "empty": ""}
    save_file(tensors, tmp_path / "theirs.safetensors", metadata)
    assert_equal(copy(tmp_path / "theirs.safetensors", tmp_path / "mine.safetensors"), tensors)
    with safe_open(tmp_path / "mine.safetensors", "pt") as file:
        assert file.metadata() == metadata


def test_all_types_in_one_file_lie_where_the_library_puts_them(tmp_path):
    tensors = {f"{i}.{dtype}": torch.ones(i % 4 + 1).to(dtype) for i, dtype in enumerate(TYPES * 2)}
    save_file(tensors, tmp_path / "theirs.safetensors", {"format": "pt"})
    assert_equal(copy(tmp_path / "theirs.safetensors", tmp_path / "mine.safetensors"), tensors)
    assert (tmp_path / "mine.safetensors").read_bytes() == (tmp_path / "theirs.safetensors").read_bytes()


def test_files_without_tensors_or_metadata(tmp_path):
    save_file({}, tmp_path / "none.safetensors", {"only": "metadata"})
    assert copy(tmp_path / "none.safetensors", tmp_path / "a.safetensors") == {}
    save_file({"x": torch.ones(2)}, tmp_path / "bare.safetensors")
    assert_equal(copy(tmp_path / "bare.safetensors", tmp_path / "b.safetensors"), {"x": torch.ones(2)})


def reference_logits(model):
    with torch.no_grad():
        return model.eval()(torch.tensor([IDS])).logits[0]


def logits(folder, tmp_path):
    hone("model", "logits", "--model", folder, "--ids", ",".join(map(str, IDS)), "--output", tmp_path / "l.safetensors")
    return load_file(tmp_path / "l.safetensors")["logits"]


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64], ids=str)
def test_models_of_every_float_type_are_read(dtype, tmp_path):
    reference_models.llama(tmp_path / "m").to(dtype).save_pretrained(tmp_path / "m")
    model = AutoModelForCausalLM.from_pretrained(tmp_path / "m", dtype=torch.float32)
    info = json.loads(hone("model", "info", "--model", tmp_path / "m", "--json"))
    assert info["parameters"] == sum(p.numel() for p in model.parameters())
    assert info["bytes"] == info["parameters"] * dtype.itemsize and info["dtype"] == str(dtype).removeprefix("torch.")
    assert (logits(tmp_path / "m", tmp_path) - reference_logits(model)).abs().max() <= 1e-4


@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "float16"])
def test_models_written_here_are_read_by_the_library(dtype, tmp_path):
    model = reference_models.llama(tmp_path / "m", attention_bias=True)
    hone("model", "convert", "--model", tmp_path / "m", "--output", tmp_path / "c", "--dtype", dtype)
    expected = {name: tensor.to(getattr(torch, dtype)) for name, tensor in model.state_dict().items()}
    assert_equal(load_file(tmp_path / "c" / "model.safetensors"), expected)
    with safe_open(tmp_path / "c" / "model.safetensors", "pt") as file:
        assert file.metadata() == {"format": "pt"}
    loaded = AutoModelForCausalLM.from_pretrained(tmp_path / "c")
    assert loaded.dtype == getattr(torch, dtype)
    assert_equal(loaded.state_dict(), expected)
    # The same file as the library writes, byte for byte.
    save_file(expected, tmp_path / "theirs.safetensors", {"format": "pt"})
    assert (tmp_path / "c" / "model.safetensors").read_bytes() == (tmp_path / "theirs.safetensors").read_bytes()


@pytest.mark.parametrize("tied", [False, True])
def test_shards_both_ways(tied, tmp_path):
    model = reference_models.llama(tmp_path / "m", tie_word_embeddings=tied)
    model.save_pretrained(tmp_path / "s", max_shard_size="60KB")
    theirs = json.loads((tmp_path / "s" / "model.safetensors.index.json").read_text())
    assert len(set(theirs["weight_map"].values())) > 3
    assert (logits(tmp_path / "s", tmp_path) - reference_logits(model)).abs().max() <= 1e-4

    hone("model", "convert", "--model", tmp_path / "s", "--output", tmp_path / "c", "--dtype", "float32", "--max-shard-size", "60KB")
    mine = json.loads((tmp_path / "c" / "model.safetensors.index.json").read_text())
    files = sorted(set(mine["weight_map"].values()))
    assert files == [f"model-{i + 1:05d}-of-{len(files):05d}.safetensors" for i in range(len(files))] and len(files) > 3
    assert sorted(p.name for p in (tmp_path / "c").glob("*.safetensors")) == files
    assert set(mine["weight_map"]) == set(theirs["weight_map"])
    assert mine["metadata"]["total_size"] == theirs["metadata"]["total_size"]
    for file in files:
        held = load_file(tmp_path / "c" / file)
        assert set(held) == {name for name, shard in mine["weight_map"].items() if shard == file}
        assert len(held) == 1 or sum(t.nbytes for t in held.values()) <= 60_000
    loaded = AutoModelForCausalLM.from_pretrained(tmp_path / "c", dtype=torch.float32)
    assert_equal(loaded.state_dict(), model.state_dict())


@pytest.mark.parametrize("size", ["0", "5 apples", "-3MB", "MB", "1e400GB", ""])
def test_a_size_that_is_none_is_explained(size, tmp_path):
    reference_models.llama(tmp_path / "m")
    result = run(HONE, "model", "convert", "--model", tmp_path / "m", "--output", tmp_path / "c", f"--max-shard-size={size}")
    assert result.returncode == 2 and "--max-shard-size" in result.stderr and not (tmp_path / "c").exists()


def with_header(change):
    def damage(raw):
        length = struct.unpack("<Q", raw[:8])[0]
        header = json.loads(raw[8:8 + length])
        change(header)
        text = json.dumps(header).encode()
        return struct.pack("<Q", len(text)) + text + raw[8 + length:]
    return damage


NORM = "model.norm.weight"
DAMAGES = {
    "cut": (lambda raw: raw[:-10], ["bytes"]),
    "longer": (lambda raw: raw + b"\0" * 8, ["bytes"]),
    "no header": (lambda raw: raw[:5], []),
    "header too long": (lambda raw: struct.pack("<Q", 1 << 60) + raw[8:], ["header"]),
    "header is no JSON": (lambda raw: raw[:8] + b"[" + raw[9:], ["header"]),
    "unknown type": (with_header(lambda h: h[NORM].update(dtype="F7")), [NORM, "F7"]),
    "type of the library that is no weight": (with_header(lambda h: h[NORM].update(dtype="U16")), [NORM, "U16"]),
    "shape and bytes disagree": (with_header(lambda h: h[NORM].update(shape=[47])), [NORM]),
    "bytes twice": (with_header(lambda h: h[NORM].update(data_offsets=[0, 192])), []),
    "outside": (with_header(lambda h: h[NORM].update(data_offsets=[1 << 40, (1 << 40) + 192])), [NORM]),
    "negative": (with_header(lambda h: h[NORM].update(shape=[-48])), [NORM]),
    "tensor missing": (lambda raw: raw, [NORM]),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_damaged_files_are_refused_with_an_explanation(damage, tmp_path):
    reference_models.llama(tmp_path / "m")
    file = tmp_path / "m" / "model.safetensors"
    change, words = DAMAGES[damage]
    if damage == "tensor missing":
        save_file({name: tensor for name, tensor in load_file(file).items() if name != NORM}, file)
    else:
        file.write_bytes(change(file.read_bytes()))
        with pytest.raises(Exception):  # the library refuses all of these too, but for the type that it alone knows
            if damage == "type of the library that is no weight":
                raise ValueError
            load_file(file)
    for command in (["logits", "--ids", "1", "--output", tmp_path / "o"], ["convert", "--output", tmp_path / "c"]):
        result = run(HONE, "model", command[0], "--model", tmp_path / "m", *command[1:])
        assert result.returncode == 2, result.stderr
        for word in [str(tmp_path / "m"), "fix:", *words]:
            assert word in result.stderr, result.stderr
        assert not (tmp_path / "o").exists() and not (tmp_path / "c").exists()


@pytest.mark.parametrize("change, word", [
    (lambda folder, index: next(folder.glob("model-00002*")).unlink(), "model-00002"),
    (lambda folder, index: index["weight_map"].update({NORM: "../m/model.safetensors"}), NORM),
    (lambda folder, index: index["weight_map"].update({NORM: index["weight_map"]["model.embed_tokens.weight"]}), NORM),
    (lambda folder, index: index.pop("weight_map"), "weight_map"),
    (lambda folder, index: index["weight_map"].pop(NORM), NORM),
])
def test_damaged_indices_are_refused_with_an_explanation(change, word, tmp_path):
    model = reference_models.llama(tmp_path / "m")
    model.save_pretrained(tmp_path / "s", max_shard_size="60KB")
    path = tmp_path / "s" / "model.safetensors.index.json"
    index = json.loads(path.read_text())
    change(tmp_path / "s", index)
    path.write_text(json.dumps(index))
    result = run(HONE, "model", "logits", "--model", tmp_path / "s", "--ids", "1", "--output", tmp_path / "o")
    assert result.returncode == 2 and word in result.stderr and "fix:" in result.stderr
