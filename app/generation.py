"""The model of a run, at work: it goes on from a prompt, or fills in the masked words or the gaps of a text.

    for written in Writer(run.model).write(Wish("Return the", length=40)): print(written.text)
    Filler(run.model).fill("Return the [MASK] of the array.").masks[0]
    SpanFiller(run.model).fill(Wish("Return the [MASK] of the array.")).answers[0]

What a person asked for and cannot have is `Refused`, with the key of a sentence in the catalogue's section `refusal`.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from desdecero.eval_suites.models.decoding import Decoding
from desdecero.eval_suites.models.interface import LanguageModel
from desdecero.eval_suites.models.load import load
from desdecero.eval_suites.models.prompts import GAP, GAP_ID

ANSWER_SECONDS = 120  # for one answer, however long it was to be: others wait for their turn
PROMPT_CHARACTERS = 50_000  # some 12,000 tokens of prose: more than a model of this project reads at a time


class Refused(Exception):
    """`key` names the sentence of the section `refusal` that says why, and `values` fill it in."""

    def __init__(self, key: str, **values: Any):
        super().__init__(key)
        self.key, self.values = key, values


@dataclass(frozen=True)
class Wish:
    """What to go on from, and how."""

    prompt: str
    length: int = 60
    """Tokens to write at most."""
    temperature: float = 0.8
    """0 takes the most probable token each time."""
    top_p: float = 0.95
    """Draw among the most probable tokens that make up this share (Holtzman et al. 2020, §3.1)."""
    seed: int = 0


@dataclass(frozen=True)
class Written:
    """What has been written so far, without the prompt."""

    text: str
    left_out: int
    """Tokens at the prompt's beginning that the model could not read."""
    tokens: int | None
    """How many were written; None until the end."""
    out_of_time: bool = False
    """Whether it was stopped after `ANSWER_SECONDS`."""


@dataclass(frozen=True)
class Filling:
    token: str
    probability: float


@dataclass(frozen=True)
class Filled:
    """For each `[MASK]`, in order, the most probable tokens."""

    masks: list[list[Filling]]
    left_out: int


@dataclass(frozen=True)
class Completed:
    """A text whose gaps an encoder–decoder has filled."""

    pieces: list[str]
    """What stands around the gaps; one more than there are answers."""
    answers: list[str]
    left_out: int


class Writer:
    """A causal model."""

    def __init__(self, folder: Path):
        self.model = load_own(folder)
        self.context_length = self.model.context_length

    def write(self, wish: Wish) -> Iterator[Written]:
        """What the model writes, longer each time. Closing the iterator stops the model.

        A prompt that leaves no room in the model's context is cut from the left.
        """
        check_wish(wish, self.context_length)
        begun = time.monotonic()
        for part in self.model.stream(wish.prompt, decoding(wish), int(wish.seed)):
            if part.tokens is None:
                yield Written(part.text, part.left_out, None)
            else:
                out_of_time = time.monotonic() - begun >= ANSWER_SECONDS
                yield Written(part.text, part.left_out, len(part.tokens), out_of_time)


class Filler:
    """A masked model."""

    def __init__(self, folder: Path):
        self.model = load_own(folder)
        self.context_length = self.model.context_length

    def fill(self, text: str) -> Filled:
        """Every mask is filled with the others still masked."""
        check_text(text)
        check_gaps(self.model, text)
        (answer,) = self.model.fill([text], Decoding(1))
        names = self.model.tokenizer.convert_ids_to_tokens
        masks = [[Filling(names([each.token])[0], each.probability) for each in gap] for gap in answer.candidates]
        return Filled(masks, answer.prompt.left_out)


class SpanFiller:
    """An encoder–decoder."""

    def __init__(self, folder: Path):
        self.model = load_own(folder)
        self.context_length = self.model.context_length

    def fill(self, wish: Wish) -> Completed:
        """Each `[MASK]` of the prompt is filled with up to `length` tokens; a text without one is continued.

        A prompt beyond the model's context is cut from the left.
        """
        check_wish(wish, self.context_length)
        text = wish.prompt if GAP in wish.prompt else wish.prompt + GAP
        check_gaps(self.model, text)
        (answer,) = self.model.fill([text], decoding(wish, min_tokens=1), int(wish.seed))
        ids = answer.prompt.ids
        before = [previous for previous, token in pairwise([GAP_ID, *ids]) if token == GAP_ID]
        pieces = [piece.removesuffix(" ") for piece in text.split(GAP)[:-1]] + text.split(GAP)[-1:]
        lost = len(pieces) - 1 - len(before)  # gaps in the part that was left out stay as they were written
        pieces = [f" {GAP}".join(pieces[: lost + 1]), *pieces[lost + 1 :]]
        answers = [self._after(*both) for both in zip(before, answer.written, strict=True)]
        return Completed(pieces, answers, answer.prompt.left_out)

    def _after(self, before: int, answer: list[int]) -> str:
        """An answer in words, with a space where the tokenizer puts one between it and the token before it."""
        known = [] if before == GAP_ID else [before]  # another gap, or the beginning
        alone = self.model.decode(known, skip_special_tokens=True)
        return self.model.decode([*known, *answer], skip_special_tokens=True).removeprefix(alone)


def decoding(wish: Wish, min_tokens: int = 0) -> Decoding:
    length, seconds = int(wish.length), ANSWER_SECONDS
    return Decoding(length, wish.temperature, top_p=wish.top_p, min_tokens=min_tokens, seconds=seconds)


def load_own(folder: Path) -> LanguageModel:
    """Load a model whose weights are copies: safetensors maps the file into memory, where a later edit of the file
    would show."""
    model = load(folder)
    for tensor in (*model.model.parameters(), *model.model.buffers()):
        tensor.data = tensor.data.clone()
    return model


def check_gaps(model: LanguageModel, text: str) -> None:
    """Raise `Refused` for a text that has no gap in the part that the model can read, or too many."""
    read = model.read(text)
    if not read.gaps:
        raise Refused("refused_mask_cut" if read.left_out else "refused_no_mask", mask=GAP)
    if read.gaps > model.max_gaps:
        raise Refused("refused_gaps", mask=GAP, most=model.max_gaps)


def check_wish(wish: Wish, context_length: int) -> None:
    """Raise `Refused` for what the model cannot do."""
    check_text(wish.prompt)
    # One place of the context is for the end of the text before, and one for a token of the prompt.
    ranges = {"length": (1, context_length - 2), "temperature": (0, 10), "top_p": (0.01, 1), "seed": (0, 2**53)}
    for setting, (low, high) in ranges.items():
        value = getattr(wish, setting)
        real = isinstance(value, int | float) and not isinstance(value, bool)
        whole = setting not in ("length", "seed") or (real and value == value // 1)
        if not (real and low <= value <= high and whole):  # which NaN does not, either
            raise Refused("refused_range", setting=setting, low=low, high=high)


def check_text(text: str) -> None:
    if not isinstance(text, str):
        raise Refused("refused_no_text")
    if len(text) > PROMPT_CHARACTERS:
        raise Refused("refused_long", length=len(text), most=PROMPT_CHARACTERS)
    try:
        text.encode()
    except UnicodeEncodeError:
        raise Refused("refused_text") from None
