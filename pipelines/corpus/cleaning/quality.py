"""Quality rules: the first one that a document fails is the reason why it is dropped.

The rules are those of Gopher (Rae et al. 2021, appendix A1), with the limits that the recipe sets.
"""

from __future__ import annotations

import re
import string

from pipelines import recipe as recipes
from pipelines.corpus.cleaning.profiles import profile_for
from pipelines.corpus.draft import Draft

_PROSE_ASCII = (string.ascii_letters + string.digits + string.whitespace + ".,;:!?'\"()[]-%/&").encode()
_SYMBOL_BEYOND_ASCII = re.compile("[^\x00-\x7f\\w\\s¡¿’‘“”«»–—…]")
_LETTER = re.compile(r"[^\W\d_]")

PAGE = 100
"""Lines that are searched for repetition together: about two printed pages, what the rule was made for. A manual of
a hundred pages repeats its headings and its descriptions of parameters, and is no worse for it."""


class Quality:
    """The step: `reason_to_drop`."""

    name = "quality"

    def __init__(self, limits: recipes.Quality):
        self.limits = limits

    def __call__(self, draft: Draft) -> None:
        draft.reason = reason_to_drop(draft.text, self.limits)


def reason_to_drop(text: str, limits: recipes.Quality) -> str | None:
    """`empty`, `too_few_words`, `too_many_words`, `word_length`, `symbols`, `few_alphabetic_words`,
    `repeated_lines`, or None for a document that stays."""
    quality = profile_for("", limits)
    words = text.split()
    if not words:
        return "empty"
    if len(words) < quality.min_words:
        return "too_few_words"
    if len(words) > quality.max_words:
        return "too_many_words"
    low, high = quality.mean_word_length
    if not low <= sum(map(len, words)) / len(words) <= high:
        return "word_length"
    if symbol_share(text) > quality.max_symbol_ratio:
        return "symbols"
    if (
        sum(word.isalpha() or _LETTER.search(word) is not None for word in words) / len(words)
        < quality.min_alphabetic_words
    ):
        return "few_alphabetic_words"
    if repeated_share(text) > quality.max_duplicate_lines:
        return "repeated_lines"
    return None


def symbol_share(text: str) -> float:
    """Characters that are neither letters, digits, blanks nor signs that prose uses, over all."""
    symbols = len(text.encode("ascii", errors="ignore").translate(None, _PROSE_ASCII))
    if not text.isascii():
        symbols += len(_SYMBOL_BEYOND_ASCII.findall(text))
    return symbols / len(text)


def repeated_share(text: str) -> float:
    """Characters in lines that stand on the same page before, over all characters in lines; see `PAGE`."""
    lines = [line for raw in text.split("\n") if (line := raw.strip())]
    repeated = 0
    for start in range(0, len(lines), PAGE):
        page = lines[start : start + PAGE]
        repeated += sum(map(len, page)) - sum(map(len, set(page)))
    return repeated / max(1, sum(map(len, lines)))
