"""Exchange of men and women in a Spanish sentence, in full agreement, if it is certain.

    el enfermero cansado del hospital  →  la enfermera cansada del hospital

The sentence is read from left to right. A person is a noun of the lexicon in a noun phrase that bears its gender
(article, adjectives before and after), or él, ella, ellos, ellas as a subject. Words that agree with a person are
changed with it: articles and contractions, adjectives and participles in the phrase, after a comma, and after a copula
or in a passive. Then every other word of the sentence is checked for being an adjective that agrees with a changed
person; the sentence is changed only if each of them is known to be something else (the adjective of another noun, a
verb, a noun with its own article, an invariable word). Sentences also stay unchanged if they hold

- proper names (unless the recipe pairs them), clitic lo, la, los, las, or words on bodies and sexes, which no swap
  of words mirrors;
- a person without an article in a place where that leaves its role open;
- masculine plurals that stand for both genders (los padres, los hijos).

Swapping twice restores the sentence: otherwise nothing is swapped (this is tested on each sentence).
Verb forms are known from simplemma's dictionary of lemmata.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import cache, lru_cache

from simplemma import is_known, lemmatize

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


def _both(masculine: str, feminine: str, plural: bool) -> dict[str, Inflection]:
    return {masculine: Inflection(feminine, "m", plural), feminine: Inflection(masculine, "f", plural)}


def _plural(word: str) -> str:
    if word[-1] in "aeiouáéó":
        return word + "s"
    if word[-1] == "z":
        return word[:-1] + "ces"
    for accented, plain in (("ón", "ones"), ("án", "anes"), ("ín", "ines"), ("és", "eses")):
        if word.endswith(accented):
            return word[:-2] + plain
    return word + "es"


@cache
def _persons() -> dict[str, Inflection]:
    found: dict[str, Inflection] = {}
    for masculine, feminine in pairs(lexicon("es")["persons"]):
        found |= _both(masculine, feminine, False) | _both(_plural(masculine), _plural(feminine), True)
    for masculine, feminine in pairs(lexicon("es")["singular_only"]):
        found |= _both(masculine, feminine, False)
    return found


@cache
def _generic_plurals() -> frozenset[str]:
    return frozenset(_plural(word) for pair in pairs(lexicon("es")["singular_only"]) for word in pair)


@cache
def _common() -> dict[str, bool]:
    """Map nouns of common gender to True for a plural form."""
    nouns = sorted(words("es", "common"))
    return dict.fromkeys(nouns, False) | {("jóvenes" if noun == "joven" else _plural(noun)): True for noun in nouns}


@cache
def _adjectives() -> dict[str, Inflection]:
    found: dict[str, Inflection] = {}
    for stem in (word[:-1] for word in sorted(words("es", "adjectives"))):
        found |= _both(stem + "o", stem + "a", False) | _both(stem + "os", stem + "as", True)
    for masculine, feminine in pairs(lexicon("es")["adjective_pairs"]):
        found |= _both(masculine, feminine, False) | _both(_plural(masculine), _plural(feminine), True)
    return found


DETERMINERS: dict[str, Inflection] = {
    **_both("el", "la", False), **_both("los", "las", True), **_both("un", "una", False), **_both("unos", "unas", True),
    **_both("este", "esta", False), **_both("estos", "estas", True), **_both("ese", "esa", False),
    **_both("esos", "esas", True), **_both("aquel", "aquella", False), **_both("aquellos", "aquellas", True),
    **_both("algún", "alguna", False), **_both("algunos", "algunas", True), **_both("ningún", "ninguna", False),
    **_both("otro", "otra", False), **_both("otros", "otras", True), **_both("nuestro", "nuestra", False),
    **_both("nuestros", "nuestras", True), **_both("vuestro", "vuestra", False), **_both("vuestros", "vuestras", True),
    **_both("cuyo", "cuya", False), **_both("cuyos", "cuyas", True), **_both("todo", "toda", False),
    **_both("todos", "todas", True), **_both("muchos", "muchas", True), **_both("pocos", "pocas", True),
    **_both("varios", "varias", True), **_both("ambos", "ambas", True), **_both("dichos", "dichas", True),
    **_both("dicho", "dicha", False), **_both("cierto", "cierta", False), **_both("ciertos", "ciertas", True),
    **_both("cuántos", "cuántas", True), **_both("tantos", "tantas", True), **_both("mismo", "misma", False),
    **_both("mismos", "mismas", True), **_both("numerosos", "numerosas", True), **_both("diversos", "diversas", True),
}  # fmt: skip
CONTRACTIONS = {"al": "a", "del": "de"}
NEUTRAL_DETERMINERS = words("es", "neutral_determiners")
APOCOPE = {"buen": "buena", "mal": "mala", "primer": "primera", "tercer": "tercera"}
"""Forms before a masculine noun; the feminine has its whole form there, too."""
PARTITIVES: dict[str, Inflection] = {
    **_both("uno", "una", False), **_both("alguno", "alguna", False), **_both("ninguno", "ninguna", False),
    **_both("otro", "otra", False), **_both("algunos", "algunas", True), **_both("muchos", "muchas", True),
    **_both("pocos", "pocas", True), **_both("varios", "varias", True), **_both("otros", "otras", True),
    **_both("todos", "todas", True), **_both("ambos", "ambas", True),
}  # fmt: skip
"""Forms before "de" and a plural of persons: una de las alumnas."""
PRONOUNS: dict[str, Inflection] = {**_both("él", "ella", False), **_both("ellos", "ellas", True)}
GIVEN_NAMES = words("es", "given_names")
THINGS = words("es", "capitalised_things")
PREPOSITIONS = words("es", "prepositions")
BE = words("es", "be")
HAVE = words("es", "have")
BETWEEN = words("es", "between")
ADVERBS = words("es", "adverbs")
INVARIABLE = words("es", "agree_with_nothing")
NOUNS_LIKE_PARTICIPLES = words("es", "nouns_like_participles")
NOUNS_ALL_THE_SAME = frozenset(("vez", "cosa", "persona", "personas", "víctima", "víctimas", "gente", "poco"))
"""Words that an article may precede, of those that agree with no person."""
_PARTICIPLE = re.compile(r"(?:ad|id|íd)(?P<end>o|a|os|as)$")
_VERB_END = re.compile(r"(?:aba|abas|ía|ías|iera|ieras|yera|ándo\w*|ando|iendo|yendo)$")
_ENCLITIC = re.compile(
    r"(?:(?:[aeiáéí]r|ndo|[aeáé]d)(?:me|te|se|nos|le|les)?|[áéíóú][^aeiouáéíóú]*(?:[aeo]n?|me|te|se|nos)|[óéía]|"
    r"^(?:di|haz|pon|ten|ve|da)(?:me|te|se|nos)?)(?<!a)l[oa]s?$"
)
_DEMONSTRATIVE = re.compile(r"(?:ést?[eao]s?|aquéll?[ao]?s?)$")
_POSSESSIVE = re.compile(r"(?:mí|tuy|suy)[oa]s?$")
_BOTH_AT_ONCE = re.compile(
    r"/|\((?:a|as|o|os|la|las|el|los)\)|"
    r"\b(?:el|la|los|las|un|una|al|del) [yeou] (?:de |a )?(?:el|la|los|las|un|una)\b"
)
"""Words that already name both genders: el/la, ciudadano(a), las y los."""
_MAY_BE_SOMEBODY = re.compile(r"(?:[oa]|or|ón|án|és|ín)s?$|^$")
_AGENT = re.compile(r"[dts]or(?:es)?$")
_NAME_INSIDE = re.compile(r"(?<!\ben)(?<=[a-záéíóúüñ]) ([A-ZÁÉÍÓÚÑ][a-záéíóúüñ]+)")
_NEUTRAL_ADJECTIVE = re.compile(r"(?:[ai]bles?|[aei]ntes?|istas?|ales|al|[aeo]ces|[aeo]z)$")
_CAPITALS = re.compile(r"\b[A-ZÁÉÍÓÚÑ]{2,}\W+(?:[A-ZÁÉÍÓÚÑ]{1,3}\W+)?[A-ZÁÉÍÓÚÑ]{2,}\b|\b[A-ZÁÉÍÓÚÑ]{9,}\b")
"""Words in capitals are a heading; a single one is an acronym."""


@cache
def _blocked() -> re.Pattern[str]:
    return re.compile(rf"\b(?:{'|'.join(lexicon('es')['blocked'].split())})\b")


@cache
def _invariable_adjectives() -> frozenset[str]:
    return words("es", "invariable")


@cache
def _copulas() -> frozenset[str]:
    return words("es", "copulas")


@lru_cache(maxsize=100_000)
def _lemma(word: str) -> str:
    return lemmatize(word, lang="es")


@lru_cache(maxsize=100_000)
def _is_verb(word: str) -> bool:
    """Tell whether a form is one of a verb, and not a participle."""
    return word not in _adjectives() and (
        _VERB_END.search(word) is not None
        or word[-1] in "óéí"
        or (_lemma(word) != word and _lemma(word)[-2:] in ("ar", "er", "ir", "ír") and not _PARTICIPLE.search(word))
    )


@lru_cache(maxsize=100_000)
def _alternates(word: str) -> bool:
    """Tell whether the word has a twin in the other gender (rubia, rubio; casa, caso): then it may be an adjective."""
    stem, end = (word[:-2], word[-2:]) if word.endswith("s") else (word[:-1], word[-1])
    twin = stem + {"o": "a", "a": "o", "os": "as", "as": "os"}[end]
    return not is_known(word, lang="es") or is_known(twin, lang="es")


def _adjective(word: str) -> Inflection | None:
    """Return the word as an adjective of the lexicon or a regular participle."""
    if form := _adjectives().get(word):
        return form
    match = _PARTICIPLE.search(word)
    if match is None or len(word) < 5 or word in NOUNS_LIKE_PARTICIPLES:
        return None
    end = match["end"]
    other = {"o": "a", "a": "o", "os": "as", "as": "os"}[end]
    return Inflection(word[: len(word) - len(end)] + other, "m" if end[0] == "o" else "f", end.endswith("s"))


def swap(sentence: str, names: Mapping[str, Inflection]) -> str | None:
    """Exchange men and women in the sentence; None if there are none or if it is not certain.

    names: first names that are exchanged, too.
    """
    return swap_if_certain(sentence, names, _people(), _swap_once)


@cache
def _people() -> frozenset[str]:
    return frozenset({*_persons(), *_common(), *PRONOUNS})


def mentions() -> dict[str, Gender]:
    """Return the words that mention a man or a woman, for counting."""
    return {word: form.gender for word, form in {**_persons(), **PRONOUNS}.items()}


def _swap_once(sentence: str, names: Mapping[str, Inflection]) -> str | None:
    text = sentence.lower()
    if _BOTH_AT_ONCE.search(text) or _CAPITALS.search(sentence) or _blocked().search(text):
        return None
    if not names and any(word.lower() not in THINGS for word in _NAME_INSIDE.findall(sentence)):
        return None  # the reason for most sentences, found without parsing them
    return _Sentence(sentence, tokenize(sentence), names).swapped()


class _Sentence:
    def __init__(self, sentence: str, tokens: Sequence[Token], names: Mapping[str, Inflection]):
        self.sentence, self.tokens, self.names = sentence, tokens, names
        self.words = [token.lower for token in tokens]
        self.changes: dict[int, str] = {}
        self.agreeing: set[Gender] = set()
        """Genders of the changed persons."""
        self.settled: set[int] = set()
        """Places of words understood as part of a person's phrase."""

    def swapped(self) -> str | None:
        self._refuse_what_is_never_certain()
        for place, word in enumerate(self.words):
            if word in PRONOUNS:
                self._pronoun(place)
            elif word in _persons() and place not in self.settled:
                self._person(place, _persons()[word])
            elif word in _common():
                self._common_noun(place)
            elif self.tokens[place].text in self.names:
                self._name(place)
        if not self.changes:
            return None
        for place in range(len(self.tokens)):
            self._refuse_stray_agreement(place)
        swapped = replace(self.sentence, self.tokens, self.changes)
        if re.search(r"\bo h?o|\bu (?!h?o)|\by h?i(?!e)|\be (?!h?i)", swapped, re.IGNORECASE) and not re.search(
            r"\bo h?o|\bu (?!h?o)|\by h?i(?!e)|\be (?!h?i)", self.sentence, re.IGNORECASE
        ):
            raise Unsure
        return swapped

    # --- never certain -----------------------------------------------------------------------------------------

    def _refuse_what_is_never_certain(self) -> None:
        for place, token in enumerate(self.tokens):
            word = token.lower
            if token.text in self.names:
                continue
            if token.is_word and token.is_capitalized and not opens_sentence(self.tokens, place):
                # A place, mostly, after "en"; an acronym names an office; anything else may be a person.
                if word not in THINGS and not token.is_acronym and (self.words[place - 1] != "en" or word in _people()):
                    raise Unsure
            elif (
                (token.is_capitalized and word in GIVEN_NAMES)
                or (word in ("lo", "la", "los", "las") and self._is_clitic(place))
                or _ENCLITIC.search(word)
                or _DEMONSTRATIVE.match(word)
                or word in _generic_plurals()
                or word in ("nosotras", "vosotras")
            ):
                raise Unsure

    def _is_clitic(self, place: int) -> bool:
        """Tell whether lo, la, los, las is an object before a verb, or may be: then its referent is unknown."""
        following = self._word(place + 1)
        if self.words[place] == "lo":
            return following not in ("que", "cual", "mismo", "demás", "más", "menos", "de", "mejor", "peor", "primero")
        return (
            following is None
            or following in HAVE | BE
            or (_is_verb(following) and following not in _persons() and following not in _common())
        )

    def _word(self, place: int) -> str | None:
        """Return the word at a place, in lower case; None for the end and for punctuation."""
        return self.words[place] if 0 <= place < len(self.tokens) and self.tokens[place].is_word else None

    # --- persons -----------------------------------------------------------------------------------------------

    def _change(self, place: int, new: str) -> None:
        self.changes[place] = in_case_of(self.tokens[place].text, new)
        self.settled.add(place)

    def _pronoun(self, place: int) -> None:
        before = self._word(place - 1)
        if before in PREPOSITIONS or self._word(place + 1) in ("mismo", "misma", "mismos", "mismas", "solo", "sola"):
            raise Unsure  # a thing as often as a person (en ella: in the law)
        form = PRONOUNS[self.words[place]]
        if self._text(place + 1) == "," and self._word(place + 2) in DETERMINERS:
            raise Unsure  # "era él, el retrato"
        if self._determined_before(place, form):
            raise Unsure  # "la información …, que ella no sea divulgada"
        self._change(place, form.other)
        self.agreeing.add(form.gender)
        self._predicate(place + 1, form)

    def _name(self, place: int) -> None:
        around = (place - 1, place + 1)
        if any(0 <= p < len(self.tokens) and self.tokens[p].is_word and self.tokens[p].is_capitalized
               and not opens_sentence(self.tokens, p) for p in around):  # fmt: skip
            raise Unsure  # a first name with a surname: a specific person
        form = self.names[self.tokens[place].text]
        self.changes[place] = form.other
        self.settled.add(place)
        self.agreeing.add(form.gender)
        self._predicate(self._after(place + 1, form), form)

    def _person(self, place: int, form: Inflection) -> None:
        first = self._before(place, form, bare=True)
        if _PARTICIPLE.search(self.words[place]) and self._word(place - 1) in _adjectives():
            raise Unsure  # "el medio empleado": the noun may be the word before
        self._change(place, form.other)
        self.agreeing.add(form.gender)
        self._rest_of_phrase(first, place, form)

    def _rest_of_phrase(self, first: int, place: int, form: Inflection) -> None:
        """Change the words that belong to a person from the noun on, and its predicate."""
        self._partitive(first, form)
        before = self.words[first - 1] if first else ""
        inside_another = before in PREPOSITIONS or self.words[first] in ("al", "del", "a", "de")
        end = self._after(place + 1, form)
        if inside_another and any(_PARTICIPLE.search(self.words[at]) for at in range(place + 1, end)):
            raise Unsure  # "el aporte del trabajador regulado": the participle may be the outer noun's
        self._refuse_a_holder_of_office(end, form)
        if not inside_another:  # "los pensamientos de los hombres eran sombríos": the predicate is the outer noun's
            self._predicate(end, form)

    def _refuse_a_holder_of_office(self, at: int, form: Inflection) -> None:
        """Refuse "el presidente de Bolivia", who is a specific person."""
        if form.plural or self._word(at) not in ("de", "del"):
            return
        at += 1
        while self._word(at) in DETERMINERS:
            at += 1
        if at < len(self.tokens) and self.tokens[at].is_capitalized and not self.tokens[at].is_acronym:
            raise Unsure

    def _common_noun(self, place: int) -> None:
        """Change periodista, estudiante by its article and adjectives; unchanged if nothing shows its gender."""
        plural = _common()[self.words[place]]
        if self.words[place] in ("joven", "jóvenes", "adolescente", "amante", "atleta") and (
            self._word(place + 1) in _persons() or self._word(place - 1) in _persons()
        ):
            return  # an adjective here
        genders: tuple[Gender, ...] = ("m", "f")
        for gender in genders:
            form = Inflection(self.words[place], gender, plural)
            try:
                first = self._before(place, form, bare=False)
            except Unsure:
                continue
            self.settled.add(place)
            self.agreeing.add(form.gender)
            self._rest_of_phrase(first, place, form)
            return
        raise Unsure

    def _before(self, place: int, form: Inflection, bare: bool) -> int:
        """Change the article and the adjectives before a person; return the place of the first of them."""
        changes: dict[int, str] = {}
        at = place - 1
        while (word := self._word(at)) is not None:
            adjective = _adjectives().get(word)
            if word in APOCOPE and form.gender == "m" and not form.plural:
                changes[at] = APOCOPE[word]
            elif form.gender == "f" and not form.plural and word in APOCOPE.values() and at == place - 1:
                changes[at] = next(short for short, whole in APOCOPE.items() if whole == word)
            elif adjective and word not in DETERMINERS and (adjective.gender, adjective.plural) == form[1:]:
                changes[at] = adjective.other
            elif word not in _invariable_adjectives():
                break
            at -= 1
        found = False
        while (word := self._word(at)) is not None:
            determiner = DETERMINERS.get(word)
            if determiner and (determiner.gender, determiner.plural) == form[1:]:
                changes[at] = determiner.other
                found = True
            elif word in CONTRACTIONS and form.gender == "m" and not form.plural and not found:
                changes[at] = CONTRACTIONS[word] + " la"
                found = True
                at -= 1
                break
            elif word in NEUTRAL_DETERMINERS and bare:
                found = True
            else:
                break
            at -= 1
        if (
            form.gender == "f"
            and not form.plural
            and changes.get(at + 1) == "el"
            and self._word(at) in ("a", "á", "de")
        ):
            changes[at], changes[at + 1] = ("del" if self._word(at) == "de" else "al"), ""
        if not found and not (bare and self._may_stand_bare(at + 1, form)):
            raise Unsure
        for where, new in changes.items():
            if new:
                self._change(where, new)
            else:
                self.changes[where] = ""
                self.settled.add(where)
        return min([place, *changes])

    def _may_stand_bare(self, place: int, form: Inflection) -> bool:
        """Tell whether a person's phrase that begins here needs no article: es médica, como maestro."""
        while self._word(place - 1) in ADVERBS:
            place -= 1
        before = self._word(place - 1)
        if before in ("y", "e", "o", "u", "ni"):
            return place - 2 in self.settled
        if form.plural:
            return before in {"con", "entre", "por", "para", "como"} | BE
        if before in BE and not self.settled and any(word in DETERMINERS for word in self.words[:place]):
            return False  # "un sentimental no puede ser buen sociólogo": the subject is somebody unknown
        return before == "como" or before in BE

    def _determined_before(self, place: int, form: Inflection) -> bool:
        """Tell whether an unchanged noun, of the gender and number of `form`, stands earlier in the sentence."""
        return any(
            (other := DETERMINERS.get(self.words[at])) is not None and other[1:] == form[1:]
            for at in range(place)
            if at not in self.settled
        )

    def _partitive(self, first: int, form: Inflection) -> None:
        """Change the pronoun with the persons: una de las alumnas."""
        if form.plural and self._word(first - 1) == "de" and (pronoun := PARTITIVES.get(self._word(first - 2) or "")):
            if pronoun.gender != form.gender:
                raise Unsure
            self._change(first - 2, pronoun.other)

    def _after(self, at: int, form: Inflection) -> int:
        """Change the adjectives after a person, also after a comma; return the place after them."""
        end = self._adjectives(at, form)
        if end < len(self.tokens) and self.tokens[end].text == "," and self._adjectives(end + 1, form) > end + 1:
            end = self._adjectives(end + 1, form)
        following = self._word(end)
        if following is not None and following not in self._closed() and not _is_verb(following):
            raise Unsure  # another noun: the person's noun is an adjective (la vecina ciudad), or a name follows
        if following in ("y", "e", "o", "u", "ni"):
            following = self._word(end + 1) or "y"
            if not (following in self._closed() or following in _persons() or following in _invariable_adjectives()
                    or _is_verb(following)) and _MAY_BE_SOMEBODY.search(following):  # fmt: skip
                raise Unsure  # "condesa y generala": a person that the lexicon does not know
        return end

    @staticmethod
    @cache
    def _closed() -> frozenset[str]:
        return (
            INVARIABLE | PREPOSITIONS | BE | HAVE | BETWEEN | ADVERBS | NEUTRAL_DETERMINERS | frozenset(DETERMINERS)
            | words("es", "joining")
        )  # fmt: skip

    def _adjectives(self, at: int, form: Inflection) -> int:
        """Change a chain of agreeing adjectives (muy alta y cansada); return the place after it."""
        end, more = at, True
        while more:
            more, start = False, end
            if end > at and (self._word(start) in ("y", "e", "o", "u", "ni") or self._text(start) == ","):
                start += 1
            while (word := self._word(start)) is not None and (word in ADVERBS or word.endswith("mente")):
                start += 1
            word = self._word(start) or ""
            adjective = _adjective(word)
            if adjective and (adjective.gender, adjective.plural) == form[1:]:
                self._change(start, adjective.other)
                end, more = start + 1, True
            elif word in _invariable_adjectives() or (_NEUTRAL_ADJECTIVE.search(word) and not _is_verb(word)):
                end, more = start + 1, True
        return end

    def _text(self, place: int) -> str:
        return self.tokens[place].text if place < len(self.tokens) else ""

    def _predicate(self, at: int, form: Inflection) -> None:
        """Change the adjectives and participles of which the person is the subject: after a copula, in a passive."""
        while (word := self._word(at)) is not None and (word in BETWEEN or word.endswith("mente")):
            at += 1
        word = self._word(at)
        if word is None:
            return
        if word in HAVE:
            at += 1
            participle = self._word(at)
            if participle is None or participle not in ("sido", "estado", "quedado", "parecido"):
                return
        elif word not in BE and _lemma(word) not in _copulas():
            return
        at += 1
        if self._word(at) in ("siendo", "sido"):
            at += 1
        is_being = word in BE or self.words[at - 1] in ("siendo", "sido")
        if self._adjectives(at, form) == at and is_being and (determiner := DETERMINERS.get(self._word(at) or "")):
            at += 1
            while (word := self._word(at)) is not None and (_adjective(word) or word in _invariable_adjectives()):
                at += 1
            word = self._word(at) or ""
            if determiner.gender == form.gender and word not in _persons() and _MAY_BE_SOMEBODY.search(word):
                raise Unsure  # "este hombre es un pillo": a person that the lexicon does not know

    # --- the others --------------------------------------------------------------------------------------------

    def _refuse_stray_agreement(self, place: int) -> None:
        """Refuse the sentence if an unchanged word might agree with a changed person."""
        word, token = self._word(place), self.tokens[place]
        if word is None or place in self.settled or token.is_acronym:
            return
        if word in THINGS and token.is_capitalized:
            return  # a part of the name of a law, an office or a place
        if (determiner := DETERMINERS.get(word) or PARTITIVES.get(word)) and determiner.gender in self.agreeing:
            head = place + 1
            while self._word(head) in _invariable_adjectives():
                head += 1  # el responsable: a person, too
            following = self._word(head)
            if following is None or (following in self._closed() and following not in NOUNS_ALL_THE_SAME):
                raise Unsure  # a pronoun (otra, todas, los de): its referent is unknown
            return
        if _POSSESSIVE.match(word) and ("f" if "a" in word[-2:] else "m") in self.agreeing:
            raise Unsure  # "era mía" goes with the subject, "la hermana mía" with its noun
        if word in INVARIABLE or word in PREPOSITIONS:
            return
        adjective = _adjective(word)
        if adjective and self._stands_for_a_person(place, adjective):
            raise Unsure
        gender: Gender | None = adjective.gender if adjective else None
        if gender is None and re.search(r"[oa]s?$", word):
            gender = "m" if "o" in word[-2:] else "f"
        elif gender is None and _AGENT.search(word) and not self._has_own_article(place, "m"):
            gender = "m"  # andador, encantadores
        if gender is None or gender not in self.agreeing or word in NEUTRAL_DETERMINERS:
            return
        before = self._word(place - 1)
        if adjective is None:
            if _is_verb(word) or self._has_own_article(place, gender):
                return
            if not _AGENT.search(word) and not _alternates(word):
                return
            if before in DETERMINERS and DETERMINERS[before].gender != gender:
                return  # la mano, el problema: the article is surer than the ending
        if before in HAVE or (before in ADVERBS and self._word(place - 2) in HAVE):
            return  # a compound tense: its participle agrees with nothing
        another_noun = self._has_own_article(place - 1, gender) or (
            _adjective(before or "") is not None and self._has_own_article(place - 2, gender)
        )
        if before not in self._closed() and place - 1 not in self.settled and another_noun:
            return  # the adjective of another noun
        following = self._word(place + 1)
        if following is not None and following not in self._closed() and place + 1 not in self.settled and (
            not _is_verb(following) and _adjective(following) is None and self._determined(place, gender)
        ):  # fmt: skip
            return  # the adjective before another noun
        raise Unsure

    def _stands_for_a_person(self, place: int, adjective: Inflection) -> bool:
        """Tell whether an adjective with an article and no noun (la vieja) may be a person, who would have to be
        changed."""
        first = place - 1
        while self._word(first) in _invariable_adjectives():
            first -= 1
        determiner = DETERMINERS.get(self._word(first) or "")
        following = self._word(place + 1)
        return (
            self.words[place] in _adjectives()
            and determiner is not None
            and (determiner.gender, determiner.plural) == adjective[1:]
            and (following is None or following in self._closed() or _is_verb(following))
        )

    def _has_own_article(self, place: int, gender: Gender) -> bool:
        """Tell whether a word is a noun of that gender by its article or preposition."""
        word = self._word(place)
        if word is None or place in self.settled or word in self._closed():
            return False
        if _is_verb(word) and not self._determined(place, gender):
            return False
        return self._determined(place, gender) or (
            self._word(place - 1) in PREPOSITIONS and re.search("os?$" if gender == "m" else "as?$", word) is not None
        )

    def _determined(self, place: int, gender: Gender) -> bool:
        before = self._word(place - 1)
        if before is None or place - 1 in self.settled:
            return False
        if before in DETERMINERS:
            return DETERMINERS[before].gender == gender
        return (gender == "m" and before in CONTRACTIONS) or before in NEUTRAL_DETERMINERS
