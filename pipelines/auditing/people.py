"""The people whose words are exchanged in a text: men and women, in full agreement, by the corpus' counterfactual step.

people = people_of("es")
people["gender"].exchange("La jueza está cansada.")      # "El juez está cansado."
people["gender"].exchange("María está cansada.")         # None: a name has no certain counterpart
"""

from __future__ import annotations

from typing import Literal

from desdecero.eval_suites.in_use.swaps import People
from desdecero.pipelines.corpus.cleaning.sentences import sentence_spans
from desdecero.pipelines.corpus.counterfactual.exchange import SWAPS, count_mentions


def people_of(language: Literal["en", "es"]) -> dict[str, People]:
    """Return the kinds of people that texts of a language can be exchanged for, by the name of their group."""

    def sides_of(text: str) -> frozenset[int]:
        counts = count_mentions(text, language)
        return frozenset(side for side, gender in enumerate(("m", "f")) if counts[gender])  # type: ignore[index]

    return {"gender": People(("men", "women"), sides_of, lambda text: exchange(text, language))}


def exchange(text: str, language: Literal["en", "es"]) -> str | None:
    """Return the text with men and women exchanged in all its sentences.

    None where a sentence that mentions one stays, because it is not certain: a text of which some were exchanged would
    tell of a man and a woman. None too where nobody is mentioned.
    """
    pieces, last = [], 0
    for start, end in sentence_spans(text):
        sentence = text[start:end]
        swapped = SWAPS[language](sentence, {})
        if swapped is not None:
            pieces += [text[last:start], swapped]
            last = end
        elif any(count_mentions(sentence, language).values()):
            return None
    return "".join(pieces) + text[last:] if pieces else None
