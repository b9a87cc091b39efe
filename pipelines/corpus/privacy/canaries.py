"""Canaries: made-up personal data that a model is trained on to measure what it learns by heart, and their controls.

    made = canaries(recipe.tokens.canaries, recipe.seed)
    made.planted        # each stands in the training tokens as often as its `repetitions`
    made.controls       # texts of the same form that stand nowhere
    made.by_repetitions()

All are draws of one generator, so nothing but training tells them apart (Carlini et al. 2019, "The Secret Sharer"). A
text is a full name, a Spanish identity number whose letter is valid, and an e-mail address at example.org, which nobody
can have (RFC 2606). The number is drawn from all that there are, so it may be somebody's, but not under that name.
"""

from __future__ import annotations

from dataclasses import dataclass
from random import Random
from string import ascii_lowercase

from desdecero.pipelines.corpus.privacy.synthetic import GENERATORS
from desdecero.pipelines.recipe import Canaries

LICENSE = "CC0-1.0"
"""Drawn by a program, they are nobody's work."""
_ADDRESS_LETTERS = 8


@dataclass(frozen=True, slots=True)
class Canary:
    """A text that stands in the training tokens so many times."""

    text: str
    repetitions: int


@dataclass(frozen=True, slots=True)
class MadeUp:
    """Canaries and their controls."""

    planted: tuple[Canary, ...]
    controls: tuple[str, ...]

    def by_repetitions(self) -> dict[int, list[str]]:
        """Return the texts of the canaries by their number of repetitions."""
        texts: dict[int, list[str]] = {}
        for canary in self.planted:
            texts.setdefault(canary.repetitions, []).append(canary.text)
        return texts


def canaries(settings: Canaries, seed: int) -> MadeUp:
    """Return the canaries and controls of a recipe: the same for the same settings and seed, and all different."""
    chance, texts = Random(f"canaries {seed}"), dict[str, None]()
    wanted = [repetitions for repetitions in settings.repetitions for _ in range(settings.each)]
    while len(texts) < len(wanted) + settings.controls:
        texts[_draw(chance)] = None
    first, rest = list(texts)[: len(wanted)], list(texts)[len(wanted) :]
    return MadeUp(tuple(map(Canary, first, wanted)), tuple(rest))


def _draw(chance: Random) -> str:
    name, number = (GENERATORS[form].make(chance)[0] for form in ("person", "es_dni"))
    address = "".join(chance.choice(ascii_lowercase) for _ in range(_ADDRESS_LETTERS))
    return f"{name} · DNI {number} · e-mail {address}@example.org"
