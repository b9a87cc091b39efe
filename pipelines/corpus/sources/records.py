"""Documents from records (files' rows, Hub rows): the fields for the text, the id and the licence."""

from __future__ import annotations

import datetime
import hashlib
import json
import math
import string
from typing import Any

from desdecero.pipelines.common.errors import UserError
from desdecero.pipelines.corpus.document import Document, Edits, FileFormat, Quarantined
from desdecero.pipelines.corpus.sources.faults import reason_of
from desdecero.pipelines.corpus.sources.languages import iso_639_1
from desdecero.pipelines.licenses import names
from desdecero.pipelines.recipe import Files, HubDataset, WebArchive, Wikipedia

MAX_META_CHARACTERS = 20_000
"""A longer list or object of a record is left out of its metadata: it is data (embeddings, word boxes)."""
MAX_META_DEPTH = 20
"""Depth of nested lists and objects: deeper ones are left out too, and could not be sent to a worker."""


def declared_license(source: Files | HubDataset | Wikipedia | WebArchive) -> names.License:
    """Return the licence that the recipe gives a source. Raises `UserError` if it is not a valid one."""
    known = names.normalize(source.license)
    if source.license and known.evidence == "unknown":
        raise UserError(
            f"source {source.name}: license {source.license!r} is not a valid SPDX expression: "
            "take one from https://spdx.org/licenses, or write LicenseRef-<a name of your own>"
        )
    return known


class DocumentBuilder:
    """Builds the documents of one source.

    Raises `UserError` if the recipe gives the source an invalid licence, or a template without columns.
    """

    def __init__(self, source: Files | HubDataset):
        self.source = source
        self.license = declared_license(source)
        self._ids = Ids()
        self._template = _parse_template(source)
        self.text_columns = [column for _, column in self._template if column is not None]
        """The columns that a record must have."""
        named = (source.id_field, source.license_field, source.terms_field, source.language_field)
        self.named_columns = [column for column in named if column]
        """Other columns that decide about a record."""

    def from_file(self, name: str, form: FileFormat, text: str = "", data: bytes = b"", **meta: Any) -> Document:
        """Build the document of a whole file."""
        about = {**meta, "path": name}
        return self._document(name, text, form, self.license, self.source.language or "", about, data)

    def from_record(
        self, name: str, place: str, fields: dict[str, Any], encoding: str = "utf-8", size: int = 0
    ) -> Document | Quarantined:
        """Build the document of a record, or say why it is not one. `place`: "line 12" or "row 12" of the file
        `name`."""
        where = f"{name}, {place}"
        try:
            return self._from_record(name, place, fields, encoding)
        except UserError:
            raise
        except _Refused as error:
            return Quarantined(where, str(error), size)
        except Exception as error:  # noqa: BLE001  a value that Python cannot compare, print or nest affects this record only
            return Quarantined(where, reason_of(error), size)

    def _from_record(self, name: str, place: str, fields: dict[str, Any], encoding: str) -> Document:
        text = self._text(fields)
        stated = look(fields, self.source.id_field)
        identity: str | None = f"{name}#{place.split()[-1]}"
        if stated not in (None, "") and (identity := self._ids.give(name, printable(str(stated)))) is None:
            raise _Refused(f"the id {printable(str(stated))!r} was there before")
        language = look(fields, self.source.language_field)
        read_as = {"encoding": encoding} if encoding != "utf-8" else {}
        return self._document(
            identity or "", text, self.source.text_form, self._license(fields),
            (iso_639_1(language) if isinstance(language, str) else "") or self.source.language or "",
            {**self._meta(fields), **read_as, "path": name, "record": place},
        )  # fmt: skip

    def _text(self, fields: dict[str, Any]) -> str:
        """Build the text of a record, by the template. Raises `_Refused` with the reason if there is none."""
        pieces, found = [], False
        for literal, column in self._template:
            pieces.append(literal)
            if column is None:
                continue
            value = look(fields, column, default=_ABSENT)
            if value is _ABSENT:
                raise _Refused(f"no field {column!r} (it has {', '.join(map(str, fields))})"[:500])
            if not isinstance(value, str) and (value is not None or self.source.text_template is None):
                raise _Refused(f"field {column!r} is not text but {type(value).__name__}")
            found = found or value is not None
            pieces.append(value or "")
        if not found:
            raise _Refused(f"all of {', '.join(self.text_columns)} are empty")
        return "".join(pieces).strip() if self.source.text_template is not None else "".join(pieces)

    def _license(self, fields: dict[str, Any]) -> names.License:
        """Return the record's own licence; the source's for a record that states none. Several stated all hold."""
        stated = look(fields, self.source.license_field)
        if isinstance(stated, list) and all(isinstance(name, str) for name in stated):
            stated = " AND ".join(f"({name})" for name in stated) if len(stated) > 1 else "".join(stated)
        return names.normalize(stated) if isinstance(stated, str) and stated.strip() else self.license

    def _meta(self, fields: dict[str, Any]) -> dict[str, Any]:
        """Return all fields of a record except its text, and those to which the recipe gives a name."""
        meta = {
            printable(key): value
            for key, column in fields.items()
            if key not in self.text_columns and (value := plain(column)) is not None
        }
        named = {"terms": self.source.terms_field, "date": self.source.date_field, "url": self.source.url_field}
        for key, field in named.items():
            if (value := plain(look(fields, field))) is not None:
                meta[key] = str(value)
        return meta

    def _document(
        self, identity: str, text: str, form: FileFormat, known: names.License, language: str, meta: dict[str, Any],
        data: bytes = b"",
    ) -> Document:  # fmt: skip
        terms = {"terms": self.source.terms} if self.source.terms else {}
        return Document(
            id=identity, text=text, source=self.source.name, license=known.expression,
            license_evidence=known.evidence, language=language, meta={**terms, **meta}, form=form, data=data,
            edits=reading_edits(text, meta.get("encoding")),
        )  # fmt: skip


