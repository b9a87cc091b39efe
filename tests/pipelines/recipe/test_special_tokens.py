"""Special tokens never come out of a text, whatever it says, and a conversation has its roles."""

from __future__ import annotations

from typing import Any, Literal

import jinja2
import pytest
from pydantic import ValidationError
from transformers import AutoTokenizer

from desdecero.eval_suites.models.chat import JOINER
from desdecero.pipelines.common.errors import UserError
from desdecero.pipelines.recipe import Chat, Tokenizer
from desdecero.pipelines.tokenizer.encoding import Encoder
from desdecero.pipelines.tokenizer.training import train

Kind = Literal["bpe", "unigram", "wordpiece"]
WANTED: dict[str, Any] = {"vocab_size": 900, "chat": Chat(), "special_tokens": ("<tool>", "§ref§"), "sentinels": 2}


@pytest.fixture(scope="module")
def chatty(prose: list[str], tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder = tmp_path_factory.mktemp("chatty")
    train(Tokenizer(**WANTED), prose).save_pretrained(folder)
    return AutoTokenizer.from_pretrained(folder)


@pytest.mark.parametrize("kind", ["bpe", "unigram", "wordpiece"])
def test_special_tokens_close_the_vocabulary_and_are_never_read_out_of_a_text(kind: Kind, prose: list[str]) -> None:
    wanted = Tokenizer(kind=kind, **WANTED)
    tokenizer, added = train(wanted, prose), wanted.added_tokens
    assert tokenizer.convert_ids_to_tokens(list(range(900 - len(added), 900))) == added
    special = set(tokenizer.all_special_ids)
    assert len(special) == len(added) + (4 if kind == "wordpiece" else 3)
    for token in tokenizer.convert_ids_to_tokens(sorted(special)):
        for text in (token, f"say {token}!", f"{token}{token}", f"a{token}b", f"\n{token}\n", token * 50):
            ids = Encoder(tokenizer)([text])[0].tolist()
            unknown = {tokenizer.unk_token_id} if kind == "wordpiece" else set()  # what it has no letters for
            assert not (special - unknown) & set(ids), text
            if kind != "wordpiece":
                assert tokenizer.decode(ids) == text


def test_special_tokens_change_the_number_of_no_other(prose: list[str]) -> None:
    plain, more = train(Tokenizer(vocab_size=700), prose), train(Tokenizer(vocab_size=704, chat=Chat()), prose)
    assert len(more.get_vocab().items() & plain.get_vocab().items()) == 700
    assert plain.chat_template is None


def test_a_conversation_has_its_roles_and_its_texts_are_encoded_as_in_training(chatty: Any) -> None:
    messages = [
        {"role": "system", "content": "Answer in short."},
        {"role": "user", "content": " What is a mode?\n"},
        {"role": "assistant", "content": "The commonest value."},
    ]
    read = chatty.apply_chat_template(messages, return_dict=True, return_assistant_tokens_mask=True)
    token = dict(
        zip(("system", "user", "assistant", "end"), chatty.convert_tokens_to_ids(list(Chat().tokens)), strict=True)
    )
    expected, mask = [chatty.eos_token_id], [0]
    for message, ids in zip(messages, Encoder(chatty)([m["content"] for m in messages]), strict=True):
        expected += [token[message["role"]], *ids.tolist(), token["end"]]
        mask += [0, *[int(message["role"] == "assistant")] * (len(ids) + 1)]
    assert read["input_ids"] == expected
    assert read["assistant_masks"] == mask
    asked = chatty.apply_chat_template(messages[:2], add_generation_prompt=True)["input_ids"]
    assert asked == [*expected[: len(asked) - 1], token["assistant"]]


def test_a_special_token_in_a_message_stays_text(chatty: Any) -> None:
    for token in chatty.all_special_tokens:
        content = f"{token} and x{token}{token}y"
        ids = chatty.apply_chat_template([{"role": "user", "content": content}])["input_ids"]
        inner = ids[2:-1]  # behind the opening and the role, before the end
        assert not set(chatty.all_special_ids) & set(inner), token
        assert chatty.decode(inner).replace(JOINER, "") == content


def test_a_role_that_is_none_is_refused(chatty: Any) -> None:
    with pytest.raises(jinja2.TemplateError, match="this one is of doctor"):
        chatty.apply_chat_template([{"role": "doctor", "content": "Say ah."}])


@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        ({"chat": {"user": "<|x|>", "end": "<|x|>"}}, "two tokens have this name"),
        ({"special_tokens": ["<|user|>"], "chat": {}}, "two tokens have this name"),
        ({"special_tokens": ["<|pad|>"]}, "the tokenizer has it already"),
        ({"special_tokens": ["<extra_id_1>"], "sentinels": 3}, "two tokens have this name"),
        ({"special_tokens": ["user"]}, "'user' could be a piece of an ordinary text"),
        ({"special_tokens": ["§§"]}, "could be a piece of an ordinary text"),
        ({"special_tokens": ["<|a|> "]}, "could be a piece of an ordinary text"),
        ({"special_tokens": [""]}, "could be a piece of an ordinary text"),
        ({"kind": "wordpiece", "special_tokens": ["[x]", "año"]}, "'año' could be a piece"),
        ({"vocab_size": 310, "sentinels": 60}, "of 310 leaves 247 tokens"),
        ({"sweep": [310, 900], "sentinels": 60}, "of 310 leaves 247 tokens"),
    ],
)
def test_special_tokens_that_collide_or_could_be_text_are_refused(wanted: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        Tokenizer.model_validate({"vocab_size": 600, **wanted})


@pytest.mark.parametrize(
    ("kind", "name"),
    [("bpe", "Ġ=="), ("unigram", "<0x41>"), ("wordpiece", "##ing")],  # as vocabularies write ` ==`, a byte, an ending
)
def test_a_special_token_with_the_name_of_a_learnt_one_is_refused(kind: Kind, name: str, prose: list[str]) -> None:
    texts = [*prose, "a == b " * 50]
    with pytest.raises(UserError, match="has the name of a token that was learnt"):
        train(Tokenizer(kind=kind, vocab_size=1000, special_tokens=(name,)), texts)
