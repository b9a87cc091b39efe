"""Conversations as token ids, by the chat template of a tokenizer: what a model reads, and what it is to write.

A special token's name inside a message would be encoded as that token and could end a turn or open another one. So an
invisible character is put into it, and it stays text, whatever the template does.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from jinja2 import TemplateError
from numpy.typing import NDArray
from transformers import PreTrainedTokenizerBase

from desdecero.eval_suites.models.prompts import Prompt

Messages = Sequence[Mapping[str, str]]
"""Messages of a conversation: `role` (system, user or assistant) and `content`."""
JOINER = "\u2060"
"""Word joiner, which is invisible: put after the first character of a special token that stands in a message."""
MARKED = re.compile(r"\{%-?\s*generation\b")
"""Mark of a template that tells what the model writes."""
EXAMPLE: Messages = ({"role": "user", "content": "a"}, {"role": "assistant", "content": "b"})


def chat_prompt(tokenizer: PreTrainedTokenizerBase, messages: Messages, room: int | None = None) -> Prompt:
    """Return the ids of a conversation that an answer is to follow, shortened to `room` tokens as `shortened` does.

    Raises `ValueError` for a conversation that the template refuses, and for one that cannot be shortened enough.
    """
    ids, left_out = _prompt(tokenizer, messages), 0
    if room is not None and len(ids) > room:
        fits = _prompt(tokenizer, shortened(tokenizer, messages, room, lambda some: len(_prompt(tokenizer, some))))
        if len(fits) > room:
            raise ValueError(
                f"the system message and what opens the answer are {len(fits)} tokens, and there is room for {room}: "
                "shorten the system message"
            )
        ids, left_out = fits, len(ids) - len(fits)
    return Prompt(ids, left_out)


def shortened(
    tokenizer: PreTrainedTokenizerBase, messages: Messages, room: int, size: Callable[[Messages], int]
) -> Messages:
    """Shorten a conversation until its `size`, in tokens, is at most `room`, as far as that is possible.

    Whole turns go first, from the earliest on; then the beginning of what the user said in the last turn. The system
    message and the assistant's last answers stay as they are.
    """
    while size(messages) > room and (fewer := _without_first_turn(messages)):
        messages = fewer
    for place in (place for place, message in enumerate(messages) if message["role"] == "user"):
        while (surplus := size(messages) - room) > 0 and (content := messages[place]["content"]):
            rest = {"role": "user", "content": _without_beginning(tokenizer, content, surplus)}
            messages = [*messages[:place], rest, *messages[place + 1 :]]
    return messages


def encode_conversation(
    tokenizer: PreTrainedTokenizerBase, messages: Messages
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Return the ids of a conversation up to its last answer, and which of them the assistant writes; both (tokens,).

    It writes its answers, each with the special token that ends it. Where the template does not mark them, they are
    what it adds when an answer is added to the messages before it.

    Raises `ValueError` for a conversation or a template that this cannot be told of.
    """
    if MARKED.search(_template(tokenizer)):
        ids, written = _marked(tokenizer, messages)
    else:
        ids, written = _compared(tokenizer, messages)
    end = int(np.flatnonzero(written)[-1]) + 1 if written.any() else 0
    return ids[:end], written[:end]


def answer_ends(tokenizer: PreTrainedTokenizerBase) -> tuple[int, ...]:
    """Return the tokens that end an answer: the one with which the template closes it, and the end-of-text token."""
    ids, _ = encode_conversation(tokenizer, EXAMPLE)
    end = tokenizer.eos_token_id
    return tuple(dict.fromkeys([int(ids[-1]), *([] if end is None else [end])]))


# --- text and tokens -------------------------------------------------------------------------------------------


def render(tokenizer: PreTrainedTokenizerBase, messages: Messages, opens_answer: bool = False) -> str:
    """Return a conversation as the template writes it, with the beginning of an answer if it `opens_answer`."""
    return str(_apply(tokenizer, messages, tokenize=False, add_generation_prompt=opens_answer))


