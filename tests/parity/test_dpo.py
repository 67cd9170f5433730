"""Preference objectives against TRL's DPOTrainer: the tokens of pairs, and at every step of a run loss, rewards, log-probabilities
and gradients. TRL gets the weights that hone had before the step, so nothing drifts apart; gradients are read from the moments of
AdamW, whose first moment is a mean of them."""
import json
import os
import subprocess

import pytest
import torch
from datasets import Dataset
from peft import PeftModel
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM, PreTrainedTokenizerFast
from trl import DPOConfig, DPOTrainer

from parity import reference_models, small_tokenizer

HONE = os.environ["HONE"]
torch.set_num_threads(1)  # the models are so small that more threads only wait for one another
# Nothing after the end of a turn: there TRL would count what the template writes, and hone ends with the stop token (docs/preferences.md).
TEMPLATE = ("{% for m in messages %}{{ '<|im_start|>' + m['role'] + '\n' + m['content'] + '<|im_end|>' }}{% endfor %}"
            "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}")
PAIRS = [("안녕하세요?", "네, 반갑습니다. 오늘은 무엇을 도와 드릴까요?", "몰라요."), ("What is 2 + 3?", "2 + 3 = 5.", "2 + 3 = 6, I think, or maybe 7."),
         ("하늘은 왜 파란가요?", "빛이 흩어지기 때문입니다.", "바다가 비쳐서요."), ("Name a colour.", "Blue.", "Seventeen, or a dog."),
         ("짧게 말해줘", "네.", "아니요, 길게 말하겠습니다."), ("Count to five.", "1, 2, 3, 4, 5", "5"),
         ("고양이", "야옹 하고 웁니다. 아주 귀엽습니다.", "멍멍."), ("Say hi", "Hi there, nice to meet you!", "No no no no no")]
HELD_OUT = [("Name an animal.", "A cat.", "Green, mostly."), ("잘 자", "안녕히 주무세요.", "네?"), ("2 * 2?", "4", "22")]
BETAS = dict(beta=0.9)  # small random models move little: a large beta makes every term matter


def turn(role, content):
    return [{"role": role, "content": content}]


def conversational(question, chosen, rejected):
    return {"prompt": turn("user", question), "chosen": turn("assistant", chosen), "rejected": turn("assistant", rejected)}


PAIRS_AS_ROWS = [conversational(*pair) for pair in PAIRS]
HELD_OUT_AS_ROWS = [conversational(*pair) for pair in HELD_OUT]


def write(path, rows):
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))
    return path


@pytest.fixture(scope="module")
def ready(tmp_path_factory):
    folder = tmp_path_factory.mktemp("dpo")
    reference_models.llama(folder / "model", vocab_size=small_tokenizer.VOCABULARY, max_position_embeddings=256, initializer_range=0.1)
    small_tokenizer.write(folder / "model")
    settings = json.loads((folder / "model/tokenizer_config.json").read_text())
    (folder / "model/tokenizer_config.json").write_text(json.dumps({**settings, "chat_template": TEMPLATE}))
    write(folder / "pairs.jsonl", PAIRS_AS_ROWS)
    write(folder / "held-out.jsonl", HELD_OUT_AS_ROWS)
    # An adapter to go on from, of three steps of supervised tuning.
    write(folder / "chats.jsonl", [{"messages": turn("user", q) + turn("assistant", a)} for q, a, _ in PAIRS])
    result = train(folder, folder / "adapter", "data.validation=null", "objective=sft", f"data.train={folder / 'chats.jsonl'}", "training.max_steps=3",
                   "training.eval_strategy=no")
    assert result.returncode == 0, result.stderr
    return folder


