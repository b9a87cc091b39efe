"""The public names resolve, are typed, and load nothing before they are used; the examples of docs/library.md run."""

from __future__ import annotations

import ast
import importlib
import re
import subprocess
import sys
from pathlib import Path

import pytest
from helpers import ROOT

import desdecero

EXAMPLES = re.findall(r"```python\n(.*?)```", (ROOT / "docs/library.md").read_text(encoding="utf-8"), flags=re.DOTALL)


def python(code: str, folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-W", "error", "-c", code], cwd=folder, capture_output=True, text=True)


@pytest.mark.parametrize("name", desdecero.__all__)
def test_every_public_name_resolves_to_what_the_table_says(name: str) -> None:
    module, _, attribute = desdecero.PUBLIC[name].partition(":")
    assert getattr(desdecero, name) is getattr(importlib.import_module(module), attribute)
    assert getattr(desdecero, name).__doc__, "a public name explains itself"


def test_there_are_about_twenty_of_them_and_all_are_explained() -> None:
    assert 18 <= len(desdecero.__all__) <= 26
    explained = (ROOT / "docs/library.md").read_text(encoding="utf-8")
    assert [name for name in desdecero.__all__ if f"`{name}`" not in explained] == []


def test_type_checkers_are_told_the_same_as_the_table() -> None:
    tree = ast.parse(Path(desdecero.__file__).read_text(encoding="utf-8"))
    (checked,) = [node for node in tree.body if isinstance(node, ast.If)]
    told = {
        alias.asname or alias.name: f"{node.module}:{alias.name}"
        for node in checked.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    assert told == desdecero.PUBLIC
    assert sorted(desdecero.__all__) == sorted(desdecero.PUBLIC)


def test_mypy_sees_their_types(tmp_path: Path) -> None:
    (tmp_path / "use.py").write_text(
        "import desdecero\n"
        "recipe: desdecero.Recipe = desdecero.load_recipe('quickstart')\n"
        "text: bytes = desdecero.clean_text('a')[0]\n"
    )
    finished = subprocess.run(
        [sys.executable, "-m", "mypy", "--config-file", ROOT / "pyproject.toml", tmp_path / "use.py"],
        cwd=ROOT, capture_output=True, text=True,
    )  # fmt: skip
    assert finished.stdout.count("error:") == 1, finished.stdout
    assert 'use.py:3: error: Incompatible types in assignment (expression has type "str"' in finished.stdout


def test_importing_it_loads_nothing_but_pythons_own_modules(tmp_path: Path) -> None:
    code = (
        "import sys; before = set(sys.modules); import desdecero; dir(desdecero)\n"
        "new = {name.partition('.')[0] for name in set(sys.modules) - before} - set(sys.stdlib_module_names)\n"
        "assert new == {'desdecero'}, new\n"
        "assert [name for name in sys.modules if name.startswith('desdecero.')] == []"
    )
    assert (finished := python(code, tmp_path)).returncode == 0, finished.stderr


def test_a_name_that_is_not_public_is_refused() -> None:
    with pytest.raises(AttributeError, match="module 'desdecero' has no attribute 'load_recipes'"):
        desdecero.load_recipes  # noqa: B018


@pytest.mark.parametrize("number", [0, 1, 2])
def test_the_examples_of_the_page_run(number: int, tmp_path: Path) -> None:
    assert len(EXAMPLES) == 3
    (tmp_path / "example.py").write_text(
        f"if __name__ == '__main__':\n    {EXAMPLES[number].replace(chr(10), chr(10) + '    ')}"
    )
    finished = subprocess.run([sys.executable, "example.py"], cwd=tmp_path, capture_output=True, text=True)
    assert finished.returncode == 0, finished.stderr
