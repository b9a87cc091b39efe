"""Quality rules: the first one that a document fails is the reason for dropping it.

The rules are those of Gopher (Rae et al. 2021, appendix A1), C4 (Raffel et al. 2020, §2.2; see `line_rules`) and
FineWeb (Penedo et al. 2024, §3.6), with the limits that the recipe sets, or else those of the recipe's form in the
document's language. A document that fails is judged by the other forms too, to report which of them would keep it.

Whole batches are measured at once, on arrays (see `text_arrays`): a document in Python takes some milliseconds, and
here some tenths of one. Repetition is searched only where it can occur: an n-gram of words that occurs twice begins
with an (n-1)-gram that occurs twice, so each length looks only at the remainder of the one before."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from desdecero.pipelines import recipe as recipes
from desdecero.pipelines.corpus.cleaning.line_rules import apply_line_rules
from desdecero.pipelines.corpus.cleaning.profiles import Profile, profile_for
from desdecero.pipelines.corpus.draft import Draft
from desdecero.pipelines.corpus.text_arrays import (
    LETTER,
    SPACE,
    SYMBOL,
    TERMINAL,
    WORD,
    Characters,
    Hashes,
    Positions,
    SpanHasher,
    hash_word,
    mixed,
    tokens,
)

FORMS = {
    "prose": ("prose",),
    "verse": ("verse", "free_verse", "prose"),
    "drama": ("drama", "prose"),
    "lists": ("lists", "prose"),
    "mixed": ("prose", "verse", "free_verse", "drama", "lists"),
}
"""Limits that a document may pass to be kept as a form: every form keeps what prose keeps. A document that passes none
gets the reason of the first of them."""
_FORM_OF = {limits: form for form, several in reversed(FORMS.items()) for limits in several}
"""Limits → the first form that has them."""
_LIMITS_OF = {
    "word_length": ("mean_word_length",),
    "symbols": ("max_symbol_ratio",),
    "few_alphabetic_words": ("min_alphabetic_words",),
    "hashes": ("max_hashes",),
    "ellipses": ("max_ellipses",),
    "few_stop_words": ("min_stop_words", "min_stop_word_share"),
    "bullet_lines": ("max_bullet_lines",),
    "ellipsis_lines": ("max_ellipsis_lines",),
    "few_punctuated_lines": ("min_punctuated_lines",),
    "few_ended_lines": ("min_ended_lines",),
    "short_lines": ("max_short_lines",),
    "line_breaks": ("max_lines_per_word",),
    "repeated_lines": ("max_duplicate_lines", "max_duplicate_line_count"),
    "repeated_paragraphs": ("max_duplicate_paragraphs", "max_duplicate_paragraph_count"),
    "common_ngram": ("max_top_ngrams",),
    "repeated_ngrams": ("max_duplicate_ngrams",),
}
"""Reason → the limits behind it: a document that fails one of them passes no form with the same limit."""
SHORT_LINE = 30
"""Characters (FineWeb, §3.6)."""
_PART = 1_000_000
"""Characters measured together; each takes some 60 bytes of memory."""
_BULLETS = [ord(sign) for sign in "-•"]

_Flags = NDArray[np.bool_]
_Shares = NDArray[np.float64]


class Quality:
    """The step: if the recipe has rules for lines, it removes the lines that fail them; then it judges the rest.
    Reasons: those of `reasons_to_drop` and of `apply_line_rules`."""

    name = "quality"

    def __init__(self, limits: recipes.Quality):
        self.limits = limits
        self._profiles: dict[tuple[str, str], Profile] = {}

    def __call__(self, draft: Draft) -> None:
        """Judge one draft."""
        self.many([draft])

    def many(self, drafts: Sequence[Draft]) -> None:
        """Judge the drafts; each result is the same as alone."""
        if self.limits.lines:
            for draft in drafts:
                apply_line_rules(draft, self.limits.lines)
        for draft in drafts:
            if not draft.reason and len(draft.text) > _PART and _words_in(draft.text) > self.limits.max_words:
                draft.reason = "too_many_words"
        for part in _parts([draft for draft in drafts if not draft.reason]):
            self._judge(part)

    def _judge(self, part: Sequence[Draft]) -> None:
        """Set the reason of each draft, and the form that would keep it."""
        tried = FORMS[self.limits.form]
        profiles = [self._profile(draft.language, tried[0]) for draft in part]
        for draft, reason in zip(part, reasons_to_drop([draft.text for draft in part], profiles), strict=True):
            draft.reason = reason
        for limits in tried[1:]:
            for draft in self._passing(limits, [draft for draft in part if draft.reason]):
                draft.reason = None
        for limits, form in _FORM_OF.items():
            if limits not in tried:
                failed = [draft for draft in part if draft.reason and not draft.passes_as]
                for draft in self._passing(limits, failed):
                    draft.passes_as = form

    def _passing(self, limits: str, drafts: Sequence[Draft]) -> list[Draft]:
        """Return the drafts, of those that failed the first limits of the recipe's form, that pass others.

        Only drafts that failed a limit which differs here are measured again.
        """
        base = FORMS[self.limits.form][0]
        some = []
        for draft in drafts:
            here, there = self._profile(draft.language, limits), self._profile(draft.language, base)
            names = _LIMITS_OF.get(draft.reason or "", ())
            if any(getattr(here, name) != getattr(there, name) for name in names):
                some.append(draft)
        profiles = [self._profile(draft.language, limits) for draft in some]
        reasons = reasons_to_drop([draft.text for draft in some], profiles) if some else []
        return [draft for draft, reason in zip(some, reasons, strict=True) if reason is None]

    def _profile(self, language: str, limits: str) -> Profile:
        if (language, limits) not in self._profiles:
            self._profiles[language, limits] = profile_for(language, self.limits, limits)
        return self._profiles[language, limits]


def _words_in(text: str) -> int:
    """Count the words of a text that may be too long to measure as a whole, one part at a time."""
    total = 0
    for start in range(0, len(text), _PART):
        characters = Characters([text[start : start + _PART]])
        starts, _ = tokens(characters)
        total += int(((characters.kinds[starts] & WORD) != 0).sum())
    return total


def _parts(drafts: Sequence[Draft]) -> Iterator[list[Draft]]:
    part: list[Draft] = []
    size = 0
    for draft in drafts:
        if part and size + len(draft.text) > _PART:
            yield part
            part, size = [], 0
        part.append(draft)
        size += len(draft.text)
    if part:
        yield part


def reasons_to_drop(texts: Sequence[str], profiles: Sequence[Profile]) -> list[str | None]:
    """Return for each text the first rule that it fails, by its own limits; None for one that stays.

    In this order: `empty`, `too_few_words`, `too_many_words`, `word_length`, `symbols`, `few_alphabetic_words`,
    `hashes`, `ellipses`, `few_stop_words`, `bullet_lines`, `ellipsis_lines`, `few_punctuated_lines`,
    `few_ended_lines`, `short_lines`, `line_breaks`, `repeated_lines`, `repeated_paragraphs`, `common_ngram`,
    `repeated_ngrams`.
    """
    characters = Characters(texts)
    limits = _Limits(profiles)
    words = _Words.of(characters)
    reasons: list[str | None] = [None] * len(texts)
    left = np.ones(len(texts), dtype=bool)

    def judge(reason: str, fails: _Flags) -> None:
        for number in np.flatnonzero(fails & left).tolist():
            reasons[number] = reason
        left[fails] = False

    for reason, fails in _word_rules(characters, words, limits):
        judge(reason, fails)
    hasher = characters.hasher(fold=False)
    hashes = hasher(words.starts, words.ends)
    judge("few_stop_words", _few_stop_words(words, hashes, profiles))
    for reason, fails in _line_rules(characters, hasher, words, limits):
        judge(reason, fails)
    judge_ngrams = (limits.ngrams("max_top_ngrams"), limits.ngrams("max_duplicate_ngrams"))
    for reason, fails in _ngram_rules(characters, words, hashes, left, *judge_ngrams):
        judge(reason, fails)
    return reasons


class _Limits:
    """Limits of many texts, each as an array with a value for every text."""

    def __init__(self, profiles: Sequence[Profile]):
        kinds = list(dict.fromkeys(profiles))
        numbers = {profile: number for number, profile in enumerate(kinds)}
        self._kinds, self._of = kinds, np.array([numbers[profile] for profile in profiles], dtype=np.int64)

    def __getitem__(self, name: str) -> _Shares:
        return np.array([getattr(profile, name) for profile in self._kinds], dtype=np.float64)[self._of]

    def ngrams(self, name: str) -> dict[int, _Shares]:
        """Map n to the limit for n-grams; infinite for a text without one."""
        tables: list[Mapping[int, float]] = [getattr(profile, name) for profile in self._kinds]
        return {
            n: np.array([table.get(n, np.inf) for table in tables])[self._of]
            for n in sorted({n for table in tables for n in table})
        }


class _Words(NamedTuple):
    """The words and signs of many texts."""

    starts: Positions
    ends: Positions
    text: Positions
    """Number of the text that each is in."""
    is_word: _Flags
    """False for a sign."""
    tokens: Positions
    """Number of words and signs in each text."""
    words: Positions
    """Number of words in each text."""

    @classmethod
    def of(cls, characters: Characters) -> _Words:
        starts, ends = tokens(characters)
        text, count = characters.text_of(starts), len(characters.starts) - 1
        is_word = (characters.kinds[starts] & WORD) != 0
        return cls(starts, ends, text, is_word, np.bincount(text, minlength=count), _count(text, is_word, count))


def _count(text: Positions, flags: _Flags, count: int) -> Positions:
    """Count the flags set in each text."""
    return np.bincount(text[flags], minlength=count)


def _share(part: NDArray[np.number], whole: NDArray[np.number]) -> _Shares:
    shares: _Shares = part / np.maximum(1, whole)
    return shares


def _word_rules(characters: Characters, words: _Words, limits: _Limits) -> Iterator[tuple[str, _Flags]]:
    count = len(characters.starts) - 1
    lengths = np.diff(characters.starts) - 1
    yield "empty", words.tokens == 0
    yield "too_few_words", words.words < limits["min_words"]
    yield "too_many_words", words.words > limits["max_words"]
    sizes = np.bincount(words.text, weights=(words.ends - words.starts) * words.is_word, minlength=count)
    mean, bounds = _share(sizes, words.words), limits["mean_word_length"]
    yield "word_length", (mean < bounds[:, 0]) | (mean > bounds[:, 1])
    yield (
        "symbols",
        _share(_in_each(characters, (characters.kinds & SYMBOL) != 0), lengths) > limits["max_symbol_ratio"],
    )
    letters = np.zeros(len(characters.kinds) + 1, dtype=np.int32)
    np.cumsum((characters.kinds & LETTER) != 0, out=letters[1:])
    alphabetic = _count(words.text, letters[words.ends] > letters[words.starts], count)
    yield "few_alphabetic_words", _share(alphabetic, words.tokens) < limits["min_alphabetic_words"]
    yield "hashes", _share(_in_each(characters, characters.codes == ord("#")), words.tokens) > limits["max_hashes"]
    ellipses = _count(words.text, _ends_in_ellipsis(characters, words.ends), count)
    yield "ellipses", _share(ellipses, words.tokens) > limits["max_ellipses"]


def _in_each(characters: Characters, flags: _Flags) -> Positions:
    """Count the flagged characters of each text."""
    return np.diff(np.searchsorted(np.flatnonzero(flags), characters.starts))


def _ends_in_ellipsis(characters: Characters, ends: Positions) -> _Flags:
    codes, point = characters.codes, ord(".")
    three = (codes[ends - 1] == point) & (codes[ends - 2] == point) & (codes[ends - 3] == point) & (ends > 2)
    flags: _Flags = three | (codes[ends - 1] == ord("…"))
    return flags


def _few_stop_words(words: _Words, hashes: Hashes, profiles: Sequence[Profile]) -> _Flags:
    """Find texts with fewer stop words than their language has, by number of different ones or by share of all
    words."""
    fails = np.zeros(len(profiles), dtype=bool)
    for profile in set(profiles):
        if not profile.min_stop_words and not profile.min_stop_word_share:
            continue
        mine = np.array([other == profile for other in profiles])
        table, numbers = _stop_words(profile)
        rough = np.zeros(1 << 16, dtype=bool)
        rough[table >> np.uint64(48)] = True
        found = np.flatnonzero(rough[hashes >> np.uint64(48)])
        index = np.minimum(np.searchsorted(table, hashes[found]), len(table) - 1)
        hit = table[index] == hashes[found]
        text, word = words.text[found[hit]], numbers[index[hit]]
        seen = np.zeros((len(profiles), len(profile.stop_words)), dtype=bool)
        seen[text, word] = True
        different = seen.sum(axis=1)
        share = _share(np.bincount(text, minlength=len(profiles)), words.words)
        fails |= mine & ((different < profile.min_stop_words) | (share < profile.min_stop_word_share))
    return fails


_tables: dict[frozenset[str], tuple[Hashes, Positions]] = {}


def _stop_words(profile: Profile) -> tuple[Hashes, Positions]:
    """Return (sorted hashes, number of the word) of the stop words: unchanged, capitalized, and in capitals."""
    if profile.stop_words not in _tables:
        forms = {
            hash_word(form): number
            for number, word in enumerate(sorted(profile.stop_words))
            for form in (word, word.capitalize(), word.upper())
        }
        hashes = sorted(forms)
        _tables[profile.stop_words] = (
            np.array(hashes, dtype=np.uint64),
            np.array([forms[each] for each in hashes], dtype=np.int64),
        )
    return _tables[profile.stop_words]


def _line_rules(
    characters: Characters, hasher: SpanHasher, words: _Words, limits: _Limits
) -> Iterator[tuple[str, _Flags]]:
    """Apply the rules for lines, to lines that are not blank, without the blanks around them."""
    count = len(characters.starts) - 1
    breaks = np.flatnonzero(characters.codes == ord("\n"))
    opens = np.concatenate([np.zeros(1, dtype=np.int64), breaks[:-1] + 1])
    solid = np.flatnonzero((characters.kinds & SPACE) == 0)
    first, last = np.searchsorted(solid, opens), np.searchsorted(solid, breaks) - 1
    full = last >= first
    starts, ends, lines = solid[first[full]], solid[last[full]] + 1, characters.text_of(breaks)
    text, after_blank = lines[full], np.concatenate([[True], ~full[:-1]])[full]
    total = np.bincount(text, minlength=count)
    size = np.bincount(text, weights=ends - starts, minlength=count)

    def share(flags: _Flags) -> _Shares:
        return _share(_count(text, flags, count), total)

    yield "bullet_lines", share(np.isin(characters.codes[starts], _BULLETS)) > limits["max_bullet_lines"]
    yield "ellipsis_lines", share(_ends_in_ellipsis(characters, ends)) > limits["max_ellipsis_lines"]
    ended = (characters.kinds[ends - 1] & TERMINAL) != 0
    yield "few_punctuated_lines", share(ended) < limits["min_punctuated_lines"]
    yield "few_ended_lines", share((characters.kinds[ends - 1] & WORD) == 0) < limits["min_ended_lines"]
    yield "short_lines", share(ends - starts <= SHORT_LINE) > limits["max_short_lines"]
    inner = np.bincount(lines, minlength=count) - 1  # `Characters` appended a line end to each text
    yield "line_breaks", _share(inner, words.tokens) > limits["max_lines_per_word"]

    fresh = np.diff(text, prepend=-1) != 0
    index = np.arange(len(text)) - np.flatnonzero(fresh)[np.cumsum(fresh) - 1] if len(text) else text
    page = text * (1 << 32) + index // limits["page_lines"][text].astype(np.int64)
    again = _seen_before(hasher(starts, ends) ^ mixed(page.astype(np.uint64)))
    repeated = np.bincount(text, weights=(ends - starts) * again, minlength=count)
    fails = _share(repeated, size) > limits["max_duplicate_lines"]
    yield "repeated_lines", fails | (share(again) > limits["max_duplicate_line_count"])

    heads = np.flatnonzero(fresh | after_blank)
    tails = np.concatenate([heads[1:] - 1, [len(text) - 1]]).astype(np.int64) if len(heads) else heads
    owner, length = text[heads], ends[tails] - starts[heads]
    again = _seen_before(hasher(starts[heads], ends[tails]) ^ mixed(owner.astype(np.uint64)))
    repeated = np.bincount(owner, weights=length * again, minlength=count)
    fails = _share(repeated, size) > limits["max_duplicate_paragraphs"]
    number = _share(_count(owner, again, count), np.bincount(owner, minlength=count))
    yield "repeated_paragraphs", fails | (number > limits["max_duplicate_paragraph_count"])


def _seen_before(hashes: Hashes) -> _Flags:
    """Flag the hashes that occurred before in the array."""
    again = np.zeros(len(hashes), dtype=bool)
    groups = _Groups.of(hashes)
    again[groups.members[~groups.opens]] = True
    return again


class _Groups(NamedTuple):
    """Indexes in an array that hold the same hash, group by group, each in ascending order; single ones are left
    out."""

    members: Positions
    opens: _Flags
    """True for the first member of a group."""

    @classmethod
    def of(cls, hashes: Hashes) -> _Groups:
        """Group hashes, compared by the bits that an index leaves of 64: 40 and more."""
        bits = np.uint64(max(1, len(hashes)).bit_length())
        packed = ((hashes >> bits) << bits) | np.arange(len(hashes), dtype=np.uint64)
        packed.sort()
        same = np.zeros(len(packed) + 1, dtype=bool)
        same[1:-1] = (packed[1:] ^ packed[:-1]) >> bits == 0
        among = same[:-1] | same[1:]
        members = (packed[among] & ((np.uint64(1) << bits) - np.uint64(1))).astype(np.int64)
        return cls(members, ~same[:-1][among])


def _ngram_rules(
    characters: Characters, words: _Words, hashes: Hashes, wanted: _Flags,
    top: Mapping[int, _Shares], duplicate: Mapping[int, _Shares],
) -> Iterator[tuple[str, _Flags]]:  # fmt: skip
    """Measure the commonest n-gram of words and signs, and the repeated ones: their characters, over all.

    As in Gopher, the commonest one counts with all its occurrences (but it must occur twice: in a text of twenty words,
    any four are a fifth of it); a repeated one counts once for each repetition, and overlapping repetitions are counted
    without the overlap.
    """
    count = len(wanted)
    size = np.maximum(1, np.diff(characters.starts) - 1)
    some = wanted[words.text]
    text, hashes = words.text[some], hashes[some] + mixed(words.text[some].astype(np.uint64))
    letters = np.zeros(len(text) + 1, dtype=np.int64)
    np.cumsum((words.ends - words.starts)[some], out=letters[1:])
    bounds = np.searchsorted(text, np.arange(count + 1))
    fails = {"common_ngram": np.zeros(count, dtype=bool), "repeated_ngrams": np.zeros(count, dtype=bool)}
    place = np.arange(len(text))
    rolling = hashes.copy()
    repeated = np.ones(len(text) + 1, dtype=bool)
    longest = max([*top, *duplicate], default=0)
    shortest = min([*top, *duplicate], default=0)
    for n in range(2, longest + 1):
        # Candidates for repetition: both the first n-1 words and the last n-1 words occur twice.
        going_on = place[place + n <= bounds[text[place] + 1]]
        place = going_on[repeated[going_on] & repeated[going_on + 1]] if n > shortest else going_on
        rolling[place] += hashes[place + n - 1] * np.uint64(pow(0xD6E8FEB86659FD93, n - 1, 1 << 64))
        if n < shortest:
            continue
        groups = _Groups.of(mixed(rolling[place]))
        members = place[groups.members]
        if n in top:
            cover = _commonest(members, groups.opens, text, letters, n, count)
            fails["common_ngram"] |= cover / size > top[n]
        if n in duplicate:
            limit = np.where(fails["repeated_ngrams"], np.inf, duplicate[n] * size)
            fails["repeated_ngrams"] |= _repeats_too_much(members, groups.opens, text, letters, n, limit)
        repeated = np.zeros(len(text) + 1, dtype=bool)
        repeated[members] = True
        place = np.flatnonzero(repeated)
        place = place[~(fails["repeated_ngrams"] & fails["common_ngram"])[text[place]]]
    yield from fails.items()


def _commonest(members: Positions, opens: _Flags, text: Positions, letters: Positions, n: int, count: int) -> Positions:
    """Count the characters that the commonest n-gram of each text covers (the first of several), with a blank between
    words; 0 if none occurs twice."""
    heads = np.flatnonzero(opens)
    times, places = np.diff(np.append(heads, len(members))), members[heads]
    best = np.zeros(count, dtype=np.int64)
    # The commonest win and, among equals, the first: one number holds both.
    np.maximum.at(best, text[places], (times << 40) | ((1 << 40) - 1 - places))
    found = np.flatnonzero(best)
    first = (1 << 40) - 1 - (best[found] & ((1 << 40) - 1))
    cover = np.zeros(count, dtype=np.int64)
    cover[found] = (best[found] >> 40) * (letters[first + n] - letters[first] + n - 1)
    return cover


def _repeats_too_much(
    members: Positions, opens: _Flags, text: Positions, letters: Positions, n: int, limits: _Shares
) -> _Flags:
    """Find texts in which repeated n-grams cover more characters than the limit."""
    fails = np.zeros(len(limits), dtype=bool)
    again = members[~opens]
    if not len(again):
        return fails
    # Every word in a repetition, overlapping or not: an upper bound, and cheap.
    edges = np.zeros(len(text) + 1, dtype=np.int32)
    edges[again] += 1
    edges[again + n] -= 1
    inside = np.cumsum(edges[:-1]) > 0
    covered = np.bincount(text, weights=np.diff(letters) * inside, minlength=len(limits))
    doubtful = covered > limits
    if not doubtful.any():
        return fails
    group = np.cumsum(opens) - 1
    order = np.argsort(members)
    places, groups = members[order], group[order]
    some = doubtful[text[places]]
    places, groups = places[some], groups[some]
    cut = np.searchsorted(text[places], np.arange(len(limits) + 1))
    for number in np.flatnonzero(doubtful).tolist():
        mine = slice(cut[number], cut[number + 1])
        size = letters[places[mine] + n] - letters[places[mine]]
        fails[number] = _covered(places[mine].tolist(), groups[mine].tolist(), size.tolist(), n) > limits[number]
    return fails


def _covered(places: Sequence[int], groups: Sequence[int], sizes: Sequence[int], n: int) -> int:
    """Count the characters of the repeated n-grams, read from left to right without overlaps."""
    seen: set[int] = set()
    free = total = 0
    for place, group, size in zip(places, groups, sizes, strict=True):
        if place < free:
            continue
        if group in seen:
            total += size
            free = place + n
        else:
            seen.add(group)
    return total
