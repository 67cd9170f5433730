"""hone generate, chat and merge against transformers and PEFT."""
import json
import subprocess
from collections import Counter

import peft
import pytest
import torch
from safetensors.torch import load_file
from transformers import (AutoModelForCausalLM, LogitsProcessorList, MinPLogitsWarper, TemperatureLogitsWarper,
                          TopKLogitsWarper, TopPLogitsWarper)

from parity.story_model import (HONE, STORIES, add_tokenizer, hone, json_lines, random_llama, stories, tokenizer,
                                write_lines)

PROMPTS = ["Once upon a time", "Tom", "The little dog ran to the park because he was very happy and", "",
           "안녕하세요, 오늘 날씨가 참 좋네요.", "Lily said: \"Let's go!\"\n", "a b  c   d"]


def generate(folder, prompts, tmp_path, *extra, key="prompt"):
    file = write_lines(tmp_path / "prompts.jsonl", [{key: p} for p in prompts])
    return json_lines(hone("generate", "--model", folder, "--prompts", file, "--json", *extra))


def reference(model, ids, count, **options):
    with torch.no_grad():
        out = model.generate(torch.tensor([ids]), attention_mask=torch.ones(1, len(ids)), max_new_tokens=count, pad_token_id=0,
                             **{"do_sample": False, **options})
    return out[0, len(ids):].tolist()


def lora_adapter(model, folder, targets=("q_proj", "v_proj", "down_proj")):
    torch.manual_seed(3)
    config = peft.LoraConfig(r=4, lora_alpha=8, target_modules=list(targets), init_lora_weights=False)
    adapted = peft.get_peft_model(model, config).eval()
    adapted.save_pretrained(folder)
    return adapted


def test_greedy_ids_in_a_batch(tmp_path):
    model = random_llama(tmp_path / "m")
    answers = generate(tmp_path / "m", PROMPTS, tmp_path, "--max-new-tokens", 30, "--temperature", 0)
    for prompt, answer in zip(PROMPTS, answers, strict=True):
        ids = tokenizer()(prompt).input_ids
        assert answer["ids"] == reference(model, ids, 30), prompt
        assert answer["text"] == tokenizer().decode(answer["ids"], skip_special_tokens=True)
        assert answer["finish_reason"] == ("stop" if answer["ids"][-1] == 2 else "length")


def test_frequencies_that_grow_with_the_answer(tmp_path):
    """Dynamic rotary scaling past the trained length, in a batch whose sequences pass it at different times."""
    random_llama(tmp_path / "m", rope="dynamic", max_position_embeddings=16)
    answers = generate(tmp_path / "m", PROMPTS, tmp_path, "--max-new-tokens", 30, "--temperature", 0)
    for prompt, answer in zip(PROMPTS, answers, strict=True):
        model = AutoModelForCausalLM.from_pretrained(tmp_path / "m")  # a used one remembers the longest sequence
        assert answer["ids"] == reference(model, tokenizer()(prompt).input_ids, 30), prompt


@pytest.mark.parametrize("kernels", ["", "none"])
def test_published_greedy_text(kernels, monkeypatch):
    monkeypatch.setenv("HONE_KERNELS", kernels)
    golden = json.loads((STORIES / "greedy.json").read_text())
    out = hone("generate", "--model", STORIES, "--prompt", golden["prompt"], "--max-new-tokens", 200)
    assert out == golden["expected_text"] + "\n"


def test_stop_token(tmp_path):
    model = random_llama(tmp_path / "m")
    ids = tokenizer()(PROMPTS[0]).input_ids
    stop = reference(model, ids, 30)[7]
    config = tmp_path / "m" / "generation_config.json"
    config.write_text(json.dumps({"eos_token_id": [2, stop]}))
    [answer] = generate(tmp_path / "m", PROMPTS[:1], tmp_path, "--max-new-tokens", 30)
    assert answer["finish_reason"] == "stop"
    assert answer["ids"] == reference(model, ids, 30, eos_token_id=[2, stop])
    assert answer["ids"][-1] == stop and len(answer["ids"]) <= 8


