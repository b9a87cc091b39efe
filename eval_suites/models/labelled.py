"""Models that give labels: to texts (`…ForSequenceClassification`) or to parts of them (`…ForTokenClassification`).

    model = load_labelled("adapters/support/merged")          # a plain folder of transformers: a Classifier or a Tagger
    probabilities = model.probabilities(texts)                # Classifier: (texts, labels)
    model.chosen(probabilities)                               # [("lost_card",), …]
    model.spans(texts)                                        # Tagger: [[TaggedSpan(12, 21, "drug", 0.98)], …]

Both can be made from a model and a tokenizer in memory. Labels are the configuration's `id2label`. How texts become
rows is in `label_rows.py`. A result does not depend on the other texts of a call, but for rounding.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from transformers import (
    AutoConfig,
    AutoModelForSequenceClassification,
    AutoModelForTokenClassification,
    AutoTokenizer,
    PreTrainedModel,
    PreTrainedTokenizerBase,
)

from desdecero.eval_suites.models.batching import Progress, batches, pad
from desdecero.eval_suites.models.frames import longest_input
from desdecero.eval_suites.models.interface import BATCH_TOKENS
from desdecero.eval_suites.models.label_rows import OUTSIDE, Range, Rows, trimmed

SEVERAL = "multi_label_classification"
"""`problem_type` of a configuration whose texts may have several labels at once."""
CHOSEN = 0.5
"""Probability from which a label is given where a text may have several."""


@dataclass(frozen=True, slots=True)
class TaggedSpan:
    """A labelled range of a text, in characters, that a model found."""

    start: int
    end: int
    """One beyond the last character."""
    label: str
    probability: float
    """That of its least certain token's tag: all must be right for the span to be."""


