"""Read a licence notice as a whole: the words and addresses in it decide together.

    read("All rights reserved. Figures: https://creativecommons.org/licenses/by/4.0/", …)
    Statement("LicenseRef-all-rights-reserved AND CC-BY-4.0", contradictory=True)

A notice is a sequence of mentions: licences by name or by address, and wordings that forbid something. Two mentions of
one licence, one more exact than the other ("CC BY", and its address with a version), become one. All that remain apply
(AND), unless the words give a choice (OR). The statement is contradictory where something is forbidden in addition to a
licence, or where two licences remain that the words neither join ("and") nor assign to parts ("the code", "figures"):
it is not known which is meant, and the expression requires both.

Unknown words do not affect an address, because notices contain many names and titles. A licence that is only named in
words becomes unknown because of them; also with an address, it becomes unknown because of words that deny or narrow
("not", "only"), and where it covers the pictures alone. A licence that forbids something is kept even then, together
with an unknown one.
"""

from __future__ import annotations

import itertools
import re
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from desdecero.pipelines.licenses.expressions import UNKNOWN, parse
from desdecero.pipelines.licenses.obligations import ObligationKind, row_of
from desdecero.pipelines.licenses.statement_words import (
    CHOICES,
    DENIAL,
    IDLE,
    JOINS,
    MEDIA,
    NEUTRAL,
    PARTS,
    RESERVED_ELSEWHERE,
    RESTRICTIONS,
    VAGUE,
)

Reader = Callable[[str], str | None]
"""Function from the name or address of one licence, without other words, to its expression."""

ADDRESS = re.compile(
    r"(?:https?://|www\.)[^\s<>\"'|]+|\b(?:[\w-]+\.)+(?:org|com|net|io|fr|uk|gov|edu|es)/[^\s<>\"'|]+", re.IGNORECASE
)
AROUND = " \t\n.,;:!?()[]{}<>\"'«»“”‘’"
"""Punctuation that does not belong to a word or an address."""
LONGEST_NAME = 14
"""Words in a name: more than in "Licença Creative Commons Atribuição-NãoComercial 4.0 Internacional" and its like."""


@dataclass(frozen=True, slots=True)
class Statement:
    """Licence expression of a notice, and whether its parts contradict one another."""

    expression: str
    contradictory: bool


@dataclass(frozen=True, slots=True)
class _Word:
    text: str
    plain: str
    """Text without case, accents and punctuation; several words where it has hyphens."""
    ends: bool
    """A name ends here at the latest: a semicolon, a colon, the end of a sentence or a line follows."""
    address: bool = False


@dataclass(frozen=True, slots=True)
class _Mention:
    expression: str
    start: int
    end: int
    by_address: bool


def read(text: str, name: Reader, begins: Callable[[str], bool]) -> Statement | None:
    """Read the statement of a notice; None where it names no licence, or where its words are unknown.

    begins: returns whether a licence's name may begin with a word
    """
    words = _words(text)
    all_mentions = _mentions(words, name, begins)
    if not all_mentions:
        return None
    covered = {place for mention in all_mentions for place in range(mention.start, mention.end)}
    mentions = _merge_mentions(all_mentions)
    rest = _rest(words, covered)
    forbidden = [(kind, expression) for kind, expression, pattern in _RESTRICTIONS if pattern.search(rest)]
    for _, _, pattern in _RESTRICTIONS:
        rest = pattern.sub(" ", rest)
    left = set(rest.split())
    expressions = [mention.expression for mention in mentions]
    more = [expression for kind, expression in forbidden if not any(_asks(one, kind) for one in expressions)]
    addressed = any(mention.by_address for mention in all_mentions)
    clear = _is_clear(rest, left, mentions, bool(forbidden)) and (
        addressed or (_understood(rest) and words[-1].plain not in JOINS | CHOICES)  # "MIT and" is incomplete
    )
    return (_together(mentions, more, words, covered) if clear else None) or _in_doubt(more, expressions)


def _is_clear(rest: str, left: set[str], mentions: Sequence[_Mention], forbidden: bool) -> bool:
    """Return whether the words do not deny or narrow the mentions, name another licence, or limit it to pictures."""
    vague = [word for word in VAGUE.findall(rest) if not any(word.upper() in one.expression for one in mentions)]
    vague += [word for word in re.findall(r"(\w+) licen[cs]e\b", rest) if word not in IDLE | PARTS | JOINS | CHOICES]
    only_media = bool(left & MEDIA) and not left & PARTS and not forbidden and len(mentions) == 1
    return not vague and not only_media and not DENIAL.search(rest)