@pytest.mark.parametrize("penalty", [0.7, 1.3])
def test_repetition_penalty(penalty, tmp_path):
    model = random_llama(tmp_path / "m")
    answers = generate(tmp_path / "m", PROMPTS, tmp_path, "--max-new-tokens", 25, "--repetition-penalty", penalty)
    for prompt, answer in zip(PROMPTS, answers, strict=True):
        assert answer["ids"] == reference(model, tokenizer()(prompt).input_ids, 25, repetition_penalty=penalty)


def test_draws_follow_transformers_distribution(tmp_path):
    model = random_llama(tmp_path / "m")
    ids = tokenizer()("Tom").input_ids
    with torch.no_grad():
        logits = model(torch.tensor([ids])).logits[:, -1]
    chain = LogitsProcessorList([TemperatureLogitsWarper(1.5), TopKLogitsWarper(20), TopPLogitsWarper(0.9), MinPLogitsWarper(0.02)])
    expected = chain(torch.tensor([ids]), logits).softmax(-1)[0]
    draws = 3000
    answers = generate(tmp_path / "m", ["Tom"] * draws, tmp_path, "--max-new-tokens", 1, "--temperature", 1.5, "--top-k", 20,
                       "--top-p", 0.9, "--min-p", 0.02, "--batch", 256)
    seen = Counter(answer["ids"][0] for answer in answers)
    assert sum(seen.values()) == draws
    kept = expected.nonzero().flatten().tolist()
    assert len(kept) > 3 and set(seen) <= set(kept)
    chi_squared = sum((seen[i] - draws * expected[i].item()) ** 2 / (draws * expected[i].item()) for i in kept)
    # Mean + 5 deviations of chi-squared; the seed is fixed, so this passes or fails for good.
    assert chi_squared < len(kept) - 1 + 5 * (2 * (len(kept) - 1)) ** 0.5


def test_seed_names_the_draws(tmp_path):
    folder = stories(tmp_path / "m")
    options = ("--max-new-tokens", 20, "--temperature", 1)
    first = generate(folder, PROMPTS, tmp_path, *options)
    assert first == generate(folder, PROMPTS, tmp_path, *options, "--batch", 2)
    assert first != generate(folder, PROMPTS, tmp_path, *options, "--seed", 43)


def test_stop_strings_as_transformers(tmp_path):
    folder = stories(tmp_path / "m")
    from transformers import AutoModelForCausalLM
    model = AutoModelForCausalLM.from_pretrained(folder)
    ids = tokenizer()("Once upon a time").input_ids
    for stop in ["Lily", "y. She", "in the park."]:
        [answer] = generate(folder, ["Once upon a time"], tmp_path, "--max-new-tokens", 60, "--stop", stop)
        assert answer["ids"] == reference(model, ids, 60, stop_strings=[stop], tokenizer=tokenizer())
        assert answer["finish_reason"] == "stop"
        whole = tokenizer().decode(answer["ids"])
        assert answer["text"] == whole[:whole.index(stop)]


def test_messages_use_the_chat_template_once(tmp_path):
    model = random_llama(tmp_path / "m")
    chat = [{"role": "system", "content": "짧게 답하세요."}, {"role": "user", "content": "하늘은 왜 파란가요?"}]
    ids = tokenizer().apply_chat_template(chat, add_generation_prompt=True, return_dict=False)
    assert ids.count(1) == 1
    [answer] = generate(tmp_path / "m", [chat], tmp_path, "--max-new-tokens", 20, key="messages")
    assert answer["ids"] == reference(model, ids, 20)


