"""Normal values of each language and form: the limits and the stop words of the quality rules.

        profile = profile_for("es", recipe.corpus.quality)            # the recipe's own limits override all others
        profile = profile_for("es", recipe.corpus.quality, "verse")   # as if the recipe's form were verse

The rules come from English work (Gopher, C4, FineWeb); their limits do not carry over. Spanish sentences open with
¿ and ¡, dialogue with a dash; its novels have lines of one word, its laws enumerations; none contains "the".
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from types import MappingProxyType
from typing import Any

from desdecero.pipelines import recipe as recipes


@dataclass(frozen=True, eq=False)
class Profile:
    """The limits of one language, with the same fields as `recipe.Quality`, which may override each of them.

    The defaults are those of text in an unknown language: the loosest of all languages here.
    """

    language: str
    """ISO 639-1; "" if unknown: then no stop words are required."""
    stop_words: frozenset[str] = frozenset()
    """Stop words in lower case."""
    min_words: int = 0
    max_words: int = 0
    """Both are always the recipe's: they depend on the model's purpose, not on the language."""
    mean_word_length: tuple[float, float] = (3.0, 10.0)
    max_symbol_ratio: float = 0.3
    min_alphabetic_words: float = 0.4
    min_stop_words: int = 0
    min_stop_word_share: float = 0.0
    max_bullet_lines: float = 1.0
    max_ellipsis_lines: float = 0.6
    min_punctuated_lines: float = 0.0
    min_ended_lines: float = 0.0
    max_short_lines: float = 1.0
    max_lines_per_word: float = 1.0
    max_hashes: float = 0.1
    max_ellipses: float = 0.1
    max_duplicate_lines: float = 0.3
    max_duplicate_line_count: float = 1.0
    page_lines: int = 100
    """About two printed pages, the length that the rule was made for. A manual of a hundred pages repeats its headings
    and its descriptions of parameters, without being worse."""
    max_duplicate_paragraphs: float = 0.3
    max_duplicate_paragraph_count: float = 1.0
    max_top_ngrams: Mapping[int, float] = field(default_factory=lambda: {2: 0.20, 3: 0.18, 4: 0.16})
    max_duplicate_ngrams: Mapping[int, float] = field(
        default_factory=lambda: {5: 0.40, 6: 0.39, 7: 0.38, 8: 0.37, 9: 0.36, 10: 0.35}
    )
    lines: recipes.LineRules | None = None
    """The recipe's, like the number of words."""


_STOP_WORDS = {
    "es": "de la que el en y a los se del las un por con no una su para es al lo como más o pero sus le ha me si "
    "sin sobre este ya entre cuando todo esta ser son dos también fue había era muy hasta desde está mi porque",
    "pt": "de a o que e do da em um para com não uma os no se na por mais as dos como mas ao ele das à seu sua ou "
    "quando muito nos já eu também só pelo pela até isso ela entre depois sem mesmo aos seus quem nas foi são",
    "ca": "de la que el i a en els les un per amb no una es del al seu als dels més com o però si va són ser ha "
    "hi pel aquest aquesta sense tot també quan fins sobre entre molt havia era ja perquè li ho ens seva",
    "gl": "de a o que e do da en un para con non unha os no se na por máis as dos como pero ao das á seu súa ou "
    "cando moi nos xa tamén só polo pola ata iso ela entre despois sen mesmo aos seus quen nas foi son é",
    "en": "the of and to in a is that for it as was with be by on not he his but at are this have from or had an "
    "they which one you were all we there been if more when will would who so no their its can",
    "fr": "de la le et les des en un du une que est pour qui dans a par plus pas au sur ne se ce il sont avec son "
    "sa aux d l qu n ou mais comme ses elle été cette tout nous leur on être fait même",
    "it": "di e il la che in a per un è del non una sono con si da le della i dei al più come lo alla ma anche "
    "gli nel se o dal ha ad delle questo su suo sua essere stato era quando tutti cui ed",
}


