"""A folder as a publisher has it: old documents, archives, files without a suffix, shards that count from 0."""

from __future__ import annotations

import gzip
import io
import random
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from desdecero.pipelines.common.errors import UserError
from desdecero.pipelines.corpus.document import Document, Quarantined
from desdecero.pipelines.corpus.sources import check_libraries, files, read_source
from desdecero.pipelines.corpus.sources.extraction import prose
from desdecero.pipelines.corpus.sources.faults import contained
from desdecero.pipelines.recipe import Files, Wikipedia

TEXT = "El niño llegó tarde a la montaña y comió piñas."
NOISE = random.Random(3).randbytes(3000)
OLD_WORD = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(500)
RTF = (
    rb"{\rtf1\ansi\ansicpg1252{\fonttbl{\f0\fcharset0 Times;}}{\info{\title Un cuento}}\f0 "
    rb"El ni\'f1o lleg\'f3 \u8220?tarde\u8221? a la monta\'f1a; pag\'f3 5 \u8364\'80 y cont\'f3 10{\super 6}.\par "
    rb"Un emoji: \u-10179?\u-8694? y nada m\'e1s.\par}"
)


def source(path: Path, **more: Any) -> Files:
    return Files(kind="files", path=str(path), name="s", **more)


def read(path: Path, **more: Any) -> tuple[dict[str, Document], dict[str, str]]:
    """The documents by their ids, and the reasons by their places."""
    items = [prose(item) if isinstance(item, Document) else item for item in read_source(source(path, **more))]
    documents = {item.id: item for item in items if isinstance(item, Document)}
    return documents, {item.place: item.reason for item in items if isinstance(item, Quarantined)}


def packed(members: dict[str, bytes]) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return stream.getvalue()


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("README", TEXT.encode()), ("diario.log", TEXT.encode("latin-1")), ("nota.texto", TEXT.encode("utf-16")),
        ("a.txt.zst", pa.compress(TEXT.encode(), codec="zstd", asbytes=True)),
        ("b.txt.gz", gzip.compress(TEXT.encode())),
        ("carta.doc", TEXT.encode()),
        ("pagina", b"<!DOCTYPE html><html><body><p>" + TEXT.encode() * 9 + b"</p></body>"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)  # fmt: skip
