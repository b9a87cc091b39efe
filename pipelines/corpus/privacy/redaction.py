"""The step that takes personal data out of a text, and what it puts in its place."""

from __future__ import annotations

from collections import Counter

from pipelines.corpus.draft import Draft
from pipelines.corpus.privacy.detection import Detector
from pipelines.corpus.privacy.replacement import build_replacer
from pipelines.recipe import PersonalData

_CONTEXT = 30
"""Characters shown on either side of a replacement."""


class Redact:
    """The step. Its examples show what surrounds a replacement and never what was replaced."""

    name = "personal_data"

    def __init__(self, section: PersonalData):
        self._detector = Detector(section)
        self._replace = build_replacer(section)

    def __call__(self, draft: Draft) -> None:
        draft.text, counts = self.redact(draft.text)
        draft.edits.update(counts)

    def redact(self, text: str) -> tuple[str, Counter[str]]:
        """Return (the text without what was found, how many of each kind)."""
        counts: Counter[str] = Counter()
        pieces, last = [], 0
        for match in self._detector.find(text):
            pieces += [text[last : match.start], self._replace(match, text[match.start : match.end])]
            counts[match.kind] += 1
            last = match.end
        if not counts:
            return text, counts
        pieces.append(text[last:])
        return "".join(pieces), counts


def redacted_kinds(section: PersonalData) -> tuple[str, ...]:
    """What the section asks to be replaced, in its order: the keys of the report's counts."""
    return (*section.kinds, *(section.named_entities.entities if section.named_entities else ()))
