"""Every combination of what a run is made of works or is refused with its reason. The names come from the program's own
lists, so that a new method, objective, optimiser or penalty is tried with everything else as soon as it is there.

Method × storage × objective is gone through in full; any other two settings meet in at least one run.
"""
import itertools
import json
import math
import os
import random
import subprocess
from concurrent.futures import ThreadPoolExecutor

import pytest

from parity import reference_models, small_tokenizer, story_model

HONE = os.environ["HONE"]
STEPS, MIDDLE = 4, 2


def run(*arguments):
    return subprocess.run([HONE, *map(str, arguments)], capture_output=True, text=True)


def hone(*arguments):
    # Models this small gain nothing from threads, and lose much where processors are busy.
    threads = ["--threads", "1"] if arguments[0] in ("train", "evaluate", "generate", "merge") else []
    result = run(*arguments, *threads)
    assert result.returncode == 0, f"{' '.join(map(str, arguments))}\n{result.stderr}"
    return result.stdout


def names(kind):
    return [entry["name"] for entry in json.loads(hone("list", kind, "--json"))]


# How the base lies: a piece of configuration, and what says the same to other commands.
STORAGES = {
    "dense": ("{}", []),
    "nf4": ("{load_in_4bit: true}", ["--quantization", "nf4"]),
    "nf4-double": ("{load_in_4bit: true, bnb_4bit_use_double_quant: true}", ["--quantization", "nf4", "--double-quant"]),
    "fp4": ("{load_in_4bit: true, bnb_4bit_quant_type: fp4}", ["--quantization", "fp4"]),
    "fp4-double": ("{load_in_4bit: true, bnb_4bit_quant_type: fp4, bnb_4bit_use_double_quant: true}", ["--quantization", "fp4", "--double-quant"]),
    "int8": ("{load_in_8bit: true}", ["--quantization", "int8"]),
    "stored": ("{}", []),  # a folder in nf4
}
# What a method cannot do without; one that is not here needs nothing said.
METHOD_SETTINGS = {"partial": "partial: {train_last_layers: 1, embeddings: true, norms: all}"}

FACTORS = {
    "method": names("methods"),
    "storage": list(STORAGES),
    "objective": names("objectives"),
    "family": list(reference_models.FAMILIES),
    "optim": names("optimizers"),
    "penalty": ["none", *names("regularizers")],
    "packing": [False, True],
    "accumulation": [1, 2],
    "recompute": [False, True],
    "noise": [0, 5],
    "dropout": [0, 0.1],
    "compute": ["float32", "bfloat16"],
    "grouping": [False, True],
    "on_prompt": [False, True],
}
PLAIN = {**{name: values[0] for name, values in FACTORS.items()}, "method": "lora", "objective": "sft"}
TRAIN_THE_BASE = ("full", "partial")
LEARN_FROM_PAIRS = ("dpo", "ipo")

# All that is refused: when, the setting that is named, and the reason. Whatever is not here must work.
REFUSALS = [
    (lambda c: c["method"] in TRAIN_THE_BASE and c["storage"] not in ("dense", "stored"), "method", "bit would freeze in few bits"),
    (lambda c: c["method"] in TRAIN_THE_BASE and c["storage"] == "stored", "method", "which are quantised"),
    (lambda c: c["penalty"] == "ewc" and c["objective"] in LEARN_FROM_PAIRS, "regularization.type", "which pairs have none of"),
    (lambda c: c["on_prompt"] and c["objective"] in LEARN_FROM_PAIRS, "data.train_on_prompt", "two answers have one prompt"),
    (lambda c: c["grouping"] and c["packing"], "training.group_by_length", "packed rows are of one length"),
]


def refusal(case):
    return next(((place, reason) for applies, place, reason in REFUSALS if applies(case)), None)


def meetings(case):
    return set(itertools.combinations(case.items(), 2))


