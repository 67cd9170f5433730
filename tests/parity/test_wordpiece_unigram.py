"""WordPiece and Unigram tokenizers in hone against the tokenizers library: published ones, ones that the library
and SentencePiece train here, and ones made by hand for the corners; on the texts of test_tokenizers.py."""
import base64
import functools
import gzip
import io
import json
import os
import random
import struct
import subprocess

import pytest
import sentencepiece
from sentencepiece import sentencepiece_model_pb2
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

from parity.charsmap import assemble, charsmap
from parity.test_tokenizers import (DATA, HONE, SPECIALS, auto_tokenizer, code_points, compare, compare_corpus,
                                    compare_decoding, corpus, encode, published, run, sentences, template)

N = normalizers
S = pre_tokenizers
BERT_TOKENS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]


@functools.cache
def bert_vocabulary():
    return gzip.open(DATA / "bert-uncased.vocab.txt.gz", "rt", encoding="utf-8").read()


def bert(vocabulary=None, *, specials=(), decoder=None, **normalizer):
    """A tokenizer as BertTokenizerFast makes it, over the published uncased vocabulary unless told otherwise."""
    vocabulary = vocabulary or {token: i for i, token in enumerate(bert_vocabulary().split("\n")[:-1])}
    tokenizer = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]"))
    tokenizer.normalizer = N.BertNormalizer(**normalizer)
    tokenizer.pre_tokenizer = S.BertPreTokenizer()
    tokenizer.decoder = decoder or decoders.WordPiece()
    tokenizer.add_special_tokens(BERT_TOKENS)
    tokenizer.add_tokens(list(specials))
    return template(tokenizer, "[CLS] $A [SEP]", ["[CLS]", "[SEP]"])


@functools.cache
def trained_pieces(prefix="##", alphabet=1000):
    trainer = trainers.WordPieceTrainer(vocab_size=2500, special_tokens=BERT_TOKENS, continuing_subword_prefix=prefix,
                                        show_progress=False, limit_alphabet=alphabet)
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.normalizer = N.BertNormalizer(lowercase=False)
    tokenizer.pre_tokenizer = S.BertPreTokenizer()
    tokenizer.train_from_iterator(sentences(), trainer)
    return tokenizer.get_vocab()


def word_pieces(prefix="##", *, alphabet=1000, longest=100, pre=None, normalizer=None, cleanup=True, specials=()):
    tokenizer = Tokenizer(models.WordPiece(trained_pieces(prefix, alphabet), unk_token="[UNK]", max_input_chars_per_word=longest,
                                           continuing_subword_prefix=prefix))
    tokenizer.normalizer = normalizer or N.NFC()
    tokenizer.pre_tokenizer = pre or S.Whitespace()
    tokenizer.decoder = decoders.WordPiece(prefix=prefix, cleanup=cleanup)
    tokenizer.add_special_tokens(BERT_TOKENS)
    tokenizer.add_tokens(list(specials))
    tokenizer.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    return tokenizer


def unigram(normalizer=None, pre=None, *, decoder=None, vocab=1500, specials=(), alphabet=None):
    """Trained by the library itself, which spells every character of the texts unless told of an alphabet."""
    tokenizer = Tokenizer(models.Unigram())
    tokenizer.normalizer = normalizer
    tokenizer.pre_tokenizer = pre or S.Metaspace()
    texts = sentences() if alphabet is None else [text for text in sentences() if set(text) <= alphabet]
    tokenizer.train_from_iterator(texts, trainers.UnigramTrainer(
        vocab_size=vocab, special_tokens=["<s>", "<pad>", "</s>", "<unk>", "<mask>"], unk_token="<unk>", show_progress=False))
    tokenizer.decoder = decoder or decoders.Metaspace()
    tokenizer.add_tokens(list(specials))
    return tokenizer


@functools.cache
def sentencepiece_proto(rule, byte_fallback=False, size=1600):
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(sentences()), model_writer=model, vocab_size=size, model_type="unigram", num_threads=1,
        normalization_rule_name=rule, byte_fallback=byte_fallback, character_coverage=0.98, minloglevel=2)
    proto = sentencepiece_model_pb2.ModelProto()
    proto.ParseFromString(model.getvalue())
    return proto


def converted(rule, *, byte_fallback=False, pre=None, before=(), behind=(), decoder=None, specials=()):
    """A model trained by SentencePiece, with its normalisation rule as a Precompiled normalizer."""
    proto = sentencepiece_proto(rule, byte_fallback)
    tokenizer = Tokenizer(models.Unigram([(p.piece, p.score) for p in proto.pieces], proto.trainer_spec.unk_id, byte_fallback))
    precompiled = [N.Precompiled(proto.normalizer_spec.precompiled_charsmap)] if proto.normalizer_spec.precompiled_charsmap else []
    tokenizer.normalizer = N.Sequence([*before, *precompiled, *behind])
    tokenizer.pre_tokenizer = pre or S.Metaspace()
    tokenizer.decoder = decoder or decoders.Metaspace()
    tokenizer.add_special_tokens(["<s>", "</s>"])
    tokenizer.add_tokens(list(specials))
    return template(tokenizer, "<s> $A </s>", ["<s>", "</s>"])


