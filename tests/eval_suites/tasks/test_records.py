"""Records of suites are read from the usual files, and whatever is wrong is said with file and line."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from desdecero.eval_suites.tasks import records

ROWS = [{"text": "uno, dos", "label": "a"}, {"text": "¿tres?", "label": "b"}]


def written(folder: Path, name: str) -> Path:
    path = folder / name
    lines = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in ROWS)
    if name.endswith(".gz"):
        path.write_bytes(gzip.compress(lines.encode()))
    elif name.endswith(".jsonl"):
        path.write_text(f"\ufeff{lines}\n\n", encoding="utf-8")
    elif name.endswith(".parquet"):
        pq.write_table(pa.Table.from_pylist(ROWS), path)
    else:
        sign = "\t" if name.endswith(".tsv") else ","
        cells = [["text", "label"], *([f'"{row["text"]}"', row["label"]] for row in ROWS)]
        path.write_text("".join(sign.join(row) + "\n" for row in cells), encoding="utf-8")
    return path


@pytest.mark.parametrize("name", ["a.jsonl", "a.jsonl.gz", "a.csv", "a.tsv", "a.parquet"])
def test_every_kind_of_file_gives_the_same_records(name: str, tmp_path: Path) -> None:
    found = records.read(written(tmp_path, name)).records
    assert [dict(record.values) for record in found] == ROWS
    assert {record.file for record in found} == {"a"}


def test_the_files_of_a_folder_are_read_in_the_order_of_their_names(tmp_path: Path) -> None:
    for name in ("b.jsonl", "a.jsonl", "notes.txt"):
        written(tmp_path, name)
    data = records.read(tmp_path)
    assert [record.file for record in data.records] == ["a", "a", "b", "b"]
    assert data.sha256 == records.digest(tmp_path)


def test_a_changed_file_has_another_digest(tmp_path: Path) -> None:
    for name in ("a.jsonl", "b.jsonl"):
        written(tmp_path, name)
    one, whole = records.digest(tmp_path / "a.jsonl"), records.digest(tmp_path)
    (tmp_path / "a.jsonl").write_text('{"text": "cuatro"}\n', encoding="utf-8")
    assert records.digest(tmp_path / "a.jsonl") != one and records.digest(tmp_path) != whole
    renamed = records.digest(tmp_path)
    (tmp_path / "b.jsonl").rename(tmp_path / "c.jsonl")
    assert records.digest(tmp_path) != renamed


@pytest.mark.parametrize(
    ("name", "content", "complaint"),
    [
        ("a.jsonl", b'{"text": "a"}\n{"text": \n', r"a\.jsonl: line 2 is not JSON"),
        ("a.jsonl", b'{"text": "a"}\n["a"]\n', r"a\.jsonl: line 2 is not a record"),
        ("a.jsonl", b'{"text": "\xff"}\n', r"a\.jsonl: line 1 is not UTF-8"),
        ("a.jsonl", b"\n\n", "no records"),
        ("a.csv", b"text,label\n", "no records"),
        ("a.csv", b"text,label\na,b,c\n", r"a\.csv: line 2 has more columns than the head"),
        ("a.csv", b"text,label\na\n", r"a\.csv: line 2 has fewer columns than the head"),
        ("a.csv", b'text,label\n"a,b\n', r"a\.csv: "),
        ("a.parquet", b"PAR1 nothing", r"a\.parquet: "),
        ("a.jsonl.gz", b"not gzip", r"a\.jsonl\.gz: "),
        ("a.txt", b"a\n", r"read from \.jsonl \.jsonl\.gz \.csv \.tsv \.parquet files"),
    ],
)
def test_a_file_that_is_wrong_is_refused_by_place(name: str, content: bytes, complaint: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ValueError, match=complaint):
        records.read(tmp_path / name)


def test_what_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no such file or folder"):
        records.read(tmp_path / "a.jsonl")
    with pytest.raises(ValueError, match=r"no \.jsonl"):
        records.read(tmp_path)


def test_a_field_that_is_missing_or_empty_is_named_with_its_line(tmp_path: Path) -> None:
    (record, empty) = records.read(written(tmp_path, "a.jsonl")).records
    with pytest.raises(ValueError, match=r"a\.jsonl, line 1: no field 'question' \(it has text, label\)"):
        record.text("question")
    with pytest.raises(ValueError, match=r"line 2: field 'text' is empty"):
        records.Record({"text": ""}, empty.place, "a").text("text")
    with pytest.raises(ValueError, match=r"field 'text' is 3: it must be a text"):
        records.Record({"text": 3}, empty.place, "a").text("text")


def test_a_dataset_of_the_hub_without_a_network_is_refused_in_a_sentence() -> None:
    with pytest.raises(ValueError, match="team/nothing: the dataset could not be read from the Hub"):
        records.read_hub("team/nothing", None, "test", None)


def test_a_field_that_a_kind_does_not_have_cannot_be_mapped() -> None:
    assert records.mapped({"text": "frase"}, ("text", "label")) == {"text": "frase", "label": "label"}
    with pytest.raises(ValueError, match="fields: texto: a suite of this kind has text, label"):
        records.mapped({"texto": "frase"}, ("text", "label"))
