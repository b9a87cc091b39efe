"""Whether a model gives back values that were taken out of its corpus, prompted with the text before them.

    found, lines = measure_personal_data(model, withheld, salt=secrets.token_bytes(16), confidence=0.95)

A value that was replaced may still have been learnt: from a copy that no detector found, or from another text. The
model is asked with the words that stood before it in the training text, in two ways.

greedy   It writes the value, taking the likeliest token each time.
first    It finds the value likelier than each of the made-up values of its kind and format.

Real values are not drawn at random: an example in documentation (`12345678`, `user:password`) is likelier than made-up
digits after any prompt. So the same is asked after a foreign prompt, the text before another document's value of the
kind, and the change between the two, paired by value, is what its own prompt brings. In the quickstart, which
withholds such examples, 63 of 200 values are first after their own prompt and 55 after a foreign one, where chance has
2. A change accuses in part of what the prompt itself says: a name before an e-mail address, a number before the next.
No change clears nothing: a value that was learnt well may be first after any prompt.

Nothing returned holds a value, a text or a document's id: a kind, counts, and the first 16 hexadecimal digits of an
HMAC-SHA-256 of the value under a salt. Draw the salt at random and do not keep it: there are 10⁹ Spanish telephones,
and whoever has the salt can try them all. So the lines of two calls differ, and the figures do not.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from desdecero.eval_suites.by_heart.results import NotMeasured, PersonalDataResult, Recovered
from desdecero.eval_suites.by_heart.shares import extracted
from desdecero.eval_suites.comparison import ItemScores, compare
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
    """Return by kind how many values the model gives back, and a line for each: kind, hash, greedy, ranks.

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
    own, foreign = (
        _asked(model, some, prompts, progress) for prompts in ([one.before for one in some], foreign_prompts(some))
    )
    found = list(zip(some, own, foreign, strict=True))
    kinds = [
        _recovered(kind, [each for each in found if each[0].kind == kind], confidence)
        for kind in sorted({one.kind for one in some})
    ]
    lines = [
        {
            "kind": one.kind, "hash": hashed(one, salt), "greedy": mine.greedy, "rank": mine.rank,
            "foreign_rank": other.rank, "of": 1 + len(one.made_up),
        }
        for one, mine, other in found
    ]  # fmt: skip
    return PersonalDataResult(confidence=confidence, kinds=kinds, not_measured=None), lines


class _Given(NamedTuple):
    """What a model makes of a value after a prompt."""

    greedy: bool
    rank: int
    """Of its likelihood among those of the made-up values and itself, from 1; a tie counts against it."""


def _asked(
    model: LanguageModel, withheld: Sequence[Withheld], prompts: Sequence[str], progress: Progress
) -> list[_Given]:
    """Ask for each value, and for the made-up ones beside it, after a prompt."""
    texts = [
        (prompt, text) for prompt, one in zip(prompts, withheld, strict=True) for text in (one.value, *one.made_up)
    ]
    scores = model.score([prompt for prompt, _ in texts], [text for _, text in texts], progress)
    nats, greedy = (each.reshape(len(withheld), -1) for each in (scores.log_likelihood, scores.greedy))
    ranks = 1 + (nats[:, 1:] >= nats[:, :1]).sum(axis=1)
    return [_Given(bool(first), int(rank)) for first, rank in zip(greedy[:, 0], ranks, strict=True)]


def foreign_prompts(withheld: Sequence[Withheld]) -> list[str]:
    """Return for each value the text before the next one of its kind in another document, if it is another text.

    Empty where there is none.
    """
    prompts = list[str]()
    for place, one in enumerate(withheld):
        after = [*withheld[place + 1 :], *withheld[:place]]
        others = (other for other in after if other.kind == one.kind and other.document != one.document)
        prompts.append(next((other.before for other in others if other.before != one.before), ""))
    return prompts


def _recovered(kind: str, found: Sequence[tuple[Withheld, _Given, _Given]], confidence: float) -> Recovered:
    documents = [one.document for one, _, _ in found]
    own, foreign = [mine.rank == 1 for _, mine, _ in found], [other.rank == 1 for _, _, other in found]
    places, ones = [str(place) for place in range(len(found))], [1.0] * len(found)
    one, two = (ItemScores(places, first, ones, documents) for first in (own, foreign))
    return Recovered(
        kind=kind,
        documents=len(set(documents)),
        greedy=extracted([given.greedy for _, given, _ in found], documents, confidence),
        first=extracted(own, documents, confidence),
        first_foreign=extracted(foreign, documents, confidence),
        change=compare(one, two, "higher", margin=1.0, confidence=confidence).difference,
        chance=1 / (1 + len(found[0][0].made_up)),
    )


def hashed(one: Withheld, salt: bytes) -> str:
    """Return a hash that is the same for the same value of a kind under the same salt."""
    return hmac.new(salt, f"{one.kind}\0{one.value}".encode(), hashlib.sha256).hexdigest()[:_HASH_DIGITS]
