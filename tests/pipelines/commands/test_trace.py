"""`desdecero trace`: runs of words that stand in the training text, with document, source and licence."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from desdecero.pipelines.cli import main
from desdecero.pipelines.run.run_dir import RunDir


@pytest.fixture(scope="module")
def run(run_without_adapter: Path, tmp_path_factory: pytest.TempPathFactory) -> RunDir:
    return RunDir(shutil.copytree(run_without_adapter, tmp_path_factory.mktemp("trace") / "run"))


@pytest.fixture(scope="module")
def document(run: RunDir) -> dict[str, str]:
    rows = [row for file in sorted(run.documents.glob("train-*.parquet")) for row in pq.read_table(file).to_pylist()]
    return next(row for row in rows if len(row["text"].split()) > 60)


def test_what_was_copied_is_found_with_its_document_and_what_was_not_is_left_out(
    run: RunDir, document: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    copied = " ".join(document["text"].split(" ")[5:40])
    text = f"Quixotic zebras jump. {copied} Vexed wizards quiz."
    assert main(["trace", str(run.path), text, "--json"]) == 0
    spans = json.loads(capsys.readouterr().out)
    longest = spans[0]
    assert longest["text"] in text and longest["text"].strip() in copied
    assert len(longest["text"]) > 0.9 * len(copied) and longest["occurrences"] >= 1
    assert text[longest["start"] : longest["end"]] == longest["text"]
    (ledger,) = pq.read_table(run.token_ledger, filters=[("id", "=", document["id"])]).to_pylist()
    assert {"id": ledger["id"], "source": ledger["source"], "license": ledger["license"]} in longest["documents"]
    assert 0 <= longest["held_out"] <= 1
    assert not any("Quixotic" in span["text"] or "Vexed" in span["text"] for span in spans)


def test_a_document_that_was_copied_whole_is_one_run(run: RunDir, capsys: pytest.CaptureFixture[str]) -> None:
    rows = [row for file in sorted(run.documents.glob("train-*.parquet")) for row in pq.read_table(file).to_pylist()]
    longest = max(rows, key=lambda row: len(row["text"]))
    assert main(["trace", str(run.path), longest["text"], "--json"]) == 0
    (span,) = json.loads(capsys.readouterr().out)
    assert span["text"] == longest["text"] and longest["id"] in [one["id"] for one in span["documents"]]


def test_it_is_said_in_both_languages_that_a_match_proves_little(
    run: RunDir, document: dict[str, str], capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    file = tmp_path / "text.txt"
    file.write_text(" ".join(document["text"].split(" ")[5:40]), encoding="utf-8")
    assert main(["trace", str(run.path), "--file", str(file), "--language", "en"]) == 0
    said = capsys.readouterr().out
    assert document["id"] in said and "It does not show that the model learnt them by heart." in said
    assert main(["trace", str(run.path), "--file", str(file), "--language", "es"]) == 0
    assert "No demuestra que el modelo las haya memorizado." in capsys.readouterr().out
    assert main(["trace", str(run.path), "zq xv jw qz vx wj kq xz jq vz", "--language", "es"]) == 0
    assert "Ninguna secuencia de 8 tokens o más" in capsys.readouterr().out


def test_the_run_stays_whole(run: RunDir, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["trace", str(run.path), "one two three four five six seven eight nine ten"]) == 0
    assert main(["verify", str(run.path)]) == 0, capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["short"], "runs of 8 are looked for: give a longer text, or lower --min-tokens"),
        ([], "give a text, or a file with --file"),
        (["a text", "--file", "x.txt"], "give a text, or a file with --file"),
        (["--file", "/no/such/file.txt"], "/no/such/file.txt cannot be read: No such file or directory"),
        (["a text", "--min-tokens", "1"], "--min-tokens 1: give 2 or more"),
        (["a text", "--min-tokens", "9999"], "runs of 9999 are looked for: give a longer text, or lower --min-tokens"),
        ([""], "the text is empty: give some words of the text to look up"),
        ([" \n "], "the text is empty: give some words of the text to look up"),
        (["not UTF-8: \udcff and some more words"], "the text is not UTF-8 text at character 11: give it in a file"),
    ],
)
def test_what_cannot_be_traced_is_refused_in_a_sentence(
    run: RunDir, words: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["trace", str(run.path), *words]) == 2
    assert said in capsys.readouterr().err


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "empty: give some words"),
        (b"caf\xe9", "not UTF-8 text at byte 3"),
        (None, "cannot be read: Is a directory"),
    ],
)
def test_a_file_that_holds_no_text_is_refused(
    run: RunDir, content: bytes | None, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "text.txt"
    file.mkdir() if content is None else file.write_bytes(content)
    assert main(["trace", str(run.path), "--file", str(file)]) == 2
    assert said in capsys.readouterr().err


@pytest.mark.parametrize("name", ["empty_folder", "a_file", "nowhere"])
def test_what_is_no_run_is_refused(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "empty_folder").mkdir()
    (tmp_path / "a_file").touch()
    assert main(["trace", str(tmp_path / name), "a text of some words that is long enough for it"]) == 2
    assert f"no run at {tmp_path / name}" in capsys.readouterr().err


def test_a_run_whose_tokens_were_taken_away_is_refused(
    run: RunDir, document: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["trace", str(run.path), document["text"]]) == 0
    (shard,) = run.token_files("train")
    content = shard.read_bytes()
    shard.unlink()
    assert main(["trace", str(run.path), document["text"]]) == 2
    assert "train-00000.bin is missing or not as it was sealed" in capsys.readouterr().err
    shard.write_bytes(content)


def test_a_text_of_unknown_characters_is_refused(
    tiny: Callable[[str], Path], capsys: pytest.CaptureFixture[str]
) -> None:
    run = tiny("bert") / "run"
    assert main(["trace", str(run), "日本 漢字 東京 大阪 京都 日本 漢字 東京 大阪 京都"]) == 2
    assert "the tokenizer knows no character of the text" in capsys.readouterr().err


def test_a_run_without_tokens_is_refused(run: RunDir, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "run").mkdir()
    shutil.copy(run.recipe_file, tmp_path / "run")
    assert main(["trace", str(tmp_path / "run"), "a text of some words that is long enough for it"]) == 2
    assert "has no tokens to look a text up in" in capsys.readouterr().err
