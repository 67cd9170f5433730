"""`hone cost`: the lecture's figures to the cent, tokens of a file, a machine of one's own, price tables."""
import json
import os
import pathlib
import random
import subprocess

import pytest

HONE = os.environ["HONE"]
ROOT = pathlib.Path(__file__).resolve().parents[2]
MINI, LARGE = "gpt-4o-mini-2024-07-18", "gpt-4o-2024-08-06"


def hone(*arguments):
    return subprocess.run([HONE, "cost", *map(str, arguments)], capture_output=True, text=True, timeout=120)


def cost(*arguments):
    done = hone(*arguments, "--json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_the_figures_of_the_lecture():
    answer = cost("--model", MINI, "--examples", 500, "--tokens-per-example", 500, "--epochs", 3, "--requests-per-day", 10000,
                  "--input-tokens", 200, "--output-tokens", 300)
    assert answer["training"] == [{"model": MINI, "num_examples": 500, "total_tokens": 750000, "epochs": 3,
                                   "training_cost_usd": 2.25, "estimated_time_minutes": 10}]
    assert answer["inference"] == [{"model": MINI, "requests_per_day": 10000, "daily_cost_usd": 4.2,
                                    "monthly_cost_usd": 126.0, "yearly_cost_usd": 1533.0}]


def test_roundings_are_pythons():
    prices = {MINI: (3.00, 0.30, 1.20), LARGE: (25.00, 3.75, 15.00)}
    draw = random.Random(3)
    for _ in range(60):
        examples, tokens, epochs = draw.randint(1, 10**5), draw.randint(1, 4000), draw.randint(1, 9)
        requests, given, answered = draw.randint(1, 10**6), draw.randint(0, 3000), draw.randint(1, 3000)
        answer = cost("--examples", examples, "--tokens-per-example", tokens, "--epochs", epochs, "--requests-per-day", requests,
                      "--input-tokens", given, "--output-tokens", answered)
        total = examples * tokens * epochs
        for training, use in zip(answer["training"], answer["inference"], strict=True):
            train, price_in, price_out = prices[training["model"]]
            assert training["total_tokens"] == total
            assert training["training_cost_usd"] == round((total / 1_000_000) * train, 2)
            assert training["estimated_time_minutes"] == max(10, total // 100_000)
            daily = (requests * given / 1_000_000) * price_in + (requests * answered / 1_000_000) * price_out
            assert [use["daily_cost_usd"], use["monthly_cost_usd"], use["yearly_cost_usd"]] == [
                round(daily, 2), round(daily * 30, 2), round(daily * 365, 2)]


def test_tokens_of_a_file_are_those_of_training(tmp_path):
    file = tmp_path / "train.jsonl"
    file.write_text("".join((ROOT / "demo/data/instructions.jsonl").read_text(encoding="utf-8").splitlines(True)[:20]))
    shown = subprocess.run([HONE, "data", "show", file, "--tokenizer", ROOT / "demo/base", "--rows", "20", "--json"],
                           capture_output=True, text=True, check=True).stdout
    counted = sum(len(json.loads(line)["ids"]) for line in shown.splitlines())
    tokens = cost("--data", file, "--tokenizer", ROOT / "demo/base")["tokens"]
    assert tokens == {"examples": 20, "tokens_per_epoch": counted, "counted_by": "tokenizer and chat template", "estimated": False}
    estimate = cost("--data", file)["tokens"]
    rows = [json.loads(line)["messages"] for line in file.read_text(encoding="utf-8").splitlines()]
    assert estimate["estimated"] and estimate["counted_by"] == "characters / 4"
    assert estimate["tokens_per_epoch"] == sum((sum(len(m["content"]) for m in row) + 3) // 4 for row in rows)
    assert "estimate" in hone("--data", file, "--lang", "en").stdout
    assert "추정치" in hone("--data", file, "--lang", "ko").stdout


def test_own_machine_from_a_run_and_break_even(tmp_path):
    rows = [{"step": i, "wall_time": i, "tokens_per_second": rate} for i, rate in enumerate((100, 500, 480, 520, 510))]
    (tmp_path / "metrics.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    answer = cost("--run", tmp_path, "--examples", 500, "--tokens-per-example", 500, "--price-per-hour", 1, "--watts", 500,
                  "--price-per-kwh", 0.4, "--purchase", 3000, "--requests-per-day", 10000, "--input-tokens", 200,
                  "--output-tokens", 300, "--answer-tokens-per-second", 20)
    hardware = answer["hardware"]
    assert hardware["training_tokens_per_second"] == 500 and hardware["cost_per_hour"] == 1.2
    assert hardware["training_hours"] == pytest.approx(750000 / 500 / 3600)
    assert hardware["training_cost"] == 0.5 and hardware["monthly_cost"] == 864
    mini, large = answer["break_even"]
    assert mini["api_monthly"] == 126 and mini["months_to_pay_back"] is None and not mini["hardware_is_cheaper"]
    assert mini["requests_per_day"] == pytest.approx(864 / 30 / 0.00042)
    assert large["months_to_pay_back"] == pytest.approx(3000 / (1575 - 864))
    assert large["capacity_per_day"] == pytest.approx(20 * 86400 / 300) and not large["hardware_is_cheaper"]
    fast = cost("--price-per-hour", 1.2, "--model", LARGE, "--requests-per-day", 10000, "--input-tokens", 200, "--output-tokens", 300)
    assert fast["break_even"][0]["hardware_is_cheaper"]


TABLE = """
date: 2026-11-01
currency: KRW
source: a contract
models:
  ours: {training: 1000, inference_input: 400, inference_output: 1600}
  base: {inference_input: 100, inference_output: 300, date: 2026-10-01}
"""


def test_a_price_table_of_ones_own_with_its_age(tmp_path):
    (tmp_path / "prices.yaml").write_text(TABLE)
    answer = cost("--prices", tmp_path / "prices.yaml", "--examples", 10, "--tokens-per-example", 1000000, "--epochs", 1, "--today",
                  "2026-11-21")
    assert answer["prices"]["age_days"] == 51 and answer["prices"]["currency"] == "KRW"
    assert answer["training"][0]["training_cost_usd"] == 10000 and "error" in answer["training"][1]
    assert "KRW" in hone("--prices", tmp_path / "prices.yaml").stdout
    shown = hone("--today", "2025-08-20", "--lang", "en").stdout
    assert "prices of 2024-08-20, 365 days old" in shown and "older than half a year" in shown and MINI in shown


@pytest.mark.parametrize("change, said", [
    (("date: 2026-11-01", "date: soon"), "prices.yaml:2:7"), (("1600", "much"), "inference_output is no price"),
    (("currency: KRW\n", ""), "lacks date, currency, source or models"), (("training:", "trainig:"), '"trainig" is unknown'),
    (("  base:", "  ours:"), "twice"), (("1000,", "-1,"), "training is no price")])
def test_faults_of_a_price_table_are_named(tmp_path, change, said):
    (tmp_path / "prices.yaml").write_text(TABLE.replace(*change))
    done = hone("--prices", tmp_path / "prices.yaml")
    assert done.returncode == 2 and said in done.stderr, done.stderr


@pytest.mark.parametrize("arguments, said", [
    (["--model", "gpt-4o-mini-2024-07-19"], f'did you mean "{MINI}"'), (["--examples", 5], "belong together"),
    (["--requests-per-day", 5], "--input-tokens"), (["--lang", "fr"], "known: en, ko"),
    (["--examples", 2**63, "--tokens-per-example", 4], "beyond reckoning"),
    (["--requests-per-day", 2**62, "--input-tokens", 100], "beyond reckoning"), (["--today", "2024-02-30"], "no date")])
def test_questions_without_an_answer_are_refused(arguments, said):
    done = hone(*arguments)
    assert done.returncode == 2 and said in done.stderr, done.stderr
