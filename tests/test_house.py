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

from desdecero.pipelines.recipe.yaml_text import parse_yaml
from desdecero.pipelines.run.stages import KINDS

MAY_IMPORT = {
    "eval_suites": {"eval_suites"},
    "model_cards": {"model_cards"},
    "pipelines": {"pipelines", "eval_suites", "model_cards"},
    "app": {"app", "pipelines", "eval_suites", "model_cards"},
}
PARTS = {
    "publishing",
    "mitigation",
    "finetuning",
    "evaluation",
    "auditing",
    "training",
    "tokens",
    "tokenizer",
    "corpus",
    "run",
    "recipe",
    "licenses",
    "common",
}
FLOORS = {
    "common": set(),
    "licenses": set(),
    "recipe": {"common", "licenses"},
    "run": {"common", "recipe"},
    "corpus": {"common", "licenses", "recipe", "run"},
    "tokenizer": {"common", "recipe", "run"},
    "tokens": {"common", "licenses", "recipe", "run"},
    "training": {"common", "recipe", "run"},
    "evaluation": {"common", "recipe", "run", "corpus"},
    "auditing": {"common", "recipe", "run", "corpus", "tokens", "evaluation"},
    "mitigation": {"common", "recipe", "run", "corpus", "auditing"},
    "finetuning": {"common", "recipe", "run", "corpus", "tokenizer", "training"},
    "publishing": {"common", "licenses", "recipe", "run", "corpus"},
    "stages": PARTS,
    "verification": PARTS | {"stages"},
    "commands": PARTS | {"stages", "verification"},
    "cli": PARTS | {"stages", "commands"},
}
"""Which folders of `pipelines/` each may import, besides itself; a stage imports no other stage."""
DOORS = {
    ("pipelines.tokenizer.report", "pipelines.corpus.documents"),
    ("pipelines.tokenizer.sample", "pipelines.corpus.documents"),
    ("pipelines.tokenizer.size_search", "pipelines.training"),
    ("pipelines.training.data.whole_examples", "pipelines.tokens.best_fit"),
}
"""Single modules that may import from a folder that their own may not."""
TOP_LEVEL = {
    "desdecero", "pipelines", "eval_suites", "model_cards", "app", "tests", "docs", ".ci", "pyproject.toml",
    "README.md", "README.es.md", "CHANGELOG.md", "CONTRIBUTING.md", "LICENSE", "Makefile", ".gitignore",
}  # fmt: skip


def tracked() -> list[str]:
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True)
    return listed.stdout.splitlines()


def test_top_level_holds_these_and_no_others() -> None:
    assert {path.split("/")[0] for path in tracked()} <= TOP_LEVEL


def modules() -> dict[str, Path]:
    """Our modules by the name they have below `desdecero`."""
    paths = {path for folder in MAY_IMPORT for path in (ROOT / folder).rglob("*.py")}
    return {".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path for path in paths}


def imports() -> dict[str, set[str]]:
    """Module → the modules that it imports, wherever in it the import stands: in a function, for type checking."""
    found, known = {}, modules()
    for module, path in known.items():
        names = set()
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                names |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                assert not node.level, f"{path}: write the whole name of what is imported"
                names |= {f"{node.module}.{alias.name}" for alias in node.names}
        ours = {name.removeprefix("desdecero.") for name in names if name.startswith("desdecero.")}
        found[module] = {name if name in known else name.rpartition(".")[0] for name in ours} - {module}
    return found


def floor_of(module: str) -> str:
    """The folder in `pipelines/`; `stages` for a page of a stage."""
    name = module.split(".")[1]
    return "stages" if name in {stage.page for stage in KINDS.values()} else name


def test_folders_import_in_one_direction() -> None:
    for module, imported in imports().items():
        top = module.split(".")[0]
        wrong = {name for name in imported if name.split(".")[0] not in MAY_IMPORT[top]}
        assert not wrong, f"{module} imports {wrong}"


def test_floors_of_pipelines_import_only_those_below() -> None:
    wrong = []
    for module, imported in imports().items():
        if not module.startswith("pipelines."):
            continue
        floor = floor_of(module)
        for name in imported:
            if not name.startswith("pipelines."):
                continue
            same = floor_of(name) == floor and floor != "stages"
            if (
                not same
                and floor_of(name) not in FLOORS[floor]
                and not any(module == ours and name.startswith(theirs) for ours, theirs in DOORS)
            ):
                wrong.append(f"{module} → {name}")
    assert not wrong


def test_no_modules_import_each_other_in_a_circle() -> None:
    graph, circles = imports(), set[frozenset[str]]()
    for start in graph:
        reached, waiting = set[str](), [start]
        while waiting:
            for name in graph.get(waiting.pop(), ()):
                if name not in reached:
                    reached.add(name)
                    waiting.append(name)
        if start in reached:
            circles.add(frozenset(name for name in reached if start in graph.get(name, ())) | {start})
    assert not circles


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


def test_no_key_is_written_twice() -> None:
    """YAML keeps the last one, and says nothing: a text of the page was another's for that."""
    files = [path for path in tracked() if path.endswith((".yaml", ".yml"))]
    assert len(files) > 30
    for path in files:
        parse_yaml((ROOT / path).read_text(encoding="utf-8"), path)


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
