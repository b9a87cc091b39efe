"""Labelled files as people have them, and one sentence for each that cannot be used."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from desdecero.pipelines.auditing.labelled_file import read_labelled
from desdecero.pipelines.common.errors import UserError

SETTING = "audit.suites.swaps"


def written(folder: Path, *rows: dict[str, Any]) -> Path:
    path = folder / "questions.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def test_texts_and_labels_are_read_under_the_names_that_the_recipe_gives(tmp_path: Path) -> None:
    path = written(tmp_path, {"question": "He left.", "kind": 1}, {"question": "She left.", "kind": 2})
    data = read_labelled(path, "question", "kind", SETTING)
    assert (data.texts, data.labels) == (["He left.", "She left."], ["1", "2"])
    assert len(data.sha256) == 64


@pytest.mark.parametrize(
    ("rows", "complaint"),
    [
        ([], "no records"),
        ([{"text": "a"}], "line 1: no field 'label'.*audit.suites.swaps.text or .label"),
        ([{"label": "a"}], "line 1: no field 'text'"),
        ([{"text": " ", "label": "a"}], "line 1: field 'text'"),
        ([{"text": "a", "label": ["a", "b"]}], "line 1: field 'label'.*one label"),
        ([{"text": "a", "label": "x"}, {"text": "b", "label": "x"}], "all texts have the label 'x'"),
    ],
)
def test_a_file_that_cannot_be_used_is_refused_in_one_sentence(
    rows: list[dict[str, Any]], complaint: str, tmp_path: Path
) -> None:
    with pytest.raises(UserError, match=f"^{SETTING}: .*{complaint}") as raised:
        read_labelled(written(tmp_path, *rows), "text", "label", SETTING)
    assert "\n" not in str(raised.value)


def test_a_path_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no such file"):
        read_labelled(tmp_path / "gone.jsonl", "text", "label", SETTING)
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match="file in the folder"):
        read_labelled(tmp_path / "empty", "text", "label", SETTING)
