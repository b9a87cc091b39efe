"""The attribution file: title, author, source and licence (TASL) of the works in a corpus.

`ATTRIBUTION.md` is for people and names every work, up to `LARGEST_LIST` of them; a corpus of more keeps them in
`ATTRIBUTION.jsonl`, one work a line, and the page says how many there are of each source and licence.

Works are distinguished by title, author, source and licence; many documents of one package are one work. A work is
named because its licence requires it (`required: license`), because its licence is unknown (`unknown`), or because its
author is known and the text is not under copyright (`author`): in Spain and Peru, among others, the right to be named
does not end with the copyright (TRLPI art. 15.1; DL 822 art. 21). The rows are counted in a database on disk, so memory
does not grow with the corpus."""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from types import TracebackType
from typing import Any

from desdecero.pipelines.common.files import write_text
from desdecero.pipelines.licenses.expressions import REMEMBERED
from desdecero.pipelines.licenses.obligations import Use, obligations

LARGEST_LIST = 2000
"""Works on the page: some 60 screens, as much as anybody will scroll through."""

TITLE = ("distribution", "title", "name")
AUTHOR = ("author", "authors", "creator", "by")
SOURCE = ("url", "home_page", "source_url", "source", "link", "dataset")
"""Metadata keys that name a work's title, author and source, the more specific first."""
_NAMING = re.compile(rf'"(?:{"|".join((*TITLE, *AUTHOR, *SOURCE))})"')

_HEAD = """\
# Attribution

The works in this corpus whose licence asks that they be named, whose licence is not known, or whose author is known.
Las obras de este corpus cuya licencia pide que se las nombre, cuya licencia no se conoce o cuyo autor se conoce.

The texts were changed on their way into the corpus; its ledger says how, document by document.
Los textos se modificaron al entrar en el corpus; su registro dice cómo, documento por documento.
"""


class Works:
    """The works of a corpus, counted as its rows come, in a database below `folder` that is deleted on exit."""

    def __init__(self, folder: Path, intended: str | None = None, use: Use = "commercial"):
        self._folder, self._intended, self._use = folder, intended, use
        self._scratch = folder / "attribution.sqlite"
        self._scratch.unlink(missing_ok=True)  # left by an interrupted build
        self._database = sqlite3.connect(self._scratch, isolation_level=None)
        # A lost database is rebuilt, so no write waits for the disk.
        self._database.executescript("""
            PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF;
            CREATE TABLE works (
                source_name TEXT, title TEXT, author TEXT, source TEXT, license TEXT, required TEXT,
                documents INTEGER, bytes INTEGER,
                UNIQUE (source_name, title, author, source, license)
            ) STRICT;
            BEGIN
        """)

    def add(self, rows: Iterable[Mapping[str, Any]]) -> None:
        """Count the kept documents among rows of the ledger: license, source, decision, bytes_after, and meta in
        JSON."""
        found: dict[tuple[str, ...], list[int]] = {}  # most documents of a batch are often of one work
        for row in rows:
            if row["decision"] == "kept" and (work := _work(row, self._intended, self._use)):
                counts = found.setdefault(work, [0, 0])
                counts[0] += 1
                counts[1] += row["bytes_after"] or 0
        self._database.executemany(
            "INSERT INTO works VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET"
            " documents = documents + excluded.documents, bytes = bytes + excluded.bytes",
            ((*work, *counts) for work, counts in found.items()),
        )

    def write(self) -> dict[str, Any]:
        """Write the attribution files into the folder; return the report's section."""
        self._database.execute("COMMIT")
        return _write(self._database, self._folder)

    def __enter__(self) -> Works:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._database.close()
        self._scratch.unlink(missing_ok=True)


def _work(row: Mapping[str, Any], intended: str | None, use: Use) -> tuple[str, ...] | None:
    """Return (source's name, title, author, source, chosen licence, reason to name it), or None without a reason."""
    text = row["meta"] or ""
    meta = json.loads(text) if _NAMING.search(text) else {}
    author = _first(meta, AUTHOR)
    chosen, required = _required(row["license"], intended, use)
    required = required or ("author" if author else None)
    if required is None:
        return None
    title = _first(meta, TITLE)
    if title and title == meta.get("distribution") and meta.get("version"):
        title = f"{title} {meta['version']}"
    return row["source"], title, author, _first(meta, SOURCE), chosen, required


@lru_cache(maxsize=REMEMBERED)
def _required(expression: str, intended: str | None, use: Use) -> tuple[str, str | None]:
    """Return (the expression as chosen, whether it requires a name)."""
    found = obligations(expression, intended, use)
    if found.kinds & {"attribution", "notice"}:
        return found.chosen, "license"
    return found.chosen, "unknown" if "unknown" in found.kinds else None


