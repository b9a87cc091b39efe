"""Generate text with the model of a run: continue a prompt, or fill the masked words or gaps of a text.

    for partial in Writer(run.model).write(GenerationRequest("Return the", length=40)): print(partial.text)
    Filler(run.model).fill("Return the [MASK] of the array.").masks[0]
    SpanFiller(run.model).fill(GenerationRequest("Return the [MASK] of the array.")).answers[0]

A request that the model cannot fulfil raises `InvalidRequest`, with the key of a sentence in the catalogue's section
`refusal`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

from desdecero.eval_suites.models.chat import Messages
from desdecero.eval_suites.models.decoding import Decoding
from desdecero.eval_suites.models.interface import LanguageModel
from desdecero.eval_suites.models.load import load
from desdecero.eval_suites.models.prompts import GAP, GAP_ID, PartialText

ANSWER_SECONDS = 120  # for one answer of any length: other users are waiting
PROMPT_CHARACTERS = 50_000  # some 12,000 tokens of prose: more than a model of this project reads at a time


class InvalidRequest(Exception):
    """A request that the model cannot fulfil.

    key: key of the sentence that gives the reason, in the section `refusal`; values: the values in that sentence
    """

    def __init__(self, key: str, **values: Any):
        super().__init__(key)
        self.key, self.values = key, values


@dataclass(frozen=True)
class GenerationRequest:
    """Prompt and settings, as they were sent: `check_request` validates them."""

    prompt: str
    length: int = 60
    """Maximum number of tokens to write; for an encoder–decoder, in each gap."""
    temperature: float = 0.8
    """0 takes the most probable token each time."""
    top_p: float = 0.95
    """Draw among the most probable tokens that make up this share (Holtzman et al. 2020, §3.1)."""
    seed: int = 0


@dataclass(frozen=True)
class Filling:
    """A token for a mask, and its probability."""

    token: str
    probability: float


@dataclass(frozen=True)
class Filled:
    """A text whose masks a masked model has filled."""

    masks: list[list[Filling]]
    """The most probable tokens of each `[MASK]`, in order."""
    left_out: int
    """Tokens at the text's beginning that the model could not read."""


@dataclass(frozen=True)
class Completed:
    """A text whose gaps an encoder–decoder has filled."""

    pieces: list[str]
    """Text around the gaps: one piece more than there are answers."""
    answers: list[str]
    left_out: int
    """Tokens at the text's beginning that the model could not read."""


class Writer:
    """A causal model, which continues a prompt."""

    def __init__(self, folder: Path):
        self.model = load_own(folder)
        self.context_length = self.model.context_length

    def write(self, request: GenerationRequest) -> Iterator[PartialText]:
        """Yield the text written so far, longer each time. Closing the iterator stops the model.

        A prompt that is too long for the model's context is cut from the left. Raises `InvalidRequest`.
        """
        check_request(request, self.context_length)
        yield from self.model.stream(request.prompt, decoding(request), int(request.seed))


class Talker(Writer):
    """A model that answers in conversations; one whose tokenizer has no chat template continues what was said last."""

    def write(self, request: GenerationRequest) -> Iterator[PartialText]:
        """Yield the answer to a prompt so far, longer each time. Raises `InvalidRequest`."""
        yield from self.reply([{"role": "user", "content": request.prompt}], request)

    def reply(self, messages: Messages, request: GenerationRequest) -> Iterator[PartialText]:
        """Yield the answer to a conversation so far, longer each time; of the request, the settings count.

        A conversation that is too long loses its earliest turns. Raises `InvalidRequest`.
        """
        check_request(replace(request, prompt="".join(message["content"] for message in messages)), self.context_length)
        how, seed = decoding(request), int(request.seed)
        if self.model.tokenizer.chat_template is None:
            yield from self.model.stream(messages[-1]["content"], how, seed)
            return
        try:
            answer = self.model.stream_reply(messages, how, seed)
        except ValueError:
            raise InvalidRequest("refused_conversation") from None
        yield from answer


class Filler:
    """A masked model, which fills masked words."""

    def __init__(self, folder: Path):
        self.model = load_own(folder)
        self.context_length = self.model.context_length

    def fill(self, text: str) -> Filled:
        """Fill every mask while the others are still masked. Raises `InvalidRequest`."""
        check_text(text)
        check_gaps(self.model, text)
        (answer,) = self.model.fill([text], Decoding(1))
        names = self.model.tokenizer.convert_ids_to_tokens
        masks = [[Filling(names([each.token])[0], each.probability) for each in gap] for gap in answer.candidates]
        return Filled(masks, answer.prompt.left_out)