def train(folder, output, *overrides, adapter=None):
    lora = f"adapter_name_or_path: {adapter}" if adapter else "r: 4, lora_alpha: 8, lora_dropout: 0.2, target_modules: all-linear"
    config = output.parent / f"{output.name}.yaml"
    config.write_text(f"""
model: {{name_or_path: {folder / 'model'}, compute_dtype: float32}}
data: {{train: {folder / 'pairs.jsonl'}, validation: {folder / 'held-out.jsonl'}, packing: false, shuffle: false, max_length: 256}}
method: lora
objective: dpo
lora: {{{lora}}}
dpo: {{beta: {BETAS['beta']}}}
training: {{output_dir: {output}, per_device_train_batch_size: 2, gradient_accumulation_steps: 2, max_steps: 4, learning_rate: 3.0e-3,
  lr_scheduler_type: constant_with_warmup, warmup_steps: 1, max_grad_norm: 0, logging_steps: 1, eval_steps: 1, save_steps: 1}}
""")
    return subprocess.run([HONE, "train", str(config), *overrides, "--threads", "1"], capture_output=True, text=True)


def tokenizer_of(folder):
    return PreTrainedTokenizerFast(tokenizer_file=str(folder / "model/tokenizer.json"), eos_token="<|im_end|>", pad_token="<|endoftext|>", chat_template=TEMPLATE)


def plain_model(folder):
    return AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)


def trl_trainer(ready, tmp_path, model, reference=None, rows=PAIRS_AS_ROWS, **settings):
    arguments = DPOConfig(output_dir=str(tmp_path / "trl"), per_device_train_batch_size=4, max_length=256, report_to="none", bf16=False, use_cpu=True,
                          gradient_checkpointing=False, **{**BETAS, **settings})
    return DPOTrainer(model=model, ref_model=reference, args=arguments, train_dataset=Dataset.from_list(rows),
                      eval_dataset=Dataset.from_list(HELD_OUT_AS_ROWS), processing_class=tokenizer_of(ready))


def lines(output):
    return [json.loads(line) for line in (output / "metrics.jsonl").read_text().splitlines()]


def gradients(output, step):
    """Of step `step` (from 1), by hone's names: m = 0.9 m' + 0.1 g."""
    moments = load_file(output / f"checkpoint-{step}/optimizer.safetensors")
    before = load_file(output / f"checkpoint-{step - 1}/optimizer.safetensors") if step > 1 else {}
    stem = "exp_avg."
    return {name[len(stem):]: (value - 0.9 * before.get(name, torch.zeros_like(value))) / 0.1 for name, value in moments.items() if name.startswith(stem)}


def figures(trainer, rows, training):
    """What TRL says of these rows as one batch, and its loss with a graph behind it."""
    trainer.model.train(training)
    mode = "train" if training else "eval"
    trainer._metrics[mode].clear()
    loss = trainer.compute_loss(trainer.model, trainer.data_collator(rows))
    return loss, {name: values[0] for name, values in trainer._metrics[mode].items() if name.startswith(("rewards/", "logps/"))}


def assert_same(line, prefix, loss, expected, what):
    assert line[prefix + "loss"] == pytest.approx(loss, rel=2e-5, abs=2e-6), what
    assert len(expected) == 6
    for name, value in expected.items():
        assert line[prefix + name] == pytest.approx(value, rel=2e-5, abs=2e-4 if "rewards" in name else 1e-3), (what, name)


def assert_gradients(mine, model, rename, what):
    seen = 0
    for name, parameter in model.named_parameters():
        if not parameter.requires_grad:
            continue
        found, expected = mine[rename(name)], parameter.grad
        scale = max(p.grad.abs().max().item() for p in model.parameters() if p.grad is not None)
        assert (found - expected).abs().max().item() <= 2e-4 * expected.abs().max().item() + 1e-6 * scale, (what, name)
        seen += 1
    assert seen == len(mine)


