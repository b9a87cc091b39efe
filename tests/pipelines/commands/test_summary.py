"""What a finished run says of its training: only what makes its figures doubtful."""

from __future__ import annotations

from typing import Any

import pytest

from desdecero.pipelines.commands.summary import _cautions, _samples

CALM: dict[str, Any] = {"steps": 2700, "few_steps": False, "machine_busy": False, "machine_slowdown": 1.1}


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({}, []),
        ({"machine_slowdown": None}, []),  # of a GPU, that is not known
        ({"few_steps": True, "steps": 12}, ["12 steps are few"]),
        ({"machine_busy": True, "machine_slowdown": 7.25}, ["took 7.2 times its best time"]),
        ({"few_steps": True, "steps": 990, "machine_busy": True}, ["990 steps are few", "the machine was busy"]),
    ],
)
def test_few_steps_and_a_busy_machine_are_said(changes: dict[str, Any], said: list[str]) -> None:
    text = " ".join(" ".join(_cautions({**CALM, **changes})).split())
    assert bool(text) == bool(said)
    assert all(words in text for words in said)


def test_whose_beginnings_the_samples_have_is_said() -> None:
    samples = [{"prompt": "The court", "text": "The court decided"}]
    own, held_out = (_samples({"prompts_from": source, "samples": samples}) for source in ("recipe", "held_out"))
    assert "The court▸ decided" in own and "The court▸ decided" in held_out
    assert "held-out documents" in held_out and "held-out documents" not in own
