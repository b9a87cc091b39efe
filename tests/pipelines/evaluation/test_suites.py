"""Suites of a recipe: measured once, again where something changed, after a kill from where it was; any model on them.

One tiny run of each kind of model is evaluated; the commands are run as a person would.
"""

from __future__ import annotations

import json
import re
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
import yaml
from helpers import forked, start_forked

from desdecero.pipelines.cli import main
from desdecero.pipelines.recipe import Recipe, load_recipe
from desdecero.pipelines.run.chain import current_state, run_chain
from desdecero.pipelines.run.run_dir import RunDir
from desdecero.pipelines.run.stages import stages

NAMES = {"short": ["it", "this", "each", "one"], "long": ["a list", "the file", "the name", "an item"]}
PAIRS = [
    {"sentence_good": f"The value of {name} is here.", "sentence_bad": f"The value of {name} are here.", "UID": uid}
    for uid, names in NAMES.items()
    for name in names
]
CHOICES = [
    {"question": f"What does it return of {name}?", "choices": ["the value", "nothing at all"], "answer": 0}
    for name in ("a list", "a file", "the name", "it")
]
CLOZE = [{"text": f"Return the {name} of the file."} for name in ("name", "value", "size", "list")]
LABELS = [
    {"text": f"{text} {n}", "label": label} for n in range(10) for label, text in (("a", "open it"), ("b", "a sum"))
]
WRITE = [{"prompt": "Return the", "references": ["value of it"]}, {"prompt": "If it", "references": "is not"}]


