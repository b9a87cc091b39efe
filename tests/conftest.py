"""What the tests share: real text that is on every machine, and runs that are made once."""

from __future__ import annotations

import fcntl
import os
import shutil
import signal
import subprocess
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from helpers import desdecero, docstrings, forked
from tiny_adapters import make_bases
from tiny_runs import DOMAIN, make_tiny_runs, recipes

# Before any library of the stack is imported: no test may reach a network, and the app phones nobody.
os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")
os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
os.environ.setdefault("MPLBACKEND", "agg")
# Models here are tiny: a second thread only waits for the first, and far longer where the machine is busy.
os.environ.setdefault("OMP_NUM_THREADS", "1")

# A shell that starts the tests in the background has them ignore Ctrl-C, and so the processes that they start.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files with many slow tests first: begun last, one would keep a worker busy when the others have nothing left."""
    slow = Counter(item.path for item in items if item.get_closest_marker("slow"))
    items.sort(key=lambda item: -slow[item.path])


@pytest.fixture(scope="session")
def prose() -> list[str]:
    """Some 200 kB of technical English, one text a docstring."""
    return docstrings(
        "argparse", "typing", "subprocess", "statistics", "random", "shutil", "inspect", "textwrap", "tarfile",
        "zipfile", "logging/__init__", "unittest/mock", "unittest/case", "difflib", "doctest", "datetime", "decimal",
        "_pydecimal", "heapq", "turtle", "smtplib", "imaplib", "ftplib", "threading", "tempfile", "pathlib", "ast",
    )  # fmt: skip


Once = Callable[[str, Callable[[Path], None]], Path]


@pytest.fixture(scope="session")
def once(tmp_path_factory: pytest.TempPathFactory) -> Once:
    """`once("name", make)` → a folder that `make(folder)` fills, once for all of pytest-xdist's workers: read it only.

    The first worker that asks makes it, and those that ask meanwhile wait. One that died left no `done`: made anew.
    """
    shared = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        shared = shared.parent

    def once(name: str, make: Callable[[Path], None]) -> Path:
        folder, done = shared / f"shared_{name}", shared / f"shared_{name}.done"
        with (shared / f"shared_{name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not done.exists():
                shutil.rmtree(folder, ignore_errors=True)
                folder.mkdir()
                make(folder)
                done.touch()
        return folder

    return once


Command = Callable[..., subprocess.CompletedProcess[str]]


def run_by_command(folder: Path, command: Command, recipe: str | Path, *words: str) -> None:
    """`run`, in which the command, real or forked, runs a recipe, and the `output.txt` of the command."""
    finished = command("run", recipe, "--run-dir", folder / "run", *words, cwd=folder)
    assert finished.returncode == 0, finished.stdout + finished.stderr
    (folder / "output.txt").write_text(finished.stdout, encoding="utf-8")


@pytest.fixture(scope="session")
def trained_smoke_run(once: Once) -> Path:
    """The smoke recipe, run once by the real command. Read it; whoever wants to change it takes `smoke_run`."""
    return once("smoke", lambda folder: run_by_command(folder, desdecero, "smoke")) / "run"


@pytest.fixture
def smoke_run(trained_smoke_run: Path, tmp_path: Path) -> Path:
    """A copy of the trained smoke run, to alter at will."""
    return Path(shutil.copytree(trained_smoke_run, tmp_path / "run"))


@pytest.fixture(scope="session")
def tiny_runs(prose: list[str], once: Once) -> dict[str, Path]:
    """For `llama`, `gpt2`, `bert` and `t5`: a recipe file, beside a `run` folder in which the tokens are sealed."""
    return recipes(once("tiny", lambda folder: make_tiny_runs(folder, prose)))


@pytest.fixture(scope="session")
def domain_runs(prose: list[str], once: Once) -> dict[str, Path]:
    """As `tiny_runs`, with the domain that `tiny_runs.DOMAIN` adds to a recipe: for adapters."""
    return recipes(once("domain", lambda folder: make_tiny_runs(folder, prose, DOMAIN)))


@pytest.fixture(scope="session")
def bases(tiny_runs: dict[str, Path], once: Once) -> Path:
    """A folder for each of `tiny_adapters.BASES`, beside whose `tiny.yaml` lies a run with a sealed model. Read it."""
    return once("bases", lambda folder: make_bases(folder, tiny_runs))


@pytest.fixture(scope="module")
def tried(bases: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of `bases`, in which the tests of a file train adapters, each under a name of its own."""
    return Path(shutil.copytree(bases, tmp_path_factory.mktemp("tried") / "bases"))


@pytest.fixture(scope="session")
def run_without_adapter(tiny_runs: dict[str, Path], once: Once) -> Path:
    """A tiny llama from text to card, without an adapter. Read it only."""
    words = ["pretrain.budget={steps: 5}", "evaluate={max_bytes: 3000, sample_tokens: 4}", "audit.languages=[en]"]
    settings = [part for one in words for part in ("--set", one)]
    return once("without_adapter", lambda folder: run_by_command(folder, forked, tiny_runs["llama"], *settings)) / "run"


@pytest.fixture
def tiny(tiny_runs: dict[str, Path], tmp_path: Path) -> Callable[[str], Path]:
    """`tiny("bert")` → a fresh copy of that run's folder: `tiny.yaml`, and `run` with sealed tokens."""
    return lambda architecture: Path(shutil.copytree(tiny_runs[architecture].parent, tmp_path / architecture))


@pytest.fixture(scope="session")
def trained_t5_run(tiny_runs: dict[str, Path], once: Once) -> Path:
    """A tiny encoder–decoder, from text to card by one command, with an adapter. Read it only."""
    words = [
        "corpus.domain={name: early, where: {path: '*00[0-4]?.txt'}, validation: 0.2}",
        "pretrain.budget={steps: 60}",
        "evaluate={max_bytes: 20000, sample_tokens: 5, prompts: ['Return the [MASK] of the [MASK].']}",
        "audit.languages=[en]",
        "finetune={rank: 4, alpha: 8, steps: 20, max_eval_bytes: 6000}",
        "card={license: Apache-2.0, intended_use: Testing., out_of_scope: Everything else., limitations: All., "
        "authors: [our lab], contact: models@example.org}",
    ]
    settings = [part for one in words for part in ("--set", one)]
    return once("trained_t5", lambda folder: run_by_command(folder, forked, tiny_runs["t5"], *settings)) / "run"


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of two megabytes."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", folder], capture_output=True)
    if mounted.returncode:
        pytest.skip("only root can mount a small file system here")
    yield folder
    subprocess.run(["umount", "--lazy", folder], check=True)
