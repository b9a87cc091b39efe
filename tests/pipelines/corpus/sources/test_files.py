"""Every format, mixed in one folder; and everything that may be wrong with a file."""

from __future__ import annotations

import gzip
import json
import os
import random
from pathlib import Path

import pyarrow as pa
import pytest
from pyarrow import parquet

from desdecero.pipelines.common.errors import UserError
from desdecero.pipelines.corpus.document import Document, Quarantined
from desdecero.pipelines.corpus.sources import read_source, signature
from desdecero.pipelines.recipe import Files


def source(path: Path, **more: object) -> Files:
    return Files.model_validate({"kind": "files", "path": str(path), **more})


def read(path: Path, **more: object) -> tuple[dict[str, Document], list[Quarantined]]:
    items = list(read_source(source(path, **more)))
    documents = {item.id: item for item in items if isinstance(item, Document)}
    return documents, [item for item in items if isinstance(item, Quarantined)]


@pytest.fixture
def mixed(tmp_path: Path) -> Path:
    """A folder with every format, and one text in a folder below."""
    folder = tmp_path / "mixed"
    (folder / "below").mkdir(parents=True)
    (folder / "a.txt").write_text("Plain text.")
    (folder / "b.md").write_text("# Markdown")
    (folder / "below" / "c.rst").write_text("reST\n====")
    (folder / "d.jsonl").write_text('{"text": "first", "year": 1999}\n\n{"text": "second"}\n')
    (folder / "e.jsonl.gz").write_bytes(gzip.compress(b'{"text": "zipped"}\n'))
    (folder / "f.csv").write_text('title,text\nT,"two\nlines"\nU,one\n')
    parquet.write_table(pa.table({"text": ["rows", "more rows"], "year": [1, 2]}), folder / "g.parquet")
    (folder / ".hidden.txt").write_text("not read")
    return folder


def test_a_mixed_folder_reads_every_format_in_it(mixed: Path) -> None:
    documents, quarantined = read(mixed)
    assert {identity: document.text for identity, document in documents.items()} == {
        "a.txt": "Plain text.", "b.md": "# Markdown", "below/c.rst": "reST\n====", "d.jsonl#1": "first",
        "d.jsonl#3": "second", "e.jsonl.gz#1": "zipped", "f.csv#3": "two\nlines", "f.csv#4": "one",
        "g.parquet#1": "rows", "g.parquet#2": "more rows",
    }  # fmt: skip
    assert quarantined == []
    assert documents["d.jsonl#1"].meta == {"year": 1999, "path": "d.jsonl", "record": "line 1"}
    assert documents["f.csv#4"].meta["title"] == "U"


def test_a_glob_and_a_single_file_are_sources_too(mixed: Path) -> None:
    assert set(read(mixed / "*.md")[0]) == {"b.md"}
    assert set(read(mixed / "**" / "*.rst")[0]) == {"below/c.rst"}
    assert set(read(mixed / "a.txt")[0]) == {"a.txt"}


def test_licences_come_from_a_field_or_from_the_recipe(tmp_path: Path) -> None:
    lines = [{"text": "a", "terms": "CC BY 4.0"}, {"text": "b", "terms": "my own"}, {"text": "c"}]
    (tmp_path / "x.jsonl").write_text("\n".join(map(json.dumps, lines)))
    documents, _ = read(tmp_path, license_field="terms", license="MIT")
    found = [(document.license, document.license_evidence) for document in documents.values()]
    assert found == [("CC-BY-4.0", "free_text"), ("LicenseRef-unknown", "unknown"), ("MIT", "declared")]


def test_a_licence_that_is_none_is_refused(mixed: Path) -> None:
    with pytest.raises(UserError, match="'MTI' is not a valid SPDX expression"):
        read(mixed, license="MTI")


def test_ids_may_come_from_a_field_and_are_given_once(tmp_path: Path) -> None:
    (tmp_path / "x.jsonl").write_text('{"text": "a", "key": 7}\n{"text": "b", "key": 7}\n{"text": "c"}\n')
    documents, quarantined = read(tmp_path, id_field="key")
    assert set(documents) == {"7", "x.jsonl#3"}
    assert quarantined == [Quarantined("x.jsonl, line 2", "the id '7' was there before")]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_csv_is_read_whatever_separates_it(tmp_path: Path, delimiter: str) -> None:
    (tmp_path / "x.csv").write_bytes(f"id{delimiter}text\n1{delimiter}año\n".encode("windows-1252"))
    assert [document.text for document in read(tmp_path)[0].values()] == ["año"]


