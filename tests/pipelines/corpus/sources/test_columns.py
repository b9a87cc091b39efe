"""The recipe says which columns hold what; all else is kept as metadata."""

from __future__ import annotations

import datetime
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from desdecero.pipelines.common.errors import UserError
from desdecero.pipelines.corpus.document import Document, Quarantined
from desdecero.pipelines.corpus.sources import read_source
from desdecero.pipelines.corpus.sources.extraction import prose
from desdecero.pipelines.corpus.sources.languages import iso_639_1
from desdecero.pipelines.recipe import Files

RECORD = {
    "doc": {"title": "Título", "body": "Cuerpo."}, "key": "a1", "rights": ["CC-BY-4.0", "MIT"], "lang": "spa_Latn",
    "day": "2024-05-01", "link": "https://a.test/1", "tags": ["x", "y"], "score": 0.5, "conditions": "no comercial",
}  # fmt: skip
COLUMNS = {
    "text_template": "{doc.title}\n\n{doc.body}", "id_field": "key", "license_field": "rights",
    "language_field": "lang", "date_field": "day", "url_field": "link", "terms_field": "conditions",
}  # fmt: skip


def read(path: Path, **more: Any) -> list[Document | Quarantined]:
    return list(read_source(Files.model_validate({"kind": "files", "path": str(path), **more})))


def write(path: Path, *records: dict[str, Any]) -> Path:
    path.write_text("\n".join(json.dumps(record) for record in records))
    return path


@pytest.mark.parametrize("suffix", ["jsonl", "parquet"])
def test_nested_columns_are_joined_and_mapped(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"x.{suffix}"
    if suffix == "jsonl":
        write(path, RECORD)
    else:
        pq.write_table(pa.Table.from_pylist([{**RECORD, "day": datetime.date(2024, 5, 1), "raw": b"\0"}]), path)
    (found,) = read(path, **COLUMNS, terms="general")
    assert isinstance(found, Document)
    assert (found.text, found.id, found.language) == ("Título\n\nCuerpo.", "a1", "es")
    assert found.license == "CC-BY-4.0 AND MIT"
    meta = found.meta
    assert (meta["date"], meta["url"], meta["terms"]) == ("2024-05-01", "https://a.test/1", "no comercial")
    assert (meta["tags"], meta["score"]) == (["x", "y"], 0.5) and "raw" not in meta


def test_a_nested_column_may_be_the_text(tmp_path: Path) -> None:
    (found,) = read(write(tmp_path / "x.jsonl", RECORD), text_field="doc.body")
    assert isinstance(found, Document) and found.text == "Cuerpo."


def test_a_template_takes_what_is_there_and_misses_what_is_not(tmp_path: Path) -> None:
    path = write(
        tmp_path / "x.jsonl", {"a": None, "b": "dos"}, {"b": "solo"}, {"a": None, "b": None}, {"a": 1, "b": ""}
    )
    one, absent, empty, number = read(path, text_template="{a}\n\n{b}")
    assert isinstance(one, Document) and one.text == "dos"
    assert [getattr(item, "reason", "") for item in (absent, empty, number)] == [
        "no field 'a' (it has b)", "all of a, b are empty", "field 'a' is not text but int",
    ]  # fmt: skip


@pytest.mark.parametrize("template", ["no columns", "{open", "{}"])
def test_a_template_that_is_none_is_refused(tmp_path: Path, template: str) -> None:
    with pytest.raises(UserError, match="text_template"):
        read(write(tmp_path / "x.jsonl", {"text": "a"}), text_template=template)


def test_a_column_may_hold_a_page(tmp_path: Path) -> None:
    path = write(tmp_path / "x.jsonl", {"text": "'''Ana''' vive en [[Lima|la capital]].", "url": "u"})
    (found,) = read(path, text_form="wikitext")
    assert isinstance(found, Document)
    page = prose(found)
    assert isinstance(page, Document) and page.text == "Ana vive en la capital." and page.meta["url"] == "u"


def test_a_source_ends_after_its_documents(tmp_path: Path) -> None:
    path = write(tmp_path / "x.jsonl", {"no": 1}, *({"text": str(number)} for number in range(9)))
    assert [type(item) for item in read(path, max_documents=2)] == [Quarantined, Document, Document]


@pytest.mark.parametrize(
    ("tag", "code"),
    [("es", "es"), ("ES-pe", "es"), ("spa_Latn", "es"), ("quz", "qu"), ("Spanish", "es"), ("und", ""), ("x/y", "")],
)
def test_language_tags(tag: str, code: str) -> None:
    assert iso_639_1(tag) == code
