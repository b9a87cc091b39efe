"""The model of a run, at work: it goes on from a prompt, or fills in the masked words or the gaps of a text.

    for written in Writer(run.model).write(Wish("Return the", length=40)): print(written.text)
    Filler(run.model).fill("Return the [MASK] of the array.").masks[0]
    SpanFiller(run.model).fill(Wish("Return the [MASK] of the array.")).answers[0]

What a person asked for and cannot have is `Refused`, with the key of a sentence in `words.py`.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import repeat
from pathlib import Path
from typing import Any

import torch
from transformers import (
    AutoModelForCausalLM,
    AutoModelForMaskedLM,
    AutoModelForSeq2SeqLM,
    AutoTokenizer,
    PreTrainedModel,
    StoppingCriteria,
    StoppingCriteriaList,
    TextIteratorStreamer,
)

from desdecero.eval_suites.sampling import GAP, answer_spans, with_gaps
from desdecero.eval_suites.scoring import sentinel_ids

FIRST_TOKEN_SECONDS = 120  # a large model on a slow machine reads a full context in less; then something is wrong
ANSWER_SECONDS = 120  # for one answer, however long it was to be: others wait for their turn
PROMPT_CHARACTERS = 50_000  # some 12,000 tokens of prose: more than a model of this project reads at a time
FILLINGS = 5


class Refused(Exception):
    """`key` names the sentence of `words.py` that says why, and `values` fill it in."""

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
    """A causal model. It writes one text at a time: the random numbers are torch's own."""

    def __init__(self, folder: Path):
        self.tokenizer = load_tokenizer(folder)
        self.model = load(AutoModelForCausalLM, folder)
        self.context_length: int = self.model.config.max_position_embeddings

    def write(self, wish: Wish) -> Iterator[Written]:
        """What the model writes, longer each time. Closing the iterator stops the model.

        A prompt that leaves no room in the model's context is cut from the left.
        """
        check_wish(wish, self.context_length)
        prompt = self.tokenizer.encode(wish.prompt, add_special_tokens=False, split_special_tokens=True)
        read, left_out = cut(prompt, self.context_length - 1 - int(wish.length))
        # Every document that the model saw came after the end of another one.
        ids = torch.tensor([[self.tokenizer.eos_token_id, *read]], device=self.model.device)
        streamer = TextIteratorStreamer(
            self.tokenizer, skip_prompt=True, skip_special_tokens=True, timeout=FIRST_TOKEN_SECONDS
        )
        stop, text, begun = threading.Event(), "", time.monotonic()
        with ThreadPoolExecutor(1) as thread:
            answer = thread.submit(self._generate, ids, wish, streamer, stop)
            try:
                for piece in streamer:
                    text += piece
                    yield Written(text, left_out, None)
            finally:
                stop.set()
        yield Written(text, left_out, answer.result(), time.monotonic() - begun >= ANSWER_SECONDS)

    def _generate(self, ids: torch.Tensor, wish: Wish, streamer: TextIteratorStreamer, stop: threading.Event) -> int:
        """Feed the streamer; return how many tokens were written."""
        torch.manual_seed(int(wish.seed))
        try:
            written = self.model.generate(  # type: ignore[operator]
                ids,
                attention_mask=torch.ones_like(ids),
                max_new_tokens=int(wish.length),
                max_time=ANSWER_SECONDS,
                streamer=streamer,
                stopping_criteria=StoppingCriteriaList([Stopped(stop)]),
                **sampling(wish),
            )
        except BaseException:
            streamer.end()  # or its reader would wait for ever
            raise
        return written.shape[1] - ids.shape[1]


class Stopped(StoppingCriteria):
    def __init__(self, stop: threading.Event):
        self.stop = stop

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor, **kwargs: Any) -> torch.Tensor:
        return torch.full((input_ids.shape[0],), self.stop.is_set(), device=input_ids.device)


