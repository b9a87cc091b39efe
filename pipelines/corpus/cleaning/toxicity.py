"""Toxic and biased text: flagged, or dropped once the filter's own errors have been measured.

Sentences are judged, since people label sentences and posts. For each language of the labelled examples, a classifier
(`classifier.train`) learns from their words and, as one more feature, from the hits of a list of insults. On held-out
examples it must classify no more neutral sentences as toxic than the recipe allows: overall, and among those that
mention a group of people, since the known failure of such filters is to treat the mention of women, of Roma or of gay
people as an insult (Dixon et al. 2018; Röttger et al. 2021). A filter that fails may only flag.

A document is dropped as `toxic` if the share of its sentences that the recipe names is toxic, and more of them than
would be flagged by chance in a neutral document. Unmeasured cases are never dropped:

- a document in a language that no examples were labelled in,
- a sentence in words that the examples do not use, and
- a sentence that mentions a group for which the examples hold too few neutral sentences to measure the error on.
Documents that stay for their language or a group are counted, as `toxicity_unmeasured`; toxic sentences are, as
`toxic_sentence`; and without labelled examples, sentences with an insult of the list, as `insult`.
`toxic_sentence`; and without labelled examples, sentences with an insult of the list, as `insult`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from numpy.typing import NDArray

from desdecero.eval_suites.statistics import Interval
from desdecero.pipelines import recipe as recipes
from desdecero.pipelines.common.errors import UserError
from desdecero.pipelines.corpus.cleaning.classifier import (
    FOLDS,
    READ_CHARACTERS,
    Classifier,
    Feature,
    Trained,
    features,
    load,
    read_examples,
    save,
    train,
    words,
)
from desdecero.pipelines.corpus.cleaning.sentences import sentence_spans
from desdecero.pipelines.corpus.draft import Draft
from desdecero.pipelines.run.reports.corpus import ToxicityLanguage, ToxicityRates, ToxicityReport

FILE = "toxicity.json"
ANY = "any"
"""Stands for the language if the examples name none."""
MIN_GROUP = 30
"""Least number of neutral examples that mention a group: with fewer, their interval's upper end is over 11%."""
LEAST_KNOWN = 1 / 3
"""Least share of a sentence's words, pairs and beginnings that must be known: below it, about half of its words are in
no example. Errors measured on posts do not hold for statutes. (A filter that was trained on templates alone classified
most lines of laws as toxic before it had this limit.)"""
LEXICON_HIT = "<insult>"
TELL_TALES = 15
TRUE = {"true", "1", "yes", "sí", "si", "toxic", "tóxico", "hateful", "hate", "offensive", "biased"}
FALSE = {"false", "0", "no", "neutral", "non-toxic", "not_toxic", "nontoxic", "non-hateful", "none", "clean"}


class ToxicityFilter:
    """The step: see the module."""

    name = "toxicity"

    def __init__(self, section: recipes.Toxicity, folder: Path):
        data = load(folder / FILE)
        self._section = section
        self._languages = {language: Judge(entry) for language, entry in data["languages"].items()}
        self._lexicons = {language: lexicon_pattern(forms) for language, forms in data["lexicon"].items()}

    def __call__(self, draft: Draft) -> None:
        """Flag or drop the draft."""
        text = draft.text[:READ_CHARACTERS]
        insults = self._lexicons.get(draft.language)
        judge = self._languages.get(draft.language) or self._languages.get(ANY)
        if judge is None:
            if self._languages:
                draft.edits["toxicity_unmeasured"] += 1
            elif insults:
                self._count(draft, "insult", [s for s in _sentences(text) if insults.search(s.lower())])
            return
        sentences = list(_sentences(text))
        toxic = [sentence for sentence in sentences if judge.is_toxic(sentence, insults)]
        self._count(draft, "toxic_sentence", toxic)
        enough = self._enough(len(sentences))
        if self._section.action == "flag" or len(toxic) < enough:
            return
        sure = [s for s in toxic if not judge.unmeasured_groups & mentioned(s, draft.language)]
        if len(sure) >= enough:
            draft.reason = "toxic"
        else:
            draft.edits["toxicity_unmeasured"] += 1

    def _count(self, draft: Draft, kind: str, sentences: list[str]) -> None:
        if sentences:
            draft.edits[kind] += len(sentences)
            draft.show(kind, sentences[0][:200], "")

    def _enough(self, sentences: int) -> float:
        return max(
            math.ceil(self._section.share * sentences),
            beyond_chance(sentences, self._section.max_false_positive_rate),
        )


class Judge:
    """The trained classifier of one language."""

    def __init__(self, entry: Mapping[str, Any]):
        self._classifier = Classifier.from_dict(entry["classifier"])
        self._threshold: float = entry["threshold"]
        self.unmeasured_groups = frozenset(entry["unmeasured_groups"])

    def is_toxic(self, sentence: str, insults: re.Pattern[str] | None) -> bool:
        """Classify a sentence."""
        probability = self._classifier.probability(_signs(sentence, insults))
        return probability is not None and probability >= self._threshold


