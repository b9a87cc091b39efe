"""How the tokens of an answer are chosen: the settings, the seed, and the model's `generate`, at once or streamed."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import torch
from transformers import (
    PreTrainedModel,
    PreTrainedTokenizerBase,
    StoppingCriteria,
    StoppingCriteriaList,
    TextIteratorStreamer,
)

from desdecero.eval_suites.models.prompts import PartialText

TEMPERATURE, TOP_K = 0.8, 50
"""How a text is drawn by default. Below 1 the model keeps closer to what it finds likely; the tail beyond the 50
likeliest tokens is noise in a small model (Fan et al. 2018 sample so)."""

FIRST_TOKEN_SECONDS = 120
"""A large model on a slow machine reads a full context in less; after that, something is wrong."""


@dataclass(frozen=True)
class Decoding:
    """How the tokens of an answer are chosen."""

    tokens: int
    """At most; for each gap, in a text with gaps. A masked model fills a gap with one token, whatever stands here."""
    temperature: float = 0.0
    """0 takes the likeliest token each time."""
    top_k: int = 0
    """Draw among so many likeliest tokens; 0: among all."""
    top_p: float = 1.0
    """Draw among the likeliest tokens that make up this share (Holtzman et al. 2020, §3.1)."""
    min_tokens: int = 0
    """At least; for each gap, in a text with gaps."""
    seconds: float | None = None
    """Stop after so long; None: never."""

    def options(self) -> dict[str, Any]:
        """Return the arguments of transformers' `generate`."""
        options: dict[str, Any] = {"max_new_tokens": self.tokens, "do_sample": False}
        if self.temperature:
            options |= {"do_sample": True, "temperature": self.temperature, "top_k": self.top_k, "top_p": self.top_p}
        if self.min_tokens:
            options["min_new_tokens"] = self.min_tokens
        if self.seconds is not None:
            options["max_time"] = self.seconds
        return options


@dataclass(frozen=True)
class Request:
    """What `generate` is asked."""

    arguments: dict[str, Any]
    """What the model reads, and how the answer is chosen."""
    given: int
    """Tokens at the beginning of the output that were given and not written."""
    ends: tuple[int, ...] = ()
    """Tokens that end an answer and do not belong to it."""


def generate(model: PreTrainedModel, request: Request) -> list[int]:
    """Return the tokens that the model writes."""
    output = model.generate(**request.arguments)  # type: ignore[operator]
    new: list[int] = output[0, request.given :].tolist()
    return new[:-1] if new and new[-1] in request.ends else new


def stream(
    model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, request: Request, left_out: int, seed: int
) -> Iterator[PartialText]:
    """Yield what the model has written so far, longer each time. Closing the iterator stops the model."""
    model.eval()
    streamer: Any = TextIteratorStreamer(
        tokenizer, skip_prompt=True, skip_special_tokens=True, timeout=FIRST_TOKEN_SECONDS
    )
    stop, text = threading.Event(), ""
    started, limit = time.monotonic(), request.arguments.get("max_time", math.inf)
    watched = {"streamer": streamer, "stopping_criteria": StoppingCriteriaList([Stopped(stop)])}
    request = replace(request, arguments=request.arguments | watched)

    def write() -> list[int]:
        try:
            with seeded(seed, model.device):
                return generate(model, request)
        except BaseException:
            streamer.end()  # or its reader would wait for ever
            raise

    with ThreadPoolExecutor(1) as thread:
        written = thread.submit(write)
        try:
            for piece in streamer:
                text += piece
                yield PartialText(text, left_out)
        finally:
            stop.set()
    tokens = written.result()
    yield PartialText(text, left_out, tokens, out_of_time=time.monotonic() - started >= limit)


class Stopped(StoppingCriteria):
    """Ends an answer when the event is set."""

    def __init__(self, stop: threading.Event):
        self.stop = stop

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor, **kwargs: Any) -> torch.Tensor:
        return torch.full((input_ids.shape[0],), self.stop.is_set(), device=input_ids.device)


@contextmanager
def seeded(seed: int, device: torch.device) -> Iterator[None]:
    """Start torch's random numbers from `seed`, and give it back its state afterwards."""
    devices = [device] if device.type == "cuda" else []  # by default all of the machine's, with a warning
    with torch.random.fork_rng(devices):
        # On a CPU its generator alone: torch.manual_seed notes the call stack for each kind of device that may start.
        (torch.default_generator if device.type == "cpu" else torch).manual_seed(seed)
        yield
