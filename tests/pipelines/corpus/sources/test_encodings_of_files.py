"""An encoding is decided for a file: rows with a few accents each are read by what all of them show."""

from __future__ import annotations

import gzip
import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from desdecero.pipelines.corpus.document import Document, Quarantined
from desdecero.pipelines.corpus.sources import read_source
from desdecero.pipelines.corpus.sources.decoding import decode
from desdecero.pipelines.recipe import Files

ROWS = ["La señora salió al balcón", "Después pidió más té", "Mañana será otro día", "¿Quién vendrá el sábado?"] * 3
PRICES = ["Cuesta 5 € la unidad", "El año pasado: 1.200 €", "Tres cafés, 4,50 €"]


def as_csv(rows: list[str], encoding: str) -> bytes:
    return ("id;text\n" + "".join(f"{number};{row}\n" for number, row in enumerate(rows))).encode(encoding)


def as_lines(rows: list[str], encoding: str) -> bytes:
    return "".join(json.dumps({"text": row}, ensure_ascii=False) + "\n" for row in rows).encode(encoding)


def as_array(rows: list[str], encoding: str) -> bytes:
    return json.dumps([{"text": row} for row in rows], ensure_ascii=False).encode(encoding)


FORMS = {"x.csv": as_csv, "x.jsonl": as_lines, "x.json": as_array}


def read(folder: Path, name: str, content: bytes) -> tuple[list[Document], list[Quarantined]]:
    (folder / name).write_bytes(content)
    items = list(read_source(Files(kind="files", path=str(folder), name="s")))
    return [i for i in items if isinstance(i, Document)], [i for i in items if isinstance(i, Quarantined)]


@pytest.mark.parametrize("encoding", ["cp850", "cp437", "mac_roman", "windows-1252", "iso8859-15"])
@pytest.mark.parametrize("name", FORMS)
def test_rows_with_few_accents_are_read_and_their_encoding_is_on_record(
    tmp_path: Path, name: str, encoding: str
) -> None:
    rows = [row for row in ROWS if encoding != "cp437" or "á" not in row.upper()[:1]]
    documents, quarantined = read(tmp_path, name, FORMS[name](rows, encoding))
    assert [document.text for document in documents] == rows and not quarantined
    told = [document for document in documents if not document.text.isascii()]
    assert all(
        document.meta["encoding"] != "utf-8" and document.edits and document.edits.counts == {"encoding": 1}
        for document in told
    )


@pytest.mark.parametrize(("name", "form"), FORMS.items())
@pytest.mark.parametrize("encoding", ["iso8859-15", "windows-1252", "cp858", "mac_roman"])
def test_a_euro_is_a_euro(tmp_path: Path, name: str, form: Callable[[list[str], str], bytes], encoding: str) -> None:
    rows = PRICES if encoding != "mac_roman" else PRICES + ROWS
    assert [document.text for document in read(tmp_path, name, form(rows, encoding))[0]] == rows


def test_latin_9_is_told_from_latin_1_by_what_they_write_differently() -> None:
    for text in ("L´Hospitalet y Sant Martí; 3½ tazas, ¼ de litro", "Citroën, señor: ´así´ lo dijo él"):
        assert decode(text.encode("latin-1"))[0] == text
    for text in ("Le cœur et l'œuvre de Louÿs à 5 €", "Dvořák".replace("ř", "r") + ", Škoda y Žižka: 12 €"):
        assert decode(text.encode("iso8859-15"))[0] == text


def test_the_few_accents_of_a_long_file_decide_wherever_they_stand(tmp_path: Path) -> None:
    rows = ["no hay nada que ver en esta fila"] * 5000
    rows[2500], rows[4000] = "La campaña terminó", "Volverá el próximo año"
    documents, _ = read(tmp_path, "x.csv.gz", gzip.compress(as_csv(rows, "cp850")))
    assert [document.text for document in documents] == rows
    text = "\n".join(rows)
    assert decode(text.encode("cp850"))[0] == text


@pytest.mark.parametrize("other", ["cp850", "windows-1252"])
def test_a_file_joined_from_several_is_read_line_by_line_and_says_so(tmp_path: Path, other: str) -> None:
    joined = as_lines(ROWS, "utf-8") + as_lines(ROWS, other)
    documents, _ = read(tmp_path, "x.jsonl", joined)
    assert [document.text for document in documents] == ROWS * 2
    assert [document.meta.get("encoding") for document in documents] == [None] * 12 + [other] * 12
    text, encoding = decode("\n".join(ROWS).encode() + b"\n" + "\n".join(ROWS).encode(other))
    assert text == "\n".join(ROWS * 2) and encoding == f"utf-8 and {other}"


def test_rows_of_two_older_encodings_are_never_read_in_the_wrong_one(tmp_path: Path) -> None:
    rows = ["Mañana no", "El niño rió", "pidió más"]
    documents, quarantined = read(tmp_path, "x.jsonl", as_lines(rows * 4, "windows-1252") + as_lines(rows * 4, "cp850"))
    assert {document.text for document in documents} <= set(rows)
    assert len(documents) + len(quarantined) == 24


def test_damaged_utf_8_is_not_taken_for_another_encoding(tmp_path: Path) -> None:
    content = as_csv(ROWS, "utf-8") + b"98;La cig\xc3 ue\xc3\n"
    documents, (damaged,) = read(tmp_path, "x.csv", content)
    assert [document.text for document in documents] == ROWS
    assert damaged.place == "x.csv, line 14" and "not UTF-8" in damaged.reason


def test_characters_that_were_lost_are_counted(tmp_path: Path) -> None:
    (document,), _ = read(
        tmp_path, "x.txt", "El niño comió piñas.\n".encode() * 5 + b"pi\xc3\xb1a \xff rota: \xc3\xb1\xc3\xb1\n"
    )
    assert document.edits and document.edits.counts == {"lost_character": 1}


NOVELS = os.environ.get("DESDECERO_DATA", "")


@pytest.mark.skipif(not NOVELS, reason="DESDECERO_DATA names no folder of real text")
@pytest.mark.parametrize(("encoding", "least"), [("windows-1252", 60), ("cp850", 60), ("mac_roman", 50)])
def test_short_pieces_of_novels(encoding: str, least: int) -> None:
    with gzip.open(Path(NOVELS) / "corpora" / "novelas_es.jsonl.gz", "rt", encoding="utf-8") as file:
        texts = [json.loads(line)["text"] for line, _ in zip(file, range(20), strict=False)]
    pieces = [
        text[start : start + 300].encode(encoding, "ignore") for text in texts for start in (9000, 50_000, 90_000)
    ]
    assert sum(decode(piece)[0] == piece.decode(encoding) for piece in pieces) >= least - 1