def write_data(folder: Path) -> None:
    for name, rows in (("pairs", PAIRS), ("choices", CHOICES), ("cloze", CLOZE), ("labels", LABELS), ("write", WRITE)):
        (folder / f"{name}.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows), encoding="utf-8")


SUITES = {
    "mine": {"kind": "pairs", "path": "pairs.jsonl"},
    "quiz": {"kind": "choice", "path": "choices.jsonl"},
    "last": {"kind": "cloze", "path": "cloze.jsonl"},
    "topic": {"kind": "labels", "train": "labels.jsonl", "test": "labels.jsonl"},
    "pares_es": {"kind": "shipped"},
}


def with_suites(recipe: Path, suites: dict[str, Any], target: Path, **section: Any) -> Path:
    """Write the recipe with these suites, its data beside it."""
    content = yaml.safe_load(recipe.read_text(encoding="utf-8"))
    content["evaluate"] = {"max_bytes": 4000, "sample_tokens": 8, "suites": suites, **section}
    target.write_text(yaml.safe_dump(content, allow_unicode=True, sort_keys=False), encoding="utf-8")
    return target


Evaluated = Callable[[str], tuple[Path, RunDir]]


@pytest.fixture(scope="module")
def evaluated(tiny_runs: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Evaluated:
    """`evaluated("bert")` → a recipe with suites, and its run sealed up to the evaluation; read them only."""
    made: dict[str, tuple[Path, RunDir]] = {}

    def make(architecture: str) -> tuple[Path, RunDir]:
        if architecture not in made:
            folder = tmp_path_factory.mktemp(architecture)
            write_data(folder)
            suites = dict(SUITES) if architecture == "bert" else {
                **SUITES, "said": {"kind": "write", "path": "write.jsonl", "metrics": ["chrf", "f1"], "tokens": 6}
            }  # fmt: skip
            goals = ["generation", "translation"]
            recipe = with_suites(tiny_runs[architecture], suites, folder / "recipe.yaml", goals=goals)
            run = RunDir(shutil.copytree(tiny_runs[architecture].parent / "run", folder / "run"))
            run_chain(load_recipe(recipe), run, last="evaluate")
            made[architecture] = recipe, run
        return made[architecture]

    return make


@pytest.fixture
def own(evaluated: Evaluated, tmp_path: Path) -> tuple[Path, RunDir]:
    """A copy of the causal run, to change at will."""
    recipe, run = evaluated("llama")
    folder = Path(shutil.copytree(recipe.parent, tmp_path / "own"))
    return folder / recipe.name, RunDir(folder / run.path.name)


def state(recipe: Path, run: RunDir) -> str:
    loaded = load_recipe(recipe)
    found = current_state(stages(loaded)["evaluate"], loaded, run)
    return f"{found.name}: {found.reason}"


# --- what is written -------------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("architecture", ["llama", "bert", "t5"])
def test_each_kind_of_model_is_measured_on_every_suite_that_it_can_do(architecture: str, evaluated: Evaluated) -> None:
    recipe, run = evaluated(architecture)
    loaded = load_recipe(recipe)
    report = run.report("evaluate", loaded)
    names = [suite.name for suite in report.suites]
    assert names == [*loaded.evaluate.suites]  # type: ignore[misc]  # it has some
    for suite in report.suites:
        assert suite.data is not None and len(suite.data.sha256) == 64
        assert 0 <= suite.measures[suite.main].value <= 1
        table = pq.read_table(run.evaluation / "items" / f"{suite.name}.parquet")
        assert table.num_rows == suite.items and len(set(table["hash"].to_pylist())) == suite.items
        assert suite.contamination is not None and suite.contamination.words == 13
    by_name = {suite.name: suite for suite in report.suites}
    assert set(by_name["mine"].groups) == {"short", "long"}
    left_out = by_name["pares_es"].left_out.get("too_long", [])  # the model reads 32 tokens
    assert by_name["pares_es"].items + len(left_out) == 700 and len(left_out) < 400
    assert "ngram" in by_name["mine"].baselines and "bag_of_words" in by_name["topic"].baselines
    assert report.goals["generation"][:2] == ["language_modeling", "mine"]
    assert report.goals["translation"] == (["said"] if architecture != "bert" else [])
    assert (report.sample_measures is None) == (architecture != "llama")


@pytest.mark.slow
def test_the_page_shows_every_suite_beside_chance_in_both_languages(evaluated: Evaluated) -> None:
    _, run = evaluated("llama")
    for name, chance, part in (
        ("evaluation.md", "chance", "gender, beside the noun"), ("evaluation.es.md", "azar", "género, junto al nombre")
    ):  # fmt: skip
        page = (run.evaluation / name).read_text(encoding="utf-8")
        for word in ("mine", "quiz", "last", "topic", "pares_es", chance, part):
            assert word in page, (name, word)
        assert "missing" not in page and "{" not in page and "None" not in page
    assert (run.evaluation / "suites.es.png").read_bytes().startswith(b"\x89PNG")


def test_training_text_in_a_suite_is_found_and_the_score_without_it_given(own: tuple[Path, RunDir]) -> None:
    recipe, run = own
    document = pq.read_table(sorted(run.documents.glob("train-*.parquet"))[0])["text"].to_pylist()[0]
    words = " ".join(document.split()[:20])
    rows = [*CLOZE, {"text": words}, {"text": f"{words} again"}]  # the same passage in both
    (recipe.parent / "cloze.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows), encoding="utf-8")
    assert main(["evaluate", str(recipe), "--run-dir", str(run)]) == 0
    (suite,) = (suite for suite in run.report("evaluate", load_recipe(recipe)).suites if suite.name == "last")
    assert suite.contamination is not None and suite.contamination.items == 2
    assert suite.contamination.without is not None and suite.items == len(CLOZE) + 2


# --- only what is stale ----------------------------------------------------------------------------------------


def test_only_what_changed_is_measured_again(own: tuple[Path, RunDir], capsys: pytest.CaptureFixture[str]) -> None:
    recipe, run = own
    assert state(recipe, run).startswith("sealed")
    report = run.report("evaluate", load_recipe(recipe))
    rows = [*CHOICES, {"question": "What else?", "choices": ["no", "it"], "answer": 1}]
    (recipe.parent / "choices.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows), encoding="utf-8")
    assert state(recipe, run) == "stale: the data of the suite quiz changed"
    assert main(["evaluate", str(recipe), "--run-dir", str(run)]) == 0
    assert "as measured before: mine, last, topic, pares_es, said" in capsys.readouterr().out
    again = run.report("evaluate", load_recipe(recipe))
    changed = {old.name for old, new in zip(report.suites, again.suites, strict=True) if old != new}
    assert changed == {"quiz"} and state(recipe, run).startswith("sealed")


def test_another_suite_is_measured_alone_and_one_that_is_named_again(
    own: tuple[Path, RunDir], capsys: pytest.CaptureFixture[str]
) -> None:
    recipe, run = own
    with_suites(recipe, {**SUITES, "new": {"kind": "pairs", "path": "pairs.jsonl"}}, recipe)
    assert main(["evaluate", str(recipe), "--run-dir", str(run)]) == 0
    assert "as measured before: mine, quiz, last, topic, pares_es\n" in capsys.readouterr().out
    assert main(["evaluate", str(recipe), "--run-dir", str(run), "--suite", "mine"]) == 0
    assert "as measured before: quiz, last, topic, pares_es, new\n" in capsys.readouterr().out
    (run.model / "model.safetensors").touch()  # another time, and the same weights
    assert main(["evaluate", str(recipe), "--run-dir", str(run)]) == 0
    assert "as measured before: mine, quiz, last, topic, pares_es, new\n" in capsys.readouterr().out


@pytest.mark.slow
def test_a_finished_suite_survives_a_kill(own: tuple[Path, RunDir]) -> None:
    recipe, run = own
    many = [{**row, "sentence_good": f"{row['sentence_good']} {n}"} for n in range(400) for row in PAIRS]
    (recipe.parent / "many.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in many), encoding="utf-8")
    first = [{**row, "UID": "other"} for row in PAIRS]
    (recipe.parent / "pairs.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in first), encoding="utf-8")
    with_suites(recipe, {"mine": SUITES["mine"], "slow": {"kind": "pairs", "path": "many.jsonl"}}, recipe)
    unsealed = run.unsealed.evaluation / "items" / "mine.parquet"
    words, out = ["evaluate", recipe, "--run-dir", run.path], recipe.parent / "out"
    process = start_forked("desdecero.pipelines.cli", words, recipe.parent, out, out)
    deadline = time.monotonic() + 120
    while not unsealed.is_file() and process.is_alive() and time.monotonic() < deadline:
        time.sleep(0.02)
    process.kill()
    process.join()
    assert unsealed.is_file()
    finished = forked("evaluate", recipe, "--run-dir", run.path, cwd=recipe.parent)
    assert finished.returncode == 0, finished.stderr
    assert "as measured before: mine\n" in finished.stdout
    report = run.report("evaluate", load_recipe(recipe))
    assert [suite.items for suite in report.suites] == [len(first), len(many)]
    assert state(recipe, run).startswith("sealed")


# --- any model, and models compared ------------------------------------------------------------------------------


@pytest.mark.slow
def test_any_model_is_scored_on_the_same_items_and_compared(
    own: tuple[Path, RunDir], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    recipe, run = own
    place = ["--recipe", str(recipe), "--run-dir", str(run)]
    checkpoint = next((run.pretrain / "checkpoints").iterdir())
    shutil.copytree(run.model, tmp_path / "folder")
    for model, out in ((checkpoint, "a"), (tmp_path / "folder", "b"), (run.path, "c")):
        assert main(["score", str(model), *place, "--out", str(tmp_path / out)]) == 0
    report = run.report("evaluate", load_recipe(recipe))
    for out in ("a", "b", "c"):
        scored = json.loads((tmp_path / out / "report.json").read_text())
        for own_suite, theirs in zip(report.results, [scored["text"], *scored["suites"]], strict=True):
            value = own_suite.measures[own_suite.main].value
            assert theirs["measures"][own_suite.main]["value"] == pytest.approx(value, rel=1e-4), own_suite.name
    capsys.readouterr()
    assert main(["compare", str(run), str(tmp_path / "a"), str(tmp_path / "b"), "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert len(rows) == 3 * len(report.results)
    assert {row["verdict"] for row in rows} <= {"same within the margin", "cannot be told apart"}
    assert main(["compare", str(run), str(tmp_path / "a"), "--language", "es"]) == 0
    assert "son iguales dentro del margen de" in capsys.readouterr().out


@pytest.mark.slow
def test_kinds_of_models_are_compared_where_scores_have_one_scale(
    evaluated: Evaluated, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    recipe, run = evaluated("llama")
    _, masked = evaluated("bert")
    assert (
        main(["score", str(masked), "--recipe", str(recipe), "--run-dir", str(run), "--out", str(tmp_path / "m")]) == 2
    )
    assert "evaluate.suites.said: a masked model writes no text" in capsys.readouterr().err
    assert main(["compare", str(run), str(masked)]) == 0  # the same texts were labelled by both
    said = capsys.readouterr().out
    assert said.startswith("topic, labels right: ") and "pares_es" not in said


@pytest.mark.slow
def test_a_recipe_compares_its_model_with_others(own: tuple[Path, RunDir], evaluated: Evaluated) -> None:
    recipe, run = own
    other = shutil.copytree(run.model, recipe.parent / "other")
    with_suites(recipe, {"mine": SUITES["mine"]}, recipe, compare_with=[str(other)])
    assert main(["evaluate", str(recipe), "--run-dir", str(run)]) == 0
    report = run.report("evaluate", load_recipe(recipe))
    assert [row.suite for row in report.comparisons] == ["language_modeling", "mine"]
    assert {(row.first, row.second) for row in report.comparisons} == {("tiny", str(other))}
    assert "tiny" in (run.evaluation / "evaluation.es.md").read_text(encoding="utf-8")


# --- what is refused -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("suites", "complaint"),
    [
        ({"a": {"kind": "pairs", "path": "nothing.jsonl"}}, "evaluate.suites.a: .*nothing.jsonl: no such file"),
        ({"a": {"kind": "pairs", "path": "cloze.jsonl"}}, "cloze.jsonl, line 1: no field 'sentence_good'"),
        ({"a": {"kind": "quiz", "path": "pairs.jsonl"}}, "evaluate.suites.a.*'kind'"),
        ({"pares_en": {"kind": "shipped"}}, "no suite of this name comes with the project: pares_es"),
        ({"a": {"kind": "pairs"}}, "give path or hub"),
        (
            {"a": {"kind": "pairs", "path": "pairs.jsonl", "fields": {"good": "x"}}},
            "fields: good: a suite of this kind has",
        ),
        (
            {"a": {"kind": "pairs", "hub": {"name": "team/none"}}},
            "team/none: the dataset could not be read from the Hub",
        ),
        ({"a": {"kind": "lm_eval", "path": "task.yaml"}}, "lm-eval is not installed|task.yaml: no such file"),
        ({"a": {"kind": "write", "path": "write.jsonl", "metrics": []}}, "evaluate.suites.a"),
        ({"a/b": {"kind": "pairs", "path": "pairs.jsonl"}}, "also that of a folder"),
        (
            {"a": {"kind": "choice", "path": "choices.jsonl", "shots": {"path": "choices.jsonl", "count": 2}}},
            "this shot is also a question of the suite a",
        ),
        (
            {"a": {"kind": "choice", "path": "choices.jsonl", "shots": {"path": "choices.jsonl", "count": 9}}},
            "has 4 records, fewer than shots.count",
        ),
    ],
)
def test_suites_that_are_wrong_are_refused_in_a_sentence(
    suites: dict[str, Any], complaint: str, own: tuple[Path, RunDir], capsys: pytest.CaptureFixture[str]
) -> None:
    recipe, run = own
    with_suites(recipe, suites, recipe)
    assert main(["evaluate", str(recipe), "--run-dir", str(run)]) == 2
    said = capsys.readouterr().err
    assert re.search(complaint, said) and said.count("\n") == 1, said


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["evaluate", "RECIPE", "--suite", "none"], "--suite none: the recipe has no suite of this name: mine, quiz"),
        (["score", "./nowhere", "--recipe", "RECIPE", "--out", "out"], "./nowhere: no folder with a model"),
        (["score", "EMPTY", "--recipe", "RECIPE", "--out", "out"], "no config.json in the folder"),
        (["score", "team/none", "--recipe", "RECIPE", "--out", "out"], "team/none: the model cannot be loaded"),
        (["score", "RUN", "--recipe", "RECIPE", "--out", "HOME/recipe.yaml"], "is a file: name a folder"),
        (["compare", "RUN"], "name two models at least"),
        (["compare", "RUN", "EMPTY"], "no scores there"),
        (["compare", "RUN", "RUN"], "have the same name"),
        (["compare", "RUN", "RUN2", "--margin", "0"], "--margin is above 0"),
    ],
)
def test_commands_that_are_wrong_are_refused_in_a_sentence(
    words: list[str], complaint: str, evaluated: Evaluated, capsys: pytest.CaptureFixture[str], tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    recipe, run = evaluated("llama")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    named = {"RECIPE": str(recipe), "RUN": str(run), "EMPTY": str(tmp_path / "empty")}
    words = [named.get(word, word.replace("HOME", str(recipe.parent))) for word in words]
    place = ["--run-dir", str(run)] if words[0] != "compare" else []
    assert main([*words, *place]) == 2
    assert complaint in capsys.readouterr().err


def test_scores_of_other_items_are_not_compared(
    own: tuple[Path, RunDir], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    recipe, run = own
    with_suites(recipe, {"mine": SUITES["mine"]}, recipe)
    place = ["--recipe", str(recipe), "--run-dir", str(run)]
    assert main(["score", str(run), *place, "--out", str(tmp_path / "a")]) == 0
    (recipe.parent / "pairs.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in PAIRS[:-1]), encoding="utf-8")
    assert main(["score", str(run), *place, "--out", str(tmp_path / "b")]) == 0
    assert main(["compare", str(tmp_path / "a"), str(tmp_path / "b")]) == 2
    assert "the items are not the same" in capsys.readouterr().err


def test_a_recipe_without_suites_has_those_of_its_language(tiny_runs: dict[str, Path]) -> None:
    from desdecero.pipelines.evaluation.suites import sections

    recipe: Recipe = load_recipe(tiny_runs["llama"])
    assert sections(recipe) == {}
    assert list(sections(load_recipe(tiny_runs["llama"], ["languages=[es]"]))) == ["pares_es"]