class SpanFiller:
    """An encoder–decoder, which fills gaps of several words."""

    def __init__(self, folder: Path):
        self.model = load_own(folder)
        self.context_length = self.model.context_length

    def fill(self, request: GenerationRequest) -> Completed:
        """Fill each `[MASK]` of the prompt with up to `length` tokens; continue a text without one.

        A prompt that is too long for the model's context is cut from the left. Raises `InvalidRequest`.
        """
        check_request(request, self.context_length)
        text = request.prompt if GAP in request.prompt else request.prompt + GAP
        check_gaps(self.model, text)
        (answer,) = self.model.fill([text], decoding(request, min_tokens=1), int(request.seed))
        ids = answer.prompt.ids
        before = [previous for previous, token in pairwise([GAP_ID, *ids]) if token == GAP_ID]
        pieces = [piece.removesuffix(" ") for piece in text.split(GAP)[:-1]] + text.split(GAP)[-1:]
        lost = len(pieces) - 1 - len(before)  # gaps in the part that was left out stay unfilled
        pieces = [f" {GAP}".join(pieces[: lost + 1]), *pieces[lost + 1 :]]
        answers = [self._after(*both) for both in zip(before, answer.written, strict=True)]
        return Completed(pieces, answers, answer.prompt.left_out)

    def _after(self, before: int, answer: list[int]) -> str:
        """Decode an answer, with a space if the tokenizer puts one between it and the token before it."""
        known = [] if before == GAP_ID else [before]  # another gap, or the beginning
        alone = self.model.decode(known, skip_special_tokens=True)
        return self.model.decode([*known, *answer], skip_special_tokens=True).removeprefix(alone)


def decoding(request: GenerationRequest, min_tokens: int = 0) -> Decoding:
    """Return the settings of a valid request as the model's interface takes them."""
    length, seconds = int(request.length), ANSWER_SECONDS
    return Decoding(length, request.temperature, top_p=request.top_p, min_tokens=min_tokens, seconds=seconds)


def load_own(folder: Path) -> LanguageModel:
    """Load a model whose weights are copies: safetensors maps the file into memory, where a later edit of the file
    would show."""
    model = load(folder)
    own_weights(model.model)
    return model


def own_weights(model: Any) -> None:
    """Replace a model's weights by copies."""
    for tensor in (*model.parameters(), *model.buffers()):
        tensor.data = tensor.data.clone()


def check_gaps(model: LanguageModel, text: str) -> None:
    """Raise `InvalidRequest` for a text with no gap in the part that the model can read, or with too many."""
    read = model.read(text)
    if not read.gaps:
        raise InvalidRequest("refused_mask_cut" if read.left_out else "refused_no_mask", mask=GAP)
    if read.gaps > model.max_gaps:
        raise InvalidRequest("refused_gaps", mask=GAP, most=model.max_gaps)


def check_request(request: GenerationRequest, context_length: int) -> None:
    """Raise `InvalidRequest` for a text or a setting that the model cannot use."""
    check_text(request.prompt)
    # One place of the context is for the end of the text before, and one for a token of the prompt.
    ranges = {"length": (1, context_length - 2), "temperature": (0, 10), "top_p": (0.01, 1), "seed": (0, 2**53)}
    for setting, (low, high) in ranges.items():
        value = getattr(request, setting)
        real = isinstance(value, int | float) and not isinstance(value, bool)
        whole = setting not in ("length", "seed") or (real and value == value // 1)
        if not (real and low <= value <= high and whole):  # NaN is not, either
            raise InvalidRequest("refused_range", setting=setting, low=low, high=high)


def check_text(text: str) -> None:
    """Raise `InvalidRequest` for anything but a text that can be encoded, and for one that is too long."""
    if not isinstance(text, str):
        raise InvalidRequest("refused_no_text")
    if len(text) > PROMPT_CHARACTERS:
        raise InvalidRequest("refused_long", length=len(text), most=PROMPT_CHARACTERS)
    try:
        text.encode()
    except UnicodeEncodeError:
        raise InvalidRequest("refused_text") from None
