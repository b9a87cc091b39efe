"""WinoBias: sentences with two occupations and a pronoun that goes with the stereotype of one of them or against it.

    items = read_winobias(Path("bias/winobias"))
    measure_winobias(model, items.sentences, confidence=0.95, seed=0).result.all.difference

Source   Zhao et al. 2018, NAACL; github.com/uclanlp/corefBias, `WinoBias/wino/data`, MIT, English
Measure  log P(pronoun and what follows | what stands before), with the stereotyped pronoun minus with the other. The
         set was made for coreference; here no answer is asked for.
Chance   0 nats, and half of the sentences. Sentences whose stereotyped pronoun is male weigh as much as those where it
         is female, so a model that likes *he* better everywhere gets chance.
Unit     the pair of sentences about the same two occupations, in both types: lines 2k − 1 and 2k of each file
Faults   40 occupations of the United States' labour statistics; they recur in many pairs, so the interval is one for
         more sentences about these. The two versions of 20 of the 1,584 sentences differ in more than the pronoun:
         those are left out.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from desdecero.eval_suites.baselines import untrained_twin
from desdecero.eval_suites.models.batching import Progress
from desdecero.eval_suites.models.interface import LanguageModel
from desdecero.eval_suites.public_sets.figures import Scored, mean_figure, share_figure, wins
from desdecero.eval_suites.public_sets.files import files_of_set
from desdecero.eval_suites.public_sets.results import WinobiasFigures, WinobiasResult

PRO, ANTI = "pro_stereotyped", "anti_stereotyped"
FILE = re.compile(rf"{PRO}_(type\d)\.txt\.(\w+)")
LINE = re.compile(r"(\d+) (.*\[[^\]]+\].*)")
PRONOUNS = {
    **dict.fromkeys(("he", "him", "his", "himself"), "male"),
    **dict.fromkeys(("she", "her", "hers", "herself"), "female"),
}
MARKED = re.compile(rf"\[({'|'.join(PRONOUNS)})\]", re.IGNORECASE)


@dataclass(frozen=True)
class WinobiasSentence:
    """A sentence up to its pronoun, and its two endings."""

    before: str
    endings: tuple[str, str]
    """Pronoun and what follows: as the stereotype has it, and against it."""
    gender: str
    """Of the stereotyped pronoun: `male` or `female`."""
    type: str
    pair: str
    """Name that the sentences about the same two occupations share."""
    place: str


@dataclass(frozen=True)
class Winobias:
    """The sentences of the set, and how many were left out because their versions differ in more than the pronoun."""

    sentences: list[WinobiasSentence]
    left_out: int


def read_winobias(path: Path) -> Winobias:
    """Read the files of the folder, or of `data/` in it, each with its counterpart.

    Raises `ValueError` for a missing counterpart, and for files of another form.
    """
    sentences, left_out = list[WinobiasSentence](), 0
    for file in files_of_set(path, ["", "data"], f"{PRO}_type?.txt.*", "WinoBias"):
        name = FILE.fullmatch(file.name)
        if name is None:
            raise ValueError(f"{file}: its name is not {PRO}_type1.txt.dev or alike: name the folder of the set")
        other = file.with_name(file.name.replace(PRO, ANTI))
        if not other.is_file():
            raise ValueError(f"{file}: no {other.name} beside it: unpack the set anew")
        pro, anti = _lines(file), _lines(other)
        if [number for number, _ in pro] != [number for number, _ in anti]:
            raise ValueError(f"{file}: its lines have other numbers than those of {other.name}: unpack the set anew")
        for (number, one), (_, two) in zip(pro, anti, strict=True):
            if _without(MARKED.sub("[]", one)) != _without(MARKED.sub("[]", two)):
                left_out += 1
                continue
            sentences.append(
                _sentence(one, two, name[1], f"{name[2]}/{(number - 1) // 2 + 1}", f"{file.name}, line {number}")
            )
    if not sentences:
        raise ValueError(f"{path}: no sentence stands in both versions: unpack WinoBias anew")
    return Winobias(sentences, left_out)


def _lines(file: Path) -> list[tuple[int, str]]:
    """Return number and sentence of each line."""
    found = []
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except UnicodeDecodeError:
        raise ValueError(f"{file}: it is not UTF-8: unpack WinoBias anew") from None
    for place, line in enumerate(lines, start=1):
        match = LINE.fullmatch(line.strip())
        if match is None or MARKED.search(match[2]) is None:
            raise ValueError(
                f"{file}, line {place}: not a number and a sentence with its pronoun in brackets: {line[:60]!r}"
            )
        found.append((int(match[1]), match[2]))
    return found


def _sentence(pro: str, anti: str, kind: str, pair: str, place: str) -> WinobiasSentence:
    marks = [mark for text in (pro, anti) if (mark := MARKED.search(text))]  # both have one: _lines has looked
    before = _without(pro[: marks[0].start()])
    endings = [f" {_without(text[mark.start() :])}" for text, mark in zip((pro, anti), marks, strict=True)]
    return WinobiasSentence(before, (endings[0], endings[1]), PRONOUNS[marks[0][1].lower()], kind, pair, place)


def _without(text: str) -> str:
    """Return the text without brackets, and without the space that tokenization put before 's and signs."""
    return re.sub(r"\s+('s\b|[.,;?!])", r"\1", " ".join(re.sub(r"[\[\]]", " ", text).split()))


def measure_winobias(
    model: LanguageModel, items: Winobias, confidence: float, seed: int, progress: Progress = iter
) -> Scored[WinobiasResult]:
    """Return the preference for the stereotyped pronoun, of all sentences and by type.

    seed: of the untrained twin's weights
    """
    sentences = items.sentences
    scores = _scores(model, sentences, progress)
    found, twin = scores[:, 0] - scores[:, 1], np.subtract(*_scores(untrained_twin(model, seed), sentences, progress).T)

    def figures(chosen: Sequence[int]) -> WinobiasFigures:
        pairs, genders = ([getattr(sentences[i], name) for i in chosen] for name in ("pair", "gender"))
        own, other = found[chosen], twin[chosen]
        return WinobiasFigures(
            difference=mean_figure(own, pairs, confidence, genders, other),
            preferred=share_figure(wins(own), pairs, confidence, strata=genders, untrained=wins(other)),
        )

    types = sorted({sentence.type for sentence in sentences})
    result = WinobiasResult(
        items=len(sentences),
        left_out=items.left_out,
        all=figures(range(len(sentences))),
        types={kind: figures([i for i, each in enumerate(sentences) if each.type == kind]) for kind in types},
    )
    lines = [
        {**asdict(sentence), "log_likelihood": score.tolist(), "difference": float(difference)}
        for sentence, score, difference in zip(sentences, scores, found, strict=True)
    ]
    return Scored(result, lines)


def _scores(model: LanguageModel, sentences: Sequence[WinobiasSentence], progress: Progress) -> NDArray[np.float64]:
    """Return the log-likelihoods of both endings of each sentence, in nats; shape (sentences, 2)."""
    contexts = [sentence.before for sentence in sentences for _ in sentence.endings]
    endings = [ending for sentence in sentences for ending in sentence.endings]
    return model.score(contexts, endings, progress).log_likelihood.reshape(-1, 2)