def compare(ready, tmp_path, output, model, reference, load, rename, **settings):
    """Each step of the run in `output`, and each evaluation, against TRL with the weights of that moment."""
    trainer = trl_trainer(ready, tmp_path, model, reference, **settings)
    steps = [line for line in lines(output) if "loss" in line]
    evaluations = {line["step"]: line for line in lines(output) if "eval_loss" in line}
    assert len(steps) == 4 and len(evaluations) == 4
    for step, line in enumerate(steps, start=1):
        load(output / f"checkpoint-{max(1, step - 1)}")  # the rate of step 1 is 0
        half = [trainer.train_dataset[i] for i in (range(4) if step % 2 else range(4, 8))]
        model.zero_grad()
        loss, expected = figures(trainer, half, True)
        loss.backward()
        assert_same(line, "", loss.item(), expected, f"step {step}")
        assert_gradients(gradients(output, step), model, rename, f"step {step}")
        load(output / f"checkpoint-{step}")
        with torch.no_grad():
            loss, expected = figures(trainer, list(trainer.eval_dataset), False)
        assert_same(evaluations[step], "eval_", loss.item(), expected, f"evaluation {step}")
    return steps


LOSSES = [dict(loss_type="sigmoid"), dict(loss_type="robust", label_smoothing=0.15), dict(loss_type="hinge"), dict(loss_type="ipo")]


def overrides_of(settings):
    return [f"dpo.{name}={value}" for name, value in settings.items()]


def peft_names(name):
    return name.replace(".default.", ".")


@pytest.mark.parametrize("start, settings", [("fresh", loss) for loss in LOSSES] + [("continued", LOSSES[0]), ("continued", LOSSES[3])],
                         ids=lambda value: value if isinstance(value, str) else value["loss_type"])
def test_lora(ready, tmp_path, start, settings):
    """Reference: the base for a fresh adapter, for one that is gone on from what it was. Dropout is off as in TRL."""
    output = tmp_path / "run"
    if start == "fresh":
        result = train(ready, output, *overrides_of(settings))
        first = output / "checkpoint-1"
    else:
        first = ready / "adapter"
        result = train(ready, output, *overrides_of(settings), adapter=first)
    assert result.returncode == 0, result.stderr
    model = PeftModel.from_pretrained(plain_model(ready / "model"), first, is_trainable=True)

    def load(checkpoint):
        own = dict(model.named_parameters())
        with torch.no_grad():
            for name, value in load_file(checkpoint / "adapter_model.safetensors").items():
                own[name.replace(".weight", ".default.weight")].copy_(value)

    steps = compare(ready, tmp_path, output, model, None, load, peft_names, **settings)
    if settings["loss_type"] in ("sigmoid", "robust"):
        assert steps[0]["loss"] == pytest.approx(0.693147, abs=1e-5)
    assert steps[0]["rewards/margins"] == 0 and steps[0]["rewards/accuracies"] == 0
    assert steps[3]["rewards/margins"] > 0.01


@pytest.mark.parametrize("settings", LOSSES[::3] + LOSSES[1:2], ids=lambda s: s["loss_type"])
def test_full(ready, tmp_path, settings):
    output = tmp_path / "run"
    result = train(ready, output, "method=full", "training.learning_rate=3e-4", *overrides_of(settings))
    assert result.returncode == 0, result.stderr
    model, reference = plain_model(ready / "model"), plain_model(ready / "model")

    def load(checkpoint):
        model.load_state_dict(plain_model(checkpoint).state_dict())

    steps = compare(ready, tmp_path, output, model, reference, load, lambda name: name, **settings)
    assert steps[0]["rewards/margins"] == 0 and steps[3]["rewards/margins"] > 0.01