GOOD = '{"text": "good"}\n'
DAMAGED = {
    "broken json": ("x.jsonl", GOOD.encode() + b'{"text": "cut\n' + GOOD.encode(), "line 2", "not JSON"),
    "not an object": ("x.jsonl", GOOD.encode() + b"[1, 2]\n", "line 2", "not a JSON object"),
    "no such field": ("x.jsonl", GOOD.encode() + b'{"body": "x"}\n', "line 2", "no field 'text' (it has body)"),
    "nested text": ("x.jsonl", GOOD.encode() + b'{"text": {"a": 1}}\n', "line 2", "is not text but dict"),
    "null text": ("x.jsonl", GOOD.encode() + b'{"text": null}\n', "line 2", "is not text but NoneType"),
    "endless nesting": ("x.jsonl", GOOD.encode() + b"[" * 100_000 + b"\n", "line 2", "not JSON"),
    "binary line": ("x.jsonl", GOOD.encode() + bytes(100) + b"\n" + GOOD.encode(), "line 2", "binary data"),
    "truncated gzip": ("x.jsonl.gz", gzip.compress(GOOD.encode() * 99)[:-9], "x.jsonl.gz", "end-of-stream"),
    "no gzip": ("x.jsonl.gz", GOOD.encode(), "x.jsonl.gz", "Not a gzipped file"),
    "damaged gzip": ("x.jsonl.gz", gzip.compress(GOOD.encode() * 999)[:20] + b"\xff" * 40, "x.jsonl.gz", ""),
    "csv without the column": ("x.csv", b"a,b\n1,2\n", "x.csv", "no column 'text'"),
    "short csv row": ("x.csv", b"a,text\n1,x\n2\n", "line 3", "1 fields below 2 columns"),
    "empty csv": ("x.csv", b"", "x.csv", "the file is empty"),
    "no parquet": ("x.parquet", b"PAR1 it is not", "x.parquet", ""),
    "binary text": ("x.txt", random.Random(0).randbytes(4000), "x.txt", "binary data"),
    "unknown format": ("x.doc", b"\xd0\xcf\x11\xe0", "x.doc", "save it as .docx"),
    "no suffix": ("README", bytes(range(256)), "README", "no reader for a name without a suffix"),
}


@pytest.mark.parametrize("case", DAMAGED)
def test_what_is_damaged_is_quarantined_with_its_place_and_the_rest_is_read(tmp_path: Path, case: str) -> None:
    name, content, place, reason = DAMAGED[case]
    (tmp_path / name).write_bytes(content)
    (tmp_path / "z_whole.txt").write_text("whole")
    documents, quarantined = read(tmp_path)
    assert "z_whole.txt" in documents
    assert len(quarantined) == 1 and place in quarantined[0].place and reason in quarantined[0].reason


def test_a_parquet_file_whose_text_column_is_none_says_what_it_has(tmp_path: Path) -> None:
    parquet.write_table(pa.table({"text": [[1, 2]], "n": [1]}), tmp_path / "x.parquet")
    with pytest.raises(UserError, match=r"no text column 'text' \(it has text: list<"):
        read(tmp_path)


def test_a_line_too_long_for_memory_is_read_past(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("desdecero.pipelines.corpus.sources.streams.MAX_RECORD_BYTES", 1000)
    (tmp_path / "x.jsonl").write_text(GOOD + json.dumps({"text": "x" * 5000}) + "\n" + GOOD)
    documents, quarantined = read(tmp_path)
    assert set(documents) == {"x.jsonl#1", "x.jsonl#3"}
    assert [item.place for item in quarantined] == ["x.jsonl, line 2"]


def test_circles_of_links_and_dangling_links_end_nothing(mixed: Path) -> None:
    os.symlink(mixed, mixed / "below" / "circle")
    os.symlink(mixed / "nowhere.txt", mixed / "dangling.txt")
    assert len(read(mixed)[0]) == 10


def test_nothing_to_read_is_one_clear_sentence(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"nothing at .*absent"):
        read(tmp_path / "absent")
    with pytest.raises(UserError, match=r"no readable documents in .*: put \.txt \.md"):
        read(tmp_path)
    (tmp_path / "noise.txt").write_bytes(random.Random(1).randbytes(3000))
    with pytest.raises(UserError, match=r"no readable documents in .*noise\.txt: binary data, not text"):
        read(tmp_path / "noise.txt")


def test_the_signature_follows_the_files(mixed: Path) -> None:
    before = signature([source(mixed)])
    assert signature([source(mixed)]) == before
    (mixed / "a.txt").write_text("Plain text, changed.")
    assert signature([source(mixed)]) != before
    assert signature([source(mixed / "absent")]) != before