def test_adapter_of_peft(tmp_path):
    model = random_llama(tmp_path / "m")
    base = generate(tmp_path / "m", PROMPTS, tmp_path, "--max-new-tokens", 20)
    adapted = lora_adapter(model, tmp_path / "a")
    answers = generate(tmp_path / "m", PROMPTS, tmp_path, "--max-new-tokens", 20, "--adapter", tmp_path / "a")
    assert answers != base
    for prompt, answer in zip(PROMPTS, answers, strict=True):
        assert answer["ids"] == reference(adapted, tokenizer()(prompt).input_ids, 20)


def logits(folder, tmp_path, *extra):
    hone("model", "logits", "--model", folder, "--ids", "1,5,77,300,42", "--output", tmp_path / "o.safetensors", *extra)
    return load_file(tmp_path / "o.safetensors")["logits"]


@pytest.mark.parametrize("dtype, tolerance", [("float32", 1e-4), ("bfloat16", 0.5)])
def test_merge(dtype, tolerance, tmp_path):
    adapted = lora_adapter(random_llama(tmp_path / "m"), tmp_path / "a")
    with torch.no_grad():
        expected = adapted(torch.tensor([[1, 5, 77, 300, 42]])).logits[0]
    assert (logits(tmp_path / "m", tmp_path, "--adapter", tmp_path / "a") - expected).abs().max() <= 1e-4
    report = json.loads(hone("merge", "--model", tmp_path / "m", "--adapter", tmp_path / "a", "--output", tmp_path / "merged",
                             "--dtype", dtype, "--json"))
    assert report["modules"] == 9 and report["dtype"] == dtype and report["max_logit_difference"] <= tolerance
    assert (logits(tmp_path / "merged", tmp_path) - expected).abs().max() <= tolerance
    merged, reference_weights = load_file(tmp_path / "merged" / "model.safetensors"), adapted.merge_and_unload().state_dict()
    assert set(merged) == set(reference_weights)
    for name, weight in merged.items():
        assert weight.dtype == getattr(torch, dtype)
        wanted = reference_weights[name].to(weight.dtype)
        # The same sum rounded once; a different order in the product may round one unit the other way.
        assert torch.allclose(weight.float(), wanted.float(), rtol=2 ** -7 if dtype == "bfloat16" else 1e-5, atol=1e-6), name
    from transformers import AutoModelForCausalLM
    loaded = AutoModelForCausalLM.from_pretrained(tmp_path / "merged", dtype=torch.float32)
    with torch.no_grad():
        assert (loaded(torch.tensor([[1, 5, 77, 300, 42]])).logits[0] - expected).abs().max() <= tolerance
    assert (tmp_path / "merged" / "tokenizer.json").exists()


def test_unmerging_gives_the_base_back(tmp_path):
    model = random_llama(tmp_path / "m")
    base = {n: p.clone() for n, p in model.state_dict().items()}
    lora_adapter(model, tmp_path / "a")
    hone("merge", "--model", tmp_path / "m", "--adapter", tmp_path / "a", "--output", tmp_path / "merged")
    # The adapter with its sign turned is the way back.
    adapter = load_file(tmp_path / "a" / "adapter_model.safetensors")
    from safetensors.torch import save_file
    save_file({n: -t if "lora_B" in n else t for n, t in adapter.items()}, tmp_path / "a" / "adapter_model.safetensors")
    hone("merge", "--model", tmp_path / "merged", "--adapter", tmp_path / "a", "--output", tmp_path / "back")
    for name, weight in load_file(tmp_path / "back" / "model.safetensors").items():
        assert (weight - base[name]).abs().max() <= 4e-7 * max(1, base[name].abs().max().item()), name


def test_merge_refuses_an_adapter_that_is_not_finite(tmp_path):
    lora_adapter(random_llama(tmp_path / "m"), tmp_path / "a")
    adapter = load_file(tmp_path / "a" / "adapter_model.safetensors")
    adapter[next(n for n in adapter if "lora_B" in n)][0, 0] = float("nan")
    from safetensors.torch import save_file
    save_file(adapter, tmp_path / "a" / "adapter_model.safetensors")
    result = subprocess.run([HONE, "merge", "--model", tmp_path / "m", "--adapter", tmp_path / "a", "--output", tmp_path / "out"],
                            capture_output=True, text=True)
    assert result.returncode == 1 and "not finite" in result.stderr
    assert not (tmp_path / "out").exists()