def test_packed_unpacked_precomputed_and_ipo_by_name(ready, tmp_path):
    """Four ways to the same figures: rows of one pair, pairs packed into rows, the reference from a file, the objective's other name."""
    found = {}
    ways = {"plain": [], "packed": ["data.packing=true", "training.per_device_train_batch_size=1"],
            "precomputed": ["dpo.precompute_ref_log_probs=true"], "one by one": ["training.per_device_train_batch_size=1", "training.gradient_accumulation_steps=8"],
            "ipo": ["dpo.loss_type=ipo"], "named": ["objective=ipo"], "recomputed": ["training.gradient_checkpointing=true"]}
    for way, overrides in ways.items():
        output = tmp_path / way.replace(" ", "-")
        if way in ("plain", "packed", "one by one"):  # all pairs in one step, whatever a row holds
            overrides = ["data.max_length=4096" if way == "packed" else "training.gradient_accumulation_steps=4", *overrides]
        result = train(ready, output, *overrides)
        assert result.returncode == 0, result.stderr
        found[way] = lines(output)
    small = ("loss", "grad_norm", "rewards/chosen", "rewards/margins", "logps/rejected", "eval_loss", "eval_rewards/margins", "eval_rewards/accuracies")
    default = tmp_path / "default"
    assert train(ready, default).returncode == 0
    found["default"] = lines(default)
    for one, other in (("plain", "packed"), ("plain", "one by one"), ("default", "precomputed"), ("ipo", "named"), ("default", "recomputed")):
        assert len(found[one]) == len(found[other]) == 8
        for a, b in zip(found[one], found[other]):
            for name in set(small) & set(a):
                assert b[name] == pytest.approx(a[name], rel=2e-4, abs=2e-5), (one, other, name, a["step"])
    for a, b in zip(found["ipo"], found["named"]):
        assert a["loss" if "loss" in a else "eval_loss"] == b["loss" if "loss" in b else "eval_loss"]
    assert len(list((tmp_path / "precomputed/reference").iterdir())) == 2


def test_the_reference_file_is_read_again_and_must_fit(ready, tmp_path):
    shared = [f"dpo.reference_cache={tmp_path / 'cache'}", "dpo.precompute_ref_log_probs=true"]
    first = train(ready, tmp_path / "first", *shared)
    second = train(ready, tmp_path / "second", *shared, "dpo.beta=0.2")
    assert first.returncode == second.returncode == 0
    assert "sequences: in" in first.stderr and "sequences: from" in second.stderr and "sequences: in" not in second.stderr
    other = train(ready, tmp_path / "third", *shared, adapter=ready / "adapter")
    assert other.returncode == 0 and "sequences: in" in other.stderr
    # Values that are whole but not of this model, as if the key had lied: the first batch shows it.
    for file in (tmp_path / "cache").iterdir():
        count = len(json.loads(file.read_text())["logps"])
        donor = next(f for f in sorted((tmp_path / "cache").iterdir()) if f != file and len(json.loads(f.read_text())["logps"]) == count)
        content, stolen = file.read_text(), donor.read_text()
        file.write_text(stolen)
        result = train(ready, tmp_path / f"wrong-{file.stem}", *shared)
        file.write_text(content)
        if count == 2 * len(PAIRS) and "nothing is trained yet" in result.stderr:
            assert result.returncode == 1 and "rewards would not begin at 0" in result.stderr and "pairs.jsonl:1" in result.stderr
            break
    else:
        raise AssertionError("a reference of another model was not noticed")


