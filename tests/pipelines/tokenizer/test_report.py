"""What the report says of a tokenizer is what a person would count by hand."""

from __future__ import annotations

from typing import Literal

import pytest
from transformers import PreTrainedTokenizerFast

from desdecero.pipelines.recipe import Tokenizer
from desdecero.pipelines.tokenizer.byte_pairs import build_byte_pairs
from desdecero.pipelines.tokenizer.report import HeldOut, measure, readable, token_bytes, token_use
from desdecero.pipelines.tokenizer.training import to_fast_tokenizer, train

BYTES = [bytes([byte]) for byte in range(256)]


def with_tokens(*learnt: str) -> PreTrainedTokenizerFast:
    """A byte-level tokenizer of the 256 bytes and these."""
    wanted = Tokenizer()
    backend = build_byte_pairs([*BYTES, *(text.encode() for text in learnt)], ["<|endoftext|>", "<|pad|>", "<|mask|>"])
    return to_fast_tokenizer(backend, wanted)


def test_fertility_and_coverage_are_those_counted_by_hand() -> None:
    tokenizer = with_tokens(" c", " ca", " cas", " casa", "ñ")
    documents = [
        HeldOut("casa casa niño", "novels", "es", "es-PE"),  # casa, casa: one token each; n, i, ñ, o
        HeldOut("日", "signs", "ja", ""),  # three bytes, each a part of a character
    ]
    report = measure(tokenizer, documents)
    spanish, japanese = report["languages"]
    # c·a·s·a, ␣casa, ␣, n, i, ñ, o: ten tokens for fifteen bytes
    assert spanish["language"] == "es" and spanish["bytes_per_token"] == 15 / 10
    assert spanish["fertility"] == (1 + 1 + 4) / 3 and spanish["whole_words"] == 2 / 3
    assert spanish["single_bytes"] == 8 / 15 and spanish["broken_bytes"] == 0
    assert japanese["bytes_per_token"] == 1 and japanese["broken_bytes"] == japanese["single_bytes"] == 1
    assert [row["variety"] for row in report["varieties"]] == ["es-PE", ""]
    assert report["measured"]["words"] == 4 and report["lossless"] is True


def test_words_in_many_pieces_are_shown_with_their_cuts_dearest_first() -> None:
    tokenizer = with_tokens("ni", "ñ", "ño")
    report = measure(tokenizer, [HeldOut("niño pan pan sol", "texts", "es", "")])
    assert report["bad_splits"] == [
        {"word": "pan", "occurrences": 2, "cuts": ["p", "a", "n"]},
        {"word": "sol", "occurrences": 1, "cuts": ["s", "o", "l"]},
    ]


def test_tokens_that_the_text_never_uses_are_named() -> None:
    tokenizer = with_tokens("ca", "casa", "zz")
    use = token_use(tokenizer, ["casa casa", "casa"])
    assert use["learnt"] == 3 and use["tokens_read"] == 1 + 4 + 1
    assert use["dead"] == {"tokens": 1, "examples": ["zz"]}
    assert use["rare"]["examples"] == [{"token": "ca", "uses": 1}, {"token": "casa", "uses": 2}]


@pytest.mark.parametrize("kind", ["bpe", "unigram", "wordpiece"])
def test_the_tokens_of_a_text_stand_for_its_bytes(
    kind: Literal["bpe", "unigram", "wordpiece"], prose: list[str]
) -> None:
    tokenizer = train(Tokenizer(kind=kind, vocab_size=800), prose)
    written, text = token_bytes(tokenizer), "The 3 values, ¿qué?" if kind != "wordpiece" else "The 3 values, of a list"
    ids = tokenizer.encode(text, add_special_tokens=False)
    joined = b"".join(written[i] for i in ids)
    assert joined == text.encode() if kind != "wordpiece" else joined == text.replace(" ", "").encode()


def test_unknown_words_are_counted(prose: list[str]) -> None:
    tokenizer = train(Tokenizer(kind="wordpiece", vocab_size=700), prose)
    report = measure(tokenizer, [HeldOut("the value 日本 the", "texts", "en", "")])
    assert report["measured"]["unknown_words"] == 1 / 4 and report["lossless"] is False


def test_parts_of_characters_can_be_read() -> None:
    assert readable("ñ".encode()[:1]) == "\\xc3"
