"""Training tokens are inference tokens: the fast encoder and AutoTokenizer give the same ids for any text."""

from __future__ import annotations

import gzip
import json
import os
import random
import sys
from pathlib import Path

import numpy as np
import pytest
import regex
import rustbpe
import tiktoken
from tokenizers import Regex, pre_tokenizers
from transformers import AutoTokenizer, PreTrainedTokenizerFast

from desdecero.pipelines.common.errors import UserError
from desdecero.pipelines.recipe import Tokenizer
from desdecero.pipelines.tokenizer.byte_pairs import build_byte_pairs, learn_pairs
from desdecero.pipelines.tokenizer.encoding import Encoder, fast_encoding
from desdecero.pipelines.tokenizer.training import train

RUNS = [
    "a",
    " ",
    "\n",
    " \n",
    "=",
    "-",
    "ab",
    "aab",
    "¡",
    "ñ",
    "0",
    "'s",
    "\x00",
    "🙂",
    "e\u0301",
    "日本",
    "\t",
    "<|pad|>",
    "<|no special token|>",  # what tiktoken looks for, and must not take for more than text
]


def adversarial() -> list[str]:
    """Runs of one unit in every length, and random mixtures of scripts, signs, spaces and special tokens."""
    draw = random.Random(0)
    texts = [unit * length for unit in RUNS for length in (*range(1, 40), 99, 500, 1001, 20_000)]
    texts += ["".join(draw.choices(RUNS, k=draw.randrange(200))) for _ in range(2000)]
    texts += ["".join(draw.choices("ab \n=-'sñ1", k=draw.randrange(200))) for _ in range(3000)]
    texts += ["".join(map(chr, draw.choices(range(1, 0xD7FF), k=300))) for _ in range(200)]
    return texts


def saved(tokenizer: PreTrainedTokenizerFast, folder: Path) -> PreTrainedTokenizerFast:
    tokenizer.save_pretrained(folder)
    return AutoTokenizer.from_pretrained(folder)


def assert_same_ids(tokenizer: PreTrainedTokenizerFast, texts: list[str]) -> None:
    encode = Encoder(tokenizer)
    assert encode.fast is not None
    expected = tokenizer(texts, add_special_tokens=False, split_special_tokens=True, verbose=False)["input_ids"]
    for text, ids, wanted in zip(texts, encode(texts), expected, strict=True):
        assert ids.tolist() == wanted, repr(text[:200])


@pytest.fixture(scope="module")
def tokenizer(prose: list[str], tmp_path_factory: pytest.TempPathFactory) -> PreTrainedTokenizerFast:
    return saved(train(Tokenizer(vocab_size=3000), prose), tmp_path_factory.mktemp("tokenizer"))


def test_ids_are_those_of_autotokenizer_on_prose_and_on_hard_texts(
    tokenizer: PreTrainedTokenizerFast, prose: list[str]
) -> None:
    assert_same_ids(tokenizer, [*prose, *adversarial()])


@pytest.mark.parametrize("unit", ["a", "ab", "aab", "=-"])
def test_ids_agree_where_a_vocabulary_is_full_of_repetitions(unit: str) -> None:
    """Here tokens are made of others in many ways, and in a text they overlap."""
    draw = random.Random(1)
    texts = [unit * draw.randrange(1, 30) + draw.choice(["", "b", " c"]) for _ in range(2000)]
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=build_byte_pairs(learn_pairs(texts, 400)))
    assert 270 < len(tokenizer) < 400
    assert_same_ids(tokenizer, ["".join(draw.choices([unit, unit[0], "b"], k=60)) for _ in range(3000)])


@pytest.mark.skipif("DESDECERO_DATA" not in os.environ, reason="needs the real Spanish and English texts")
@pytest.mark.slow
def test_ids_are_those_of_autotokenizer_on_hundreds_of_thousands_of_words(tmp_path: Path) -> None:
    """Spanish novels and laws, English, and Python: of each, every fifth text or part of one."""
    texts = real_texts()[::5]
    tokenizer = saved(train(Tokenizer(vocab_size=8192), texts[::4]), tmp_path)
    assert sum(len(text.split()) for text in texts) > 500_000
    assert_same_ids(tokenizer, texts)


