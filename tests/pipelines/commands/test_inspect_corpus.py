"""The ledger answers: why was this dropped, and what became of that document?"""

from __future__ import annotations

from pathlib import Path

import pytest
from helpers import forked


@pytest.fixture(scope="module")
def home(prose: list[str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("inspect")
    (folder / "texts").mkdir()
    for number, text in enumerate(prose[:60]):
        (folder / "texts" / f"{number:02d}.txt").write_text(text, encoding="utf-8")
    (folder / "texts" / "copy.txt").write_text(prose[0], encoding="utf-8")
    (folder / "texts" / "short.txt").write_text("Too short.", encoding="utf-8")
    mail = f"{prose[61]}\n\nWrite to maria.perez@correo.es for more of this.\n"
    (folder / "texts" / "mail.txt").write_text(mail, encoding="utf-8")
    (folder / "texts" / "noise.txt").write_bytes(bytes(range(256)) * 40)
    (folder / "r.yaml").write_text(
        "name: r\npurpose: To look into.\nlanguages: [en]\n"
        "corpus:\n  sources: [{kind: files, path: texts, license: PSF-2.0}]\n  quality: {min_words: 5}\n"
        "tokenizer: {vocab_size: 500}\npretrain: {budget: {steps: 1}}\n",
        encoding="utf-8",
    )
    finished = forked("run", "r.yaml", "--run-dir", "run", "--until", "tokens", cwd=folder)
    assert finished.returncode == 0, finished.stderr
    return folder


def inspect(home: Path, *words: str) -> str:
    finished = forked("corpus", "inspect", "run", *words, cwd=home)
    assert finished.returncode == 0, finished.stderr
    return finished.stdout


def test_overview_shows_each_reason_with_an_example(home: Path) -> None:
    shown = inspect(home)
    assert "too_few_words" in shown
    assert "short.txt: Too short." in shown
    assert "exact_duplicate" in shown
    assert "noise.txt: binary data" in shown


def test_documents_dropped_for_a_reason_are_listed_with_what_they_duplicate(home: Path) -> None:
    shown = inspect(home, "--reason", "exact_duplicate")
    assert "exact_duplicate: 1 document\n" in shown
    assert "copy.txt" in shown
    assert "of 00.txt" in shown


def test_history_of_a_document_goes_from_its_source_to_its_tokens(home: Path) -> None:
    shown = inspect(home, "--document", "mail.txt")
    for part in ("PSF-2.0 (declared)", "email 1", "kept, in ", "sha256", "train-00000.bin", "<email>"):
        if part == "train-00000.bin" and "kept, in validation" in shown:
            part = "validation-00000.bin"
        assert part in shown
    assert "maria.perez" not in shown


def test_history_names_the_copies_that_a_document_stands_for(home: Path) -> None:
    assert "copy.txt (exact_duplicate)" in inspect(home, "--document", "00.txt")
    assert "dropped: exact_duplicate of 00.txt" in inspect(home, "--document", "copy.txt")
    assert "quarantined: binary data" in inspect(home, "--document", "noise.txt")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--document", "copy"], "did you mean one of: copy.txt?"),
        (["--reason", "ugly"], "the reasons are:"),
    ],
)
def test_what_is_not_there_is_answered_with_what_is(home: Path, words: list[str], said: str) -> None:
    finished = forked("corpus", "inspect", "run", *words, cwd=home)
    assert finished.returncode == 2
    assert said in finished.stderr