def _in_doubt(more: Sequence[str], expressions: Sequence[str]) -> Statement | None:
    """Keep the licences that forbid something from a notice that is not understood, together with an unknown one."""
    hard = [name for name in expressions if any(_asks(name, kind) for kind, _, _ in _RESTRICTIONS)]
    parts = list(dict.fromkeys([*more, *hard]))
    return Statement(_joined(" AND ", [*parts, UNKNOWN]), True) if parts else None


def restrictions(text: str) -> list[str]:
    """Return what a notice forbids, regardless of its other words: `LicenseRef-all-rights-reserved` and its like."""
    rest = _rest(_words(text), set())
    return [expression for _, expression, pattern in _RESTRICTIONS if pattern.search(rest)]


def denies(text: str) -> bool:
    """Return whether the words of a notice deny or narrow what it mentions."""
    return bool(DENIAL.search(_rest(_words(text), set())))


_RESTRICTIONS: list[tuple[ObligationKind, str, re.Pattern[str]]] = [
    (kind, expression, re.compile(rf"\b(?:{pattern})\b")) for kind, expression, pattern in RESTRICTIONS
]


# --- words and mentions --------------------------------------------------------------------------------------


def _words(text: str) -> list[_Word]:
    """Split a notice into words; an address is one, and so is a slash between words; a bar ends a sentence."""
    words: list[_Word] = []
    text = RESERVED_ELSEWHERE.sub(" all rights reserved. ", text.replace("©", " copyright "))
    for line in re.split(r"\n\s*\n|\|", text):
        places = list(ADDRESS.finditer(line))
        for start, end, address in _pieces(line, [place.span() for place in places]):
            if address:
                words.append(_Word(line[start:end].strip(AROUND), "", False, True))
                continue
            for word in re.findall(r"[^\s/]+|/", line[start:end]):
                bare = word.strip(AROUND)
                plain = "/" if word == "/" else plain_words(bare)
                if plain:
                    sentence = word.endswith(".") and len(plain) > 2 and plain not in ("ver", "lic")
                    words.append(_Word(bare, plain, sentence or word[-1] in ";:", False))
                elif words and word[-1] in ";:":
                    words[-1] = replace(words[-1], ends=True)
        if words:
            words[-1] = replace(words[-1], ends=True)
    return words


def _pieces(line: str, spans: Sequence[tuple[int, int]]) -> list[tuple[int, int, bool]]:
    """Return the parts of a line, in order, and whether each is an address."""
    edges = [0, *(edge for span in spans for edge in span), len(line)]
    return [(start, end, bool(place % 2)) for place, (start, end) in enumerate(itertools.pairwise(edges))]


def plain_words(text: str) -> str:
    """Return the words of a text without case, accents and punctuation."""
    bare = "".join(char for char in unicodedata.normalize("NFKD", text.lower()) if not unicodedata.combining(char))
    return " ".join(re.findall(r"[a-z]+|\d+(?:\.\d+)*\+?", bare.replace("'", "").replace("’", "")))


def _mentions(words: Sequence[_Word], name: Reader, begins: Callable[[str], bool]) -> list[_Mention]:
    """Find the licences named in the words, longest names first, and those of addresses."""
    mentions: list[_Mention] = []
    place = 0
    while place < len(words):
        word = words[place]
        if word.address:
            if expression := name(word.text):
                mentions.append(_Mention(expression, place, place + 1, True))
        elif begins(word.plain) and (mention := _named(words, place, name)):
            mentions.append(mention)
            place = mention.end
            continue
        place += 1
    return mentions


def _named(words: Sequence[_Word], start: int, name: Reader) -> _Mention | None:
    """Find the longest name that begins here; a single word only where the words around it are about licences."""
    end = start + 1
    while end < min(len(words), start + LONGEST_NAME) and not words[end - 1].ends and not words[end].address:
        if words[end].plain.split()[0] in ("cc", "creative"):  # another mention begins
            break
        end += 1
    for stop in range(end, start, -1):
        last = words[stop - 1].plain
        if last in JOINS | CHOICES | {"/"} or (stop == start + 1 and not _speaks_of_licenses(words, start)):
            continue
        expression = name(" ".join(word.text for word in words[start:stop]))
        if expression and expression != RESERVED:  # the restrictions find that in more wordings
            return _Mention(expression, start, stop, False)
    return None


RESERVED = "LicenseRef-all-rights-reserved"


_LEADS = frozenset(
    ("under", "bajo", "sob", "sous", "license", "licence", "licencia", "licenca", "is", "are", "es", "for", "para")
)


def _speaks_of_licenses(words: Sequence[_Word], place: int) -> bool:
    """Return whether a single word may be a licence: `GPLv3` always, `MIT` in "code: MIT" but not in "MIT Press"."""
    if any(char.isdigit() for char in words[place].plain):
        return True
    around = {words[near].plain for near in (place - 1, place + 1) if 0 <= near < len(words)}
    opens = place == 0 or words[place - 1].ends or words[place - 1].address
    closes = place + 1 == len(words) or words[place].ends or words[place + 1].address
    return bool(around & (_LEADS | PARTS | MEDIA | JOINS | CHOICES | {"/"})) or (opens and closes)