def test_adapter_with_its_own_tokenizer(tmp_path):
    model = random_llama(tmp_path / "m")
    for name in ("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "chat_template.jinja"):
        (tmp_path / "m" / name).unlink()
    lora_adapter(model, tmp_path / "a")
    add_tokenizer(tmp_path / "a")
    assert generate(tmp_path / "m", ["Tom"], tmp_path, "--adapter", tmp_path / "a", "--max-new-tokens", 3)


def test_chat_through_pipes(tmp_path):
    folder = stories(tmp_path / "m")
    said = "안녕!\n/retry\n/system 짧게.\nTom\n/reset\n/nonsense\n\nTom\n/exit\nnever\n"
    result = subprocess.run([HONE, "chat", "--model", folder, "--max-new-tokens", "8", "--temperature", "0", "--json"],
                            input=said, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    answers = json_lines(result.stdout)
    assert len(answers) == 4
    assert answers[0]["text"] == answers[1]["text"]  # greedy: a retry says the same
    chat = [{"role": "system", "content": "짧게."}, {"role": "user", "content": "Tom"}]
    [expected] = generate(folder, [chat], tmp_path, "--max-new-tokens", 8, key="messages")
    assert answers[2]["text"] == answers[3]["text"] == expected["text"]
    assert all(answer["tokens"] > 0 and answer["tokens_per_second"] > 0 for answer in answers)
    assert "nonsense" in result.stderr


def test_chat_survives_bytes_that_are_not_utf8(tmp_path):
    result = subprocess.run([HONE, "chat", "--model", stories(tmp_path / "m"), "--max-new-tokens", "4", "--json"],
                            input=b"\xb0\xa1\nTom\n", capture_output=True)
    assert result.returncode == 0 and len(result.stdout.splitlines()) == 1 and b"UTF-8" in result.stderr


@pytest.mark.parametrize("line, words", [
    ('{"prompt": 3}', ["prompts.jsonl:2", "prompt"]),
    ('{"prompt": "a"', ["prompts.jsonl:2"]),
    ('{"messages": []}', ["prompts.jsonl:2", "messages"]),
    ('{"messages": [{"role": "robot", "content": "a"}]}', ["prompts.jsonl:2", "messages[0].role", "robot"]),
    ('{"text": "a"}', ["prompts.jsonl:2", "neither"]),
    ('[1]', ["prompts.jsonl:2"]),
])
def test_bad_prompts_are_explained(line, words, tmp_path):
    file = tmp_path / "prompts.jsonl"
    file.write_text('{"prompt": "Tom"}\n' + line + "\n")
    result = subprocess.run([HONE, "generate", "--model", STORIES, "--prompts", file, "--json", "--max-new-tokens", "2"],
                            capture_output=True, text=True)
    assert result.returncode == 2
    for word in words:
        assert word in result.stderr
    assert len(json.loads(result.stdout.splitlines()[0])["ids"]) == 2  # the good line before it is answered


@pytest.mark.parametrize("arguments, words", [
    (("--prompt", "a", "--temperature", "-1"), ["temperature"]),
    (("--prompt", "a", "--top-p", "2"), ["top_p"]),
    (("--prompt", "a", "--max-new-tokens", "0"), ["max_new_tokens"]),
    (("--prompt", "a", "--stop", ""), ["stop"]),
    ((), ["--prompt"]),
])
def test_bad_options_are_explained(arguments, words):
    result = subprocess.run([HONE, "generate", "--model", STORIES, *arguments], capture_output=True, text=True)
    assert result.returncode == 2
    for word in words:
        assert word in result.stderr