def complete(chosen, unmet, rng):
    """`chosen`, with values for the rest that are not refused: those that meet most others for the first time, else any."""
    for name, values in FACTORS.items():
        if name in chosen:
            continue
        possible = [{**chosen, name: value} for value in values if not refusal({**PLAIN, **chosen, name: value})]
        chosen = max(possible, key=lambda case: (len({frozenset(m) for m in meetings(case)} & unmet), rng.random()))
    return {name: chosen[name] for name in FACTORS}


def plan():
    """(cases that must work, cases that are refused)"""
    core = [dict(zip(("method", "storage", "objective"), values)) for values in
            itertools.product(FACTORS["method"], FACTORS["storage"], FACTORS["objective"])]
    pairs = [{a: x, b: y} for a, b in itertools.combinations(FACTORS, 2) for x, y in itertools.product(FACTORS[a], FACTORS[b])]
    refused = {tuple({**PLAIN, **part}.items()): {**PLAIN, **part} for part in [*core, *pairs] if refusal({**PLAIN, **part})}
    unmet = {frozenset(pair.items()) for pair in pairs if not refusal({**PLAIN, **pair})}
    working, rng = [], random.Random(7)
    for part in [*core, *pairs]:
        if refusal({**PLAIN, **part}) or (len(part) == 2 and frozenset(part.items()) not in unmet):
            continue
        working.append(complete(part, unmet, rng))
        unmet -= {frozenset(meeting) for meeting in meetings(working[-1])}
    assert not unmet
    return working, list(refused.values())


WORKING, REFUSED = plan()


def title(case):
    """What sets it apart from the plain one."""
    return "-".join(str(value) if name in ("method", "storage", "objective", "family", "optim", "penalty", "compute") else f"{name}{value}"
                    for name, value in case.items() if name in ("method", "storage", "objective") or value != PLAIN[name])


def rows(count, seed):
    """The same words as chats, as raw text and as pairs of answers."""
    rng = random.Random(seed)
    for i in range(count):
        question, answer, other = (" ".join(rng.choice(["one", "two", "셋"]) for _ in range(rng.randrange(1, 8))) for _ in range(3))
        yield {
            "chats": {"messages": [{"role": "user", "content": f"{i}: {question}"}, {"role": "assistant", "content": answer}]},
            "texts": {"text": f"{question}. {answer}"},
            "pairs": {"prompt": [{"role": "user", "content": f"{i}: {question}"}], "chosen": [{"role": "assistant", "content": answer}],
                      "rejected": [{"role": "assistant", "content": f"{other}?"}]},
        }


@pytest.fixture(scope="session")
def place(tmp_path_factory):
    """Models, each dense and in few bits, and data of every shape."""
    folder = tmp_path_factory.mktemp("combinations")
    for family, write in reference_models.FAMILIES.items():
        sizes = {"llama": {"intermediate_size": 128, "num_key_value_heads": 2}, "qwen2": {"intermediate_size": 128, "num_key_value_heads": 2},
                 "opt": {"ffn_dim": 128}}.get(family, {})
        write(folder / family, vocab_size=small_tokenizer.VOCABULARY, hidden_size=64, num_hidden_layers=2, num_attention_heads=4,
              max_position_embeddings=256, initializer_range=0.05, **sizes)
        small_tokenizer.write(folder / family)
        hone("model", "quantize", "--model", folder / family, "--type", "nf4", "--output", folder / f"{family}-stored")
    for name, count, seed in (("train", 20, 1), ("validation", 6, 2)):
        examples = list(rows(count, seed))
        for shape in examples[0]:
            (folder / f"{name}-{shape}.jsonl").write_text("".join(json.dumps(example[shape]) + "\n" for example in examples))
    return folder


def base_of(case, place):
    return place / (case["family"] + ("-stored" if case["storage"] == "stored" else ""))


