"""hone tokenize against the tokenizers library: ids, tokens, offsets and decoding, for published tokenizers
and for small ones that are trained here with the published settings, on multilingual fuzzed text."""
import functools
import gzip
import json
import os
import pathlib
import random
import subprocess

import pytest
from tokenizers import (AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers)

HONE = os.environ["HONE"]
TESTS = pathlib.Path(__file__).resolve().parent.parent
DATA = TESTS / "data" / "tokenizers"
GPT2 = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
LLAMA3 = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*"
          r"|\s*[\r\n]+|\s+(?!\S)|\s+")
QWEN2 = LLAMA3.replace("{1,3}", "")
O200K = (r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
         r"|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
         r"|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+")
DEEPSEEK = [r"\p{N}{1,3}", r"[一-龥぀-ゟ゠-ヿ]+",
            r"[!\"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+"
            r"| ?[\p{P}\p{S}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"]


@functools.cache
def sentences():
    rows = (TESTS / "data" / "metrics" / "texts.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(row)["text"] for row in rows]


@functools.cache
def code_points():
    """Every assigned code point of any script, in order, a few hundred a text."""
    everything = [c for c in range(0x110000) if not 0xD800 <= c < 0xE000]
    interesting = [c for c in everything if c < 0x3500 or 0xA000 <= c < 0xB000 or 0xD700 <= c < 0x20000 or c % 97 == 0]
    return ["".join(map(chr, interesting[i:i + 400])) for i in range(0, len(interesting), 400)]


ALPHABETS = [
    [chr(c) for c in range(0x20, 0x7F)],
    [chr(c) for c in range(0xAC00, 0xAC00 + 600)] + [" "] * 60,
    [chr(c) for c in range(0x1100, 0x1200)] + [chr(c) for c in range(0x3131, 0x318F)] + [" "],
    [chr(c) for c in range(0x0300, 0x0370)] + list("aeiouAEIOU가 "),
    list("漢字かな交じり文カタカナ中文简体繁體。、") + [" ", "\u3000"],
    list("שלום עולם مرحبا بالعالم١٢٣۴") + ["\u200f", "\u202e"],
    list("\U0001F468\U0001F469\U0001F467\u200d\ufe0f\U0001F3FD❤☺\U0001F1F0\U0001F1F7\U0001F600 "),
    list(" \t\n\r\x0b\x0c\x85\xa0\u1680\u180e\u2003\u2028\u3000") + ["a", "."],
    [chr(c) for c in range(0x20)] + ["\x7f", "\x80", "\x9f", "\ufeff", "\ufffd", "\uffff", "a"],
    list("''sSſtTrReEvVmMlLdD lléİıßﬁŉǅK"),
    list("0123456789٠१²½Ⅷ①〇,._- "),
    list("▁ a가<>|_"),
]


@functools.cache
def corpus(extra=()):
    rng = random.Random(20240607)
    texts = ["", " ", "\n", "\x00", "a", "가", "▁", "\ufffd"] + list(sentences()[::14])
    for alphabet in ALPHABETS:
        texts += ["".join(rng.choices(alphabet, k=rng.randrange(1, 60))) for _ in range(20)]
    for _ in range(100):  # alphabets mixed, in runs
        texts.append("".join("".join(rng.choices(rng.choice(ALPHABETS), k=rng.randrange(1, 9)))
                             for _ in range(rng.randrange(1, 12))))
    for _ in range(60):  # anything at all
        texts.append("".join(chr(rng.choice([rng.randrange(0x300), rng.randrange(0xD800), rng.randrange(0xE000, 0x110000)]))
                             for _ in range(rng.randrange(1, 40))))
    texts += ["a" * 5000, "가" * 3000, " " * 700, "ab" * 900 + " " + "나다" * 400, "\n" * 300, "=" * 999]
    for _ in range(80 if extra else 0):  # added tokens between pieces of text
        parts = []
        for _ in range(rng.randrange(1, 8)):
            parts.append(rng.choice(extra))
            parts.append(rng.choice([" ", "", "  ", "\n", "word", "단어", rng.choice(sentences())[:20],
                                     rng.choice(extra)[:rng.randrange(1, 8)], rng.choice(extra).upper()]))
        texts.append("".join(parts))
    return texts


def byte_level(pattern=None, normalizer=None, *, prefix_space=False, ignore_merges=False, trim=True, vocab=1200, specials=(),
               pre=None, post=None):
    """A byte-level BPE as GPT-2, Llama 3 and Qwen 2 have it, trained on a little text."""
    tokenizer = Tokenizer(models.BPE(ignore_merges=ignore_merges))
    if normalizer:
        tokenizer.normalizer = normalizer
    split = [pre_tokenizers.Split(Regex(p), "isolated") for p in ([pattern] if isinstance(pattern, str) else pattern or [])]
    level = pre_tokenizers.ByteLevel(add_prefix_space=prefix_space, trim_offsets=trim, use_regex=pattern is None)
    tokenizer.pre_tokenizer = pre or pre_tokenizers.Sequence(split + [level])
    trainer = trainers.BpeTrainer(vocab_size=vocab, special_tokens=["<|begin|>", "<|end|>", "<mask>"], show_progress=False,
                                  initial_alphabet=pre_tokenizers.ByteLevel.alphabet())
    tokenizer.train_from_iterator(sentences(), trainer)
    tokenizer.add_tokens(list(specials))
    tokenizer.post_processor = post or processors.ByteLevel(trim_offsets=trim, add_prefix_space=prefix_space)
    tokenizer.decoder = decoders.ByteLevel()
    return tokenizer


def character_bpe(normalizer=None, pre=None, decoder=None, *, byte_fallback=False, unk="<unk>", fuse_unk=False, vocab=1500,
                  prefix="", suffix="", specials=(), scheme=None):
    """A BPE over characters, as SentencePiece models are after conversion."""
    options = {"continuing_subword_prefix": prefix} if prefix else {}
    if suffix:
        options["end_of_word_suffix"] = suffix
    tokenizer = Tokenizer(models.BPE(unk_token=unk, fuse_unk=fuse_unk, byte_fallback=byte_fallback, **options))
    if normalizer:
        tokenizer.normalizer = normalizer
    training_pre = pre or pre_tokenizers.Metaspace()
    tokenizer.pre_tokenizer = training_pre
    bytes_ = [f"<0x{b:02X}>" for b in range(256)] if byte_fallback else []
    trainer = trainers.BpeTrainer(vocab_size=vocab, special_tokens=["<unk>", "<s>", "</s>"] + bytes_, show_progress=False,
                                  limit_alphabet=500, **options)
    tokenizer.train_from_iterator(sentences(), trainer)
    if pre is None and scheme is None:
        tokenizer.pre_tokenizer = pre_tokenizers.Split("never occurs", "isolated")
    elif scheme:
        tokenizer.pre_tokenizer = scheme
    tokenizer.add_tokens(list(specials))
    if decoder:
        tokenizer.decoder = decoder
    return tokenizer


SPECIALS = (AddedToken("<|user|>", special=True, normalized=False), AddedToken("[left]", lstrip=True, normalized=False),
            AddedToken("[right]", rstrip=True, special=True), AddedToken("[both]", lstrip=True, rstrip=True),
            AddedToken("word", single_word=True), AddedToken("단어", single_word=True, normalized=False),
            AddedToken("Straße", normalized=True), AddedToken("ÅNGSTRÖM", normalized=True), AddedToken("<|user|>x"),
            AddedToken("\n\n"), AddedToken("  ", normalized=False))
LLAMA_DECODER = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(),
                                   decoders.Strip(content=" ", left=1, right=0)])
