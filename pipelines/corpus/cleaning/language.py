"""Language identification: a document's language and its probability.

The model is py3langid's (BSD, 5 MB, 140 languages, offline). It was chosen by measurement over fastText's lid.176,
which recognizes 38% of Galician passages of 50 characters and assigns 16% to another language, where this one
recognizes 81% and misassigns 0.4% (it may have been trained on that very text, the Universal Declaration). On whole
documents both do well. It reads bytes at 0.5 MB/s, so a long document is judged by a few windows of it.
`tests/benchmarks/bench_language.py` prints the tables.

It does not know every language: Aymara is identified as Quechua, and Asturian as Extremaduran or Spanish.

A text without prose (code, tables, lists of names) has no language here: the model always names the likeliest one, so
the stop words of that language are required as second evidence.
"""

from __future__ import annotations

import keyword
import re
from collections import defaultdict
from collections.abc import Sequence
from functools import cache, partial
from operator import itemgetter

from py3langid.langid import MODEL_FILE, LanguageIdentifier

from desdecero.pipelines import recipe as recipes
from desdecero.pipelines.corpus.cleaning.profiles import PROFILES
from desdecero.pipelines.corpus.draft import Draft

WINDOW = 200
"""Characters of a text that are judged at once."""
WINDOWS = (3, 20)
"""A longer document is judged by this many windows, evenly spread; by the second number if the first do not agree."""
AGREED = 0.75
"""Probability from which the first windows agree. Of 1,501 laws, 94.0% are identified by 3 windows, 99.3% so."""
MIN_LETTERS = 20
"""Fewer letters are no evidence: of UI strings of 20 to 50 characters, one in five is judged wrongly."""
MIN_STOP_WORDS = 0.04
"""Share of stop words that are not keywords of Python (and, as, if, in, not, …) among words, figures and signs: a text
below it is not prose of a language that has a profile. It is passed by 376 of 376 laws, 99.7% of 392 English texts and
97% of 702 reference pages; by 5% of 168 Python modules without docstrings, and by no table of figures."""

_ADDRESS = re.compile(r"\b\w+://\S+|\bwww\.\S+|\S+@\S+|\]\([^)\s]*\)|&\w+;|</?\w[^>]*>")
_WORD = re.compile(r"[^\W\d_]+(?:['’·-][^\W\d_]+)*")
_FIGURE_OR_SIGN = re.compile(r"[^\w\s.,;:!?¿¡'\"’‘“”«»–—…-]|\d+|_")
_KEYWORDS = frozenset(keyword.kwlist)
_CODES = {"gug": "gn"}
"""py3langid's codes of languages that have one in ISO 639-1: Guarani."""


class IdentifyLanguage:
    """The step. Sets the draft's language; drops with `language` (not an allowed one) or `language_unsure`."""

    name = "language"

    def __init__(self, section: recipes.Language):
        self.section = section

    def __call__(self, draft: Draft) -> None:
        """Identify the draft's language, and drop it if the recipe says so."""
        language, confidence = identify(draft.text)
        sure = language != "" and confidence >= self.section.threshold
        if sure and draft.language and language != _primary(draft.language):
            draft.edits["language_corrected"] += 1
            start = " ".join(draft.text[:200].split())
            draft.show("language_corrected", f"{draft.language}: {start}", f"{language}: {start}")
        if sure:
            draft.language = language
            if self.section.allowed and language not in self.section.allowed:
                draft.reason = "language"
        else:
            draft.language = ""
            if self.section.drop_unsure:
                draft.reason = "language_unsure"


def identify(text: str) -> tuple[str, float]:
    """Return the language of a text, ISO 639-1 (639-3 if it has no such code), and its probability.

    Returns "" if there is no language: too few letters, or no prose. Windows in two languages share the probability,
    so that neither is certain for a document in two halves.
    """
    for count in WINDOWS:
        language, confidence = _judge(_windows(text, count))
        if (language and confidence >= AGREED) or len(text) <= count * WINDOW:
            break
    return language, confidence


def _judge(windows: Sequence[str]) -> tuple[str, float]:
    scores: dict[str, float] = defaultdict(float)
    words, signs, judged = [], 0, 0
    for window in map(partial(_ADDRESS.sub, " "), windows):
        # Capitals are rare in the model's training data, and whole laws are set in them.
        here = [word.lower() if word.isupper() else word for word in _WORD.findall(window)]
        signs += len(_FIGURE_OR_SIGN.findall(window))
        words += here
        if sum(map(len, here)) >= MIN_LETTERS:
            judged += 1
            likeliest, probability = _model().classify(" ".join(here))
            scores[_CODES.get(likeliest, likeliest)] += probability
    if not judged:
        return "", 0.0
    language, score = max(scores.items(), key=itemgetter(1))
    if language == "zxx" or not _is_prose(words, signs, language):
        return "", score / judged
    return language, score / judged


def _is_prose(words: Sequence[str], signs: int, language: str) -> bool:
    """Tell whether there are enough stop words; always true of a language without a profile."""
    profile = PROFILES.get(language)
    if profile is None:
        return True
    witnesses = profile.stop_words - _KEYWORDS
    return sum(word.lower() in witnesses for word in words) >= MIN_STOP_WORDS * (len(words) + signs)


def _windows(text: str, count: int) -> Sequence[str]:
    if len(text) <= count * WINDOW:
        return [text]
    step = (len(text) - WINDOW) / (count - 1)
    return [text[int(i * step) : int(i * step) + WINDOW] for i in range(count)]


def _primary(tag: str) -> str:
    """Return `es` for `es-PE`, `es_MX` and `ES`."""
    return re.split("[-_]", tag.lower())[0]


@cache
def _model() -> LanguageIdentifier:
    return LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
