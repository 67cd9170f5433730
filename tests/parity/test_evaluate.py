"""hone evaluate and compare against transformers, rouge-score and sacrebleu."""
import json
import math
import subprocess

import peft
import pytest
import sacrebleu
import torch
from rouge_score import rouge_scorer
from transformers import AutoModelForCausalLM

from parity.story_model import HONE, hone, json_lines, random_llama, stories, tokenizer, write_lines

CHATS = [
    [("user", "Who is Tom?"), ("assistant", "Tom is a big dog.")],
    [("system", "짧게 답하세요."), ("user", "하늘은 왜 파란가요?"), ("assistant", "빛이 흩어지기 때문입니다.")],
    [("user", "Tell a story"), ("assistant", "Once upon a time, there was a girl."), ("user", "More"), ("assistant", "She was happy.")],
    [("user", "What did Lily do?"), ("assistant", "Lily played in the park all day.")],
    [("user", "Where is the ball?"), ("assistant", "The ball is red.")],
]


def chats():
    return [[{"role": role, "content": content} for role, content in chat] for chat in CHATS]


@pytest.fixture
def data(tmp_path):
    return write_lines(tmp_path / "data.jsonl", [{"messages": chat} for chat in chats()])


def evaluate(folder, data, *extra):
    return json.loads(hone("evaluate", "--model", folder, "--data", data, "--json", *extra))


def expected_loss(model):
    """Sum of −log p, number and number right of the assistants' tokens, their end-of-turn token included."""
    nll, count, right = 0.0, 0, 0
    encode = lambda turns, prompt: tokenizer().apply_chat_template(turns, add_generation_prompt=prompt, return_dict=False)
    for chat in chats():
        ids = encode(chat, False)
        with torch.no_grad():
            log_p = model(torch.tensor([ids])).logits[0].double().log_softmax(-1)
        for turn, message in enumerate(chat):
            if message["role"] != "assistant":
                continue
            begin = len(encode(chat[:turn], True))
            end = begin + ids[begin:].index(2) + 1
            for t in range(begin, end):
                nll -= log_p[t - 1, ids[t]].item()
                right += int(log_p[t - 1].argmax().item() == ids[t])
                count += 1
    return nll, count, right


@pytest.mark.parametrize("batch", [1, 3, 16])
def test_loss_perplexity_accuracy(batch, data, tmp_path):
    model = random_llama(tmp_path / "m")
    nll, count, right = expected_loss(model)
    got = evaluate(tmp_path / "m", data, "--metrics", "loss,perplexity,accuracy", "--batch", batch)
    assert got["tokens"] == count
    assert got["metrics"]["loss"] == pytest.approx(nll / count, abs=1e-5)
    assert got["metrics"]["perplexity"] == pytest.approx(math.exp(nll / count), rel=1e-4)
    assert got["metrics"]["accuracy"] == pytest.approx(right / count)


def test_the_published_loss(tmp_path):
    folder = stories(tmp_path / "m")
    model = AutoModelForCausalLM.from_pretrained(folder)
    ids = tokenizer()("Once upon a time, there was a little girl named Lily.").input_ids + [2]
    with torch.no_grad():
        expected = model(torch.tensor([ids]), labels=torch.tensor([ids])).loss.item()
    file = write_lines(tmp_path / "t.jsonl", [{"text": "Once upon a time, there was a little girl named Lily."}])
    assert evaluate(folder, file, "--metrics", "loss")["metrics"]["loss"] == pytest.approx(expected, abs=1e-5)


def test_answers_are_those_of_generate_and_their_figures_the_references(data, tmp_path):
    folder = stories(tmp_path / "m")
    prompts = write_lines(tmp_path / "prompts.jsonl", [{"messages": chat[:-1]} for chat in chats()])
    answers = [row["text"] for row in json_lines(hone("generate", "--model", folder, "--prompts", prompts, "--json",
                                                      "--max-new-tokens", 24))]
    got = evaluate(folder, data, "--max-new-tokens", 24, "--samples", tmp_path / "s.jsonl", "--metrics",
                   "rouge1,rougeL,bleu,chrf")
    rows = json_lines((tmp_path / "s.jsonl").read_text())
    references = [chat[-1]["content"] for chat in chats()]
    assert [row["text"] for row in rows] == answers
    assert [row["reference"] for row in rows] == references
    assert got["metrics"]["bleu"] == pytest.approx(sacrebleu.corpus_bleu(answers, [references]).score, abs=1e-6)
    assert got["metrics"]["chrf"] == pytest.approx(sacrebleu.corpus_chrf(answers, [references]).score, abs=1e-6)
    english = [i for i, reference in enumerate(references) if reference.isascii()]
    file = write_lines(tmp_path / "english.jsonl", [{"messages": chats()[i]} for i in english])
    got = evaluate(folder, file, "--max-new-tokens", 24, "--metrics", "rouge1,rougeL")
    scorer = rouge_scorer.RougeScorer(["rouge1", "rougeL"])
    for name in ("rouge1", "rougeL"):
        scores = [scorer.score(references[i], answers[i])[name].fmeasure for i in english]
        assert got["metrics"][name] == pytest.approx(sum(scores) / len(scores), abs=1e-9)


