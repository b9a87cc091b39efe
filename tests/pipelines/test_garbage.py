"""Garbage in a file of a run: every command that reads it ends with one sentence that names it, never a traceback."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

import pytest
from sealed_run import make_sealed_run, reseal

from desdecero.pipelines.cli import main
from desdecero.pipelines.commands.summary import summary
from desdecero.pipelines.common.errors import UserError
from desdecero.pipelines.run.run_dir import RunDir

GARBAGE = [b"", b"[]", b'{"a": NaN, "b": "\\ud800"}', b"\xff\xfe", b"[" * 20_000]
FILES = [
    "corpus/report.json", "tokens/report.json", "pretrain/report.json", "evaluation/report.json", "audit/report.json",
    "card/report.json", "card/licensing.json", "card/evidence.json", "corpus/done.json", "pretrain/done.json",
    "card/done.json", "model/config.json", "model/tokenizer.json", "model/tokenizer_config.json", "recipe.yaml",
]  # fmt: skip
COMMANDS = [
    ["status", "RUN"],
    ["verify", "RUN"],
    ["corpus", "inspect", "RUN"],
    ["publish", "RUN", "--dry-run"],
    ["export-gguf", "RUN", "OUT"],
    ["forget", "RUN", "--match", "law"],
    ["card", "RUN/recipe.yaml", "--run-dir", "RUN"],
]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    run, _ = make_sealed_run(tmp_path_factory.mktemp("whole") / "run")
    return run.path


def spoilt(whole: Path, folder: Path, name: str, content: bytes) -> Path:
    """A copy of the run, with other content in one file."""
    run = Path(shutil.copytree(whole, folder / "run"))
    (run / name).write_bytes(content)
    return run


@pytest.mark.parametrize("name", FILES)
def test_every_command_ends_with_a_sentence(
    whole: Path, tmp_path: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    for number, content in enumerate(GARBAGE):
        run = spoilt(whole, tmp_path / str(number), name, content)
        for command in COMMANDS:
            code, out, err = ended(command, run, capsys)
            assert code in (0, 1, 2), (command, content[:9])
            assert len(err.splitlines()) == (code == 2), err
            if command[0] == "verify":
                assert code == 1 and name in out
            if code == 2 and "no corpus" not in err:
                assert str(run) in err or name in err, (command, err)


def ended(command: Sequence[str], run: Path, capsys: pytest.CaptureFixture[str]) -> tuple[int, str, str]:
    """(exit code, output, errors)"""
    places = {"RUN": str(run), "OUT": str(run.parent / "out.gguf")}
    words = [word.replace("RUN", places["RUN"]) if "RUN" in word else places.get(word, word) for word in command]
    capsys.readouterr()
    code = main(words)
    said = capsys.readouterr()
    return code, said.out, said.err


@pytest.mark.parametrize("content", [b"{}", b'{"documents": 3, "findings": 3, "splits": "x"}'], ids=["empty", "types"])
@pytest.mark.parametrize("stage", ["corpus", "tokens", "evaluate", "audit", "card"])
def test_garbage_that_was_hashed_into_its_own_seal_is_named_too(
    whole: Path, tmp_path: Path, stage: str, content: bytes, capsys: pytest.CaptureFixture[str]
) -> None:
    run = RunDir(shutil.copytree(whole, tmp_path / "run"))
    (run.folder(stage, run.recipe()) / "report.json").write_bytes(content)
    reseal(run, stage)
    for command in COMMANDS:
        code, out, err = ended(command, run.path, capsys)
        assert code in (0, 1, 2) and len(err.splitlines()) == (code == 2), (command, err)
        assert command[0] != "verify" or code == 1, out
    if stage in ("evaluate", "audit"):
        with pytest.raises(UserError, match="does not hold what its stage writes"):
            summary(run.recipe(), run, "en")


PARQUET = [b"", b"PAR1", b"PAR1" + b"\0" * 400 + b"PAR1", b"not parquet at all"]


@pytest.mark.parametrize("content", PARQUET, ids=lambda content: repr(content[:8]))
@pytest.mark.parametrize(
    "command",
    [
        ["status", "RUN"],
        ["verify", "RUN"],
        ["corpus", "inspect", "RUN", "--reason", "near_duplicate"],
        ["corpus", "inspect", "RUN", "--document", "a"],
        ["forget", "RUN", "--match", "law"],
        ["forget", "RUN", "--document", "a"],
    ],
    ids=" ".join,
)
def test_a_ledger_that_is_not_parquet_is_named(
    whole: Path, tmp_path: Path, command: list[str], content: bytes, capsys: pytest.CaptureFixture[str]
) -> None:
    run = spoilt(whole, tmp_path, "corpus/ledger.parquet", content)
    (tmp_path / "blocklist.jsonl").write_text("", encoding="utf-8")
    code, out, err = ended(command, run, capsys)
    assert code in (0, 1, 2) and len(err.splitlines()) == (code == 2)
    if command[0] != "status":
        assert "ledger.parquet" in out + err
