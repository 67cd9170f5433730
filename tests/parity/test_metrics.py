"""hone score against rouge-score and sacrebleu: every figure, for the corpus and for each text."""
import json
import math
import os
import pathlib
import random
import subprocess

import pytest
import sacrebleu
from rouge_score import rouge_scorer
from sacrebleu.metrics import BLEU, CHRF

HONE = os.environ["HONE"]
DATA = pathlib.Path(__file__).resolve().parent.parent / "data" / "metrics"
ROUGE = ["rouge1", "rouge2", "rouge3", "rouge4", "rougeL", "rougeLsum"]


def hone_score(folder, predictions, references, metrics, *options):
    """`references` is a list of streams, as sacrebleu takes them."""
    files = []
    for name, texts in [("predictions", predictions)] + [(f"references{i}", r) for i, r in enumerate(references)]:
        file = folder / f"{name}.jsonl"
        file.write_text("".join(json.dumps({"text": t}, ensure_ascii=False) + "\n" for t in texts), encoding="utf-8")
        files += ["--predictions" if name == "predictions" else "--references", str(file)]
    run = subprocess.run([HONE, "score", *files, "--metrics", ",".join(metrics), "--json", "--per-example", *options],
                         capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    return json.loads(run.stdout)


def close(a, b):
    return math.isclose(a, b, rel_tol=1e-12, abs_tol=1e-12)


def garble(text, rng):
    """A prediction for a reference: words dropped, doubled, swapped, cut and re-punctuated."""
    words = text.split(" ")
    for _ in range(rng.randrange(0, 2 + len(words) // 3)):
        if not words:
            break
        i = rng.randrange(len(words))
        action = rng.randrange(6)
        if action == 0:
            del words[i]
        elif action == 1:
            words.insert(i, words[rng.randrange(len(words))])
        elif action == 2:
            j = rng.randrange(len(words))
            words[i], words[j] = words[j], words[i]
        elif action == 3:
            words[i] = words[i][: rng.randrange(len(words[i]) + 1)]
        elif action == 4:
            words[i] += rng.choice([".", ",", "!?", "…", "는", "을", "s", "😀", "-", "\t"])
        else:
            words[i] = words[i].upper()
    return " ".join(words)


@pytest.fixture(scope="module")
def real_texts():
    rng = random.Random(11)
    references = [json.loads(line)["text"] for line in (DATA / "texts.jsonl").open(encoding="utf-8")]
    references += ["", "  ", "한글", "1,234.5 km/h — 3.14, done.", "a\tb\nc", "ΣΑΣ ὈΔΥΣΣΕΎΣ Σ", "İstanbul KELVIN \u212a"]
    predictions = [garble(text, rng) for text in references]
    predictions[5] = ""
    return predictions, references


# Characters on which tokenizers, lower-casing, white space and n-grams may disagree.
ALPHABET = list("aab  bc.,.,--019'\"&<>/()[]{}!?$%^_~`") + [
    "\t", "\n", "\r", "\x0b", "\x1c", "\x85", "\xa0", "\u2003", "\u2028", "\u3000", "\u200b", "&quot;", "&amp;", "&lt;",
    "&gt;", "<skipped>", "-\n", "가", "나", "다", "한국어", "\u1112\u1161\u11ab", "ㅋ", "中", "文", "。", "，", "“", "”", "…", "€",
    "£", "😀", "👩\u200d🚀", "é", "e\u0301", "ß", "İ", "Σ", "σ", "A", "B", "É", "Ⅷ", "²", "½", "٣", "\u2a00", "\u2f90",
    "\U00020000", "\uff0c", "ｱ", "\ufeff", "running ", "studies ", "yes yes ", "ability ", "\u0301", "\u00ad"]


@pytest.fixture(scope="module")
def wild_texts():
    rng = random.Random(29)
    references = ["".join(rng.choice(ALPHABET) for _ in range(rng.randrange(0, 40))) for _ in range(1500)]
    predictions = []
    for text in references:
        characters = list(text)
        for _ in range(rng.randrange(0, 6)):
            characters.insert(rng.randrange(len(characters) + 1), rng.choice(ALPHABET))
        cut = rng.randrange(len(characters) + 1)
        predictions.append("".join(characters[:cut] if rng.random() < 0.3 else characters))
    return predictions, references


@pytest.fixture(params=["real", "wild"])
def texts(request):
    return request.getfixturevalue(request.param + "_texts")


@pytest.mark.parametrize("stemmer", [False, True])
def test_rouge(texts, stemmer, tmp_path):
    predictions, references = texts
    options = ["--rouge-tokenizer", "rouge_score"] + (["--rouge-stemmer"] if stemmer else [])
    ours = hone_score(tmp_path, predictions, [references], ROUGE, *options)
    scorer = rouge_scorer.RougeScorer(ROUGE, use_stemmer=stemmer)
    theirs = [scorer.score(r, p) for r, p in zip(references, predictions)]
    for name in ROUGE:
        for i, (mine, score) in enumerate(zip(ours[name]["per_example"], theirs)):
            assert close(mine, score[name].fmeasure), (name, references[i], predictions[i])
        for field in ["precision", "recall", "fmeasure"]:
            mean = sum(getattr(score[name], field) for score in theirs) / len(theirs)
            assert close(ours[name][field], mean), (name, field)


def test_rouge_with_several_references(real_texts, tmp_path):
    predictions, references = real_texts
    others = [garble(text, random.Random(i)) for i, text in enumerate(references)]
    ours = hone_score(tmp_path, predictions, [references, others], ROUGE, "--rouge-tokenizer", "rouge_score")
    scorer = rouge_scorer.RougeScorer(ROUGE)
    theirs = [scorer.score_multi([r, o], p) for r, o, p in zip(references, others, predictions)]
    for name in ROUGE:
        for field in ["precision", "recall", "fmeasure"]:
            assert close(ours[name][field], sum(getattr(s[name], field) for s in theirs) / len(theirs)), (name, field)


def test_default_tokenizer_equals_rouge_score_on_ascii(texts, tmp_path):
    predictions, references = ([t.encode("ascii", "ignore").decode() for t in side] for side in texts)
    theirs = hone_score(tmp_path, predictions, [references], ROUGE, "--rouge-tokenizer", "rouge_score")
    for tokenizer in ["default", "korean", "syllable", "hangul_bigram"]:
        ours = hone_score(tmp_path, predictions, [references], ROUGE, "--rouge-tokenizer", tokenizer)
        for name in ROUGE:
            assert ours[name]["per_example"] == theirs[name]["per_example"], (tokenizer, name)


def without_version(signature):
    return signature[: signature.index("|version:")]


@pytest.mark.parametrize("tokenize", ["13a", "none", "char", "intl", "zh"])
@pytest.mark.parametrize("lowercase", [False, True])
def test_bleu_tokenizers(texts, tokenize, lowercase, tmp_path):
    predictions, references = texts
    options = ["--bleu-tokenizer", tokenize] + (["--lowercase"] if lowercase else [])
    ours = hone_score(tmp_path, predictions, [references], ["bleu"], *options)["bleu"]
    metric = BLEU(tokenize=tokenize, lowercase=lowercase)
    theirs = metric.corpus_score(predictions, [references])
    assert ours["counts"] == theirs.counts and ours["totals"] == theirs.totals
    assert (ours["prediction_length"], ours["reference_length"]) == (theirs.sys_len, theirs.ref_len)
    assert close(ours["score"], theirs.score) and close(ours["brevity_penalty"], theirs.bp)
    assert all(map(close, ours["precisions"], theirs.precisions))
    assert without_version(ours["signature"]) == without_version(metric.get_signature().format())
    sentence = BLEU(tokenize=tokenize, lowercase=lowercase, effective_order=True)
    for mine, p, r in zip(ours["per_example"], predictions, references):
        assert close(mine, sentence.sentence_score(p, [r]).score), (p, r)


@pytest.mark.parametrize("method,value", [("exp", None), ("none", None), ("floor", None), ("floor", 0.3), ("add-k", None),
                                          ("add-k", 2.5)])
@pytest.mark.parametrize("effective", [False, True])
def test_bleu_smoothing(real_texts, method, value, effective, tmp_path):
    # Few and short texts, so that whole orders are without a match and smoothing shows.
    predictions, references = ([t[:12] for t in side[:40]] for side in real_texts)
    options = ["--bleu-smoothing", method] + (["--bleu-smoothing-value", str(value)] if value else [])
    options += ["--bleu-effective-order"] if effective else []
    for part in [slice(0, 40), slice(0, 3), slice(3, 4)]:
        ours = hone_score(tmp_path, predictions[part], [references[part]], ["bleu"], *options)["bleu"]
        metric = BLEU(smooth_method=method, smooth_value=value, effective_order=effective)
        theirs = metric.corpus_score(predictions[part], [references[part]])
        assert close(ours["score"], theirs.score)
        assert without_version(ours["signature"]) == without_version(metric.get_signature().format())
        sentence = BLEU(smooth_method=method, smooth_value=value, effective_order=True)
        for mine, p, r in zip(ours["per_example"], predictions[part], references[part]):
            assert close(mine, sentence.sentence_score(p, [r]).score), (p, r)


@pytest.mark.parametrize("order", [1, 2, 3])
def test_bleu_of_lower_order(real_texts, order, tmp_path):
    predictions, references = real_texts
    ours = hone_score(tmp_path, predictions, [references], [f"bleu{order}"])[f"bleu{order}"]
    assert close(ours["score"], BLEU(max_ngram_order=order).corpus_score(predictions, [references]).score)


def test_several_references(texts, tmp_path):
    predictions, references = texts
    streams = [references] + [[garble(t, random.Random(i + k)) for i, t in enumerate(references)] for k in (0, 7)]
    ours = hone_score(tmp_path, predictions, streams, ["bleu", "chrf", "chrf++"])
    assert close(ours["bleu"]["score"], sacrebleu.corpus_bleu(predictions, streams).score)
    assert close(ours["chrf"]["score"], CHRF().corpus_score(predictions, streams).score)
    assert close(ours["chrf++"]["score"], CHRF(word_order=2).corpus_score(predictions, streams).score)


@pytest.mark.parametrize("lowercase", [False, True])
@pytest.mark.parametrize("whitespace", [False, True])
@pytest.mark.parametrize("eps", [False, True])
def test_chrf(texts, lowercase, whitespace, eps, tmp_path):
    predictions, references = texts
    options = [flag for flag, on in [("--lowercase", lowercase), ("--chrf-whitespace", whitespace),
                                     ("--chrf-eps-smoothing", eps)] if on]
    ours = hone_score(tmp_path, predictions, [references], ["chrf", "chrf++"], *options)
    for name, order in [("chrf", 0), ("chrf++", 2)]:
        metric = CHRF(word_order=order, lowercase=lowercase, whitespace=whitespace, eps_smoothing=eps)
        assert close(ours[name]["score"], metric.corpus_score(predictions, [references]).score)
        assert without_version(ours[name]["signature"]) == without_version(metric.get_signature().format())
        for mine, p, r in zip(ours[name]["per_example"], predictions, references):
            assert close(mine, metric.sentence_score(p, [r]).score), (name, p, r)


def test_published_rouge_figures(tmp_path):
    for case in json.loads((DATA / "google_rouge.json").read_text())["cases"]:
        for score in case["scores"]:
            options = ["--rouge-stemmer"] if score["stemmer"] else []
            ours = hone_score(tmp_path, [case["prediction"]], [[case["target"]]], [score["type"]], *options)
            for field in ["precision", "recall", "fmeasure"]:
                if field in score:
                    assert abs(ours[score["type"]][field] - score[field]) < 6e-6, (case, field)


def test_published_bleu_figures(tmp_path):
    flags = {"tokenize": "--bleu-tokenizer", "smooth_method": "--bleu-smoothing"}
    for case in json.loads((DATA / "sacrebleu_bleu.json").read_text())["corpus"]:
        options = [part for key, value in case["options"].items() for part in (flags[key], value)]
        ours = hone_score(tmp_path, case["hypotheses"], case["references"], ["bleu"], *options)
        assert abs(ours["bleu"]["score"] - case["score"]) < 1e-6, case
