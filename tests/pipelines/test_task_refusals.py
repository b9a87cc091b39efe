"""Examples that an adapter cannot be trained on end the command with one sentence, and leave the run as it was."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tiny_adapters import conversations, jsonl, labelled, spans, words_for

from desdecero.pipelines.cli import main

LABELLED, CHAT, SPANS = labelled(6), conversations(), spans(10)
CLASSES, TOKENS, TALK = {"task": "classification"}, {"task": "tokens"}, {"task": "chat"}
LONG = {"messages": [{"role": "system", "content": "Be brief. " * 60}, *(
    {"role": role, "content": "Yes."} for role in ("user", "assistant")
)]}  # fmt: skip
OVERLAP = {"text": "A list of files", "spans": [
    {"start": 2, "end": 9, "label": "THING"}, {"start": 7, "end": 15, "label": "THING"},
]}  # fmt: skip
ONE = [{"text": row["text"], "label": "ssl"} for row in LABELLED]


@pytest.mark.parametrize(
    ("base", "section", "rows", "test", "said"),
    [
        ("bert", {**CLASSES, "data": {"label": "kind"}}, LABELLED, None, "train.jsonl, line 1: no field 'kind' (it"),
        ("bert", CLASSES, LABELLED, [{"text": "A text.", "label": "new"}], "test.jsonl, line 1: no example to train"),
        (
            "bert", CLASSES, [*LABELLED, {"text": "A text.", "label": "SSL "}], None,
            "train.jsonl, line 19: the label 'SSL ' differs from 'ssl' (train.jsonl, line 13) only in case or blanks",
        ),
        ("bert", CLASSES, ONE, None, "train.jsonl, line 1: all examples to train on have the label 'ssl'"),
        ("bert", CLASSES, [*LABELLED, {"text": " ", "label": "ssl"}], None, "train.jsonl, line 19: field 'text' is"),
        ("llama", TALK, [*CHAT, {"prompt": "Why?", "response": ""}], None, "train.jsonl, line 13: field 'response' is"),
        ("llama", TALK, [*CHAT, LONG], [CHAT[0]], "train.jsonl, line 13: "),
        ("bert", TOKENS, [*SPANS, OVERLAP], None, "train.jsonl, line 11: the span THING 7–15 overlaps THING 2–9"),
        ("bert", TALK, CHAT, None, "finetune.mine: "),
        ("bert", {**CLASSES, "replay": 0.5}, LABELLED, None, "replay is for texts and conversations, not for the"),
        ("llama", {**TALK, "replay": 0.01}, CHAT, None, "replay 0.01 of a batch_size of 8 is 0 sequences: raise "),
        (
            "bert", {**CLASSES, "learning_rate": "auto", "data": {"validation": 0.0}}, LABELLED, None,
            "choose on validation data, and there are none: raise data.validation",
        ),
    ],
)  # fmt: skip
def test_what_cannot_be_learned_is_refused_in_a_sentence_and_leaves_nothing_behind(
    tried: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str],
    base: str, section: dict[str, Any], rows: list[dict[str, Any]], test: list[dict[str, Any]] | None, said: str,
) -> None:  # fmt: skip
    data = {"train": str(jsonl(tmp_path / "train.jsonl", rows)), **section.get("data", {})}
    if test is not None:
        data["test"] = str(jsonl(tmp_path / "test.jsonl", test))
    before = files(tried / base / "run")
    assert main(["finetune", *words_for(tried / base, "mine", {**section, "data": data})]) == 2
    refused = capsys.readouterr().err
    assert said in refused and refused.count("\n") == 1, refused
    assert files(tried / base / "run") == before


def test_a_dataset_of_the_hub_that_is_a_script_is_refused_with_the_way_out(
    tried: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "script").mkdir()
    (tmp_path / "script" / "script.py").write_text("import datasets\n")
    section = {**CLASSES, "data": {"hub": {"name": str(tmp_path / "script")}}}
    before = files(tried / "bert" / "run")
    assert main(["finetune", *words_for(tried / "bert", "mine", section)]) == 2
    refused = capsys.readouterr().err
    assert "with revision: refs/convert/parquet" in refused and refused.count("\n") == 1
    assert files(tried / "bert" / "run") == before


def files(run: Path) -> dict[str, int]:
    """The files of a run by name, with the time of their last change; but for what every stage notes when it begins."""
    return {
        str(path.relative_to(run)): path.stat().st_mtime_ns
        for path in run.rglob("*")
        if path.is_file() and path.suffix != ".fingerprint" and path.name not in (".lock", "made_from.json")
    }


def test_a_table_with_a_wrong_line_is_refused_by_the_command_that_adds_an_adapter(
    tried: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "train.csv").write_text(
        "text,label\n" + "".join(f"text {n},{'ab'[n % 2]}\n" for n in range(9)) + ",a\n"
    )
    run = tried / "bert" / "run"
    before = files(run)
    assert main(["finetune", str(run), "--domain", "support", "--data", str(tmp_path / "train.csv")]) == 2
    refused = capsys.readouterr().err
    assert "train.csv, line 11: field 'text' is empty" in refused and refused.count("\n") == 1
    assert files(run) == before
