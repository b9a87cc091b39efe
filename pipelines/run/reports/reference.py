"""Write docs/reports.md: every key of every stage's report and of a receipt, with its type and its meaning.

python -m desdecero.pipelines.run.reports.reference
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from desdecero.eval_suites.mitigation.results import MitigationReceipt
from desdecero.pipelines.common.docstrings import docstring, field_docstring
from desdecero.pipelines.run.reports import REPORTS
from desdecero.pipelines.run.reports.base import Part

PAGE = "reports.md"
OPENING = """\
# Reports, key by key

<!-- Written by `python -m desdecero.pipelines.run.reports.reference`; do not edit. -->

Each stage writes a `report.json` into its folder. Its type is a class in `pipelines/run/reports/`, checked when the
report is written and when it is read: card, page, gate and summary quote nothing else. A key that is not listed here is
refused; `or none` is JSON's `null`. The last is no stage's: `desdecero mitigate` writes it.
"""
RECEIPT = "mitigation/METHOD.json"
"""No report of a stage: `desdecero mitigate` writes it."""
NAMES = {int: "whole number", float: "number", str: "text", bool: "true or false"}


def page() -> str:
    """Return the page in Markdown."""
    blocks = [OPENING]
    reports: dict[str, type[Part]] = {**REPORTS, RECEIPT: MitigationReceipt}
    for kind, report in reports.items():
        blocks += _section(report, f"## `{kind}`")
        for part in _parts(report):
            blocks += _section(part, f"### {_title(kind, part)}")
    return "\n".join(blocks)


def _section(part: type[Part], heading: str) -> list[str]:
    rows = [
        f"| `{name}` | {_type(field.annotation)} | {field_docstring(part, name)} |"
        for name, field in part.model_fields.items()
    ]
    about = docstring(part)
    return [heading, "", *([about, ""] if about else []), "| key | type | meaning |", "|---|---|---|", *rows, ""]


def _title(kind: str, part: type[Part]) -> str:
    return f"{kind}: {part.__name__}"


def _parts(part: type[Part]) -> Iterator[type[Part]]:
    """Yield the parts inside, each once, in the order in which they occur."""
    seen: dict[type[Part], None] = {}
    waiting = [part]
    while waiting:
        current = waiting.pop(0)
        for field in current.model_fields.values():
            for inner in _inner(field.annotation):
                if inner not in seen:
                    seen[inner] = None
                    waiting.append(inner)
    yield from seen


def _inner(annotation: Any) -> Iterator[type[Part]]:
    if isinstance(annotation, type) and issubclass(annotation, Part):
        yield annotation
    for argument in get_args(annotation):
        yield from _inner(argument)


def _type(annotation: Any) -> str:
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _type(arguments[0])
    if origin in (Union, UnionType):
        return " or ".join("none" if argument is NoneType else _type(argument) for argument in arguments)
    if origin is Literal:
        return ", ".join(f"`{value}`" for value in arguments)
    if origin is list:
        return f"list of {_type(arguments[0])}"
    if origin is dict:
        return f"mapping of {_type(arguments[0])} to {_type(arguments[1])}"
    if annotation is Any:
        return "any value"
    return NAMES.get(annotation) or str(annotation.__name__)


def main(argv: list[str]) -> int:
    """Write the page into the folder named, `docs` by default."""
    path = Path(argv[0] if argv else "docs") / PAGE
    path.write_text(page(), encoding="utf-8")
    print(path)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
