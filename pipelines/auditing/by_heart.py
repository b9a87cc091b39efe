"""What the model knows by heart, in the audit: passages, copied text, canaries, and values taken out of the corpus."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from typing import Any

from desdecero.eval_suites.by_heart import ordinary
from desdecero.eval_suites.by_heart.exposure import PERMUTATIONS, measure_exposure
from desdecero.eval_suites.by_heart.extraction import CONTINUATION, measure_extraction
from desdecero.eval_suites.by_heart.ordinary import measure_ordinary
from desdecero.eval_suites.by_heart.personal_data import measure_personal_data
from desdecero.eval_suites.by_heart.results import MemorizationResult, PersonalDataSuite
from desdecero.eval_suites.public_sets.figures import Scored
from desdecero.pipelines.auditing.asked import Asked, bar
from desdecero.pipelines.auditing.work import CHARACTERS, Work
from desdecero.pipelines.common.errors import UserError
from desdecero.pipelines.corpus.documents import measured_split
from desdecero.pipelines.corpus.privacy.canaries import canaries
from desdecero.pipelines.corpus.privacy.originals import BEFORE, MADE_UP, withheld
from desdecero.pipelines.recipe.audit import Memorization, WithheldData
from desdecero.pipelines.tokens.passages import draw_passages
from desdecero.pipelines.tokens.trace import Documents

PROMPTS = 100
"""Ordinary prompts: a share of nothing is then known to be below 4 points."""
VALUES = 100
"""Values taken out of the corpus that are asked for, each beside 99 made-up ones."""
VALUE, SHARED = 16, 6
"""Characters of a value, and values that share one reading of their prompt. A rough guess, with which the quickstart's
plan said 15 to 27 s for what took 19."""
PLACES = 20
"""Places of a copied run whose licences are looked up."""


def memorization(asked: Asked, section: Memorization) -> Scored[MemorizationResult]:
    """Measure what the model gives back of its training text; a line for each passage, prompt and canary."""
    recipe, run, index, model = asked.recipe, asked.run, asked.index, asked.model
    confidence, split = recipe.audit.confidence, measured_split(recipe)

    def drawn(split_: Any, count: int, tokens: int, least: int, beginnings: bool = False) -> Sequence[Any]:
        if not run.token_files(split_):
            return []
        return draw_passages(run, recipe, split_, count, tokens, recipe.seed, least=least, beginnings=beginnings)

    longest, least = max(section.prefixes) + CONTINUATION, min(section.prefixes) + CONTINUATION
    extraction, passages = measure_extraction(
        model,
        drawn("train", section.sequences, longest, least),
        drawn(split, section.sequences, longest, least),
        lambda tokens: index.places(tokens, 0)[0],
        section.prefixes,
        confidence,
        progress=bar("extraction"),
    )
    documents = Documents(run)
    copied, prompts = measure_ordinary(
        model,
        drawn(split, PROMPTS, ordinary.PROMPT + ordinary.WRITTEN, ordinary.PROMPT, beginnings=True),
        index.longest,
        lambda tokens: [one.license for one in documents.at(index.places(tokens, PLACES)[1])],
        confidence,
        recipe.seed,
    )
    exposure, planted = None, list[dict[str, Any]]()
    if recipe.tokens.canaries:
        made = canaries(recipe.tokens.canaries, recipe.seed)
        exposure, planted = measure_exposure(
            model, made.by_repetitions(), made.controls, confidence, PERMUTATIONS, recipe.seed, bar("canaries")
        )
    lines = [
        {"asked": asked_for, **line}
        for asked_for, found in (("passage", passages), ("prompt", prompts), ("canary", planted))
        for line in found
    ]
    return Scored(MemorizationResult(extraction=extraction, ordinary=copied, exposure=exposure), lines)


def personal_data(asked: Asked, _: WithheldData) -> Scored[PersonalDataSuite]:
    """Measure whether the model gives back what was taken out of its corpus; a line for each value, without it.

    The salt of the lines' hashes is drawn anew each time and kept nowhere.
    """
    recipe = asked.recipe
    if asked.model.objective != "causal":
        return Scored(_not_asked("not_causal"), [])
    try:
        found = withheld(recipe, asked.run, VALUES)
    except UserError:  # what it needs is not on this machine: the report says so, and the rest is measured
        return Scored(_not_asked("sources_missing"), [])
    result, lines = measure_personal_data(
        asked.model, found.values, secrets.token_bytes(16), recipe.audit.confidence, bar("personal data")
    )
    suite = PersonalDataSuite(
        documents=found.documents, altered=found.altered, kinds=result.kinds, not_measured=result.not_measured
    )
    return Scored(suite, lines)


def memorization_work(asked: Asked, section: Memorization) -> Work:
    """Return the work of passages of both sides, of prompts, and of canaries, of a model that continues texts."""
    if asked.recipe.model.objective != "causal":
        return Work(0)
    passages = 2 * section.sequences
    tokens = passages * sum(prefix + CONTINUATION for prefix in section.prefixes)
    read = tokens * CHARACTERS
    if planted := asked.recipe.tokens.canaries:
        made = canaries(planted, asked.recipe.seed)
        read += sum(map(len, [*made.controls, *(text for texts in made.by_repetitions().values() for text in texts)]))
    return Work(passages, read, PROMPTS, PROMPTS * ordinary.WRITTEN)


def personal_data_work(asked: Asked, _: WithheldData) -> Work:
    """Return the work of the values and of those made up beside each, after two prompts: as many as are asked at most.

    The prompt is read again for every few of them (`prefix_tree.py`).
    """
    if asked.recipe.model.objective != "causal":
        return Work(0)
    room = min(BEFORE, asked.recipe.model.context_length * CHARACTERS)
    return Work(VALUES, read=2 * VALUES * (1 + MADE_UP) * (VALUE + room / SHARED))


def p_values_of_memorization(result: MemorizationResult) -> dict[str, float]:
    """Return `canaries_64` and alike → p-value of texts that were never trained on."""
    if result.exposure is None:
        return {}
    return {f"canaries_{one.repetitions}": one.p_value for one in result.exposure.repetitions}


def _not_asked(reason: Any) -> PersonalDataSuite:
    return PersonalDataSuite(documents=0, altered=0, kinds=[], not_measured=reason)
