"""Prompts as a model reads them, and its answers, in token ids."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import chain

GAP = "[MASK]"
"""How a person writes a gap in a prompt, whatever the tokenizer's own mask token is."""
GAP_ID = -1
"""A gap among token ids."""


@dataclass(frozen=True)
class Prompt:
    """What the model reads of a prompt: its last ids, with `GAP_ID` for each gap."""

    ids: list[int]
    left_out: int
    """Tokens at its beginning for which the context has no room."""

    @property
    def gaps(self) -> int:
        return self.ids.count(GAP_ID)


def last_of(ids: list[int], room: int) -> Prompt:
    """A prompt cut from the left to `room` tokens."""
    left_out = max(0, len(ids) - room)
    return Prompt(ids[left_out:], left_out)


@dataclass(frozen=True)
class Candidate:
    """A token that may fill a gap."""

    token: int
    probability: float


@dataclass(frozen=True)
class Answer:
    """A prompt, and what the model wrote in its gaps or after it."""

    prompt: Prompt
    written: list[list[int]]
    """The tokens of each gap in order, or one list of those that continue the prompt."""
    candidates: list[list[Candidate]] = field(default_factory=list)
    """Of a masked model: the likeliest tokens of each gap, best first."""

    @property
    def ids(self) -> list[int]:
        """The prompt with its gaps filled, or continued."""
        answers = iter(self.written)
        filled = [token for each in self.prompt.ids for token in (next(answers) if each == GAP_ID else [each])]
        return [*filled, *chain.from_iterable(answers)]


@dataclass(frozen=True)
class PartialText:
    """Text that a model has written after a prompt so far."""

    text: str
    left_out: int
    """As in `Prompt`."""
    tokens: list[int] | None = None
    """All that were written; None until the end."""
    out_of_time: bool = False
    """Whether generation ended because its time was over."""
