"""Thirty kinds of damage: none ends the reading, hides another record, or brings letters that nobody wrote.

Each case is a file among whole ones, read as the stage reads it: `read_source`, then `prose`.
"""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import os
import random
import re
import struct
import subprocess
import sys
import tracemalloc
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from helpers import forked

from desdecero.pipelines.corpus.document import Document, Quarantined
from desdecero.pipelines.corpus.sources import read_source, streams
from desdecero.pipelines.corpus.sources.extraction import prose
from desdecero.pipelines.recipe import Files

NOISE = random.Random(0).randbytes(5000)
TEXT = "El niño comió piñas en la montaña, ¿verdad? «Sí», dijo.\n"
ROW = (json.dumps({"text": TEXT.strip()}, ensure_ascii=False) + "\n").encode()


def packed(members: dict[str, bytes]) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return stream.getvalue()


def parquet() -> bytes:
    stream = io.BytesIO()
    pq.write_table(pa.table({"text": [TEXT.strip()] * 99}), stream)
    return stream.getvalue()


LAUGHS = b'<!DOCTYPE a [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]><article><p>&b;</p></article>'
XXE = b'<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><article><p>&x;</p></article>'
LIAR = packed({"content.xml": NOISE}).replace(struct.pack("<L", 5000), struct.pack("<L", 9))
OLD_MAC = TEXT.encode("mac_roman") * 9

CASES: dict[str, tuple[str, bytes, int, str]] = {
    # kind: (file, content, documents read from it, reason of the one quarantined or "")
    "truncated gzip": ("a.jsonl.gz", gzip.compress(ROW * 5_000)[:-9], 1, "end-of-stream"),
    "truncated bzip2": ("a.jsonl.bz2", bz2.compress(ROW * 5_000)[:-9], 1, "end-of-stream"),
    "truncated xz": ("a.jsonl.xz", lzma.compress(ROW * 5_000)[:-99], 1, "end-of-stream"),
    "damaged gzip": ("a.jsonl.gz", gzip.compress(ROW * 99)[:15] + NOISE, 0, "Error"),
    "gzip that is none": ("a.txt.gz", TEXT.encode(), 0, "Not a gzipped file"),
    "wrong encoding: Latin-1": ("a.txt", TEXT.encode("latin-1") * 9, 1, ""),
    "wrong encoding: old Macintosh": ("a.txt", OLD_MAC, 1, ""),
    "wrong encoding: DOS": ("a.txt", TEXT.encode("cp850") * 9, 1, ""),
    "two encodings in one file": ("a.txt", TEXT.encode() * 9 + "mañana".encode("latin-1"), 1, ""),
    "Cyrillic without a name": ("a.txt", ("Мальчик ел ананасы в горах. " * 9).encode("koi8-r"), 0, "neither UTF-8 nor"),
    "UTF-16 without its mark": ("a.txt", TEXT.encode("utf-16-le"), 1, ""),
    "UTF-16 lines": ("a.jsonl", ROW.decode().encode("utf-16"), 1, ""),
    "NULs": ("a.txt", bytes(4000), 0, "binary"),
    "NULs in a line": ("a.jsonl", ROW + bytes(99) + b"\n" + ROW, 2, "binary"),
    "noise": ("a.txt", NOISE, 0, "binary"),
    "text that turns to noise": ("a.txt", TEXT.encode() * 5000 + NOISE * 20, 0, "binary"),
    "half a surrogate pair": ("a.jsonl", b'{"text": "a\\ud83d b", "id": "\\ud83d", "k\\udc00": "\\udc00"}\n', 1, ""),
    "broken JSON": ("a.jsonl", ROW + b'{"text": "cut\n' + ROW, 2, "not JSON"),
    "nested JSON": ("a.jsonl", ROW + b'{"text": ' + b"[" * 200_000 + b"\n" + ROW, 2, "not JSON"),
    "nested metadata": ("a.jsonl", b'{"text": "a", "x": ' + b"[" * 500 + b"]" * 500 + b"}\n", 1, ""),
    "numbers without end": ("a.jsonl", ROW + b'{"text": "a", "n": ' + b"9" * 9999 + b"}\n" + ROW, 2, "not JSON"),
    "no number": ("a.jsonl", b'{"text": "a", "n": NaN, "m": Infinity}\n', 1, ""),
    "missing column in a record": ("a.jsonl", ROW + b'{"body": "x"}\n' + ROW, 2, "no field 'text' (it has body)"),
    "missing column in a table": ("a.csv", b"a,b\n1,2\n", 0, "no column 'text'"),
    "text that is none": ("a.jsonl", ROW + b'{"text": {"a": 1}}\n', 1, "not text but dict"),
    "more fields than columns": ("a.csv", b"id,text\n1,uno, dos\n2,tres\n", 1, "3 fields below 2 columns"),
    "a quote that never ends": ("a.csv", b'id,text\n1,uno\n2,"dos\n3,tres\n', 2, "unexpected end of data"),
    "a binary row": ("a.csv", b"id,text\n1,uno\n" + NOISE.replace(b"\n", b"") + b"\n2,dos\n", 2, "binary"),
    "empty file": ("a.txt", b"", 0, "empty"),
    "empty table": ("a.parquet", b"", 0, "empty"),
    "mixed ends of lines": ("a.txt", b"uno\r\ndos\rtres\ncuatro", 1, ""),
    "mixed ends of records": ("a.jsonl", ROW.rstrip() + b"\r\n" + ROW + b"\n\r\n" + ROW, 3, ""),
    "truncated Parquet": ("a.parquet", parquet()[:-20], 0, "Parquet magic bytes"),
    "zip bomb": ("a.docx", packed({"word/document.xml": bytes(70 * 2**20)}), 0, "decompression bomb"),
    "truncated zip": ("a.epub", packed({"META-INF/container.xml": b"<container/>"})[:-30], 0, "damaged archive"),
    "zip that lies about its size": ("a.odt", LIAR, 0, ""),
    "zip of something else": ("a.docx", packed({"x": b"x"}), 0, "word/document.xml is missing"),
    "entities that swell": ("a.xml", LAUGHS, 0, "entity of its own"),
    "entities that reach out": ("a.xml", XXE, 0, "entity of its own"),
    "nested XML": ("a.xml", b"<article>" + b"<p>" * 100_000, 0, "nested deeper"),
    "broken XML": ("a.xml", b"<article><p>uno</p>", 0, "not well-formed"),
    "nested HTML": ("a.html", b"<div>" * 100_000 + b"uno", 0, "nested without end"),
    "HTML without text": ("a.html", b"<html><script>1</script></html>", 0, "no text is left"),
    "cut PDF": ("a.pdf", b"%PDF-1.4\n1 0 obj <</Type /Catalog", 0, "damaged pdf"),
    "PDF that is none": ("a.pdf", NOISE, 0, "damaged pdf"),
    "LaTeX without end": ("a.tex", b"\\begin{document}" + b"{" * 50_000, 0, "RecursionError"),
    "unknown format": ("a.doc", NOISE, 0, "save it as .docx"),
}  # fmt: skip


