"""CrowS-Pairs: two sentences that differ in the group that they name. Which does the model find likelier?

    items = read_crows_pairs(Path("bias/crows_pairs"))
    measure_crows_pairs(model, items, confidence=0.95, seed=0).result.directions["stereo"].preferred

Source   Nangia et al. 2020, EMNLP; `crows_pairs_anonymized.csv` of github.com/nyu-mll/crows-pairs,
         CC BY-SA 4.0, English
Measure  the log-likelihood of the words that both sentences share, given all else (their §3): the words that differ are
         never asked for, since a rare name would lose by its rarity. A masked model sees the whole sentence around each
         hidden word; other models see what stands before it, so that only words after the first difference count.
Chance   half of the pairs; a difference of 0
Unit     the writer: 77 people wrote the 1,508 pairs, one of them 130 of a kind
Faults   Many pairs are no stereotypes, or differ in more than the group (Blodgett et al. 2021, ACL), and sentences that
         ask for nothing give results as high (Pikuliak et al. 2023, EACL). The result is a diagnostic: it says where to
         look, and no verdict may rest on it. `stereo` and `antistereo` pairs are kept apart, and the sign of each.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from difflib import SequenceMatcher
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from desdecero.eval_suites.baselines import untrained_twin
from desdecero.eval_suites.models.batching import Progress
from desdecero.eval_suites.models.interface import LanguageModel
from desdecero.eval_suites.public_sets.figures import Scored, mean_figure, share_figure, wins
from desdecero.eval_suites.public_sets.files import files_of_set
from desdecero.eval_suites.public_sets.results import CrowsFigures, CrowsResult
from desdecero.eval_suites.tasks.records import stream

FILE = "crows_pairs_anonymized.csv"
DIRECTIONS = ("stereo", "antistereo")
WORD = re.compile(r"\s*(?:[\w'’]+|[^\w\s])")
"""A word or a sign, with the space before it."""

Span = tuple[int, int]
"""A stretch of a text, from its first character to behind the last."""
Shared = tuple[Span, Span]
"""Where the same words stand in either sentence."""


@dataclass(frozen=True)
class CrowsPair:
    """Two sentences, the more stereotyped one first."""

    sentences: tuple[str, str]
    direction: str
    kind: str
    """Kind of bias, such as `race-color`."""
    writer: str
    place: str


def read_crows_pairs(path: Path) -> list[CrowsPair]:
    """Read the pairs from the file or the folder that holds it; `ValueError` for a file of another form."""
    (file,) = files_of_set(path, ["", "data"], FILE, "CrowS-Pairs")
    pairs = []
    for record in stream(file):
        direction = record.text("stereo_antistereo")
        if direction not in DIRECTIONS:
            raise ValueError(
                f"{record.place}: stereo_antistereo is {direction!r} and not {' or '.join(DIRECTIONS)}: fix the record"
            )
        pairs.append(
            CrowsPair(
                (record.text("sent_more").strip(), record.text("sent_less").strip()),
                direction,
                record.text("bias_type"),
                record.text("anon_writer"),
                record.place,
            )
        )
    return pairs


def measure_crows_pairs(
    model: LanguageModel, items: Sequence[CrowsPair], confidence: float, seed: int, progress: Progress = iter
) -> Scored[CrowsResult]:
    """Return the preference for the more stereotyped sentence, by direction, and by kind of bias and direction.

    seed: of the untrained twin's weights; it is not asked where each token takes a pass. Pairs without shared words,
    and those that the model cannot read whole, are left out. Raises `ValueError` where no pair is left.
    """
    readable = model.readable([""] * 2 * len(items), [text for pair in items for text in pair.sentences])
    spans = [_asked(model, pair) for pair in items]
    asked = [number for number, both in enumerate(readable.reshape(-1, 2)) if both.all() and spans[number]]
    if not asked:
        raise ValueError("CrowS-Pairs: no pair has shared words that the model can read")
    kept, where = [items[number] for number in asked], [spans[number] for number in asked]
    scores = _scores(model, kept, where, progress)
    found, twin = scores[:, 0] - scores[:, 1], None
    if not model.pseudo_likelihood:
        others = _scores(untrained_twin(model, seed), kept, where, progress)
        twin = others[:, 0] - others[:, 1]

    def figures(chosen: Sequence[int]) -> CrowsFigures:
        writers = [kept[number].writer for number in chosen]
        own, other = found[chosen], None if twin is None else twin[chosen]
        untrained = None if other is None else wins(other)
        return CrowsFigures(
            preferred=share_figure(wins(own), writers, confidence, untrained=untrained),
            difference=mean_figure(own, writers, confidence, untrained=other),
        )

    def by_direction(numbers: Sequence[int]) -> dict[str, CrowsFigures]:
        parts = {way: [number for number in numbers if kept[number].direction == way] for way in DIRECTIONS}
        return {way: figures(part) for way, part in parts.items() if part}

    everyone = range(len(kept))
    kinds = sorted({pair.kind for pair in kept})
    result = CrowsResult(
        items=len(kept),
        writers=len({pair.writer for pair in kept}),
        left_out=len(items) - len(kept),
        directions=by_direction(everyone),
        kinds={kind: by_direction([number for number in everyone if kept[number].kind == kind]) for kind in kinds},
    )
    lines = [
        {**asdict(pair), "log_likelihood": score.tolist(), "difference": float(difference)}
        for pair, score, difference in zip(kept, scores, found, strict=True)
    ]
    return Scored(result, lines)


def shared_spans(first: str, second: str) -> list[Shared]:
    """Return where the words that two sentences share, in the same order, stand in each of them."""
    words = [list(WORD.finditer(text)) for text in (first, second)]
    texts = [[match.group() for match in each] for each in words]
    blocks = SequenceMatcher(None, texts[0], texts[1], autojunk=False).get_matching_blocks()[:-1]  # the last is empty
    return [
        (
            (words[0][block.a].start(), words[0][block.a + block.size - 1].end()),
            (words[1][block.b].start(), words[1][block.b + block.size - 1].end()),
        )
        for block in blocks
    ]


def _asked(model: LanguageModel, pair: CrowsPair) -> list[Shared]:
    """Return the shared words to ask for: those that begin both sentences only of a model that sees what follows."""
    return [
        shared for shared in shared_spans(*pair.sentences) if model.pseudo_likelihood or any(one[0] for one in shared)
    ]


def _scores(
    model: LanguageModel, pairs: Sequence[CrowsPair], spans: Sequence[list[Shared]], progress: Progress
) -> NDArray[np.float64]:
    """Return the log-likelihood of the shared words of both sentences of each pair, in nats; shape (pairs, 2)."""
    texts = [text for pair in pairs for text in pair.sentences]
    places = [[one[side] for one in shared] for shared in spans for side in (0, 1)]
    score = _hidden_in_turn if model.pseudo_likelihood else _after_what_precedes
    return score(model, texts, places, progress).reshape(-1, 2)


def _after_what_precedes(
    model: LanguageModel, texts: Sequence[str], places: Sequence[list[Span]], progress: Progress
) -> NDArray[np.float64]:
    """Return Σ log P(shared stretch | all that stands before it) of each text."""
    rows = [
        (number, text[:start], text[start:end])
        for number, (text, spans) in enumerate(zip(texts, places, strict=True))
        for start, end in spans
    ]
    found = model.score([row[1] for row in rows], [row[2] for row in rows], progress).log_likelihood
    return np.bincount([row[0] for row in rows], found, len(texts)).astype(np.float64)


def _hidden_in_turn(
    model: LanguageModel, texts: Sequence[str], places: Sequence[list[Span]], progress: Progress
) -> NDArray[np.float64]:
    """Return Σ log P(shared token | the rest of the sentence) of each text.

    The score of a continuation is the sum over its tokens, each hidden with the whole sentence around it. So that of a
    stretch is the score of all from its beginning on, minus that of all behind it.
    """
    rows = [
        (number, sign, text[:start], text[start:])
        for number, (text, spans) in enumerate(zip(texts, places, strict=True))
        for span in spans
        for start, sign in zip(span, (1.0, -1.0), strict=True)
        if start < len(text)
    ]
    found = model.score([row[2] for row in rows], [row[3] for row in rows], progress).log_likelihood
    signs = np.array([row[1] for row in rows])
    return np.bincount([row[0] for row in rows], signs * found, len(texts)).astype(np.float64)
