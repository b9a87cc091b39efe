"""Spelling correction of scanned Spanish: only certain corrections, each of them on record.

A word is corrected if all of these hold; each was added because without it something correct was changed:

- it stands in small letters between blanks and signs: names, figures, addresses and titles are never touched;
- it is unknown: to the dictionary (simplemma's 800,000 forms, MIT), with pronouns after the verb, adverbs, diminutives
  and prefixes; and to the clean text that the recipe names; and the document has it once or twice at most;
- one scanning error (rn for m, l for i, a lost accent: see `_SLIPS`) turns it into a known word, which occurs in the
  document or the clean text several times, and far more often than any other word that is one letter away;
- it is not an ending or beginning of a word of the document (`diante`), and not another form of it (`huéspedas`);
- accents are added only in documents that write them: `situacion` was correct before 1900, and `sustituído` in 1950.

The intention of the author of an old or spoken text cannot be known; uncertain words stay unchanged.

Measured on the texts that the rules were made with, so that others may fare worse. Without clean text: 36 changes in
3.9 million words of novels and 27 in 2.8 million of laws, most of them errors of those editions (3 looked wrong), and
88 in 1.0 million of scanned by-laws. With other laws and novels as clean text: 94, 50 and 236. Of 60 different changes
in the by-laws, read as pairs of words and without the page, two were doubtful (`reficra`, `controto`), none wrong.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from functools import cache, cached_property, lru_cache

from simplemma.strategies.dictionaries import DefaultDictionaryFactory

from desdecero.pipelines import recipe as recipes
from desdecero.pipelines.corpus.document import Change, Document
from desdecero.pipelines.corpus.draft import Draft
from desdecero.pipelines.corpus.letters import LETTERS
from desdecero.pipelines.corpus.sources import read_source

LANGUAGES = ("es",)
"""Languages whose harm and benefit were measured; a document in another is left unchanged."""
SHORTEST = 6
"""Letters. Shorter words are one error away from too many others."""
MOST_IN_DOCUMENT = 2
"""An unknown word that a document has more often is a term or a habit."""
FEWEST_WITNESSES = 3
"""Occurrences that the correction needs in the document and the clean text together."""
RATIO = 20
"""Factor by which the best correction must be commoner than the next."""
OLD_SPELLING = 0.001
"""Share of the words `á`, `é`, `ó`, `ú` from which a document is in old spelling. Modern text has none."""
BARE = 0.05
"""Share of words without the accent that they need, over all that need one, from which the document omits accents."""
FEWEST_ACCENTED = 20
"""Words with accents that a document must have to show its habit."""

MOST_CLEAN_TEXT = 50_000_000
"""Characters of clean text that are read: some seconds' work, and words enough."""

