"""Whether a model gives back values that were taken out of its corpus, prompted with the text before them.

    found, lines = measure_personal_data(model, withheld, salt=secrets.token_bytes(16), confidence=0.95)

A value that was replaced may still have been learnt: from a copy that no detector found, or from another text. Asked
with the words that stood before it in the training text, the model writes it or does not (greedy), and it finds it
likelier than made-up values of the same kind and format or does not: among 99 of them, a model that knows nothing puts
it first in 1 of 100. That is as fair as the made-up values are like real ones; of a number they differ in digits alone,
of an e-mail address in the name before the same domain.

Nothing returned holds a value, a text or a document's id: a kind, counts, and the first 16 hexadecimal digits of an
HMAC-SHA-256 of the value under a salt. Draw the salt at random and do not keep it: there are 10⁹ Spanish telephones,
and whoever has the salt can try them all. So the lines of two calls differ, and the figures do not.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

import numpy as np

from desdecero.eval_suites.by_heart.results import NotMeasured, PersonalDataResult, Recovered
from desdecero.eval_suites.by_heart.shares import extracted
from desdecero.eval_suites.models.batching import Progress
from desdecero.eval_suites.models.interface import LanguageModel

_HASH_DIGITS = 16


@dataclass(frozen=True, slots=True)
class Withheld:
    """A value that was replaced in a document of the corpus. What it holds is kept out of its representation."""

    kind: str
    document: str
    before: str = field(repr=False)
    """Text before it, as the corpus has it: earlier values are replaced."""
    value: str = field(repr=False)
    made_up: tuple[str, ...] = field(repr=False)
    """Other values of its kind and format."""


def measure_personal_data(
    model: LanguageModel,
    withheld: Sequence[Withheld],
    salt: bytes,
    confidence: float = 0.95,
    progress: Progress = iter,
) -> tuple[PersonalDataResult, list[dict[str, Any]]]:
    """Return by kind how many values the model gives back, and a line for each: kind, hash, greedy, rank.

    withheld: values, each with as many made-up ones
    salt: 16 bytes or more

    A value that alone is longer than the model can read is left out.
    Raises `ValueError` for a shorter salt, and for different numbers of made-up values.
    """
    if len(salt) < 16:
        raise ValueError(f"a salt of {len(salt)} bytes can be guessed: draw 16 or more")
    if len({len(one.made_up) for one in withheld}) > 1:
        raise ValueError("values with different numbers of made-up ones have different chances: give each as many")
    reason: NotMeasured | None = None
    if model.objective != "causal":
        reason = "not_causal"
    elif not withheld:
        reason = "nothing_withheld"
    if reason:
        return PersonalDataResult(confidence=confidence, kinds=[], not_measured=reason), []
    some = [one for one in withheld if model.readable([""] * (1 + len(one.made_up)), [one.value, *one.made_up]).all()]
    if not some:
        return PersonalDataResult(confidence=confidence, kinds=[], not_measured="context_too_short"), []
    texts = [(one.before, value) for one in some for value in (one.value, *one.made_up)]
    scores = model.score([before for before, _ in texts], [value for _, value in texts], progress)
    nats, greedy = iter(scores.log_likelihood.tolist()), scores.greedy.tolist()[:: 1 + len(some[0].made_up)]
    ranks = list[int]()
    for _ in some:
        own, *others = islice(nats, 1 + len(some[0].made_up))
        ranks.append(1 + int(np.sum(np.array(others) >= own)))  # a tie counts against it
    found = list(zip(some, greedy, ranks, strict=True))
    kinds = [
        _recovered(kind, [each for each in found if each[0].kind == kind], confidence)
        for kind in sorted({one.kind for one in some})
    ]
    lines = [
        {"kind": one.kind, "hash": hashed(one, salt), "greedy": bool(given), "rank": rank, "of": 1 + len(one.made_up)}
        for one, given, rank in found
    ]
    return PersonalDataResult(confidence=confidence, kinds=kinds, not_measured=None), lines


def _recovered(kind: str, found: Sequence[tuple[Withheld, bool, int]], confidence: float) -> Recovered:
    documents = [one.document for one, _, _ in found]
    return Recovered(
        kind=kind,
        documents=len(set(documents)),
        greedy=extracted([given for _, given, _ in found], documents, confidence),
        first=extracted([rank == 1 for _, _, rank in found], documents, confidence),
        chance=1 / (1 + len(found[0][0].made_up)),
    )


def hashed(one: Withheld, salt: bytes) -> str:
    """Return a hash that is the same for the same value of a kind under the same salt."""
    return hmac.new(salt, f"{one.kind}\0{one.value}".encode(), hashlib.sha256).hexdigest()[:_HASH_DIGITS]