LLAMA_NORMALIZER = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])


def template(tokenizer, single, names):
    tokenizer.post_processor = processors.TemplateProcessing(
        single=single, special_tokens=[(n, tokenizer.token_to_id(n)) for n in names])
    return tokenizer


def roberta():
    tokenizer = byte_level(prefix_space=True, specials=SPECIALS)
    ids = [(t, tokenizer.token_to_id(t)) for t in ("<|end|>", "<|begin|>")]
    tokenizer.post_processor = processors.RobertaProcessing(*ids, trim_offsets=True, add_prefix_space=True)
    return tokenizer


def bert_like():
    tokenizer = character_bpe(pre=pre_tokenizers.BertPreTokenizer())
    tokenizer.post_processor = processors.BertProcessing(("</s>", 2), ("<s>", 1))
    return tokenizer


def llama3():
    tokenizer = byte_level(LLAMA3, ignore_merges=True, trim=True, specials=SPECIALS)
    tokenizer.post_processor = processors.Sequence([
        processors.ByteLevel(trim_offsets=False),
        processors.TemplateProcessing(single="<|begin|> $A", pair="<|begin|> $A <|begin|> $B:1",
                                      special_tokens=[("<|begin|>", tokenizer.token_to_id("<|begin|>"))])])
    return tokenizer


