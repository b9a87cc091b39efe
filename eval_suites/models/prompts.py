"""Prompts and answers in token ids."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import chain

GAP = "[MASK]"
"""Gap in the text of a prompt, independent of the tokenizer's own mask token."""
GAP_ID = -1
"""Gap among the token ids of a prompt."""


@dataclass(frozen=True)
class Prompt:
    """The part of a prompt that the model reads: its last ids, with `GAP_ID` for each gap."""

    ids: list[int]
    left_out: int
    """Number of tokens at the prompt's beginning for which the context has no room."""

    @property
    def gaps(self) -> int:
        """Number of gaps."""
        return self.ids.count(GAP_ID)


def last_of(ids: list[int], room: int) -> Prompt:
    """Cut a prompt from the left to `room` tokens."""
    left_out = max(0, len(ids) - room)
    return Prompt(ids[left_out:], left_out)


@dataclass(frozen=True)
class Candidate:
    """A token that may fill a gap."""

    token: int
    probability: float


@dataclass(frozen=True)
class Answer:
    """A prompt, and the tokens that the model wrote in its gaps or after it."""

    prompt: Prompt
    written: list[list[int]]
    """The tokens of each gap in order, or one list of those that continue the prompt."""
    candidates: list[list[Candidate]] = field(default_factory=list)
    """Likeliest tokens of each gap, best first; masked models only."""

    @property
    def ids(self) -> list[int]:
        """Token ids of the prompt with its gaps filled, or of the prompt and its continuation."""
        answers = iter(self.written)
        filled = [token for each in self.prompt.ids for token in (next(answers) if each == GAP_ID else [each])]
        return [*filled, *chain.from_iterable(answers)]


@dataclass(frozen=True)
class PartialText:
    """Text that a model has written after a prompt so far."""

    text: str
    left_out: int
    """Number of tokens at the prompt's beginning for which the context has no room."""
    tokens: list[int] | None = None
    """All tokens that were written; None until the end."""
    out_of_time: bool = False
    """True if generation ended because its time was over."""
