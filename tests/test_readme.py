"""What the READMEs tell people to type works, and both say the same."""

from __future__ import annotations

import os
import re
import shlex
import signal
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest
from helpers import ROOT, desdecero, forked

from desdecero.pipelines.recipe import parse_recipe

READMES = ["README.md", "README.es.md"]


def blocks(readme: str, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", (ROOT / readme).read_text(encoding="utf-8"), flags=re.DOTALL)


def commands(readme: str) -> list[str]:
    """The commands of the README's shell blocks, without comments; one that goes on in a second line is one."""
    whole = [block.replace("\\\n", " ") for block in blocks(readme, "sh")]
    lines = [line.split("  #")[0].strip() for block in whole for line in block.splitlines()]
    return [line for line in lines if line and not line.startswith("#")]


def test_both_languages_tell_the_same_commands_and_recipes() -> None:
    assert commands("README.md") == commands("README.es.md")
    assert len(blocks("README.md", "yaml")) == len(blocks("README.es.md", "yaml")) > 0


@pytest.mark.parametrize("readme", READMES)
def test_recipes_shown_are_recipes(readme: str) -> None:
    for block in blocks(readme, "yaml"):
        parse_recipe(block, readme, ROOT)


@pytest.mark.parametrize("readme", READMES)
def test_links_lead_somewhere(readme: str) -> None:
    for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", (ROOT / readme).read_text(encoding="utf-8")):
        assert target.startswith("https://") or (ROOT / target).exists(), target


@pytest.mark.parametrize(("readme", "language"), [("README.md", "en"), ("README.es.md", "es")])
def test_pictures_are_small_and_of_the_language(readme: str, language: str) -> None:
    pictures = re.findall(r"!\[[^\]]+\]\(([^)]+)\)", (ROOT / readme).read_text(encoding="utf-8"))
    assert pictures == [f"docs/pictures/{name}.{language}.png" for name in ("page", "card")]
    for picture in pictures:
        assert 1_000 < (ROOT / picture).stat().st_size < 200_000


@pytest.mark.slow
@pytest.mark.parametrize("readme", READMES)
def test_the_shortest_recipe_trains_a_model(readme: str, prose: list[str], tmp_path: Path) -> None:
    """As typed, but for the minutes, which three steps stand for in English; the Spanish one ends with its tokens."""
    recipe = blocks(readme, "yaml")[0]
    assert len(recipe.splitlines()) == 9
    (tmp_path / "mine.yaml").write_text(recipe, encoding="utf-8")
    (folder,) = re.findall(r"path: (\w+)/", recipe)
    (tmp_path / folder).mkdir()
    for number, text in enumerate(prose):
        (tmp_path / folder / f"{number}.txt").write_text(text, encoding="utf-8")
    assert "desdecero run mine.yaml" in commands(readme)
    last, more = ("pretrain", ["--set", "pretrain.budget={steps: 3}"]) if readme == "README.md" else ("tokens", [])
    finished = forked("run", "mine.yaml", "--until", last, *more, cwd=tmp_path)
    assert finished.returncode == 0, finished.stdout + finished.stderr
    assert re.findall(r"^(\w+) +sealed in", finished.stdout, flags=re.MULTILINE)[-1] == last


@pytest.mark.parametrize("line", [line for line in commands("README.md") if line.startswith("make")])
def test_make_commands_are_targets(line: str) -> None:
    finished = subprocess.run(["make", "--dry-run", *shlex.split(line)[1:]], cwd=ROOT, capture_output=True, text=True)
    assert finished.returncode == 0, finished.stderr


@pytest.fixture(scope="module")
def home(trained_smoke_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which `runs/quickstart` is the smoke run: the commands are the README's, the model is smaller."""
    folder = tmp_path_factory.mktemp("home")
    (folder / "runs").mkdir()
    (folder / "runs" / "quickstart").symlink_to(trained_smoke_run)
    return folder


READING = [
    line
    for line in commands("README.md")
    if line.startswith("desdecero") and line.split()[1] in ("status", "verify", "corpus", "gate", "publish", "recipes")
    if "name" not in line.split()  # the folder that `pull` brings
]


@pytest.mark.parametrize("line", READING)
def test_commands_on_a_run_work(line: str, home: Path) -> None:
    finished = desdecero(*shlex.split(line)[1:], cwd=home)
    refused = line.startswith(
        ("desdecero publish", "desdecero gate")
    )  # as the README says: the recipe names no authors
    assert finished.returncode == int(refused), finished.stdout + finished.stderr
    assert ("refused by bias, card_complete" in finished.stdout) == refused


def test_a_card_with_authors_and_a_waiver_passes_the_gate(smoke_run: Path) -> None:
    (remade,) = [line for line in commands("README.md") if line.startswith("desdecero run quickstart --set")]
    words = shlex.split(remade)[3:]
    finished = forked("run", smoke_run / "recipe.yaml", "--run-dir", smoke_run, *words, cwd=smoke_run)
    assert finished.returncode == 0, finished.stdout + finished.stderr
    built = [line.split()[0] for line in finished.stdout.splitlines() if "sealed in" in line]
    assert built == ["card:pandas", "card"]
    finished = forked("gate", smoke_run, cwd=smoke_run)
    assert finished.returncode == 0, finished.stdout + finished.stderr
    assert "waived  bias" in finished.stdout


@pytest.mark.slow
def test_app_command_serves_a_page(home: Path) -> None:
    (line,) = [line for line in commands("README.md") if line.startswith("desdecero app")]
    command = [str(Path(sys.executable).parent / "desdecero"), *shlex.split(line)[1:], "--port", "7933"]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, cwd=home, stdout=pipe, stderr=pipe, text=True) as process:
        try:
            deadline = time.monotonic() + 300
            while True:
                assert process.poll() is None and time.monotonic() < deadline
                try:
                    with urllib.request.urlopen("http://127.0.0.1:7933/", timeout=5) as page:
                        assert page.status == 200
                    break
                except OSError:
                    time.sleep(0.3)
            process.send_signal(signal.SIGINT)
            out, errors = process.communicate(timeout=120)
        finally:
            process.kill()
    assert (process.returncode, "Traceback" in errors) == (0, False)
    assert "closed" in out


@pytest.mark.slow
def test_launch_command_trains(smoke_run: Path, tmp_path: Path) -> None:
    """`accelerate launch pipelines/pretrain.py …`, on the smoke recipe."""
    (line,) = [line for line in commands("README.md") if line.startswith("accelerate launch")]
    assert line == "accelerate launch pipelines/pretrain.py quickstart"
    launch = [sys.executable, "-m", "accelerate.commands.launch", "--num_processes", "1", "--num_machines", "1"]
    launch += ["--mixed_precision", "no", "--dynamo_backend", "no", "pipelines/pretrain.py", "smoke"]
    launch += ["--run-dir", str(smoke_run), "--set", "pretrain.budget={steps: 3}"]
    finished = subprocess.run(launch, cwd=ROOT, capture_output=True, text=True, env={**os.environ})
    assert finished.returncode == 0, finished.stdout + finished.stderr
    assert "pretrain   sealed" in finished.stdout
