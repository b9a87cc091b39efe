"""The stage leaves a tokenizer that loads with AutoTokenizer, and says what was measured of it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from transformers import AutoTokenizer, PreTrainedTokenizerFast

from desdecero.model_cards.words import LANGUAGES, file_in
from desdecero.pipelines.recipe import Tokenizer
from desdecero.pipelines.train_tokenizer import main


@pytest.mark.parametrize(("architecture", "kind"), [("llama", "bpe"), ("bert", "wordpiece")])
def test_special_tokens_have_the_roles_that_training_asks_for(
    tiny_runs: dict[str, Path], architecture: str, kind: str
) -> None:
    folder = tiny_runs[architecture].parent / "run" / "tokenizer"
    for tokenizer in (AutoTokenizer.from_pretrained(folder), PreTrainedTokenizerFast.from_pretrained(folder)):
        for role, token in Tokenizer(kind=kind).roles.items():  # type: ignore[arg-type]
            assert getattr(tokenizer, role) == token
        assert len(tokenizer) == 600


def test_report_says_what_was_measured(tiny_runs: dict[str, Path]) -> None:
    run = tiny_runs["llama"].parent / "run"
    report = json.loads((run / "tokenizer" / "report.json").read_text())
    assert report["lossless"] is True
    assert report["vocab_size"] == 600
    assert 1.5 < report["bytes_per_token"] < 5
    assert report["training_sample"] == [{"source": "texts", "language": "", "bytes": report["training_bytes"]}]
    corpus = json.loads((run / "corpus" / "report.json").read_text())
    assert report["training_bytes"] == corpus["splits"]["train"]["bytes"]
    assert len(report["examples"]) == 3
    for example in report["examples"]:
        assert "".join(example["tokens"]) == example["text"]
    (source,) = report["sources"]
    assert source == {"source": "texts", **report["measured"]}
    assert report["languages"] == report["varieties"] == report["compared_with"] == []
    for language in LANGUAGES:
        page = (run / "tokenizer" / file_in(language, "report.md")).read_text()
        picture = file_in(language, "bytes_per_token.png")
        assert (run / "tokenizer" / picture).read_bytes().startswith(b"\x89PNG")
        assert f"]({picture})" in page and f"| {report['bad_splits'][0]['word']} |" in page


def test_other_tokenizers_are_measured_on_the_same_text(tiny: Callable[[str], Path], capsys: Any) -> None:
    home = tiny("llama")
    peer = tiny("bert") / "run" / "tokenizer"
    words = [str(home / "tiny.yaml"), "--run-dir", str(home / "run")]
    assert main([*words, "--set", f"tokenizer.compare_with=[{peer}, {home / 'run' / 'tokenizer'}]"]) == 0
    report = json.loads((home / "run" / "tokenizer" / "report.json").read_text())
    wordpiece, same = report["compared_with"]
    assert wordpiece["lossless"] is False and wordpiece["bytes_per_token"] != report["bytes_per_token"]
    assert same == {
        "name": "run/tokenizer", "vocab_size": 600, "lossless": True,
        **{key: report["measured"][key] for key in ("bytes_per_token", "fertility", "whole_words")},
    }  # fmt: skip
    assert "Beside others" in (home / "run" / "tokenizer" / "report.md").read_text()


@pytest.mark.parametrize("name", ["./nowhere", "{texts}"])
def test_a_tokenizer_to_compare_with_that_is_none_is_told_in_a_sentence(
    tiny: Callable[[str], Path], capsys: pytest.CaptureFixture[str], name: str
) -> None:
    home = tiny("llama")
    name = name.format(texts=home)
    words = [str(home / "tiny.yaml"), "--run-dir", str(home / "run"), "--set", f"tokenizer.compare_with=[{name}]"]
    assert main(words) == 2
    said = capsys.readouterr().err
    assert (
        said.startswith("desdecero: tokenizer.compare_with: no tokenizer could be loaded from")
        and "\n" not in said[:-1]
    )


@pytest.mark.parametrize("kind", ["bpe", "wordpiece", "unigram"])
def test_a_vocabulary_that_the_text_cannot_fill_is_refused(
    tiny: Callable[[str], Path], capsys: pytest.CaptureFixture[str], kind: str
) -> None:
    home = tiny("llama")
    words = [str(home / "tiny.yaml"), "--run-dir", str(home / "run"), "--set", "tokenizer.vocab_size=500000"]
    assert main([*words, "--set", f"tokenizer.kind={kind}"]) == 2
    assert "only enough variety" in capsys.readouterr().err
