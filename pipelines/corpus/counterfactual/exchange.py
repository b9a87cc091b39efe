"""Counterfactual text: in a share of the documents, men and women are exchanged, wherever that is certainly correct.

Counterfactual data augmentation (Lu et al. 2020; Zmigrod et al. 2019 for languages with agreement) shows a model that
statements about men can be made about women, and the reverse. Here the text is changed, not doubled: repetition costs
more than it teaches, and near duplicates would be dropped anyway. A document is drawn by a hash of the seed and its
id; in a drawn one, every sentence is exchanged that `spanish.swap` or `english.swap` is certain of, and the others
stay. At a share of one half, an exchangeable sentence occurs as often with a man as with a woman.

Cost: within a document, a changed sentence may follow an unchanged one about the same person.

Coverage: of the sentences that mention a person, 45% in modern English prose, 10% in Spanish novels and 2% in laws,
where most stay because of a name, a clitic, a generic plural, or a word whose agreement is open.

Accuracy, by reading exchanged sentences: of 54 in modern Spanish that had not been used before (EsBBQ's contexts, and
clinical cases), 53 were right (98%; 95% interval 90 to 100%); of 201 drawn anew from the novels and the laws on which
the rules had been written, 195 (97%; 94 to 99%); of 46 in American English, 45. Most of the faults have been fixed
since. Right means grammatical and consistent in itself: a person named by a word that the lexicon lacks ("mi primo")
stays a man next to those who changed.

Speed: about 1 MB/s of Spanish novels that are all drawn, on one core.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from desdecero.pipelines import recipe as recipes
from desdecero.pipelines.common.errors import UserError
from desdecero.pipelines.corpus.cleaning.sentences import sentence_spans
from desdecero.pipelines.corpus.counterfactual import english, spanish
from desdecero.pipelines.corpus.counterfactual.wording import Gender, Inflection
from desdecero.pipelines.corpus.draft import Draft
from desdecero.pipelines.corpus.letters import LETTERS

SWAPS = {"es": spanish.swap, "en": english.swap}
MENTIONS = {"es": spanish.mentions, "en": english.mentions}
_GENDERS: tuple[tuple[Gender, str], ...] = (("m", "men"), ("f", "women"))


class Counterfactual:
    """The step. It counts exchanged sentences as `counterfactual`, and the words that mention men and women before and
    after as `men_before`, `women_before`, `men_after` and `women_after`, in all documents of the recipe's languages."""

    name = "counterfactual"

    def __init__(self, section: recipes.Counterfactual):
        self._section = section
        self._names = read_names(section.names) if section.names else {}

    def __call__(self, draft: Draft) -> None:
        """Exchange the draft's sentences, if it is drawn, and count mentions."""
        if draft.language not in self._section.languages:
            return
        before = count_mentions(draft.text, draft.language)
        if drawn(draft.document.id, self._section.seed, self._section.share):
            self._exchange(draft)
        after = count_mentions(draft.text, draft.language) if draft.edits[self.name] else before
        for moment, counts in (("before", before), ("after", after)):
            for gender, label in _GENDERS:
                draft.edits[f"{label}_{moment}"] += counts[gender]

    def _exchange(self, draft: Draft) -> None:
        swap = SWAPS[draft.language]
        pieces, last = [], 0
        for start, end in sentence_spans(draft.text):
            sentence = draft.text[start:end]
            if (swapped := swap(sentence, self._names)) is not None:
                pieces += [draft.text[last:start], swapped]
                last = end
                draft.edits[self.name] += 1
                draft.show(self.name, sentence, swapped)
        draft.text = "".join(pieces) + draft.text[last:]


def drawn(identity: str, seed: int, share: float) -> bool:
    """Tell whether a document is one of the share, independently of other documents."""
    digest = hashlib.sha256(f"{seed} counterfactual {identity}".encode()).digest()
    return int.from_bytes(digest[:8], "big") < share * 2**64


def count_mentions(text: str, language: str) -> dict[Gender, int]:
    """Count words that mention a man, and words that mention a woman: pronouns, and nouns of the lexicon with both
    forms.

    Spanish plurals like "los niños" count as men, though they often mean both: a model reads the grammar.
    """
    known = _mentions(language)
    counts: dict[Gender, int] = {"m": 0, "f": 0}
    for word in LETTERS.findall(text.lower()):
        if gender := known.get(word):
            counts[gender] += 1
    return counts


@cache
def _mentions(language: str) -> Mapping[str, Gender]:
    return MENTIONS[language]()


def read_names(path: str) -> dict[str, Inflection]:
    """Read the pairs of first names in a text file: `Mario,María`, a man's and a woman's on each line.

    Raises `UserError` for a line that is not a pair, and for a name that is in two of them.
    """
    try:
        lines = Path(path).read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"corpus.counterfactual.names: {path}: {error}") from None
    names: dict[str, Inflection] = {}
    for number, line in enumerate(lines, 1):
        if not line.strip() or line.startswith("#"):
            continue
        pair = [name.strip() for name in line.split(",")]
        if len(pair) != 2 or not all(LETTERS.fullmatch(name) for name in pair) or pair[0] == pair[1]:
            raise UserError(
                f"corpus.counterfactual.names: {path}, line {number}: {line.strip()!r} is not a valid pair of names: "
                "write a man's and a woman's, as in Mario,María"
            )
        if again := [name for name in pair if name in names]:
            raise UserError(
                f"corpus.counterfactual.names: {path}, line {number}: {again[0]} has a partner already: "
                "exchanging twice would not restore it; name it once"
            )
        names[pair[0]], names[pair[1]] = Inflection(pair[1], "m", False), Inflection(pair[0], "f", False)
    return names
