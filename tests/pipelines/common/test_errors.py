"""What the machine lacks is told in one sentence with exit code 2: memory, space, permission."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

import pytest
from helpers import DESDECERO, forked

from desdecero.pipelines.cli import main
from desdecero.pipelines.common.errors import EXIT_FINDING, EXIT_OK, EXIT_USER_ERROR, explain
from desdecero.pipelines.run.run_dir import RunDir

LIMIT_KB = 400_000
"""Too little to import numpy's or torch's libraries, and enough for Python and the recipe."""


def limited(command: str, cwd: Path, kilobytes: int = LIMIT_KB) -> subprocess.CompletedProcess[str]:
    words = ["bash", "-c", f"ulimit -v {kilobytes} && exec {command}"]
    return subprocess.run(words, cwd=cwd, capture_output=True, text=True, timeout=120, preexec_fn=heed_interrupts)


def heed_interrupts() -> None:
    """Undo what a shell does to the commands that it starts in the background: they inherit an ignored SIGINT."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def one_sentence(finished: subprocess.CompletedProcess[str], *said: str) -> None:
    assert finished.returncode == 2, finished.stdout + finished.stderr
    assert "Traceback" not in finished.stderr
    sentence = finished.stderr.strip().splitlines()[-1]
    assert sentence.startswith("desdecero: ") and all(part in sentence for part in said), sentence


@pytest.mark.parametrize("words", [
    "corpus tiny.yaml --run-dir new", "tokenizer tiny.yaml --run-dir run", "run tiny.yaml --run-dir run",
    "pretrain tiny.yaml --run-dir run",
])  # fmt: skip
def test_little_memory_is_told_by_every_stage(words: str, tiny: Callable[[str], Path]) -> None:
    home = tiny("llama")
    one_sentence(limited(f"{DESDECERO} {words}", home), "memory ran out", "0.4 GB", "ulimit -v")
    verified = forked("verify", home / "run", cwd=home)
    assert verified.returncode == 0, verified.stdout


def test_what_needs_little_memory_runs_with_little(tiny: Callable[[str], Path]) -> None:
    home = tiny("llama")
    for words in ("status run", "verify run", "run tiny.yaml --run-dir run --until tokens", "recipes"):
        finished = limited(f"{DESDECERO} {words}", home)
        assert finished.returncode == 0, finished.stderr


ENDS = {
    "os.abort()": 2,
    "os._exit(1)": 2,  # as OpenMP's library ends a process
    "os.kill(os.getpid(), signal.SIGKILL)": 2,
    "signal.raise_signal(signal.SIGINT)": 2,  # as OpenBLAS does to itself
    "bytearray(10**12)": 2,
    "sys.exit(3)": 3,
    "print('done')": 7,
    "1 / 0": 1,
}


@pytest.mark.parametrize("end", ENDS)
def test_a_library_that_ends_the_process_under_a_limit_is_told_from_other_ends(end: str, tmp_path: Path) -> None:
    (tmp_path / "command.py").write_text(
        "import os, signal, sys\nfrom desdecero.pipelines.common.errors import guard\n"
        f"def main(words):\n    {end}\n    return 7\n"
        "sys.exit(guard(main, None))\n"
    )
    finished = limited(f"{sys.executable} command.py", tmp_path)
    assert finished.returncode == ENDS[end], finished.stderr
    assert ("memory ran out" in finished.stderr) == (ENDS[end] == 2)
    assert ("Traceback" in finished.stderr) == (end == "1 / 0")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signals_reach_a_command_under_a_limit(number: signal.Signals, tmp_path: Path) -> None:
    (tmp_path / "command.py").write_text(
        "import signal, sys, time\nfrom desdecero.pipelines.common.errors import guard\n"
        "def main(words):\n"
        "    signal.signal(signal.SIGTERM, lambda *_: sys.exit(5))\n"
        "    print('ready', flush=True)\n    time.sleep(60)\n"
        "sys.exit(guard(main, None))\n"
    )
    command = ["bash", "-c", f"ulimit -v {LIMIT_KB} && exec {sys.executable} command.py"]
    with subprocess.Popen(
        command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, preexec_fn=heed_interrupts
    ) as process:
        assert process.stdout and process.stderr and process.stdout.readline() == "ready\n"
        process.send_signal(number)
        code = process.wait(timeout=60)
        said = process.stderr.read()
    assert code == (130 if number == signal.SIGINT else 5)
    assert said.count("interrupted") == (number == signal.SIGINT) and "memory" not in said


def too_much_for_torch() -> None:
    import torch

    torch.empty(2**55)


def too_much_for_arrow() -> None:
    import pyarrow

    pyarrow.allocate_buffer(2**50)


def too_much_for_numpy() -> None:
    import numpy as np

    np.zeros(2**50)


@pytest.mark.parametrize("take", [too_much_for_torch, too_much_for_arrow, too_much_for_numpy])
def test_every_library_s_memory_error_is_explained(take: Callable[[], None]) -> None:
    with pytest.raises(Exception) as caught:  # noqa: PT011 - each library has its own
        take()
    assert (explain(caught.value) or "").startswith("memory ran out"), repr(caught.value)


class PanicException(BaseException):
    """Named and derived as the one that pyo3 raises for a panic in Rust."""


