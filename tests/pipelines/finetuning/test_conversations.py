"""Of a conversation, the answers are learnt, and nothing else."""

from __future__ import annotations

import copy
from typing import Literal

import numpy as np
import pytest
from small_models import byte_level
from transformers import PreTrainedTokenizerFast

from desdecero.eval_suites.models.batching import IGNORED
from desdecero.pipelines.common.errors import UserError
from desdecero.pipelines.finetuning.conversations import encode_conversations
from desdecero.pipelines.finetuning.example import Example, Message
from desdecero.pipelines.recipe import Chat
from desdecero.pipelines.tokenizer.chat import add_chat, role_tokens

TALK = Example(
    messages=(
        Message("system", "Be brief."), Message("user", "Return the <|end|>"), Message("assistant", "a list"),
        Message("user", "of"), Message("assistant", "the items"),
    ),
    place="talks.jsonl, line 7",
)  # fmt: skip
SHORT = Example(messages=(Message("user", "of"), Message("assistant", "a list")), place="talks.jsonl, line 8")


@pytest.fixture(scope="module")
def tokenizer() -> PreTrainedTokenizerFast:
    tokenizer = copy.deepcopy(byte_level())
    add_chat(tokenizer, Chat())
    return tokenizer


def text(tokenizer: PreTrainedTokenizerFast, ids: np.ndarray) -> str:
    return tokenizer.decode(ids[ids != IGNORED].tolist())


def test_a_causal_model_learns_every_answer_and_its_end(tokenizer: PreTrainedTokenizerFast) -> None:
    found = encode_conversations([TALK, SHORT], tokenizer, 64, "causal")
    inputs, targets = found.pairs[0]
    assert text(tokenizer, targets) == "a list<|end|>the items<|end|>" and found.shortened == 0
    assert text(tokenizer, inputs).endswith("<|user|>of<|end|><|assistant|>the items")
    asked = targets[:-1] != IGNORED
    assert len(inputs) == len(targets) and (targets[:-1][asked] == inputs[1:][asked]).all()
    assert not {*role_tokens(tokenizer)[:3], tokenizer.eos_token_id} & set(targets.tolist())
    assert inputs.dtype == targets.dtype == np.int32


def test_an_encoder_decoder_reads_what_comes_before_the_last_answer(tokenizer: PreTrainedTokenizerFast) -> None:
    ((inputs, targets),) = encode_conversations([TALK], tokenizer, 64, "span_corruption").pairs
    assert text(tokenizer, targets) == "the items<|end|>" and IGNORED not in targets
    assert text(tokenizer, inputs).endswith("a list<|end|><|user|>of<|end|><|assistant|>")


@pytest.mark.parametrize("objective", ["causal", "span_corruption"])
def test_a_conversation_longer_than_the_context_is_shortened_and_counted(
    tokenizer: PreTrainedTokenizerFast, objective: Literal["causal", "span_corruption"]
) -> None:
    found = encode_conversations([TALK, SHORT], tokenizer, 20, objective)
    inputs, targets = found.pairs[0]
    assert found.shortened == 1 and len(inputs) <= 20
    opening = "<|endoftext|><|system|>Be brief.<|end|><|user|>of<|end|><|assistant|>"
    assert text(tokenizer, inputs).startswith(opening) and text(tokenizer, targets) == "the items<|end|>"
    # Fewer tokens than the answer has: its end is lost.
    inputs, targets = encode_conversations([SHORT], tokenizer, 5, objective).pairs[0]
    assert len(inputs) <= 5 and len(targets) <= 5
    assert "<|end|>a list<|end|>".find(text(tokenizer, targets)) in (0, 7)
    assert encode_conversations([SHORT], tokenizer, 64, objective).shortened == 0


def test_a_conversation_of_exactly_the_context_is_whole(tokenizer: PreTrainedTokenizerFast) -> None:
    length = len(encode_conversations([TALK], tokenizer, 99, "causal").pairs[0][0])
    assert encode_conversations([TALK], tokenizer, length, "causal").shortened == 0
    assert encode_conversations([TALK], tokenizer, length - 1, "causal").shortened == 1


@pytest.mark.parametrize(
    ("objective", "sentence"),
    [
        ("causal", "line 7: nothing of an answer is left within the context of 12 tokens"),
        ("span_corruption", "line 7: the system message and what opens the answer are 14 tokens"),
        ("masked", "a masked model reads and writes no text"),
    ],
)
def test_what_leaves_nothing_to_learn_is_refused_with_its_place(
    tokenizer: PreTrainedTokenizerFast, objective: Literal["causal", "span_corruption", "masked"], sentence: str
) -> None:
    with pytest.raises(UserError, match=sentence):
        encode_conversations([SHORT, TALK], tokenizer, 12, objective)
    with pytest.raises(UserError, match=r"no chat template|writes no text"):
        encode_conversations([SHORT], byte_level(), 12, objective)
