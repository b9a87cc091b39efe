"""Task files of lm-eval are run through this project's interface, for every kind of model."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import yaml
from small_models import language_model

from desdecero.eval_suites.tasks import harness
from desdecero.eval_suites.tasks.task import Asking

HOW = Asking(confidence=0.95, seed=0)
ITEMS = [
    {"question": "What is it?", "choices": ["a list of values", "it"], "answer": 1},
    {"question": "Is it true?", "choices": ["yes", "not at all"], "answer": 0},
    {"question": "Which name?", "choices": ["the file", "the value of it"], "answer": 0},
]


def task_file(folder: Path, **changes: object) -> Path:
    (folder / "items.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in ITEMS), encoding="utf-8")
    task = {
        "task": "mine",
        "dataset_path": "json",
        "dataset_kwargs": {"data_files": {"test": str(folder / "items.jsonl")}},
        "test_split": "test",
        "output_type": "multiple_choice",
        "doc_to_text": "Question: {{question}}\nAnswer:",
        "doc_to_choice": "{{choices}}",
        "doc_to_target": "answer",
        "metric_list": [{"metric": "acc"}],
    } | changes
    (folder / "mine.yaml").write_text(yaml.safe_dump(task), encoding="utf-8")
    return folder / "mine.yaml"


@pytest.mark.parametrize("architecture", ["llama", "bert", "t5"])
def test_a_task_is_scored_by_this_projects_likelihoods(architecture: str, tmp_path: Path) -> None:
    pytest.importorskip("lm_eval")
    model, suite = language_model(architecture, context_length=64), harness.from_file("theirs", task_file(tmp_path))
    scored = suite.run(model, HOW)
    right = []
    for row in ITEMS:
        context = f"Question: {row['question']}\nAnswer:"
        found = model.log_likelihood([context] * 2, [f" {choice}" for choice in row["choices"]])  # type: ignore[attr-defined]
        right.append(float(found.argmax() == row["answer"]))
    assert scored.result.main == "acc" and scored.result.items == 3
    assert scored.result.measures["acc"].value == pytest.approx(np.mean(right))
    assert scored.items.right == right and len(set(scored.items.hashes)) == 3
    assert "What is it?" in suite.texts[0]


def test_text_that_a_task_asks_for_is_written_up_to_its_stop(tmp_path: Path) -> None:
    pytest.importorskip("lm_eval")
    path = task_file(
        tmp_path,
        output_type="generate_until",
        doc_to_target="{{choices[answer]}}",
        doc_to_choice=None,
        generation_kwargs={"until": ["\n"], "max_gen_toks": 5},
        metric_list=[{"metric": "exact_match"}],
    )
    scored = harness.from_file("theirs", path).run(language_model("llama", context_length=64), HOW)
    assert 0 <= scored.result.measures["exact_match"].value <= 1


@pytest.mark.parametrize(
    ("content", "complaint"),
    [("task: [", "cannot be read as a task file"), ("group: a", "it names no `task`"), (None, "no such file")],
)
def test_a_task_file_that_is_wrong_is_refused(content: str | None, complaint: str, tmp_path: Path) -> None:
    pytest.importorskip("lm_eval")
    if content is not None:
        (tmp_path / "mine.yaml").write_text(content, encoding="utf-8")
    with pytest.raises(ValueError, match=complaint):
        harness.from_file("theirs", tmp_path / "mine.yaml")
