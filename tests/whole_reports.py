"""Reports for tests, completed from the types that the stages write: what a test does not say is neutral."""

from __future__ import annotations

from collections.abc import Mapping
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from desdecero.pipelines.run.reports import REPORTS
from desdecero.pipelines.run.reports.base import Part


def whole(kind: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """The report of a kind of stage that says what is given, and nothing of note besides. Refuses unknown keys."""
    report = _fill(REPORTS[kind], given)
    REPORTS[kind].model_validate(report)
    return report


def typed(kind: str, given: Mapping[str, Any]) -> Part:
    """The same as the type that the stage writes."""
    return REPORTS[kind].model_validate(whole(kind, given))


def held_out_suite(
    measures: Mapping[str, Any], baselines: Mapping[str, Mapping[str, float]], items: int, sizes: Mapping[str, int],
    **settings: float,
) -> dict[str, Any]:  # fmt: skip
    """The result of the suite of held-out text; the first measure is the main one."""
    measures = {
        name: {
            **estimate,
            "better": "higher" if name.endswith("accuracy") else "lower",
            "share": name.endswith("accuracy"),
        }
        for name, estimate in measures.items()
    }
    return {
        "name": "language_modeling", "kind": "language_modeling", "items": items, "unit": "document", "sizes": sizes,
        "settings": settings, "main": next(iter(measures)), "measures": measures, "not_measured": {},
        "baselines": baselines,
    }  # fmt: skip


BY_LENGTH = ("bits_per_byte", "word_perplexity")
"""Measures by the length of a text."""


def without_bytes(evaluation: dict[str, Any]) -> dict[str, Any]:
    """The report of a causal model whose tokenizer gives only a quarter of the documents back."""
    suite = evaluation["text"]
    measures = {name: value for name, value in suite["measures"].items() if name not in BY_LENGTH}
    baselines = {
        baseline: {name: value for name, value in values.items() if name not in BY_LENGTH}
        for baseline, values in suite["baselines"].items()
        if baseline != "xz"
    }
    changes = {
        "measures": measures, "main": "perplexity", "baselines": baselines, "given_back": 0.25,
        "not_measured": dict.fromkeys(BY_LENGTH, "text_changed"),
    }  # fmt: skip
    return {**evaluation, "text": {**suite, **changes}}


def _fill(part: type[Part], given: Mapping[str, Any]) -> dict[str, Any]:
    filled = dict(given)
    for name, field in part.model_fields.items():
        if name in given:
            filled[name] = _completed(field.annotation, given[name])
        elif field.is_required():
            filled[name] = _neutral(field.annotation)
    return filled


def _completed(annotation: Any, value: Any) -> Any:
    """The value, with what its parts lack."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _completed(arguments[0], value)
    if origin in (Union, UnionType):
        inner = [argument for argument in arguments if argument is not NoneType]
        return _completed(inner[0], value) if value is not None and len(inner) == 1 else value
    if origin is tuple:
        return value
    if origin is list:
        return [_completed(arguments[0], item) for item in value]
    if origin is dict:
        return {key: _completed(arguments[1], item) for key, item in value.items()}
    return _fill(annotation, value) if isinstance(annotation, type) and issubclass(annotation, Part) else value


def _neutral(annotation: Any) -> Any:
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _neutral(arguments[0])
    if origin in (Union, UnionType):
        assert NoneType in arguments
        return None
    if origin is Literal:
        return arguments[0]
    if origin in (list, dict):
        return origin()
    if issubclass(annotation, Part):
        return _fill(annotation, {})
    return annotation()
