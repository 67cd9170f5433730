"""Several adapters in one batch against PEFT, which applies one at a time."""
import json
import os
import subprocess

import peft
import pytest
import torch
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM

from parity import reference_models
from parity.story_model import STORIES

PROGRAM = os.path.join(os.path.dirname(os.environ["HONE"]), "tests", "hone_mixed_adapters")
TARGETS = {"llama": ["q_proj", "v_proj", "down_proj"], "qwen2": ["k_proj", "up_proj", "o_proj"], "gpt2": ["c_attn", "c_fc"],
           "opt": ["q_proj", "fc1", "fc2"]}
SETTINGS = [dict(r=2, lora_alpha=16), dict(r=7, lora_alpha=4, use_rslora=True), dict(r=16, target_modules="all-linear", lora_dropout=0.3)]


def base(folder):
    return AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()


def make_adapters(family, tmp_path, extra=()):
    folders = []
    for i, settings in enumerate([*SETTINGS, *extra]):
        torch.manual_seed(i)
        settings = {"target_modules": TARGETS[family], "init_lora_weights": False, "task_type": "CAUSAL_LM", **settings}
        folders.append(str(tmp_path / f"a{i}"))
        peft.get_peft_model(base(tmp_path / "m"), peft.LoraConfig(**settings)).save_pretrained(folders[-1])
    return folders


def run(tmp_path, requests):
    (tmp_path / "requests.json").write_text(json.dumps(requests))
    out = tmp_path / "out.safetensors"
    result = subprocess.run([PROGRAM, str(tmp_path / "m"), str(STORIES), str(tmp_path / "requests.json"), str(out)],
                            capture_output=True, text=True)
    return load_file(out) if result.returncode == 0 else result.stderr


def reference(tmp_path, request, answer):
    model = base(tmp_path / "m")
    if request["adapter"]:
        model = peft.PeftModel.from_pretrained(model, request["adapter"]).eval()
    with torch.no_grad():
        return model(torch.tensor([request["ids"] + answer])).logits[0, len(request["ids"]) - 1:-1]


@pytest.mark.parametrize("family", reference_models.FAMILIES)
def test_mixed_adapters(family, tmp_path):
    reference_models.FAMILIES[family](tmp_path / "m")
    # A head as target is what PEFT can write where it is not tied.
    extra = [dict(r=3, target_modules=["lm_head", "q_proj"])] if family == "llama" else []
    folders = make_adapters(family, tmp_path, extra)
    order = ["", *folders, folders[0], "", folders[1]]
    requests = [{"ids": [(7 * i + 3 * t + 5) % 190 + 3 for t in range(3 + 4 * i)], "adapter": folder, "tokens": 8}
                for i, folder in enumerate(order)]
    mixed = run(tmp_path, requests)
    assert isinstance(mixed, dict), mixed
    for i, request in enumerate(requests):
        answer = mixed[f"ids.{i}"].tolist()
        expected = reference(tmp_path, request, answer)
        scale = max(1.0, expected.abs().max().item())
        assert (mixed[f"logits.{i}"] - expected).abs().max() <= 1e-4 * scale, (i, request["adapter"])
        assert answer == mixed[f"logits.{i}"].argmax(1).tolist()
        alone = run(tmp_path, [request])
        assert torch.equal(alone["logits.0"], mixed[f"logits.{i}"]), (i, request["adapter"])
    plain = run(tmp_path, [{**requests[1], "adapter": ""}])
    assert (plain["logits.0"][0] - mixed["logits.1"][0]).abs().max() > 1e-2


def test_what_one_base_cannot_share_is_refused(tmp_path):
    reference_models.llama(tmp_path / "m")
    for i, settings in enumerate([dict(modules_to_save=["lm_head"]), dict(use_dora=True)]):
        torch.manual_seed(1)
        folder = tmp_path / f"a{i}"
        config = peft.LoraConfig(r=2, target_modules=["q_proj"], task_type="CAUSAL_LM", **settings)
        peft.get_peft_model(base(tmp_path / "m"), config).save_pretrained(folder)
        fault = run(tmp_path, [{"ids": [3, 4], "adapter": str(folder), "tokens": 2}])
        assert isinstance(fault, str) and "merge" in fault, fault
