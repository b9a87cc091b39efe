"""Text of a training set, looked up in what a model writes after the beginnings of other documents."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from small_models import language_model

from desdecero.eval_suites.by_heart.ordinary import LEAST, PROMPT, copied_runs, measure_ordinary
from desdecero.eval_suites.by_heart.passages import Passage
from desdecero.eval_suites.models.interface import LanguageModel

CONTEXT = PROMPT + 64


@pytest.fixture(scope="module")
def model() -> LanguageModel:
    return language_model("llama", context_length=CONTEXT + 1)


@pytest.fixture(scope="module")
def held_out() -> list[Passage]:
    return [Passage(str(number), 0, tuple(range(number, number + CONTEXT))) for number in range(30, 60)]


def longest_in(training: Sequence[Sequence[int]], tokens: Sequence[int]) -> list[int]:
    """By brute force."""

    def common(one: Sequence[int], other: Sequence[int]) -> int:
        return next((n for n, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))

    return [
        max(common(tokens[start:], text[place:]) for text in training for place in range(len(text)))
        for start in range(len(tokens))
    ]


def test_copied_text_is_counted_by_licence_beside_what_a_writer_has_in_common(
    model: LanguageModel, held_out: list[Passage]
) -> None:
    written: list[Sequence[int]] = []

    def remember(tokens: Sequence[int]) -> list[int]:
        written.append(tokens)
        return [0] * len(tokens)

    plain, _ = measure_ordinary(model, held_out, remember, lambda _: [], seed=1)
    assert plain.tokens is not None and plain.prompts is not None and plain.written > 20 * LEAST
    assert (plain.tokens.count, plain.prompts.count, plain.licenses) == (0, 0, [])
    assert plain.tokens.high is not None and plain.tokens.high > 0  # nothing found is not nothing there
    answers = [tokens for tokens in written[: len(held_out)] if len(tokens) > LEAST + 4]
    training = [answers[0][3 : 3 + LEAST], answers[1], held_out[0].tokens[PROMPT:]]

    def licenses(tokens: Sequence[int]) -> list[str | None]:
        return ["MIT", "MIT"] if len(tokens) == LEAST else ["CC0-1.0", None]

    found, lines = measure_ordinary(
        model, held_out, lambda tokens: longest_in(training, tokens), licenses, confidence=0.95, seed=1
    )
    copied = LEAST + len(answers[1])
    assert found.tokens is not None and found.prompts is not None and found.held_out is not None
    assert (found.tokens.count, found.prompts.count, found.prompts.of) == (copied, 2, 30)
    assert sum(line["copied"] for line in lines) == copied
    assert {row.license: row.tokens for row in found.licenses} == {
        "CC0-1.0": len(answers[1]), "LicenseRef-unknown": len(answers[1]), "MIT": LEAST,
    }  # fmt: skip
    assert found.held_out.count >= CONTEXT - PROMPT
    assert set(lines[0]) == {"document", "written", "copied", "licenses"}  # and no text


def test_runs_that_overlap_are_counted_once() -> None:
    assert copied_runs([0, 4, 3, 4, 3, 2, 1, 0, 3, 2, 1], least=3) == [(1, 4), (5, 2), (8, 3)]
    assert copied_runs([2, 1, 0], least=3) == []


@pytest.mark.parametrize(
    ("kind", "context", "count", "reason"),
    [
        ("t5", CONTEXT, 40, "not_causal"),
        ("llama", PROMPT + LEAST, 40, "context_too_short"),
        ("llama", CONTEXT, 29, "too_few_passages"),
    ],
)
def test_what_cannot_be_measured_has_a_reason(kind: str, context: int, count: int, reason: str) -> None:
    some = [Passage(str(number), 0, (number,) * CONTEXT) for number in range(count)]
    found, lines = measure_ordinary(language_model(kind, context_length=context), some, list, lambda _: [])
    assert (found.not_measured, found.tokens, lines) == (reason, None, [])
