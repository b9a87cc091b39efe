"""Exchange of men and women in an English sentence, if it is certain.

    She told her brother that he was late.  →  He told his sister that she was late.

Pronouns and the nouns of the lexicon change. The hard words are "her", which is both "him" and "his", and "his", which
is both "her" and "hers": the words around decide, and if they do not, the sentence stays unchanged. So do sentences
with proper names (unless the recipe pairs them) and with words on bodies and sexes, which no swap of words mirrors.

Swapping twice restores the sentence: otherwise nothing is swapped (this is tested on each sentence).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import cache

from desdecero.pipelines.corpus.counterfactual.wording import (
    Gender,
    Inflection,
    Token,
    Unsure,
    in_case_of,
    lexicon,
    opens_sentence,
    pairs,
    replace,
    swap_if_certain,
    tokenize,
    words,
)

PRONOUNS = {"he": "she", "she": "he", "him": "her", "himself": "herself", "herself": "himself", "hers": "his"}
CAPITALISED_ANYWAY = words("en", "capitalised_anyway")
OPENERS = words("en", "openers")
NOT_NOUNS = words("en", "not_nouns")
OBJECTS_FOLLOW = words("en", "objects_follow")
_ADDRESS = re.compile(
    r"\b(?:Mr|Mrs|Ms|Miss|Sir|Madam|Lord|Lady|King|Queen|Prince|Princess|Aunt|Uncle|Father|Mother|"
    r"Brother|Sister|Saint|St)\b\.?\s+[A-Z]"
)
_CONTRACTED = re.compile(r"^(?P<word>he|she)(?P<rest>['’](?:s|d|ll))$")


@cache
def _persons() -> dict[str, Inflection]:
    found: dict[str, Inflection] = {}
    for male, female in pairs(lexicon("en")["persons"]):
        plural = male.endswith(("s", "men")) and male not in ("princess", "boss")
        found |= {male: Inflection(female, "m", plural), female: Inflection(male, "f", plural)}
    return found


@cache
def _people() -> frozenset[str]:
    return frozenset({*_persons(), *PRONOUNS, "her", "his"})


@cache
def _blocked() -> re.Pattern[str]:
    return re.compile(rf"\b(?:{'|'.join(lexicon('en')['blocked'].split())})\b")


def mentions() -> dict[str, Gender]:
    """Return the words that mention a man or a woman, for counting."""
    pronouns: dict[str, Gender] = {
        "he": "m", "him": "m", "his": "m", "himself": "m", "she": "f", "her": "f", "hers": "f", "herself": "f"
    }  # fmt: skip
    return {**{word: form.gender for word, form in _persons().items()}, **pronouns}


def swap(sentence: str, names: Mapping[str, Inflection]) -> str | None:
    """Exchange men and women in the sentence; None if there are none or if it is not certain.

    names: first names that are exchanged, too.
    """
    return swap_if_certain(sentence, names, _people(), _swap_once)


def _swap_once(sentence: str, names: Mapping[str, Inflection]) -> str | None:
    tokens = tokenize(sentence)
    _refuse_what_is_never_certain(sentence, tokens, names)
    changes = {}
    for place, token in enumerate(tokens):
        new = names[token.text].other if token.text in names else _other(tokens, place)
        if new:
            changes[place] = in_case_of(token.text, new)
    return replace(sentence, tokens, changes) if changes else None


def _refuse_what_is_never_certain(sentence: str, tokens: Sequence[Token], names: Mapping[str, Inflection]) -> None:
    if _blocked().search(sentence.lower()) or _ADDRESS.search(sentence):
        raise Unsure
    for place, token in enumerate(tokens):
        if not token.is_word or not token.is_capitalized or token.text in names:
            continue
        if len(token.text) > 1 and token.text.isupper():
            raise Unsure
        inside = not opens_sentence(tokens, place)
        if inside and token.lower.split("'")[0].split("’")[0] not in CAPITALISED_ANYWAY:
            raise Unsure
        # A name may open a sentence, too: "Sarah said", which can be suspected without a dictionary.
        if not inside and token.lower not in _people() and _may_be_a_name(tokens, place):
            raise Unsure


def _may_be_a_name(tokens: Sequence[Token], place: int) -> bool:
    """Tell whether the sentence's first word is a bare subject, followed by a verb of speech or being, or "'s"."""
    word = tokens[place].lower
    return not (word in NOT_NOUNS or word in OPENERS or word.endswith(("ing", "ly")))


def _other(tokens: Sequence[Token], place: int) -> str | None:
    """Return the replacement of the word at a place; None if it stays."""
    word = tokens[place].lower
    following = tokens[place + 1].lower if place + 1 < len(tokens) else "."
    if word in PRONOUNS:
        return PRONOUNS[word]
    if contracted := _CONTRACTED.match(word.replace("’", "'")):
        return PRONOUNS[contracted["word"]] + word[len(contracted["word"]) :]
    if word == "her":
        return _of_her(tokens, place, following)
    if word == "his":
        if not following[0].isalpha() or following in NOT_NOUNS:
            return "hers"
        return "her"
    bare, mark, rest = word.replace("’", "'").partition("'")
    if bare in _persons():
        if following == "-" or (place and tokens[place - 1].text == "-"):
            raise Unsure  # a compound: man-eater, boy-band
        if bare in ("man", "boy", "woman", "girl") and (not place or not tokens[place - 1].is_word):
            raise Unsure  # an exclamation, or a person who is addressed
        return _persons()[bare].other + (word[len(bare) :] if mark and rest in ("s", "") else "")
    return None


def _of_her(tokens: Sequence[Token], place: int, following: str) -> str:
    if not following[0].isalpha() or following in NOT_NOUNS:
        return "him"
    if following in _persons():
        return "his"
    before = tokens[place - 1].lower if place else ""
    if before in OBJECTS_FOLLOW:
        raise Unsure
    if following.endswith(("ly", "ing")):
        raise Unsure  # "saw her leaving", "told her quietly", and "her feeling"
    return "his"
