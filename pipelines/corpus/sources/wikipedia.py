"""Articles of one Wikipedia, from an XML dump on disk or from the Hub.

Of a dump, the pages of the main namespace are read; redirects, and pages that are not in wikitext, are skipped. For the
markup see `extractors/wikitext.py`. The Hub's data set is plain text.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

from desdecero.pipelines.common.errors import UserError
from desdecero.pipelines.corpus.document import Document, Quarantined
from desdecero.pipelines.corpus.sources import files, hub
from desdecero.pipelines.corpus.sources.contents import FileOnDisk
from desdecero.pipelines.corpus.sources.decoding import MAX_RECORD_BYTES, TOO_LONG
from desdecero.pipelines.corpus.sources.extraction import require
from desdecero.pipelines.corpus.sources.records import declared_license
from desdecero.pipelines.corpus.sources.streams import DAMAGES, open_stream
from desdecero.pipelines.corpus.sources.xml_events import events
from desdecero.pipelines.recipe import Files, HubDataset, Wikipedia

DATASET = "wikimedia/wikipedia"
_PIECE = 2**16
_OF_PAGE = {"title", "ns", "text", "timestamp", "model"}
"""Elements of a page whose text is used."""
_MEDIA = ("6", "14")
"""Keys of the namespaces of files and of categories: links into them stand for no words."""


def contents(source: Wikipedia) -> list[str | FileOnDisk]:
    """List the dump's files, or the Hub's data set."""
    return files.contents_of(source.dump) if source.dump else [*hub.contents(_on_hub(source))]


def read(source: Wikipedia) -> Iterator[Document | Quarantined]:
    """Yield the articles. Raises `UserError` if there are none, or if the Hub cannot be reached."""
    if source.dump is None:
        return hub.read(_on_hub(source))
    if not Path(source.dump).exists():
        raise UserError(
            f"source {source.name}: nothing at {source.dump}: fix `dump`, which starts at the "
            "recipe file, or in a shipped recipe at the current folder"
        )
    if source.dump.endswith(".parquet") or Path(source.dump).is_dir():  # the Hub's files, stored on disk
        return files.read(
            Files(kind="files", path=source.dump, id_field="id", url_field="url", **_common(source)),
        )
    require("wikitext")
    return _read_dump(source, Path(source.dump))


def _common(source: Wikipedia) -> dict[str, Any]:
    return {key: getattr(source, key) for key in ("name", "license", "terms", "language")}


def _on_hub(source: Wikipedia) -> HubDataset:
    return HubDataset(
        kind="hub", dataset=DATASET, config=f"{source.snapshot}.{source.language}", id_field="id", url_field="url",
        **_common(source),
    )  # fmt: skip


def _read_dump(source: Wikipedia, path: Path) -> Iterator[Document | Quarantined]:
    known = declared_license(source)
    site: dict[str, Any] = {"namespaces": [], "base": f"https://{source.language}.wikipedia.org/wiki/"}
    place, found = "", 0
    try:
        for page in _pages(path, site):
            place = f"page {page['id']} ({page.get('title', '')})"
            if page.get("ns", "0") != "0" or page.get("redirect") or page.get("model", "wikitext") != "wikitext":
                continue
            found += 1
            if "text" not in page:
                yield Quarantined(f"{path.name}, {place}", TOO_LONG if page.get("too_long") else "a page without text")
                continue
            title = page.get("title", "")
            meta = {
                "title": title, "url": site["base"] + quote(title.replace(" ", "_"), safe="/:(),'!*"),
                "date": page.get("timestamp", ""), "namespaces": site["namespaces"], "path": path.name,
            }  # fmt: skip
            yield Document(
                id=page["id"], text=page["text"], source=source.name, license=known.expression,
                license_evidence=known.evidence, language=source.language, form="wikitext",
                meta={**({"terms": source.terms} if source.terms else {}), **meta},
            )  # fmt: skip
    except DAMAGES as error:
        yield Quarantined(f"{path.name}, after {place}" if place else path.name, str(error) or type(error).__name__)
    if not found:
        raise UserError(
            f"source {source.name}: no articles in {path}: give a dump like eswiki-…-pages-articles.xml.bz2"
        )


def _pages(path: Path, site: dict[str, Any]) -> Iterator[dict[str, str]]:
    """Yield the pages of a dump: for each the text of its elements, and `redirect` or `too_long` if it applies."""
    page: dict[str, str] = {}
    pieces: list[str] = []
    inside, size, begun = "", 0, False
    with open_stream(path) as file:
        for kind, name, attributes in events(iter(lambda: file.read1(_PIECE), b"")):
            if kind == "text":
                size += len(name)
                if inside and size <= MAX_RECORD_BYTES:
                    pieces.append(name)
            elif kind == "start":
                if not begun and name != "mediawiki":
                    raise ValueError(f"no MediaWiki dump, but XML that begins with <{name}>")
                begun = True
                inside = name if name in _OF_PAGE or name in ("id", "namespace", "base") else ""
                if name == "namespace" and attributes.get("key") not in _MEDIA:
                    inside = ""
                pieces, size = [], 0
                if name == "page":
                    page = {}
                elif name == "redirect":
                    page["redirect"] = attributes.get("title", "")
            else:
                words = "".join(pieces)
                if name == "page":
                    yield {"id": "?", **page}
                elif name == "namespace" and words and inside:
                    site["namespaces"].append(words.lower())
                elif name == "base":
                    site["base"] = words.rpartition("/")[0] + "/"
                elif size > MAX_RECORD_BYTES and name == "text":
                    page["too_long"] = "yes"
                elif name == "id":
                    page.setdefault("id", words)  # a revision and its author have one too
                elif name in _OF_PAGE and inside == name:
                    page[name] = words
                inside = ""
