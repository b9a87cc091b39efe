"""Measure one model on the suites of a recipe; what was measured before, on the same items, is used again.

    items/<suite>.parquet   one row an item: hash, text, right, answer, log_likelihoods, tokens, paradigm, cluster, …

The file of a suite is written when the suite is finished, and holds its result too. So an evaluation that was killed
goes on after the last finished suite, and a recipe with one more suite has that one measured alone.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from desdecero.eval_suites.models.interface import LanguageModel
from desdecero.eval_suites.results import Contamination, Slice, SuiteResult
from desdecero.eval_suites.tasks.task import Asking, Items, Scored, Scorer, measured_share
from desdecero.pipelines.common.errors import UserError
from desdecero.pipelines.common.files import hash_json
from desdecero.pipelines.common.progress import progress
from desdecero.pipelines.corpus.cleaning.contamination import Index, Item
from desdecero.pipelines.evaluation.suites import LoadedSuite, sections
from desdecero.pipelines.recipe import Recipe

VERSION = 2
"""Raised when the same items and model give another result: what was measured by an older version is not used again."""
KEY = b"desdecero"
"""Key of the result in the metadata of a suite's file."""
CONTAMINATION_WORDS = 13
"""Consecutive words that an item and a training text must share (Brown et al. 2020, appendix C)."""

Earlier = Callable[[str], bytes | None]
"""Function that returns the file of a suite that was measured before, by its name."""


@dataclass(frozen=True)
class Subject:
    """A model that is measured, and what decides its scores."""

    model: LanguageModel
    digest: str
    """Digest of its weights and tokenizer."""
    baselines: Mapping[str, Scorer]
    training: Callable[[], Iterable[str]] | None = None
    """Function that returns the texts that it was trained on; None where nobody knows."""
    training_digest: str = ""


def measure_suites(
    recipe: Recipe,
    subject: Subject,
    suites: Sequence[LoadedSuite],
    folder: Path,
    earlier: Earlier,
    again: Sequence[str] = (),
) -> tuple[list[SuiteResult], list[str]]:
    """Return the result of each suite, and the names of those that were measured before and are used again.

    The scores of the items are written below `folder`.

    again: names of suites that are measured even if nothing has changed
    """
    for loaded in suites:
        if loaded.suite.kind == "write" and not subject.model.writes:
            raise UserError(f"evaluate.suites.{loaded.name}: a masked model writes no text: leave the suite out")
    (folder / "items").mkdir(parents=True, exist_ok=True)
    for unfinished in (folder / "items").glob("*.partial"):  # of an evaluation that was killed
        unfinished.unlink()
    results, confidence = dict[str, SuiteResult](), recipe.evaluate.confidence
    waiting = list[tuple[LoadedSuite, str]]()
    for loaded in suites:
        made_from = _fingerprint(recipe, subject, loaded)
        file = folder / "items" / f"{loaded.name}.parquet"
        known = earlier(loaded.name) if loaded.name not in again else None
        if known is not None and (found := result_in(known, made_from)):
            file.write_bytes(known)
            results[loaded.name] = found[0]
        else:
            waiting.append((loaded, made_from))
    read = _read_in_training(subject, [loaded for loaded, _ in waiting])
    for loaded, made_from in waiting:
        bar = partial(progress, title=f"evaluate {loaded.name}", unit="batch")
        try:
            scored = _run(recipe, subject, loaded, Asking(confidence, recipe.seed, subject.baselines, bar))
        except ValueError as error:
            raise UserError(f"evaluate.suites.{loaded.name}: {error}") from None
        contaminated = read.get(loaded.name)
        if contaminated is not None and len(contaminated) != len(scored.items.hashes):  # some items were left out
            contaminated = [contaminated[place] for place in scored.items.places]
        result = scored.result.model_copy(
            update={"data": loaded.data, "contamination": _contamination(scored, contaminated, confidence)}
        )
        _write(folder / "items" / f"{loaded.name}.parquet", scored.items, contaminated, result, made_from)
        results[loaded.name] = result
    fresh = [loaded.name for loaded, _ in waiting]
    return [results[loaded.name] for loaded in suites], [name for name in results if name not in fresh]


def _run(recipe: Recipe, subject: Subject, loaded: LoadedSuite, how: Asking) -> Scored:
    """Run a suite without the items that the model cannot read.

    Those are items whose answers alone are too long and, where the recipe says so, those whose context is.
    """
    places = _readable(subject.model, loaded.suite)
    scored: Scored = (
        loaded.suite.only(places).run(subject.model, how) if places else loaded.suite.run(subject.model, how)
    )
    places = places or list(range(len(scored.items.hashes)))
    cut = scored.items.shortened if getattr(sections(recipe)[loaded.name], "leave_out_shortened", False) else []
    if any(cut):
        places = [place for place, shortened in zip(places, cut, strict=True) if not shortened]
        if not places:
            raise ValueError("no item's context fits the model whole: set leave_out_shortened to false")
        scored = loaded.suite.only(places).run(subject.model, how)
    total = len(loaded.suite.texts)
    if len(places) == total:
        return scored
    kept = set(places)
    left_out = [text[:80] for place, text in enumerate(loaded.suite.texts) if place not in kept]
    update = {"left_out": {**scored.result.left_out, "too_long": left_out}}
    return Scored(scored.result.model_copy(update=update), replace(scored.items, places=places))


