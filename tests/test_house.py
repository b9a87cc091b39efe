"""The house keeps its shape: folders, the direction of imports, and names that hide no library."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
import tomllib
from importlib import metadata
from pathlib import Path

import pytest
from helpers import DESDECERO, ROOT, desdecero

MAY_IMPORT = {
    "eval_suites": {"eval_suites"},
    "model_cards": {"model_cards"},
    "pipelines": {"pipelines", "eval_suites", "model_cards"},
    "app": {"app", "pipelines", "eval_suites", "model_cards"},
}
TOP_LEVEL = {
    "desdecero", "pipelines", "eval_suites", "model_cards", "app", "tests", "docs", ".ci", "pyproject.toml",
    "README.md", "README.es.md", "CHANGELOG.md", "CONTRIBUTING.md", "LICENSE", "Makefile", ".gitignore",
}  # fmt: skip


def tracked() -> list[str]:
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True)
    return listed.stdout.splitlines()


def test_top_level_holds_these_and_no_others() -> None:
    assert {path.split("/")[0] for path in tracked()} <= TOP_LEVEL


@pytest.mark.parametrize("folder", MAY_IMPORT)
def test_imports_run_one_way(folder: str) -> None:
    for path in sorted((ROOT / folder).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) and not node.level else []
            ours = {name.split(".")[1] for name in names if name.startswith("desdecero.")} & set(MAY_IMPORT)
            assert ours <= MAY_IMPORT[folder], f"{path.relative_to(ROOT)} imports {ours}"


@pytest.mark.parametrize("folder", ["pipelines", "app"])
def test_no_module_hides_a_library_when_its_folder_comes_first_on_the_path(folder: str) -> None:
    """`accelerate launch pipelines/pretrain.py` puts `pipelines/` first: a `datasets.py` there would be imported."""
    here = {path.stem for path in (ROOT / folder).iterdir() if path.suffix == ".py" or path.is_dir()}
    assert not here & set(sys.stdlib_module_names)
    installed = set(metadata.packages_distributions()) - {"app"}  # a script's own name is no library's
    assert not here - {"app", "__init__", "__pycache__"} & installed


def test_help_imports_nothing_heavy(tmp_path: Path) -> None:
    heavy = ("torch", "transformers", "datasets", "pydantic", "numpy", "yaml")
    code = "import sys; from desdecero.pipelines.cli import main; main(['--help']); "
    code += f"assert not set({heavy}) & set(sys.modules)"
    finished = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True)
    assert finished.returncode == 0, finished.stderr
    assert finished.stdout.startswith("usage: desdecero COMMAND")


def test_every_command_of_the_help_has_its_own_help(tmp_path: Path) -> None:
    for command in ("run", "status", "verify", "publish", "recipes", "tokens"):
        finished = desdecero(command, "--help", cwd=tmp_path)
        assert finished.returncode == 0, finished.stderr
        assert f"usage: desdecero {command}" in finished.stdout


def test_nothing_names_the_machine_it_was_written_on() -> None:
    for path in tracked():
        if not path.endswith((".png", "LICENSE")):
            text = (ROOT / path).read_text(encoding="utf-8")
            for word in ("/work" + "/", "/tmp/" + "w/", "/root" + "/"):
                assert word not in text, f"{path} holds {word}"


def test_all_folders_of_modules_are_installed() -> None:
    folders = {
        Path(path).parent for path in tracked() if path.endswith("/__init__.py") and not path.startswith("tests")
    }
    names = {
        "desdecero" if folder == Path("desdecero") else f"desdecero.{'.'.join(folder.parts)}" for folder in folders
    }
    setuptools = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["setuptools"]
    assert set(setuptools["packages"]) == names


def test_a_folder_of_the_users_own_is_not_taken_for_ours(tmp_path: Path) -> None:
    for name in MAY_IMPORT:
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text("raise RuntimeError('the folder of somebody else')")
    for command in ([DESDECERO, "recipes"], [sys.executable, "-m", "desdecero.pipelines.cli", "recipes"]):
        finished = subprocess.run(
            command, cwd=tmp_path, capture_output=True, text=True, env={**os.environ, "PYTHONPATH": str(tmp_path)}
        )
        assert finished.returncode == 0, finished.stderr
        assert "quickstart" in finished.stdout
