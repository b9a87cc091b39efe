"""Give labels with an adapter of a run: to a text or a pair of texts, or to parts of a text.

TextLabels(folder).classify("Where is my card?").labels[0]      # the likeliest, with its probability
SpanLabels(folder).mark("Aspirin on Monday.")                   # [TaggedSpan(0, 7, "drug", 0.98), …]
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from desdecero.app.generation import InvalidRequest, check_text, own_weights
from desdecero.eval_suites.models.labelled import Classifier, TaggedSpan, Tagger, load_labelled


@dataclass(frozen=True)
class GivenLabel:
    """A label of a text."""

    name: str
    probability: float
    chosen: bool
    """Whether the text is given this label."""


@dataclass(frozen=True)
class GivenLabels:
    """All labels that a text may have, the likeliest first."""

    labels: list[GivenLabel]
    several: bool
    """Whether it may have several at once, or none."""


class TextLabels:
    """A model that classifies texts."""

    def __init__(self, folder: Path):
        model = load_labelled(folder)
        if not isinstance(model, Classifier):
            raise TypeError(type(model))
        own_weights(model.model)
        self.model = model

    def classify(self, text: str, text_b: str | None = None) -> GivenLabels:
        """Return the labels of a text, or of a pair of texts, with their probabilities. Raises `InvalidRequest`."""
        for one in (text, *([] if text_b is None else [text_b])):
            check_content(one)
        try:
            probabilities = self.model.probabilities([text], None if text_b is None else [text_b])
        except ValueError:  # a row without tokens
            raise InvalidRequest("refused_tokens") from None
        (chosen,) = self.model.chosen(probabilities)
        given = (
            GivenLabel(name, probability, name in chosen)
            for name, probability in zip(self.model.labels, probabilities[0].tolist(), strict=True)
        )
        return GivenLabels(sorted(given, key=lambda label: -label.probability), self.model.several)


class SpanLabels:
    """A model that labels parts of texts."""

    def __init__(self, folder: Path):
        model = load_labelled(folder)
        if not isinstance(model, Tagger):
            raise TypeError(type(model))
        own_weights(model.model)
        self.model = model

    @property
    def labels(self) -> tuple[str, ...]:
        """Labels that a span may have, sorted."""
        return self.model.labels

    def mark(self, text: str) -> list[TaggedSpan]:
        """Return the labelled spans of a text. Raises `InvalidRequest`."""
        check_content(text)
        (spans,) = self.model.spans([text])
        return spans


def check_content(text: str) -> None:
    """Raise `InvalidRequest` for what is no text, an empty one, or one that is too long."""
    check_text(text)
    if not text.strip():
        raise InvalidRequest("refused_no_text")
