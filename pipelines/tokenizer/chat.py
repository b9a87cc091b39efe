"""Chat template of a tokenizer: renders messages as one text, with `apply_chat_template`.

    <|endoftext|><|user|>What is a mode?<|end|><|assistant|>The commonest value.<|end|>

A conversation begins, as every text does, with the end-of-text token. The rendered text is encoded with special tokens,
so a special token inside a message would become one: the template inserts an invisible word joiner (U+2060) after its
first character, and it stays text, also in other programs that run the template.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

from desdecero.pipelines.recipe import Chat

JOINER = "\u2060"
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
