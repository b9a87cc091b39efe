"""Conversations as token ids and targets: the loss is on the assistant's answers and the tokens that end them.

A causal model reads the whole conversation, and all answers in it are targets. An encoder–decoder reads the
conversation up to its last answer, and writes that.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from transformers import PreTrainedTokenizerBase

from desdecero.eval_suites.models.batching import IGNORED
from desdecero.eval_suites.models.chat import Messages, chat_prompt, encode_conversation, shortened
from desdecero.eval_suites.models.kinds import Objective
from desdecero.pipelines.common.errors import UserError
from desdecero.pipelines.finetuning.example import Example

Pair = tuple[NDArray[np.int32], NDArray[np.int32]]
"""Inputs and targets of an example; `IGNORED` marks targets that do not count."""


@dataclass(frozen=True)
class Conversations:
    """Conversations to train on."""

    pairs: list[Pair]
    shortened: int
    """Number of conversations that were longer than the context, and lost turns, or a part of a message."""


def encode_conversations(
    examples: Iterable[Example], tokenizer: PreTrainedTokenizerBase, length: int, objective: Objective
) -> Conversations:
    """Return inputs and targets of each example, by the tokenizer's chat template.

    length: tokens that the model reads at once. Of a causal model, inputs are all tokens of the conversation but the
    last, at most `length`, and the target of each is the next one; of an encoder–decoder, the answer has at most
    `length` targets. A conversation that is longer loses its earliest turns, then the beginning of what the user says,
    and then the end of the answer.

    Raises `UserError`, with the place, for one that has no target left, or cannot be rendered; and for a model that
    writes no text.
    """
    if objective == "masked":
        raise UserError(
            "a masked model reads and writes no text, so that it cannot be trained on conversations: take a causal "
            "model or an encoder–decoder as the base, or another task"
        )
    encode, pairs, cut = _whole if objective == "causal" else _question_and_answer, [], 0
    for example in examples:
        messages = [{"role": message.role, "content": message.content} for message in example.messages]
        try:
            pair, complete = encode(tokenizer, messages, length)
        except ValueError as error:
            raise UserError(f"{example.place}: {error}") from None
        if not (pair[1] != IGNORED).any():
            raise UserError(
                f"{example.place}: nothing of an answer is left within the context of {length} tokens: shorten the "
                "messages before it, or take the example out"
            )
        pairs.append(pair)
        cut += not complete
    return Conversations(pairs, cut)


def _whole(tokenizer: PreTrainedTokenizerBase, messages: Messages, length: int) -> tuple[Pair, bool]:
    """Return the inputs and targets for a causal model, and whether they are the whole conversation."""
    ids, written = encode_conversation(tokenizer, messages)
    complete = len(ids) <= length + 1
    if not complete:
        messages = shortened(tokenizer, messages, length + 1, lambda some: len(encode_conversation(tokenizer, some)[0]))
        ids, written = encode_conversation(tokenizer, messages)
        ids, written = ids[: length + 1], written[: length + 1]
    targets = np.where(written, ids, IGNORED)[1:]
    return (ids[:-1].astype(np.int32), targets.astype(np.int32)), complete


def _question_and_answer(tokenizer: PreTrainedTokenizerBase, messages: Messages, length: int) -> tuple[Pair, bool]:
    """Return the inputs and targets for an encoder–decoder, and whether they are the whole conversation."""
    read = chat_prompt(tokenizer, messages[:-1], length)
    ids, written = encode_conversation(tokenizer, messages)
    begin = len(ids) - int(np.argmin(np.r_[written[::-1], False]))
    answer = ids[begin : begin + length]
    complete = not read.left_out and len(ids) - begin <= length
    return (np.array(read.ids, np.int32), answer.astype(np.int32)), complete