_WORD = re.compile(rf"(?<![\w@/.\-'’])[a-záéíóúüñ]{{{SHORTEST},}}(?![\w@/\-'’]|\.\w)")
_OLD = frozenset("áéóú")
_PRONOUNS = re.compile(r"(?:(?:se|me|te|nos|os)?(?:l[aoe]s?)|se|me|te|nos|os)$")
_PREFIX = re.compile(
    r"^(?:in|im|des|re|sub|pre|anti|auto|inter|co|ex|super|socio|agro|bio|micro|macro|multi|pluri|extra|intra|contra|"
    r"infra|neo|pos|post|pro|semi|sobre|tele|trans|ultra|vice|hidro|electro|radio|mini|afro|eco|geo|meta|mono|poli)"
)
_DIMINUTIVE = re.compile(r"(?:c?it|c?ill|ecit|ecill|uel|ic|ísim|az)([oa])(s?)$")
_BARE = str.maketrans("áéíóú", "aeiou")
_ACCENT = re.compile("[áéíóú]")
_ACCENTS = dict(zip("aeiou", "áéíóú", strict=True))
_VOWELS = frozenset("aeoáéó")
_LETTERS = "abcdefghijklmnopqrstuvwxyzáéíóúüñ"
_OLD_ENDING = re.compile(r"[uo]íd[oa]s?$|[aeáé]is$")
_NUMERALS = re.compile(r"(?:dos|tres|cuatro|quin|seis|sete|ocho|nove)cient[oa]s$|veinti\w+$|quinientas$")
_ALSO = frozenset(("antes", "máxime", "asimismo", "asímismo"))
"""Words missing from the dictionary."""
_SLIPS = (
    ("rn", "m"), ("m", "rn"), ("ni", "m"), ("in", "m"), ("m", "in"), ("m", "ni"), ("nn", "m"), ("ri", "n"), ("n", "ri"),
    ("cl", "d"), ("d", "cl"), ("ii", "u"), ("ii", "n"), ("li", "h"), ("vv", "w"), ("tt", "ff"), ("ft", "fi"),
    ("l", "i"), ("i", "l"), ("l", "t"), ("t", "l"), ("i", "t"), ("t", "i"), ("f", "t"), ("t", "f"), ("i", "j"),
    ("j", "i"), ("c", "e"), ("e", "c"), ("o", "e"), ("e", "o"), ("o", "c"), ("c", "o"), ("a", "o"), ("o", "a"),
    ("a", "e"), ("e", "a"), ("h", "b"), ("b", "h"), ("n", "h"), ("h", "n"), ("u", "n"), ("n", "u"), ("v", "y"),
    ("y", "v"), ("g", "q"), ("q", "g"), ("n", "ñ"), ("ñ", "n"), ("é", "ó"), ("ó", "é"), ("f", "l"), ("l", "f"),
    ("á", "é"), ("é", "á"), ("ó", "á"), ("í", "l"), ("l", "í"), ("á", "a"), ("é", "e"), ("í", "i"), ("ó", "o"),
    ("ú", "u"),
)  # fmt: skip
"""Confusions of a scanner: letters that look alike in print. Losing an accent is one too."""


class CorrectSpelling:
    """The step. Changes are counted as `spelling`; all of them are kept as `word` → `correction`, not three.

    Each process reads the recipe's clean text when it starts.
    """

    name = "spelling"

    def __init__(self, section: recipes.Spelling):
        self.clean = count_words(_texts(section)) if section.clean_text else Counter()

    def __call__(self, draft: Draft) -> None:
        """Correct the draft."""
        if draft.language not in LANGUAGES:
            return
        draft.text, corrections = correct(draft.text, self.clean)
        for (word, correction), times in sorted(corrections.items()):
            draft.edits["spelling"] += times
            draft.changes += [Change("spelling", word, correction)] * times


def correct(text: str, clean: Counter[str] | None = None) -> tuple[str, Counter[tuple[str, str]]]:
    """Return (corrected text, number of times that each (word, correction) was applied)."""
    words = Counter(LETTERS.findall(text))
    if sum(words[letter] for letter in _OLD) > OLD_SPELLING * words.total():
        return text, Counter()
    document = _Witnesses(words, clean if clean is not None else Counter())
    corrections = {
        word: correction
        for word in set(_WORD.findall(text))
        if words[word] <= MOST_IN_DOCUMENT and not document.clean[word] and not known(word)
        if (correction := document.correction(word))
    }
    applied: Counter[tuple[str, str]] = Counter()

    def replace(match: re.Match[str]) -> str:
        word = match[0]
        if word not in corrections:
            return word
        applied[word, corrections[word]] += 1
        return corrections[word]

    return (_WORD.sub(replace, text) if corrections else text), applied


class _Witnesses:
    """The words of a document and of the clean text, as evidence for a correction."""

    def __init__(self, words: Counter[str], clean: Counter[str]):
        self.words, self.clean = words, clean

    def correction(self, word: str) -> str | None:
        if _OLD_ENDING.search(word):
            return None
        accented = [other for other in _accented(word) if other in _dictionary()]
        if accented and not self.writes_accents:
            return None
        slips = accented or [other for other in _slips(word) if other in _dictionary()]
        count, best = max(((self.count(other), other) for other in slips), default=(0, ""))
        if not self.words[best] and _differ_in_vowels(word, best):  # huacos, huecos
            return None
        if count < FEWEST_WITNESSES or any(self.count(other) > count for other in _accented(best)):
            return None
        if any(self.count(other) * RATIO > count for other in _neighbours(word) if other != best):
            return None
        if any(len(word) < len(other) and other.endswith(word) | other.startswith(word) for other in self.words):
            return None
        return best

    def count(self, word: str) -> int:
        return self.words[word] + self.clean[word]

    @cached_property
    def writes_accents(self) -> bool:
        """True if words that need an accent have it here."""
        accented = sum(count for word, count in self.words.items() if not word.isascii() and _ACCENT.search(word))
        bare = sum(
            count
            for word, count in self.words.items()
            if len(word) >= SHORTEST and word.islower() and word.isascii() and not known(word)
            and any(other in _dictionary() for other in _accented(word))
        )  # fmt: skip
        return accented >= FEWEST_ACCENTED and bare <= BARE * (accented + bare)


