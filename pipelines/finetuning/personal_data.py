"""Personal data in examples: counted, or replaced by the name of its kind while labelled spans stay on their text."""

from __future__ import annotations

import bisect
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from itertools import pairwise

from desdecero.pipelines.corpus.privacy.detection import Detector
from desdecero.pipelines.corpus.privacy.replacement import build_replacer
from desdecero.pipelines.finetuning.example import Example, Examples, Message, Span
from desdecero.pipelines.recipe.corpus_steps import PersonalData

_COUNTRIES = {
    "es": ("es", "ar", "cl", "co", "do", "ec", "mx", "pe", "us", "uy", "ve"), "pt": ("br",), "en": ("us",),
    "ca": ("es",), "gl": ("es",), "eu": ("es",), "ast": ("es",), "qu": ("ec", "pe"), "ay": ("cl", "pe"), "nah": ("mx",),
}  # fmt: skip
"""Language → the countries with formats of their own in which it is written. The United States are among those of
Spanish: 42 million speak it at home there (Census Bureau, American Community Survey 2022)."""


def count_personal_data(examples: Examples, languages: Collection[str]) -> dict[str, int]:
    """Count the personal data in all parts, by kind and form: `{"phone/national": 3}`.

    languages: those of the examples; the formats are those of the countries in which they are written, or of all
    countries for other languages
    """
    detector = Detector(_section(languages))
    found: Counter[str] = Counter()
    for example in examples.all():
        for text in _texts(example):
            found.update(f"{match.kind}/{match.form}" for match in detector.find(text))
    return dict(sorted(found.items()))


def _section(languages: Collection[str]) -> PersonalData:
    if not languages or not all(language in _COUNTRIES for language in languages):
        return PersonalData()
    spoken = {country for language in languages for country in _COUNTRIES[language]}
    return PersonalData(countries=tuple(country for country in PersonalData().countries if country in spoken))


def _texts(example: Example) -> Iterator[str]:
    yield from (text for text in (example.text, example.text_b) if text)
    yield from (message.content for message in example.messages)


class Redactor:
    """Replaces personal data by tags, `<email>`. Built once: the detectors take a while to build."""

    def __init__(self) -> None:
        section = PersonalData()
        self._detector, self._replace = Detector(section), build_replacer(section)

    def redact(self, example: Example) -> Example:
        """Return the example with its personal data replaced, and its spans moved with their text.

        A piece of personal data that goes over the end of a span is replaced on either side of it, by two tags: so
        every span covers what has become of its own text, and no two overlap that did not before.
        """
        text, spans = self._redacted(example.text, example.spans)
        return replace(
            example,
            text=text,
            spans=spans,
            text_b=self._redacted(example.text_b)[0],
            messages=tuple(Message(each.role, self._redacted(each.content)[0]) for each in example.messages),
        )

    def _redacted(self, text: str, spans: Sequence[Span] = ()) -> tuple[str, tuple[Span, ...]]:
        bounds = sorted({end for span in spans for end in (span.start, span.end)})
        pieces: list[str] = []
        last = length = 0
        places = {}  # end of a span → where it is in the new text
        for start, end, kept in self._ranges(text, bounds):
            places[start] = length
            pieces.append(kept)
            length, last = length + len(kept), end
        places[last] = length
        return "".join(pieces), tuple(Span(places[span.start], places[span.end], span.label) for span in spans)

    def _ranges(self, text: str, bounds: Sequence[int]) -> Iterator[tuple[int, int, str]]:
        """Yield (start, end, new text) of ranges that cover the text and end wherever a span or personal data does."""
        matches = self._detector.find(text)
        edges = sorted({0, len(text), *bounds, *(edge for match in matches for edge in (match.start, match.end))})
        starts = [match.start for match in matches]
        for start, end in pairwise(edges):
            number = bisect.bisect(starts, start) - 1
            inside = number >= 0 and start < matches[number].end
            yield start, end, self._replace(matches[number], text[start:end]) if inside else text[start:end]