def write_config(case, place, shape, file):
    yes = lambda name: str(case[name]).lower()
    penalty = f"{{type: {case['penalty']}, lambda: 0.01{', data: [%s]' % (place / f'train-{shape}.jsonl') if case['penalty'] == 'ewc' else ''}}}"
    file.write_text(f"""
model: {{name_or_path: {base_of(case, place)}, compute_dtype: {case["compute"]}}}
data: {{train: {place}/train-{shape}.jsonl, validation: {place}/validation-{shape}.jsonl, max_length: 192, packing: {yes("packing")},
  train_on_prompt: {yes("on_prompt")}}}
method: {case["method"]}
objective: {case["objective"]}
quantization: {STORAGES[case["storage"]][0]}
lora: {{r: 4, lora_dropout: {case["dropout"]}}}
{METHOD_SETTINGS.get(case["method"], "")}
regularization: {penalty if case["penalty"] != "none" else "{}"}
training: {{output_dir: {file.parent}/run, max_steps: {STEPS}, per_device_train_batch_size: 2, gradient_accumulation_steps: {case["accumulation"]},
  learning_rate: 5.0e-3, optim: {case["optim"]}, gradient_checkpointing: {yes("recompute")}, neftune_noise_alpha: {case["noise"]},
  group_by_length: {yes("grouping")}, logging_steps: 1, eval_steps: {MIDDLE}, save_steps: {MIDDLE}}}
""")
    return file


@pytest.fixture(scope="session")
def shapes(place):
    """The shape of data that each objective reads: the first that it does not refuse."""
    config = place / "shape.yaml"
    def reads(objective, shape):
        write_config({**PLAIN, "objective": objective}, place, shape, config)
        return run("estimate", config, "--no-probe").returncode == 0
    return {objective: next(shape for shape in ("chats", "texts", "pairs") if reads(objective, shape)) for objective in FACTORS["objective"]}


def curve(folder):
    """What was logged of each step, without what depends on the clock and the machine."""
    lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    return [{k: v for k, v in line.items() if k not in ("wall_time", "tokens_per_second", "peak_memory_bytes")} for line in lines]


def weights(folder):
    return {file.name: file.read_bytes() for file in folder.glob("*.safetensors")}


def loss(data, *model):
    return json.loads(hone("evaluate", *model, "--data", data, "--metrics", "loss", "--compute-dtype", "float32", "--json"))["metrics"]["loss"]


def goes_on(config, output, again):
    hone("train", config, f"training.output_dir={again}", "--resume-from", output / f"checkpoint-{MIDDLE}")
    assert [line for line in curve(again) if line["step"] > MIDDLE] == [line for line in curve(output) if line["step"] > MIDDLE]
    assert weights(again) == weights(output)


def answers(model):
    answer = json.loads(hone("generate", *model, "--prompt", "one two", "--max-new-tokens", "4", "--json"))
    assert 0 < len(answer["ids"]) <= 4


def merged_loss(case, base, output, data):
    merged = output.parent / "merged"
    said = json.loads(hone("merge", *base, "--adapter", output, "--output", merged, "--dtype", "float32", "--json"))
    assert (said["few_bits"] > 0) == (said["requantised_error"] is not None) == (case["storage"] != "dense")
    return loss(data, "--model", merged)


@pytest.mark.parametrize("case", WORKING, ids=title)
def test_works(case, place, shapes, tmp_path):
    shape = shapes[case["objective"]]
    output, data = tmp_path / "run", place / f"validation-{'chats' if shape == 'pairs' else shape}.jsonl"
    config = write_config(case, place, shape, tmp_path / "config.yaml")
    hone("train", config)
    logged = curve(output)
    assert [line["step"] for line in logged if "loss" in line] == list(range(1, STEPS + 1))
    assert [line["step"] for line in logged if "eval_loss" in line] == [MIDDLE, STEPS]
    assert all(math.isfinite(value) for line in logged for value in line.values())

    adapter = (output / "adapter_config.json").exists()
    base = ["--model", base_of(case, place), *STORAGES[case["storage"]][1]]
    model = [*base, "--adapter", output] if adapter else ["--model", output]
    with ThreadPoolExecutor(2) as pool:  # programs of one thread each
        work = [pool.submit(goes_on, config, output, tmp_path / "again"), pool.submit(answers, model)]
        scored = pool.submit(loss, data, *model).result()
        if adapter:  # one folder instead of two, and the same answers
            assert pool.submit(merged_loss, case, base, output, data).result() == pytest.approx(scored, rel=1e-5)
        for part in work:
            part.result()
    if case["compute"] == "float32" and shape != "pairs" and not case["on_prompt"]:
        assert scored == pytest.approx([line["eval_loss"] for line in logged if "eval_loss" in line][-1], rel=1e-5)


