"""Rejoining of words split at line ends, with the hyphen if it belongs to the word (`teórico-⏎práctico`).

For the two pieces around a line end, the first rule that applies decides:

1. a soft hyphen is the typesetter's: it is removed
2. a single letter is not a syllable to carry over (`-dijo el cura-⏎y`): nothing is joined
3. the document has the word in the middle of a line, at least up to its last letters: as it is written there more often
4. if both pieces are words, of the document or of simplemma's dictionary of its language, and the whole is not:
   the hyphen stays; of a name (`Pomacocha`), both must be words of the document
5. otherwise it is removed

Measured on words split in passages of real texts: of 12,966 in novels 5 kept a hyphen that was not theirs, of 18,104 in
laws 1, of 6,009 in English texts 4. Of the hyphenated compounds in these texts, split there, laws and English texts
keep seven of ten, novels a quarter: those whose parts are in no list, or too short, are joined."""

from __future__ import annotations

import re
from collections import Counter
from functools import cached_property

from desdecero.pipelines.corpus.document import Edits

SHORTEST_PIECE = 4
"""Letters of both pieces in rule 4. Shorter ones are too often words (`con-⏎tiene`, `pre-⏎sente`, `in-⏎to`)."""
_ENDINGS = frozenset(("base", "mente", "seis", "verse"))
"""Endings of Spanish forms missing from dictionaries (`fiel-⏎mente`, `resol-⏎verse`) that are also words."""
_SOFT = "\u00ad"
_CUT = re.compile(
    r"(?P<before>(?:[^\W\d_]+-)*)(?P<first>[^\W\d_]+)(?P<hyphen>[-\u00ad\u2010\u2011¬])\n[ \t]*(?P<second>[^\W\d_]+)"
    r"(?P<after>(?:-[^\W\d_]+)*)"
)
_WORD = re.compile(r"[^\W\d_]+(?:[-\u2010\u2011][^\W\d_]+)*")


def join_cut_words(text: str, edits: Edits, language: str = "") -> str:
    """Join the words split at line ends, and count them."""
    if not _CUT.search(text):
        return text
    words = _Words(text, language)

    def join(match: re.Match[str]) -> str:
        before, first, hyphen, second, after = match.group("before", "first", "hyphen", "second", "after")
        if len(second) == 1 or not _continues(first, second):
            return match[0]
        joined = first + second
        if hyphen not in (_SOFT, "¬") and words.keep_hyphen(before, first, second, after):
            joined = f"{first}-{second}"
        edits.add("joined_word", f"{before}{first}{hyphen}\n{second}{after}", before + joined + after)
        return before + joined + after

    return _CUT.sub(join, text)


def _continues(first: str, second: str) -> bool:
    """Tell whether a word continues: in small letters, or in capitals if all of it is (two letters at least)."""
    return second[0].islower() or (len(first) > 1 and first.isupper() and second.isupper())


class _Words:
    """The words of a document that are not split at line ends, with their counts."""

    def __init__(self, text: str, language: str):
        self.known = Counter(re.sub("[\u2010\u2011]", "-", word.lower()) for word in _WORD.findall(_CUT.sub(" ", text)))
        self.compounds = [word for word in self.known if "-" in word]
        self._text, self._language = text, language

    def keep_hyphen(self, before: str, first: str, second: str, after: str) -> bool:
        """Tell whether the hyphen stays. after: more hyphenated parts (`father-⏎in-law`), which allow a short second
        piece."""
        whole, hyphenated = (first + second).lower(), f"{before}{first}-{second}".lower()
        if self.known[hyphenated] != self.known[whole]:
            return self.known[hyphenated] > self.known[whole]
        if self.known[whole]:
            return False
        if self._has_inflected(hyphenated):
            return True
        if before:
            return self.known[second.lower()] > 0
        return self._are_two_words(first, second, hyphenated, whole, bool(after))

    def _has_inflected(self, hyphenated: str) -> bool:
        """Tell whether the document writes the compound in another gender or number (`físico-química`)."""
        first, _, second = hyphenated.rpartition("-")
        if len(second) < 5:
            return False
        stem = f"{first}-{second[:-2]}"
        return any(word.startswith(stem) and abs(len(word) - len(hyphenated)) <= 2 for word in self.compounds)

    def _are_two_words(self, first: str, second: str, hyphenated: str, whole: str, goes_on: bool) -> bool:
        pieces = (first.lower(), second.lower())
        if (min(len(first), len(second)) < SHORTEST_PIECE and not goes_on) or pieces[1] in _ENDINGS:
            return False
        in_document = all(self.known[piece] for piece in pieces)
        if first[0].isupper() and not first.isupper() and not in_document:
            return False
        from simplemma import is_known  # lazy: loading a language takes up to two seconds
        from simplemma.strategies.dictionaries.dictionary_factory import SUPPORTED_LANGUAGES

        if self.language not in SUPPORTED_LANGUAGES:
            return False
        words = in_document or all(self.known[piece] or is_known(piece, self.language) for piece in pieces)
        return words and (is_known(hyphenated, self.language) or not is_known(whole, self.language))

    @cached_property
    def language(self) -> str:
        from desdecero.pipelines.corpus.cleaning.language import identify

        return self._language or identify(self._text)[0]
