"""Texts as rows of tokens for models with labels: the same rows in training as at prediction.

    rows = Rows(tokenizer, model.config, context_length=256)
    rows.of_texts(["The card was stolen."])                  # one row a text, for a label of the text
    rows.of_texts(premises, hypotheses)                      # one row a pair
    for window in rows.windows(texts):                       # one or several rows a text, for labels of its tokens
        targets = tag_targets(window, spans[window.text], tags(labels))

             a text                         a pair                        class of transformers reads
causal       begin a                        begin a separator b           the last token that is not padding
masked       begin a end                    begin a separator b end       the first token (or the mean of all)
T5           a end-of-text                  a separator b end-of-text     the last end-of-text token

`begin` and `end` are as in `interface.py`. Special tokens that are written in a text are encoded as text, and the
padding token and T5's end of text stand at no other place of a row, even if a tokenizer takes a word for them: so the
attention mask is `ids != rows.padding`.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from transformers import PretrainedConfig, PreTrainedTokenizerBase

from desdecero.eval_suites.models.batching import IGNORED, TOKENIZED_TOGETHER, encode
from desdecero.eval_suites.models.frames import text_frame
from desdecero.eval_suites.models.kinds import objective_by_heads

OVERLAP = 4
"""One in so many of a window's tokens is also in the next window: where a text is cut, a token of which an encoder
decides has an eighth of the context on its nearer side."""

OUTSIDE = "O"
"""Tag of a token that is in no span."""

Range = tuple[int, int]
"""First character, and one beyond the last."""


class LabelledRange(Protocol):
    """A labelled range of a text, in characters."""

    @property
    def start(self) -> int:
        """First character."""

    @property
    def end(self) -> int:
        """One beyond the last character."""

    @property
    def label(self) -> str:
        """Name of the label."""


@dataclass(frozen=True, slots=True)
class Window:
    """A part of a text that a model reads at once."""

    text: int
    """Number of the text."""
    ids: list[int]
    offsets: list[Range | None]
    """Characters of each token in the text, without blanks at its edges, so that a token of blanks has none of its own;
    None for the tokens of the frame."""
    own: range
    """Places in `ids` that this window decides of: of the windows that have a token, one owns it."""


class Rows:
    """Makes rows of texts for one model and its tokenizer."""

    def __init__(self, tokenizer: PreTrainedTokenizerBase, config: PretrainedConfig, context_length: int) -> None:
        """Find the tokens that frame, separate and fill rows.

        Raises `ValueError` for a tokenizer that lacks them, and a context that has no room for a text.
        """
        self.tokenizer: Any = tokenizer
        self.context_length = context_length
        self.objective = objective_by_heads(config.model_type)
        begin, end = text_frame(tokenizer, closes=self.objective != "causal")
        self.padding: int = tokenizer.eos_token_id if tokenizer.pad_token_id is None else tokenizer.pad_token_id
        """Fills rows on the right. A base without a padding token is given its end of text, as is usual. The model's
        `config.pad_token_id` must be the same: by it, causal classes find the last token of a row."""
        self.reserved = {self.padding}
        if self.objective == "causal":
            # Where rows are filled with the end of text, none can begin with it: it would be masked.
            begin, end = [token for token in begin or end if token != self.padding], []
        elif self.objective == "span_corruption":
            # The class wants as many ends of text in each row of a batch, and reads at the last.
            last: Any = config.eos_token_id
            self.reserved.add(last)
            begin, end = [token for token in begin if token != last], [last]
        self.begin, self.end = begin, end
        if self.padding is None or self.padding in (*begin, *end):
            raise ValueError(
                "the tokenizer has no padding token, and none that could serve as one: add a padding token"
            )
        self.room = context_length - len(begin) - len(end)
        if self.room < 1:
            raise ValueError(f"a context of {context_length} tokens has no room for a text: raise it")

    @cached_property
    def separator(self) -> list[int]:
        """Tokens between the texts of a pair: one that separates texts, T5's first sentinel, or else a line break.

        Raises `ValueError` where the tokenizer has none of these.
        """
        tokenizer = self.tokenizer
        sentinel = tokenizer.get_vocab().get("<extra_id_0>") if self.objective == "span_corruption" else None
        for token in (tokenizer.sep_token_id, tokenizer.eos_token_id, sentinel):
            if token is not None and token not in self.reserved:
                return [token]
        if not (ids := self._ids(["\n"])[0]):
            raise ValueError("the tokenizer has nothing that could stand between the texts of a pair: add a sep_token")
        return ids

    def of_texts(self, texts: Sequence[str], texts_b: Sequence[str] | None = None) -> list[list[int]]:
        """Return a row for each text, or pair of texts, cut at its end to fit the context.

        Of a pair, the longer text is cut until both are of a length, and then both. Raises `ValueError` for a row
        without tokens.
        """
        first = self._ids(texts)
        if texts_b is None:
            rows = [[*self.begin, *ids[: self.room], *self.end] for ids in first]
        else:
            room = self.room - len(self.separator)
            if room < 2:
                raise ValueError(f"a context of {self.context_length} tokens has no room for a pair of texts: raise it")
            rows = []
            for a, b in zip(first, self._ids(texts_b), strict=True):
                kept = a[: max(room - len(b), (room + 1) // 2)]
                rows.append([*self.begin, *kept, *self.separator, *b[: room - len(kept)], *self.end])
        if [] in rows:
            raise ValueError(f"text {rows.index([])} has no tokens, and this tokenizer none that begins a text")
        return rows

    def windows(self, texts: Sequence[str]) -> list[Window]:
        """Return the windows of each text, in its order; a text without tokens has none.

        The windows of a long text overlap, and of a token that two have, the one in which it is farthest from an edge
        decides. A causal model reads no token on the right of it: there, the earlier window does.
        """
        found = []
        for number, (ids, offsets) in enumerate(self._with_offsets(texts)):
            for start, end, own in self._cuts(len(ids)):
                found.append(
                    Window(
                        number,
                        [*self.begin, *ids[start:end], *self.end],
                        [*[None] * len(self.begin), *offsets[start:end], *[None] * len(self.end)],
                        range(len(self.begin) + own.start - start, len(self.begin) + own.stop - start),
                    )
                )
        return found

    def _cuts(self, length: int) -> Iterator[tuple[int, int, range]]:
        """Yield the first token of each window, the one beyond its last, and those that it owns."""
        if not length:
            return
        step = max(1, self.room - max(1, self.room // OVERLAP))
        more = max(0, math.ceil((length - self.room) / step))
        starts = [0, *(number * (length - self.room) // more for number in range(1, more + 1))]
        ends = [min(length, start + self.room) for start in starts]
        after = starts[1:] if self.objective != "causal" else ends[:-1]
        borders = [0, *((one + end) // 2 for one, end in zip(after, ends, strict=False)), length]
        for number, (start, end) in enumerate(zip(starts, ends, strict=True)):
            yield start, end, range(borders[number], borders[number + 1])

    def _ids(self, texts: Sequence[str]) -> list[list[int]]:
        """Return the token ids of each text without frame."""
        return [ids[self._allowed(ids)].tolist() for ids in encode(self.tokenizer, texts)]

    def _with_offsets(self, texts: Sequence[str]) -> Iterator[tuple[list[int], list[Range | None]]]:
        """Yield the token ids of each text without frame, and their characters."""
        for start in range(0, len(texts), TOKENIZED_TOGETHER):
            batch = list(texts[start : start + TOKENIZED_TOGETHER])
            encoded = self.tokenizer(
                batch, add_special_tokens=False, split_special_tokens=True, return_offsets_mapping=True, verbose=False
            )
            for text, ids, offsets in zip(batch, encoded["input_ids"], encoded["offset_mapping"], strict=True):
                keep = np.flatnonzero(self._allowed(np.asarray(ids, dtype=np.int64)))
                yield [ids[i] for i in keep], [trimmed(text, *offsets[i]) for i in keep]

    def _allowed(self, ids: NDArray[np.int64]) -> NDArray[np.bool_]:
        allowed: NDArray[np.bool_] = ~np.isin(ids, list(self.reserved))
        return allowed


def trimmed(text: str, start: int, end: int) -> Range:
    """Return a range without the blanks at its edges; of blanks alone, an empty one."""
    while start < end and text[end - 1].isspace():
        end -= 1
    while start < end and text[start].isspace():
        start += 1
    return start, end


# --- tags of tokens --------------------------------------------------------------------------------------------


def tags(labels: Iterable[str]) -> tuple[str, ...]:
    """Return the tags of spans with these labels: outside, and for each label its first token and those inside (BIO;
    Ramshaw & Marcus 1995)."""
    return (OUTSIDE, *(f"{place}-{label}" for label in sorted(labels) for place in "BI"))


def tag_targets(window: Window, spans: Sequence[LabelledRange], tags: Sequence[str]) -> list[int]:
    """Return the number of each token's tag; `IGNORED` at places that the window does not own, as are those of a frame.

    spans: those of the window's text, in its order and without overlaps. A token belongs to the first span that it has
    a character of, and a token of blanks to a span on both sides of it.
    """
    number = {tag: place for place, tag in enumerate(tags)}
    targets, current, begun = [IGNORED] * len(window.ids), 0, -1
    for place, characters in enumerate(window.offsets):
        if characters is None:
            continue
        start, end = characters
        while current < len(spans) and spans[current].end <= start:
            current += 1
        inside = current < len(spans) and spans[current].start < end
        if place in window.own:
            tag = f"{'I' if begun == current else 'B'}-{spans[current].label}" if inside else OUTSIDE
            targets[place] = number[tag]
        if inside:
            begun = current
    return targets
