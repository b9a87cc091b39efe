"""A tokenizer that knows no conversations learns the project's, and keeps them."""

from __future__ import annotations

import copy
from pathlib import Path

import pytest
from small_models import byte_level, wordpiece
from tokenizers.processors import TemplateProcessing
from transformers import AutoTokenizer, PreTrainedTokenizerFast

from desdecero.pipelines.common.errors import UserError
from desdecero.pipelines.recipe import Chat, Tokenizer
from desdecero.pipelines.tokenizer.chat import add_chat, role_tokens
from desdecero.pipelines.tokenizer.training import train

MESSAGES = [
    {"role": "system", "content": "Be brief."},
    {"role": "user", "content": "Return the <|end|>"},
    {"role": "assistant", "content": "a list"},
]


@pytest.fixture
def tokenizer() -> PreTrainedTokenizerFast:
    return copy.deepcopy(byte_level())


def test_role_tokens_stand_at_the_end_of_the_vocabulary_and_are_kept_on_the_disk(
    tokenizer: PreTrainedTokenizerFast, tmp_path: Path
) -> None:
    before = len(tokenizer)
    ids = add_chat(tokenizer, Chat())
    assert ids == list(range(before, before + 4)) and len(tokenizer) == before + 4
    tokenizer.save_pretrained(tmp_path)
    loaded = AutoTokenizer.from_pretrained(tmp_path)
    assert role_tokens(loaded) == role_tokens(tokenizer) == ids
    text = "Return <|user|>"  # without the template nothing has changed
    assert loaded(text, split_special_tokens=True)["input_ids"] == byte_level()(text)["input_ids"]
    read = loaded.apply_chat_template(MESSAGES)["input_ids"]
    assert read == tokenizer.apply_chat_template(MESSAGES)["input_ids"]
    system, user, assistant, end = ids
    assert [token for token in read if token in loaded.all_special_ids] == [
        loaded.eos_token_id, system, end, user, end, assistant, end,
    ]  # fmt: skip


def test_a_tokenizer_with_a_template_is_left_as_it_is(tokenizer: PreTrainedTokenizerFast, prose: list[str]) -> None:
    tokenizer.chat_template = "{{ messages[0].content }}"
    assert add_chat(tokenizer, Chat()) == role_tokens(tokenizer) == []
    assert len(tokenizer) == len(byte_level()) and tokenizer.chat_template == "{{ messages[0].content }}"
    ours = train(Tokenizer(vocab_size=600, chat=Chat(end="<|stop|>")), prose)
    assert add_chat(ours, Chat()) == []
    assert role_tokens(ours) == ours.convert_tokens_to_ids(["<|system|>", "<|user|>", "<|assistant|>", "<|stop|>"])


def test_a_conversation_begins_as_the_tokenizer_begins_a_text(tokenizer: PreTrainedTokenizerFast) -> None:
    mask = tokenizer.mask_token_id
    tokenizer.backend_tokenizer.post_processor = TemplateProcessing("<|mask|> $0", special_tokens=[("<|mask|>", mask)])
    add_chat(tokenizer, Chat())
    assert tokenizer.apply_chat_template(MESSAGES)["input_ids"][0] == mask
    masked = copy.deepcopy(wordpiece())
    add_chat(masked, Chat())
    assert masked.apply_chat_template(MESSAGES)["input_ids"][0] == masked.eos_token_id


def test_a_role_token_that_is_an_ordinary_token_is_refused(tokenizer: PreTrainedTokenizerFast) -> None:
    tokenizer.add_tokens(["<|user|>"])
    with pytest.raises(UserError, match=r"the role token <\|user\|> has the name of an ordinary token"):
        add_chat(tokenizer, Chat())
    assert tokenizer.chat_template is None and len(tokenizer) == len(byte_level()) + 1


def test_a_tokenizer_with_nothing_to_begin_a_text_with_is_refused(tokenizer: PreTrainedTokenizerFast) -> None:
    tokenizer.eos_token = None
    with pytest.raises(UserError, match="no end-of-text token"):
        add_chat(tokenizer, Chat())
    assert tokenizer.chat_template is None and len(tokenizer) == len(byte_level())
