"""Rows of the training data that a model completes verbatim, beside rows that it has not seen.

    change = measure_memorization(base, adapted, train, held_out, rows=200, confidence=0.95, seed=0)
    change.after.train.value    # share of training rows that the adapted model completes
    change.change               # how much more than the base does, and than of rows it has not seen

A row counts as completed if the model, given its first 32 tokens, writes the next 32 as they stand, taking the
likeliest token each time (Carlini et al. 2023, "Quantifying Memorization Across Neural Language Models",
Definition 3.1; there it is 50 tokens or more, and 50: rows for fine-tuning are shorter). Some answers are phrases that
a model completes without having seen the row: hence the held-out rows.

The likeliest tokens in turn are the row's own if and only if each is the likeliest after the row's own tokens before
it. So one pass over the row tells, in place of 32, and nothing that ends an answer early can hide a completion.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray

from desdecero.eval_suites.comparison import ItemScores, compare
from desdecero.eval_suites.models.interface import BATCH_TOKENS, LanguageModel
from desdecero.eval_suites.results import Estimate, Memorization, MemorizationChange
from desdecero.eval_suites.statistics import Interval, wilson

PROMPT, ANSWER = 32, 32
LENGTH = PROMPT + ANSWER
LEAST_ROWS = 30
"""Rows of each kind below which nothing is measured: of 30 rows of which none is completed, up to one in nine may be
(the upper end of Wilson's interval at 95%)."""

Row = Sequence[int] | NDArray[np.integer[Any]]
Reason = Literal["not_causal", "context_too_short", "too_few_rows", "rows_too_short"]


def measure_memorization(
    base: LanguageModel,
    adapted: LanguageModel,
    train: Sequence[Row],
    held_out: Sequence[Row],
    rows: int,
    confidence: float,
    seed: int,
) -> MemorizationChange:
    """Return the shares of rows that a model completes before and after it was trained on some of them.

    train, held_out: token ids of each row as it stands after the tokens that begin a text
    rows: the most that are asked for of each kind, drawn by `seed` from the different ones of 64 tokens and more;
    `LEAST_ROWS` or more

    Where it cannot be measured, the result has the reason in place of shares.

    Raises `ValueError` for a token that one of the models does not know, and for fewer than `LEAST_ROWS` asked for.
    """
    if rows < LEAST_ROWS:
        raise ValueError(f"{rows} rows are too few to measure: ask for {LEAST_ROWS} or more")
    drawn = [draw(kind, rows, seed) for kind in (train, held_out)]
    if reason := _reason_against(base, adapted, (train, held_out), drawn):
        return _result([0, 0], None, None, None, reason)
    before, after = ([completed(model, kind) for kind in drawn] for model in (base, adapted))
    grown = [_growth(*both, confidence) for both in zip(before, after, strict=True)]
    return _result(
        [len(kind) for kind in drawn],
        _shares(before, confidence),
        _shares(after, confidence),
        difference(*grown),
        None,
    )


def draw(rows: Sequence[Row], count: int, seed: int) -> list[tuple[int, ...]]:
    """Return the first 64 tokens of up to `count` rows that have so many, all different, in random order."""
    found = dict[tuple[int, ...], None]()
    for place in np.random.default_rng(seed).permutation(len(rows)):
        if len(found) == count:
            break
        if len(rows[place]) >= LENGTH:
            found.setdefault(tuple(int(token) for token in rows[place][:LENGTH]))
    return list(found)


def completed(model: LanguageModel, rows: Sequence[Row]) -> list[bool]:
    """Tell of each row of 64 tokens whether the model, given the first 32, would write the others.

    Raises `ValueError` for a token that the model does not know.
    """
    vocabulary = model.model.config.vocab_size
    if unknown := [token for row in rows for token in row if not 0 <= token < vocabulary]:
        raise ValueError(f"the model has {vocabulary} tokens, and token {unknown[0]} is none of them")
    at_once, found = max(1, BATCH_TOKENS // LENGTH), list[bool]()
    with model.reading():
        for start in range(0, len(rows), at_once):
            ids = torch.tensor([[*model.begin, *row] for row in rows[start : start + at_once]]).to(model.model.device)
            # The last token is asked for and not read.
            logits = model.model(input_ids=ids[:, :-1], use_cache=False, logits_to_keep=ANSWER).logits
            found += (logits.argmax(dim=-1) == ids[:, -ANSWER:]).all(dim=1).tolist()
    return found


def _reason_against(
    base: LanguageModel, adapted: LanguageModel, kinds: Sequence[Sequence[Row]], drawn: Sequence[Sequence[Row]]
) -> Reason | None:
    if any(model.objective != "causal" for model in (base, adapted)):
        return "not_causal"
    if any(model.context_length < len(model.begin) + LENGTH - 1 for model in (base, adapted)):
        return "context_too_short"
    if any(len(kind) < LEAST_ROWS for kind in kinds):
        return "too_few_rows"
    if any(len(kind) < LEAST_ROWS for kind in drawn):
        return "rows_too_short"
    return None


# --- shares and their differences ------------------------------------------------------------------------------


def _result(
    rows: Sequence[int],
    before: Memorization | None,
    after: Memorization | None,
    change: Estimate | None,
    reason: Reason | None,
) -> MemorizationChange:
    return MemorizationChange(
        prompt_tokens=PROMPT,
        answer_tokens=ANSWER,
        train_rows=rows[0],
        held_out_rows=rows[1],
        before=before,
        after=after,
        change=change,
        not_measured=reason,
    )


def _shares(kinds: Sequence[Sequence[bool]], confidence: float) -> Memorization:
    train, held_out = (wilson(sum(kind), len(kind), confidence) for kind in kinds)
    return Memorization(train=train.share(), held_out=held_out.share(), difference=difference(train, held_out))


def _growth(before: Sequence[bool], after: Sequence[bool], confidence: float) -> Interval:
    """Return by how much the share of completed rows grew, paired by row."""
    names, ones = [str(place) for place in range(len(before))], [1.0] * len(before)
    scores = ItemScores(names, after, ones), ItemScores(names, before, ones)
    found = compare(*scores, "lower", margin=1.0, confidence=confidence).difference
    if found.interval is None:
        raise ValueError(f"{len(before)} rows are too few for an interval")
    return Interval(found.value, *found.interval)


def difference(first: Interval, second: Interval) -> Estimate:
    """Return first minus second of independent estimates, with an interval from those of both.

    For Wilson's intervals it is the tenth of Newcombe 1998 (Statistics in Medicine 17:873–890), and for others the
    method of variance estimates recovery (Zou & Donner 2008, Statistics in Medicine 27).
    """
    value = first.value - second.value
    return Estimate(
        value=value,
        low=value - math.hypot(first.value - first.low, second.high - second.value),
        high=value + math.hypot(first.high - first.value, second.value - second.low),
    )
