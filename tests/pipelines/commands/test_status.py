"""`status` compares what was sealed with the recipe's file of today; `run --dry-run` says what would be done."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from desdecero.pipelines.cli import main
from desdecero.pipelines.common.errors import EXIT_USER_ERROR

RECIPE = """\
name: odes
purpose: To test what is told of a run.
languages: [en]
corpus:
  sources: [{kind: files, path: texts, license: CC0-1.0}]
  quality: {min_words: 5}
  validation: 0.1
tokenizer: {vocab_size: 320}
model: {layers: 2, hidden_size: 32, heads: 2, context_length: 32}
pretrain: {budget: {steps: 12}}
"""

Tell = Callable[..., str]


@pytest.fixture(scope="session")
def built_once(prose: list[str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A recipe file, its texts, and below runs/ the run that it made as far as the tokens."""
    home = tmp_path_factory.mktemp("odes")
    (home / "texts").mkdir()
    for number, text in enumerate(prose[:40]):
        (home / "texts" / f"{number:02d}.txt").write_text(text, encoding="utf-8")
    (home / "odes.yaml").write_text(RECIPE, encoding="utf-8")
    run = str(home / "runs" / "odes")
    words = ["--set", "tokenizer.vocab_size=310", "--until", "tokens", "--run-dir", run]
    assert main(["run", str(home / "odes.yaml"), *words]) == 0
    return home


