"""What tests call: the command as a person types it, and prose that is on every machine."""

from __future__ import annotations

import ast
import importlib
import multiprocessing
import os
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Mapping, Sequence
from multiprocessing.context import ForkServerProcess
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
DESDECERO = str(Path(sys.executable).parent / "desdecero")


def desdecero(*words: str | Path, cwd: Path, **options: object) -> subprocess.CompletedProcess[str]:
    """Run the command as a person would, and return what it printed."""
    return subprocess.run(
        [DESDECERO, *map(str, words)], cwd=cwd, capture_output=True, text=True, timeout=600, **options  # type: ignore[call-overload]
    )  # fmt: skip


FORKING = multiprocessing.get_context("forkserver")  # processes of their own, which need not import everything anew
FORKING.set_forkserver_preload(
    [f"desdecero.pipelines.{page}" for page in ("finetune", "evaluate_model", "audit_model", "write_card")]
    + ["transformers.models.llama.modeling_llama"]
)


def start_forked(
    module: str, words: Sequence[str | Path], cwd: Path, out: Path, errors: Path, **environment: str
) -> ForkServerProcess:
    """Start `main(words)` of a module in a process that has the libraries imported; what it says is added to files."""
    return _start(module, words, cwd, out, errors, {**os.environ, **environment})


def _start(
    module: str, words: Sequence[str | Path], cwd: Path, out: Path, errors: Path, environment: Mapping[str, str],
    anew: Sequence[str] = (),
) -> ForkServerProcess:  # fmt: skip
    given = module, [*map(str, words)], cwd, out, errors, dict(environment), anew
    process = FORKING.Process(target=_begin, args=given)
    process.start()
    return process


def _begin(
    module: str, words: list[str], cwd: Path, out: Path, errors: Path, environment: dict[str, str], anew: Sequence[str]
) -> None:
    os.environ.clear()
    os.environ.update(environment)
    for name in [name for name in sys.modules if name.partition(".")[0] in anew]:
        del sys.modules[name]
    os.chdir(cwd)
    for stream, path in ((1, out), (2, errors)):
        with path.open("a") as file:
            os.dup2(file.fileno(), stream)
    raise SystemExit(importlib.import_module(module).main(words))


def forked(
    *words: str | Path, cwd: Path, environment: Mapping[str, str] | None = None, anew: Sequence[str] = ()
) -> subprocess.CompletedProcess[str]:
    """As `desdecero`, without the seconds of imports: where the test is of what is made, not of how it starts.

    environment: all of it; by default that of the tests
    anew: libraries that are imported again, because they read the environment only then
    """
    with tempfile.TemporaryDirectory() as folder:
        out, errors = Path(folder) / "out", Path(folder) / "errors"
        known = os.environ if environment is None else environment
        process = _start("desdecero.pipelines.cli", words, cwd, out, errors, known, anew)
        process.join(600)
        if process.exitcode is None:
            process.kill()
            raise subprocess.TimeoutExpired([DESDECERO, *map(str, words)], 600)
        return subprocess.CompletedProcess(
            [DESDECERO, *map(str, words)], process.exitcode, out.read_text(), errors.read_text()
        )


def docstrings(*modules: str) -> list[str]:
    """The docstrings of modules of Python's own library: English prose that is on every machine."""
    library, texts = Path(sysconfig.get_paths()["stdlib"]), []
    for module in modules:
        tree = ast.parse((library / f"{module}.py").read_text(encoding="utf-8"))
        nodes = (n for n in ast.walk(tree) if isinstance(n, ast.Module | ast.ClassDef | ast.FunctionDef))
        texts += [text for node in nodes if (text := ast.get_docstring(node)) and len(text) > 150]
    return texts


def warc_record(kind: str, address: str, block: bytes, **headers: str) -> bytes:
    """A record of a web archive, as crawlers write it; `Content_Type` and the like are its headers."""
    named = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items())
    return (
        f"WARC/1.0\r\nWARC-Type: {kind}\r\nWARC-Target-URI: {address}\r\nWARC-Date: 2024-05-01T00:00:00Z\r\n"
        f"{named}Content-Length: {len(block)}\r\n\r\n"
    ).encode() + block + b"\r\n\r\n"  # fmt: skip
