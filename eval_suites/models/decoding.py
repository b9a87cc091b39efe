"""The choice of the tokens of an answer: settings, seed, and the model's `generate`, at once or streamed."""

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
"""Default settings of sampling. Below 1 the model keeps closer to what it finds likely; the tail beyond the 50
likeliest tokens is noise in a small model (Fan et al. 2018 sample so)."""

FIRST_TOKEN_SECONDS = 120
"""Seconds to wait for the first token. A large model on a slow machine reads a full context in less."""


@dataclass(frozen=True)
class Decoding:
    """Settings for choosing the tokens of an answer."""

    tokens: int
    """Maximum number of new tokens; per gap, in a text with gaps. A masked model always fills a gap with one token."""
    temperature: float = 0.0
    """Divisor of the logits before sampling; 0 takes the likeliest token each time."""
    top_k: int = 0
    """Number of likeliest tokens to draw among; 0 draws among all."""
    top_p: float = 1.0
    """Total probability of the likeliest tokens to draw among (Holtzman et al. 2020, §3.1)."""
    min_tokens: int = 0
    """Minimum number of new tokens; per gap, in a text with gaps."""
    seconds: float | None = None
    """Time limit; None for no limit."""

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
    """Input of the model's `generate`."""

    arguments: dict[str, Any]
    """Keyword arguments: the ids that the model reads, and the settings of decoding."""
    given: int
    """Number of tokens at the beginning of the output that were given and not written."""
    ends: tuple[int, ...] = ()
    """Tokens that end an answer and do not belong to it."""


def generate(model: PreTrainedModel, request: Request) -> list[int]:
    """Return the tokens that the model writes, without the token that ends the answer."""
    output = model.generate(**request.arguments)  # type: ignore[operator]
    new: list[int] = output[0, request.given :].tolist()
    return new[:-1] if new and new[-1] in request.ends else new


def stream(
    model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, request: Request, left_out: int, seed: int
) -> Iterator[PartialText]:
    """Yield the text that the model has written so far, longer each time. Closing the iterator stops the model."""
    model.train(False)  # `eval` has no types in transformers
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
    """Stopping criterion that ends an answer when an event is set."""

    def __init__(self, stop: threading.Event):
        self.stop = stop

    def __call__(
        self,
        input_ids: torch.Tensor,
        scores: torch.Tensor,  # noqa: ARG002  transformers passes it
        **kwargs: Any,  # noqa: ARG002  transformers may pass others
    ) -> torch.Tensor:
        """Return whether each row ends, shape (rows,)."""
        return torch.full((input_ids.shape[0],), self.stop.is_set(), device=input_ids.device)


@contextmanager
def seeded(seed: int, device: torch.device) -> Iterator[None]:
    """Seed torch's random generator within the context, and restore its state afterwards."""
    devices = [device] if device.type == "cuda" else []  # by default all of the machine's, with a warning
    with torch.random.fork_rng(devices):
        # On a CPU its generator alone: torch.manual_seed notes the call stack for each kind of device that may start.
        (torch.default_generator if device.type == "cpu" else torch).manual_seed(seed)
        yield