def _first(meta: Mapping[str, Any], keys: Iterable[str]) -> str:
    """Return the first of these keys' values in the metadata, on one line; "" if none is there."""
    found = (meta[key] for key in keys if isinstance(meta.get(key), str | int | float))
    return next((text for value in found if (text := " ".join(str(value).split()))), "")


# --- writing -------------------------------------------------------------------------------------------------


def _write(database: sqlite3.Connection, folder: Path) -> dict[str, Any]:
    works, documents = database.execute("SELECT count(*), coalesce(sum(documents), 0) FROM works").fetchone()
    name = "ATTRIBUTION.md"
    if works > LARGEST_LIST:
        name = "ATTRIBUTION.jsonl"
        _write_lines(folder / name, database)
    write_text(folder / "ATTRIBUTION.md", "\n".join(_page(database, None if works <= LARGEST_LIST else name)) + "\n")
    required = database.execute("SELECT required, count(*) FROM works GROUP BY required ORDER BY required")
    # Information that the licence requires and the source does not give.
    missing = database.execute(
        "SELECT coalesce(sum(title = ''), 0), coalesce(sum(author = ''), 0), coalesce(sum(source = ''), 0)"
        " FROM works WHERE required = 'license'"
    ).fetchone()
    return {
        "file": name,
        "works": works,
        "documents": documents,
        "required": dict(required),
        "without": dict(zip(("title", "author", "source"), missing, strict=True)),
    }


def _all(database: sqlite3.Connection) -> Iterator[dict[str, Any]]:
    cursor = database.execute("SELECT * FROM works ORDER BY source_name, license, title, author, source")
    names = [column[0] for column in cursor.description]
    return (dict(zip(names, row, strict=True)) for row in cursor)


def _write_lines(path: Path, database: sqlite3.Connection) -> None:
    with path.open("w", encoding="utf-8") as file:
        for work in _all(database):
            line = {**work, "license_url": license_url(work["license"])}
            file.write(json.dumps(line, ensure_ascii=False) + "\n")


def _page(database: sqlite3.Connection, elsewhere: str | None) -> Iterator[str]:
    """Yield the lines of the page: every work, or their file and their number."""
    yield _HEAD
    if elsewhere:
        yield f"The works are listed one by one in `{elsewhere}`. Las obras se enumeran en `{elsewhere}`.\n"
        counts = database.execute(
            "SELECT source_name, license, count(*), sum(documents) FROM works GROUP BY 1, 2 ORDER BY 1, 2"
        )
        for source, expression, works, documents in counts:
            yield f"- {_plain(source)}: {works:,} ({documents:,}), {_link(expression, license_url(expression))}"
        return
    above = None
    for work in _all(database):
        if work["source_name"] != above:
            above = work["source_name"]
            yield f"## {_plain(above)}\n"
        parts = [f"*{_plain(work['title'])}*"] if work["title"] else ["(—)"]
        parts += [_plain(work["author"])] if work["author"] else []
        parts += [_link(work["source"], work["source"])] if work["source"] else []
        parts.append(_link(work["license"], license_url(work["license"])))
        yield f"- {', '.join(parts)}"


def license_url(expression: str) -> str | None:
    """Return the address of a licence's text: the publisher's or SPDX's; None for an expression of several."""
    if re.search(r" (AND|OR|WITH) ", expression):
        return None
    if found := re.fullmatch(r"(?:LicenseRef-)?CC-(BY[A-Z-]*?)-(\d\.\d)(?:-([A-Z]{2,3}))?", expression):
        port = f"{found[3].lower()}/" if found[3] else ""
        return f"https://creativecommons.org/licenses/{found[1].lower()}/{found[2]}/{port}"
    if expression == "CC0-1.0":
        return "https://creativecommons.org/publicdomain/zero/1.0/"
    if expression == "CC-PDM-1.0":
        return "https://creativecommons.org/publicdomain/mark/1.0/"
    if expression == "LicenseRef-Project-Gutenberg":
        return "https://www.gutenberg.org/policy/license.html"
    return None if expression.startswith("LicenseRef-") else f"https://spdx.org/licenses/{expression}.html"


def _plain(text: str) -> str:
    """Escape text so that Markdown shows it unchanged."""
    return re.sub(r"([\\`*_\[\]<>|#])", r"\\\1", text)


def _link(text: str, url: str | None) -> str:
    if url and re.fullmatch(r"https?://[^\s<>()]+", url):
        return f"[{_plain(text)}]({url})"
    return _plain(text)
