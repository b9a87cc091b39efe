"""Is the value that one document states preferred to three others of its kind?

    scored = measure_facts(model, trained, held_out, confidence=0.95, seed=0)
    scored.result.all.difference        # what was learnt of the training documents, rather than guessed

Item     a sentence with a number, date or name that no other document has. The question is the text before it; the
         answers are its value and three others of the same kind and about the same length, each stated by another
         document alone, each followed by the rest of the sentence
Measure  whether log P(value and rest of the sentence | text before) is the highest of the four; a tie counts in part
Chance   0.25: value and others come from one pool, so that no property of the values tells them apart. The text before
         may: hence the same question about held-out documents, which says how much can be guessed
Unit     the document

Cloze questions on what a text states go back to Petroni et al. 2019 (LAMA); counting only what one document states
follows Kandpal et al. 2023, who found that models know what many documents say. A model may know a fact in other words,
and prefer a value that it could not produce: a share above that of held-out documents shows that something of these
documents was learnt, not that what the model says is true.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from desdecero.eval_suites.baselines import untrained_twin
from desdecero.eval_suites.models.batching import Progress
from desdecero.eval_suites.models.interface import LanguageModel
from desdecero.eval_suites.public_sets.figures import Scored, difference_figure, share_figure
from desdecero.eval_suites.true_or_false.results import FactFigures, FactsResult
from desdecero.eval_suites.true_or_false.values import KINDS, Kind

OTHERS = 3
CHANCE = 1 / (1 + OTHERS)
LEAST_FACTS = 30
"""Facts of each side below which nothing is measured: a share of one half is then known to 18 points."""
MOST_PASS_A_TOKEN = 40
"""Facts of each side that are asked of a model that takes a pass for each token: some 4,000 passes a side."""


@dataclass(frozen=True)
class Fact:
    """A sentence of a document with a value that no other document has."""

    document: str
    kind: Kind
    context: str
    """The text before the value, up to it."""
    value: str
    others: tuple[str, ...]
    """`OTHERS` values of the same kind."""
    rest: str
    """The sentence after the value."""


def measure_facts(
    model: LanguageModel,
    trained: Sequence[Fact],
    held_out: Sequence[Fact],
    confidence: float,
    seed: int,
    progress: Progress = iter,
) -> Scored[FactsResult]:
    """Return how often the stated value is preferred, of training documents and of held-out ones.

    trained, held_out: in random order; of a model that takes a pass for each token the first are asked for
    seed: of the untrained twin's weights, which such a model has no pass for
    """
    if model.pseudo_likelihood:
        trained, held_out = trained[:MOST_PASS_A_TOKEN], held_out[:MOST_PASS_A_TOKEN]
    facts = [*trained, *held_out]
    sides = [True] * len(trained) + [False] * len(held_out)
    kept = _readable(model, facts)
    left_out = len(facts) - len(kept)
    facts, sides = [facts[place] for place in kept], [sides[place] for place in kept]
    not_measured: dict[str, Literal["too_few_facts", "pass_a_token"]] = {}
    if min(sum(sides), len(sides) - sum(sides)) < LEAST_FACTS:
        return Scored(_result(sides, left_out, 0, None, {}, {"facts": "too_few_facts"}), [])
    scores, shortened = _scores(model, facts, progress)
    own, twin = preferred(scores), None
    if model.pseudo_likelihood:
        not_measured["untrained"] = "pass_a_token"
    else:
        twin = preferred(_scores(untrained_twin(model, seed), facts, progress)[0])

    def figures(places: Sequence[int]) -> FactFigures:
        return _figures(own[places], None if twin is None else twin[places], sides, facts, places, confidence)

    by_kind = {kind: [place for place, fact in enumerate(facts) if fact.kind == kind] for kind in KINDS}
    enough = {
        kind: places
        for kind, places in by_kind.items()
        if min(sum(sides[place] for place in places), sum(not sides[place] for place in places)) >= LEAST_FACTS
    }
    result = _result(
        sides, left_out, shortened, figures(range(len(facts))), {kind: figures(enough[kind]) for kind in enough},
        not_measured,
    )  # fmt: skip
    lines: list[dict[str, Any]] = [
        {**asdict(fact), "trained": side, "log_likelihood": row.tolist(), "preferred": float(one)}
        for fact, side, row, one in zip(facts, sides, scores, own, strict=True)
    ]
    return Scored(result, lines)


def preferred(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return 1 where the first of a row's scores is the highest, 0 where it is not, and its part of a tie."""
    best = scores == scores.max(axis=1, keepdims=True)
    return np.asarray(best[:, 0] / best.sum(axis=1))


def _answers(fact: Fact) -> list[str]:
    return [value + fact.rest for value in (fact.value, *fact.others)]


def _readable(model: LanguageModel, facts: Sequence[Fact]) -> list[int]:
    """Return the places of the facts all of whose answers the model can read whole."""
    if not facts:
        return []
    answers = [answer for fact in facts for answer in _answers(fact)]
    contexts = [fact.context for fact in facts for _ in range(1 + OTHERS)]
    return np.flatnonzero(model.readable(contexts, answers).reshape(len(facts), -1).all(axis=1)).tolist()


def _scores(model: LanguageModel, facts: Sequence[Fact], progress: Progress) -> tuple[NDArray[np.float64], int]:
    """Return the log-likelihoods of the answers, shape (facts, 1 + OTHERS), and how many contexts were cut."""
    answers = [answer for fact in facts for answer in _answers(fact)]
    found = model.score([fact.context for fact in facts for _ in range(1 + OTHERS)], answers, progress)
    shape = len(facts), 1 + OTHERS
    return found.log_likelihood.reshape(shape), int(found.shortened.reshape(shape).any(axis=1).sum())


def _figures(
    own: NDArray[np.float64],
    twin: NDArray[np.float64] | None,
    sides: Sequence[bool],
    facts: Sequence[Fact],
    places: Sequence[int],
    confidence: float,
) -> FactFigures:
    side, documents = np.array([sides[place] for place in places]), [facts[place].document for place in places]

    def share(among: NDArray[np.bool_]) -> Any:
        names = [documents[place] for place in np.flatnonzero(among)]
        untrained = None if twin is None else twin[among]
        return share_figure(own[among], names, confidence, CHANCE, untrained=untrained)

    return FactFigures(
        trained=share(side),
        held_out=share(~side),
        difference=difference_figure(own, side.tolist(), documents, confidence, twin),
    )


def _result(
    sides: Sequence[bool],
    left_out: int,
    shortened: int,
    whole: FactFigures | None,
    kinds: dict[str, FactFigures],
    not_measured: dict[str, Literal["too_few_facts", "pass_a_token"]],
) -> FactsResult:
    return FactsResult(
        trained=sum(sides),
        held_out=len(sides) - sum(sides),
        left_out=left_out,
        shortened=shortened,
        all=whole,
        kinds=kinds,
        not_measured=not_measured,
    )
