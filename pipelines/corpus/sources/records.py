"""From records (files' rows, Hub rows) to documents: which field is the text, which the id, which the licence."""

from __future__ import annotations

from typing import Any

from pipelines.corpus.document import Document, Quarantined
from pipelines.corpus.licensing import names
from pipelines.errors import UserError
from pipelines.recipe import Files, HubDataset


class DocumentBuilder:
    """Builds the documents of one source.

    Raises `UserError` when the recipe gives the source a licence that is none.
    """

    def __init__(self, source: Files | HubDataset):
        self.source = source
        self.license = names.normalise(source.license)
        self._ids: set[str] = set()
        if source.license and self.license.evidence == "unknown":
            raise UserError(
                f"source {source.name}: license {source.license!r} is no SPDX expression: "
                "take one from https://spdx.org/licenses, or write LicenseRef-<a name of your own>"
            )

    def from_text(self, name: str, text: str, encoding: str) -> Document:
        """The document that a whole text file is."""
        return self._document(name, text, self.license, {"path": name, "encoding": encoding})

    def from_record(self, name: str, place: str, fields: dict[str, Any]) -> Document | Quarantined:
        """The document that a record is, or why it is none. `place` is "line 12" or "row 12" of the file `name`."""
        where, text = f"{name}, {place}", fields.get(self.source.text_field)
        if self.source.text_field not in fields:
            return Quarantined(where, f"no field {self.source.text_field!r} (it has {', '.join(fields)})")
        if not isinstance(text, str):
            return Quarantined(where, f"field {self.source.text_field!r} is no text but {type(text).__name__}")
        identity = self._identity(name, place, fields)
        if identity in self._ids:
            return Quarantined(where, f"the id {identity!r} was there before")
        if self.source.id_field is not None:
            self._ids.add(identity)
        scalars = {
            key: value
            for key, value in fields.items()
            if key != self.source.text_field and isinstance(value, str | int | float | bool)
        }
        return self._document(identity, text, self._license(fields), {**scalars, "path": name, "record": place})

    def _identity(self, name: str, place: str, fields: dict[str, Any]) -> str:
        if self.source.id_field is not None and fields.get(self.source.id_field) not in (None, ""):
            return str(fields[self.source.id_field])
        return f"{name}#{place.split()[-1]}"

    def _license(self, fields: dict[str, Any]) -> names.License:
        """The record's own licence; the source's for a record that states none."""
        stated = fields.get(self.source.license_field) if self.source.license_field else None
        return names.normalise(stated) if isinstance(stated, str) and stated.strip() else self.license

    def _document(self, identity: str, text: str, known: names.License, meta: dict[str, Any]) -> Document:
        return Document(
            id=identity, text=text, source=self.source.name, license=known.expression,
            license_evidence=known.evidence, language=self.source.language or "", meta=meta,
        )  # fmt: skip
