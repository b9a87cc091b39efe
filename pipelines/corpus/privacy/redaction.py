"""The step that replaces personal data in a text."""

from __future__ import annotations

from collections import Counter

from desdecero.pipelines.corpus.draft import Draft
from desdecero.pipelines.corpus.privacy.detection import Detector
from desdecero.pipelines.corpus.privacy.matches import Match
from desdecero.pipelines.corpus.privacy.replacement import build_replacer
from desdecero.pipelines.recipe import PersonalData

_CONTEXT = 30
"""Characters shown on either side of a replacement."""
_MASK = "█"


class Redact:
    """The step. Its examples show the text around a replacement, and a bar for each character that was replaced."""

    name = "personal_data"

    def __init__(self, section: PersonalData):
        self._detector = Detector(section)
        self._replace = build_replacer(section)

    def __call__(self, draft: Draft) -> None:
        """Replace the draft's personal data."""
        draft.text, matches, places = self.replaced(draft.text)
        draft.edits.update(match.kind for match in matches)
        for match, (start, end) in zip(matches, places, strict=True):
            left, right = draft.text[max(0, start - _CONTEXT) : start], draft.text[end : end + _CONTEXT]
            draft.show(
                match.kind, f"{left}{_MASK * (match.end - match.start)}{right}", left + draft.text[start:end] + right
            )

    def redact(self, text: str) -> tuple[str, Counter[str]]:
        """Return (the redacted text, number of replacements of each kind)."""
        new, matches, _ = self.replaced(text)
        return new, Counter(match.kind for match in matches)

    def replaced(self, text: str) -> tuple[str, list[Match], list[tuple[int, int]]]:
        """Return the text with its replacements, what they stand for in the old text, and where in the new one."""
        matches = self._detector.find(text)
        pieces, places, last, length = [], [], 0, 0
        for match in matches:
            new = self._replace(match, text[match.start : match.end])
            pieces += [text[last : match.start], new]
            start = length + match.start - last
            length = start + len(new)
            places.append((start, length))
            last = match.end
        return "".join([*pieces, text[last:]]), matches, places


def redacted_kinds(section: PersonalData) -> tuple[str, ...]:
    """Return the kinds to be replaced, in the section's order: the keys of the report's counts."""
    return (*section.kinds, *(section.named_entities.entities if section.named_entities else ()))