_ENGLISH: dict[str, Any] = {
    "min_stop_words": 2,  # Gopher, of a longer list
    "min_stop_word_share": 0.05,  # reference pages 0.1%, other English 0.3%
    "max_symbol_ratio": 0.2,  # 0 and 0; at 0.1, 2.3% of reference pages
    "min_alphabetic_words": 0.4,  # 1.9% of reference pages; at Gopher's 0.8, 86%, and half of other English
    "max_bullet_lines": 0.9,  # Gopher; 0 and 0
    "max_ellipsis_lines": 0.3,  # Gopher; 0 and 0
    "max_short_lines": 0.85,  # 0.5%; at FineWeb's 0.67, 4.1%
    "max_lines_per_word": 0.4,  # 0.4%; at FineWeb's 0.3, 6.4%
    # At Gopher's 0.15 … 0.10, a third of the reference pages: they describe parameters that many functions share.
    "max_duplicate_ngrams": {5: 0.40, 6: 0.39, 7: 0.38, 8: 0.37, 9: 0.36, 10: 0.35},  # 3.8%
}

_SPANISH: dict[str, Any] = {
    "mean_word_length": (3.5, 8.0),  # novels 0, laws 0.7% (tables of figures); scanned 8%: pages without text
    "min_stop_words": 4,  # laws 0.2%; scanned 5.7%
    "min_stop_word_share": 0.15,  # laws 0.2%, clinical cases 0; scanned 5.7%
    "max_symbol_ratio": 0.1,  # laws 0.2%
    "min_alphabetic_words": 0.5,  # laws 0.2%, clinical cases 0; scanned 5.7%; at Gopher's 0.8, clinical cases 73%
    "max_bullet_lines": 1.0,  # no limit: a dash opens direct speech, and 1.2% of novels' passages are all dialogue
    "max_ellipsis_lines": 0.6,  # novels 0; at Gopher's 0.3, 1.7%
    "max_short_lines": 0.8,  # novels 0.2%, laws 0.9%; at FineWeb's 0.67, 0.5% and 2.0%
    "max_lines_per_word": 0.3,  # FineWeb; 0 of novels and laws
    "max_top_ngrams": {2: 0.13, 3: 0.12, 4: 0.12},  # laws 0.7%, all of them tables
    # At Gopher's 0.15 … 0.10, 41% of laws and the constitution: law quotes itself.
    "max_duplicate_ngrams": {5: 0.35, 6: 0.33, 7: 0.31, 8: 0.29, 9: 0.27, 10: 0.25},  # laws 2%, novels 0
}

_LIMITS = {
    "en": _ENGLISH,
    "es": _SPANISH,
    # The neighbours write dialogue and law as Spanish does. All passages of the Universal Declaration pass; no other
    # good text of theirs was at hand to measure on.
    **dict.fromkeys(("pt", "ca", "gl", "fr", "it"), _SPANISH),
}
"""Differences between a language and `Profile`'s defaults. The figures next to a limit are shares of documents that
fail it, measured on 410 passages of Spanish novels of 1840–1920, 450 Peruvian laws, 300 clinical cases, 407 scanned
by-laws, 392 modern English texts (MASC) and 702 reference pages of Python packages; see
`tests/benchmarks/bench_quality_profiles.py`. The limits were chosen on these texts: others may lose more.

No language requires lines that end as sentences do: 70% of the scanned by-laws, whose lines break as on paper, and 11%
of laws fail FineWeb's limit of 0.12."""


