"""Parquet: what is not asked for hurts nothing, and what is damaged costs its row or its group of rows."""

from __future__ import annotations

import datetime
import decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from desdecero.pipelines.corpus.document import Document, Quarantined
from desdecero.pipelines.corpus.sources import read_source
from desdecero.pipelines.recipe import Files


def read(path: Path, **more: Any) -> tuple[dict[str, Document], list[Quarantined]]:
    items = list(read_source(Files(kind="files", path=str(path), name="s", **more)))
    documents = {item.id: item for item in items if isinstance(item, Document)}
    return documents, [item for item in items if isinstance(item, Quarantined)]


def latin(*words: str) -> pa.Array:
    """A column of text in which some bytes are not UTF-8."""
    return pa.Array.from_buffers(pa.string(), len(words), pa.array([w.encode("latin-1") for w in words]).buffers())


ODD: dict[str, Any] = {
    "past the year 9999": pa.array([0, 2**48], pa.timestamp("s")),
    "before the year 1": pa.array([0, -(2**48)], pa.timestamp("s")),
    "days without end": pa.array([0, 2**31 - 1], pa.date32()),
    "nanoseconds": pa.array([1, 2**63 - 1], pa.timestamp("ns")),
    "a duration without end": pa.array([0, 2**63 - 1], pa.duration("s")),
    "bytes that are not UTF-8": latin("a", "ni\xf1o"),
    "decimals": pa.array([decimal.Decimal("1.5"), decimal.Decimal("2.5")]),
    "nested": pa.array([[{"a": [1]}], None]),
    "nested bytes that are not UTF-8": pa.StructArray.from_arrays([latin("a", "ni\xf1o")], ["b"]),
    "a zone that is nowhere": pa.array([0, 1], pa.timestamp("s", tz="Mars/Olympus")),
    "a map": pa.array([[("k", 1)], []], pa.map_(pa.string(), pa.int64())),
    "a dictionary": pa.array(["a", "b"]).dictionary_encode(),
    "no type": pa.nulls(2),
}


@pytest.mark.parametrize("kind", ODD)
def test_a_column_nobody_asked_for_hurts_nothing(tmp_path: Path, kind: str) -> None:
    table = pa.table({"odd": ODD[kind], "text": ["uno", "dos"], "year": [1, 2]})
    pq.write_table(table, tmp_path / "x.parquet")
    documents, quarantined = read(tmp_path)
    assert [(document.text, document.meta["year"]) for document in documents.values()] == [("uno", 1), ("dos", 2)]
    assert quarantined == []


def test_a_row_whose_text_is_not_utf_8_is_named_and_the_others_are_read(tmp_path: Path) -> None:
    pq.write_table(pa.table({"text": latin("uno", "ma\xf1ana", "tres")}), tmp_path / "x.parquet")
    documents, (damaged,) = read(tmp_path)
    assert list(documents) == ["x.parquet#1", "x.parquet#3"]
    assert damaged.place == "x.parquet, row 2" and "the column 'text' cannot be read" in damaged.reason


def test_an_id_that_cannot_be_read_is_not_passed_over(tmp_path: Path) -> None:
    pq.write_table(pa.table({"text": ["a", "b"], "key": latin("uno", "a\xf1o")}), tmp_path / "x.parquet")
    documents, (damaged,) = read(tmp_path, id_field="key")
    assert list(documents) == ["uno"] and damaged.place == "x.parquet, row 2"


@pytest.mark.parametrize("kind", [pa.binary(), pa.large_string(), pa.dictionary(pa.int32(), pa.string())])
def test_text_of_any_type_is_read(tmp_path: Path, kind: pa.DataType) -> None:
    text = pa.array(["año".encode(), b"mes"], pa.binary()) if kind == pa.binary() else None
    column = text if text is not None else pa.array(["año", "mes"]).cast(kind)
    pq.write_table(pa.table({"text": column}), tmp_path / "x.parquet")
    assert [document.text for document in read(tmp_path)[0].values()] == ["año", "mes"]


def test_a_field_within_a_column_is_asked_for_alone(tmp_path: Path) -> None:
    inner = pa.StructArray.from_arrays([pa.array(["uno", "dos"]), latin("a", "ni\xf1o")], ["body", "note"])
    pq.write_table(pa.table({"doc": inner}), tmp_path / "x.parquet")
    documents, quarantined = read(tmp_path, text_field="doc.body")
    assert [document.text for document in documents.values()] == ["uno", "dos"] and quarantined == []


def test_a_damaged_group_of_rows_costs_no_other(tmp_path: Path) -> None:
    path = tmp_path / "x.parquet"
    texts = [f"texto {number} " * 20 for number in range(300)]
    pq.write_table(pa.table({"text": texts}), path, row_group_size=100, use_dictionary=False)
    start = pq.ParquetFile(path).metadata.row_group(1).column(0).data_page_offset
    data = bytearray(path.read_bytes())
    data[start : start + 100] = b"\xff" * 100
    path.write_bytes(data)
    documents, (damaged,) = read(tmp_path)
    assert list(documents) == [f"x.parquet#{number}" for number in [*range(1, 101), *range(201, 301)]]
    assert damaged.place == "x.parquet, rows 101–200"


def test_dates_that_are_asked_for_are_kept(tmp_path: Path) -> None:
    table = pa.table({"text": ["a", "b"], "day": pa.array([0, 2**31 - 1], pa.date32())})
    pq.write_table(table, tmp_path / "x.parquet")
    first, second = read(tmp_path, date_field="day")[0].values()
    assert first.meta["date"] == datetime.date(1970, 1, 1).isoformat() and "date" not in second.meta