@pytest.mark.parametrize(("error", "said"), [
    (OSError(errno.ENOMEM, "Cannot allocate memory"), "memory ran out"),
    (BlockingIOError(errno.EAGAIN, "Resource temporarily unavailable"), "memory ran out"),
    (RuntimeError("can't start new thread"), "memory ran out"),
    (RuntimeError("std::bad_alloc"), "memory ran out"),
    (RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried to"), "memory ran out"),
    (ImportError("libtorch_cpu.so: failed to map segment from shared object"), "memory ran out"),
    (PanicException('ThreadPoolBuildError { Os { code: 11, message: "Resource temporarily unavailable" } }'), "memory"),
    (BrokenProcessPool("A process in the process pool was terminated abruptly"), "ended a worker process"),
    (OSError(errno.EROFS, "Read-only file system", "/runs/x/.lock"), "read-only (/runs/x/.lock)"),
    (OSError(errno.EMFILE, "Too many open files"), "ulimit -n"),
    (OSError(errno.EFBIG, "File too large", "a.bin"), "ulimit -f"),
    (OSError(errno.ENAMETOOLONG, "File name too long", "a"), "File name too long (a): name another path"),
    (OSError(errno.ELOOP, "Too many levels of symbolic links", "a"), "symbolic links (a)"),
    (FileExistsError(errno.EEXIST, "File exists", "/runs/x/corpus"), "with that name exists (/runs/x/corpus)"),
    (FileNotFoundError(errno.ENOENT, "No usable temporary directory found in ['/tmp']"), "TMPDIR"),
    (KeyError("ours"), None), (FileNotFoundError(errno.ENOENT, "No such file", "ours"), None),
    (PanicException("index out of bounds"), None),
])  # fmt: skip
def test_what_the_machine_lacks_is_told_and_our_faults_are_not(error: BaseException, said: str | None) -> None:
    sentence = explain(error)
    assert (sentence is None) == (said is None)
    assert said is None or said in (sentence or "")
    wrapped = ValueError("a library's own words")
    wrapped.__cause__ = error
    assert explain(wrapped) == sentence


READING = [
    ["status", "run"], ["verify", "run"], ["corpus", "inspect", "run"], ["forget", "run", "--document", "0000.txt"],
    ["run", "tiny.yaml", "--run-dir", "run", "--dry-run"], ["publish", "run", "--dry-run"],
]  # fmt: skip
"""Commands that write nothing."""


@pytest.fixture
def read_only(tiny: Callable[[str], Path]) -> Iterator[Path]:
    """A folder with `tiny.yaml` and a run that is sealed as far as the tokens, mounted read-only."""
    home = tiny("llama")
    mounted = subprocess.run(["mount", "--bind", home, home], capture_output=True)
    if mounted.returncode:
        pytest.skip("only root can mount a folder read-only here")
    subprocess.run(["mount", "-o", "remount,ro,bind", home], check=True)
    yield home
    subprocess.run(["umount", "--lazy", home], check=True)


@pytest.mark.parametrize("words", [
    ["run", "tiny.yaml", "--run-dir", "run"], ["run", "tiny.yaml", "--run-dir", "new"],
    ["tokens", "tiny.yaml", "--run-dir", "run"], ["pretrain", "tiny.yaml", "--run-dir", "run"],
    ["forget", "run", "--document", "0000.txt", "--yes"], ["publish", "run", "--repo-id", "owner/name"],
])  # fmt: skip
def test_a_read_only_run_is_told_in_a_sentence(
    read_only: Path, words: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(read_only)
    assert main(words) == EXIT_USER_ERROR
    said = capsys.readouterr().err
    assert said.startswith("desdecero: the file system is read-only") and str(read_only) in said


def test_what_only_reads_works_on_a_read_only_run(
    read_only: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(read_only)
    for words in READING:
        refused = words[0] == "publish"  # by the gate: the run has no model yet
        assert main(words) == (EXIT_FINDING if refused else EXIT_OK), capsys.readouterr().err


def test_what_only_reads_needs_no_lock(
    tiny: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    home = tiny("llama")
    monkeypatch.chdir(home)
    with RunDir(home / "run").lock():
        for words in READING:
            refused = words[0] == "publish"  # by the gate, not by the lock
            assert main(words) == (EXIT_FINDING if refused else EXIT_OK), capsys.readouterr().err
        assert "another desdecero command" not in capsys.readouterr().err
        assert main(["publish", "run", "--repo-id", "owner/name"]) == EXIT_USER_ERROR
        assert "another desdecero command" in capsys.readouterr().err


@pytest.mark.parametrize("place", ["file/run", "x" * 300, "loop/run"])
def test_paths_that_cannot_be_made_are_told(
    place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").write_text("in the way")
    os.symlink(tmp_path / "loop", tmp_path / "loop")
    assert main(["run", "smoke", "--run-dir", place]) == EXIT_USER_ERROR
    (sentence,) = capsys.readouterr().err.splitlines()
    assert place.split("/")[0] in sentence


def test_a_file_where_a_stage_s_folder_should_be_is_told(tiny: Callable[[str], Path]) -> None:
    home = tiny("llama")
    (home / "run" / "unsealed").write_text("in the way")
    one_sentence(forked("pretrain", home / "tiny.yaml", "--run-dir", home / "run", cwd=home), "unsealed")
