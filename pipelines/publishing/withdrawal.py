"""The notice that stands on the cards of what was withdrawn, below their metadata.

card = with_notice(card, notice("en", "2026-11-28", "it repeats letters."))
taken_off(card)                              # (the card as it was, ["Withdrawn on 2026-11-28: it repeats …"])
"""

from __future__ import annotations

import re

from desdecero.model_cards.words import LANGUAGES, Language, say

_BEGINNINGS = "|".join(
    re.escape(say(language, "publish.withdrawal", date="\0", reason="").partition("\0")[0]) for language in LANGUAGES
)
_NOTICE = re.compile(rf"\n?> \*\*(?P<said>(?:{_BEGINNINGS})[^\n]*)\*\*\n\n")


def notice(language: Language, date: str, reason: str) -> str:
    """Return the notice in Markdown: a quoted line. The reason is one line."""
    sentence = reason if reason[-1] in ".!?" else f"{reason}."
    return f"> **{say(language, 'publish.withdrawal', date=date, reason=sentence)}**\n"


def with_notice(card: str, notice: str) -> str:
    """Put a notice below a card's metadata, unless it stands there."""
    if notice in card:
        return card
    end = _end_of_metadata(card)
    return f"{card[:end]}\n{notice}\n{card[end:]}" if end else f"{notice}\n{card}"


def taken_off(card: str) -> tuple[str, list[str]]:
    """Return a card without the notices below its metadata, and what they say, the newest first."""
    end, said = _end_of_metadata(card), list[str]()
    while found := _NOTICE.match(card, end):
        said.append(found["said"])
        card = card[:end] + card[found.end() :]
    return card, said


def _end_of_metadata(card: str) -> int:
    """Return where the text begins: after the YAML between two lines of `---`, if the card has it."""
    end = card.find("\n---\n", 3) if card.startswith("---\n") else -1
    return end + len("\n---\n") if end >= 0 else 0
