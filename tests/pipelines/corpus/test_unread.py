"""Input that no reader accepted is reported to people, with its share of the text and the command that lists it."""

from __future__ import annotations

from pathlib import Path

import pytest
from helpers import forked

from desdecero.pipelines.corpus.document import Quarantined
from desdecero.pipelines.corpus.ledger import spool_batch
from desdecero.pipelines.corpus.unread import SHOWN, UnreadCount, describe_unread
from desdecero.pipelines.run.reports.corpus import Unread


def counted(*items: Quarantined, read: int = 0) -> Unread:
    unread = UnreadCount()
    unread.add(spool_batch(items))
    return unread.report(read)


def test_files_and_records_are_told_apart_and_the_largest_come_first() -> None:
    report = counted(
        Quarantined("a, line.csv", "x", 10), Quarantined("b.csv, line 3", "y", 5),
        Quarantined("c.gz, after row 9", "z"),
        Quarantined("d.parquet, rows 1–9", "y", 40), Quarantined("e.warc, record 4", "y"),
        Quarantined("f.doc", "w", 30),
        read=85,
    )  # fmt: skip
    assert (report.files, report.records, report.bytes, report.share_bytes) == (2, 4, 85, 0.5)
    assert [entry.place for entry in report.largest][:2] == ["d.parquet, rows 1–9", "f.doc"]
    sentence = describe_unread(report, "runs/x")
    assert sentence.startswith("no reader accepted 2 files and 4 records (d.parquet, rows 1–9, f.doc")
    assert "about 50% of the words" in sentence and "`desdecero corpus inspect runs/x --unread`" in sentence


def test_nothing_unread_is_not_told() -> None:
    assert describe_unread(counted(), "runs/x") == ""


def test_names_that_are_no_text_and_long_lists_are_no_trouble() -> None:
    report = counted(*[Quarantined(f"\ud800{number}", "\udc00", number) for number in range(50)])
    assert len(report.largest) == SHOWN and report.files == 50
    report.model_dump_json().encode()


@pytest.fixture(scope="module")
def home(prose: list[str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("unread")
    texts = home / "texts"
    texts.mkdir()
    for number, text in enumerate(prose[:40]):
        (texts / f"{number}.txt").write_text(text, encoding="utf-8")
    (texts / "viejo.doc").write_bytes(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(9000))
    (texts / "tabla.csv").write_text("titulo;cuerpo\nuno;dos\n")
    (texts / "filas.jsonl").write_text('{"text": "uno\n')
    (home / "r.yaml").write_text(
        "name: r\npurpose: To be describe_unread.\nlanguages: [en]\n"
        "corpus:\n  sources: [{kind: files, path: texts, license: CC0-1.0}]\n  quality: {min_words: 5}\n"
        "pretrain: {budget: {steps: 1}}\n"
    )
    return home


def test_the_stage_inspect_and_the_datasheet_tell_it(home: Path) -> None:
    finished = forked("corpus", "r.yaml", "--run-dir", "run", cwd=home)
    assert finished.returncode == 0, finished.stderr
    assert "no reader accepted 3 files (viejo.doc, tabla.csv, filas.jsonl): about " in finished.stdout
    assert "`desdecero corpus inspect run --unread`" in finished.stdout
    listed = forked("corpus", "inspect", "run", "--unread", cwd=home).stdout
    assert "viejo.doc: an old Word document: save it as .docx" in listed and "text_field" in listed
    assert "3 files and 0 records" in forked("corpus", "inspect", "run", cwd=home).stdout
    for page, words in (("README.md", "3 files and 0 records"), ("README.es.md", "3 ficheros ni 0 registros")):
        sheet = (home / "run" / "corpus" / page).read_text()
        assert words in sheet and "viejo.doc" in sheet
