"""JSON in every shape in which data sets come; damage costs its own object, and a repeated key is damage."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pyarrow as pa
import pytest

from desdecero.pipelines.common.errors import UserError
from desdecero.pipelines.corpus.document import Document, Quarantined
from desdecero.pipelines.corpus.sources import read_source
from desdecero.pipelines.recipe import Files

OBJECTS = [{"text": "uno [}"}, {"text": 'd"o\\s', "more": {"a": [1, {"b": 2}]}}, {"text": "trés"}]
LINES = "\n".join(json.dumps(item, ensure_ascii=False) for item in OBJECTS).encode()
PRETTY = json.dumps(OBJECTS, indent=2).encode()
SHAPES = {
    "lines": ("x.jsonl", LINES), "lines, compressed": ("x.json.gz", gzip.compress(LINES)),
    "lines, in Zstandard": ("x.jsonl.zst", pa.compress(LINES, codec="zstd", asbytes=True)),
    "lines of an old Macintosh": ("x.ndjson", LINES.replace(b"\n", b"\r")), "lines named .json": ("x.json", LINES),
    "lines in UTF-16": ("x.jsonl", LINES.decode().encode("utf-16")), "with a mark": ("x.json", b"\xef\xbb\xbf" + LINES),
    "an array": ("x.json", PRETTY), "an array on one line": ("x.json", json.dumps(OBJECTS).encode()),
    "an array named .jsonl": ("x.jsonl", PRETTY), "an array in a mark": ("x.json", b"\xef\xbb\xbf" + PRETTY),
    "objects in a row": ("x.json", b"\n".join(json.dumps(item, indent=1).encode() for item in OBJECTS)),
    "an object with a list": ("x.json", json.dumps({"version": 1, "data": OBJECTS, "n": [1]}, indent=1).encode()),
    "the same on one line": ("x.json", json.dumps({"version": 1, "data": OBJECTS}).encode()),
}  # fmt: skip


def read(folder: Path, name: str, content: bytes) -> tuple[list[str], list[tuple[str, str]]]:
    (folder / name).write_bytes(content)
    items = list(read_source(Files(kind="files", path=str(folder), name="s")))
    texts = [item.text for item in items if isinstance(item, Document)]
    return texts, [(item.place, item.reason) for item in items if isinstance(item, Quarantined)]


@pytest.mark.parametrize("shape", SHAPES)
def test_every_shape_is_read(tmp_path: Path, shape: str) -> None:
    assert read(tmp_path, *SHAPES[shape]) == (["uno [}", 'd"o\\s', "trés"], [])


def test_elements_over_the_ends_of_blocks_are_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("desdecero.pipelines.corpus.sources.json_records._BLOCK", 7)
    assert read(tmp_path, "x.json", PRETTY)[0] == ["uno [}", 'd"o\\s', "trés"]


def test_a_file_that_is_one_record_is_one(tmp_path: Path) -> None:
    assert read(tmp_path, "x.json", b'{\n "text": "uno",\n "parts": [{"text": "no"}]\n}') == (["uno"], [])


@pytest.mark.parametrize(
    "damaged",
    [
        b'{"text": "A", "text": "B"}', b'{"text": "A", "meta": {"x": 1, "y": 2, "x": 3}}',
        b'{"text": "A", "list": [{"x": 1, "x": 1}]}', b'{"text": "A", "t\\u0065xt": "B"}',
    ],
)  # fmt: skip
@pytest.mark.parametrize("pattern", [b'%s\n{"text": "bueno"}\n', b'[%s, {"text": "bueno"}]'])
def test_a_repeated_key_is_damage_at_any_depth(tmp_path: Path, pattern: bytes, damaged: bytes) -> None:
    texts, ((place, reason),) = read(tmp_path, "x.json", pattern % damaged)
    assert texts == ["bueno"] and place.endswith(" 1") and "is there 2 times in one object" in reason


def test_a_repeated_key_costs_no_other_record_of_an_object_with_a_list(tmp_path: Path) -> None:
    records = b'{"text": "A", "text": "B"}, {"text": "bueno"}, {"text": "C", "m": [{"x": 1, "x": 2}]}'
    content = b'{"version": 1, "data": [%s]}' % records
    texts, faults = read(tmp_path, "x.json", content)
    assert texts == ["bueno"] and [place for place, _ in faults] == ["x.json, item 1", "x.json, item 3"]
    with pytest.raises(UserError, match="'x' is there 2 times"):
        read(tmp_path, "x.json", b'{"text": "A", "m": {"x": 1, "x": 2}}')


def test_a_damaged_element_of_an_array_costs_no_other(tmp_path: Path) -> None:
    texts, ((place, _),) = read(tmp_path, "x.json", b'[{"text": "uno"}, {"text": }, {"text": "tr]}es"}]')
    assert texts == ["uno", "tr]}es"] and place == "x.json, item 2"


def test_a_first_line_that_is_cut_costs_no_other(tmp_path: Path) -> None:
    texts, ((place, _),) = read(tmp_path, "x.jsonl", b'{"text": "cut\n{"text": "dos"}\n{"text": "tres"}\n')
    assert texts == ["dos", "tres"] and place == "x.jsonl, line 1"


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b'[{"text": "uno"}, {"text": "d', "it ends inside item 2"), (b'["a"]', "not a JSON object but str"),
        (b"[1, 2]", "it holds no records"), (b'{"a": [{"x": 1}], "b": [{"x": 2}]}', "no field 'text'"),
        (b"{", "not JSON"), (b"[" * 100_000, "not JSON"),
    ],
)  # fmt: skip
def test_what_holds_no_records_is_told(tmp_path: Path, content: bytes, reason: str) -> None:
    (tmp_path / "zz.txt").write_text("whole")
    texts, ((_, said), *_) = read(tmp_path, "x.json", content)
    assert texts[-1] == "whole" and reason in said