@cache
def beyond_chance(sentences: int, rate: float) -> int:
    """Return the least number of flags that a neutral document with this number of sentences gets with a probability of
    at most `rate`, when each of them is flagged at `rate`: a long document must not be dropped for its length."""
    seen, flags = 0.0, 0
    while True:
        seen += math.comb(sentences, flags) * rate**flags * (1 - rate) ** (sentences - flags)
        if seen >= 1 - rate - 1e-12:
            return flags + 1
        flags += 1


def mentioned(text: str, language: str) -> set[str]:
    """Return the groups of people that a text mentions; in any of our languages, if its own is unknown."""
    patterns = group_patterns()
    lower = text.lower()
    return {
        group
        for known in ([language] if language in patterns else patterns)
        for group, pattern in patterns[known].items()
        if pattern.search(lower)
    }


@cache
def group_patterns() -> dict[str, dict[str, re.Pattern[str]]]:
    """Map language → group → the pattern of its mentions, in lower case."""
    file = resources.files("desdecero.pipelines") / "corpus" / "cleaning" / "identity_groups.yaml"
    data: dict[str, dict[str, list[str]]] = yaml.safe_load(file.read_text(encoding="utf-8"))
    return {
        language: {
            group: re.compile(rf"\b(?:{'|'.join(stem.replace('$', chr(92) + 'b') for stem in stems)})")
            for group, stems in groups.items()
        }
        for language, groups in data.items()
    }


def read_lexicons(paths: Mapping[str, str]) -> dict[str, list[str]]:
    """Map language → insults in lower case: the shipped lists, replaced by the recipe's own if it has some."""
    lexicons: dict[str, list[str]] = {}
    folder = resources.files("desdecero.pipelines") / "corpus" / "cleaning"
    for language in sorted({"es", "en", *paths}):
        if language in paths:
            try:
                text = Path(paths[language]).read_text(encoding="utf-8")
            except (OSError, UnicodeDecodeError) as error:
                raise UserError(f"corpus.toxicity.lexicon.{language}: {paths[language]}: {error}") from None
        else:
            text = (folder / f"insults_{language}.txt").read_text(encoding="utf-8")
        lines = (line.strip().lower() for line in text.splitlines())
        lexicons[language] = sorted({line for line in lines if line and not line.startswith("#")})
        if not lexicons[language]:
            raise UserError(f"corpus.toxicity.lexicon.{language}: {paths[language]} holds no word: fill or remove it")
    return lexicons


def lexicon_pattern(forms: Iterable[str]) -> re.Pattern[str]:
    """Compile a pattern of any of the forms, as whole words, in lower-case text."""
    longest_first = sorted(forms, key=lambda form: (-len(form), form))
    return re.compile(rf"\b(?:{'|'.join(map(re.escape, longest_first))})\b")


def train_toxicity(section: recipes.Toxicity, folder: Path) -> ToxicityReport:
    """Train and measure a filter for each language, write `toxicity.json`, and return the report's section.

    Raises `UserError` for unsuitable examples and, if the filter is to drop, when a measured error exceeds the recipe's
    bound.
    """
    lexicons = read_lexicons(section.lexicon)
    entries: dict[str, Any] = {}
    reports: dict[str, ToxicityLanguage] = {}
    for language, examples in _labelled(section).items() if section.labelled else ():
        trained, groups = _train_language(section, language, examples, lexicons)
        faults = _faults(section, language, trained, groups)
        if faults and section.action == "drop":
            raise UserError(
                f"corpus.toxicity: {faults[0]}: label more examples of that kind, raise the bound, or set action: flag"
            )
        unmeasured = sorted(
            {group for known in group_patterns().values() for group in known}
            - {group for group, rate in groups.items() if rate is not None}
        )
        entries[language] = {
            "classifier": trained.classifier.to_dict(),
            "threshold": trained.threshold,
            "unmeasured_groups": unmeasured,
        }
        reports[language] = _report(trained, groups, faults)
    save(folder / FILE, {"languages": entries, "lexicon": lexicons})
    return ToxicityReport(
        action=section.action,
        share=section.share,
        folds=FOLDS,
        read_characters=READ_CHARACTERS,
        max_false_positive_rate=section.max_false_positive_rate,
        languages=reports,
        insults_listed={language: len(forms) for language, forms in lexicons.items()},
    )


Labelled = dict[str, tuple[bool, str]]
"""Text → (toxic, fold key)."""