def by_hand(pieces, unk=0, *, normalizer=None, pre=None, byte_fallback=False, decoder=None):
    tokenizer = Tokenizer(models.Unigram(pieces, unk, byte_fallback))
    tokenizer.normalizer = normalizer
    tokenizer.pre_tokenizer = pre
    tokenizer.decoder = decoder
    return tokenizer


def mapped(table, pre=None):
    """Every code point is a token to show what a character map gives."""
    return by_hand([("<unk>", 0.0), *((c, -1.0) for c in "abcX가 é")], normalizer=precompiled(charsmap(table)), pre=pre)


def precompiled(map_):
    document = json.loads(Tokenizer(models.Unigram([("a", 0.0)], None, False)).to_str())
    document["normalizer"] = {"type": "Precompiled", "precompiled_charsmap": map_}
    return Tokenizer.from_str(json.dumps(document)).normalizer


T5_SPACES = N.Replace(Regex(" {2,}"), " ")
QUOTES = [N.Replace("``", '"'), N.Replace("''", '"')]
BYTES = [(f"<0x{b:02X}>", -20.0 - b) for b in range(256)]
BYTE_DECODER = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()])
TIES = [("<unk>", 0.0), *((a + b, -2.0) for a in "ab가" for b in ["", *"ab가"]), ("aba", -2.0), ("abab", -4.0), ("가가가", -3.0),
        ("<unk>b", -1.0), ("xy", -40.0), ("x", -30.0), ("단어", 7.5), ("", -1.0), ("ab", -3.0)]
MIXED_MAP = {b"a": b"", "b".encode(): "bb가".encode(), "é".encode(): b"e", "e\u0301".encode(): "é".encode(), "ab".encode(): b"X",
             "가".encode(): b"ka", "\u0301".encode(): b"", "漢".encode(): b"", "ﬁ".encode(): b"fi", "\r\n".encode(): b"\n",
             "\u200d".encode(): b"-", b"\xed\x95": "한".encode(), "\U0001F600".encode(): b":)", " ".encode(): "▁".encode()}
FIRST_BYTES = {bytes([b]): b"X" for b in [*range(1, 128), *range(0xC2, 0xF5)]}
ASCII = {chr(c) for c in range(128)}
TOKENIZERS = {
    "bert-uncased": lambda: bert(),
    "t5-small": lambda: published("t5-small"),
    "bert-cased": lambda: bert(trained_pieces(), lowercase=False, specials=SPECIALS),
    "bert-lower-with-accents": lambda: bert(lowercase=True, strip_accents=False, specials=SPECIALS),
    "bert-cased-without-accents": lambda: bert(trained_pieces(), lowercase=False, strip_accents=True),
    "bert-unclean": lambda: bert(clean_text=False, decoder=decoders.WordPiece(cleanup=False)),
    "bert-chinese-words": lambda: bert(trained_pieces(), handle_chinese_chars=False),
    "word-pieces": lambda: word_pieces("@@", cleanup=False, specials=SPECIALS),
    "short-words": lambda: word_pieces(longest=7, pre=S.Sequence([S.Digits(individual_digits=True), S.WhitespaceSplit()])),
    "no-prefix": lambda: word_pieces("", alphabet=200, pre=S.UnicodeScripts()),
    "fixed-length": lambda: word_pieces(pre=S.FixedLength(3), alphabet=300),
    "xlm-roberta-like": lambda: converted("nmt_nfkc", behind=[T5_SPACES], specials=SPECIALS,
                                          pre=S.Sequence([S.WhitespaceSplit(), S.Metaspace()])),
    "albert-like": lambda: converted("nmt_nfkc_cf", before=[*QUOTES, N.NFKD(), N.StripAccents(), N.Lowercase()],
                                     behind=[T5_SPACES], specials=SPECIALS),
    "byte-fallback": lambda: converted("nfkc", byte_fallback=True, decoder=BYTE_DECODER, specials=SPECIALS,
                                       pre=S.Metaspace(prepend_scheme="first", split=False)),
    "identity-map": lambda: converted("identity", behind=[N.Nmt(), N.NFKC(), T5_SPACES]),
    "library-trained": lambda: unigram(N.Sequence([N.Nmt(), N.NFKC(), T5_SPACES]), specials=SPECIALS),
    "ascii-alphabet": lambda: unigram(alphabet=ASCII, vocab=600, pre=S.Sequence([S.UnicodeScripts(), S.Metaspace()])),
    "ties": lambda: by_hand(TIES),
    "ties-with-bytes": lambda: by_hand(TIES + BYTES, byte_fallback=True, decoder=decoders.ByteFallback()),
    "some-bytes": lambda: by_hand(TIES + BYTES[:200], byte_fallback=True),
    "unknown-last": lambda: by_hand(TIES[1:] + [("?", -0.5)], len(TIES) - 1, pre=S.WhitespaceSplit()),
    "mixed-map": lambda: mapped(MIXED_MAP),
    "first-bytes-map": lambda: mapped(FIRST_BYTES),
    "clusters-map": lambda: mapped({"a".encode(): b"X", "가".encode(): b"Xa"}, pre=S.UnicodeScripts()),
}
PUBLISHED = 2  # so many come first, and see every character


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tokenizers")

    @functools.cache
    def build(name):
        tokenizer = TOKENIZERS[name]()
        path = folder / f"{name}.json"
        tokenizer.save(str(path))
        return Tokenizer.from_file(str(path)), path
    return build