def _merge_mentions(mentions: Sequence[_Mention]) -> list[_Mention]:
    """Merge mentions of one licence under its most exact name, with the position of the first."""
    kept: list[_Mention] = []
    for mention in mentions:
        for place, other in enumerate(kept):
            if exact := _more_exact(other, mention):
                kept[place] = replace(other, expression=exact, by_address=other.by_address and mention.by_address)
                break
        else:
            kept.append(mention)
    return kept


# --- the statement -------------------------------------------------------------------------------------------


def _rest(words: Sequence[_Word], covered: set[int]) -> str:
    """Return the words outside mentions, with a bar in place of mentions and addresses, and a stop at sentence ends."""
    rest = " ".join(
        "|" if word.address or place in covered else word.plain + (" ." if word.ends else "")
        for place, word in enumerate(words)
    )
    return NEUTRAL.sub(" ", rest)


def _understood(rest: str) -> bool:
    """Return whether all words, except the copyright holders' names, are known to be irrelevant."""
    return all(
        word == "." or word in IDLE | PARTS | MEDIA | JOINS | CHOICES | {"/"} or re.fullmatch(r"(?:19|20)\d\d", word)
        for word in re.sub(r"\bcopyright [^.|]*", " ", rest).replace("|", " ").split()
    )


def _together(
    mentions: Sequence[_Mention], more: Sequence[str], words: Sequence[_Word], covered: set[int]
) -> Statement | None:
    """Combine the mentions into one expression, in the order of the notice; None where "and" and "or" are mixed."""
    between = [
        {words[place].plain for place in range(one.end, other.start) if place not in covered} - {""}
        for one, other in itertools.pairwise(mentions)
    ]
    choices = [
        gap <= CHOICES | IDLE | {"/"}
        and bool(gap & CHOICES or ("/" in gap and not (one.by_address or other.by_address)))
        for gap, one, other in zip(between, mentions, mentions[1:], strict=False)
    ]
    if any(choices) and not all(choices):
        return None
    parts = list(dict.fromkeys([*more, *(mention.expression for mention in mentions)]))
    if any(choices) and not more:
        return Statement(_joined(" OR ", parts), False)
    shared = any(word.plain in PARTS | MEDIA for place, word in enumerate(words) if place not in covered)
    joined = shared or all(gap & JOINS for gap in between)
    return Statement(_joined(" AND ", parts), bool(more) or not joined)


def _joined(operator: str, parts: Sequence[str]) -> str:
    return operator.join(f"({part})" if " " in part and len(parts) > 1 else part for part in parts)


def _asks(expression: str, kind: ObligationKind) -> bool:
    tree = parse(expression)
    return tree is not None and any(kind in row_of(str(symbol)).asks for symbol in tree.symbols)


_CC = re.compile(r"CC-(?P<elements>BY(?:-NC)?(?:-ND|-SA)?)(?:-(?P<version>\d\.\d)(?:-(?P<country>[A-Z]+))?)?")
_GNU = re.compile(r"(?P<family>A?GPL|LGPL|GFDL)-(?P<version>\d\.\d)-(?P<tail>only|or-later)")
_PUBLIC_DOMAIN = ("LicenseRef-public-domain", "CC0-1.0", "CC-PDM-1.0", "CC-PDDC")


def _more_exact(one: _Mention, other: _Mention) -> str | None:
    """Return the more exact of two names of one licence; None where they name two licences."""
    a, b = one.expression, other.expression
    if a == b:
        return a
    if _PUBLIC_DOMAIN[0] in (a, b) and a in _PUBLIC_DOMAIN and b in _PUBLIC_DOMAIN:
        return b if a == _PUBLIC_DOMAIN[0] else a
    first, second = (_CC.fullmatch(name.removeprefix("LicenseRef-")) for name in (a, b))
    if first and second and first["elements"] == second["elements"]:
        fields = [(first[name], second[name]) for name in ("version", "country")]
        if all(x is None or y is None or x == y for x, y in fields):
            return max(a, b, key=lambda name: len(name.removeprefix("LicenseRef-")))
        return None
    first, second = _GNU.fullmatch(a), _GNU.fullmatch(b)
    if first and second and first["family"] == second["family"]:
        if first["version"] == second["version"]:  # the address of a text does not say whether later ones may be chosen
            words = [mention for mention in (one, other) if not mention.by_address]
            return words[0].expression if len(words) == 1 else None
        return b if a in _ANY_VERSION else a if b in _ANY_VERSION else None
    return None


_ANY_VERSION = ("GPL-1.0-or-later", "LGPL-2.0-or-later", "GFDL-1.1-or-later")
