"""The stage leaves a tokenizer that loads with AutoTokenizer, and says what was measured of it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from transformers import AutoTokenizer, PreTrainedTokenizerFast

from pipelines.recipe import Tokenizer
from pipelines.train_tokenizer import main
from pipelines.vocabulary.special_tokens import roles


@pytest.mark.parametrize(("architecture", "kind"), [("llama", "bpe"), ("bert", "wordpiece")])
def test_special_tokens_have_the_roles_that_training_asks_for(
    tiny_runs: dict[str, Path], architecture: str, kind: str
) -> None:
    folder = tiny_runs[architecture].parent / "run" / "tokenizer"
    for tokenizer in (AutoTokenizer.from_pretrained(folder), PreTrainedTokenizerFast.from_pretrained(folder)):
        for role, token in roles(Tokenizer(kind=kind)).items():  # type: ignore[arg-type]
            assert getattr(tokenizer, role) == token
        assert len(tokenizer) == 600


def test_report_says_what_was_measured(tiny_runs: dict[str, Path]) -> None:
    run = tiny_runs["llama"].parent / "run"
    report = json.loads((run / "tokenizer" / "report.json").read_text())
    assert report["lossless"] is True
    assert report["vocab_size"] == 600
    assert 1.5 < report["bytes_per_token"] < 5
    assert report["training_sample"] == [{"source": "texts", "language": "", "bytes": report["training_bytes"]}]
    for example in report["examples"]:
        assert "".join(example["tokens"]) == example["text"]


@pytest.mark.parametrize("kind", ["bpe", "wordpiece", "unigram"])
def test_a_vocabulary_that_the_text_cannot_fill_is_refused(
    tiny: Callable[[str], Path], capsys: pytest.CaptureFixture[str], kind: str
) -> None:
    home = tiny("llama")
    words = [str(home / "tiny.yaml"), "--run-dir", str(home / "run"), "--set", "tokenizer.vocab_size=500000"]
    assert main([*words, "--set", f"tokenizer.kind={kind}"]) == 2
    assert "only enough variety" in capsys.readouterr().err