@pytest.mark.parametrize("name", TOKENIZERS)
def test_encoding_equals_the_library(built, name):
    compare_corpus(*built(name))


@pytest.mark.parametrize("name", TOKENIZERS)
def test_every_character(built, name):
    tokenizer, path = built(name)
    number = list(TOKENIZERS).index(name)
    compare(path, tokenizer, code_points() if number < PUBLISHED else code_points()[number % 5::5], False)


@pytest.mark.parametrize("name", TOKENIZERS)
def test_decoding_equals_the_library(built, name):
    tokenizer, path = built(name)
    rng = random.Random(7)
    size = tokenizer.get_vocab_size()
    rows = [e.ids for e in encode(tokenizer, corpus()[::4], False)[1]]
    rows += [[rng.randrange(size) for _ in range(rng.randrange(0, 40))] for _ in range(150)]
    rows += [[size + 5, 1, 2_000_000_000]]
    compare_decoding(tokenizer, path, rows)


# Neighbours that make a cluster, or just do not, around what a map replaces.
JOINING = ["a", "b", "가", "é", "e", "\r", "\n", "\u0301", "\u0323", "\u200d", "\u0600", "\u0903", "\u0E33", "\u1100", "\u1161",
           "\u11A8", "\uFE0F", "❤", "\U0001F1F0", "\U0001F468", "\U0001F3FD", "\u00AD", "\u0300", "ﬁ", "\u094D", "\u0915", "\u0D4E"]


@pytest.mark.parametrize("name", ["mixed-map", "first-bytes-map", "clusters-map", "t5-small", "xlm-roberta-like", "albert-like"])
def test_clusters(built, name):
    tokenizer, path = built(name)
    rng = random.Random(5)
    texts = [a + b for a in JOINING for b in JOINING] + ["".join(rng.choices(JOINING, k=rng.randrange(3, 9))) for _ in range(1500)]
    compare(path, tokenizer, texts, False)


def test_sentencepiece_says_the_same(tmp_path):
    """The library is not the last word: where no character is odd, hone, the library and SentencePiece itself agree."""
    proto = sentencepiece_proto("nmt_nfkc")
    theirs = sentencepiece.SentencePieceProcessor(model_proto=proto.SerializeToString())
    path = tmp_path / "tokenizer.json"
    converted("nmt_nfkc", pre=S.Sequence([S.WhitespaceSplit(), S.Metaspace()])).save(str(path))
    plain = [text for text in sentences() if text.isprintable() and "<" not in text]
    got = run(["--tokenizer", path], [{"text": text} for text in plain])
    different = [text for text, answer in zip(plain, got, strict=True) if answer["ids"] != theirs.encode(text)]
    assert len(plain) > 700 and not different, different[:5]


@pytest.mark.parametrize("name, file", [("bert-uncased", "bert-uncased.golden.json"), ("t5-small", "t5-base.golden.json")])
def test_published_ids(built, name, file):
    golden = json.loads((DATA / file).read_text(encoding="utf-8"))
    _, path = built(name)
    [answer] = run(["--tokenizer", path, "--offsets", "--add-special-tokens"], [{"text": golden["text"]}])
    assert answer["ids"] == golden["token_ids"]


BERT_CONFIGS = [
    {"do_lower_case": True},
    {"do_lower_case": False, "tokenizer_class": "BertTokenizer"},
    {"do_lower_case": True, "tokenizer_class": "DistilBertTokenizer", "strip_accents": False, "model_max_length": 512},
    {"do_lower_case": True, "tokenizer_class": "BertTokenizerFast", "tokenize_chinese_chars": False, "never_split": None},
    {"do_lower_case": False, "tokenizer_class": "ElectraTokenizer", "strip_accents": True},
    {"do_lower_case": True, "unk_token": "the", "cls_token": "[unused0]",
     "sep_token": {"__type": "AddedToken", "content": "[SEP]", "lstrip": True, "rstrip": False, "normalized": False, "single_word": False}},
]