def published_text(name):
    path = DATA / f"{name}.tokenizer.json"
    return gzip.open(f"{path}.gz", "rt", encoding="utf-8").read() if not path.exists() else path.read_text(encoding="utf-8")


def published(name):
    return Tokenizer.from_str(published_text(name))


def splitting(*parts, **options):
    """A byte-level tokenizer that cuts with other pre-tokenizers first."""
    return byte_level(pre=pre_tokenizers.Sequence([*parts, pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)]),
                      **options)


def split(pattern, behavior, invert=False):
    return pre_tokenizers.Split(pattern, behavior, invert)


S = pre_tokenizers
N = normalizers
TOKENIZERS = {
    "gpt2": lambda: published("gpt2"),
    "phi-3": lambda: published("phi-3"),
    "qwen2-tiny": lambda: published("qwen2-tiny"),
    "tinystories": lambda: published("tinystories"),
    "gpt2-like": lambda: byte_level(specials=SPECIALS),
    "gpt2-untrimmed": lambda: byte_level(trim=False),
    "roberta-like": roberta,
    "llama3-like": llama3,
    "qwen2-like": lambda: byte_level(QWEN2, N.NFC(), specials=SPECIALS, trim=False),
    "o200k-like": lambda: byte_level(O200K, ignore_merges=True),
    "deepseek-like": lambda: byte_level(DEEPSEEK),
    "starcoder-like": lambda: splitting(S.Digits(individual_digits=True), S.ByteLevel(add_prefix_space=False)),
    "nfkc-lower": lambda: byte_level(GPT2, N.Sequence([N.NFKC(), N.Lowercase()]), specials=SPECIALS),
    "nfd-accents": lambda: byte_level(GPT2, N.Sequence([N.NFD(), N.StripAccents(), N.Strip()]),
                                      specials=SPECIALS[:-2]),
    "nfkd": lambda: byte_level(GPT2, N.NFKD()),
    "nfd-nfc": lambda: byte_level(QWEN2, N.Sequence([N.NFD(), N.NFC(), N.Strip(left=False)])),
    "replace-regex": lambda: byte_level(GPT2, N.Sequence([N.Replace(Regex(r"\s+"), " "), N.Replace(Regex("[ㄱ-ㅎ]{2,}"), "ㅋㅋ"),
                                                          N.Replace("--", "—"), N.Replace("a", "")])),
    "prepend": lambda: byte_level(GPT2, N.Sequence([N.Prepend("가 "), N.Lowercase()])),
    "bytes-normalizer": lambda: splitting(S.WhitespaceSplit()),
    "split-removed": lambda: splitting(split(" ", "removed")),
    "split-isolated": lambda: splitting(split(Regex(r"[\p{P}\p{S}]"), "isolated")),
    "split-previous": lambda: splitting(split(Regex("[ab가]"), "merged_with_previous")),
    "split-next": lambda: splitting(split(Regex(r"\s"), "merged_with_next")),
    "split-contiguous": lambda: splitting(split(Regex(r"\w|'"), "contiguous")),
    "split-invert": lambda: splitting(split(Regex(r"\p{L}+|\p{Nd}+"), "removed", True)),
    "split-invert-next": lambda: splitting(split("a", "merged_with_next", True)),
    "split-empty-match": lambda: splitting(split(Regex(r"\d*"), "isolated")),
    "split-classes": lambda: splitting(split(Regex(r"[\s\p{Hangul}]+|[^\S\n]|[\p{Han}ぁ-ん]+|\P{L}+?(?=\p{Lu})"), "isolated")),
    "whitespace": lambda: splitting(S.Whitespace()),
    "punctuation": lambda: splitting(S.Punctuation("merged_with_previous"), S.WhitespaceSplit()),
    "digits": lambda: splitting(S.Digits(individual_digits=False), S.CharDelimiterSplit("e")),
    "llama-like": lambda: template(character_bpe(LLAMA_NORMALIZER, byte_fallback=True, fuse_unk=True, decoder=LLAMA_DECODER,
                                                 specials=SPECIALS), "<s> $A </s>", ["<s>", "</s>"]),
    "metaspace-first": lambda: character_bpe(byte_fallback=True, decoder=decoders.Metaspace(prepend_scheme="first"),
                                             scheme=S.Metaspace(prepend_scheme="first", split=False), specials=SPECIALS),
    "metaspace-first-nfkc": lambda: character_bpe(N.NFKC(), decoder=decoders.Metaspace(prepend_scheme="first"), specials=SPECIALS,
                                                  scheme=S.Sequence([S.Punctuation(), S.Metaspace(prepend_scheme="first")])),
    "metaspace-always": lambda: character_bpe(pre=S.Metaspace(), decoder=decoders.Metaspace()),
    "metaspace-never": lambda: character_bpe(scheme=S.Metaspace(prepend_scheme="never"), fuse_unk=True,
                                             decoder=decoders.Metaspace(prepend_scheme="never")),
    "bert-like": bert_like,
    "word-parts": lambda: character_bpe(pre=S.Whitespace(), prefix="##", suffix="</w>", decoder=decoders.BPEDecoder()),
    "gpt1-like": lambda: character_bpe(N.Lowercase(), pre=S.BertPreTokenizer(), suffix="</w>", decoder=decoders.BPEDecoder()),
    "no-unknown": lambda: character_bpe(pre=S.WhitespaceSplit(), unk=None),
}


