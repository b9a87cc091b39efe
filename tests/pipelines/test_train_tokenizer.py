"""The tokenizer loads with AutoTokenizer, loses nothing, and takes a person's text for text."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from transformers import AutoTokenizer

from pipelines.recipe import Tokenizer
from pipelines.train_tokenizer import SPECIAL_TOKENS, main, train

HARD_TEXTS = [
    "", " ", "\n\n\t  x  \r\n", "El ñandú comió pingüinos; ¿qué más? ¡Olé!", "日本語 ελληνικά עברית 🙂👩‍👩‍👧",
    "e\u0301 ≠ é",
    "a\u00a0b\u200bc\ufeff", "\x00\x01\x7f", "def f(x):\n    return x ** 2  # dos",
    "1.234.567,89 €", "<|endoftext|> [SEP]",
]  # fmt: skip


def test_bpe_gives_every_text_back_unchanged(tiny_runs: dict[str, Path], prose: list[str]) -> None:
    tokenizer = AutoTokenizer.from_pretrained(tiny_runs["llama"].parent / "run" / "tokenizer")
    for text in [*HARD_TEXTS, *prose]:
        ids = tokenizer(text, add_special_tokens=False, split_special_tokens=True)["input_ids"]
        assert tokenizer.decode(ids) == text
        assert tokenizer.eos_token_id not in ids


def test_bpe_is_the_same_every_time(prose: list[str]) -> None:
    wanted = Tokenizer(vocab_size=500)
    assert train(wanted, iter(prose)).to_str() == train(wanted, iter(prose)).to_str()


@pytest.mark.parametrize(("architecture", "kind"), [("llama", "bpe"), ("bert", "wordpiece")])
def test_special_tokens_have_the_roles_that_training_asks_for(
    tiny_runs: dict[str, Path], architecture: str, kind: str
) -> None:
    tokenizer = AutoTokenizer.from_pretrained(tiny_runs[architecture].parent / "run" / "tokenizer")
    for role, token in SPECIAL_TOKENS[kind].items():
        assert getattr(tokenizer, role) == token
    assert len(tokenizer) == 600


def test_wordpiece_reads_words_whatever_the_case_where_told(prose: list[str]) -> None:
    tokenizer = train(Tokenizer(kind="wordpiece", vocab_size=600, lowercase=True), iter(prose))
    assert tokenizer.encode("The VALUE").ids == tokenizer.encode("the value").ids


def test_report_says_what_was_measured(tiny_runs: dict[str, Path]) -> None:
    run = tiny_runs["llama"].parent / "run"
    report = json.loads((run / "tokenizer" / "report.json").read_text())
    assert report["lossless"] is True
    assert report["vocab_size"] == 600
    assert 1.5 < report["bytes_per_token"] < 5
    for example in report["examples"]:
        assert "".join(example["tokens"]) == example["text"]


def test_a_vocabulary_that_the_text_cannot_fill_is_refused(
    tiny: Callable[[str], Path], capsys: pytest.CaptureFixture[str]
) -> None:
    home = tiny("llama")
    words = [str(home / "tiny.yaml"), "--run-dir", str(home / "run"), "--set", "tokenizer.vocab_size=500000"]
    assert main(words) == 2
    assert "only enough variety" in capsys.readouterr().err