def shown(ready, path, *arguments):
    result = subprocess.run([HONE, "data", "show", str(path), "--tokenizer", str(ready / "model"), "--json", *arguments],
                            capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    return [json.loads(line) for line in result.stdout.splitlines()]


def text_row(question, chosen, rejected):
    return {"prompt": f"Q: {question}\nA:", "chosen": " " + chosen, "rejected": " " + rejected}


def whole(row):
    return {side: row["prompt"] + row[side] for side in ("chosen", "rejected")}


@pytest.mark.parametrize("form", ["conversational", "text"])
@pytest.mark.parametrize("prompt", ["explicit", "implicit"])
def test_tokens(ready, tmp_path, form, prompt):
    """Ids and trained tokens of both branches as TRL has them, cut ones too."""
    make = conversational if form == "conversational" else text_row
    # Answers whose first words differ: where they do not, TRL ends an implicit prompt inside a word (docs/preferences.md).
    rows = [make(*pair) for pair in PAIRS + HELD_OUT if pair[0] not in ("What is 2 + 3?",)]
    if prompt == "implicit":
        rows = [whole(row) for row in rows]
    trainer = trl_trainer(ready, tmp_path, plain_model(ready / "model"), plain_model(ready / "model"), rows=rows)
    write(tmp_path / "pairs.jsonl", rows)
    for max_length in (256, 48):
        assert_same_tokens(ready, tmp_path / "pairs.jsonl", trainer, max_length)


def assert_same_tokens(ready, path, trainer, max_length):
    trainer.data_collator.max_length = max_length
    expected = []
    for row in trainer.train_dataset:
        if len(row["prompt_ids"]) >= max_length:
            continue  # TRL leaves such rows out when it is given this length from the start
        batch = trainer.data_collator([row])
        lengths = batch["attention_mask"].sum(dim=1).tolist()
        sides = [(batch["input_ids"][i][:lengths[i]].tolist(), batch["completion_mask"][i][:lengths[i]].tolist()) for i in range(2)]
        if sides[0] != sides[1]:  # cut to the same tokens: TRL trains on nothing, hone leaves the pair out
            expected.append(sides)
    mine = []
    for i in range(len(trainer.train_dataset)):  # a pair that is cut to nothing is an error of show
        try:
            mine.append(shown(ready, path, "--row", str(i + 1), "--max-tokens", str(max_length)))
        except AssertionError as error:
            assert "max_length" in str(error)
    assert len(mine) == len(expected) >= 4
    for found, sides in zip(mine, expected):
        assert [row["branch"] for row in found] == ["chosen", "rejected"]
        for branch, (ids, mask) in zip(found, sides):
            assert branch["ids"] == ids and branch["trained"] == mask


def test_a_preference_learns_what_was_preferred(ready, tmp_path):
    """Forty steps on pairs: margins grow, the training pairs are told apart, and the plan says how long the answers are."""
    result = train(ready, tmp_path / "run", "training.max_steps=40", "training.learning_rate=2e-3", "training.save_steps=40", "training.eval_steps=40", "--json")
    assert result.returncode == 0, result.stderr
    steps = [line for line in lines(tmp_path / "run") if "loss" in line]
    assert steps[-1]["loss"] < 0.3 * steps[0]["loss"] and steps[-1]["rewards/accuracies"] == 1
    plan = json.loads((tmp_path / "run/run.json").read_text())["plan"]["data"]
    assert plan["train_examples"] == len(PAIRS) and plan["branches"]["chosen"]["longest"] != plan["branches"]["rejected"]["longest"]
    assert "chosen: median" in result.stderr and "rejected: median" in result.stderr


@pytest.mark.parametrize("overrides, said", [
    (["objective=sft"], "objective sft would not look at the rejected answer"), (["dpo.loss_type=sigmod"], "dpo.loss_type"),
    (["dpo.loss_type=hinge", "dpo.label_smoothing=0.1"], "has no meaning for loss_type hinge"), (["dpo.label_smoothing=0.5"], "dpo.label_smoothing"),
    (["objective=ipo", "dpo.loss_type=hinge"], "but the objective is ipo"), (["data.train_on_prompt=true"], "has no meaning for pairs"),
    (["regularization.type=ewc", "regularization.lambda=1", "regularization.data=CHATS"], "ewc looks at next-token losses"), (["objective=ppo"], "known: causal_lm, dpo, ipo, sft"), (["data.train=CHATS"], "has one answer"),
    (["training.metric_for_best_model=eval_margin"], "eval_rewards/margins")])
def test_what_cannot_be_is_said(ready, tmp_path, overrides, said):
    overrides = [o.replace("CHATS", str(ready / "chats.jsonl")) for o in overrides]
    result = train(ready, tmp_path / "run", *overrides)
    assert result.returncode == 2 and said in result.stderr, result.stderr