def run(arguments, rows):
    lines = "".join(json.dumps(row, ensure_ascii=i % 2 == 0) + "\n" for i, row in enumerate(rows))
    done = subprocess.run([HONE, "tokenize", *map(str, arguments)], input=lines.encode(), capture_output=True)
    assert done.returncode == 0, done.stderr.decode()
    return [json.loads(line) for line in done.stdout.decode().split("\n")[:-1]]


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tokenizers")

    @functools.cache
    def build(name):
        tokenizer = TOKENIZERS[name]()
        path = folder / f"{name}.json"
        tokenizer.save(str(path))
        return tokenizer, path
    return build


def encode(tokenizer, texts, special):
    """The texts and their encodings, less those on which the library itself panics (overlapping added tokens)."""
    kept, encodings = [], []
    for text in texts:
        try:
            encodings.append(tokenizer.encode(text, add_special_tokens=special))
            kept.append(text)
        except BaseException as fault:
            assert "PanicException" in type(fault).__name__, fault
    assert len(kept) > 0.95 * len(texts)
    return kept, encodings


def compare(path, tokenizer, texts, special):
    texts, expected = encode(tokenizer, texts, special)
    flags = ["--add-special-tokens"] if special else []
    # Ids alone take another way than ids with offsets; a part of the texts goes both.
    plain = run(["--tokenizer", path, *flags], [{"text": t} for t in texts[::4]])
    full = run(["--tokenizer", path, "--offsets", *flags], [{"text": t} for t in texts])
    assert [answer["ids"] for answer in plain] == [want.ids for want in expected[::4]]
    for text, want, got in zip(texts, expected, full, strict=True):
        assert got["ids"] == want.ids, (text, want.tokens, got["tokens"])
        assert got["tokens"] == want.tokens, text
        assert [tuple(o) for o in got["offsets"]] == want.offsets, (text, want.tokens)


def compare_corpus(tokenizer, path):
    added = tuple(t.content for t in tokenizer.get_added_tokens_decoder().values())
    compare(path, tokenizer, corpus(added), False)
    compare(path, tokenizer, corpus(added)[::9], True)