def _prompt(tokenizer: PreTrainedTokenizerBase, messages: Messages) -> list[int]:
    found: Any = tokenizer(render(tokenizer, messages, opens_answer=True), add_special_tokens=False, verbose=False)
    ids: list[int] = found["input_ids"]
    return ids


def _apply(tokenizer: PreTrainedTokenizerBase, messages: Messages, **options: Any) -> Any:
    _template(tokenizer)
    names = _special(tokenizer)
    safe = [
        {**message, "content": names.sub(lambda found: found[0][0] + JOINER + found[0][1:], message["content"])}
        for message in messages
    ]
    try:
        return tokenizer.apply_chat_template(safe, **options)
    except TemplateError as error:
        raise ValueError(f"the chat template refuses the conversation ({error})") from None


def _template(tokenizer: PreTrainedTokenizerBase) -> str:
    template: str | None = tokenizer.chat_template
    if template is None:
        raise ValueError("the tokenizer has no chat template")
    return template


def _special(tokenizer: PreTrainedTokenizerBase) -> re.Pattern[str]:
    """Return the pattern that finds the names of special tokens in a text, the longest where several begin."""
    names = {token.content for token in tokenizer.added_tokens_decoder.values() if token.special}
    return re.compile("|".join(map(re.escape, sorted(names, key=len, reverse=True))) or "(?!)")


# --- what the assistant writes ---------------------------------------------------------------------------------


def _marked(tokenizer: PreTrainedTokenizerBase, messages: Messages) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Read what the assistant writes from the template's marks; some leave out the token that ends an answer."""
    quiet = {"verbose": False}  # transformers warns of what is longer than the context
    found = _apply(tokenizer, messages, return_dict=True, return_assistant_tokens_mask=True, tokenizer_kwargs=quiet)
    ids, written = np.array(found["input_ids"]), np.array(found["assistant_masks"], dtype=np.bool_)
    special = np.isin(ids, tokenizer.all_special_ids)
    written[1:] |= written[:-1] & ~special[:-1] & special[1:]
    return ids, written


def _compared(tokenizer: PreTrainedTokenizerBase, messages: Messages) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Find what the assistant writes by rendering the conversation before and after each answer."""
    whole, special, spans = render(tokenizer, messages), _special(tokenizer), []
    for place, message in enumerate(messages):
        if message["role"] != "assistant":
            continue
        before = render(tokenizer, messages[:place], opens_answer=True)
        after = render(tokenizer, messages[: place + 1])
        if not (after.startswith(before) and whole.startswith(after)):
            raise ValueError(
                f"message {place + 1} is written otherwise by the chat template once others follow, so that it cannot "
                "be told where the answer stands: mark it with {% generation %} in the template"
            )
        end = special.search(after, len(before))
        if end is None:
            raise ValueError("the chat template ends an answer with no special token: nothing would stop the model")
        spans.append((len(before), end.end()))
    read: Any = tokenizer(whole, add_special_tokens=False, return_offsets_mapping=True, verbose=False)
    written = [any(start < last and end > first for first, last in spans) for start, end in read["offset_mapping"]]
    return np.array(read["input_ids"]), np.array(written, dtype=np.bool_)


# --- what is left out ------------------------------------------------------------------------------------------


def _without_first_turn(messages: Messages) -> Messages:
    """Leave out what stands before the second turn of the user, but for the system message; [] for a single turn."""
    system = [message for message in messages[:1] if message["role"] == "system"]
    roles = [message["role"] for message in messages]
    begins = (i for i in range(len(system) + 1, len(roles)) if roles[i] == "user" != roles[i - 1])
    second = next(begins, None)
    return [] if second is None else [*system, *messages[second:]]


def _without_beginning(tokenizer: PreTrainedTokenizerBase, text: str, tokens: int) -> str:
    """Leave out the first tokens of a text, and at least its first character."""
    read: Any = tokenizer(
        text, add_special_tokens=False, split_special_tokens=True, return_offsets_mapping=True, verbose=False
    )
    offsets = read["offset_mapping"]
    return text[max(1, offsets[tokens][0]) :] if tokens < len(offsets) else ""
