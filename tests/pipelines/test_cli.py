"""The command line: what a newcomer types, and what an enemy does, each answered in one sentence."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from helpers import DESDECERO, desdecero, forked

from desdecero.pipelines.common.errors import explain


def refused(finished: subprocess.CompletedProcess[str], *said: str) -> None:
    """Exit code 2, one sentence on standard error that says all this, and no traceback."""
    assert finished.returncode == 2, finished.stdout + finished.stderr
    assert "Traceback" not in finished.stderr
    sentence = finished.stderr.strip().splitlines()[-1]
    assert sentence.startswith("desdecero: ")
    assert all(part in sentence for part in said), sentence


def run_on(source: Path, folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """`desdecero run` of the tiny recipe on another source."""
    sources = f"corpus.sources=[{{kind: files, path: {source}}}]"
    return forked("run", "smoke", "--set", sources, "--set", "corpus.domain=", "--set", "finetune=",
                     "--run-dir", folder, *words, cwd=folder.parent)  # fmt: skip


def test_empty_folder(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    refused(run_on(tmp_path / "empty", tmp_path / "run"), str(tmp_path / "empty"))


def test_file_of_random_bytes(tmp_path: Path) -> None:
    (tmp_path / "noise.txt").write_bytes(random.Random(0).randbytes(10_000))
    refused(run_on(tmp_path / "noise.txt", tmp_path / "run"), "noise.txt")


def test_missing_path(tmp_path: Path) -> None:
    refused(run_on(tmp_path / "nowhere", tmp_path / "run"), str(tmp_path / "nowhere"))


def test_misspelt_key(tmp_path: Path) -> None:
    refused(desdecero("run", "smoke", "--set", "model.layer=3", cwd=tmp_path), "model.layer", "did you mean layers?")


def test_missing_recipe_and_missing_run(tmp_path: Path) -> None:
    refused(desdecero("run", "nothing.yaml", cwd=tmp_path), "nothing.yaml")
    for command in ("status", "verify"):
        refused(forked(command, "nothing", cwd=tmp_path), "desdecero run nothing")


def test_unknown_command_suggests_the_nearest(tmp_path: Path) -> None:
    refused(desdecero("rum", cwd=tmp_path), "did you mean run?")


def test_run_directory_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    refused(forked("run", "smoke", "--run-dir", tmp_path / "file" / "run", cwd=tmp_path), str(tmp_path / "file"))
    refused(forked("run", "smoke", "--run-dir", tmp_path / "file", cwd=tmp_path), "name a folder with --run-dir")
    refused(forked("run", "smoke", "--run-dir", "/proc/run", cwd=tmp_path))


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_run_directory_without_the_right_to_write(tmp_path: Path) -> None:
    (tmp_path / "locked").mkdir(mode=0o500)
    refused(desdecero("run", "smoke", "--run-dir", tmp_path / "locked" / "run", cwd=tmp_path), "no permission")


@pytest.mark.slow
def test_full_disk_keeps_what_was_sealed(small_disk: Path, tiny: Callable[[str], Path]) -> None:
    """Stages that do not fit: each ends in a sentence, and the corpus sealed before stays sealed and whole."""
    home = tiny("gpt2")
    run = small_disk / "run"
    first = forked("run", home / "tiny.yaml", "--run-dir", run, "--until", "tokenizer", cwd=home)
    assert first.returncode == 0, first.stderr
    filler = small_disk / "filler"
    free = os.statvfs(small_disk).f_bavail * os.statvfs(small_disk).f_frsize
    filler.write_bytes(b"x" * (free - 300_000))
    refused(forked("run", home / "tiny.yaml", "--run-dir", run, cwd=home), "the disk is full", "same command again")
    verified = forked("verify", run, cwd=home)
    assert verified.returncode == 0 and "whole" in verified.stdout, verified.stdout
    filler.unlink()
    assert forked("run", home / "tiny.yaml", "--run-dir", run, "--until", "tokens", cwd=home).returncode == 0


def test_every_library_s_full_disk_is_explained(small_disk: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq
    import torch
    from safetensors.torch import save_file

    too_large = torch.rand(1_000_000, dtype=torch.float64)

    def save_through_file(path: str) -> None:
        with open(path, "wb") as file:
            torch.save(too_large, file)

    writers = [
        save_through_file,
        lambda path: save_file({"weights": too_large}, path),
        lambda path: pq.write_table(pa.table({"column": too_large.numpy()}), path),
        lambda path: Path(path).write_bytes(too_large.numpy().tobytes()),
    ]
    for number, write in enumerate(writers):
        path = small_disk / f"file-{number}"
        with pytest.raises(Exception) as caught:  # noqa: PT011 - each library has its own
            write(str(path))
        assert "the disk is full" in (explain(caught.value) or ""), repr(caught.value)
        path.unlink(missing_ok=True)


def test_our_own_faults_keep_their_traceback() -> None:
    assert explain(ZeroDivisionError("ours")) is None


@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize("command", ["recipes", "--help", "status --help"])
def test_a_closed_pipe_ends_the_command_quietly(tmp_path: Path, command: str, unbuffered: str) -> None:
    """As in `desdecero recipes | head -0`, when `head` has gone before the first line, or the last one, is written."""
    reader, writer = os.pipe()
    os.close(reader)
    environment = {**os.environ, "PYTHONUNBUFFERED": unbuffered}
    try:
        finished = subprocess.run(
            [DESDECERO, *command.split()],
            cwd=tmp_path, stdout=writer, stderr=subprocess.PIPE, text=True, env=environment,
        )  # fmt: skip
    finally:
        os.close(writer)
    assert (finished.returncode, finished.stderr) == (0, "")


def test_module_runs_as_the_command_does(tmp_path: Path) -> None:
    finished = subprocess.run(
        [sys.executable, "-m", "desdecero.pipelines.cli", "recipes"], cwd=tmp_path, capture_output=True, text=True
    )
    assert "\nquickstart " in finished.stdout, finished.stderr