def compare_decoding(tokenizer, path, rows):
    for flags, skip in [([], False), (["--skip-special-tokens"], True)]:
        got = run(["--tokenizer", path, "--decode", *flags], [{"ids": ids} for ids in rows])
        for ids, answer in zip(rows, got, strict=True):
            assert answer["text"] == tokenizer.decode(ids, skip_special_tokens=skip), ids


@pytest.mark.parametrize("name", TOKENIZERS)
def test_encoding_equals_the_library(built, name):
    compare_corpus(*built(name))


@pytest.mark.parametrize("name", TOKENIZERS)
def test_every_character(built, name):
    # Each tokenizer sees every fifth text, another fifth than its neighbours; the published ones see all.
    tokenizer, path = built(name)
    number = list(TOKENIZERS).index(name)
    compare(path, tokenizer, code_points() if number < 4 else code_points()[number % 5::5], False)


@pytest.mark.parametrize("name", TOKENIZERS)
def test_decoding_equals_the_library(built, name):
    tokenizer, path = built(name)
    rng = random.Random(7)
    size = tokenizer.get_vocab_size()
    rows = [e.ids for e in encode(tokenizer, corpus()[::4], False)[1]]
    rows += [[rng.randrange(size) for _ in range(rng.randrange(0, 40))] for _ in range(150)]
    rows += [[rng.randrange(min(size, 300)) for _ in range(20)] for _ in range(100)] + [[size + 5, 1, 2_000_000_000]]
    compare_decoding(tokenizer, path, rows)


def test_broken_utf8_is_replaced_as_python_does(built):
    tokenizer, path = built("gpt2-like")
    rng = random.Random(3)
    broken = []
    for _ in range(300):
        data = bytearray(rng.choice(corpus()).encode()[:60])
        for _ in range(rng.randrange(1, 5)):
            data[rng.randrange(len(data) + 1):0] = bytes([rng.choice([0x80, 0xC0, 0xC3, 0xE0, 0xED, 0xA0, 0xF0, 0xF4, 0x90, 0xFF])])
        broken.append(bytes(b for b in data if b >= 0x20 and b not in b'"\\'))
    lines = b"".join(b'{"text": "' + data + b'"}\n' for data in broken)
    done = subprocess.run([HONE, "tokenize", "--tokenizer", path], input=lines, capture_output=True)
    assert done.returncode == 0, done.stderr.decode()
    for data, line in zip(broken, done.stdout.decode().split("\n")[:-1], strict=True):
        assert json.loads(line)["ids"] == tokenizer.encode(data.decode(errors="replace")).ids, data


def test_special_tokens_as_text(built):
    tokenizer, path = built("llama3-like")
    texts = list(corpus(("<|user|>", "<|begin|>", "[both]", "[right]")))[-80:]
    tokenizer.encode_special_tokens = True
    try:
        got = run(["--tokenizer", path, "--special-as-text"], [{"text": t} for t in texts])
        for text, answer in zip(texts, got, strict=True):
            assert answer["ids"] == tokenizer.encode(text, add_special_tokens=False).ids, text
    finally:
        tokenizer.encode_special_tokens = False


def test_merges_in_either_form_and_missing_type(built, tmp_path):
    tokenizer, path = built("qwen2-like")
    document = json.loads(path.read_text(encoding="utf-8"))
    document["model"]["merges"] = [m if isinstance(m, str) else " ".join(m) for m in document["model"]["merges"]]
    del document["model"]["type"]
    other = tmp_path / "tokenizer.json"
    other.write_text(json.dumps(document), encoding="utf-8")
    texts = list(sentences()[:50])
    assert run(["--tokenizer", tmp_path], [{"text": t} for t in texts]) == run(["--tokenizer", path], [{"text": t} for t in texts])


def test_bad_lines_name_the_line(built):
    _, path = built("qwen2-tiny")
    for line, word in [("{\"text\": 3}", "text"), ("nonsense", "2"), ("{\"txt\": \"a\"}", "text")]:
        done = subprocess.run([HONE, "tokenize", "--tokenizer", path], input=f'{{"text": "a"}}\n{line}\n', capture_output=True,
                              text=True)
        assert done.returncode == 2 and "standard input:2" in done.stderr and word in done.stderr, done.stderr


