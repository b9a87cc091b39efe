"""Chat template of a tokenizer: renders messages as one text, with `apply_chat_template`.

    <|endoftext|><|user|>What is a mode?<|end|><|assistant|>The commonest value.<|end|>

A conversation begins, as every text does, with the end-of-text token. The rendered text is encoded with special tokens,
so a special token inside a message would become one: the template inserts an invisible word joiner (U+2060) after its
first character, and it stays text, also in other programs that run the template.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence

from transformers import PreTrainedTokenizerFast

from desdecero.eval_suites.models.chat import JOINER
from desdecero.pipelines.common.errors import UserError
from desdecero.pipelines.recipe import Chat

_TEMPLATE = """\
{%- macro words(text) -%}
  {%- set safe = namespace(text=text) -%}
  {%- for token in SPECIAL -%}
    {%- set safe.text = safe.text.replace(token, token[:1] ~ JOINER ~ token[1:]) -%}
  {%- endfor -%}
  {{- safe.text -}}
{%- endmacro -%}
{{- OPENING -}}
{%- for message in messages -%}
  {%- if message.role == "assistant" -%}
    {{- ASSISTANT -}}
    {%- generation -%}{{- words(message.content) -}}{{- END -}}{%- endgeneration -%}
  {%- elif message.role == "user" -%}
    {{- USER -}}{{- words(message.content) -}}{{- END -}}
  {%- elif message.role == "system" -%}
    {{- SYSTEM -}}{{- words(message.content) -}}{{- END -}}
  {%- else -%}
    {{- raise_exception("a message is of system, user or assistant, and this one is of " ~ message.role) -}}
  {%- endif -%}
{%- endfor -%}
{%- if add_generation_prompt -%}{{- ASSISTANT -}}{%- endif -%}
"""

ROLES = ("SYSTEM", "USER", "ASSISTANT", "END")
"""Names of the role tokens in the template."""


def chat_template(chat: Chat, opening: str, special: Sequence[str]) -> str:
    """Return the template with its tokens filled in.

    opening: token before a conversation; special: all special tokens
    """
    values = {
        "SPECIAL": list(special),
        "JOINER": JOINER,
        "OPENING": opening,
        "SYSTEM": chat.system,
        "USER": chat.user,
        "ASSISTANT": chat.assistant,
        "END": chat.end,
    }
    # Without escapes: llama.cpp's template parser does not support \u2060.
    named = "".join(
        f"{{%- set {name} = {json.dumps(value, ensure_ascii=False)} -%}}\n" for name, value in values.items()
    )
    return named + _TEMPLATE


def add_chat(tokenizer: PreTrainedTokenizerFast, chat: Chat) -> list[int]:
    """Give a tokenizer without a chat template this one; return the ids of its role tokens.

    Role tokens that the vocabulary lacks are added at its end: the model's embeddings must then grow. A conversation
    begins as the tokenizer begins a text itself, or else with the end-of-text token. A tokenizer with a template is
    left as it is, and the result is empty.

    Raises `UserError` for the name of an ordinary token, and for a tokenizer without a token to begin with.
    """
    if tokenizer.chat_template is not None:
        return []
    vocabulary = tokenizer.get_vocab()
    special = {token.content for token in tokenizer.added_tokens_decoder.values() if token.special}
    if taken := sorted(set(chat.tokens) & vocabulary.keys() - special):
        raise UserError(
            f"the role token {taken[0]} has the name of an ordinary token of this tokenizer: give the tokenizer a chat "
            "template of its own, or take another base"
        )
    opening = _opening(tokenizer)
    tokenizer.add_special_tokens({"extra_special_tokens": list(chat.tokens)}, replace_extra_special_tokens=False)
    known = [token for _, token in sorted(tokenizer.added_tokens_decoder.items()) if token.special]
    names = [token.content for token in known]
    tokenizer.chat_template = chat_template(chat, opening, names)
    return role_tokens(tokenizer)


def role_tokens(tokenizer: PreTrainedTokenizerFast) -> list[int]:
    """Return the ids of the tokens of system, user, assistant and the end of a turn; [] for another template."""
    template = tokenizer.chat_template
    if not isinstance(template, str) or not template.rstrip().endswith(_TEMPLATE.rstrip()):
        return []
    names = dict(re.findall(r"^\{%- set (\w+) = (.*) -%\}$", template, re.MULTILINE))
    vocabulary = tokenizer.get_vocab()
    return [vocabulary[json.loads(names[role])] for role in ROLES]


def _opening(tokenizer: PreTrainedTokenizerFast) -> str:
    from desdecero.eval_suites.models.frames import special_frame  # torch, which no tokenizer needs to be trained

    begin, _ = special_frame(tokenizer) or ([], [])
    tokens = tokenizer.convert_ids_to_tokens(begin) if begin else [tokenizer.eos_token]
    if tokens[0] is None:
        raise UserError("the tokenizer has no end-of-text token, with which a conversation begins: set its eos_token")
    return "".join(tokens)
