"""Prompts for a model that was given none: the first words of held-out documents, with a gap where it fills gaps."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

from desdecero.eval_suites.models.prompts import GAP

COUNT = 3
"""Number of prompts: as many as a terminal shows at a glance."""
WORDS = 10
"""Maximum words in a prompt: enough to see the document's subject, while the model writes most of the answer."""
LETTERS = 100
"""Maximum characters in a prompt, because a text without spaces is one word. Ten words of English or Spanish have some
60."""


def beginnings(texts: Iterable[str], with_gap: bool, fits: Callable[[str], bool]) -> list[str]:
    """Return up to `COUNT` different prompts from the texts, in their order.

    `fits` tells whether the model can read a prompt and answer it; a beginning is shortened until it can. With
    `with_gap`, for models that fill gaps, the word in the middle is replaced by `[MASK]`. Texts with `[MASK]` in their
    first 200 characters are left out.
    """
    prompts: dict[str, None] = {}
    for text in texts:
        prompt = _beginning(text, with_gap, fits) if GAP not in text[: 2 * LETTERS] else None
        if prompt:
            prompts.setdefault(prompt)
        if len(prompts) == COUNT:
            break
    return list(prompts)


def _beginning(text: str, with_gap: bool, fits: Callable[[str], bool]) -> str | None:
    """Return the longest beginning that fits, or None where not even one word does.

    Without a gap, it has at most half of the text's words.
    """
    start = text.lstrip()[:LETTERS]
    words = list(re.finditer(r"\S+", start))
    if len(text.lstrip()) > LETTERS and len(words) > 1:
        words.pop()  # it may have been cut
    most = min(WORDS, len(words)) if with_gap else min(WORDS, max(1, len(text.split()) // 2), len(words))
    for count in range(most, 0, -1):
        prompt = start[: words[count - 1].end()]
        if with_gap:
            hidden = words[count // 2]
            prompt = prompt[: hidden.start()] + GAP + prompt[hidden.end() :]
        if fits(prompt):
            return prompt
    return None
