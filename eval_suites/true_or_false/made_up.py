"""How many of the numbers, dates and names that a model writes stand in no training document?

    written = continue_passages(model, passages, tokens=64, seed=0)
    scored = measure_made_up(written, stands, confidence=0.95)
    scored.result.all.difference        # beside how the same documents really go on

True text has new values too: a novel goes on with names that no training document has. So each passage of a held-out
document is continued twice, by the model and by the document itself, over as many characters. A value that stands in
the prompt is no news, and one that ends with the text may have been cut: both are left out. A value that does stand
somewhere is not thereby true: these shares are of what was made up at least.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from desdecero.eval_suites.models.decoding import Decoding
from desdecero.eval_suites.models.interface import LanguageModel
from desdecero.eval_suites.public_sets.figures import Scored, difference_figure, share_figure
from desdecero.eval_suites.true_or_false.results import MadeUpFigures, MadeUpResult
from desdecero.eval_suites.true_or_false.values import KINDS, Kind, values_in

LEAST_TEXTS = 30
LEAST_VALUES = 30
"""Values of each side below which nothing is measured: a share of one half is then known to 18 points."""

Stands = Callable[[frozenset[str]], set[str]]
"""Values → those of them that stand in a training document, word for word."""


@dataclass(frozen=True)
class Passage:
    """A passage of a held-out document, cut in two."""

    document: str
    prompt: str
    goes_on: str


@dataclass(frozen=True)
class Written:
    """A prompt, what a model wrote after it, and how the document goes on over as many characters."""

    document: str
    prompt: str
    text: str
    real: str


@dataclass(frozen=True)
class _Found:
    document: str
    kind: Kind
    value: str
    written: bool


def continue_passages(
    model: LanguageModel, passages: Sequence[Passage], tokens: int, seed: int, progress: Callable[..., Any] = iter
) -> list[Written]:
    """Continue the prompt of each passage, by the model's own probabilities (temperature 1).

    tokens: new ones, at most half the context. Raises `ValueError` for a model that does not continue texts.
    """
    if model.fills_gaps:
        raise ValueError(f"a {model.objective} model fills gaps: it does not continue a passage")
    decoding = Decoding(tokens=min(tokens, model.context_length // 2), temperature=1.0)
    found = []
    for place, passage in enumerate(progress(passages)):
        (answer,) = model.generate([passage.prompt], decoding, seed + place)
        text = model.decode(answer.written[0], skip_special_tokens=True)
        found.append(Written(passage.document, passage.prompt, text, passage.goes_on[: len(text)]))
    return found


def measure_made_up(written: Sequence[Written], stands: Stands, confidence: float) -> Scored[MadeUpResult]:
    """Return the share of values that stand in no training document, in what was written and in what is real.

    stands: is called once, with all values of both. Texts are returned as lines, with their values.
    """
    found = [
        _Found(one.document, kind, value, ours)
        for one in written
        for ours, text in ((True, one.text), (False, one.real))
        for kind, value in _new_values(one.prompt, text)
    ]
    known = stands(frozenset(each.value for each in found))
    values = sum(each.written for each in found)
    too_few = min(values, len(found) - values) < LEAST_VALUES
    reason = None
    if len(written) < LEAST_TEXTS or too_few:
        reason = "too_few_texts" if len(written) < LEAST_TEXTS else "too_few_values"
    by_kind = {kind: [each for each in found if each.kind == kind] for kind in KINDS}
    result = MadeUpResult(
        texts=len(written),
        values=values,
        all=None if reason else _figures(found, known, confidence),
        kinds={} if reason else {
            kind: _figures(some, known, confidence)
            for kind, some in by_kind.items()
            if min(sum(each.written for each in some), sum(not each.written for each in some)) >= LEAST_VALUES
        },
        not_measured=reason,  # type: ignore[arg-type]
    )  # fmt: skip
    return Scored(result, [_line(one, known) for one in written])


def not_measured(model: LanguageModel) -> MadeUpResult | None:
    """Return the result of a model that does not continue texts; None for one that does."""
    if not model.fills_gaps:
        return None
    return MadeUpResult(texts=0, values=0, all=None, kinds={}, not_measured="not_causal")


def _new_values(prompt: str, text: str) -> Iterable[tuple[Kind, str]]:
    """Return the values of a text, each once, without those of its prompt and one that ends with it."""
    # The end of the prompt is read with the text, to tell whether a word with a capital begins a sentence.
    tail = prompt[-2:]
    values = [each for each in values_in(tail + text) if len(tail) <= each.start and each.end < len(tail + text)]
    return dict.fromkeys((each.kind, each.text) for each in values if each.text not in prompt)


def _figures(found: Sequence[_Found], known: set[str], confidence: float) -> MadeUpFigures:
    made_up = [float(each.value not in known) for each in found]
    sides, documents = [each.written for each in found], [each.document for each in found]

    def share(of: bool) -> Any:
        places = [place for place, side in enumerate(sides) if side == of]
        names = [documents[place] for place in places]
        return share_figure([made_up[place] for place in places], names, confidence, chance=None)

    return MadeUpFigures(
        written=share(True),
        real=share(False),
        difference=difference_figure(made_up, sides, documents, confidence),
    )


def _line(one: Written, known: set[str]) -> dict[str, Any]:
    values = {
        name: [
            {"kind": kind, "value": value, "stands": value in known} for kind, value in _new_values(one.prompt, text)
        ]
        for name, text in (("values", one.text), ("real_values", one.real))
    }
    return {"document": one.document, "prompt": one.prompt, "text": one.text, **values}