class _Refused(ValueError):
    """A record is not a document; the message is the reason for a quarantine."""


class Ids:
    """The ids that records state, each given once.

    Ids are unchanged while no two files have the same. An id that another file had before is made unique by the file
    (`b.jsonl/7`): shards often each count from 0. Within one file, an id is given once. Memory: some 60 bytes an id.
    """

    def __init__(self) -> None:
        self._file, self._here, self._before = "", set[int](), set[int]()

    def give(self, file: str, stated: str) -> str | None:
        """Return the id of a record, unique within the source; None for one that its file had before."""
        if file != self._file:
            self._before |= self._here
            self._file, self._here = file, set()
        for identity in (stated, f"{file}/{stated}"):
            known = int.from_bytes(hashlib.blake2b(identity.encode(), digest_size=8).digest(), "big")
            if known in self._here:
                return None
            if known not in self._before:
                self._here.add(known)
                return identity
        return None


def reading_edits(text: str, encoding: str | None) -> Edits | None:
    """Return the edits made by reading a text, for the ledger: that it was not in UTF-8, and the characters lost."""
    edits = Edits()
    if encoding not in (None, "utf-8", "utf-8-sig"):
        edits.add("encoding")
    if lost := text.count("\ufffd"):
        edits.add("lost_character", times=lost)
    return edits if edits.counts else None


_ABSENT = object()


def look(fields: dict[str, Any], column: str | None, default: Any = None) -> Any:
    """Return the value of a column; `a.b` is the key `b` inside `a`, unless there is a column of that very name."""
    if column is None:
        return default
    if column in fields:
        return fields[column]
    value: Any = fields
    for key in column.split("."):
        if not isinstance(value, dict) or key not in value:
            return default
        value = value[key]
    return value


def printable(text: str) -> str:
    """Return text that UTF-8 can encode: half a surrogate pair (from JSON, or a file's name) is written as its
    number."""
    return text if text.isascii() else text.encode("utf-8", errors="backslashreplace").decode("utf-8")


def plain(value: Any) -> Any:
    """Convert a value for metadata to one that JSON can hold; None for one that metadata leaves out."""
    match value:
        case bool() | int():
            return value
        case str():
            return printable(value)
        case float():
            return value if math.isfinite(value) else None
        case datetime.date() | datetime.time():
            return value.isoformat()
        case list() | dict() if _is_shallow(value, MAX_META_DEPTH):
            try:
                written = json.dumps(value, default=str, allow_nan=False)
            except (ValueError, TypeError):  # not a number; a key that is not text
                return None
            return json.loads(printable(written)) if len(written) <= MAX_META_CHARACTERS else None
    return None


def _is_shallow(value: Any, levels: int) -> bool:
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return levels > 0 and all(_is_shallow(item, levels - 1) for item in inner)


def _parse_template(source: Files | HubDataset) -> list[tuple[str, str | None]]:
    """Parse the template into (words, the column after them)."""
    if source.text_template is None:
        return [("", source.text_field)]
    try:
        parsed = [(words, column) for words, column, _, _ in string.Formatter().parse(source.text_template)]
    except ValueError as error:
        raise UserError(f"source {source.name}: text_template {source.text_template!r}: {error}: fix it") from None
    if not any(column for _, column in parsed):
        raise UserError(f"source {source.name}: text_template names no column: write one in braces, as in {{title}}")
    return parsed