class _Labelled:
    """What both kinds share: rows through the model, in batches."""

    def __init__(
        self, model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, context_length: int | None = None
    ) -> None:
        """Join a model and its tokenizer; `context_length` defaults to the tokens that both allow.

        Sets the padding token in the model's configuration to that of the rows.
        """
        self.model: Any = model
        self.rows = Rows(tokenizer, model.config, context_length or longest_input(model, tokenizer))
        self.model.config.pad_token_id = self.rows.padding
        names: Any = model.config.id2label
        self.names = tuple(str(names[place]) for place in range(len(names)))
        """What the model's outputs stand for, in their order."""

    def _logits(self, rows: Sequence[Sequence[int]], progress: Progress) -> Iterator[tuple[list[int], torch.Tensor]]:
        """Yield the numbers of the rows of each batch, the longest first, and their logits in float64."""
        self.model.eval()
        groups = batches([-len(row) for row in rows], lambda first: BATCH_TOKENS // len(rows[first]))
        for batch in progress(groups):
            ids, mask = (part.to(self.model.device) for part in pad([rows[i] for i in batch], self.rows.padding))
            with torch.inference_mode():
                logits = self.model(input_ids=ids, attention_mask=mask).logits
            yield batch, logits.double().cpu()


class Classifier(_Labelled):
    """A model that gives labels to texts, or pairs of texts."""

    @property
    def labels(self) -> tuple[str, ...]:
        """Labels in the order of the probabilities."""
        return self.names

    @property
    def several(self) -> bool:
        """Whether a text may have several labels at once, or none."""
        return bool(self.model.config.problem_type == SEVERAL)

    def probabilities(
        self, texts: Sequence[str], texts_b: Sequence[str] | None = None, progress: Progress = iter
    ) -> NDArray[np.float64]:
        """Return the probability of each label, shape (texts, labels).

        A row of them sums to 1, unless a text may have several labels. A text that is too long is cut to its beginning.
        """
        found = np.zeros((len(texts), len(self.labels)))
        for batch, logits in self._logits(self.rows.of_texts(texts, texts_b), progress):
            found[batch] = (logits.sigmoid() if self.several else logits.softmax(-1)).numpy()
        return found

    def chosen(self, probabilities: NDArray[np.float64]) -> list[tuple[str, ...]]:
        """Return the labels of each text, sorted: the likeliest, or all with at least `CHOSEN` where it may have any
        number."""
        if not self.several:
            return [(self.labels[place],) for place in probabilities.argmax(axis=1)]
        return [tuple(sorted(self.labels[place] for place in np.flatnonzero(row >= CHOSEN))) for row in probabilities]


class Tagger(_Labelled):
    """A model that gives labels to parts of texts, by a tag for each token (BIO)."""

    @property
    def labels(self) -> tuple[str, ...]:
        """Labels of spans, sorted."""
        return tuple(sorted({label for _, label in map(_split, self.names) if label}))

    def spans(self, texts: Sequence[str], progress: Progress = iter) -> list[list[TaggedSpan]]:
        """Return the spans of each text, in its order and without overlaps; they begin and end with no blank.

        Each token has its likeliest tag. A tag of the inside of a span opens one where none of its label is open.
        """
        windows = self.rows.windows(texts)
        tagged = list[list[tuple[int, float]]]([] for _ in windows)
        for batch, logits in self._logits([window.ids for window in windows], progress):
            best = logits.softmax(-1).max(-1)
            for row, number in enumerate(batch):
                own = windows[number].own
                chosen, sure = (part[row, own.start : own.stop].tolist() for part in (best.indices, best.values))
                tagged[number] = list(zip(chosen, sure, strict=True))
        tokens = list[list[tuple[str, float, Range]]]([] for _ in texts)
        for window, found in zip(windows, tagged, strict=True):
            for place, (tag, probability) in zip(window.own, found, strict=True):
                characters = window.offsets[place]
                assert characters is not None  # no window owns a token of its frame
                tokens[window.text].append((self.names[tag], probability, characters))
        return [list(decoded(text, tagged_tokens)) for text, tagged_tokens in zip(texts, tokens, strict=True)]


def decoded(text: str, tokens: Iterable[tuple[str, float, Range]]) -> Iterator[TaggedSpan]:
    """Yield the spans of a text by the tags of its tokens.

    tokens: (tag, probability, characters) in the order of the text
    """
    label, open_at, reached, least, free = "", 0, 0, 1.0, 0
    for tag, probability, (start, end) in [*tokens, (OUTSIDE, 1.0, (len(text), len(text)))]:
        prefix, new = _split(tag)
        if new and new == label and prefix == "I":
            reached, least = max(reached, end), min(least, probability)
            continue
        if label:
            # Tokens that are bytes of one character have it in common: the span before keeps it.
            first, beyond = trimmed(text, max(open_at, free), max(reached, free))
            if first < beyond:
                yield TaggedSpan(first, beyond, label, least)
                free = beyond
        label, open_at, reached, least = new, start, end, probability


def _split(tag: str) -> tuple[str, str]:
    """Return a tag's prefix and label; a tag without prefix is one of the inside, and `OUTSIDE` has no label."""
    prefix, _, label = tag.partition("-")
    if prefix in ("B", "I") and label:
        return prefix, label
    return "I", "" if tag == OUTSIDE else tag


def load_labelled(folder: str | Path) -> Classifier | Tagger:
    """Return the model in float32 and evaluation mode, on the CUDA device where there is one.

    `folder` is as `save_pretrained` writes it, with the tokenizer beside the model, and needs no network. Raises
    `ValueError` for a model that gives no labels.
    """
    config = AutoConfig.from_pretrained(folder, local_files_only=True)
    (name,) = config.architectures or [""]
    heads: dict[str, tuple[Any, type[Classifier | Tagger]]] = {
        "ForSequenceClassification": (AutoModelForSequenceClassification, Classifier),
        "ForTokenClassification": (AutoModelForTokenClassification, Tagger),
    }
    auto, kind = next((found for end, found in heads.items() if name.endswith(end)), (None, None))
    if auto is None or kind is None or (kind is Classifier and config.num_labels < 2):
        raise ValueError(f"{folder}: {name or 'the model'} gives no labels: it has no head for classification")
    model = auto.from_pretrained(folder, dtype=torch.float32, local_files_only=True)
    tokenizer: Any = AutoTokenizer.from_pretrained(folder, local_files_only=True)
    return kind(model.to("cuda" if torch.cuda.is_available() else "cpu").eval(), tokenizer)