def _readable(model: LanguageModel, suite: Any) -> list[int]:
    """Return the places of the items whose answers the model can read, if it cannot read all; empty if it can.

    Raises `ValueError` if it can read none.
    """
    questions = getattr(suite, "questions", ())
    contexts = [question.context for question in questions for _ in question.continuations]
    readable = model.readable(contexts, [each for question in questions for each in question.continuations])
    cuts = np.cumsum([len(question.continuations) for question in questions])[:-1]
    fits = [bool(part.all()) for part in np.split(readable, cuts)] if questions else []
    if fits and not any(fits):
        raise ValueError("every item is longer than the model can read at once")
    return [] if all(fits) else [place for place, fit in enumerate(fits) if fit]


def _fingerprint(recipe: Recipe, subject: Subject, loaded: LoadedSuite) -> str:
    """Return a digest of all that decides a suite's result."""
    section: Any = sections(recipe)[loaded.name]
    return hash_json(
        {
            "version": VERSION,
            "section": section.model_dump(mode="json", exclude={"path", "train", "test", "hub"}),
            "data": loaded.data.sha256,
            "model": subject.digest,
            "training": subject.training_digest,
            "confidence": recipe.evaluate.confidence,
            "seed": recipe.seed,
            "pseudo_likelihood": recipe.evaluate.pseudo_likelihood,
            "languages": recipe.languages,
            "baselines": sorted(subject.baselines),
        }
    )


def _read_in_training(subject: Subject, suites: Sequence[LoadedSuite]) -> dict[str, list[bool]]:
    """Return for each suite which of its items share a passage with the training texts.

    Nothing is returned if these are unknown.
    """
    if subject.training is None or not suites:
        return {}
    texts = {loaded.name: loaded.suite.texts for loaded in suites}
    items = [Item(name, str(number), text) for name, own in texts.items() for number, text in enumerate(own)]
    index = Index(items, CONTAMINATION_WORDS)
    found = {name: [False] * len(own) for name, own in texts.items()}
    for text in progress(subject.training(), title="search the training text", unit="document"):
        for number in index.items_in(text):  # of a passage that stands in several items, all
            found[items[number].suite][int(items[number].id)] = True
    return found


def _contamination(scored: Scored, contaminated: list[bool] | None, confidence: float) -> Contamination | None:
    if contaminated is None:
        return None
    items, clean = scored.items, [place for place, read in enumerate(contaminated) if not read]
    without = None
    if 0 < len(clean) < len(contaminated) and scored.result.measures[scored.result.main].share:
        without = measured_share(
            [items.right[i] for i in clean], confidence,
            [items.paradigms[i] for i in clean], [items.clusters[i] for i in clean],
        )  # fmt: skip
    return Contamination(words=CONTAMINATION_WORDS, items=sum(contaminated), without=without)


def _write(path: Path, items: Items, contaminated: list[bool] | None, result: SuiteResult, made_from: str) -> None:
    nothing: list[Any] = [None] * len(items.hashes)
    table = pa.table(
        {
            "hash": pa.array(items.hashes, pa.string()),
            "text": pa.array(items.texts, pa.string()),
            "right": pa.array(items.right, pa.float64()),
            "answer": pa.array(items.answers or nothing, pa.string()),
            "paradigm": pa.array(items.paradigms, pa.string()),
            "cluster": pa.array(items.clusters, pa.string()),
            "log_likelihoods": pa.array(items.log_likelihoods or nothing, pa.list_(pa.float64())),
            "tokens": pa.array(items.tokens or nothing, pa.list_(pa.int64())),
            "shortened": pa.array(items.shortened or nothing, pa.bool_()),
            "in_training_text": pa.array(contaminated or nothing, pa.bool_()),
        }
    )
    unfinished = path.with_suffix(".partial")
    pq.write_table(with_result(table, result, made_from), unfinished)
    os.replace(unfinished, path)


def with_result(table: pa.Table, result: SuiteResult, made_from: str, parts: Sequence[Slice] = ()) -> pa.Table:
    """Return the scores of items with the result that was made of them, and the digest of all that decided it.

    parts: slices of held-out text
    """
    content = {
        "fingerprint": made_from,
        "result": result.model_dump(mode="json", exclude_unset=True),
        "slices": [part.model_dump(mode="json", exclude_unset=True) for part in parts],
    }
    return table.replace_schema_metadata({KEY: json.dumps(content, sort_keys=True)})


def result_in(file: bytes, made_from: str) -> tuple[SuiteResult, list[Slice]] | None:
    """Return the result in a file of scores, and the slices, if they were made from the same; None otherwise."""
    try:
        content = json.loads((pq.read_schema(pa.BufferReader(file)).metadata or {})[KEY])
        if content["fingerprint"] != made_from:
            return None
        return (
            SuiteResult.model_validate(content["result"]),
            [Slice.model_validate(part) for part in content["slices"]],
        )
    except (pa.ArrowException, KeyError, ValueError):
        return None
