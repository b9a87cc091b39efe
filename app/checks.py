"""Check requests against the functions of the page: the number of values, their types and their sizes.

Each check returns a new body for gradio with checked values only. A fault raises `BadRequest` with a sentence for the
programmer who sent the request, always in English.
"""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, TypeGuard

import gradio as gr

from desdecero.app.generation import PROMPT_CHARACTERS

SESSION = re.compile(r"[A-Za-z0-9_-]{1,64}")
NUMBERS = ("number", "integer")
LARGEST = 1e300
"""Largest number that is passed on; the range of a setting is checked later, with a sentence on the page."""
MOST_MESSAGES = 200
"""Messages of a conversation: more would not fit the context of a model of this project."""


class BadRequest(Exception):
    """Fault of a request, with the HTTP status of the answer."""

    def __init__(self, sentence: str, status: int = 422):
        super().__init__(sentence)
        self.status = status


def parse_body(body: bytes) -> dict[str, Any]:
    """Parse a JSON object; raise `BadRequest` for anything else, NaN and infinity included."""
    try:
        content = json.loads(body, parse_constant=_refuse_constant)
    except (ValueError, RecursionError):
        raise BadRequest("the body is not JSON", 400) from None
    if not isinstance(content, dict):
        raise BadRequest("the body is not a JSON object", 400)
    return content


def _refuse_constant(name: str) -> float:
    raise ValueError(name)


def check_named_call(blocks: gr.Blocks, name: str, content: Mapping[str, Any], by_name: bool) -> dict[str, Any]:
    """Check a call of a public function by its name: `{"data": […]}`, or the values by their names."""
    function = next((fn for fn in blocks.fns.values() if fn.api_name == name and fn.api_visibility == "public"), None)
    if function is None or function.fn is None:
        raise BadRequest(f"this page has no function {name!r}", 404)
    parameters = inspect.signature(function.fn).parameters
    names = list(parameters)
    if not by_name:
        return {"data": _values(function.inputs, names, content.get("data"))}
    if unknown := sorted(set(content) - set(names)):
        raise BadRequest(f"{name} takes no {unknown[0]!r}: it takes {', '.join(names)}")
    defaults = {key: each.default for key, each in parameters.items() if each.default is not inspect.Parameter.empty}
    values = {**defaults, **content}
    if missing := [key for key in names if key not in values]:
        raise BadRequest(f"{name} needs a value for {', '.join(missing)}")
    _values(function.inputs, names, [values[key] for key in names])
    return {key: values[key] for key in names}


def check_queued_call(blocks: gr.Blocks, content: Mapping[str, Any]) -> dict[str, Any]:
    """Check a call that the page itself, or gradio's client, adds to the queue."""
    session, number, trigger = content.get("session_hash"), content.get("fn_index"), content.get("trigger_id")
    check_session(session)
    if type(number) is not int or number not in blocks.fns:
        raise BadRequest("fn_index is not a function of this page")
    function = blocks.fns[number]
    if function.fn is None:
        raise BadRequest("fn_index is not a function that can be called")
    names = list(inspect.signature(function.fn).parameters)
    passed = {
        "session_hash": session,
        "fn_index": number,
        "trigger_id": trigger if type(trigger) is int else None,
        "data": _values(function.inputs, names, content.get("data")),
    }
    if function.collects_event_data:
        passed["event_data"] = _selection(content.get("event_data"))
    return passed


def check_cancel(content: Mapping[str, Any]) -> dict[str, Any]:
    """Check a request to cancel a call."""
    check_session(content.get("session_hash"))
    if type(content.get("fn_index")) is not int:
        raise BadRequest("fn_index must be a whole number")
    if not isinstance(content.get("event_id"), str) or not SESSION.fullmatch(content["event_id"]):
        raise BadRequest("event_id is not the name of a call")
    return {key: content[key] for key in ("session_hash", "fn_index", "event_id")}


def check_session(session: object) -> str:
    """Return a session's name; raise `BadRequest` for anything else."""
    if not isinstance(session, str) or not SESSION.fullmatch(session):
        raise BadRequest("session_hash must be 1 to 64 letters, digits, _ or -")
    return session


def _values(inputs: Sequence[gr.blocks.Block], names: Sequence[str], data: object) -> list[Any]:
    if not isinstance(data, list):
        raise BadRequest("data must be a list")
    if len(data) != len(inputs):
        listed = ", ".join(names[: len(inputs)]) or "none"
        raise BadRequest(f"data must hold {len(inputs)} values ({listed}), and holds {len(data)}")
    for component, name, value in zip(inputs, names, data, strict=False):  # behind them may stand what gradio passes
        if wrong := _fault(component, value):
            raise BadRequest(f"{name} {wrong}")
    return data


def _fault(component: gr.blocks.Block, value: object) -> str | None:
    """Return the fault of a value as the end of a sentence that begins with its name; None if there is none."""
    if isinstance(component, gr.Chatbot):
        return _fault_of_conversation(value)
    kind = component.api_info().get("type") if isinstance(component, gr.components.Component) else None
    if isinstance(component, gr.Radio):
        choices = [choice for _, choice in component.choices]
        return None if value in choices else f"must be one of {', '.join(map(str, choices))}"
    if isinstance(component, gr.Dataset):
        inside = type(value) is int and 0 <= value < len(component.raw_samples)
        return None if inside else "must be the number of an example"
    if kind == "string":
        if not isinstance(value, str):
            return "must be a text"
        more = f"has {len(value):,} characters, and the maximum is {PROMPT_CHARACTERS:,}: shorten it"
        return more if len(value) > PROMPT_CHARACTERS else None
    if kind in NUMBERS:
        if value is None and isinstance(component, gr.Number):  # an empty field is reported on the page
            return None
        if not _is_number(value):
            return "must be a number"
        return "must be a whole number" if kind == "integer" and value != int(value) else None
    return "cannot be sent"


def _fault_of_conversation(value: object) -> str | None:
    """Return the fault of a conversation, which may hold texts alone: gradio would also open files and components."""
    if not isinstance(value, list) or len(value) > MOST_MESSAGES:
        return f"must be a list of {MOST_MESSAGES} messages at most"
    for message in value:
        if not isinstance(message, dict) or message.get("role") not in ("user", "assistant"):
            return "must hold messages of the user and the assistant"
        if any(message.get(key) for key in message.keys() - {"role", "content"}):
            return "must hold messages with role and content, and nothing else"
        content = message.get("content")
        if not isinstance(content, list) or not all(map(_is_text, content)):
            return "must hold texts: [{type: text, text: …}]"
        if sum(len(part["text"]) for part in content) > PROMPT_CHARACTERS:
            return f"has a message with more than {PROMPT_CHARACTERS:,} characters: shorten it"
    return None


def _is_text(part: object) -> bool:
    return (
        isinstance(part, dict)
        and part.keys() == {"type", "text"}
        and part["type"] == "text"
        and isinstance(part["text"], str)
    )


def _is_number(value: object) -> TypeGuard[int | float]:
    return isinstance(value, int | float) and not isinstance(value, bool) and -LARGEST <= value <= LARGEST


def _selection(event: object) -> dict[str, Any]:
    """Check the part of the curve that was selected by dragging."""
    ends = event.get("index") if isinstance(event, dict) else None
    if not isinstance(ends, list) or len(ends) != 2 or any(not _is_number(end) for end in ends):
        raise BadRequest("event_data must hold the two ends of a selection")
    return {"index": ends, "value": None}