def test_what_is_text_is_read_under_any_name(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    ((identity, document),) = read(tmp_path)[0].items()
    assert identity == name and document.text.startswith(TEXT)


@pytest.mark.parametrize("name", ["part-00000", "part-00001.gz", "volcado.datos"])
@pytest.mark.parametrize(
    "pattern", [b'{"text": "Uno."}\n{"text": "Dos."}\n', b'[\n {"text": "Uno."},\n {"text": "Dos."}\n]']
)
def test_records_of_json_are_known_by_their_first_bytes(tmp_path: Path, name: str, pattern: bytes) -> None:
    (tmp_path / name).write_bytes(gzip.compress(pattern) if name.endswith(".gz") else pattern)
    assert [document.text for document in read(tmp_path)[0].values()] == ["Uno.", "Dos."]


@pytest.mark.parametrize(
    ("name", "content", "remedy"),
    [
        ("a.doc", OLD_WORD, "save it as .docx"), ("hoja.xls", OLD_WORD, "save its sheets as .csv"),
        ("a", OLD_WORD, "old Office"), ("foto.jpg", NOISE, "OCR"), ("x.rar", b"Rar!\x1a\x07" + NOISE, "unpack it"),
        ("x.bin", NOISE, "no reader for .bin"), ("datos", gzip.compress(NOISE), "add .gz to its name"),
        ("style.css", b"body { color: red }", "no prose"), ("a.zip", packed({"a.txt": b"x"})[:-20], "not a zip file"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)  # fmt: skip
def test_what_no_reader_takes_is_told_with_the_remedy(tmp_path: Path, name: str, content: bytes, remedy: str) -> None:
    (tmp_path / name).write_bytes(content)
    (tmp_path / "zz.txt").write_text(TEXT)
    documents, reasons = read(tmp_path)
    assert list(documents) == ["zz.txt"] and list(reasons) == [name] and remedy in reasons[name]


@pytest.mark.parametrize("name", ["cuento.rtf", "cuento.doc", "cuento"])
def test_rtf_is_read_with_its_accents(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(RTF)
    document = read(tmp_path)[0][name]
    assert document.text.splitlines() == [
        "El niño llegó “tarde” a la montaña; pagó 5 € y contó 10^6.", "Un emoji: 😊 y nada más.",
    ]  # fmt: skip
    assert document.meta["title"] == "Un cuento"


def test_rtf_of_a_macintosh_is_read_in_its_code_page(tmp_path: Path) -> None:
    (tmp_path / "a.rtf").write_bytes(rb"{\rtf1\mac El ni\'96o y la se\'96ora, lleg\'97.}")
    (tmp_path / "b.rtf").write_bytes(b"no RTF")
    documents, reasons = read(tmp_path)
    assert documents["a.rtf"].text == "El niño y la señora, llegó." and "no RTF" in reasons["b.rtf"]


def test_members_of_a_zip_file_are_read_like_files(tmp_path: Path) -> None:
    members = {
        "cuentos/uno.txt": TEXT.encode("cp850"), "tabla.csv": b"id,text\n1,uno\n2,dos\n", "a.rtf": RTF,
        "filas.jsonl.gz": gzip.compress(b'{"text": "fila"}\n'), "viejo.doc": OLD_WORD,
        "otro.zip": packed({"a.txt": b"x"}),
        "__MACOSX/x.txt": b"x", ".oculto.txt": b"x", "LEEME": TEXT.encode(),
    }  # fmt: skip
    (tmp_path / "todo.zip").write_bytes(packed(members))
    documents, reasons = read(tmp_path)
    assert set(documents) == {
        "todo.zip/cuentos/uno.txt", "todo.zip/tabla.csv#2", "todo.zip/tabla.csv#3", "todo.zip/a.rtf",
        "todo.zip/filas.jsonl.gz#1", "todo.zip/LEEME",
    }  # fmt: skip
    assert documents["todo.zip/cuentos/uno.txt"].text == TEXT
    assert set(reasons) == {"todo.zip/viejo.doc", "todo.zip/otro.zip"}


def test_a_damaged_member_costs_no_other(tmp_path: Path) -> None:
    data = bytearray(packed({"a.txt": TEXT.encode() * 99, "b.txt": NOISE.hex().encode(), "c.txt": TEXT.encode() * 9}))
    start = data.index(b"b.txt") + 40
    data[start : start + 400] = b"\xff" * 400
    (tmp_path / "x.zip").write_bytes(data)
    documents, reasons = read(tmp_path)
    assert {"x.zip/a.txt", "x.zip/c.txt"} <= set(documents) and any(
        place.startswith("x.zip/b.txt") for place in reasons
    )


def test_a_zip_file_that_swells_is_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("desdecero.pipelines.corpus.sources.entries.RATIO_FROM", 2**20)
    bomb = {f"{number}.txt": bytes(b"a" * 2**20) for number in range(9)}
    (tmp_path / "x.zip").write_bytes(packed(bomb))
    (tmp_path / "zz.txt").write_text(TEXT)
    documents, reasons = read(tmp_path)
    assert "zz.txt" in documents and "decompression bomb" in reasons["x.zip/8.txt"]


@pytest.mark.parametrize("suffix", [".gz", ".zst"])
def test_a_text_that_breaks_off_is_kept_as_far_as_it_goes_and_told(tmp_path: Path, suffix: str) -> None:
    words = random.Random(5).randbytes(600_000).hex()
    lines = [words[start : start + 60] for start in range(0, len(words), 60)]
    for name, content in (
        ("a.txt", "\n".join(lines)),
        ("b.jsonl", "".join(f'{{"text": "{line}"}}\n' for line in lines)),
    ):
        data = content.encode()
        whole = gzip.compress(data) if suffix == ".gz" else pa.compress(data, codec="zstd", asbytes=True)
        (tmp_path / f"{name}{suffix}").write_bytes(whole[: len(whole) // 2])
    documents, reasons = read(tmp_path)
    text = documents[f"a.txt{suffix}"]
    assert text.text.startswith(lines[0]) and "breaks off" in text.meta["damage"]
    assert f"b.jsonl{suffix}#100" in documents
    assert sorted(place.partition(",")[0] for place in reasons) == [f"a.txt{suffix}", f"b.jsonl{suffix}"]


def test_ids_that_restart_in_another_file_are_made_distinct_by_it(tmp_path: Path) -> None:
    for shard in "ab":
        (tmp_path / f"{shard}.jsonl").write_text("".join(f'{{"text": "{shard}{n}", "id": {n}}}\n' for n in range(3)))
    (tmp_path / "c.jsonl").write_text('{"text": "c", "id": "b.jsonl/1"}\n{"text": "d"}\n{"text": "e", "id": 7}\n')
    documents, reasons = read(tmp_path, id_field="id")
    assert {identity: document.text for identity, document in documents.items()} == {
        "0": "a0", "1": "a1", "2": "a2", "b.jsonl/0": "b0", "b.jsonl/1": "b1", "b.jsonl/2": "b2",
        "c.jsonl/b.jsonl/1": "c", "c.jsonl#2": "d", "7": "e",
    }  # fmt: skip
    assert reasons == {}


@pytest.mark.parametrize(
    "error", [OverflowError("date"), KeyError("x"), RuntimeError("lib"), AssertionError(), RecursionError()]
)
def test_whatever_a_reader_raises_costs_its_file_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    (tmp_path / "a.csv").write_text("text\nuno\ndos\n")
    (tmp_path / "z.txt").write_text(TEXT)
    true_reader = files.read_csv

    def breaking(*words: Any) -> Iterator[Any]:
        yield next(true_reader(*words))
        raise error

    monkeypatch.setattr(files, "read_csv", breaking)
    documents, reasons = read(tmp_path)
    assert list(documents) == ["a.csv#2", "z.txt"]
    assert type(error).__name__ in reasons["a.csv, after line 2"]


def test_memory_that_is_used_up_is_a_sentence_and_no_damage() -> None:
    def hungry() -> Iterator[int]:
        yield 1
        raise MemoryError

    with pytest.raises(UserError, match=r"a.csv: reading it needs more memory than available"):
        list(contained(hungry(), lambda _: "a.csv"))


def test_libraries_that_are_missing_are_told_all_at_once_before_reading(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import importlib.util

    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name, *more: None if name in ("pypdf", "striprtf") else find(name, *more)
    )
    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()
    (tmp_path / "one" / "a.pdf").write_bytes(b"%PDF-")
    (tmp_path / "one" / "b.pdf").write_bytes(b"%PDF-")
    (tmp_path / "two" / "x.zip").write_bytes(packed({"c.rtf": RTF}))
    dump = Wikipedia.model_validate({"kind": "wikipedia", "language": "es", "dump": str(tmp_path / "es.xml")})
    with pytest.raises(UserError) as told:
        check_libraries([source(tmp_path / "one"), source(tmp_path / "two"), dump])
    assert str(told.value) == (
        "reading pdf (a.pdf and 1 more), rtf (x.zip/c.rtf) needs pypdf, striprtf, which are not installed: "
        "pip install 'desdecero[documents]'"
    )