def count_words(texts: Iterable[str]) -> Counter[str]:
    """Count the occurrences of each word in small letters in clean text; those that occur once may be errors too."""
    counts: Counter[str] = Counter()
    for text in texts:
        counts.update(_WORD.findall(text))
    return Counter({word: count for word, count in counts.items() if count > 1})


def _slips(word: str) -> Iterator[str]:
    """Yield the words that one scanning error may have changed; not by another ending, which makes another form."""
    for seen, meant in _SLIPS:
        place = word.find(seen)
        while place >= 0:
            other = word[:place] + meant + word[place + len(seen) :]
            if not (word[place + 1 :] in ("", "s", "n") and _differ_in_vowels(word, other)):
                yield other
            place = word.find(seen, place + 1)


def _differ_in_vowels(word: str, other: str) -> bool:
    """Tell whether a, e or o stands for another of them; é for ó apart, by which no two words differ."""
    return len(word) == len(other) and any(
        a != b and a in _VOWELS and b in _VOWELS and (a, b) != ("é", "ó") for a, b in zip(word, other, strict=True)
    )


def _accented(word: str) -> Iterator[str]:
    """Yield the word with an accent, if it has none."""
    if not _ACCENT.search(word):
        for place, letter in enumerate(word):
            if letter in _ACCENTS:
                yield word[:place] + _ACCENTS[letter] + word[place + 1 :]


def _neighbours(word: str) -> Iterator[str]:
    """Yield all words with one letter more, one less or one other."""
    for place in range(len(word) + 1):
        head, tail = word[:place], word[place:]
        if tail:
            yield head + tail[1:]
        for letter in _LETTERS:
            yield head + letter + tail
            if tail and letter != tail[0]:
                yield head + letter + tail[1:]


@lru_cache(maxsize=200_000)
def known(word: str) -> bool:
    """Tell whether a word is Spanish, or may be: too many are known rather than too few."""
    if word in _dictionary() or word in _ALSO or _NUMERALS.match(word):
        return True
    if word.endswith("mente") and word[:-5] in _dictionary():
        return True
    if (match := _PRONOUNS.search(word)) and _verb(word[: match.start()]):
        return True
    if (match := _DIMINUTIVE.search(word)) and _stem(word[: match.start()], match[1], match[2]):
        return True
    if match := _PREFIX.match(word):
        rest = word[match.end() :]
        return len(rest) >= 4 and (rest in _dictionary() or rest.removeprefix("r") in _dictionary())
    return False


def _verb(stem: str) -> bool:
    """Recognize `diciéndo`-, `comuníque`-, `decir`-, `vámo`(s)-: a verb whose accent changed before a pronoun."""
    bare = stem.translate(_BARE)
    forms = {stem, bare, bare + "s", bare + "d", *_accented(bare)}
    return any(form in _dictionary() for form in forms if len(form) >= 3)


def _stem(stem: str, vowel: str, plural: str) -> bool:
    bare = re.sub("qu$", "c", stem.translate(_BARE))
    return len(bare) >= 3 and any(bare + end in _dictionary() for end in ("", vowel, vowel + plural, "e"))


def _texts(section: recipes.Spelling) -> Iterator[str]:
    if not section.clean_text:
        return
    read = 0
    for item in read_source(recipes.Files(kind="files", path=section.clean_text, text_field=section.text_field)):
        if isinstance(item, Document):
            yield item.text
            read += len(item.text)
            if read > MOST_CLEAN_TEXT:
                return


@cache
def _dictionary() -> frozenset[str]:
    """Load the Spanish word forms: 120 MB of memory in each process that corrects."""
    return frozenset(DefaultDictionaryFactory(cache_max_size=1).get_dictionary("es"))