def test_samples_go_on_where_they_were_torn(data, tmp_path):
    folder = stories(tmp_path / "m")
    run = lambda file, *extra: hone("evaluate", "--model", folder, "--data", data, "--metrics", "rouge1", "--max-new-tokens", 12,
                                    "--samples", file, "--json", *extra)
    scores = run(tmp_path / "whole.jsonl")
    whole = (tmp_path / "whole.jsonl").read_bytes()
    assert whole.count(b"\n") == len(CHATS)
    for batch in (1, 7):
        assert run(tmp_path / f"{batch}.jsonl", "--batch", batch) == scores
        assert (tmp_path / f"{batch}.jsonl").read_bytes() == whole
    torn = tmp_path / "torn.jsonl"
    for length in (0, 10, whole.index(b"\n") + 1, whole.index(b"\n") + 30, len(whole) - 1):
        torn.write_bytes(whole[:length])
        assert run(torn) == scores
        assert torn.read_bytes() == whole
    # Another model's answers are not taken for this one's.
    random_llama(tmp_path / "other")
    hone("evaluate", "--model", tmp_path / "other", "--data", data, "--metrics", "rouge1", "--max-new-tokens", 12, "--samples", torn)
    assert torn.read_bytes().startswith(whole) and torn.read_bytes().count(b"\n") == 2 * len(CHATS)


def test_compare(tmp_path):
    data = write_lines(tmp_path / "data.jsonl", [{"messages": chat} for chat in chats() + chats()])
    model = random_llama(tmp_path / "base")
    torch.manual_seed(5)
    adapted = peft.get_peft_model(model, peft.LoraConfig(r=4, target_modules=["q_proj"], init_lora_weights=False))
    adapted.save_pretrained(tmp_path / "a")
    stories(tmp_path / "stories")
    arguments = ("compare", "--data", data, "--model", tmp_path / "base", "--model", f"tuned={tmp_path / 'base'}+{tmp_path / 'a'}",
                 "--model", tmp_path / "stories", "--max-new-tokens", 16, "--samples", 2)
    got = json.loads(hone(*arguments, "--json", "--output", tmp_path / "out.json"))
    assert json.loads((tmp_path / "out.json").read_text()) == got
    assert got["models"] == ["base", "tuned", "stories"]
    assert list(got["metrics"]) == ["loss", "perplexity", "accuracy", "rouge1", "rouge2", "rougeL", "bleu", "chrf"]
    for spec, name in ((("base",), "base"), (("base", "--adapter", tmp_path / "a"), "tuned"), (("stories",), "stories")):
        alone = evaluate(tmp_path / spec[0], data, *spec[1:], "--max-new-tokens", 16)
        for metric, value in alone["metrics"].items():
            assert got["metrics"][metric][name] == value
    loss = got["metrics"]["loss"]
    assert loss["improvement_percent"] == pytest.approx(100 * (loss["base"] - loss["stories"]) / loss["base"])
    low, high = loss["difference_interval"]
    assert low <= loss["stories"] - loss["base"] <= high and 0 < loss["p_value"] <= 1
    low, high = got["metrics"]["accuracy"]["difference_interval"]
    assert low <= got["metrics"]["accuracy"]["stories"] - got["metrics"]["accuracy"]["base"] <= high
    chrf = got["metrics"]["chrf"]
    assert chrf["improvement_percent"] == pytest.approx(100 * (chrf["stories"] - chrf["base"]) / chrf["base"])
    assert len(got["samples"]) == 2 and set(got["samples"][0]["answers"]) == {"base", "tuned", "stories"}
    table = hone(*arguments)
    assert "loss ↓" in table and ("▲" in table or "▼" in table) and "Who is Tom?" in table


def test_compare_lends_a_chat_template(data, tmp_path):
    random_llama(tmp_path / "base")
    (tmp_path / "base" / "chat_template.jinja").unlink()
    stories(tmp_path / "stories")
    result = subprocess.run([HONE, "compare", "--data", data, "--model", tmp_path / "base", "--model", tmp_path / "stories",
                             "--metrics", "loss", "--json"], capture_output=True, text=True)
    assert result.returncode == 0 and "chat template" in result.stderr


@pytest.mark.parametrize("arguments, words", [
    (("evaluate", "--model", "MODEL", "--data", "DATA", "--metrics", "rouge9"), ["rouge9"]),
    (("evaluate", "--model", "MODEL", "--data", "nowhere.jsonl"), ["nowhere.jsonl"]),
    (("compare", "--data", "DATA", "--model", "MODEL"), ["two"]),
    (("compare", "--data", "DATA", "--model", "MODEL", "--model", "MODEL"), ["taken"]),
    (("compare", "--data", "DATA", "--model", "MODEL", "--model", "MODEL+nowhere"), ["nowhere"]),
])
def test_bad_options_are_explained(arguments, words, data, tmp_path):
    folder = stories(tmp_path / "m")
    arguments = [a.replace("MODEL", str(folder)).replace("DATA", str(data)) for a in arguments]
    result = subprocess.run([HONE, *arguments], capture_output=True, text=True)
    assert result.returncode == 2
    for word in words:
        assert word in result.stderr


def test_compare_on_too_few_examples(data, tmp_path):
    random_llama(tmp_path / "base")
    stories(tmp_path / "stories")
    arguments = ("compare", "--data", data, "--model", tmp_path / "base", "--model", tmp_path / "stories", "--metrics", "loss,accuracy")
    for row in json.loads(hone(*arguments, "--json"))["metrics"].values():
        assert row["p_value"] is None and row["difference_interval"] is None
    assert "too few examples" in hone(*arguments)