@pytest.fixture
def home(built_once: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy to change; its run remembers the recipe file of the copy."""
    home = Path(shutil.copytree(built_once, tmp_path / "odes"))
    for name in ("made_from.json", "recipe.yaml"):
        file = home / "runs" / "odes" / name
        file.write_text(file.read_text().replace(str(built_once), str(home)))
    monkeypatch.chdir(home)
    return home


@pytest.fixture
def tell(home: Path, capsys: pytest.CaptureFixture[str]) -> Tell:
    """What a command prints."""

    def tell(*words: str) -> str:
        assert main(list(words)) == 0
        return capsys.readouterr().out

    return tell


def line(told: str, stage: str) -> str:
    return next(" ".join(line.split()) for line in told.splitlines() if line.startswith(stage))


def edit(home: Path, old: str, new: str) -> None:
    text = (home / "odes.yaml").read_text()
    assert old in text
    (home / "odes.yaml").write_text(text.replace(old, new))


def test_what_depends_on_a_stale_stage_is_said_to(tell: Tell, home: Path) -> None:
    edit(home, "min_words: 5", "min_words: 6")
    told = tell("status", "odes")
    assert line(told, "corpus").split()[1] == "stale" and line(told, "tokens").split()[1] == "sealed"
    assert line(told, "tokenizer").endswith("rebuilt unless corpus comes out as before")
    assert line(told, "tokens").endswith("rebuilt unless corpus and tokenizer come out as before")


def test_status_of_an_unchanged_recipe(tell: Tell, home: Path) -> None:
    for told in (tell("status", "odes"), tell("status", str(home / "runs" / "odes"))):
        assert f"{home / 'odes.yaml'} --set tokenizer.vocab_size=310\n" in told
        assert [line(told, name).split()[1] for name in ("corpus", "tokenizer", "tokens")] == ["sealed"] * 3
        assert line(told, "pretrain") == "pretrain missing"


@pytest.mark.parametrize(("old", "new", "stage", "told"), [
    ("min_words: 5", "min_words: 9", "corpus", "corpus.quality.min_words 5 → 9"),
    ("kind: files, ", "kind: files, max_documents: 9, ", "corpus", "corpus.sources.0.max_documents none → 9"),
    ("tokenizer: {", "tokenizer: {min_frequency: 3, ", "tokenizer", "tokenizer.min_frequency 2 → 3"),
    ("name: odes\n", "name: odes\nseed: 7\n", "tokens", "seed 0 → 7"),
])  # fmt: skip
def test_status_after_the_recipe_s_file_was_edited(
    home: Path, tell: Tell, old: str, new: str, stage: str, told: str
) -> None:
    edit(home, old, new)
    status = tell("status", "odes")
    assert f"changed since: {told}" in status
    assert line(status, stage).split()[1] == "stale" and "the recipe's" in line(status, stage)
    assert "build" in line(tell("run", "odes.yaml", "--set", "tokenizer.vocab_size=310", "--dry-run"), stage)


def test_an_edit_that_changes_no_value_changes_no_state(home: Path, tell: Tell) -> None:
    edit(home, "languages: [en]", "# by whom? by us\nlanguages: ['en']")
    status = tell("status", "odes")
    assert "changed since" not in status and line(status, "corpus").split()[1] == "sealed"


def test_an_edit_that_was_overridden_all_along_changes_no_state(home: Path, tell: Tell) -> None:
    edit(home, "vocab_size: 320", "vocab_size: 350")
    assert line(tell("status", "odes"), "tokenizer").split()[1] == "sealed"


@pytest.mark.parametrize(("spoil", "told"), [
    (lambda file: file.unlink(), "no recipe"),
    (lambda file: file.rename(file.with_name("moved.yaml")), "no recipe"),
    (lambda file: file.write_text("corpus: ["), "not valid YAML"),
    (lambda file: file.write_text(RECIPE + "modell: {}\n"), "did you mean model?"),
    (lambda file: file.write_bytes(b"\xff\xfe\x00"), "not UTF-8"),
])  # fmt: skip
def test_a_recipe_file_that_is_gone_or_invalid_is_told(
    home: Path, tell: Tell, spoil: Callable[[Path], object], told: str
) -> None:
    spoil(home / "odes.yaml")
    status = tell("status", "odes")
    assert "cannot be read" in status and told in status
    assert line(status, "corpus").split()[1] == "sealed"


@pytest.mark.parametrize("content", [
    None, "", "{}", "[1]", '{"recipe": 3, "folder": "/", "overrides": 1}',
    '{"recipe": "a", "folder": 1, "overrides": []}',
    '{"recipe": "a", "folder": "/", "overrides": [1]}',
])  # fmt: skip
def test_a_run_that_does_not_know_where_its_recipe_is(home: Path, tell: Tell, content: str | None) -> None:
    origin = home / "runs" / "odes" / "made_from.json"
    origin.unlink()
    if content is not None:
        origin.write_text(content)
    status = tell("status", "odes")
    assert "not known" in status and line(status, "corpus").split()[1] == "sealed"


def test_status_of_a_recipe_names_its_run(home: Path, tell: Tell, capsys: pytest.CaptureFixture[str]) -> None:
    assert "the recipe's tokenizer changed" in line(tell("status", "odes.yaml"), "tokenizer")
    same = tell("status", "odes.yaml", "--set", "tokenizer.vocab_size=310")
    assert line(same, "tokenizer").split()[1] == "sealed"
    assert main(["status", "odes.yaml", "--run-dir", "elsewhere"]) == EXIT_USER_ERROR
    assert "desdecero run odes.yaml" in capsys.readouterr().err


def test_what_a_stage_was_told_besides_its_runs_recipe_is_remembered(home: Path, tell: Tell) -> None:
    tell("tokenizer", "runs/odes", "--set", "tokenizer.vocab_size=312", "--set", "card.contact=a@example.org")
    status = tell("status", "odes")
    assert line(status, "tokenizer").split()[1] == "sealed" and "changed since" not in status
    assert "odes.yaml --set tokenizer.vocab_size=312 --set card.contact=a@example.org" in status
    tell("tokenizer", "runs/odes")
    assert line(tell("status", "odes"), "recipe:") == line(status, "recipe:")
    assert main(["corpus", "runs/odes", "--set", "corpus.sources.0.path=nowhere"]) == EXIT_USER_ERROR
    assert line(tell("status", "odes"), "recipe:") == line(status, "recipe:"), "it was refused"


def test_touched_and_renamed_sources_are_not_built_again(home: Path, tell: Tell) -> None:
    for path in (home / "texts").iterdir():
        os.utime(path, (1, 1))
    (home / "texts" / "00.txt").rename(home / "texts" / "99.txt")
    status = tell("status", "odes")
    assert line(status, "corpus").split()[1] == "sealed" and "renamed" in line(status, "corpus")
    (home / "texts").rename(home / "verses")
    edit(home, "path: texts", "path: verses")
    status = tell("status", "odes")
    assert "corpus.sources" in status and line(status, "corpus").split()[1] == "sealed"
    told = tell("run", "odes.yaml", "--set", "tokenizer.vocab_size=310", "--until", "tokens")
    assert told.count("sealed, nothing to do") == 3 and "building" not in told


def test_changed_sources_are_named(home: Path, tell: Tell) -> None:
    (home / "texts" / "new.txt").write_text("A text that was not there before, and is long enough.")
    assert "the sources changed: texts: 1 file new (new.txt)" in line(tell("status", "odes"), "corpus")


def every_file(folder: Path) -> dict[str, tuple[int, int]]:
    return {str(path): (path.stat().st_mtime_ns, path.stat().st_ctime_ns) for path in folder.rglob("*")}


def test_dry_run_writes_nothing_and_says_why(home: Path, tell: Tell) -> None:
    edit(home, "vocab_size: 320", "vocab_size: 330")
    before = every_file(home)
    told = tell("run", "odes.yaml", "--dry-run")
    assert every_file(home) == before
    assert line(told, "corpus").split()[1] == "keep"
    assert line(told, "tokenizer").split()[1] == "build" and "last time" in line(told, "tokenizer")
    assert "the recipe's tokenizer changed" in line(told, "tokenizer")
    assert line(told, "tokens").split()[1] == "rebuild?" and "unless tokenizer comes out as before" in told
    assert line(told, "pretrain") == "pretrain build it has not been built yet"
    assert "finetune" not in told  # the recipe has no such section
    assert main(["run", "odes.yaml", "--run-dir", "nowhere/run", "--dry-run"]) == 0
    assert every_file(home) == before


def test_dry_run_honours_from_and_until(home: Path, tell: Tell) -> None:
    words = ["run", "odes.yaml", "--set", "tokenizer.vocab_size=310", "--dry-run"]
    told = tell(*words, "--from", "tokenizer", "--until", "tokens")
    assert line(told, "corpus").split()[1] == "keep"
    assert "requested by --from" in line(told, "tokenizer") and "--from tokenizer" in line(told, "tokens")
    assert "pretrain" not in told
    assert main([*words, "--from", "card", "--until", "corpus"]) == EXIT_USER_ERROR