def _labelled(section: recipes.Toxicity) -> dict[str, Labelled]:
    """Read the examples by language."""
    assert section.labelled is not None
    where = f"corpus.toxicity.labelled: {section.labelled}"
    found: dict[str, Labelled] = {}
    for document in read_examples(section.labelled, section.text_field, "corpus.toxicity.labelled"):
        label = str(document.meta.get(section.label_field, "")).strip().lower()
        if label not in TRUE | FALSE:
            raise UserError(
                f"{where}: {document.id}: its {section.label_field!r} is {label!r}: write true for toxic text, and "
                "false for all other"
            )
        language = str(document.meta.get(section.language_field) or ANY)
        key = str(document.meta.get(section.fold_field) or document.text) if section.fold_field else document.text
        known = found.setdefault(language, {}).setdefault(document.text, (label in TRUE, key))
        if known[0] != (label in TRUE):
            raise UserError(f"{where}: {document.id}: the same text is labelled both ways: keep one of the two")
    if ANY in found and len(found) > 1:
        raise UserError(f"{where}: some records name a {section.language_field!r} and some none: give it to all")
    return dict(sorted(found.items()))


def _train_language(
    section: recipes.Toxicity, language: str, examples: Labelled, lexicons: Mapping[str, list[str]]
) -> tuple[Trained, dict[str, Interval | None]]:
    """Return (trained filter, share of neutral sentences classified as toxic by mentioned group; None: too few)."""
    bound, texts = section.max_false_positive_rate, list(examples)
    labels = np.asarray([toxic for toxic, _ in examples.values()])
    insults = lexicon_pattern(lexicons[language]) if language in lexicons else None
    mentions = [mentioned(text, language) for text in texts]
    by_group = {
        group: np.asarray([group in found for found in mentions]) & ~labels
        for group in sorted(set().union(*mentions) if mentions else ())
    }
    measured = [~labels, *(places for places in by_group.values() if places.sum() >= MIN_GROUP)]

    def choose(probabilities: NDArray[np.float64], places: NDArray[np.intp]) -> float:
        if section.threshold is not None:
            return section.threshold
        # Half the bound: with the whole of it as target, every second filter would exceed it on held-out sentences. And
        # never below one half: easy examples would make everything toxic that is not as neutral as they are.
        return max(0.5, *(_lowest_threshold(probabilities[kind[places]], bound / 2) for kind in measured))

    trained = train(
        [_signs(text, insults) for text in texts], labels.tolist(), [key for _, key in examples.values()], choose,
        f"corpus.toxicity.labelled, language {language}", least_known=LEAST_KNOWN, unknown=False,
    )  # fmt: skip
    groups = {group: trained.rate(places) if places.sum() >= MIN_GROUP else None for group, places in by_group.items()}
    return trained, groups


def _lowest_threshold(neutral: NDArray[np.float64], bound: float) -> float:
    """Return the lowest threshold that at most `bound` of the probabilities of neutral sentences reach."""
    ranked = np.sort(neutral)[::-1]
    allowed = int(bound * len(ranked))
    return float(ranked[allowed]) + 1e-5 if allowed < len(ranked) else 0.0


def _faults(
    section: recipes.Toxicity, language: str, trained: Trained, groups: Mapping[str, Interval | None]
) -> list[str]:
    """List the reasons why the filter may not drop, with the measurements; empty if it may."""
    bound, neutral = section.max_false_positive_rate, int((~trained.labels).sum())
    found: list[str] = []
    if neutral * bound < 1:
        found.append(
            f"{neutral} neutral examples in language {language} cannot measure an error of {bound:.1%} "
            f"(that takes {math.ceil(1 / bound)})"
        )
    rates: dict[str, Interval | None] = {"": trained.false_positives, **groups}
    for group, rate in rates.items():
        if rate is not None and rate.value > bound:
            what = f" that mention {group.replace('_', ' ')}" if group else ""
            found.append(
                f"in language {language}, the filter takes {rate.value:.1%} of the neutral held-out sentences{what} "
                f"for toxic, and the recipe allows {bound:.1%}"
            )
    if not trained.beats_chance:
        found.append(
            f"in language {language}, the filter finds {trained.recall.value:.1%} of the toxic held-out sentences and "
            f"takes {trained.false_positives.value:.1%} of the neutral ones for toxic, which is no better than chance"
        )
    return found


def _report(trained: Trained, groups: Mapping[str, Interval | None], faults: list[str]) -> ToxicityLanguage:
    precision = trained.precision
    return ToxicityLanguage(
        examples={"toxic": int(trained.labels.sum()), "neutral": int((~trained.labels).sum())},
        threshold=trained.threshold,
        held_out=ToxicityRates(
            found_of_toxic=trained.recall.share(),
            flagged_of_neutral=trained.false_positives.share(),
            toxic_of_flagged=precision.share() if precision else None,
            flagged_of_neutral_by_group={group: rate.share() if rate else None for group, rate in groups.items()},
        ),
        may_drop=not faults,
        faults=faults,
        words=trained.classifier.tell_tales(TELL_TALES),
    )


def _signs(sentence: str, insults: re.Pattern[str] | None) -> set[Feature]:
    signs = features(words(sentence))
    if insults and insults.search(sentence.lower()):
        signs.add(LEXICON_HIT)
    return signs


def _sentences(text: str) -> Iterable[str]:
    return (text[start:end] for start, end in sentence_spans(text))