class Filler:
    """A masked model."""

    def __init__(self, folder: Path):
        self.tokenizer = load_tokenizer(folder)
        self.model = load(AutoModelForMaskedLM, folder)
        self.context_length: int = self.model.config.max_position_embeddings

    @torch.inference_mode()
    def fill(self, text: str) -> Filled:
        """Every mask is filled with the others still masked."""
        check_text(text)
        end, mask = self.tokenizer.eos_token_id, self.tokenizer.mask_token_id
        ids, left_out = cut(self.tokenizer.encode(text, add_special_tokens=False), self.context_length - 2)
        if mask not in ids:
            raise Refused("refused_mask_cut" if left_out else "refused_no_mask", mask=self.tokenizer.mask_token)
        # As in training: a text comes after the end of another one, and is closed itself.
        framed = torch.tensor([[end, *ids, end]], device=self.model.device)
        logits = self.model(framed).logits[0, framed[0] == mask]
        best = logits.softmax(dim=-1).topk(FILLINGS)
        rows = zip(best.indices.tolist(), best.values.tolist(), strict=True)
        return Filled([[self._filling(*pair) for pair in zip(*row, strict=True)] for row in rows], left_out)

    def _filling(self, token: int, probability: float) -> Filling:
        return Filling(self.tokenizer.convert_ids_to_tokens([token])[0], probability)


class SpanFiller:
    """An encoder–decoder. It fills one text at a time: the random numbers are torch's own."""

    def __init__(self, folder: Path):
        self.tokenizer = load_tokenizer(folder)
        self.model = load(AutoModelForSeq2SeqLM, folder)
        self.context_length: int = self.model.config.max_position_embeddings
        self.sentinels = sentinel_ids(self.tokenizer)

    def fill(self, wish: Wish) -> Completed:
        """Each `[MASK]` of the prompt is filled with up to `length` tokens; a text without one is gone on with.

        A prompt beyond the model's context is cut from the left.
        """
        check_wish(wish, self.context_length)
        text = wish.prompt if GAP in wish.prompt else wish.prompt + GAP
        end, *ids = with_gaps(self.tokenizer, text, repeat(-1))
        ids, left_out = cut(ids, self.context_length - 1)
        if not 0 < (gaps := ids.count(-1)) <= len(self.sentinels):
            raise Refused("refused_gaps" if gaps else "refused_mask_cut", mask=GAP, most=len(self.sentinels))
        sentinels = iter(self.sentinels)
        read = [end, *(next(sentinels) if token == -1 else token for token in ids)]
        torch.manual_seed(int(wish.seed))
        how = {**sampling(wish), "max_time": ANSWER_SECONDS / gaps}
        answers = answer_spans(self.model, self.tokenizer, read, gaps, int(wish.length), **how)
        pieces = [piece.removesuffix(" ") for piece in text.split(GAP)[:-1]] + text.split(GAP)[-1:]
        lost = len(pieces) - 1 - gaps  # gaps in the part that was left out stay as they were written
        pieces = [f" {GAP}".join(pieces[: lost + 1]), *pieces[lost + 1 :]]
        before = [read[place - 1] for place, token in enumerate(ids, start=1) if token == -1]
        return Completed(pieces, [self._after(*both) for both in zip(before, answers, strict=True)], left_out)

    def _after(self, before: int, answer: list[int]) -> str:
        """An answer in words, with a space where the tokenizer puts one between it and the token before it."""
        alone = self.tokenizer.decode([before], skip_special_tokens=True)
        return self.tokenizer.decode([before, *answer], skip_special_tokens=True).removeprefix(alone)


def sampling(wish: Wish) -> dict[str, Any]:
    """How `generate` is asked to draw."""
    if wish.temperature == 0:
        return {"do_sample": False}
    return {"do_sample": True, "temperature": wish.temperature, "top_p": wish.top_p, "top_k": 0}


def load_tokenizer(folder: Path) -> Any:
    return AutoTokenizer.from_pretrained(folder, local_files_only=True)


def load(kind: Any, folder: Path) -> PreTrainedModel:
    """The model in evaluation mode, on the accelerator where there is one.

    Its weights are copied: safetensors maps the file into memory, where a later edit of the file would show.
    """
    device = "cuda" if torch.cuda.is_available() else "cpu"
    model = kind.from_pretrained(folder, local_files_only=True)
    for tensor in (*model.parameters(), *model.buffers()):
        tensor.data = tensor.data.clone()
    return model.to(device).eval()


def cut(ids: list[int], room: int) -> tuple[list[int], int]:
    """The last `room` tokens, and how many before them had to go."""
    left_out = max(0, len(ids) - room)
    return ids[left_out:], left_out


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
