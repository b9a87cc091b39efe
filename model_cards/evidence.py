"""Evidence: what a card says is looked up in sealed reports, and every look-up is written down.

    evidence = Evidence({"evaluate": Report("evaluation/report.json", sha256, content)})
    evidence["evaluate:/confidence"]                        # → 0.95, and a line in evidence.quotes
    evidence["evaluate:/nothing"]                           # → Missing: printed as **missing**, never guessed
    evidence.view("evaluate").confidence                    # the same look-up, as a template writes it

A key is the name of a report, a colon, and a JSON pointer (RFC 6901) into it. The report of a named adapter's stage has
a colon in its name, too: `finetune:legal:/steps`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class Report:
    """A report as it was sealed."""

    path: str
    """Relative to the run directory."""
    sha256: str
    content: Mapping[str, Any]


@dataclass(frozen=True)
class Quote:
    """One value that a card prints, or that decides what it prints, and where it stands."""

    key: str
    value: str | int | float | bool
    report: str
    pointer: str
    sha256: str


@dataclass(frozen=True)
class Missing:
    """A value that no report holds: false, empty, and missing at every step further down."""

    key: str

    def __bool__(self) -> bool:
        return False

    def __iter__(self) -> Iterator[Any]:
        return iter(())

    def __getitem__(self, step: str | int) -> Missing:
        return Missing(_join(self.key, step))


class Evidence:
    """The reports behind a card, and the list of what was quoted from them."""

    def __init__(self, reports: Mapping[str, Report]):
        self._reports = dict(reports)
        self._quotes: dict[str, Quote] = {}
        self._missing: dict[str, None] = {}

    def __getitem__(self, key: str) -> Any:
        """Return the value at `key`; a `View` where it is an object or a list; `Missing` where it is absent or null."""
        name, pointer = split_key(key)
        report = self._reports.get(name)
        value: Any = report.content if report else None
        for step in pointer.split("/")[1:]:
            value = _step(value, step.replace("~1", "/").replace("~0", "~"))
        if report is None or value is None:
            return Missing(key)
        if isinstance(value, Mapping | list):
            return View(self, key, value)
        self._quotes[key] = Quote(key, value, report.path, pointer, report.sha256)
        return value

    @property
    def names(self) -> list[str]:
        """The reports that there are, in the order of the chain."""
        return list(self._reports)

    def view(self, name: str) -> Any:
        """Return a whole report, for templates: `.` and `[]` descend into it."""
        return self[f"{name}:"]

    def note_missing(self, missing: Missing) -> None:
        """Remember that a card had to print something as missing."""
        self._missing[missing.key] = None

    @property
    def quotes(self) -> list[dict[str, Any]]:
        """Return the content of `evidence.json`, by key."""
        return [asdict(self._quotes[key]) for key in sorted(self._quotes)]

    @property
    def missing(self) -> list[str]:
        """Keys that a card printed as missing."""
        return sorted(self._missing)


class View:
    """An object or a list of a report. It has no public attributes, so that `view.items` is the report's `items`."""

    def __init__(self, evidence: Evidence, key: str, content: Mapping[str, Any] | list[Any]):
        self._evidence, self._key, self._content = evidence, key, content

    def __getitem__(self, step: str | int) -> Any:
        return self._evidence[_join(self._key, step)]

    def __iter__(self) -> Iterator[Any]:
        """Iterate over the keys of an object, or the members of a list."""
        if isinstance(self._content, Mapping):
            return iter(self._content)
        return (self[position] for position in range(len(self._content)))

    def __len__(self) -> int:
        return len(self._content)


def split_key(key: str) -> tuple[str, str]:
    """(name of the report, pointer into it) of a key; an empty pointer for the report as a whole."""
    name, found, rest = key.partition(":/")
    return (name, f"/{rest}") if found else (key.removesuffix(":"), "")


def _join(key: str, step: str | int) -> str:
    return f"{key}/{str(step).replace('~', '~0').replace('/', '~1')}"


def _step(value: Any, step: str) -> Any:
    if isinstance(value, Mapping):
        return value.get(step)
    if isinstance(value, list) and step.isdecimal() and int(step) < len(value):
        return value[int(step)]
    return None
