"""Extraction of prose from a file's content. It runs in the workers, because parsing takes most of the time.

Each format has a module in `extractors/`, loaded when the first document needs it, with a function `extract(document)`.
It returns the document with its prose, or None if its kind holds none (a module without docstrings, a page that only
lists others), and raises `Unreadable` with the reason if a document that should hold some cannot be read."""

from __future__ import annotations

import dataclasses
import importlib
import importlib.util
import signal
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

from desdecero.pipelines.common.errors import UserError
from desdecero.pipelines.corpus.document import Document, Edits, FileFormat, Quarantined
from desdecero.pipelines.corpus.sources.decoding import Undecodable, declared_encoding, decode
from desdecero.pipelines.corpus.sources.gutenberg import strip_gutenberg
from desdecero.pipelines.licenses import names

MODULES: dict[FileFormat, str] = {
    "python": "python_code", "metadata": "python_code", "html": "html", "pdf": "pdf", "epub": "epub",
    "docx": "office", "odt": "office", "rtf": "rtf", "jats": "jats", "latex": "latex", "wikitext": "wikitext",
}  # fmt: skip
"""format → module in `extractors/`."""
LIBRARIES: dict[FileFormat, tuple[str, ...]] = {
    "html": ("trafilatura", "lxml_html_clean"), "pdf": ("pypdf",), "epub": ("lxml",), "rtf": ("striprtf",),
    "latex": ("pylatexenc",), "wikitext": ("mwparserfromhell",),
}  # fmt: skip
"""Libraries for a format that a bare installation may lack: module names, which are also their names for pip."""
DOCUMENTS = {"trafilatura", "lxml_html_clean", "pypdf", "lxml", "striprtf"}
"""Modules that come with `pip install 'desdecero[documents]'`."""
EXTRACTION_SECONDS = 120
"""The slowest whole books take some seconds; a document that takes longer than this was made to hang the reader."""


class Unreadable(ValueError):
    """The document cannot be read; the message is the reason for a quarantine."""


def prose(document: Document) -> Document | Quarantined | None:
    """Return the document with the prose that it holds, or None if its kind holds none.

    Never fatal: any error of a parser is damage of the document, named in the reason.
    """
    try:
        # A plain text has no parser that could hang, and setting the timer costs more than reading it.
        with nullcontext() if document.form == "text" else _time_limit(EXTRACTION_SECONDS):
            found = _extract(document)
            return strip_gutenberg(_licensed(found)) if found and (found.text.strip() or found is document) else None
    except (Unreadable, Undecodable) as error:
        return Quarantined(document.id, str(error), document.size)
    except _TooSlow:
        return Quarantined(document.id, f"reading it took longer than {EXTRACTION_SECONDS} seconds", document.size)
    except UserError:
        raise
    except Exception as error:  # noqa: BLE001  any error of a parser is damage of the document
        return Quarantined(
            document.id, f"damaged {document.form}: {type(error).__name__}: {error}"[:500], document.size
        )


def _extract(document: Document) -> Document | None:
    if document.form == "text":
        return document
    module = importlib.import_module(f"desdecero.pipelines.corpus.sources.extractors.{MODULES[document.form]}")
    extract: Callable[[Document], Document | None] = module.extract
    return extract(document)


def require(form: FileFormat) -> None:
    """Raise `UserError` if the library that reads a format is not installed."""
    require_all([(form, "")])


def require_all(needed: Iterable[tuple[FileFormat, str]]) -> None:
    """Raise `UserError` if libraries that read some of these formats are not installed: one message for all.

    needed: formats, and the files that are in them; "" for one that the recipe names.
    """
    lacking: dict[str, None] = {}
    names: dict[FileFormat, list[str]] = {}
    for form, name in needed:
        absent = [library for library in LIBRARIES.get(form, ()) if importlib.util.find_spec(library) is None]
        if absent:
            lacking.update(dict.fromkeys(absent))
            names.setdefault(form, []).append(name)
    if lacking:
        forms = ", ".join(f"{form}{_counted([name for name in files if name])}" for form, files in names.items())
        extra = "documents" if any(library in DOCUMENTS for library in lacking) else ""
        raise UserError(
            f"reading {forms} needs {', '.join(lacking)}, which {'are' if len(lacking) > 1 else 'is'} not installed: "
            f"pip install 'desdecero{f'[{extra}]' if extra else ''}'"
        )


def _counted(files: list[str]) -> str:
    if not files:
        return ""
    return f" ({files[0]}{f' and {len(files) - 1:,} more' if len(files) > 1 else ''})"


def content(document: Document) -> str:
    """Decode a document's content with its declared encoding."""
    if not document.data:
        return document.text
    declared = document.meta.get("encoding")
    text, encoding = decode(document.data, declared or declared_encoding(document.data))
    if declared or encoding != "utf-8":
        document.meta["encoding"] = encoding  # the encoding used, in place of the declared one
    return text


def with_text(
    document: Document, text: str, language: str = "", *, edits: Edits | None = None, damage: str | None = None,
    **meta: Any,
) -> Document:  # fmt: skip
    """Return the document as read. The source's metadata has priority over the document's; empty values are ignored.

    Damage and edits reported by the source are joined with those of the extraction.
    """
    given = {key: value for key, value in meta.items() if value not in (None, "", [])}
    damages = [words for words in (document.meta.get("damage"), damage) if words]
    damage_entry = {"damage": "; ".join(damages)} if damages else {}
    if edits and document.edits:
        edits.counts.update(document.edits.counts)
        edits.changes.extend(document.edits.changes)
    return dataclasses.replace(
        document, text=text, data=b"", form="text", language=document.language or language,
        meta={**given, **document.meta, **damage_entry}, edits=edits if edits and edits.counts else document.edits,
    )  # fmt: skip


def _licensed(document: Document) -> Document:
    """Set the licence that the document itself states, if none is known otherwise."""
    if document.license != names.UNKNOWN or "stated_license" not in document.meta:
        return document
    known = names.normalize(document.meta["stated_license"])
    evidence = "free_text" if "license_statements" in document.meta else known.evidence
    return dataclasses.replace(document, license=known.expression, license_evidence=evidence)


class _TooSlow(BaseException):
    """Not an `Exception`: parsers catch those."""


@contextmanager
def _time_limit(seconds: float) -> Iterator[None]:
    """Raise `_TooSlow` after this time. Only a main thread can be interrupted; workers read in theirs."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def stop(*_: object) -> None:
        raise _TooSlow

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