GOLDENS = {"gpt2": ("gpt2.ids.jsonl", 0), "phi-3": ("phi-3.ids.jsonl", 1)}


@pytest.mark.parametrize("name", GOLDENS)
def test_published_ids(name, tmp_path):
    """Ids that others published for these tokenizers; some begin with the BOS that older libraries put there."""
    file, extra = GOLDENS[name]
    (tmp_path / "tokenizer.json").write_text(published_text(name), encoding="utf-8")
    rows = [json.loads(row) for row in (DATA / file).read_text(encoding="utf-8").splitlines()]
    flags = ["--special-as-text"] if name == "gpt2" else []
    got = run(["--tokenizer", tmp_path, *flags], [{"text": row["text"]} for row in rows])
    assert [answer["ids"] for answer in got] == [row["ids"][extra:] for row in rows]


def auto_tokenizer(folder):
    from transformers import AutoTokenizer
    return AutoTokenizer.from_pretrained(folder)


BOS_CONFIGS = [{}, {"add_bos_token": True}, {"add_bos_token": False}, {"add_bos_token": True, "add_eos_token": True}]


@pytest.mark.parametrize("flags", BOS_CONFIGS, ids=json.dumps)
@pytest.mark.parametrize("processor", ["none", "template", "as it is"])
def test_bos_and_eos_as_auto_tokenizer(flags, processor, tmp_path):
    """transformers lets the tokenizer.json say what is added and passes over add_bos_token beside one; so do we."""
    document = json.loads((DATA / "tinystories.tokenizer.json").read_text(encoding="utf-8"))
    if processor == "none":
        document["post_processor"] = None
    elif processor == "template":
        document["post_processor"] = {
            "type": "TemplateProcessing", "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 0}}],
            "single": [{"SpecialToken": {"id": "<s>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}},
                       {"SpecialToken": {"id": "</s>", "type_id": 0}}],
            "special_tokens": {t: {"id": t, "ids": [i], "tokens": [t]} for t, i in [("<s>", 1), ("</s>", 2)]}}
    (tmp_path / "tokenizer.json").write_text(json.dumps(document), encoding="utf-8")
    config = {"tokenizer_class": "LlamaTokenizerFast", "bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>", **flags}
    (tmp_path / "tokenizer_config.json").write_text(json.dumps(config), encoding="utf-8")
    texts = ["Once upon a time", "", "a cat and"]
    theirs = auto_tokenizer(tmp_path)
    got = run(["--tokenizer", tmp_path, "--add-special-tokens"], [{"text": t} for t in texts])
    assert [answer["ids"] for answer in got] == [theirs(t)["input_ids"] for t in texts]
    got = run(["--tokenizer", tmp_path], [{"text": t} for t in texts])
    assert [answer["ids"] for answer in got] == [theirs(t, add_special_tokens=False)["input_ids"] for t in texts]


PATTERNS = {"gpt2": (None, None), "llama3": (LLAMA3, None), "qwen2": (QWEN2, N.NFC())}


def train(files, output, *flags):
    done = subprocess.run([HONE, "tokenizer", "train", "--files", *map(str, files), "--output", str(output), "--json", *flags],
                          capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize("pattern", PATTERNS)
@pytest.mark.parametrize("size, frequency", [(700, 2), (6000, 1), (6000, 3), (100_000, 2)])
def test_training_equals_the_library(pattern, size, frequency, tmp_path):
    regex, normalizer = PATTERNS[pattern]
    corpus_file = TESTS / "data" / "metrics" / "texts.jsonl"
    report = train([corpus_file], tmp_path / "ours", "--vocab-size", str(size), "--min-frequency", str(frequency),
                   "--pattern", pattern, "--special-tokens", "<|endoftext|>,<|im_start|>,<|im_end|>,<끝>")
    tokenizer = Tokenizer(models.BPE())
    if normalizer:
        tokenizer.normalizer = normalizer
    level = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=regex is None)
    tokenizer.pre_tokenizer = level if regex is None else S.Sequence([S.Split(Regex(regex), "isolated"), level])
    tokenizer.train_from_iterator(sentences(), trainers.BpeTrainer(
        vocab_size=size, min_frequency=frequency, show_progress=False, initial_alphabet=S.ByteLevel.alphabet(),
        special_tokens=["<|endoftext|>", "<|im_start|>", "<|im_end|>", "<끝>"]))
    theirs = json.loads(tokenizer.to_str())["model"]
    ours = json.loads((tmp_path / "ours" / "tokenizer.json").read_text(encoding="utf-8"))["model"]
    assert ours["merges"] == theirs["merges"]
    assert ours["vocab"] == theirs["vocab"]
    assert report["vocab_size"] == len(ours["vocab"]) and report["merges"] == len(ours["merges"])
    assert report["vocab_size"] == size if size < 1000 else report["vocab_size"] < 100_000


def test_trained_tokenizer_in_transformers(tmp_path):
    raw = tmp_path / "raw.txt"
    raw.write_text("\n\n".join(sentences()[:300]), encoding="utf-8")
    chats = tmp_path / "chats.jsonl"
    chats.write_text("".join(json.dumps({"messages": [{"role": "user", "content": a}, {"role": "assistant", "content": b}]}) + "\n"
                             for a, b in zip(sentences()[300:600:2], sentences()[301:600:2])), encoding="utf-8")
    train([raw, chats], tmp_path / "ours", "--vocab-size", "2000")
    theirs = auto_tokenizer(tmp_path / "ours")
    assert theirs.eos_token_id == 2 and theirs.pad_token_id == 0 and theirs.bos_token is None and len(theirs) == 2000
    messages = [{"role": "user", "content": "안녕?"}, {"role": "assistant", "content": "네, 안녕하세요."}]
    chat = theirs.apply_chat_template(messages, tokenize=False)
    assert chat == "<|im_start|>user\n안녕?<|im_end|>\n<|im_start|>assistant\n네, 안녕하세요.<|im_end|>\n"
    texts = [chat, *corpus(("<|im_start|>", "<|im_end|>"))]
    for flags, special in [([], False), (["--add-special-tokens"], True)]:
        got = run(["--tokenizer", tmp_path / "ours", *flags], [{"text": t} for t in texts])
        assert [answer["ids"] for answer in got] == theirs(texts, add_special_tokens=special)["input_ids"]


def test_raw_text_is_one_text(tmp_path):
    text = "".join(line + "\n" * (1 + i % 3) for i, line in enumerate(sentences()))
    raw = tmp_path / "raw.txt"
    raw.write_text(text, encoding="utf-8", newline="")
    train([raw], tmp_path / "ours", "--vocab-size", "3000", "--pattern", "llama3")
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = S.Sequence([S.Split(Regex(LLAMA3), "isolated"), S.ByteLevel(add_prefix_space=False, use_regex=False)])
    tokenizer.train_from_iterator([text], trainers.BpeTrainer(
        vocab_size=3000, min_frequency=2, show_progress=False, initial_alphabet=S.ByteLevel.alphabet(),
        special_tokens=["<|endoftext|>", "<|im_start|>", "<|im_end|>"]))
    ours = json.loads((tmp_path / "ours" / "tokenizer.json").read_text(encoding="utf-8"))["model"]
    assert ours["merges"] == json.loads(tokenizer.to_str())["model"]["merges"]


@pytest.mark.parametrize("flags, word", [
    (["--vocab-size", "100"], "259"), (["--vocab-size", "900", "--pattern", "gpt5"], "gpt2"),
    (["--vocab-size", "900", "--eos-token", "</s>"], "--special-tokens"), (["--vocab-size", "900", "--chat-template", "chatmll"], "chatml")])
def test_training_settings_that_make_no_sense(flags, word, tmp_path):
    raw = tmp_path / "raw.txt"
    raw.write_text("some text", encoding="utf-8")
    done = subprocess.run([HONE, "tokenizer", "train", "--files", raw, "--output", tmp_path / "out", *flags], capture_output=True, text=True)
    assert done.returncode == 2 and word in done.stderr, done.stderr
    assert not (tmp_path / "out").exists()
