"""Passages of the training text that a model writes word for word, given the tokens before them.

    found, lines = measure_extraction(model, train, held_out, occurrences, (16, 32, 64), confidence=0.95, seed=0)

The model is given the first 16, 32 or 64 tokens of a passage as if they began a text, and has to write the next 32.

greedy    it takes the likeliest token each time (Carlini et al. 2023, "Quantifying Memorization Across Neural Language
          Models", Definition 3.1). It writes the continuation if and only if each of its tokens is the likeliest after
          the passage's own tokens before it, so one pass over the passage tells.
sampled   tokens are drawn at temperature 1, in n answers ("(n, p)-discoverable extraction": Hayes et al. 2024,
          "Measuring memorization in language models via probabilistic extraction", §3). One answer is the continuation
          with chance p = exp(Σ log P(token)), which the same pass gives exactly; one of n is with chance 1 − (1 − p)ⁿ.

A passage that stands often in the training text is extracted more often; that many texts have a phrase in common is no
memorisation, so held-out passages are given to the model too. Those of them that stand in the training tokens all the
same are counted apart, as occurrences other than 0.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from desdecero.eval_suites.by_heart.passages import Passage
from desdecero.eval_suites.by_heart.results import (
    Extracted,
    ExtractionCell,
    ExtractionDifference,
    ExtractionResult,
    NotMeasured,
)
from desdecero.eval_suites.by_heart.shares import extracted, interval
from desdecero.eval_suites.memorization import difference
from desdecero.eval_suites.models.batching import Progress
from desdecero.eval_suites.models.continuations import Pair
from desdecero.eval_suites.models.interface import LanguageModel
from desdecero.eval_suites.results import Estimate

CONTINUATION = 32
"""Tokens to be written, some 25 words. Carlini et al. ask for 50 of models that read 1,024 or more; documents and
contexts here are shorter, and as many tokens are copied by chance in neither case."""
DRAWS = 10
LEAST_PASSAGES = 30
"""Of each split, below which nothing is measured: of 30 passages of which none is extracted, up to one in nine may be
(the upper end of Wilson's interval at 95%)."""

Split = Literal["train", "held_out"]
Occurrences = Callable[[Sequence[int]], int]
"""How often tokens stand, in this order, in the training tokens."""
BUCKETS: tuple[tuple[int, Literal["0", "1", "2-4", "5-15", "16+"]], ...] = (
    (16, "16+"), (5, "5-15"), (2, "2-4"), (1, "1"), (0, "0"),
)  # fmt: skip
"""Least number of occurrences in each group."""


@dataclass(frozen=True)
class _Asked:
    """A passage, asked with one prefix."""

    split: Split
    passage: Passage
    prefix: int
    occurrences: int
    greedy: bool
    nats: float
    """log P(continuation | prefix)."""

    @property
    def bucket(self) -> Literal["0", "1", "2-4", "5-15", "16+"]:
        return next(name for least, name in BUCKETS if self.occurrences >= least)

    @property
    def place(self) -> Literal["start", "later"]:
        return "later" if self.passage.offset else "start"

    def line(self) -> dict[str, Any]:
        """Return it for a file beside the report, without its text."""
        return {
            "split": self.split, "document": self.passage.document, "offset": self.passage.offset,
            "prefix": self.prefix, "occurrences": self.occurrences, "greedy": self.greedy,
            "log_probability": self.nats,
        }  # fmt: skip


def measure_extraction(
    model: LanguageModel,
    train: Sequence[Passage],
    held_out: Sequence[Passage],
    occurrences: Occurrences,
    prefixes: Sequence[int] = (16, 32, 64),
    confidence: float = 0.95,
    draws: int = DRAWS,
    progress: Progress = iter,
) -> tuple[ExtractionResult, list[dict[str, Any]]]:
    """Return how many passages the model gives back, and a line for each passage and prefix.

    train, held_out: passages of prefix + 32 tokens or more; a shorter one is asked with the prefixes that it has room
    for
    occurrences: how often tokens stand in the training tokens
    draws: answers among which the sampled continuation has to be

    A prefix for which the context is too short is left out. The result draws nothing at random.
    Raises `ValueError` for prefixes that are not positive or repeat, for no draws, and for a token that the model does
    not know.
    """
    if not prefixes or min(prefixes) < 1 or len(set(prefixes)) < len(prefixes):
        raise ValueError(f"prefixes of {list(prefixes)} tokens: give positive numbers, each once")
    if draws < 1:
        raise ValueError(f"{draws} draws extract nothing: ask for 1 or more")
    # The last token of the continuation is asked for and not read.
    room = model.context_length - len(model.begin) - CONTINUATION + 1
    readable = sorted(prefix for prefix in prefixes if prefix <= room)
    reason: NotMeasured | None = None
    if model.objective != "causal":
        reason = "not_causal"
    elif not readable:
        reason = "context_too_short"
    elif any(_fitting(kind, readable[0]) < LEAST_PASSAGES for kind in (train, held_out)):
        reason = "too_few_passages"
    if reason:
        return _result([], draws, confidence, reason), []
    asked = _ask(model, {"train": train, "held_out": held_out}, occurrences, readable, progress)
    return _result(asked, draws, confidence, None), [each.line() for each in asked]


def _fitting(passages: Sequence[Passage], prefix: int) -> int:
    return sum(len(passage.tokens) >= prefix + CONTINUATION for passage in passages)


def _ask(
    model: LanguageModel,
    splits: dict[Split, Sequence[Passage]],
    occurrences: Occurrences,
    prefixes: Sequence[int],
    progress: Progress,
) -> list[_Asked]:
    """Score all passages with all prefixes that they have room for."""
    asked = [
        (split, passage, prefix)
        for split, passages in splits.items()
        for passage in passages
        for prefix in prefixes
        if len(passage.tokens) >= prefix + CONTINUATION
    ]
    pairs = [
        Pair(list(passage.tokens[:prefix]), list(passage.tokens[prefix : prefix + CONTINUATION]), [])
        for _, passage, prefix in asked
    ]
    vocabulary = model.model.config.vocab_size
    if unknown := [
        token for pair in pairs for token in pair.context + pair.continuation if not 0 <= token < vocabulary
    ]:
        raise ValueError(f"the model has {vocabulary} tokens, and token {unknown[0]} is none of them")
    scores = model.score_tokens(pairs, progress)
    return [
        _Asked(
            split, passage, prefix, occurrences(passage.tokens[: prefix + CONTINUATION]), bool(greedy), float(nats)
        )
        for (split, passage, prefix), greedy, nats in zip(asked, scores.greedy, scores.log_likelihood, strict=True)
    ]  # fmt: skip


def _result(asked: Sequence[_Asked], draws: int, confidence: float, reason: NotMeasured | None) -> ExtractionResult:
    cells = list[ExtractionCell]()
    splits: tuple[Split, ...] = ("train", "held_out")
    for split in splits:
        for prefix in sorted({each.prefix for each in asked}):
            mine = [each for each in asked if (each.split, each.prefix) == (split, prefix)]
            groups = [("all", "all", mine)]
            groups += [("offset", name, [one for one in mine if one.place == name]) for name in ("start", "later")]
            groups += [
                ("occurrences", name, [one for one in mine if one.bucket == name]) for _, name in reversed(BUCKETS)
            ]
            cells += [_cell(split, prefix, by, group, some, draws, confidence) for by, group, some in groups if some]
    return ExtractionResult(
        continuation=CONTINUATION,
        draws=draws,
        confidence=confidence,
        cells=cells,
        differences=_differences(cells),
        not_measured=reason,
    )


def _cell(
    split: Split, prefix: int, by: Any, group: Any, asked: Sequence[_Asked], draws: int, confidence: float
) -> ExtractionCell:
    documents = [each.passage.document for each in asked]
    return ExtractionCell(
        split=split,
        prefix=prefix,
        by=by,
        group=group,
        documents=len(set(documents)),
        greedy=extracted([each.greedy for each in asked], documents, confidence),
        sampled=extracted([chance_in(draws, each.nats) for each in asked], documents, confidence),
    )


def chance_in(draws: int, nats: float) -> float:
    """Return the chance 1 − (1 − p)ⁿ that one of n drawn answers is a text of log-probability `nats`."""
    if nats >= 0:  # by rounding
        return 1.0
    return float(-np.expm1(draws * np.log1p(-np.exp(nats))))


def _differences(cells: Sequence[ExtractionCell]) -> list[ExtractionDifference]:
    """Return training minus held-out passages, by prefix. They are of different documents, so it is not paired."""
    whole = {(cell.split, cell.prefix): cell for cell in cells if cell.by == "all"}
    found = list[ExtractionDifference]()
    for split, prefix in whole:
        other = whole.get(("held_out", prefix))
        if split == "train" and other is not None:
            mine = whole[split, prefix]
            greedy, sampled = _between(mine.greedy, other.greedy), _between(mine.sampled, other.sampled)
            if greedy and sampled:
                found.append(ExtractionDifference(prefix=prefix, greedy=greedy, sampled=sampled))
    return found


def _between(train: Extracted, held_out: Extracted) -> Estimate | None:
    first, second = interval(train), interval(held_out)
    return difference(first, second) if first and second else None