def real_texts() -> list[str]:
    corpora, texts = Path(os.environ["DESDECERO_DATA"]) / "corpora", list[str]()
    for name in ("novelas_es", "leyes_pe", "masc_en"):
        with gzip.open(corpora / f"{name}.jsonl.gz", "rt", encoding="utf-8") as file:
            found = [json.loads(line)["text"] for line in file]
        texts += [text[i : i + 50_000] for text in found[:300] for i in range(0, min(len(text), 200_000), 50_000)]
    library = Path(json.__file__).parent.parent
    return texts + [path.read_text(encoding="utf-8") for path in sorted(library.glob("*.py"))]


def test_libraries_know_the_same_letters_digits_and_spaces() -> None:
    """Each has its own Unicode tables; a text of newer letters than one of them knows would be cut in two ways."""
    characters = "".join(chr(point) for point in range(sys.maxunicode + 1) if not 0xD800 <= point < 0xE000)
    for kind in (r"\p{L}", r"\p{N}", r"\s"):
        split = pre_tokenizers.Split(Regex(kind), "removed")
        others = set("".join(piece for piece, _ in split.pre_tokenize_str(characters)))
        single_bytes = {bytes([byte]): byte for byte in range(256)}
        encoding = tiktoken.Encoding("bytes", pat_str=kind, mergeable_ranks=single_bytes, special_tokens={})
        assert set(encoding.decode(encoding.encode_ordinary(characters))) == set(characters) - others
        trained = rustbpe.Tokenizer()
        trained.train_from_iterator(["a"], vocab_size=256, pattern=kind)
        assert bytes(trained.encode(characters)).decode() == encoding.decode(encoding.encode_ordinary(characters))


def test_the_pattern_cuts_as_it_says() -> None:
    from desdecero.pipelines.recipe.pretokenization import PATTERN

    assert regex.findall(PATTERN, "¿Qué dijo Íñigo?") == ["¿Qué", " dijo", " Íñigo", "?"]
    assert regex.findall(PATTERN, "don't 1234567 IT'S") == ["don", "'t", " ", "123", "456", "7", " IT", "'S"]
    assert regex.findall(PATTERN, "if x:\n    y += 1\n\n") == ["if", " x", ":\n", "   ", " y", " +=", " ", "1", "\n\n"]


def test_other_tokenizers_are_encoded_by_their_own_library(prose: list[str]) -> None:
    for kind in ("wordpiece", "unigram"):
        tokenizer = train(Tokenizer(kind=kind, vocab_size=700), prose)  # type: ignore[arg-type]
        assert fast_encoding(tokenizer) is None
        expected = tokenizer(prose[:50], add_special_tokens=False, split_special_tokens=True)["input_ids"]
        assert [ids.tolist() for ids in Encoder(tokenizer)(prose[:50])] == expected


def test_encoding_stops_where_training_and_inference_would_differ(tokenizer: PreTrainedTokenizerFast) -> None:
    encode = Encoder(tokenizer)
    assert encode.fast is not None
    encode.exact = build_byte_pairs([bytes([byte]) for byte in range(256)])
    with pytest.raises(UserError, match="different ids in training and at inference"):
        encode(["the value"])


def test_one_text_in_a_hundred_is_checked_over_all_batches(tokenizer: PreTrainedTokenizerFast) -> None:
    encode, checked = Encoder(tokenizer), list[str]()
    exactly = encode.encode_exactly
    encode.encode_exactly = lambda texts: checked.extend(texts) or exactly(texts)  # type: ignore[method-assign, func-returns-value]
    texts = [f"text {number}" for number in range(1000)]
    for start in range(0, 1000, 64):
        encode(texts[start : start + 64])
    assert checked == texts[::100]


def test_no_text_gives_no_ids(tokenizer: PreTrainedTokenizerFast) -> None:
    assert Encoder(tokenizer)([]) == []
    assert np.array_equal(Encoder(tokenizer)([""])[0], [])