@pytest.mark.parametrize("config", BERT_CONFIGS, ids=json.dumps)
def test_folder_with_vocab_txt(config, tmp_path):
    (tmp_path / "vocab.txt").write_text(bert_vocabulary(), encoding="utf-8")
    (tmp_path / "tokenizer_config.json").write_text(json.dumps(config), encoding="utf-8")
    (tmp_path / "config.json").write_text('{"model_type": "bert"}')
    theirs = auto_tokenizer(tmp_path)
    texts = list(corpus(tuple(BERT_TOKENS)))
    for flags, special in [([], False), (["--add-special-tokens"], True)]:
        got = run(["--tokenizer", tmp_path, *flags], [{"text": t} for t in texts])
        expected = [theirs(text, add_special_tokens=special)["input_ids"] for text in texts]
        for text, answer, want in zip(texts, got, expected, strict=True):
            assert answer["ids"] == want, text


FAULTS = [
    ({}, None, "do_lower_case"),
    ({"do_lower_case": True, "tokenizer_class": "BertJapaneseTokenizer"}, None, "BertJapaneseTokenizer"),
    ({"do_lower_case": True, "do_basic_tokenize": False}, None, "do_basic_tokenize"),
    ({"do_lower_case": True, "never_split": ["x"]}, None, "never_split"),
    ({"do_lower_case": 1}, None, "do_lower_case"),
    ({"do_lower_case": True, "sep_token": "[END]"}, None, "[END]"),
    ({"do_lower_case": True}, "added_tokens.json", "added_tokens.json"),
    (None, None, "tokenizer_config.json"),
]


@pytest.mark.parametrize("config, extra, word", FAULTS)
def test_doubtful_folders_are_explained(config, extra, word, tmp_path):
    (tmp_path / "vocab.txt").write_text(bert_vocabulary(), encoding="utf-8")
    if config is not None:
        (tmp_path / "tokenizer_config.json").write_text(json.dumps(config), encoding="utf-8")
    if extra:
        (tmp_path / extra).write_text('{"x": 30522}')
    done = subprocess.run([HONE, "tokenize", "--tokenizer", tmp_path, "--text", "a"], capture_output=True, text=True)
    assert done.returncode == 2 and word in done.stderr, done.stderr
    assert isinstance(config, dict) and config.get("do_lower_case") == 1 or "AutoTokenizer" in done.stderr or "fix" in done.stderr


@pytest.mark.parametrize("name", ["spiece.model", "sentencepiece.bpe.model", "tokenizer.model", "merges.txt"])
def test_other_formats_are_explained(name, tmp_path):
    (tmp_path / name).write_text("")
    done = subprocess.run([HONE, "tokenize", "--tokenizer", tmp_path, "--text", "a"], capture_output=True, text=True)
    assert done.returncode == 2 and name in done.stderr and "save_pretrained" in done.stderr, done.stderr


def hostile_maps():
    good = base64.b64decode(charsmap(MIXED_MAP))
    units = list(struct.unpack(f"<{struct.unpack('<I', good[:4])[0] // 4}I", good[4:4 + struct.unpack("<I", good[:4])[0]]))
    blob = good[4 + 4 * len(units):]
    yield "not base64 at all!"
    yield "AAA"
    yield ""
    yield base64.b64encode(b"\0\0").decode()
    yield base64.b64encode(struct.pack("<I", 0xFFFFFFFC) + good[4:]).decode()
    yield base64.b64encode(struct.pack("<I", 6) + good[4:]).decode()
    yield assemble([0xFFFFF << 10], blob)
    yield assemble([(1 << 9) | (0x1FFFFF << 10)] + units[1:], blob)
    yield assemble(units, b"\xff\xfe\0" + blob)
    yield assemble(units[:7], blob)
    yield assemble(units, blob[:4])
    yield assemble([u | 0xFFFF if u >> 31 else u for u in units], blob)


def test_hostile_maps_are_refused(tmp_path):
    document = json.loads(by_hand(TIES).to_str())
    for number, map_ in enumerate(hostile_maps()):
        document["normalizer"] = {"type": "Precompiled", "precompiled_charsmap": map_}
        (tmp_path / "tokenizer.json").write_text(json.dumps(document))
        done = subprocess.run([HONE, "tokenize", "--tokenizer", tmp_path, "--text", "ab가"], capture_output=True, text=True)
        assert done.returncode == 2 and "precompiled_charsmap" in done.stderr, (number, done.returncode, done.stderr)