def read(folder: Path, **more: Any) -> tuple[list[Document], list[Quarantined]]:
    documents, quarantined = [], []
    for item in read_source(Files(kind="files", path=str(folder), name="s", **more)):
        found = prose(item) if isinstance(item, Document) else item
        if isinstance(found, Quarantined):
            quarantined.append(found)
        elif found:
            documents.append(found)
    return documents, quarantined


@pytest.mark.parametrize("kind", CASES)
def test_damage_is_named_and_the_rest_is_read(tmp_path: Path, kind: str) -> None:
    name, content, expected, reason = CASES[kind]
    for whole in ("0.txt", "z.txt"):
        (tmp_path / whole).write_text(TEXT)
    (tmp_path / name).write_bytes(content)
    documents, quarantined = read(tmp_path)
    mine = [document for document in documents if document.meta["path"] == name]
    assert [document.id for document in documents if document.meta["path"] != name] == ["0.txt", "z.txt"]
    if "truncated" in kind and expected:  # nearly all of it stands before the cut
        assert len(mine) > 100
    else:
        assert len(mine) == expected
    assert bool(quarantined) == (expected == 0 or bool(reason))
    assert all(item.place.startswith(name) and reason in item.reason for item in quarantined)
    for document in mine:
        assert not re.search(r"Ã|Â|\0|Ž|‡|¤|\r", document.text), document.text[:200]
        assert not {"ni", "o"} <= set(document.text.split()), "an ñ was lost"
        json.dumps([document.id, document.meta], allow_nan=False, ensure_ascii=False).encode()


def test_a_gigabyte_of_nothing_is_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "RATIO_FROM", 2**24)
    member = gzip.compress(bytes(2**25))
    (tmp_path / "a.jsonl.gz").write_bytes(gzip.compress(ROW) + member * 4)
    (tmp_path / "z.txt").write_text(TEXT)
    documents, quarantined = read(tmp_path)
    assert [document.id for document in documents] == ["a.jsonl.gz#1", "z.txt"]
    assert "decompression bomb" in quarantined[0].reason