@pytest.mark.parametrize("case", REFUSED, ids=title)
def test_is_refused_with_its_reason(case, place, shapes, tmp_path):
    setting, reason = refusal(case)
    result = run("train", write_config(case, place, shapes[case["objective"]], tmp_path / "config.yaml"), "--json")
    assert result.returncode == 2, result.stderr
    error = json.loads(result.stdout)["error"]
    assert setting in error["place"] + error["message"] and reason in error["message"] and error["fix"], error
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("rate, least, most", [("1.0e-4", 0.8, 1.1), ("3.0e-4", 0.4, 0.9), ("1.0e-3", 0.005, 0.2)])
def test_what_merging_into_few_bits_keeps_and_quantising_again_loses(rate, least, most, place, tmp_path):
    """A trained model in nf4 learns chats; of what the loss fell by, merging keeps all and nf4 again loses the more the smaller the update
    is. docs/quantisation.md has the figures."""
    base, adapter = tmp_path / "base", tmp_path / "run"
    story_model.stories(tmp_path / "dense")
    hone("model", "quantize", "--model", tmp_path / "dense", "--type", "nf4", "--output", base)
    chats = tmp_path / "chats.jsonl"
    chats.write_text("".join(json.dumps(example["chats"]) + "\n" for example in rows(40, seed=1)))
    config = tmp_path / "config.yaml"
    config.write_text(f"""
model: {{name_or_path: {base}, compute_dtype: float32}}
data: {{train: {chats}, max_length: 192}}
lora: {{r: 8, lora_dropout: 0}}
training: {{output_dir: {adapter}, max_steps: 60, per_device_train_batch_size: 2, learning_rate: {rate}, save_strategy: "no"}}
""")
    hone("train", config)
    merging = ["merge", "--model", base, "--adapter", adapter, "--dtype", "float32"]
    merged = json.loads(hone(*merging, "--output", tmp_path / "merged", "--json"))
    hone("model", "quantize", "--model", tmp_path / "merged", "--type", "nf4", "--output", tmp_path / "again")
    start, apart, dense, again = (loss(chats, *model) for model in (
        ["--model", base], ["--model", base, "--adapter", adapter], ["--model", tmp_path / "merged"], ["--model", tmp_path / "again"]))
    lost = (again - apart) / (start - apart)
    print(f"\n{rate}: base {start:.3f}, with adapter {apart:.3f}, merged {dense:.3f}, in nf4 again {again:.3f}: {lost:.3f} lost; {merged}")
    assert apart < start - 1 and dense == pytest.approx(apart, rel=1e-5)
    assert least < lost < most
    assert merged["few_bits"] == merged["modules"] == 35 and 0.7 < merged["requantised_error"] < 1.3


def test_merging_into_few_bits_says_what_happens(place, tmp_path):
    config = write_config({**PLAIN, "storage": "stored"}, place, "chats", tmp_path / "config.yaml")
    hone("train", config)
    merging = ["merge", "--adapter", tmp_path / "run", "--output", tmp_path / "merged", "--model"]
    told = run(*merging, place / "llama-stored").stderr
    assert "14 of the base's matrices lay in few bits" in told and "times what the adapter changed" in told and "keep the adapter apart" in told
    assert "few bits" not in run(*merging, place / "llama").stderr
