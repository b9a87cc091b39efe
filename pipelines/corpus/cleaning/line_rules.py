"""Rules for single lines, after C4 (Raffel et al. 2020, §2.2): a line that fails one is removed.

They come from web pages, where menus and buttons stand between the sentences. In books, laws and manuals they would
remove headings and verses; so they apply only if the recipe asks for them.
"""

from __future__ import annotations

import re

from desdecero.pipelines.corpus.draft import Draft
from desdecero.pipelines.recipe import LineRules

_CITATION = re.compile(r"\[\d*\]|\[edit\]|\[citation needed\]|\[editar\]|\[cita requerida\]")
_ENDS = (".", "?", "!", '"', "'", "”", "»", "’")
_SENTENCE_END = re.compile(r"[.!?…]+[\"'”»’)]*(?=\s|$)")
_NOTICES = re.compile(
    "javascript|terms of use|privacy policy|cookie policy|uses cookies|use of cookies|use cookies|"
    "términos de uso|política de privacidad|política de cookies|uso de cookies|utiliza cookies|usa cookies"
)


def apply_line_rules(draft: Draft, rules: LineRules) -> None:
    """Remove the lines that fail; the edit is `removed_line`. The text becomes one line a paragraph, as in C4.

    Reasons to drop the document: `lorem_ipsum`, `curly_bracket`, `too_few_sentences`.
    """
    text = draft.text
    lower = text.lower()
    noticed = rules.notices and _NOTICES.search(lower) is not None
    cited = rules.citations and "[" in text
    overlong = len(text) > rules.max_word_length > 0
    kept, removed = [], 0
    for line in text.split("\n"):
        if not (line := line.strip()):
            continue
        words = line.split(None, rules.min_words)
        if overlong and len(line) > rules.max_word_length and max(map(len, line.split())) > rules.max_word_length:
            failed = True
        else:
            if cited:
                line = _CITATION.sub("", line)
            failed = (
                (rules.end_punctuation and (not line.endswith(_ENDS) or line.endswith("...")))
                or len(words) < rules.min_words
                or (noticed and _NOTICES.search(line.lower()) is not None)
            )
        if failed:
            removed += 1
            draft.show("removed_line", line, "")
        else:
            kept.append(line)
    draft.text = "\n".join(kept)
    draft.edits["removed_line"] += removed
    if rules.lorem_ipsum and "lorem ipsum" in lower and "lorem ipsum" in draft.text.lower():
        draft.reason = "lorem_ipsum"
    elif rules.curly_bracket and "{" in draft.text:
        draft.reason = "curly_bracket"
    elif _sentences(kept, rules.min_sentences) < rules.min_sentences:
        draft.reason = "too_few_sentences"


def _sentences(lines: list[str], enough: int) -> int:
    """Count the sentences in these lines, up to `enough`; a line has at least one."""
    count = len(lines)
    for line in lines:
        if count >= enough:
            break
        ends = _SENTENCE_END.findall(line)
        count += max(0, len(ends) - 1) if line.endswith(_ENDS) else len(ends)
    return count