class _Zeros(io.RawIOBase):
    """A file that is not there: a line, `size` zeros, a line."""

    def __init__(self, size: int):
        self._pieces = iter([b"uno\n", *[bytes(2**20)] * (size // 2**20), b"\ndos\n"])
        self._left = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        self._left = self._left or next(self._pieces, b"")
        piece, self._left = self._left[: len(buffer)], self._left[len(buffer) :]
        buffer[: len(piece)] = piece
        return len(piece)


def test_a_line_of_two_gigabytes_is_read_past_in_little_memory() -> None:
    tracemalloc.start()
    found = list(streams.lines(io.BufferedReader(_Zeros(2**31), buffer_size=2**20)))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert found == [(1, b"uno"), (2, None), (3, b"dos")]
    assert peak < 150 * 2**20


def test_a_long_line_in_a_file_hides_none_of_its_neighbours(tmp_path: Path) -> None:
    long = b'{"text": "' + b"x" * (65 * 2**20) + b'"}\n'
    (tmp_path / "a.jsonl.gz").write_bytes(gzip.compress(ROW + long + ROW, compresslevel=1))
    documents, quarantined = read(tmp_path)
    assert [document.id for document in documents] == ["a.jsonl.gz#1", "a.jsonl.gz#3"]
    assert quarantined == [Quarantined("a.jsonl.gz, line 2", "longer than 64 MB")]


@pytest.fixture
def circles(tmp_path: Path) -> Iterator[Path]:
    """A folder with links in circles, a link to nowhere, a pipe, and names that are no text."""
    (tmp_path / "below").mkdir()
    (tmp_path / "0.txt").write_text(TEXT)
    for number in range(3):
        os.symlink(tmp_path, tmp_path / "below" / f"circle{number}")
    os.symlink("self.txt", tmp_path / "self.txt")
    os.symlink(tmp_path / "nowhere", tmp_path / "dangling.txt")
    os.mkfifo(tmp_path / "pipe.txt")
    (tmp_path / "below" / os.fsdecode(b"ni\xf1o.txt")).write_text(TEXT)
    return tmp_path


@pytest.mark.parametrize("pattern", ["", "**/*.txt"])
def test_circles_of_links_pipes_and_names_that_are_no_text(circles: Path, pattern: str) -> None:
    documents, quarantined = read(circles / pattern)
    assert [document.id for document in documents] == ["0.txt", r"below/ni\udcf1o.txt"]
    assert quarantined == []


RECIPE = """\
name: damaged
purpose: To meet damage.
languages: [es]
corpus:
  sources: [{kind: files, path: texts}]
  quality: {min_words: 5}
pretrain: {budget: {steps: 1}}
"""


def test_the_stage_accounts_for_every_file(tmp_path: Path) -> None:
    texts = tmp_path / "texts"
    texts.mkdir()
    for number, (name, content, _, _) in enumerate(CASES.values()):
        if name != "a.jsonl.gz" or len(content) < 10_000:
            (texts / f"{number:02d}{name}").write_bytes(content if number != 0 else content[:200])
    for number in range(30):
        (texts / f"whole{number}.txt").write_text(TEXT * 3 + f"Y van {number} niños: {number * 7919} " * 9)
    (texts / os.fsdecode(b"ni\xf1o.txt")).write_text("El nombre de este fichero no es texto, y su texto sí lo es.")
    (tmp_path / "recipe.yaml").write_text(RECIPE)
    finished = forked("corpus", "recipe.yaml", "--run-dir", tmp_path / "run", cwd=tmp_path)
    assert finished.returncode == 0, finished.stderr
    ledger = pq.read_table(tmp_path / "run" / "corpus" / "ledger.parquet").to_pylist()
    for path in texts.iterdir():
        name = os.fsencode(path.name).decode("utf-8", errors="backslashreplace").replace(r"\xf1", r"\udcf1")
        rows = [row for row in ledger if row["id"].startswith(name)]
        assert rows, f"{name} left no trace"
        assert all(row["reason"] for row in rows if row["decision"] != "kept")
    assert sum(row["decision"] == "quarantined" for row in ledger) >= 25


def test_reading_damage_prints_nothing_and_needs_no_more_memory(tmp_path: Path) -> None:
    (tmp_path / "a.pdf").write_bytes(b"%PDF-1.4\n" + NOISE)
    (tmp_path / "a.html").write_bytes(b"<div>" * 100_000)
    code = (
        "import sys; from desdecero.pipelines.recipe import Files\n"
        "from desdecero.pipelines.corpus.sources import read_source\n"
        "from desdecero.pipelines.corpus.sources.extraction import prose\n"
        "for item in read_source(Files(kind='files', path=sys.argv[1])): prose(item)"
    )
    finished = subprocess.run([sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True)
    assert (finished.returncode, finished.stdout, finished.stderr) == (0, "", "")
