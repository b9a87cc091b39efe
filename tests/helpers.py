"""What tests call: the command as a person types it, and prose that is on every machine."""

from __future__ import annotations

import ast
import subprocess
import sys
import sysconfig
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
DESDECERO = str(Path(sys.executable).parent / "desdecero")


def desdecero(*words: str | Path, cwd: Path, **options: object) -> subprocess.CompletedProcess[str]:
    """Run the command as a person would, and return what it printed."""
    return subprocess.run(
        [DESDECERO, *map(str, words)], cwd=cwd, capture_output=True, text=True, timeout=600, **options  # type: ignore[call-overload]
    )  # fmt: skip


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
