"""A conversation is read by the tokenizer's template, and answered up to the token that ends an answer."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
from small_models import byte_level, language_model, random_model, reading
from transformers import PreTrainedTokenizerFast

from desdecero.eval_suites.models.chat import JOINER, answer_ends, chat_prompt, encode_conversation, shortened
from desdecero.eval_suites.models.decoding import Decoding
from desdecero.eval_suites.models.interface import LanguageModel
from desdecero.eval_suites.models.load import kind_of
from desdecero.pipelines.recipe import Chat
from desdecero.pipelines.tokenizer.chat import add_chat

CHATML = """\
{%- for message in messages -%}
<|im_start|>{{ message.role }}
{{ message.content | trim }}<|im_end|>
{% endfor -%}
{%- if add_generation_prompt -%}<|im_start|>assistant
{% endif -%}"""
"""As many published models have it: no mark of what the model writes, and the end of a turn ends texts too."""
INSTRUCTIONS = """\
{%- if messages[0].role == "system" -%}{{- raise_exception("no system here") -}}{%- endif -%}
{%- for message in messages -%}
{%- if message.role == "user" -%}<|im_start|>[INST] {{ message.content }} [/INST]
{%- else %} {{ message.content }} {{ eos_token }}{%- endif -%}
{%- endfor -%}"""
"""As Llama 2 has it: nothing is written before an answer, and blanks are around it."""
MARKED_WITHOUT_END = CHATML.replace(
    "{{ message.content | trim }}",
    "{% if message.role == 'assistant' %}{% generation %}{{ message.content }}{% endgeneration %}"
    "{% else %}{{ message.content }}{% endif %}",
)
LONG: list[dict[str, str]] = [
    {"role": "system", "content": "Be brief."},
    {"role": "user", "content": "Return the first value of the list."},
    {"role": "assistant", "content": "the first"},
    {"role": "user", "content": "Return the other."},
    {"role": "user", "content": "And the last of all the others."},
    {"role": "assistant", "content": "the last"},
]


def ours(architecture: str = "llama") -> PreTrainedTokenizerFast:
    tokenizer = copy.deepcopy(reading(architecture))
    add_chat(tokenizer, Chat())
    return tokenizer


def foreign(template: str) -> PreTrainedTokenizerFast:
    tokenizer = copy.deepcopy(byte_level())
    tokenizer.add_special_tokens({"extra_special_tokens": ["<|im_start|>"], "eos_token": "<|im_end|>"})
    tokenizer.chat_template = template
    return tokenizer


def chatting(architecture: str, seed: int = 0) -> LanguageModel:
    model, tokenizer = random_model(architecture, seed, context_length=64), ours(architecture)
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model.resize_token_embeddings(len(tokenizer), mean_resizing=False)
    return kind_of(architecture)(model, tokenizer)


def size(tokenizer: PreTrainedTokenizerFast) -> Any:
    return lambda messages: len(encode_conversation(tokenizer, messages)[0])


# --- what is read, and what is written -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("template", "answers"),
    [
        (None, ["the first<|end|>", "the last<|end|>"]),
        (CHATML, ["the first<|im_end|>", "the last<|im_end|>"]),
        (MARKED_WITHOUT_END, ["the first<|im_end|>", "the last<|im_end|>"]),
        (INSTRUCTIONS, [" the first <|im_end|>", " the last <|im_end|>"]),
    ],
    ids=["ours", "chatml", "marked", "instructions"],
)
def test_the_model_writes_its_answers_and_what_ends_them(template: str | None, answers: list[str]) -> None:
    tokenizer = ours() if template is None else foreign(template)
    messages = LONG[1:] if template == INSTRUCTIONS else LONG
    ids, written = encode_conversation(tokenizer, messages)
    begins = [place for place in range(len(ids)) if written[place] and not written[place - 1]]
    ends = [place + 1 for place in range(len(ids)) if written[place] and not written[place + 1 : place + 2].any()]
    assert [tokenizer.decode(ids[begin:end]) for begin, end in zip(begins, ends, strict=True)] == answers
    for begin, count in zip(begins, (3, 6), strict=True):  # what is read when it is asked for is what was trained
        asked = messages[: count - 1 - len(LONG) + len(messages)]
        assert ids[:begin].tolist() == chat_prompt(tokenizer, asked).ids
    assert answer_ends(tokenizer)[0] == ids[-1] and ends[-1] == len(ids)
    assert tokenizer.eos_token_id in answer_ends(tokenizer)


@pytest.mark.parametrize("template", [None, CHATML])
def test_a_special_token_in_a_message_stays_text(template: str | None) -> None:
    tokenizer = ours() if template is None else foreign(template)
    plain = chat_prompt(tokenizer, [{"role": "user", "content": "a b"}]).ids
    special = set(tokenizer.all_special_ids)
    for token in tokenizer.all_special_tokens:
        ids = chat_prompt(tokenizer, [{"role": "user", "content": f"a {token} b"}]).ids
        assert [i for i in ids if i in special] == [i for i in plain if i in special], token
        assert f"a {token} b" in tokenizer.decode(ids).replace(JOINER, "")


def test_what_a_template_refuses_or_hides_is_said_in_a_sentence() -> None:
    with pytest.raises(ValueError, match="the tokenizer has no chat template"):
        chat_prompt(byte_level(), LONG[:2])
    with pytest.raises(ValueError, match=r"the chat template refuses the conversation \(no system here\)"):
        chat_prompt(foreign(INSTRUCTIONS), LONG[:2])
    counting = CHATML.replace("{{ message.role }}", "{{ messages | length }} {{ message.role }}")
    with pytest.raises(ValueError, match="message 3 is written otherwise by the chat template once others follow"):
        encode_conversation(foreign(counting), LONG)
    with pytest.raises(ValueError, match="ends an answer with no special token"):
        encode_conversation(foreign(CHATML.replace("<|im_end|>", "").replace("<|im_start|>", "")), LONG)


# --- what is too long ------------------------------------------------------------------------------------------


def test_whole_turns_are_lost_before_a_part_of_one() -> None:
    tokenizer = ours()
    whole, last = size(tokenizer)(LONG), size(tokenizer)([LONG[0], *LONG[3:]])
    assert shortened(tokenizer, LONG, whole, size(tokenizer)) == LONG
    for room in (whole - 1, last):
        assert shortened(tokenizer, LONG, room, size(tokenizer)) == [LONG[0], *LONG[3:]]


def test_the_last_turn_loses_the_beginning_of_what_the_user_says() -> None:
    tokenizer = ours()
    last = size(tokenizer)([LONG[0], *LONG[3:]])
    least = size(tokenizer)([LONG[0], *({**LONG[3], "content": ""} for _ in range(2)), LONG[-1]])
    for room in range(last - 1, least - 1, -1):
        found = shortened(tokenizer, LONG, room, size(tokenizer))
        assert size(tokenizer)(found) <= room
        assert [found[0], found[-1]] == [LONG[0], LONG[-1]]
        assert all(LONG[3 + i]["content"].endswith(found[1 + i]["content"]) for i in range(2))
        assert found[1]["content"] == "" or found[2] == LONG[4]  # the first message goes first
    assert [m["content"] for m in shortened(tokenizer, LONG, 1, size(tokenizer))] == ["Be brief.", "", "", "the last"]


def test_a_prompt_is_cut_to_its_room_or_refused() -> None:
    tokenizer = ours()
    whole = chat_prompt(tokenizer, LONG[:-1])
    cut = chat_prompt(tokenizer, LONG[:-1], room=20)
    assert len(cut.ids) <= 20 and cut.left_out == len(whole.ids) - len(cut.ids) > 0 == whole.left_out
    assert tokenizer.decode(cut.ids).startswith("<|endoftext|><|system|>Be brief.<|end|><|user|>")
    with pytest.raises(ValueError, match="there is room for 6: shorten the system message"):
        chat_prompt(tokenizer, LONG[:-1], room=6)


# --- answers ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("architecture", ["llama", "t5"])
def test_an_answer_is_the_likeliest_token_after_token_up_to_one_that_ends_it(architecture: str) -> None:
    model, messages = chatting(architecture), LONG[1:2]
    prompt = chat_prompt(model.tokenizer, messages).ids
    written = [model.model.config.decoder_start_token_id] if architecture == "t5" else prompt
    begin = len(written)
    for _ in range(8):
        asked = {"decoder_input_ids": torch.tensor([written])} if architecture == "t5" else {}
        read = torch.tensor([prompt if architecture == "t5" else written])
        with torch.no_grad():
            written = [*written, int(model.model(input_ids=read, **asked).logits[0, -1].argmax())]
    expected = written[begin:]
    assert not set(model.answer_ends) & set(expected)
    (answer,) = model.reply([messages], Decoding(8))
    assert answer.prompt.ids == prompt and answer.written == [expected]
    model.answer_ends = (model.answer_ends[0], expected[-1])  # the template closes answers with a likelier token
    stopped = expected[: expected.index(expected[-1])]
    assert model.reply([messages], Decoding(20))[0].written == [stopped]
    *_, last = model.stream_reply(messages, Decoding(20))
    assert last.tokens == stopped


def test_a_long_conversation_leaves_room_for_the_answer() -> None:
    model = chatting("llama")
    (answer,) = model.reply([[*LONG[1:3] * 8, LONG[3]]], Decoding(30, min_tokens=30))
    assert len(answer.prompt.ids) <= 64 - 30 and answer.prompt.left_out > 0 and len(answer.written[0]) == 30


def test_a_model_that_only_fills_gaps_cannot_answer() -> None:
    model = language_model("bert")
    add_chat(tokenizer := copy.deepcopy(model.tokenizer), Chat())
    model.tokenizer = tokenizer
    with pytest.raises(ValueError, match="cannot answer a conversation"):
        model.reply([LONG[1:2]], Decoding(2))
