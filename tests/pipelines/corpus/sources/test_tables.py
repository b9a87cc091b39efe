"""Tables of text: any row end, any separator, and damage that costs its own row."""

from __future__ import annotations

from pathlib import Path

import pytest

from desdecero.pipelines.corpus.document import Document, Quarantined
from desdecero.pipelines.corpus.sources import read_source
from desdecero.pipelines.recipe import Files


def read(folder: Path, name: str, content: bytes) -> tuple[list[str], list[tuple[str, str]]]:
    """(texts, places and reasons of what was not read) of one file beside a whole one."""
    (folder / name).write_bytes(content)
    (folder / "zz.txt").write_text("whole")
    items = list(read_source(Files(kind="files", path=str(folder), name="s")))
    texts = [item.text for item in items if isinstance(item, Document)]
    assert texts.pop() == "whole"
    return texts, [(item.place, item.reason) for item in items if isinstance(item, Quarantined)]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_rows_may_end_as_on_any_machine_and_fields_hold_ends_of_their_own(tmp_path: Path, end: str) -> None:
    rows = ["id,text", "1,uno", '2,"dos\nlíneas"', "3,tres", ""]
    assert read(tmp_path, "x.csv", end.join(rows).encode()) == (["uno", "dos\nlíneas", "tres"], [])


def test_a_table_may_have_line_ends_of_several_kinds(tmp_path: Path) -> None:
    content = b'id,text\r\n1,uno\r2,dos\n3,"tres\ry"\r\n4,cuatro\r5,cinco\r\n'
    assert read(tmp_path, "x.csv", content) == (["uno", "dos", "tres\ry", "cuatro", "cinco"], [])


def test_a_quote_that_never_ends_costs_one_row(tmp_path: Path) -> None:
    texts, unread = read(tmp_path, "x.csv", b'id,text\n1,"uno\n2,dos\n3,"tres, y"\n4,cuatro\n5,"cinco\n6,seis\n')
    assert texts == ["dos", "tres, y", "cuatro", "seis"]
    assert [place for place, _ in unread] == ["x.csv, line 2", "x.csv, line 6"]


def test_a_table_of_quotes_that_never_end_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("desdecero.pipelines.corpus.sources.csv_records.MAX_REREAD", 1000)
    _, unread = read(tmp_path, "x.csv", b"id,text\n" + b'1,"uno\n' + b"2,dos\n" * 500)
    assert unread[-1][1] == "not CSV: too many quotes that never end"


def test_tabs_leave_quotes_as_they_are(tmp_path: Path) -> None:
    assert read(tmp_path, "x.tsv", b'id\ttext\n1\t"No" dijo\n2\t"dos, tres"\n')[0] == ['"No" dijo', "dos, tres"]


def test_a_table_is_read_as_spreadsheets_save_it(tmp_path: Path) -> None:
    assert read(tmp_path, "a.csv", "sep=;\r\nid;text\r\n1;año, mes\r\n".encode("utf-8-sig"))[0] == ["año, mes"]
    assert read(tmp_path, "a.csv", "id\ttext\r\n1\taño\r\n".encode("utf-16"))[0] == ["año"]
    assert read(tmp_path, "a.csv", b"\nid,text,,\n1,uno,,\n2,dos,,,,\n")[0] == ["uno", "dos"]


def test_other_columns_are_named_with_the_key_that_names_them(tmp_path: Path) -> None:
    _, ((place, reason),) = read(tmp_path, "x.csv", b"titulo;cuerpo\nuno;dos\n")
    assert place == "x.csv" and "it has 'titulo', 'cuerpo'" in reason and "text_field" in reason


@pytest.mark.parametrize(
    ("content", "reason"),
    [(b"text,text\na,b\n", "two columns are called 'text'"), (b"id,text\n", "it holds no records")],
)
def test_a_table_without_a_sure_text_is_told(tmp_path: Path, content: bytes, reason: str) -> None:
    texts, ((_, said),) = read(tmp_path, "x.csv", content)
    assert texts == [] and reason in said


def test_a_column_named_twice_that_nobody_asked_for_is_kept_twice(tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text("n,text,n\n1,uno,2\n")
    (found,) = read_source(Files(kind="files", path=str(tmp_path), name="s"))
    assert isinstance(found, Document) and (found.meta["n"], found.meta["n (2)"]) == ("1", "2")