_FORMS: dict[str, dict[str, Any]] = {
    "prose": {},
    "verse": {
        "max_short_lines": 1.0,  # no limit: in 20% of verse in novels every line is short
        "max_lines_per_word": 0.4,  # 0 of Spanish verse fails 0.3; verse in lines of five syllables has 0.35
        "min_ended_lines": 0.2,  # verse in novels 1.2%, other verse 0; menus 71%, names 96%
        "max_top_ngrams": {2: 0.20, 3: 0.25, 4: 0.30},  # verse in novels 2% each; at prose's, 4%: refrains
        "max_duplicate_lines": 0.5,  # 0, as at prose's 0.3: for refrains longer than those that were at hand
        "max_duplicate_ngrams": {5: 0.55, 6: 0.53, 7: 0.51, 8: 0.49, 9: 0.47, 10: 0.45},  # 0, as above
    },
    "free_verse": {
        "max_short_lines": 1.0,
        "max_lines_per_word": 0.35,  # 0
        "min_stop_word_share": 0.36,  # verse without punctuation must have sentences: menus 97%
        "min_stop_words": 6,  # verse in novels 3.7%; menus 30%
    },
    "drama": {
        "max_short_lines": 1.0,  # English plays 0 at 0.9; no limit, because replies in prose may all be short
        "max_lines_per_word": 0.5,  # 0; a name and a reply of one word, a line each
        "min_ended_lines": 0.3,  # plays 0; menus 81%, names 100%
        "max_top_ngrams": {2: 0.25, 3: 0.25, 4: 0.25},  # 0; names of two words
        "max_duplicate_lines": 0.5,  # 0; at 0.1, 4.7%: names that stand on lines of their own
        "max_duplicate_paragraphs": 0.4,  # 0
    },
    "lists": {
        "mean_word_length": (3.0, 9.0),  # 0; measures, as in 60 x 40 cm
        "max_short_lines": 0.95,  # lists in laws 1.1%; menus 100%
        "max_lines_per_word": 0.5,  # 0
        "min_stop_words": 3,  # at 2, 1.6%; at prose's 4, 4.4%
        "min_stop_word_share": 0.1,  # 2.1%; at prose's 0.15, 3.3%
        "min_alphabetic_words": 0.4,  # 1.1%; at prose's 0.5, 2.5%: quantities
        "max_symbol_ratio": 0.15,  # 0
        "max_top_ngrams": {2: 0.20, 3: 0.25, 4: 0.25},  # 1% each; at prose's, 4% to 11%: items that begin alike
        "max_duplicate_ngrams": {5: 0.45, 6: 0.43, 7: 0.41, 8: 0.39, 9: 0.37, 10: 0.35},  # 0.1%; at prose's, 0.6%
    },
}
"""Differences between a form and prose in the same language: the looser of both limits counts, except for
`min_ended_lines`, which replaces a limit on short lines. The figures next to a limit are shares of pieces that fail it
alone, measured on 161 pieces of verse in Spanish novels, 44 in Don Quixote and 49 English ones, 686 passages of
Shakespeare's plays, 791 lists in Peruvian laws, and on text that must be dropped: 298 menus and 75 lists of names; see
`tests/benchmarks/bench_quality_forms.py`. No Spanish plays, recipes or glossaries were available in numbers: limits for
drama come from English plays, and recipes and glossaries were tried one by one. In a language without limits here, a
form only loosens those of prose."""


_INSTEAD = {
    "verse": ("min_ended_lines",),
    "drama": ("min_ended_lines",),
    "free_verse": ("min_stop_words", "min_stop_word_share"),
}
"""Limits that a form has in place of one on short lines: they are tighter than in prose."""


def _in_form(profile: Profile, form: str) -> Profile:
    """Return the limits of a form in the profile's language."""
    tighter, known = _INSTEAD.get(form, ()), profile.language in PROFILES
    limits = {
        name: value if name in tighter else _looser(name, getattr(profile, name), value)
        for name, value in _FORMS[form].items()
        if known or name not in tighter
    }
    return replace(profile, **limits)


def _looser(name: str, one: Any, other: Any) -> Any:
    if isinstance(other, tuple):
        return min(one[0], other[0]), max(one[1], other[1])
    if isinstance(other, Mapping):
        return {n: max(one[n], limit) for n, limit in other.items() if n in one}
    return min(one, other) if name.startswith("min_") else max(one, other)


def _profile(language: str) -> Profile:
    return Profile(language, frozenset(_STOP_WORDS[language].split()), **_LIMITS[language])


PROFILES: Mapping[str, Profile] = MappingProxyType({language: _profile(language) for language in _STOP_WORDS})
"""Profiles of the languages with limits here."""

DEFAULT = Profile("")
"""Profile of every other language, and of text whose language is unknown."""


def profile_for(language: str, quality: recipes.Quality | None = None, form: str = "prose") -> Profile:
    """Return the limits for a document in `language`: the recipe's and, if it sets none, those of a form in that
    language. A recipe's form may be judged by several of them: see `quality.FORMS`."""
    return _resolved(language, (quality or recipes.Quality()).model_dump_json(), form)


@lru_cache(maxsize=1024)
def _resolved(language: str, quality_json: str, form: str) -> Profile:
    quality = recipes.Quality.model_validate_json(quality_json)
    set_here = {name: value for name, value in quality if value is not None and name != "form"}
    return replace(_in_form(PROFILES.get(language, DEFAULT), form), **set_here)
